"""The usual Python code for what `siglip embed` does, as the benchmark's peer.

    python peer.py VARIANT MODEL IMAGES LABELS BATCH OUT

VARIANT is `pil`, `torchvision` (the two image processors of transformers, float32), `autocast`
(bfloat16 by autocast) or `bf16` (bfloat16 weights), the last two with torchvision. Embeds
all images and their labels to OUT (npz), and says on standard output how far it is: `texts 0` once
it is ready.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from transformers import SiglipImageProcessor, SiglipImageProcessorPil, SiglipModel, SiglipTokenizer
from transformers.image_utils import load_image


def main(variant: str, model_folder: str, images: str, labels: str, batch: int, out: str) -> None:
    dtype = torch.bfloat16 if variant == "bf16" else torch.float32
    model = SiglipModel.from_pretrained(model_folder, dtype=dtype).eval()
    processor_class = SiglipImageProcessorPil if variant == "pil" else SiglipImageProcessor
    processor = processor_class.from_pretrained(model_folder)
    tokenizer = SiglipTokenizer.from_pretrained(model_folder)
    length = model.config.text_config.max_position_embeddings

    def texts(batch: list[str]) -> torch.Tensor:
        tokens = tokenizer(batch, padding="max_length", truncation=True, max_length=length, return_tensors="pt")
        return model.get_text_features(input_ids=tokens["input_ids"]).pooler_output

    def pictures(batch: list[Path]) -> torch.Tensor:
        pixels = processor([load_image(str(file)) for file in batch], return_tensors="pt")["pixel_values"]
        return model.get_image_features(pixel_values=pixels.to(dtype)).pooler_output

    def embed(stage: str, items: list, features) -> np.ndarray:
        rows = []
        print(stage, 0, flush=True)
        for first in range(0, len(items), batch):
            rows.append(torch.nn.functional.normalize(features(items[first : first + batch]).float()))
            print(stage, min(first + batch, len(items)), flush=True)
        return torch.cat(rows).numpy()

    print("threads", torch.get_num_threads(), flush=True)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=variant == "autocast"):
        text = embed("texts", Path(labels).read_text().splitlines(), texts)
        image = embed("images", sorted(Path(images).iterdir()), pictures)
    np.savez(out, image=image, text=text)


variant, model, images, labels, batch, out = sys.argv[1:]
main(variant, model, images, labels, int(batch), out)
