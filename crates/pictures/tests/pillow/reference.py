"""What Pillow makes of pictures.

    python reference.py FOLDER          writes FOLDER/expected.json for the pictures in FOLDER
    python reference.py FOLDER SEED     fills FOLDER first: all kinds that Pillow writes, whole and damaged

expected.json holds, for each name, width, height and the CRC-32 of
`ImageOps.exif_transpose(image).convert("RGB")`, or null where Pillow refuses the file. A name that
begins with `damaged` may be read otherwise, or not at all; one that begins with `rare` may be refused.
"""

import io
import itertools
import json
import struct
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


def tiff(order: str, tags: dict[int, list[int]], parts: list[bytes]) -> bytes:
    """A file of one page: strips, or tiles if there is a width of tiles."""
    place, lengths = (324, 325) if 322 in tags else (273, 279)
    data, places = b"", []
    for part in parts:
        places.append(8 + len(data))
        data += part + b"\0" * (len(part) % 2)
    tags = dict(sorted({**tags, place: places, lengths: [len(part) for part in parts]}.items()))
    kinds = {key: "I" if key in (256, 257, place, lengths) else "H" for key in tags}
    after = 8 + len(data) + 2 + 12 * len(tags) + 4
    entries, rest = b"", b""
    for key, values in tags.items():
        packed = struct.pack(f"{order}{len(values)}{kinds[key]}", *values)
        if len(packed) > 4:
            packed, rest = struct.pack(order + "I", after + len(rest)), rest + packed
        entries += struct.pack(order + "HHI", key, 4 if kinds[key] == "I" else 3, len(values)) + packed.ljust(4, b"\0")
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8 + len(data))
    return head + data + struct.pack(order + "H", len(tags)) + entries + bytes(4) + rest


def tiffs(rng: np.random.Generator, height: int, width: int):
    """Names and files of the kinds of TIFF that Pillow does not write."""
    reverse = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
    # The kind of colours, how many channels, which of them are extra, and the types of numbers.
    colours = [
        ("white", 0, 1, [], ["u1", "u2"]),
        ("grey", 1, 1, [], ["u1", "i1", "u2", "i2", "u4", "i4", "f4"]),
        ("alpha", 1, 2, [2], ["u1"]),
        ("rgb", 2, 3, [], ["u1", "u2"]),
        ("rgb_any", 2, 4, [0], ["u1", "u2"]),
        ("multiplied", 2, 4, [1], ["u1", "u2"]),
        ("rgba", 2, 4, [2], ["u1", "u2"]),
        ("palette", 3, 1, [], ["u1"]),
        ("palette_alpha", 3, 2, [2], ["u1"]),
        ("cmyk", 5, 4, [], ["u1", "u2"]),
    ]
    for (name, photometric, channels, extra, types), order, planar, tiled, packed, fill in itertools.product(
        colours, "<>", (1, 2), (False, True), (1, 8), (1, 2)
    ):
        for kind in types:
            of_type = np.dtype(kind)
            if of_type.kind == "f":
                pixels = rng.uniform(-50, 300, (height, width, channels))
            else:
                limits = np.iinfo(of_type)
                pixels = rng.integers(limits.min, limits.max, (height, width, channels), endpoint=True)
                pixels = pixels if rng.integers(2) or channels > 1 else pixels % 300
            pixels = pixels.astype(of_type.newbyteorder(order))
            tags = {256: [width], 257: [height], 259: [packed], 262: [photometric], 266: [fill], 284: [planar]}
            tags |= {258: [8 * of_type.itemsize] * channels, 277: [channels]}
            tags |= {339: [{"u": 1, "i": 2, "f": 3}[of_type.kind]] * channels} if of_type.kind != "u" else {}
            tags |= {338: extra} if extra else {}
            tags |= {320: list(map(int, rng.integers(0, 1 << 16, 768)))} if photometric == 3 else {}
            planes = [pixels] if planar == 1 else [pixels[..., [k]] for k in range(channels)]
            if tiled:
                tags |= {322: [16], 323: [16]}
                fit = ((0, -height % 16), (0, -width % 16), (0, 0))
                planes = [np.pad(plane, fit) for plane in planes]
                steps = [(y, x) for y in range(0, planes[0].shape[0], 16) for x in range(0, planes[0].shape[1], 16)]
                parts = [plane[y : y + 16, x : x + 16].tobytes() for plane in planes for y, x in steps]
            else:
                tags |= {278: [5]}
                parts = [plane[y : y + 5].tobytes() for plane in planes for y in range(0, height, 5)]
            parts = [zlib.compress(part) if packed == 8 else part for part in parts]
            parts = [part.translate(reverse) if fill == 2 else part for part in parts]
            what = f"{name}_{kind}_{'le' if order == '<' else 'be'}_{planar}_{'tiles' if tiled else 'strips'}_{packed}_{fill}"
            yield f"{what}_{height}x{width}.tif", tiff(order, tags, parts)


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
            save(f"{size}_{colours}.dib", "DIB", few)
            for packing in ("raw", "tiff_lzw", "packbits", "tiff_adobe_deflate"):
                save(f"{size}_{colours}_{packing}.tif", "TIFF", few, compression=packing)
        for bits in (1, 2, 4):
            save(f"{size}_{bits}bits.png", "PNG", of("RGB").quantize(1 << bits), bits=bits, transparency=1)
        clear = of("RGB")
        save(f"{size}_clear.png", "PNG", clear, transparency=clear.getpixel((0, 0)))
        save(f"{size}_clear_grey.png", "PNG", of("L"), transparency=77)
        save(f"{size}_1.png", "PNG", of("L").convert("1"))
        save(f"{size}_frames.png", "PNG", of("RGBA"), save_all=True, append_images=[of("RGBA")], default_image=True)
        deep = Image.fromarray(rng.integers(0, 400, (height, width)).astype(np.uint16))
        save(f"{size}_deep.png", "PNG", deep)
        save(f"{size}_deep.tif", "TIFF", deep, compression="tiff_lzw")
        for mode in ("I", "F"):
            save(f"{size}_{mode}.tif", "TIFF", deep.convert("I").convert(mode), compression="tiff_adobe_deflate")
        for mode in ("L", "RGB", "RGBA", "CMYK"):
            save(f"{size}_{mode}_differences.tif", "TIFF", of(mode), compression="tiff_lzw", tiffinfo={317: 2})
            save(f"{size}_{mode}_big.tif", "TIFF", of(mode), big_tiff=True)
        turned = Image.Exif()
        for orientation in range(1, 9):
            turned[0x0112] = orientation
            for ending, format in (("jpg", "JPEG"), ("png", "PNG"), ("webp", "WEBP"), ("tif", "TIFF")):
                save(f"{size}_turned{orientation}.{ending}", format, of("RGB"), exif=turned)
        few = of("RGB").quantize(40)
        for interlace in (0, 1):
            save(f"{size}_interlace{interlace}.gif", "GIF", few, interlace=interlace, transparency=3)
        save(f"{size}_bits.tif", "TIFF", of("L").convert("1"), compression="group4")
        save(f"{size}_cmyk.tif", "TIFF", of("CMYK"))
        for mode in ("L", "RGB", "YCbCr", "CMYK"):
            image = scene(rng, height, width, "RGB").convert(mode)
            for quality in (20, 90):
                save(f"{size}_{mode}_jpeg{quality}.tif", "TIFF", image, compression="jpeg", quality=quality)
            save(f"{size}_{mode}_strips.tif", "TIFF", image, compression="jpeg", strip_size=16 * width)
        if size in ("17x33", "61x47"):
            whole |= {f"rare_{name}": data for name, data in tiffs(rng, height, width)}
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
