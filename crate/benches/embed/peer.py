"""The usual Python code for what `siglip embed` does, as the benchmark's peer.

    python peer.py VARIANT MODEL IMAGES LABELS BATCH OUT

VARIANT is `pil`, `torchvision` (the two image processors of transformers, float32), `autocast`
(bfloat16 by autocast) or `bf16` (bfloat16 weights), or who computes what transformers has read:
`openvino`, `openvino-bf16` or `onnxruntime`; all but the first with torchvision. Embeds all images and their labels to OUT (npz), and says on standard output how far it is: `texts 0` once
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
    side = model.config.vision_config.image_size
    image_tower = lambda pixels: model.get_image_features(pixel_values=pixels.to(dtype)).pooler_output
    text_tower = lambda ids: model.get_text_features(input_ids=ids).pooler_output
    if variant.startswith(("openvino", "onnxruntime")):
        compiled = openvino_tower if variant.startswith("openvino") else onnxruntime_tower
        pixels, ids = torch.zeros(batch, 3, side, side), torch.ones(batch, length, dtype=torch.int64)
        image_tower = compiled(Tower(model, image_tower), pixels, "bf16" if variant.endswith("bf16") else "f32")
        text_tower = compiled(Tower(model, text_tower), ids, "bf16" if variant.endswith("bf16") else "f32")

    def texts(batch: list[str]) -> torch.Tensor:
        tokens = tokenizer(batch, padding="max_length", truncation=True, max_length=length, return_tensors="pt")
        return text_tower(tokens["input_ids"])

    def pictures(batch: list[Path]) -> torch.Tensor:
        pixels = processor([load_image(str(file)) for file in batch], return_tensors="pt")["pixel_values"]
        return image_tower(pixels)

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


class Tower(torch.nn.Module):
    """A function of a model as a module, which exporters want."""

    def __init__(self, model: torch.nn.Module, function):
        super().__init__()
        self.model = model  # so that its weights are found
        self.function = function

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.function(inputs)


def openvino_tower(tower: Tower, example: torch.Tensor, precision: str):
    """Compiled for batches of the example's very size, on as many threads as torch has."""
    import openvino

    exported = openvino.convert_model(tower, example_input=example)
    exported.reshape(list(example.shape))
    options = {
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "INFERENCE_PRECISION_HINT": precision,
        "NUM_STREAMS": 1,
    }
    compiled = openvino.Core().compile_model(exported, "CPU", options)

    def run(inputs: torch.Tensor) -> torch.Tensor:
        # The last batch is filled up: another shape would be compiled anew.
        filled = example.clone()
        filled[: len(inputs)] = inputs
        return torch.from_numpy(compiled([filled.numpy()])[0])[: len(inputs)].clone()

    return run


def onnxruntime_tower(tower: Tower, example: torch.Tensor, _precision: str):
    """In float32, the only precision for which it has fast kernels here."""
    import io

    import onnxruntime

    file = io.BytesIO()
    with torch.inference_mode(False), torch.no_grad():
        axes = {"inputs": {0: "batch"}}
        torch.onnx.export(tower, (example,), file, input_names=["inputs"], dynamic_axes=axes, dynamo=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(file.getvalue(), options, providers=["CPUExecutionProvider"])
    return lambda inputs: torch.from_numpy(session.run(None, {"inputs": inputs.numpy()})[0])


variant, model, images, labels, batch, out = sys.argv[1:]
main(variant, model, images, labels, int(batch), out)
