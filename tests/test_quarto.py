"""What nbdev asks of Quarto, and what it gives it: with a stand-in for the `quarto` program.

The real program comes from no package registry. The stand-in, first on PATH, writes down how it is
called and what lies before it, and leaves the files that it is asked for. So this checks all of
`nbdev_docs` but Quarto's own work, in a copy of the project.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from conftest import ROOT, repository_files
from site_sample import copy_project

pytest.importorskip("nbdev", reason="the site needs nbdev")
from docsite.build import READER
from docsite.markdown import split_options
from docsite.process import DocsError, read_facts, read_pages

# A page as Quarto writes it, as far as website/finish.py looks at it
PAGE = """<!DOCTYPE html>
<html><head><title>T</title>
<script src="https://x.example/polyfill.min.js?features=es6"></script>
<script src="https://x.example/mathjax@3/tex-chtml-full.js" type="text/javascript"></script>
<script type="text/javascript">
const typesetMath = (el) => { if (window.MathJax) window.MathJax.typeset([el]); }
window.Quarto = { typesetMath };
</script>
<script>const kept = 1;</script>
</head><body><header id="quarto-header" class="fixed-top"><nav class="navbar navbar-expand-lg "></nav>
</header>
<nav id="quarto-sidebar" class="sidebar"><ul>SIDEBAR</ul></nav>
<main class="content" id="quarto-document-content">
<header id="title-block-header"><h1 class="title">T</h1></header>
<section id="one"><h2>One</h2><p>See <a href="./gradients.html#eq-g3" class="equation quarto-xref">(G3)</a>:
<span class="math inline">\\(x^2\\)</span></p>
<div class="cell" id="one-cell"><div class="sourceCode" id="cb1"><pre><code><span id="cb1-1">y = x</span>
</code></pre></div></div></section>
</main></body></html>
"""
ITEM = """<li class="sidebar-item">
  <div class="sidebar-item-container">
  <a href="./{}" class="sidebar-item-text sidebar-link">
 <span class="menu-text">{}</span></a>
  </div>
</li>
"""

STAND_IN = r"""#!{python}
import json, os, pathlib, shlex, subprocess, sys, yaml
here = pathlib.Path.cwd()
seen = {{"argv": sys.argv[1:], "cwd": str(here), "files": sorted(os.listdir(here))}}
with open({log!r}, "a") as log:
    log.write(json.dumps(seen) + "\n")
docs = here / "_docs"
docs.mkdir(exist_ok=True)
if "-o" in sys.argv:
    written = [docs / sys.argv[sys.argv.index("-o") + 1]]
    written[0].write_text("# by Quarto\n")
    figures = docs / "index_files" / "figure-commonmark"
    figures.mkdir(parents=True, exist_ok=True)
    (figures / "cell-2-output-1.svg").write_text("<svg/>")
else:
    (docs / "site_libs").mkdir(exist_ok=True)
    for name in ("sitemap.xml", "robots.txt", "search.json"):
        (docs / name).write_text("")
    found = {{}}
    for notebook in sorted(here.glob("*.ipynb"), key=lambda path: (path.stem != "index", path.name)):
        front = "".join(json.loads(notebook.read_text())["cells"][0]["source"])
        facts = yaml.safe_load(front.split("---")[1])
        found[facts["output-file"]] = facts["title"]
    sidebar = "".join({item!r}.format(*entry) for entry in found.items())
    written = [docs / name for name in found]
    for path in written:
        own = f'./{{path.name}}" class="sidebar-item-text sidebar-link'
        path.write_text({page!r}.replace("SIDEBAR", sidebar.replace(own, own + " active")))
command = yaml.safe_load((here / "_quarto.yml").read_text())["project"]["post-render"]
names = "\n".join(str(path.relative_to(here)) for path in written)
env = {{**os.environ, "QUARTO_PROJECT_OUTPUT_DIR": str(docs), "QUARTO_PROJECT_OUTPUT_FILES": names}}
sys.exit(subprocess.run(shlex.split(command), env=env).returncode)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A copy of the project after `nbdev_docs` with the stand-in."""
    folder = tmp_path_factory.mktemp("quarto")
    copy = copy_project(folder, with_sample=False)
    program = folder / "bin" / "quarto"
    program.parent.mkdir()
    log = str(folder / "calls")
    text = STAND_IN.format(python=sys.executable, log=log, item=ITEM, page=PAGE)
    program.write_text(text)
    program.chmod(0o755)
    (copy / "README.md").unlink(missing_ok=True)
    nbdev_docs(copy)
    return copy


def nbdev_docs(project: Path) -> None:
    run(project, "nbdev_docs")


def run(project: Path, command: str) -> None:
    """Run a command of nbdev as a contributor does, where `quarto` is the stand-in."""
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    python = str(Path(sys.executable).parent)
    env["PATH"] = os.pathsep.join([f"{project.parent}/bin", python, env["PATH"]])
    env.pop("IN_TEST", None)
    program = Path(sys.executable).with_name(command)
    done = subprocess.run([program], cwd=project, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def calls(project: Path) -> list[dict]:
    log = (project.parent / "calls").read_text()
    return list(map(json.loads, log.splitlines()))


def leaves(facts: object, path: tuple = ()) -> set[tuple]:
    """The path of every single fact in a configuration."""
    if not isinstance(facts, dict):
        return {path}
    found = set()
    for key, value in facts.items():
        found |= leaves(value, (*path, key))
    return found


def test_nbdev_asks_for_the_readme_and_then_for_the_site(project):
    readme, site = calls(project)[:2]
    processed = str(project / "_proc")
    assert readme["cwd"] == site["cwd"] == processed
    wanted = ["render", f"{processed}/index.ipynb", "-o", "README.md", "-t", "gfm", "--no-execute"]
    assert readme["argv"] == wanted
    assert site["argv"] == ["render", "--no-cache"]


def test_quarto_finds_all_it_needs(project):
    files = calls(project)[1]["files"]
    processed = project / "_proc"
    facts = read_facts(processed)
    assert {"_quarto.yml", *facts["metadata-files"]} <= set(files)
    html = facts["format"]["html"]
    for name in [html["theme"]["light"][1], html["theme"]["dark"][1], *html["filters"]]:
        assert (processed / name).is_file() and (project / "nbs" / name).is_file()
    for page in read_pages(processed, facts):
        assert page.notebook in files and page.title and page.output.endswith(".html")


def test_the_configuration(project):
    written = (ROOT / "_quarto.yml").read_text()
    assert (project / "nbs/_quarto.yml").is_symlink()
    assert (project / "_proc/_quarto.yml").read_text() == written
    facts = read_facts(project / "_proc")
    assert facts["project"].keys() == {"type", "output-dir", "post-render"}
    html = facts["format"].pop("html")
    assert not facts["format"], "any other format is rendered for every page as well"
    assert html["html-math-method"] == "mathjax"
    settings = (project / "settings.ini").read_text()
    assert f"title = {facts['website']['title']}\n" in settings
    for name in facts["metadata-files"]:
        generated = yaml.safe_load((project / "nbs" / name).read_text())
        assert not leaves(yaml.safe_load(written)) & leaves(generated), name


def test_the_results_land_where_they_belong(project):
    processed = project / "_proc"
    pages = read_pages(processed, read_facts(processed))
    built = {path.name for path in (project / "_docs").glob("*.html")}
    assert built == {page.output for page in pages}
    offered = {path.name for path in (project / "_docs/notebooks").iterdir()}
    assert offered == {page.notebook for page in pages}


def test_readme_is_the_one_that_is_committed(project):
    """Though nbdev has Quarto write another one, and figures beside it."""
    assert (project / "README.md").read_text() == (ROOT / "README.md").read_text()
    for path in (ROOT / "index_files").rglob("*.svg"):
        assert (project / path.relative_to(ROOT)).read_bytes() == path.read_bytes()
    assert not (project / "index_files/figure-commonmark/cell-2-output-1.svg").exists()


def test_building_leaves_the_sources_as_they_are(project):
    for name in repository_files():
        assert (project / name).read_bytes() == (ROOT / name).read_bytes(), name


def test_a_fresh_readme_is_left_alone(project):
    readme, before = project / "README.md", len(calls(project))
    readme.write_text("by hand\n")
    nbdev_docs(project)
    (call,) = calls(project)[before:]
    assert call["argv"] == ["render", "--no-cache"]
    assert readme.read_text() == "by hand\n"


def test_readme_is_that_one_where_nothing_was_built_before(project, tmp_path):
    """`nbdev_prepare` in a fresh clone: no side bar has been made yet."""
    copy = copy_project(tmp_path, with_sample=False)
    shutil.copytree(project.parent / "bin", tmp_path / "bin")
    (copy / "README.md").unlink()
    run(copy, "nbdev_readme")
    assert not (copy / "nbs/sidebar.yml").exists()
    assert (copy / "README.md").read_text() == (ROOT / "README.md").read_text()


# --- what finish.py does to a page of Quarto ------------------------------------------------------


@pytest.fixture(scope="module")
def page(project) -> str:
    return (project / "_docs/rnn_backward.html").read_text()


def test_formulas_are_drawn_and_nothing_is_fetched_for_them(page):
    assert "x.example" not in page and "typesetMath" not in page and "const kept" in page
    assert "\\(" not in page and "<msup><mi>x</mi><mn>2</mn></msup>" in page
    assert (page.index("site_libs/formulas.css")) < page.index("</head>")


def test_glyphs_of_what_is_looked_at_on_another_page_are_there(page):
    template = page[page.index("<template") : page.index("</template>")]
    used = set(re.findall(r'xlink:href="#([^"]+)"', template))
    assert used and all(f'id="{glyph}"' in page for glyph in used)


def test_the_list_of_chapters_has_numbers_and_parts(page):
    start, end = page.index("quarto-sidebar"), page.index("<main")
    text = re.sub(r"<[^>]*>", " ", page[start:end])
    words = text.split()
    found = " ".join(words)
    for piece in (
        "rnn_stepwise 0 Notation",
        "6 The RNN backward pass",
        "Appendices Derivatives",
        "Look up Functions Questions people ask Stuck? Symbols and equations",
    ):
        assert piece in found, found
    assert page.count('class="sidebar-item part"') == 2
    (here,) = re.findall(r'<a href="./([^"]+)"[^>]* active" aria-current="page"', page)
    assert here == "rnn_backward.html"


def test_each_page_offers_its_notebook(page):
    start = page.index("title-block-header")
    header = page[start : page.index("</header>", start)]
    assert '<a href="notebooks/06_rnn_backward.ipynb" download>' in header
    assert '<nav aria-label="Chapters" id="quarto-sidebar"' in page
    assert "tabIndex" in page and "beforeprint" in page
    assert page.index('class="skip" href="#quarto-document-content"') < page.index("<nav")


def test_the_search_knows_passages_and_names(project):
    entries = json.loads((project / "_docs/search.json").read_text())
    found = {entry["href"]: entry for entry in entries}
    assert found["rnn_backward.html#rnn_cell_backward"]["section"] == "rnn_cell_backward"
    assert "equations (R6) to (R11)" in found["rnn_backward.html#rnn_cell_backward"]["text"]
    assert found["rnn_backward.html#one-cell"]["text"] == "y = x", (
        "lines of code have no lasting anchor"
    )
    assert found["rnn_backward.html#one"]["text"].startswith("See (G3):")
    assert not any("\\(" in entry["text"] for entry in entries)
    assert len({entry["objectID"] for entry in entries}) == len(entries)


def test_there_is_no_map_of_a_site_without_an_address(project):
    assert not {"sitemap.xml", "robots.txt"} & {path.name for path in (project / "_docs").iterdir()}


def test_the_notebooks_stay_as_they_are(project):
    for path in (ROOT / "nbs").glob("*.ipynb"):
        copied = project / "nbs" / path.name
        assert copied.read_bytes() == path.read_bytes()


# --- the notebooks use only what both engines understand ------------------------------------------

PANDOC = "pandoc"  # inside Quarto and inside docsite alike
# What a notebook may use -> what handles it in Quarto; which file of docsite/ or website/ does in the
# embedded site, and by which word
FEATURES = {
    "BlockQuote": (PANDOC, "style.css", "blockquote"),
    "BulletList": (PANDOC, "style.css", "ul"),
    "Code": (PANDOC, "style.css", "code"),
    "CodeBlock": (PANDOC, "quarto.lua", "CodeBlock"),
    "Emph": (PANDOC, "build.py", "pandoc"),
    "DefinitionList": (PANDOC, "style.css", "dt"),
    "Div .equation-row": ("theme.scss", "style.css", "equation-row"),
    "Header": (PANDOC, "page.lua", "Header"),
    "Header #": ("identifiers of pandoc", "build.py", "--section-divs"),
    "HorizontalRule": (PANDOC, "style.css", "hr"),
    "Image": (PANDOC, "quarto.lua", "Image"),
    "Link": ("links between notebooks become links between pages", "quarto.lua", "link_map"),
    "Math DisplayMath": ("formulas.py", "formulas.py", "display"),
    "Math InlineMath": ("formulas.py", "formulas.py", "inline"),
    "Math \\tag": ("page.lua", "page.lua", "\\tag"),
    "OrderedList": (PANDOC, "style.css", "ol"),
    "Para": (PANDOC, "style.css", "p"),
    "Plain": (PANDOC, "style.css", "p"),
    "Quoted": (PANDOC, "build.py", "READER"),
    "Raw code": ("the browser", "style.css", "code"),
    "Raw comment": (PANDOC, "build.py", "pandoc"),
    "Raw details": ("the browser", "style.css", "details"),
    "Raw summary": ("the browser", "style.css", "summary"),
    "Reference @fig": ("cross references", "quarto.lua", "Cite"),
    "Reference @tbl": ("cross references", "quarto.lua", "Cite"),
    "Span #": (PANDOC, "search.py", "place_of"),
    "Strong": (PANDOC, "build.py", "pandoc"),
    "Superscript": (PANDOC, "build.py", "pandoc"),
    "Subscript": (PANDOC, "build.py", "pandoc"),
    "Table": (PANDOC, "quarto.lua", "Table"),
    "Option code-fold": ("code folding", "quarto.lua", "code-fold"),
    "Option code-summary": ("code folding", "quarto.lua", "code-summary"),
    "Option echo": ("cell options", "markdown.py", "echo"),
    "Option eval": ("cell options (nothing is executed)", "markdown.py", "eval"),
    "Option fig-alt": ("figure options", "markdown.py", "fig-alt"),
    "Option fig-cap": ("figure options", "markdown.py", "fig-cap"),
    "Option include": ("cell options", "markdown.py", "include"),
    "Option label": ("cross references", "markdown.py", "label"),
    "Option output": ("cell options", "markdown.py", "output"),
    "Option tbl-cap": ("table options", "markdown.py", "tbl-cap"),
}
SILENT = {
    "Str",
    "Space",
    "SoftBreak",
    "LineBreak",
    "Decimal",
    "Period",
    "DefaultStyle",
    "DefaultDelim",
}
SILENT |= {"SingleQuote", "DoubleQuote"}


def features_of(node: object) -> Iterator[str]:
    """What a piece of pandoc's document is made of."""
    if isinstance(node, list):
        for child in node:
            yield from features_of(child)
    if not isinstance(node, dict):
        return
    kind, content = node.get("t", ""), node.get("c")
    if kind in ("RawInline", "RawBlock"):
        tags = re.findall(r"<(!--|\w+)", content[1])
        yield from (f"Raw {'comment' if tag == '!--' else tag}" for tag in tags)
    elif kind == "Cite":
        yield from (f"Reference @{c['citationId'].split('-')[0]}" for c in content[0])
    elif kind == "Math":
        yield f"Math {content[0]['t']}"
        yield from ["Math \\tag"] * ("\\tag" in content[1])
    elif kind in ("Div", "Span"):
        identifier, classes, attributes = content[0]
        named = (
            ["#"] * bool(identifier) + [f".{c}" for c in classes] + [f"{k}=" for k, _ in attributes]
        )
        yield from (f"{kind} {part}" for part in named or [""])
        yield from features_of(content[1])
    elif kind == "Header":
        yield from ["Header", "Header #"]
        yield from features_of(content[2])
    elif kind == "Table":
        yield "Table"
        yield from (found for found in features_of(content) if found)
    else:
        if kind and kind not in SILENT and not kind.startswith(("Align", "ColWidth")):
            yield kind
        yield from features_of(content)


def used_features(path: Path) -> set[str]:
    """Every feature that one notebook uses."""
    pypandoc = pytest.importorskip("pypandoc", reason="the site needs pypandoc_binary")
    prose, found = [], set()
    for cell in json.loads(path.read_text())["cells"][1:]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            prose.append(source)
            continue
        options, _ = split_options(keep_options(source))
        found |= {f"Option {key}" for key in options}
    document = pypandoc.convert_text("\n\n".join(prose), "json", format=READER)
    blocks = json.loads(document)["blocks"]
    return found.union(features_of(blocks))


def keep_options(source: str) -> str:
    """A cell without nbdev's directives, which nbdev has consumed when Quarto reads the cell."""
    kept = []
    for line in source.splitlines(keepends=True):
        if not line.startswith("#|") or re.match(r"#\| ?[a-z-]+: ", line):
            kept.append(line)
    return "".join(kept)


def test_the_notebooks_use_only_what_both_engines_understand():
    everything = set()
    for path in (ROOT / "nbs").glob("*.ipynb"):
        used = used_features(path)
        unknown = used - FEATURES.keys()
        assert not unknown, f"{path.name}: say in FEATURES what handles it in each engine"
        everything |= used
    assert len(everything) > 15


def test_the_renderer_handles_what_the_list_says():
    for feature, (_, file, word) in FEATURES.items():
        (path,) = [path for folder in ("docsite", "website") for path in (ROOT / folder).glob(file)]
        text = path.read_text()
        assert word in text, f"{feature}: no {word} in {file}"


def test_a_feature_that_is_not_listed_is_noticed(tmp_path):
    prose = ["# T", "::: {.panel-tabset}\nx\n:::", "a~~b~~"]
    made = [{"cell_type": "markdown", "source": text} for text in prose]
    notebook = tmp_path / "x.ipynb"
    notebook.write_text(json.dumps({"cells": made}))
    unknown = used_features(notebook) - FEATURES.keys()
    assert unknown == {"Div .panel-tabset", "Strikeout"}
    made.append({"cell_type": "code", "source": "#| column: margin\nx"})
    notebook.write_text(json.dumps({"cells": made}))
    with pytest.raises(DocsError, match="column"):
        used_features(notebook)
