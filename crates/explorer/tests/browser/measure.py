"""Measures the page that trains, by what it notes about itself.

    python measure.py FRONT.html TABLE.md

FRONT.html is what `cargo run --package siglip-explorer --example front -- FRONT.html` writes. Needs
Playwright and a Chromium or Chrome on the path, and a machine that does nothing else.
"""

import sys
from pathlib import Path

from explorer import BROWSER, Explorer
from playwright.sync_api import sync_playwright

SETTINGS = [("N = 20, d = 3", {"pairs": 20, "dim": 3}, 0.1), ("N = 100, d = 10", {}, 1.5)]
TURNS = 240
# Turns the knob of t to and fro, once a frame.
TURN = """(turns) => new Promise((done) => {
    const knob = document.querySelector(".siglip-explorer").shadowRoot.getElementById("knob-temperature");
    const turn = (k) => {
        if (k === turns) return done();
        knob.value = 0.4 + 0.2 * Math.sin(k / 40);
        knob.dispatchEvent(new Event("input"));
        requestAnimationFrame(() => turn(k + 1));
    };
    turn(0);
})"""


def main(front, table):
    rows = ["| setting | 10,000 epochs, best of 5 | wanted | frames a second while a knob turns |", "|---|---|---|---|"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        explorer = Explorer(page, front.parent)
        explorer.open(front.name).trained()
        first = explorer.data("first-report")
        for name, description, wanted in SETTINGS:
            seconds = min(float(explorer.train(description).data("seconds")) for _ in range(5))
            page.evaluate(TURN, TURNS)
            rate = float(explorer.data("frames-per-second"))
            explorer.trained()
            rows.append(f"| {name} | {seconds:.3f} s | {wanted} s | {rate:.0f} |")
        browser.close()
    text = "\n".join(["# The page that trains", "", *rows, "", f"From opening the page to its first vectors: {first} ms.", ""])
    table.write_text(text)
    print(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]))
