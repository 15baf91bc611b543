"""Writes small random SigLIPs in OpenCLIP's layout, and what open_clip and timm compute from them.

    python reference.py OUT IMAGES TEXTS golden    what is committed in tests/golden/open_clip
    python reference.py OUT IMAGES TEXTS live      made anew by the parity test

OUT gets a folder for every case: the checkpoint as `open_clip.push_to_hf_hub.save_for_hf` writes it, and
`expected.safetensors` as of ../transformers/reference.py, of the pictures in IMAGES and the texts in TEXTS.
The models are OpenCLIP's own descriptions with smaller sizes.
"""

import importlib
import importlib.util
import json
import sys
from pathlib import Path

import open_clip
import timm
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from safetensors.torch import save_file
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers.image_utils import load_image

# The package has a function of the same name.
save_for_hf = importlib.import_module("open_clip.push_to_hf_hub").save_for_hf

beside = Path(__file__).parent.parent / "transformers" / "reference.py"
spec = importlib.util.spec_from_file_location("transformers_reference", beside)
reference = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reference)

# OpenCLIP's name of a model, sizes of timm's tower (width, blocks, side, patch) and of the text tower
# (width, heads, blocks, tokens), and the interpolation of its pictures.
CASES = {
    "golden": {"open_clip": ("ViT-B-32-SigLIP2-256", (24, 1, 32, 8), (24, 4, 1, 12), "bicubic")},
    "live": {
        "first": ("ViT-B-16-SigLIP", (48, 2, 64, 16), (48, 4, 2, 64), "bicubic"),
        "so400m": ("ViT-SO400M-14-SigLIP", (96, 2, 62, 14), (96, 8, 3, 16), "bicubic"),
        "second": ("ViT-B-32-SigLIP2-256", (96, 3, 96, 32), (96, 6, 2, 64), "bicubic"),
        "giant": ("ViT-gopt-16-SigLIP2-256", (64, 2, 48, 16), (48, 4, 2, 20), "bilinear"),
    },
}


def main(out: Path, images: Path, texts: Path, kind: str) -> None:
    torch.manual_seed(11)
    for name, case in CASES[kind].items():
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        write_case(folder, *case, images, json.loads(texts.read_text()), kind)


def write_case(folder: Path, name: str, trunk, text, interpolation: str, images: Path, texts, kind: str) -> None:
    config = json.loads(json.dumps(open_clip.get_model_config(name)))
    width, blocks, side, patch = trunk
    config["embed_dim"] = width
    config["vision_cfg"]["image_size"] = side
    config["text_cfg"] |= dict(zip(("width", "heads", "layers", "context_length"), text))
    size = write_tokenizer(folder, "SigLIP2" in name, config["text_cfg"]["context_length"], 150 if kind == "golden" else 800)
    config["text_cfg"]["vocab_size"] = size

    create = timm.create_model  # with timm's own description of the model but for its sizes
    timm.create_model = lambda name, **options: create(
        name, **(options | dict(embed_dim=width, depth=blocks, img_size=side, patch_size=patch))
    )
    model = open_clip.CustomTextCLIP(**{key: config[key] for key in config if key != "custom_text"}).eval()
    timm.create_model = create
    with torch.no_grad():  # biases and norms start as constants, which would hide a mistake
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.05)
    preprocessing = PreprocessCfg(side, "RGB", (0.5,) * 3, (0.5,) * 3, interpolation, "squash")
    model.visual.image_mean, model.visual.image_std = preprocessing.mean, preprocessing.std
    model.visual.preprocess_cfg = dict(interpolation=interpolation, resize_mode="squash")
    save_for_hf(model, Saved(), config, folder, safe_serialization=True)

    tokenize = open_clip.get_tokenizer(f"local-dir:{folder}")
    transform = image_transform_v2(preprocessing, is_train=False)
    pixels = torch.stack([transform(load_image(str(file))) for file in sorted(images.iterdir())])
    ids = tokenize(texts)
    with torch.no_grad():
        expected = {
            "input_ids": ids,
            "text_embeds": model.encode_text(ids, normalize=True),
            "pixel_values": pixels,
            "image_embeds": model.encode_image(pixels, normalize=True),
        }
    save_file({key: value.contiguous() for key, value in expected.items()}, folder / "expected.safetensors")


class Saved:
    """The tokenizer, which is there already."""

    def save_pretrained(self, folder):
        pass


def write_tokenizer(folder: Path, second: bool, length: int, vocabulary: int) -> int:
    """Gemma's for SigLIP 2; else T5's, as a tokenizer.json alone."""
    corpus = reference.sentences()
    if second:
        return reference.siglip2_tokenizer(folder, corpus, length, vocabulary)[1]
    reference.siglip_tokenizer(folder, corpus, length, vocabulary)
    import sentencepiece
    from transformers import PreTrainedTokenizerFast
    from transformers.utils import sentencepiece_model_pb2_new as pb2

    spiece = folder / "spiece.model"
    slow = sentencepiece.SentencePieceProcessor(model_file=str(spiece))
    proto = pb2.ModelProto.FromString(spiece.read_bytes())
    pieces = [(slow.id_to_piece(k), slow.get_score(k)) for k in range(slow.get_piece_size())]
    fast = Tokenizer(models.Unigram(pieces, unk_id=2))
    charsmap = normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap)
    fast.normalizer = normalizers.Sequence([charsmap, normalizers.Replace(Regex(" {2,}"), " ")])
    fast.pre_tokenizer = pre_tokenizers.Metaspace()
    fast.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    for file in folder.iterdir():
        file.unlink()
    PreTrainedTokenizerFast(
        tokenizer_object=fast, pad_token="</s>", eos_token="</s>", unk_token="<unk>", model_max_length=length
    ).save_pretrained(folder)
    return vocabulary


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
