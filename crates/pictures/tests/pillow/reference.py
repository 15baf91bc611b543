"""What Pillow makes of pictures.

    python reference.py FOLDER          writes FOLDER/expected.json for the pictures in FOLDER
    python reference.py FOLDER SEED     fills FOLDER first: all kinds that Pillow writes, whole and damaged

expected.json holds, for each name, width, height and the CRC-32 of
`ImageOps.exif_transpose(image).convert("RGB")`, or null where Pillow refuses the file. A name that
begins with `damaged` may be read otherwise, or not at all.
"""

import io
import json
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps


def main(folder: Path, seed: int | None) -> None:
    if seed is not None:
        folder.mkdir(parents=True, exist_ok=True)
        write(folder, np.random.default_rng(seed))
    files = sorted(file for file in folder.iterdir() if file.suffix != ".json")
    expected = {file.name: read(file) for file in files}
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in expected.items())
    (folder / "expected.json").write_text("{\n" + lines + "\n}\n")


def read(file: Path) -> list[int] | None:
    try:
        with Image.open(file) as image:
            pixels = ImageOps.exif_transpose(image).convert("RGB")
    except Exception:
        return None
    return [*pixels.size, zlib.crc32(pixels.tobytes())]


def scene(rng: np.random.Generator, height: int, width: int, mode: str) -> Image.Image:
    """Waves with edges and some noise."""
    y, x = np.mgrid[0:height, 0:width]
    planes = []
    for _ in range({"L": 1, "LA": 2, "RGB": 3}.get(mode, 4)):
        a, b, phase = rng.uniform(-0.3, 0.3, 3)
        wave = np.sin(a * x + b * y + 9 * phase) * 90 + 128 + 50 * (x * b > y * a + phase)
        planes.append(wave + rng.normal(0, 12, wave.shape))
    pixels = np.clip(np.stack(planes, -1), 0, 255).astype(np.uint8)
    return Image.fromarray(pixels[..., 0] if mode == "L" else pixels, mode)


def write(folder: Path, rng: np.random.Generator) -> None:
    warnings.simplefilter("ignore")  # naming the mode is deprecated, and needed
    layouts = [{}, dict(progressive=True), dict(restart_marker_blocks=3), dict(progressive=True, restart_marker_rows=1)]
    whole = {}

    def save(name: str, format: str, image: Image.Image, **options) -> None:
        data = io.BytesIO()
        image.save(data, format, **options)
        whole[name] = data.getvalue()

    for height, width in [(1, 1), (7, 9), (17, 33), (61, 47), (64, 80)]:
        size = f"{height}x{width}"
        of = lambda mode: scene(rng, height, width, mode)
        for k, layout in enumerate(layouts):
            for sampling in (0, 1, 2, "4:1:1"):
                for quality in (2, 60, 95):
                    name = f"{size}_{k}_{str(sampling).replace(':', '')}_{quality}.jpg"
                    save(name, "JPEG", of("RGB"), quality=quality, subsampling=sampling, **layout)
            save(f"{size}_{k}_grey.jpg", "JPEG", of("L"), **layout)
            save(f"{size}_{k}_cmyk.jpg", "JPEG", of("CMYK"), **layout)
            save(f"{size}_{k}_rgb.jpg", "JPEG", of("RGB"), keep_rgb=True, **layout)
        for mode in ("L", "LA", "RGB", "RGBA"):
            save(f"{size}_{mode}.png", "PNG", of(mode))
            save(f"{size}_{mode}.tif", "TIFF", of(mode), compression="tiff_lzw")
            save(f"{size}_{mode}.webp", "WEBP", of(mode), quality=int(rng.integers(100)))
            save(f"{size}_{mode}_lossless.webp", "WEBP", of(mode), lossless=True)
        for colours in (2, 17, 200):
            few = of("RGB").quantize(colours)
            for ending, format in (("png", "PNG"), ("gif", "GIF"), ("bmp", "BMP")):
                save(f"{size}_{colours}.{ending}", format, few)
        save(f"{size}_bits.tif", "TIFF", of("L").convert("1"), compression="group4")
        save(f"{size}_cmyk.tif", "TIFF", of("CMYK"))
        save(f"{size}_rgb.bmp", "BMP", of("RGB"))
        save(f"{size}_frames.gif", "GIF", of("RGB"), save_all=True, append_images=[of("RGB")])
        save(f"{size}_frames.webp", "WEBP", of("RGB"), save_all=True, append_images=[of("RGB")])
    for name, data in whole.items():
        (folder / name).write_bytes(data)
    for name in ("17x33_0_2_60.jpg", "17x33_1_0_95.jpg", "17x33_2_1_60.jpg", "17x33_RGB.png", "17x33_17.gif"):
        data = whole[name]
        for k, length in enumerate(rng.integers(2, len(data), 30)):
            (folder / f"cut{k}_{name}").write_bytes(data[:length])
            changed = bytearray(data)
            changed[length - 1] ^= int(rng.integers(1, 256))
            (folder / f"damaged{k}_{name}").write_bytes(changed)
        (folder / f"more_{name}").write_bytes(data + rng.bytes(3000))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else None)
