"""Writes small random SigLIP checkpoints and what transformers computes from them.

    python reference.py OUT golden     what is committed in tests/golden
    python reference.py OUT live       more shapes, made anew by the parity test
    python reference.py OUT published  the sizes of published checkpoints, 1.2 GB

OUT gets `images/`, `texts.json`, two files of embeddings, and for every case a folder with a checkpoint in
Hugging Face's layout and `expected.safetensors`: `input_ids` [texts, L],
`text_embeds` [texts, D], and in order of the images' names `pixel_values`
[images, 3, S, S] and `image_embeds` [images, D]. Where the resolution is variable, `pixel_values` are
[images, patches, 3 * p * p], padded, and `spatial_shapes` [images, 2] says which patches there are.
"""

import io
import json
import pydoc_data.topics
import re
import string
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import sentencepiece
import torch
from PIL import Image
from safetensors.torch import save_file
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    AutoTokenizer,
    PreTrainedTokenizerFast,
    Siglip2Config,
    Siglip2ImageProcessorPil,
    Siglip2Model,
    Siglip2Tokenizer,
    SiglipConfig,
    SiglipImageProcessorPil,
    SiglipModel,
    SiglipProcessor,
    SiglipTokenizer,
)
from transformers.image_utils import load_image

TEXTS = [
    "the real mountain view", "Great White Shark", "goldfish, Carassius auratus", "well-known", "it's 3/4 <full>",
    "", "...", "   ", "tab\tand\nnewline", "  leading and trailing  ", "- a dash", "under_score{braces}|~`^",
    "Zürich", "naïve café", "ΟΔΥΣΣΕΥΣ ΣΟΦΟΣ", "İstanbul", "straße", "北京 東京", "½ cup of ﬁne flour", "Ⅷ",
    "no\u00a0break", "zero\u200bwidth", "ideographic\u3000space", "\u2028separator", "¨ diaeresis", "🐙 octopus",
    "a▁metaspace ▁", "x" * 300, "the value of an expression " * 30,
]  # fmt: skip

# Of the eight published checkpoints these keep what differs: a size that patches do not
# divide (so400m), a short text, towers of different widths with a projection, bilinear resizing.
CASES = {
    "golden": {
        "siglip": dict(text=(32, 48, 2, 4, 16), vision=(24, 40, 2, 2, 30, 14), resample=3, family="siglip"),
        "siglip2": dict(text=(24, 32, 1, 2, 12), vision=(32, 48, 1, 4, 32, 8), resample=2, family="siglip2"),
        "naflex": dict(text=(24, 32, 1, 2, 12), vision=(32, 48, 1, 4, 16, 4), most=20, resample=2, family="naflex"),
    },
    "live": {
        "base": dict(text=(96, 192, 3, 6, 64), vision=(96, 192, 3, 6, 64, 16), resample=3, family="siglip"),
        "so400m": dict(text=(144, 260, 2, 2, 16), vision=(144, 260, 2, 2, 62, 14), resample=3, family="siglip"),
        "fast": dict(text=(64, 128, 2, 4, 24), vision=(64, 128, 2, 4, 48, 16), resample=3, family="siglip-fast"),
        "sharded": dict(
            text=(40, 80, 2, 4, 20), vision=(88, 100, 2, 8, 90, 32), resample=3, family="siglip", shard="100KB"
        ),
        "half": dict(
            text=(40, 80, 2, 4, 20), vision=(88, 100, 2, 8, 64, 16), resample=3, family="siglip", dtype=torch.bfloat16
        ),
        "siglip2": dict(text=(48, 96, 2, 4, 64), vision=(80, 160, 2, 5, 96, 16), resample=2, family="siglip2"),
        # Of variable resolution: `vision` has the positions in place of the image's side, `most` the patches.
        "naflex": dict(text=(48, 96, 2, 4, 64), vision=(80, 160, 2, 5, 256, 16), most=256, resample=2, family="naflex"),
        "naflex-few": dict(text=(40, 80, 1, 2, 16), vision=(64, 96, 3, 4, 49, 14), most=30, resample=3, family="naflex"),
        "naflex-half": dict(
            text=(40, 80, 2, 4, 20), vision=(88, 100, 2, 8, 64, 8), most=300, resample=2, family="naflex",
            dtype=torch.bfloat16,
        ),
    },
    "published": {
        "base-patch16-224": dict(
            text=(768, 3072, 12, 12, 64), vision=(768, 3072, 12, 12, 224, 16), resample=3, family="siglip"
        ),
        # 4 of 27 layers: the whole has 3.5 GB
        "so400m-patch14-384": dict(
            text=(1152, 4304, 4, 16, 16), vision=(1152, 4304, 4, 16, 384, 14), resample=3, family="siglip"
        ),
    },
}


def main(out: Path, kind: str, seed: int) -> None:
    torch.manual_seed(seed)
    out.mkdir(parents=True, exist_ok=True)
    write_images(out / "images", np.random.default_rng(seed), large=kind != "golden")
    (out / "texts.json").write_text(json.dumps(TEXTS, ensure_ascii=False, indent=0))
    write_embeddings(out)
    corpus = sentences()
    for name, case in CASES[kind].items():
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        length = case["text"][-1]
        tokenize, vocabulary = TOKENIZERS[case["family"]](folder, corpus, length, 150 if kind == "golden" else 800)
        model = write_model(folder, case, vocabulary)
        expected = embed(model, folder, case, tokenize, out / "images")
        save_file(expected, folder / "expected.safetensors")
        if kind == "live":  # the image tower alone gives the same
            alone = folder / "vision"
            model.vision_model.save_pretrained(alone)
            for file in folder.glob("*processor*.json"):
                (alone / file.name).write_bytes(file.read_bytes())


def write_model(folder: Path, case: dict, vocabulary: int) -> SiglipModel:
    sizes = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
    *text, length = case["text"]
    *vision, image, patch = case["vision"]
    classes, side = (
        ((Siglip2Config, Siglip2Model), "num_patches")
        if case["family"] == "naflex"
        else ((SiglipConfig, SiglipModel), "image_size")
    )
    config = classes[0](
        text_config=dict(
            zip(sizes, text), vocab_size=vocabulary, max_position_embeddings=length, projection_size=vision[0]
        ),
        vision_config=dict(zip(sizes, vision), patch_size=patch) | {side: image},
    )
    model = classes[1](config).eval()
    with torch.no_grad():  # biases and norms start as constants, which would hide a mistake
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.05)
    model.to(case.get("dtype", torch.float32)).save_pretrained(folder, max_shard_size=case.get("shard", "5GB"))
    return classes[1].from_pretrained(folder, dtype=torch.float32).eval()


def embed(model, folder: Path, case: dict, tokenize, images: Path) -> dict:
    if case["family"] == "naflex":
        return embed_patches(model, folder, case, tokenize, images)
    side = case["vision"][-2]
    processor = SiglipImageProcessorPil(size={"height": side, "width": side}, resample=case["resample"])
    if case["family"] == "siglip":  # nested in processor_config.json, as version 5 saves it
        SiglipProcessor(processor, SiglipTokenizer.from_pretrained(folder)).save_pretrained(folder)
    else:
        processor.save_pretrained(folder)
    pixels = [processor(load_image(str(file)), return_tensors="pt")["pixel_values"] for file in sorted(images.iterdir())]
    ids = torch.tensor([tokenize(text) for text in TEXTS])
    with torch.no_grad():
        # Texts and images in one call would have to be as many of each.
        image = model.get_image_features(pixel_values=torch.cat(pixels)).pooler_output
        text = model.get_text_features(input_ids=ids).pooler_output
    unit = torch.nn.functional.normalize
    return {"input_ids": ids, "text_embeds": unit(text), "pixel_values": torch.cat(pixels), "image_embeds": unit(image)}


def embed_patches(model, folder: Path, case: dict, tokenize, images: Path) -> dict:
    """The same where the resolution is variable: all images in one batch, padded and masked."""
    processor = Siglip2ImageProcessorPil(
        patch_size=case["vision"][-1], max_num_patches=case["most"], resample=case["resample"]
    )
    processor.save_pretrained(folder)
    inputs = processor([load_image(str(file)) for file in sorted(images.iterdir())], return_tensors="pt")
    ids = torch.tensor([tokenize(text) for text in TEXTS])
    with torch.no_grad():
        image = model.get_image_features(**inputs).pooler_output
        text = model.get_text_features(input_ids=ids).pooler_output
    unit = torch.nn.functional.normalize
    embeddings = {"input_ids": ids, "text_embeds": unit(text), "image_embeds": unit(image)}
    return embeddings | {key: inputs[key] for key in ("pixel_values", "spatial_shapes")}


def sentences() -> list[str]:
    """English at hand: the help texts of Python, and the scripts of TEXTS."""
    text = "\n".join(topic for _, topic in sorted(pydoc_data.topics.topics.items()))
    lines = [canonical(line) for line in re.split(r"[\n.]", text)]
    return [line for line in lines if 3 < len(line) < 300] + ["zürich naïve café σοφός straße 北京 fine flour"] * 20


def canonical(text: str) -> str:
    text = text.lower().translate(str.maketrans("", "", string.punctuation))
    return re.sub(r"\s+", " ", text).strip()


def siglip_tokenizer(folder: Path, corpus: list[str], length: int, vocabulary: int):
    """SentencePiece's Unigram with SigLIP's special ids."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus), model_writer=model, model_type="unigram", vocab_size=vocabulary,
        pad_id=0, eos_id=1, unk_id=2, bos_id=-1, normalization_rule_name="nfkc", character_coverage=1.0,
        minloglevel=2,
    )  # fmt: skip
    (folder / "spiece.model").write_bytes(model.getvalue())
    tokenizer = SiglipTokenizer(str(folder / "spiece.model"), model_max_length=length)
    tokenizer.save_pretrained(folder)
    return pad_to(tokenizer, length), vocabulary


def siglip_fast_tokenizer(folder: Path, corpus: list[str], length: int, vocabulary: int):
    """The same as tokenizer.json, with the normalizer of the published files: three
    punctuation characters are missing in it. The slow tokenizer says what is expected."""
    tokenize, _ = siglip_tokenizer(folder, corpus, length, vocabulary)
    spiece = folder / "spiece.model"
    slow = sentencepiece.SentencePieceProcessor(model_file=str(spiece))
    pieces = [(slow.id_to_piece(k), slow.get_score(k)) for k in range(slow.get_piece_size())]
    fast = Tokenizer(models.Unigram(pieces, unk_id=2))
    from transformers.utils import sentencepiece_model_pb2_new as pb2

    proto = pb2.ModelProto.FromString(spiece.read_bytes())
    punctuation = Regex(r"""[!"\#\$%\&'\(\)\*\+,\-\.:;=\?@\[\\\]\^_`\{\|\}\~]""")
    fast.normalizer = normalizers.Sequence(
        [
            normalizers.Lowercase(),
            normalizers.Replace(punctuation, ""),
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Strip(),
            normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    fast.pre_tokenizer = pre_tokenizers.Metaspace()
    fast.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    fast.save(str(folder / "tokenizer.json"))
    spiece.unlink()
    return tokenize, vocabulary


def siglip2_tokenizer(folder: Path, corpus: list[str], length: int, vocabulary: int):
    """Gemma's form: BPE with byte fallback, no prefix, <pad> 0, <eos> 1, <bos> 2, <unk> 3."""
    special = ["<pad>", "<eos>", "<bos>", "<unk>"]
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    bytes_ = [f"<0x{k:02X}>" for k in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=256 + vocabulary, special_tokens=special + bytes_, show_progress=False, limit_alphabet=60
    )
    tokenizer.train_from_iterator(corpus, trainer)
    description = json.loads(tokenizer.to_str())
    description["added_tokens"] = [token for token in description["added_tokens"] if token["content"] in special]
    tokenizer = Tokenizer.from_str(json.dumps(description))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.post_processor = processors.TemplateProcessing(single="$A <eos>", special_tokens=[("<eos>", 1)])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<eos>", bos_token="<bos>", unk_token="<unk>",
        model_max_length=length, padding_side="right",
    )  # fmt: skip
    fast.save_pretrained(folder)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings["tokenizer_class"] = "GemmaTokenizer"
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2))
    # SigLIP 2 was trained on lower-cased text, which its own tokenizer leaves to the caller.
    padded = pad_to(fast, length)
    return lambda text: padded(text.lower()), fast.vocab_size


def naflex_tokenizer(folder: Path, corpus: list[str], length: int, vocabulary: int):
    """The same files, which transformers reads with another class, that lower-cases."""
    _, size = siglip2_tokenizer(folder, corpus, length, vocabulary)
    tokenizer = Siglip2Tokenizer.from_pretrained(folder)
    return pad_to(tokenizer, length), size


TOKENIZERS = {
    "siglip": siglip_tokenizer,
    "siglip-fast": siglip_fast_tokenizer,
    "siglip2": siglip2_tokenizer,
    "naflex": naflex_tokenizer,
}


def pad_to(tokenizer, length: int):
    return lambda text: tokenizer(text, padding="max_length", truncation=True, max_length=length)["input_ids"]


def write_images(folder: Path, rng: np.random.Generator, large: bool) -> None:
    """One image of every mode that a PNG or JPEG can have, in odd sizes, and all orientations."""
    folder.mkdir(parents=True, exist_ok=True)
    picture = lambda height, width, channels: scene(rng, height * (3 if large else 1), width * (3 if large else 1), channels)
    rgb = Image.fromarray(picture(37, 53, 3))
    rgb.save(folder / "rgb.png")
    Image.fromarray(picture(30, 30, 3)).save(folder / "rgb_small.png")
    Image.fromarray(picture(71, 11, 3)).save(folder / "rgb_tall.png")
    Image.fromarray(picture(5, 90, 3)).save(folder / "rgb_wide.png")
    Image.fromarray(picture(41, 29, 1)[..., 0]).save(folder / "grey.png")
    Image.fromarray(picture(33, 35, 4), "RGBA").save(folder / "rgba.png")
    Image.fromarray(picture(33, 35, 2), "LA").save(folder / "grey_alpha.png")
    rgb.quantize(17).save(folder / "palette.png")
    rgb.quantize(17).save(folder / "palette_alpha.png", transparency=bytes([255, 0, 128, 0]))
    rgb.convert("1").save(folder / "bits.png")
    dark = picture(23, 31, 1)[..., 0].astype(np.uint16) * 3  # Pillow clips 16-bit grey at 255
    Image.fromarray(dark).save(folder / "grey16.png")
    for name, channels, colour in (("rgb16", 3, 2), ("grey_alpha16", 2, 4), ("rgba16", 4, 6)):
        deep = rng.integers(0, 65536, (19, 27, channels), dtype=np.uint16)
        (folder / f"{name}.png").write_bytes(png16(deep, colour))
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.fromarray(picture(17, 25, 3)).save(folder / f"orientation{orientation}.png", exif=exif)
        if orientation in (3, 6):
            Image.fromarray(picture(48, 64, 3)).save(folder / f"orientation{orientation}.jpg", exif=exif, quality=90)
    Image.fromarray(picture(61, 47, 3)).save(folder / "colour.jpg", quality=85)
    Image.fromarray(picture(61, 47, 3)).save(folder / "progressive.jpg", quality=85, progressive=True)
    Image.fromarray(picture(61, 47, 1)[..., 0]).save(folder / "grey.jpg", quality=90)
    rgb.convert("CMYK").save(folder / "cmyk.jpg", quality=95)
    if large:
        for height, width in [(100, 300), (250, 50), (256, 256), (1, 1), (2, 3), (1, 700), (1500, 1100), (300, 3000)]:
            Image.fromarray(scene(rng, height, width, 3)).save(folder / f"size_{height}x{width}.png")


def scene(rng: np.random.Generator, height: int, width: int, channels: int) -> np.ndarray:
    """Waves with edges and some noise, uint8 [height, width, channels]."""
    y, x = np.mgrid[0:height, 0:width]
    planes = []
    for _ in range(channels):
        a, b, phase = rng.uniform(-0.2, 0.2, 3)
        wave = np.sin(a * x + b * y + 9 * phase) * 90 + 128 + 50 * (x * b > y * a + phase)
        planes.append(wave + rng.normal(0, 12, wave.shape))
    return np.clip(np.stack(planes, -1), 0, 255).astype(np.uint8)


def write_embeddings(out: Path) -> None:
    """Files of embeddings as numpy saves them; the second one's labels only Python can read."""
    arrays = dict(
        image=np.eye(3, 4), text=np.eye(4, dtype=np.float32)[[1, 1, 2]], splits=np.array([0, 2], dtype=np.int32)
    )
    labels = ["Zürich", "Zürich", "北京"]
    np.savez_compressed(out / "numpy.npz", **arrays, ordered_labels=np.array(labels))
    np.savez(out / "objects.npz", **arrays, ordered_labels=np.array(labels, dtype=object))


def png16(pixels: np.ndarray, colour: int) -> bytes:
    """A PNG of 16 bits a channel, which Pillow reads but cannot write."""
    height, width, _ = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 0)
