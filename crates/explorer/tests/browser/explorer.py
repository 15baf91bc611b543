"""Uses explorers in Chromium as a reader would: turns every control and reads the numbers.

    python explorer.py FOLDER [SCREENSHOTS]

FOLDER holds the pages that tests/browser.rs wrote, `sphere.json`, the final similarities and
parameters of the run in `sphere.html`, and `native.json`, what the native engine makes of the
published experiments. Needs Playwright (`pip install playwright`) and a
Chromium or Chrome on the path; exits with 77 where one of them is missing.
"""

import json
import math
import shutil
import sys
from pathlib import Path

try:
    from playwright.sync_api import sync_playwright
except ImportError:
    print("Playwright is not installed")
    sys.exit(77)

POLICY = "Content Security Policy"
BROWSER = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)


def main(folder, screenshots):
    run = json.loads((folder / "sphere.json").read_text())
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        for check in CHECKS:
            scripts = check is not shows_the_picture_without_scripts
            view = {"width": 1200, "height": 1000}
            context = browser.new_context(viewport=view, offline=True, java_script_enabled=scripts)
            page = context.new_page()
            problems = []
            # What a policy forbids, a browser reports as well.
            page.on("console", lambda message: POLICY in message.text or problems.append(message.text))
            page.on("pageerror", lambda error: problems.append(str(error)))
            check(Explorer(page, folder), run)
            if screenshots:
                page.screenshot(path=screenshots / f"{check.__name__}.png", full_page=True)
            assert not problems, f"{check.__name__}: {problems}"
            context.close()
            print(f"ok: {check.__doc__}")
        browser.close()


class Explorer:
    """One explorer on a page, by what a reader sees."""

    def __init__(self, page, folder, index=0):
        self.page, self.folder, self.index = page, folder, index

    def open(self, name):
        self.page.goto((self.folder / name).as_uri())
        self.find("#loss").wait_for()
        return self.settle()

    def find(self, selector):
        return self.page.locator(".siglip-explorer").nth(self.index).locator(selector)

    def settle(self):
        """Waits until the views have followed."""
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return self

    def number(self, selector):
        return float(self.find(selector).inner_text().replace(",", "").removeprefix("≈ ").split("/")[0])

    def type(self, selector, value):
        self.find(selector).fill(str(value))
        self.find(selector).press("Enter")
        self.settle()

    def press(self, selector, *keys):
        for key in keys:
            self.find(selector).press(key)
        self.settle()

    def drag(self, selector, start, end):
        """Drags between two places, given as shares of the element's width and height."""
        self.find(selector).scroll_into_view_if_needed()
        box = self.find(selector).bounding_box()
        place = lambda x, y: (box["x"] + x * box["width"], box["y"] + y * box["height"])
        self.page.mouse.move(*place(*start))
        self.page.mouse.down()
        self.page.mouse.move(*place(*end), steps=5)
        self.page.mouse.up()
        self.settle()

    def setting(self):
        return float(self.find("#temperature-number").input_value()), float(self.find("#bias-number").input_value())

    def data(self, name):
        """What the page notes about itself."""
        return self.find(".explorer").get_attribute(f"data-{name}")

    def train(self, description):
        """Trains what the page around an explorer asks for, to the end."""
        self.page.evaluate(
            "([k, description]) => document.querySelectorAll('.siglip-explorer')[k].train(description)",
            [self.index, description],
        )
        return self.trained()

    def trained(self):
        """Waits until a training has ended, and its views have followed."""
        self.settle()
        self.page.wait_for_function(
            """(k) => {
                const find = (id) => document.querySelectorAll('.siglip-explorer')[k].shadowRoot.getElementById(id);
                return find('progress').textContent.includes('epoch') === false && find('status').textContent !== '';
            }""",
            arg=self.index,
            timeout=120_000,
        )
        return self.settle()

    def setting_as(self, form):
        if not self.find("#code").is_visible():
            self.find("summary").click()
        self.find("#code-form").select_option(form)
        return self.find("#code").input_value()

    def pixels(self, selector):
        """What is drawn on a canvas, to be compared."""
        return self.find(f"{selector}").first.evaluate("(canvas) => canvas.toDataURL()")


def loss(run, t, bias, numerics):
    """The mean sigmoid loss, written once more."""
    sides = [(run["matching"], 1), (run["non_matching"], -1)]
    if numerics == "exact":
        term = lambda z: max(-z, 0) + math.log1p(math.exp(-abs(z)))
    else:
        term = lambda z: -math.log((1 / (1 + math.exp(-z)) if z > -700 else 0.0) + 1e-8)
    terms = [term(sign * t * (s - bias)) for values, sign in sides for s in values]
    return sum(terms) / len(terms)


def close(got, expected, what):
    assert math.isclose(got, expected, rel_tol=2e-3, abs_tol=1e-7), f"{what}: {got}, expected {expected}"


def opens_at_the_result(explorer, run):
    """the trained setting and its loss are shown first"""
    explorer.open("sphere.html")
    t, bias = explorer.setting()
    close(t, run["temperature"], "t")
    close(bias, run["relative_bias"], "b_rel")
    close(explorer.number("#loss"), loss(run, t, bias, "paper"), "loss")
    close(explorer.number("#margin"), (min(run["matching"]) - max(run["non_matching"])) / 2, "margin")


def follows_typed_settings(explorer, run):
    """typed settings give the right loss in both forms, and the right counts"""
    explorer.open("sphere.html")
    for numerics in ["paper", "exact"]:
        explorer.find("#numerics").select_option(numerics)
        # No similarity of this run is so near to one of the biases that rounding could move it across.
        for t, bias in [(1, 0), (10, -0.85), (30, 0.2), (200, -0.05)]:
            explorer.type("#temperature-number", t)
            explorer.type("#bias-number", bias)
            close(explorer.number("#loss"), loss(run, t, bias, numerics), f"{numerics} loss at {t}, {bias}")
            parts = explorer.number("#loss-matching") + explorer.number("#loss-non-matching")
            close(parts, loss(run, t, bias, numerics), "parts")
            assert explorer.number("#above") == sum(s >= bias for s in run["matching"])
            assert explorer.number("#below") == sum(s < bias for s in run["non_matching"])
            close(explorer.number("#absolute"), t * bias, "b")


def follows_the_sliders(explorer, run):
    """both sliders move by key and by mouse, the loss with them, and back to the result"""
    explorer.open("sphere.html")
    for slider in ["#temperature", "#bias"]:
        for move in [lambda: explorer.press(slider, "ArrowLeft", "PageDown"), lambda: explorer.drag(slider, (0.5, 0.5), (0.7, 0.5))]:
            before = explorer.setting()
            move()
            t, bias = explorer.setting()
            assert (t, bias) != before, f"{slider} did not move"
            # What is shown of the setting has six digits.
            close(explorer.number("#loss"), loss(run, t, bias, "paper"), f"loss at {t}, {bias}")
    assert not explorer.find("#follow").is_checked()
    explorer.find("#reset").click()
    close(explorer.settle().setting()[0], run["temperature"], "t after reset")


def follows_a_drag_on_the_maps(explorer, run):
    """landscape and histogram move the setting by mouse and by keys"""
    explorer.open("sphere.html")
    explorer.drag("#landscape .u-over", (0.5, 0.5), (0.75, 0.25))
    t, bias = explorer.setting()
    assert 0.4 < bias < 0.6 and t > 50, (t, bias)
    close(explorer.number("#loss"), loss(run, t, bias, "paper"), "loss on the map")
    explorer.press("#landscape", "ArrowLeft", "ArrowUp")
    assert explorer.setting()[0] > t and explorer.setting()[1] < bias
    explorer.drag("#histogram .u-over", (0.5, 0.5), (0.25, 0.5))
    assert -0.6 < explorer.setting()[1] < -0.4
    explorer.find("#zoom").check()
    explorer.settle()


def scrubs_through_training(explorer, run):
    """the scrubber, the curves and the player move through the epochs"""
    explorer.open("sphere.html")
    last = explorer.find("#epoch-value").inner_text()
    ball, map_ = explorer.pixels("#ball"), explorer.pixels("#landscape canvas")
    explorer.press("#epoch", "Home")
    assert explorer.find("#epoch-value").inner_text() == "0"
    close(explorer.setting()[0], 10, "t at the start")
    assert explorer.number("#loss") > 0.1
    assert explorer.pixels("#ball") != ball and explorer.pixels("#landscape canvas") != map_
    explorer.drag("#loss-curve .u-over", (0.2, 0.5), (0.999, 0.5))
    assert explorer.find("#epoch-value").inner_text() == last
    explorer.find("#play").click()
    while explorer.settle().find("#epoch").input_value() == "0":
        pass
    explorer.find("#play").click()
    passed = explorer.settle().find("#epoch").input_value()
    explorer.page.wait_for_timeout(300)
    assert explorer.find("#epoch").input_value() == passed, "it plays on"


def turns_the_sphere(explorer, run):
    """the sphere turns by mouse and by keys, and tells of the pair that is pointed at"""
    explorer.open("sphere.html")
    home = explorer.pixels("#ball")
    explorer.drag("#ball", (0.5, 0.5), (0.7, 0.6))
    turned = explorer.pixels("#ball")
    explorer.press("#ball", "ArrowUp", "ArrowRight")
    assert len({home, turned, explorer.pixels("#ball")}) == 3
    explorer.press("#ball", "Home")
    explorer.page.mouse.move(0, 0)
    assert explorer.settle().pixels("#ball") == home
    box = explorer.find("#ball").bounding_box()
    seen = set()
    for x in range(8):
        for y in range(12):
            explorer.page.mouse.move(box["x"] + (x + 1) / 9 * box["width"], box["y"] + (y + 1) / 13 * box["height"])
            seen.add(explorer.settle().find("#chosen").inner_text())
    assert any(text.startswith("pair ") for text in seen), seen


def stays_apart_from_its_neighbour(explorer, run):
    """two explorers on one page do not touch each other"""
    explorer.open("two.html")
    neighbour = Explorer(explorer.page, explorer.folder, 1)
    before = neighbour.setting(), neighbour.find("#loss").inner_text()
    explorer.type("#temperature-number", 3)
    assert (neighbour.setting(), neighbour.find("#loss").inner_text()) == before
    neighbour.type("#temperature-number", 4)
    assert explorer.setting()[0] == 3 and neighbour.setting()[0] == 4
    assert explorer.page.evaluate("() => ['uPlot', 'start', 'explore'].every((name) => !(name in window))")


def follows_the_theme(explorer, run):
    """it is dark on a dark page, and takes JupyterLab's colours where there are any"""
    explorer.page.emulate_media(color_scheme="dark")
    explorer.open("high.html")
    theme = lambda: explorer.settle().find(".explorer").get_attribute("data-theme")
    assert theme() == "dark"
    explorer.page.evaluate("() => document.documentElement.style.setProperty('--jp-layout-color0', 'white')")
    assert theme() == "light"
    explorer.page.evaluate("() => document.documentElement.style.removeProperty('--jp-layout-color0')")
    assert theme() == "dark"
    explorer.page.emulate_media(color_scheme="dark", media="print")
    assert theme() == "light"
    explorer.page.emulate_media(color_scheme="dark", media="screen")
    assert theme() == "dark"


def fits_a_narrow_page(explorer, run):
    """nothing is cut off on a telephone"""
    explorer.page.set_viewport_size({"width": 400, "height": 800})
    explorer.open("high.html")
    width = explorer.page.evaluate("() => document.documentElement.scrollWidth")
    assert width <= 400, width


def condenses_a_large_run(explorer, run):
    """a large run is drawn from groups of similarities"""
    explorer.open("large.html")
    explorer.press("#epoch", "Home")
    explorer.drag("#landscape .u-over", (0.5, 0.5), (0.6, 0.6))
    assert explorer.number("#loss") > 0


def shows_the_smallest_run(explorer, run):
    """a run of two pairs in one dimension, without snapshots, is shown as well"""
    explorer.open("tiny.html")
    explorer.find("#play").click()
    explorer.press("#temperature", "PageDown")
    explorer.find("#zoom").check()
    assert explorer.settle().number("#loss") > 0


def meets_the_native_engine(explorer, run):
    """the page trains the published experiments to the numbers of the native engine and of the paper"""
    explorer.open("sphere.html")
    for native in json.loads((explorer.folder / "native.json").read_text()):
        explorer.train(native["experiment"])
        t, bias = explorer.setting()
        for expected in [native["temperature"], native["published"]]:
            assert math.isclose(t, expected, rel_tol=1e-3), f"{native}: t = {t}"
        assert math.isclose(bias, native["relative_bias"], abs_tol=1e-3), f"{native}: b_rel = {bias}"
        assert math.isclose(explorer.number("#margin"), native["margin"], abs_tol=1e-3), native
    assert explorer.data("engine") == "worker"


def trains_with_every_knob(explorer, run):
    """each knob is turned by key and by number, and the run that is shown is the one that it describes"""
    explorer.open("sphere.html")
    for key, number in KNOBS.items():
        before = explorer.setting_as("json")
        explorer.press(f"#knob-{key}", "ArrowRight", "ArrowRight")
        assert explorer.setting_as("json") != before, f"{key} did not move"
        explorer.type(f"#number-{key}", number)
        explorer.trained()
        told = json.loads(explorer.setting_as("json"))[key]
        assert number == (told["init"] if isinstance(told, dict) else told), (key, told)
    explorer.find("#trained-bias").check()
    explorer.find("#bias-kind").select_option("absolute")
    explorer.find("#knob-locked").check()
    explorer.find("#knob-numerics").select_option("exact")
    explorer.find("#trained-temperature").uncheck()
    explorer.trained()
    told = json.loads(explorer.setting_as("json"))
    assert told["bias"] == {"kind": "absolute", "init": 0.25, "trainable": True}, told
    assert (told["locked"], told["numerics"], told["temperature"]["trainable"]) == (True, "exact", False), told
    assert explorer.find("#title").inner_text().startswith("N = 12, d = 5, M = 3, seed 7: t fixed at 20, b trained")
    assert explorer.setting()[0] == 20 and explorer.find("#numerics").input_value() == "exact"
    assert explorer.find("#epoch-value").inner_text() == "300"


KNOBS = {
    "pairs": 12, "dim": 5, "modalities": 3, "temperature": 20, "bias": 0.25, "learning_rate": 0.02,
    "epochs": 300, "seed": 7, "skip": 2,
}


def gives_and_takes_the_setting(explorer, run):
    """the setting is given as Rust and as JSON, and taken from JSON and from the address"""
    explorer.open("sphere.html")
    wanted = {"pairs": 11, "dim": 4, "epochs": 200, "bias": {"kind": "absolute", "init": 10, "trainable": True}}
    explorer.setting_as("json")
    explorer.find("#code").fill(json.dumps(wanted))
    explorer.find("#take").click()
    explorer.trained()
    rust = explorer.setting_as("rust")
    for line in ["pairs: 11,", "dim: 4,", "epochs: 200,", "bias: Bias::trained(BiasKind::Absolute, 10.0),"]:
        assert line in rust, rust
    assert json.loads(explorer.setting_as("abridged")) == wanted
    t = explorer.setting()[0]
    address = explorer.page.url
    assert "#experiment=" in address
    explorer.page.goto("about:blank")
    explorer.page.goto(address)
    explorer.trained()
    assert explorer.setting()[0] == t
    explorer.setting_as("json")
    explorer.find("#code").fill('{"pears": 3}')
    explorer.find("#take").click()
    assert "pears" in explorer.find("#code-said").inner_text()
    explorer.find("#recorded").click()
    close(explorer.settle().setting()[0], run["temperature"], "t of the recorded run")


def pauses_steps_and_starts_anew(explorer, run):
    """a training that is watched can be paused, goes on by a step, continues, and can be scrubbed"""
    explorer.open("sphere.html")
    explorer.find("#restart").click()
    # A whole map would take longer than a frame of the page.
    explorer.find('#landscape[data-columns="45"]').wait_for(state="attached")
    epoch = lambda: int(explorer.settle().find("#epoch-value").inner_text().replace(",", ""))
    while "epoch" not in explorer.find("#progress").inner_text() or not 3 < epoch() < 2000:
        pass
    explorer.find("#play").click()
    explorer.page.wait_for_timeout(200)
    paused = epoch()
    explorer.page.wait_for_timeout(300)
    assert epoch() == paused < 2000, "it trains on"
    explorer.find("#step").click()
    explorer.page.wait_for_timeout(300)
    assert epoch() == paused + 1
    explorer.find("#play").click()
    explorer.trained()
    assert epoch() == 2000
    explorer.find('#landscape[data-columns="90"]').wait_for(state="attached")
    close(explorer.setting()[0], run["temperature"], "t")
    explorer.press("#epoch", "Home")
    assert epoch() == 0
    explorer.find("#step").click()
    explorer.page.wait_for_timeout(500)
    assert epoch() == 1, "a step goes on from the moment that is shown"


def shares_the_engine(explorer, run):
    """an explorer without the engine trains with that of its neighbour"""
    explorer.open("shared.html")
    explorer.train({"pairs": 9, "dim": 3, "epochs": 100})
    assert explorer.data("engine") == "worker" and explorer.find("#epoch-value").inner_text() == "100"


def forbid(explorer, name, policy):
    """The page under a policy, as notebooks' servers send them."""
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    text = (explorer.folder / name).read_text().replace("<head>", f"<head>{meta}")
    (explorer.folder / "forbidden.html").write_text(text)
    return explorer.open("forbidden.html")


def trains_without_workers(explorer, run):
    """where workers are forbidden it trains between the frames"""
    forbid(explorer, "sphere.html", "script-src 'unsafe-inline' 'wasm-unsafe-eval'; worker-src 'none'")
    explorer.train({"pairs": 20, "dim": 3, "epochs": 2000})
    assert explorer.data("engine") == "page"
    close(explorer.setting()[0], run["temperature"], "t")


def shows_what_was_recorded_without_webassembly(explorer, run):
    """where WebAssembly is forbidden it says so, and scrubs through what was recorded"""
    forbid(explorer, "sphere.html", "script-src 'unsafe-inline'")
    explorer.press("#knob-seed", "ArrowRight")
    explorer.page.wait_for_function("() => document.querySelector('.siglip-explorer').shadowRoot.querySelector('.explorer').dataset.engine === 'none'")
    assert "recorded" in explorer.find("#status").inner_text()
    close(explorer.setting()[0], run["temperature"], "t")
    explorer.press("#epoch", "Home")
    assert explorer.find("#epoch-value").inner_text() == "0"


def shows_the_picture_without_scripts(explorer, run):
    """where scripts are forbidden there is the picture"""
    explorer.page.goto((explorer.folder / "front.html").as_uri())
    picture = explorer.page.locator(".siglip-explorer img")
    assert picture.is_visible() and picture.evaluate("(image) => image.naturalWidth") > 0


def trains_at_once_on_the_front_page(explorer, run):
    """the front page trains before anybody has done anything, and takes guided experiments"""
    explorer.open("front.html").trained()
    close(explorer.setting()[0], 950.98, "t")
    print(f"   first training after {explorer.data('first-report')} ms")
    explorer.page.get_by_role("button", name="10", exact=True).click()
    explorer.trained()
    assert explorer.find("#title").inner_text().startswith("N = 20, d = 10, M = 10")
    assert explorer.find("#tries tbody tr").count() == 2


def trains_on_a_narrow_page(explorer, run):
    """all knobs are there on a telephone"""
    explorer.page.set_viewport_size({"width": 360, "height": 800})
    explorer.page.emulate_media(color_scheme="dark")
    explorer.open("front.html").trained()
    width = explorer.page.evaluate("() => document.documentElement.scrollWidth")
    assert width <= 360, width


CHECKS = [
    opens_at_the_result,
    follows_typed_settings,
    follows_the_sliders,
    follows_a_drag_on_the_maps,
    scrubs_through_training,
    turns_the_sphere,
    stays_apart_from_its_neighbour,
    follows_the_theme,
    fits_a_narrow_page,
    condenses_a_large_run,
    shows_the_smallest_run,
    meets_the_native_engine,
    trains_with_every_knob,
    gives_and_takes_the_setting,
    pauses_steps_and_starts_anew,
    shares_the_engine,
    trains_without_workers,
    shows_what_was_recorded_without_webassembly,
    shows_the_picture_without_scripts,
    trains_at_once_on_the_front_page,
    trains_on_a_narrow_page,
]

if __name__ == "__main__":
    if BROWSER is None:
        print("no Chromium or Chrome on the path")
        sys.exit(77)
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
