"""Writes notebooks as a web site that is opened from disk and asks nobody for anything.

usage: site.py FOLDER NOTEBOOK...

One page a notebook, with what nbconvert's own page fetches left out or done here: formulas become
MathML, which browsers draw themselves. `index.html` lists the notebooks in the order given.
"""

import html
import re
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
<nav><a href="index.html">All notebooks</a></nav>
{%- endblock -%}
"""

INDEX = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 760px; margin: 40px auto; padding: 0 16px; }}
h1 {{ font-size: 24px; line-height: 1.25; }}
h2 {{ font-size: 17px; margin: 22px 0 2px; }}
p {{ margin: 0 0 8px; }}
math {{ font-size: 1.05em; }}
mtext {{ font-family: system-ui, sans-serif; }}
@media (prefers-color-scheme: dark) {{ a {{ color: #8ab4f8; }} }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>Executed notebooks; the explorers in them are alive.</p>
{entries}
</body>
</html>
"""
TITLE = "Global minimizers of the sigmoid contrastive loss"


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


def entry(path):
    """A notebook's title, as a link, and the paragraph below it."""
    first = nbformat.read(path, as_version=4).cells[0].source
    title, _, rest = first.partition("\n")
    title = html.escape(title.lstrip("# "))
    paragraph = markdown(rest.strip().split("\n\n")[0])
    return f'<h2><a href="{html.escape(path.stem)}.html">{title}</a></h2>\n{paragraph}'


def main(folder, *notebooks):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [Path(notebook) for notebook in notebooks]
    for path in paths:
        (folder / f"{path.stem}.html").write_text(page(path), encoding="utf-8")
    entries = "\n".join(entry(path) for path in paths)
    (folder / "index.html").write_text(INDEX.format(title=TITLE, entries=entries), encoding="utf-8")


main(*sys.argv[1:])
