"""Seconds from the start of kernels until each has finished a notebook's first cell.

    python kernel_start.py NOTEBOOK COUNT

COUNT kernels, of the notebook's kind, start at once. Prints lines `seconds N`.
"""

import os
import sys
import threading
import time

import nbformat
from jupyter_client import KernelManager


def measure(path, seconds):
    notebook = nbformat.read(path, as_version=4)
    first_cell = next(cell.source for cell in notebook.cells if cell.cell_type == "code")
    start = time.monotonic()
    manager = KernelManager(kernel_name=notebook.metadata.kernelspec.name)
    manager.start_kernel(cwd=os.path.dirname(path))
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=300)
        reply = client.execute_interactive(first_cell, timeout=300)
        if reply["content"]["status"] == "ok":
            seconds.append(time.monotonic() - start)
    finally:
        manager.shutdown_kernel()
        client.stop_channels()


def main(path, count):
    seconds = []
    kernels = [threading.Thread(target=measure, args=(path, seconds)) for _ in range(int(count))]
    for kernel in kernels:
        kernel.start()
    for kernel in kernels:
        kernel.join()
    for one in seconds:
        print("seconds", one)
    sys.exit(len(seconds) != len(kernels))


if __name__ == "__main__":
    main(*sys.argv[1:])
