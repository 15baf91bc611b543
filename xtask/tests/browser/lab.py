"""JupyterLab as a reader sees it: the server that `cargo xtask lab` starts, and notebooks on its pages."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from playwright.sync_api import expect

TOKEN = "siglip"
START = 120  # seconds until JupyterLab answers, or a kernel
CELLS = 180  # seconds for all cells of a notebook, on a busy machine
SECOND = 1000  # Playwright counts in milliseconds


class Lab:
    """`cargo xtask lab` on a free port, with settings of its own, in a copy of the notebooks.

    The copies are trusted as their originals are: Jupyter signs the content.
    """

    def __init__(self, xtask, project, folder):
        self.xtask, self.project, self.folder = xtask, project, folder
        self.screenshots = folder / "screenshots"
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.screenshots.mkdir(parents=True)
        shutil.copytree(self.project / "notebooks", self.folder / "notebooks", ignore=shutil.ignore_patterns(".*"))
        for name in ["crate", "data"]:
            (self.folder / name).symlink_to(self.project / name)
        self.log = (self.folder / "lab.log").open("w")
        own = ["JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"]
        own += ["JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR"]
        environment = os.environ | {name: str(self.folder / "jupyter" / name.lower()) for name in own}
        arguments = ["--no-browser", f"--ServerApp.port={self.port}", f"--IdentityProvider.token={TOKEN}"]
        self.process = subprocess.Popen(
            [self.xtask, "lab", "--", *arguments],
            env=environment,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        deadline = time.monotonic() + START
        while not self.answers("api/status"):
            assert self.process.poll() is None and time.monotonic() < deadline, self.log_text()
            time.sleep(0.2)
        return self

    def __exit__(self, *_):
        self.answers("api/shutdown", method="POST")
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.log.close()

    def answers(self, path, method="GET"):
        request = urllib.request.Request(
            f"{self.address}/{path}", method=method, headers={"Authorization": f"token {TOKEN}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def log_text(self):
        return "JupyterLab did not start:\n" + Path(self.log.name).read_text()

    def page_of(self, name):
        """The address of a notebook."""
        place = (self.folder / "notebooks" / name).relative_to(self.project)
        return f"{self.address}/lab/tree/{place}.ipynb?token={TOKEN}"

    def write(self, name, sources):
        """Adds a notebook with these code cells."""
        empty = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
        cells = [empty | {"id": f"cell-{number}", "source": source} for number, source in enumerate(sources)]
        kernel = {"name": "siglip-rust", "display_name": "Rust (siglip)", "language": "rust"}
        notebook = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
        (self.folder / "notebooks" / f"{name}.ipynb").write_text(json.dumps(notebook))


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Notebook:
    """An open notebook: what a reader can do with it, and what they see."""

    def __init__(self, context, lab, name):
        self.page = context.new_page()
        self.strangers = []  # requests to anyone but this machine
        self.page.on("request", self.note_stranger)
        self.page.goto(lab.page_of(name))
        self.panel = self.page.locator(".jp-NotebookPanel")
        self.status = self.panel.locator(".jp-Notebook-ExecutionIndicator")

    def note_stranger(self, request):
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:", "ws://127.0.0.1:")):
            self.strangers.append(request.url)

    def wait_for_kernel(self):
        expect(self.status).to_have_attribute("data-status", "idle", timeout=START * SECOND)

    def menu(self, *items):
        """Chooses from the menu bar."""
        first, *rest = items
        self.page.locator(".lm-MenuBar-itemLabel", has_text=re.compile(f"^{first}$")).click()
        for item in rest:
            self.page.locator(".lm-Menu-itemLabel", has_text=re.compile(f"^{item}$")).last.click()

    def start_all(self):
        """Begins to run all cells, again if JupyterLab forgets them.

        It does when it is still connecting to a kernel that it already calls idle.
        """
        prompt = self.panel.locator(".jp-CodeCell .jp-InputPrompt").last
        for attempt in range(3):
            self.menu("Run", "Run All Cells")
            try:
                expect(prompt).to_have_text("[*]:")
                return
            except AssertionError:
                if attempt == 2:
                    raise

    def run_all(self):
        """Runs all cells, and waits for the last."""
        self.start_all()
        prompt = self.panel.locator(".jp-CodeCell .jp-InputPrompt").last
        expect(prompt).to_have_text(re.compile(r"\[\d+\]:"), timeout=CELLS * SECOND)

    def cell(self, text):
        """The code cell in whose source `text` stands."""
        source = self.page.locator(".jp-InputArea-editor", has_text=text)
        return self.panel.locator(".jp-CodeCell", has=source).first

    def output(self, text):
        return self.cell(text).locator(".jp-OutputArea-output")

    def explorer(self):
        return self.cell("explore(").locator(".siglip-explorer")

    def edit(self, text, line):
        """Replaces the line in which `text` stands, but for its indentation."""
        place = self.panel.locator(".jp-CodeCell .cm-line", has_text=text).first
        place.click()
        self.page.keyboard.press("End")
        self.page.keyboard.press("Shift+Home")
        self.page.keyboard.insert_text(line)

    def run_from(self, text, count):
        """Runs so many cells from that in which `text` stands, and waits for the last."""
        self.cell(text).locator(".cm-content").click()
        done = self.executed()
        for _ in range(count):
            self.page.keyboard.press("Shift+Enter")
        self.wait_for_count(done + count)

    def start(self, text):
        """Begins to run the cell in which `text` stands."""
        self.cell(text).locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")

    def interrupt(self):
        """Ends what runs, and waits until the kernel is ready again."""
        self.panel.get_by_title("Interrupt the kernel").click()
        expect(self.status).to_have_attribute("data-status", "idle", timeout=30 * SECOND)

    def wait_until(self, condition):
        deadline = time.monotonic() + CELLS
        while not condition():
            assert time.monotonic() < deadline, "it does not come to pass"
            self.page.wait_for_timeout(50)

    def executed(self):
        """The highest number in front of a cell."""
        prompts = self.panel.locator(".jp-InputPrompt").all_inner_texts()
        return max(int(number) for number in re.findall(r"\d+", " ".join(prompts)) or ["0"])

    def wait_for_count(self, count):
        prompt = self.panel.locator(".jp-InputPrompt", has_text=re.compile(rf"^\[{count}\]:$"))
        expect(prompt).to_have_count(1, timeout=CELLS * SECOND)
        expect(self.status).to_have_attribute("data-status", "idle", timeout=CELLS * SECOND)
