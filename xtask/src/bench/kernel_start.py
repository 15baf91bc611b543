"""Seconds from the start of kernels until each has finished the notebooks' first cell.

    python kernel_start.py FOLDER COUNT

FOLDER is that of the notebooks; COUNT kernels start at once. Prints lines `seconds N`.
"""

import sys
import threading
import time

from jupyter_client import KernelManager

FIRST_CELL = ':dep siglip_core = { path = "../crate" }\nuse siglip_core::prelude::*;\n'
FIRST_CELL += 'let log = Logbook::open("Start")?;'


def measure(folder, seconds):
    start = time.monotonic()
    manager = KernelManager(kernel_name="siglip-rust")
    manager.start_kernel(cwd=folder)
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=300)
        reply = client.execute_interactive(FIRST_CELL, timeout=300)
        if reply["content"]["status"] == "ok":
            seconds.append(time.monotonic() - start)
    finally:
        manager.shutdown_kernel()
        client.stop_channels()


def main(folder, count):
    seconds = []
    kernels = [threading.Thread(target=measure, args=(folder, seconds)) for _ in range(int(count))]
    for kernel in kernels:
        kernel.start()
    for kernel in kernels:
        kernel.join()
    for one in seconds:
        print("seconds", one)
    sys.exit(len(seconds) != len(kernels))


if __name__ == "__main__":
    main(*sys.argv[1:])
