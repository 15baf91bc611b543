"""Prints the folder of a checkpoint's files: hub.py ID PATTERN... On failure prints why, and ends with 1."""

import sys

try:
    from huggingface_hub import snapshot_download

    model, patterns = sys.argv[1], sys.argv[2:]
    try:
        folder = snapshot_download(model, allow_patterns=patterns)
    except Exception as error:
        try:
            folder = snapshot_download(model, allow_patterns=patterns, local_files_only=True)
        except Exception:
            raise error  # that nothing is in the cache either is the lesser news
    print(folder)
except Exception as error:
    print(f"{type(error).__name__}: {error}")
    sys.exit(1)
