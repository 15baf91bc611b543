"""Makes what `cargo xtask bench embed` embeds, in OUT, unless it is there.

    python prepare.py OUT

OUT gets `images/` with JPEG photographs of waves and noise, 500 x 375, `images.txt` with a class for
each, `more/` and `more.txt` with three times as many, and `model/`: siglip-base-patch16-224 with random weights (203 million, 0.8 GB).
"""

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import SiglipConfig, SiglipImageProcessorPil, SiglipModel, SiglipProcessor, SiglipTokenizer

sys.path.append(str(Path(__file__).parents[3] / "crates/models/tests/transformers"))
from reference import scene, sentences, siglip_tokenizer  # noqa: E402

SETS = {"images": 64, "more": 192}

out = Path(sys.argv[1])
if (out / "ready").exists():
    sys.exit()
for name, count in SETS.items():
    (out / name).mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    for k in range(count):
        Image.fromarray(scene(rng, 375, 500, 3)).save(out / f"{name}/{k:03}.jpg", quality=90)
    (out / f"{name}.txt").write_text("".join(f"class {k:03} of the benchmark\n" for k in range(count)))
torch.manual_seed(1)
config = SiglipConfig()  # the defaults are those of base-patch16-224
(out / "model").mkdir(exist_ok=True)
siglip_tokenizer(out / "model", sentences(), config.text_config.max_position_embeddings, 800)
model = SiglipModel(config)
with torch.no_grad():  # biases and norms start as constants
    for parameter in model.parameters():
        parameter.add_(torch.randn_like(parameter), alpha=0.01)
model.save_pretrained(out / "model")
side = config.vision_config.image_size
processor = SiglipImageProcessorPil(size={"height": side, "width": side}, resample=3)
SiglipProcessor(processor, SiglipTokenizer.from_pretrained(out / "model")).save_pretrained(out / "model")
(out / "ready").touch()
