"""Executes a notebook with nbclient, as `jupyter nbconvert --execute` does, and loses no output.

usage: execute.py SOURCE EXECUTED FOLDER TIMEOUT

The kernel sends what a cell wrote to standard error from a thread of its own. What comes after the
cell's reply is dropped by nbclient: the message of an `Err` is seen in about half of the runs. So a
second client listens from the first cell to the last, and its record completes the outputs.

Progress is one JSON object a line on standard output.
"""

import collections
import json
import queue
import sys
import threading
import time

import nbformat
from jupyter_client import BlockingKernelClient
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

START_TIMEOUT = 900  # the first start after an edit of the crate compiles it
QUIET = 0.1  # seconds between cells, so that a late line still counts for the cell that wrote it
LAST_LINE = "siglip: end of the notebook"


def report(**event):
    print(json.dumps(event), flush=True)


class Listener:
    """Records every stream message, by the cell that was running."""

    def __init__(self, connection_file):
        self.client = BlockingKernelClient(connection_file=connection_file)
        self.client.load_connection_file()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=START_TIMEOUT)
        self.requests = []
        self.texts = collections.defaultdict(str)
        self.ended = threading.Event()
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self):
        while not self.stopped.is_set():
            try:
                message = self.client.get_iopub_msg(timeout=0.2)
            except queue.Empty:
                continue
            request = message["parent_header"].get("msg_id")
            content = message["content"]
            if message["msg_type"] == "execute_input":
                self.requests.append(request)
            elif message["msg_type"] == "stream":
                if LAST_LINE in content["text"]:
                    self.ended.set()
                else:
                    self.texts[request, content["name"]] += content["text"]

    def wait_for_the_last_line(self, client):
        """Standard error is one queue: once this line is through, so is all before it."""
        client.execute(f'eprintln!("{LAST_LINE}");', store_history=False)
        return self.ended.wait(timeout=120)

    def stop(self):
        self.stopped.set()
        self.thread.join()
        self.client.stop_channels()


def complete(cells, listener):
    """Appends to each executed cell what was written but did not reach its outputs in time."""
    requests = listener.requests
    executed = min(len(cells), len(requests))
    for late in requests[executed:]:  # written by the last cell, sent with the last line
        for name in ("stdout", "stderr"):
            listener.texts[requests[executed - 1], name] += listener.texts[late, name]
    for cell, request in zip(cells, requests):
        for name in ("stdout", "stderr"):
            streams = [o for o in cell.outputs if o.output_type == "stream" and o.name == name]
            text, seen = listener.texts[request, name], "".join(o.text for o in streams)
            if len(text) > len(seen):
                missing = text[len(seen) :] if text.startswith(seen) else text
                cell.outputs.append(nbformat.v4.new_output("stream", name=name, text=missing))


def wrote_to_stderr(cell):
    return any(o.output_type == "stream" and o.name == "stderr" for o in cell.outputs)


def failure(error):
    if isinstance(error, CellTimeoutError):
        return "timeout"
    return "dead" if isinstance(error, DeadKernelError) else "error"


def run(client, cells):
    """Executes the cells up to the first that fails."""
    with client.setup_kernel():
        client.km.shutdown_wait_time = 60  # the launcher removes its build directory
        client.nb.metadata["language_info"] = client.wait_for_reply(client.kc.kernel_info())["content"]["language_info"]
        listener = Listener(client.km.connection_file)
        try:
            for number, (index, cell) in enumerate(cells, 1):
                report(event="cell", number=number, of=len(cells))
                client.execute_cell(cell, index, execution_count=number)
                time.sleep(QUIET)
                if wrote_to_stderr(cell):
                    break
            if not listener.wait_for_the_last_line(client.kc):
                report(event="failed", kind="dead", number=number, message="the kernel does not answer")
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            message = f"no result after {client.timeout} s" if failure(error) == "timeout" else str(error)
            report(event="failed", kind=failure(error), number=number, message=message)
        finally:
            listener.stop()
            complete([cell for _, cell in cells], listener)


def main(source, executed, folder, timeout):
    notebook = nbformat.read(source, as_version=4)
    cells = [(i, c) for i, c in enumerate(notebook.cells) if c.cell_type == "code" and c.source.strip()]
    for _, cell in cells:
        cell.outputs, cell.execution_count = [], None
    client = NotebookClient(
        notebook,
        timeout=int(timeout),
        startup_timeout=START_TIMEOUT,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": folder}},
    )
    try:
        run(client, cells)
    finally:
        nbformat.write(notebook, executed)


main(*sys.argv[1:])
