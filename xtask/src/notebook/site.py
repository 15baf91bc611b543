"""Writes notebooks and the report as web pages that are opened from disk and ask nobody for anything.

usage: site.py FOLDER LOGS NOTEBOOK...

One page a notebook, with what nbconvert's own page fetches left out or done here: formulas become
MathML, which browsers draw themselves. The report and its figures are those of LOGS. `entries.json`
says of each notebook, in the order given, what the front page shows of it.
"""

import html
import json
import re
import shutil
import sys
from pathlib import Path

import nbformat
from jinja2 import DictLoader
from latex2mathml.converter import convert
from nbconvert.exporters import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

PAGE = """
{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js_requirejs -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block html_head_css -%}
{%- set dark = resources.include_css('static/theme-dark.css') -%}
{{ dark | replace('<style type="text/css">', '<style media="screen and (prefers-color-scheme: dark)">') }}
<style>
:root { color-scheme: light dark; }
main { max-width: 1100px; margin: 0 auto; padding: 0 16px 48px; }
body { background: var(--jp-layout-color0); }
nav a { color: var(--jp-content-link-color); }
nav { max-width: 1100px; margin: 16px auto; padding: 0 16px; font-family: system-ui, sans-serif; }
.jp-RenderedMarkdown math { font-size: 1.08em; }
mtext { font-family: system-ui, sans-serif; }
.jp-RenderedImage img { max-width: 100%; height: auto; }
@media print { .highlight pre { white-space: pre-wrap; } nav { display: none; } }
</style>
{%- endblock -%}
{%- block body_header -%}
{{ super() }}
<nav><a href="index.html">Front page</a></nav>
{%- endblock -%}
"""

REPORT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Reproduction report</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 1000px; margin: 16px auto; padding: 0 16px; }}
img {{ max-width: 100%; background: white; }}
table {{ border-collapse: collapse; display: block; overflow-x: auto; font-size: 14px; }}
td, th {{ border: 1px solid #8080803d; padding: 2px 8px; text-align: left; }}
mtext {{ font-family: system-ui, sans-serif; }}
@media (prefers-color-scheme: dark) {{ a {{ color: #8ab4f8; }} }}
</style>
</head>
<body>
<nav><a href="index.html">Front page</a></nav>
{report}
</body>
</html>
"""


class Renderer(IPythonRenderer):
    """Markdown with formulas as MathML."""

    def block_math(self, body):
        return mathml(body, "block")

    def inline_math(self, body):
        return mathml(body, "inline")


def mathml(tex, display):
    """What the converter does not know, in words that it knows."""
    tex = re.sub(r"\\(?:big|Big)[lr]?(?=\\|\(|\))", "", tex)
    tex = re.sub(r"\\(mathcal|mathsf) (\w)", r"\\\1{\2}", tex)
    tex = re.sub(r"([_^])(\\math\w+\{[^{}]*\})", r"\1{\2}", tex)
    tex = re.sub(r"\\mathsf\{(\w\w+)\}", r"\\textsf{\1}", tex)
    return convert(tex.strip(), display=display)


def markdown(source):
    return MarkdownWithMath(renderer=Renderer(escape=False, exclude_anchor_links=True)).render(source)


def page(path):
    exporter = HTMLExporter(extra_loaders=[DictLoader({"page.html.j2": PAGE})], template_file="page.html.j2")
    exporter.register_filter("markdown2html", markdown)
    body, _ = exporter.from_filename(path)
    return body


def entry(path, metrics):
    """A notebook's title, the paragraph below it, and the first of its figures."""
    title, _, rest = nbformat.read(path, as_version=4).cells[0].source.partition("\n")
    file = metrics / f"{path.stem}.json"
    figures = json.loads(file.read_text(encoding="utf-8"))["figures"] if file.exists() else []
    return {
        "title": html.escape(title.lstrip("# ")),
        "about": markdown(rest.strip().split("\n\n")[0]),
        "page": f"{path.stem}.html",
        "picture": f"figures/{figures[0]}" if figures else None,
    }


def report(text):
    """The report, whose links are from the folder of logs, as a page of the site."""
    text = re.sub(r"\]\(\.\./notebooks/(\w+)\.ipynb\)", r"](\1.html)", text)
    body = re.sub(r'(src|href)="([^"/]+\.(?:png|csv))"', r'\1="figures/\2"', markdown(text))
    # GitHub gives its headings these names, and the report links to them.
    body = re.sub(r"<h2[^>]*>(\w+)</h2>", lambda h: f'<h2 id="{h[1].lower()}">{h[1]}</h2>', body)
    return REPORT.format(report=body)


def main(folder, logs, *notebooks):
    folder, logs = Path(folder), Path(logs)
    for place in ["figures", "metrics"]:
        (folder / place).mkdir(parents=True, exist_ok=True)
    for file in [*logs.glob("*.png"), *logs.glob("*.csv")]:
        shutil.copy(file, folder / "figures")
    for file in logs.glob("metrics/*.json"):
        shutil.copy(file, folder / "metrics")
    paths = [Path(notebook) for notebook in notebooks]
    for path in paths:
        (folder / f"{path.stem}.html").write_text(page(path), encoding="utf-8")
    text = (logs / "REPORT.md").read_text(encoding="utf-8")
    (folder / "report.html").write_text(report(text), encoding="utf-8")
    entries = [entry(path, logs / "metrics") for path in paths]
    (folder / "entries.json").write_text(json.dumps(entries, indent=1), encoding="utf-8")


main(*sys.argv[1:])
