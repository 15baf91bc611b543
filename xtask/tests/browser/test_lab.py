"""Uses `cargo xtask lab` in Chromium as a new reader would.

    python test_lab.py BROWSER XTASK PROJECT FOLDER

BROWSER is a Chromium or Chrome, XTASK the program behind `cargo xtask`. FOLDER, inside PROJECT, is made anew: copies of the notebooks, JupyterLab's log and,
in `screenshots`, what was seen. The checks are one story: each goes on where the one before it
ended.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from lab import CELLS, SECOND, Lab, Notebook

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
ARGUMENTS += ["--disable-background-networking", "--disable-component-update"]


class Reader:
    """A browser at JupyterLab, and the notebooks that are open in it."""

    def __init__(self, browser, lab):
        self.lab = lab
        self.context = browser.new_context(viewport={"width": 1400, "height": 1000})
        self.playground = self.other = None

    def open(self, name):
        return Notebook(self.context, self.lab, name)


def opens_without_a_question(reader):
    """a notebook opens with its kernel and with its explorer alive, and nothing is asked or fetched"""
    book = reader.playground = reader.open("Playground")
    expect(book.explorer().locator("#loss")).to_have_text(re.compile(r"\d"), timeout=30 * SECOND)
    book.wait_for_kernel()
    expect(book.page.locator(".jp-Toolbar-kernelName").first).to_have_text("Rust (siglip)")
    expect(book.page.locator(".jp-Dialog")).to_have_count(0)
    expect(book.page.locator(".Toastify__toast")).to_have_count(0)
    assert not book.strangers, book.strangers


def runs_all_cells(reader):
    """all cells run, and the figures are there"""
    book = reader.playground
    book.run_all()
    expect(book.output("notebook.finish()")).to_have_text(re.compile(r"^\d+ checks? passed"))
    figures = book.panel.locator(".jp-RenderedImage img")
    assert figures.count() >= 2
    for figure in figures.all():
        figure.scroll_into_view_if_needed()
        assert figure.evaluate("(image) => image.complete && image.naturalWidth") > 300
    assert book.panel.locator('[data-mime-type="application/vnd.jupyter.stderr"]').count() == 0


def moves_a_slider(reader):
    """the explorer's sliders move by key and by mouse, and the loss with them"""
    book = reader.playground
    explorer = book.explorer()
    explorer.locator("#title").click()
    loss = explorer.locator("#loss")
    explorer.locator("#numerics").select_option("exact")  # never exactly zero
    seen = [loss.inner_text()]
    for slider in ["#temperature", "#bias"]:
        explorer.locator(slider).press("PageDown")
        expect(loss).not_to_have_text(seen[-1])
        seen.append(loss.inner_text())
        box = explorer.locator(slider).bounding_box()
        book.page.mouse.click(box["x"] + 0.3 * box["width"], box["y"] + box["height"] / 2)
        expect(loss).not_to_have_text(seen[-1])
        seen.append(loss.inner_text())
    assert len(set(seen)) == len(seen), seen
    # JupyterLab's own use of these keys would have gone to another cell.
    expect(book.panel.locator(".jp-Notebook-cell.jp-mod-active .cm-content")).to_contain_text("explore(")


def follows_the_theme(reader):
    """the explorer is dark in JupyterLab's dark theme"""
    book = reader.playground
    explorer = book.explorer().locator(".explorer")
    for theme, name in [("dark", "JupyterLab Dark"), ("light", "JupyterLab Light")]:
        book.menu("Settings", "Theme", name)
        expect(explorer).to_have_attribute("data-theme", theme)
        book.explorer().screenshot(path=reader.lab.screenshots / f"explorer_{theme}.png")


def edits_the_temperature(reader):
    """another temperature gives another result in the table and in the explorer"""
    book = reader.playground
    table = book.output("train_one(")
    before = table.inner_text()
    book.edit("temperature: ", "temperature: Temperature::fixed(20.0),")
    book.run_from("temperature: ", 3)
    expect(table).to_have_text(re.compile(r"inverse temperature t\s*20\.00"))
    assert table.inner_text() != before
    expect(book.explorer().locator("#temperature-number")).to_have_value("20")


def interrupts_a_long_run(reader):
    """a long run tells how it goes, stops when it is told to, and all is well after running all again"""
    book = reader.playground
    book.edit("epochs: ", "epochs: 50_000_000,")
    book.run_from("epochs: ", 1)
    book.start("train_one(")
    output = book.output("train_one(").first
    expect(output).to_have_text(re.compile(r"epoch [\d,]+ of 50,?000,?000: loss .* left"), timeout=30 * SECOND)
    book.page.screenshot(path=reader.lab.screenshots / "long_run.png")
    book.interrupt()
    book.page.screenshot(path=reader.lab.screenshots / "interrupted.png")
    book.edit("epochs: ", "epochs: 10_000,")
    book.run_all()
    expect(book.output("notebook.finish()")).to_have_text(re.compile(r"^\d+ checks? passed"))


def goes_on_with_a_sweep(reader):
    """an interrupted sweep keeps its finished runs, and goes on with the others"""
    seeds = 12 * os.cpu_count()
    train = "let experiment = Experiment { pairs: 100, dim: 10, epochs: 100_000, ..Default::default() };\n"
    train += f'let runs = notebook.train(experiment.seeds(1..={seeds}))?;'
    start = ':dep siglip_core = { path = "../crate" }\nuse siglip_core::prelude::*;\n'
    start += 'let mut notebook = open("Sweep")?;'
    reader.lab.write("Sweep", [start, train, 'println!("{} runs in all", runs.runs.len());'])

    def finished():
        """The files of the runs that are kept, with the times at which they were written."""
        files = (reader.lab.folder / "logs/unfinished/Sweep").glob("*.json")
        return {file: file.stat().st_mtime_ns for file in files}

    book = reader.open("Sweep")
    book.wait_for_kernel()
    book.start_all()
    book.wait_until(lambda: len(finished()) >= 4)
    book.interrupt()
    kept = finished()
    assert len(kept) < seeds, kept
    book.start_all()
    # The kept ones come first: trained again, they would be written before any other.
    book.wait_until(lambda: len(finished()) > len(kept))
    assert kept.items() <= finished().items()
    expect(book.output("runs in all")).to_have_text(f"{seeds} runs in all", timeout=CELLS * SECOND)
    assert not finished(), "nothing is left when all is done"


def runs_two_notebooks_at_once(reader):
    """two notebooks run at the same time and do not disturb each other"""
    first, second = reader.playground, reader.open("BasicExperiment")
    second.wait_for_kernel()
    first.start_all()
    second.run_all()
    finished = re.compile(r"^\d+ checks? passed")
    expect(second.output("notebook.finish()")).to_have_text(finished)
    expect(first.output("notebook.finish()")).to_have_text(finished, timeout=CELLS * SECOND)
    first.run_from("temperature: ", 2)
    expect(first.output("train_one(")).to_have_text(re.compile(r"inverse temperature t\s*20\.00"))
    second.page.screenshot(path=reader.lab.screenshots / "second_notebook.png")


def shows_a_picture_where_scripts_may_not_run(reader):
    """a notebook of someone else, which JupyterLab does not trust, shows a picture for its explorer"""
    text = (reader.lab.project / "notebooks/Playground.ipynb").read_text()
    changed = text.replace('<img alt=\\"', '<img alt=\\"Changed: ')
    assert changed != text
    (reader.lab.folder / "notebooks/SomeoneElses.ipynb").write_text(changed)
    book = reader.open("SomeoneElses")
    picture = book.output("explore(").locator("img").first
    picture.scroll_into_view_if_needed()
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("(image) => image.naturalWidth") > 300
    # A trusted one has its sliders by now: see the first check.
    book.wait_for_kernel()
    expect(book.output("explore(").locator("input")).to_have_count(0)
    book.page.screenshot(path=reader.lab.screenshots / "untrusted.png")


def opens_the_site(reader):
    """the notebooks as a site, opened from disk, have their explorers alive and fetch nothing"""
    lab, site = reader.lab, reader.lab.folder / "site"
    subprocess.run([lab.xtask, "site", site], cwd=lab.project, check=True)
    page = reader.context.new_page()
    fetched = []
    page.on("request", lambda request: fetched.append(request.url))
    errors = []
    page.on("pageerror", lambda error: errors.append(error))
    page.goto((site / "index.html").as_uri())
    loss = page.locator(".siglip-explorer #loss")
    expect(loss).to_have_text(re.compile(r"\d"))  # it trains before the reader has done anything
    page.screenshot(path=lab.screenshots / "site_front.png", full_page=True)
    notebooks = sorted((lab.project / "notebooks").glob("*.ipynb"))
    assert page.locator(".gallery article h3 a").count() == len(notebooks)
    for name in ["report", *(notebook.stem for notebook in notebooks)]:
        page.goto((site / "index.html").as_uri())
        page.locator(f'a[href="{name}.html"]:visible').last.click()
        losses = page.locator(".siglip-explorer #loss")
        expect(losses).to_have_count(0 if name == "report" else explorers_of(lab, name))
        for loss in losses.all():
            expect(loss).to_have_text(re.compile(r"\d"))
        images = page.locator("img:visible")
        expect(images.first).to_be_visible()
        for image in images.all():
            expect(image).to_have_js_property("complete", True)
            assert image.evaluate("(image) => image.naturalWidth") > 0, name
        for link in page.locator('a[href]:not([href*=":"]):not([href^="#"])').all():
            target = link.get_attribute("href").partition("#")[0]
            assert (site / target).exists(), f"{name} links to {target}"
        page.screenshot(path=lab.screenshots / f"site_{name}.png", full_page=True)
    page.goto((site / "Playground.html").as_uri())
    loss = page.locator(".siglip-explorer #loss")
    before = loss.inner_text()
    page.locator(".siglip-explorer #bias").press("PageUp")
    expect(loss).not_to_have_text(before)
    assert page.locator("math").count() > 5 and "$" not in page.locator("main h3").first.inner_text()
    strangers = [url for url in fetched if not url.startswith(("file:", "data:", "blob:"))]
    assert not strangers, strangers
    assert not errors, errors


def explorers_of(lab, name):
    """How many explorers a notebook shows."""
    cells = json.loads((lab.project / f"notebooks/{name}.ipynb").read_text())["cells"]
    return sum("explore(" in "".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


CHECKS = [
    opens_without_a_question,
    runs_all_cells,
    moves_a_slider,
    follows_the_theme,
    edits_the_temperature,
    interrupts_a_long_run,
    goes_on_with_a_sweep,
    runs_two_notebooks_at_once,
    shows_a_picture_where_scripts_may_not_run,
    opens_the_site,
]


def main(browser, xtask, project, folder):
    failed = []
    with sync_playwright() as playwright, Lab(xtask, project, folder) as lab:
        browser = playwright.chromium.launch(executable_path=browser, args=ARGUMENTS)
        reader = Reader(browser, lab)
        for check in CHECKS:
            try:
                check(reader)
                print(f"ok: {check.__doc__}", flush=True)
            except Exception as error:  # the next checks tell more
                failed.append(check.__name__)
                print(f"FAILED: {check.__doc__}\n{error}", flush=True)
            for number, page in enumerate(reader.context.pages):
                page.screenshot(path=lab.screenshots / f"{check.__name__}_{number}.png")
        browser.close()
    verdict = "FAILED" if failed else "ok"
    print(f"test result: {verdict}. {len(CHECKS) - len(failed)} passed; {len(failed)} failed")
    sys.exit(len(failed))


if __name__ == "__main__":
    main(*sys.argv[1:3], *(Path(folder).resolve() for folder in sys.argv[3:5]))
