"""Pictures that Pillow decodes a second on one core, as `pictures::decode` does: upright, to RGB.

    python decode.py FOLDER
"""

import io
import sys
import time
from pathlib import Path

from PIL import Image, ImageOps

files = [file.read_bytes() for file in Path(sys.argv[1]).iterdir()]
start = time.perf_counter()
for data in files:
    ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB").load()
print(len(files) / (time.perf_counter() - start))
