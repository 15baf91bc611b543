"""Writes what transformers computes from a checkpoint of the small towers.

    python towers.py CHECKPOINT IMAGES OUT < texts.json

OUT gets `input_ids`, `pixel_values`, `text_embeds`, `image_embeds` and
`logits_per_image` of the texts and of the PNG files in IMAGES, in order of their names.
"""

import json
import sys
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import AutoTokenizer, SiglipImageProcessorPil, SiglipModel

checkpoint, images, out = map(Path, sys.argv[1:])
texts = json.load(sys.stdin)
model = SiglipModel.from_pretrained(checkpoint).eval()
tokenizer = AutoTokenizer.from_pretrained(checkpoint)
length = model.config.text_config.max_position_embeddings
processor = SiglipImageProcessorPil.from_pretrained(checkpoint)
pictures = [Image.open(file).convert("RGB") for file in sorted(images.iterdir())]
inputs = {
    "input_ids": tokenizer(
        texts, padding="max_length", max_length=length, truncation=True, return_tensors="pt"
    ).input_ids,
    "pixel_values": processor(pictures, return_tensors="pt").pixel_values,
}
with torch.no_grad():
    outputs = model(**inputs)
names = ("text_embeds", "image_embeds", "logits_per_image")
tensors = inputs | {name: outputs[name] for name in names}
save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, out)
