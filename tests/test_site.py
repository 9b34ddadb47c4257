"""The site that `python -m docsite` builds without Quarto: its pages, and how it is built."""

import ast
import asyncio
import inspect
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml
from lxml import html

from site_sample import (
    SVG,
    built_project,
    cell,
    copy_project,
    display,
    notebook,
    public_names,
    result,
    run_docsite,
)

pypandoc = pytest.importorskip("pypandoc", reason="the site needs pypandoc_binary")
pytest.importorskip("nbdev", reason="the site needs nbdev")
pytest.importorskip("livereload", reason="serving needs livereload")
from tornado.websocket import websocket_connect

from docsite.build import READER, run_pandoc
from docsite.markdown import Converter
from docsite.process import DocsError, Page, merged, read_facts, read_pages
from docsite.search import NAME, PROSE
from website.equations import read_equations


class Document(HTMLParser):
    """What the tests want to know of a page."""

    def __init__(self, path: Path):
        super().__init__()
        self.ids, self.section_ids, self.links = [], [], []
        self.images, self.loaded, self.captions, self.chapters = [], [], [], []
        self.prose = ""
        self.open_tags: list[tuple[str, dict]] = []
        self.html = path.read_text()
        self.feed(self.html)

    def inside(self, *tags: str) -> bool:
        return any(name in tags for name, _ in self.open_tags)

    def in_list_of_chapters(self) -> bool:
        return ("nav", "Chapters") in [(n, found.get("aria-label")) for n, found in self.open_tags]

    def handle_starttag(self, tag, pairs):
        found = dict(pairs)
        if "id" in found:
            self.ids.append(found["id"])
            if tag == "section":
                self.section_ids.append(found["id"])
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
            if self.in_list_of_chapters():
                self.chapters.append((found["href"], "aria-current" in found))
        if tag == "img":
            self.images.append(found)
        if tag in ("img", "script", "iframe", "source", "video") and "src" in found:
            self.loaded.append(found["src"])
        if tag == "link":
            self.loaded.append(found["href"])
        if tag == "figcaption":
            self.captions.append("")
        if tag not in ("img", "meta", "link", "br", "hr", "input", "col", "wbr"):
            self.open_tags.append((tag, found))

    def handle_endtag(self, tag):
        while self.open_tags and self.open_tags.pop()[0] != tag:
            pass

    def handle_data(self, text):
        if self.inside("figcaption"):
            self.captions[-1] += text
        is_formula = "math" in str(self.open_tags[-1:])
        if not is_formula and not self.inside("pre", "code", "script", "style"):
            self.prose += text


def load(notebook: Path) -> dict:
    return json.loads(notebook.read_text())


@pytest.fixture(scope="session")
def project() -> Path:
    return built_project()


@pytest.fixture(scope="session")
def pages(project) -> list[Page]:
    processed = project / "_proc"
    return read_pages(processed, read_facts(processed))


@pytest.fixture(scope="session")
def documents(project, pages) -> dict[str, Document]:
    found = {}
    for output in [page.output for page in pages]:
        found[output] = Document(project / "_docs" / output)
    return found


@pytest.fixture(scope="session")
def everything(project) -> str:
    return (project / "_docs" / "everything.html").read_text()


# --- the pages ------------------------------------------------------------------------------------


def test_one_page_per_notebook_in_the_order_of_the_sidebar(project, pages, documents):
    sidebar = yaml.safe_load((project / "nbs" / "sidebar.yml").read_text())
    notebooks = [page.notebook for page in pages]
    assert notebooks == sidebar["website"]["sidebar"]["contents"]
    assert set(notebooks) == {path.name for path in (project / "nbs").glob("*.ipynb")}
    order = [page.output for page in pages]
    built = {path.name for path in (project / "_docs").glob("*.html")}
    assert built == set(order)
    for output, document in documents.items():
        assert document.chapters == [(name, name == output) for name in order]


def test_the_appendices_stand_under_a_heading_of_their_own(project):
    page = html.fromstring((project / "_docs/index.html").read_text())
    (chapters,) = page.xpath("//nav[@aria-label='Chapters']//ol")
    entries = [entry.text_content().strip() for entry in chapters]
    start, end = entries.index("Appendices"), entries.index("Look up")
    for entry in entries[1:start]:
        assert entry[0].isdigit(), "a chapter"
    assert "Checking arguments" in entries[start:end]
    look_up = ["Functions", "Questions people ask", "Stuck?", "Symbols and equations"]
    assert entries[end + 1 :] == look_up


def test_titles_and_descriptions(project, pages, documents):
    for page in pages:
        title_cell = "".join(load(project / "nbs" / page.notebook)["cells"][0]["source"])
        assert page.title in title_cell and page.description in title_cell
        text = documents[page.output].html
        title = re.search(r"<title>(.*)</title>", text)[1]
        assert title.startswith(page.title)
        assert "<h1>" in text and 'lang="en"' in text and 'class="skip"' in text
        assert ('class="description"' in text) == bool(page.description)
        assert text.count("<main") == 1


def test_previous_and_next(pages, documents):
    order = [page.output for page in pages]
    for before, output, after in zip([None, *order], order, [*order[1:], None]):
        found = dict(re.findall(r'rel="(prev|next)" href="([^"]+)"', documents[output].html))
        assert found.get("prev") == before and found.get("next") == after


def test_every_link_anchor_and_file_exists(project, documents):
    site = project / "_docs"
    for output, document in documents.items():
        for target in document.links + document.loaded:
            if re.match(r"(https?|mailto|data):", target):
                continue
            name, _, fragment = unquote(target).partition("#")
            assert not name.startswith("/"), f"{output}: {target} works only on one server"
            assert (site / (name or output)).is_file(), f"{output}: no file for {target}"
            if fragment:
                ids = documents[name or output].ids
                assert fragment in ids, f"{output}: no anchor for {target}"


def test_anchors_are_unique_and_those_of_pandoc(pages, documents):
    command = [pypandoc.get_pandoc_path(), f"--from={READER}", "--to=html", "--section-divs"]
    for page in pages:
        document = documents[page.output]
        twice = [name for name in document.ids if document.ids.count(name) > 1]
        assert not twice, page.output
        markdown = Converter(page, "figures").convert()
        plain = subprocess.run(command, input=markdown, capture_output=True, text=True).stdout
        expected = re.findall(r'<section id="([^"]+)"', plain)
        assert document.section_ids == expected, page.output


def test_every_exported_name_has_an_anchor_of_its_own(documents):
    """A section with the same identifier would take the anchor of the name: `#name` and `#name-1`."""
    for names in import_module("rnn_stepwise._modidx").d["syms"].values():
        for target, _ in names.values():
            page, _, name = target.partition("#")
            if "." in name or name.startswith("_"):  # methods and helpers have no page of their own
                continue
            document = documents[page]
            assert name in document.section_ids, target
            assert f"{name}-1" not in document.ids, f"{target} stands twice"


def test_no_markup_is_left_over(documents):
    leftovers = ("$$", ":::", "#|", "{{<", "{#", "{.", "?@", "](", "\\tag")
    for output, document in documents.items():
        found = [leftover for leftover in leftovers if leftover in document.prose]
        assert not found, output
        assert not re.search(r"^\s*#\|", document.html, re.M), output


def test_every_image_has_a_text(documents):
    for output, document in documents.items():
        for image in document.images:
            alt = image.get("alt", "")
            assert alt.strip(), f"{output}: {image['src']} has no fig-alt"


def test_figures_and_tables_are_numbered_in_order(documents):
    for output, document in documents.items():
        captions = "\n".join(document.captions)
        for kind in ("Figure", "Table"):
            numbers = re.findall(rf"^{kind}\xa0(\d+): \S", captions, re.M)
            expected = [str(number + 1) for number in range(len(numbers))]
            assert numbers == expected, output


def test_sections_are_numbered_within_their_chapter(project, pages):
    """Chapter 6 has the sections 6.1, 6.2; functions, and pages before and after, have no numbers."""
    for page in pages:
        text = (project / "_docs" / page.output).read_text()
        numbers = re.findall(r'<span class="header-section-number">([^<]*)</span>', text)
        if not "00" <= page.notebook[:2] < "80":
            assert not numbers, page.output
            continue
        chapter = int(page.notebook[:2])
        body = text.partition("<main")[2]
        own = re.findall(r'<span class="header-section-number">([^<]*)</span>', body)
        sections = [number for number in own if number.count(".") == 1]
        expected = [f"{chapter}.{k + 1}" for k in range(len(sections))]
        assert sections == expected != []
        assert numbers == own * 2, "in the text as in the list of sections"
        named = re.findall(r'<h3[^>]*class="doc-name[^>]*>(.*?)</h3>', text)
        assert "section-number" not in "".join(named)
        assert f'<span class="number">{chapter}</span>' in text


def test_every_chapter_refers_to_a_figure(project, pages):
    for page in pages:
        if page.number:
            text = (project / "_docs" / page.output).read_text()
            assert re.search(r'href="#fig-[^"]+" class="quarto-xref">Figure', text), page.output


def test_nothing_comes_from_another_site(project, documents):
    for output, document in documents.items():
        outside = [name for name in document.loaded if re.match(r"(https?:)?//", name)]
        assert not outside, output
    for path in (project / "_docs" / "assets").iterdir():
        assert path.name == "search-index.js" or "http" not in path.read_text(), path


def test_every_formula_is_drawn_and_can_be_read_aloud(documents):
    letters = ".//math//*[self::mi or self::mn or self::mo]"
    for output, document in documents.items():
        formulas = html.fromstring(document.html).xpath("//span[contains(@class, 'math ')]")
        for formula in formulas:
            assert formula.xpath("./mjx-container/svg") and formula.xpath(letters), output
        assert "\\(" not in document.prose and "\\[" not in document.prose, output
        used = set(re.findall(r'xlink:href="#([^"]+)"', document.html))
        assert used <= set(document.ids), f"{output}: glyphs that are not there"


def test_a_wrong_formula_stops_the_build(copy):
    write(copy, "01_one", "# One", [cell("markdown", r"$\nosuch$", 3)])
    done = run_docsite(copy)
    assert done.returncode and "docsite: 01_one.ipynb" in done.stderr and "nosuch" in done.stderr


# --- numbers of equations -------------------------------------------------------------------------


def test_every_numbered_equation_has_an_address(project, pages, documents):
    equations = read_equations(project / "nbs")
    outputs = {page.notebook: page.output for page in pages}
    tags = 0
    for page in pages:
        prose = [cell["source"] for cell in page.cells if cell["cell_type"] == "markdown"]
        tags += "".join(prose).count("\\tag{")
    assert len(equations) == tags > 30
    listed = documents["symbols.html"].links
    for equation in equations:
        page = outputs[equation.notebook]
        assert equation.identifier in documents[page].ids
        is_sample = page == "everything.html"  # not in the book when the list was made
        assert is_sample or f"{page}#{equation.identifier}" in listed


def test_prose_that_names_an_equation_links_to_it(project, everything):
    for expected in (
        'see <a href="#eq-7" class="equation quarto-xref">(7)</a>, <a href="#eq-8" class="equation quarto-xref">(8)</a>–<a',
        'class="equation quarto-xref">(10)</a>; <a href="gradients.html#eq-g3" class="equation quarto-xref">(G3)</a>.',
        'the range <a href="lstm_backward.html#eq-11-14" class="equation quarto-xref">(12)</a>',
        "not f(7), not 12 (7), not (99), not (G99), <code>(G3)</code>, not (1997)",
        ">Not in a heading (7)</h3>",
        '<template data-of="gradients.html#eq-g3">',
    ):
        assert expected in everything, expected
    quarto = (project / "_proc" / "98_everything.ipynb").read_text()
    assert "see (7), (8)–(10); (G3)." in quarto, "for Quarto it stays text"


# --- the pages that list everything --------------------------------------------------------------


def test_the_functions_page_leads_to_every_public_name(documents):
    shown = html.fromstring(documents["functions.html"].html)
    links = {link.text_content(): link.get("href") for link in shown.xpath("//dt/a")}
    assert set(links) == set(public_names())
    for name, address in links.items():
        page, _, place = address.partition("#")
        assert place in documents[page].ids and place != "content", name


def test_the_functions_page_shows_the_shapes_of_what_functions_take_and_give(documents):
    shown = html.fromstring(documents["functions.html"].html)
    tables = {}
    for term in shown.xpath("//dt"):
        cells = [cell.text_content() for cell in term.getnext().xpath(".//td")]
        tables[term[0].text_content()] = dict(zip(cells[::2], cells[1::2]))
    guarded = 0
    for name, value in public_names().items():
        table = inspect.cleandoc(value.__doc__ or "").split("\n\n")[-1] if callable(value) else ""
        rows = re.findall(r"^ *((?:→ )?\w+) {2,}\S", table, re.M)
        assert set(rows) <= set(tables[name]), name
        guarded += bool(rows)
    assert guarded > 8
    last = tables["lstm_cell_backward"]
    assert list(last)[:4] == ["da_next", "dc_next", "cache", "→ dxt"]
    assert (
        last["da_next"].startswith("(n_a,\xa0m)") and last["→ dWf"] == "(n_a,\xa0n_a\xa0+\xa0n_x)"
    )


def test_the_symbols_page_has_every_symbol_once(documents):
    from rnn_stepwise.notation import ALPHABET

    shown = html.fromstring(documents["symbols.html"].html)
    rows = {row[1].text_content(): row for row in shown.xpath("//tbody/tr")}
    for key, symbol in ALPHABET.items():
        shape = rows[key][2].text_content()
        assert " ".join(shape.split()) == symbol.shape
        (address,) = rows[key].xpath(".//a/@href")
        page, _, place = address.partition("#")
        assert place in documents[page].ids


# --- the notebooks of the pages -------------------------------------------------------------------


def test_each_page_offers_its_notebook(project, pages, documents):
    offered = project / "_docs/notebooks"
    for page in pages:
        assert f"notebooks/{page.notebook}" in documents[page.output].links
        source = project / "nbs" / page.notebook
        assert (offered / page.notebook).read_bytes() == source.read_bytes()


def imported(source: str) -> set[str]:
    """The packages that a piece of code imports."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            found.add(node.module)
    return {name.split(".")[0] for name in found}


def test_a_downloaded_notebook_needs_only_the_package(project):
    allowed = {"numpy", "matplotlib", "rnn_stepwise", "IPython"} | sys.stdlib_module_names
    allowed |= {"cycler", "matplotlib_inline"}  # they come with matplotlib and with IPython
    notebooks = list((project / "_docs/notebooks").iterdir())
    assert len(notebooks) > 20
    for path in notebooks:
        for found in load(path)["cells"]:
            if found["cell_type"] == "code":
                assert imported("".join(found["source"])) <= allowed, path.name


@pytest.mark.parametrize("name", ["rnn_cell", "refusals"])
def test_a_downloaded_notebook_runs_anywhere(project, tmp_path, name):
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    (path,) = (project / "_docs/notebooks").glob(f"*_{name}.ipynb")
    made = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(made, resources=resources).execute()
    assert any(cell.get("outputs") for cell in made.cells)


# --- the search index -----------------------------------------------------------------------------


@pytest.fixture(scope="session")
def passages(project) -> list[tuple]:
    """(page, kind, place, section, text) of every passage."""
    script = (project / "_docs/assets/search-index.js").read_text()
    text = script.removeprefix("window.searchIndex = ").removesuffix(";\n")
    index = json.loads(text)
    pages = [output for output, _ in index["pages"]]
    return [(pages[number], *rest) for number, *rest in index["passages"]]


def test_every_passage_has_a_place_on_its_page(passages, documents):
    assert len(passages) > 500
    for page, _, place, _, text in passages:
        assert place in documents[page].ids, page
        assert text.strip()


def test_the_index_holds_every_word_of_every_page(passages, documents):
    """All prose, word for word; formulas aside, whose text is not what the page's source says."""
    silent = "ancestor::template or ancestor::nav or ancestor::h1 or ancestor::script"
    silent += " or ancestor::*[contains(@class, 'math')]"
    for output, document in documents.items():
        indexed = [text for page, *_, text in passages if page == output]
        spaced = " ".join(" ".join(indexed).split())
        body = html.fromstring(document.html).get_element_by_id("content")
        pieces = [" ".join(text.split()) for text in body.xpath(f".//text()[not({silent})]")]
        missing = [piece for piece in pieces if piece not in spaced]
        assert pieces and not missing, output


def test_the_index_holds_every_public_name(passages):
    indexed = {section for _, kind, _, section, _ in passages if kind == NAME}
    assert indexed == set(public_names()) != set()


def test_a_number_in_a_table_leads_to_its_row(passages):
    found = {"-0.00918273": set(), "0.00817263": set(), "\N{MINUS SIGN}0.28172639": set()}
    for _, kind, place, _, text in passages:
        for number in found:
            if number in text:
                found[number].add((place, kind))
    first, second, third = found.values()
    assert ("erratum-one", PROSE) in first & second
    assert third == {("deeper-still", PROSE)}


# --- one notebook with every feature --------------------------------------------------------------


@pytest.mark.parametrize(
    "expected",
    {
        "prose": [
            '<span class="math inline"><mjx-container',
            "<msup><mi>c</mi>",
            '<span id="a-span" class="term">span</span>',
            '<a href="notation.html">another page</a>',
            '<div class="warm">',
            "<blockquote>",
            "<dt>Term</dt>",
        ],
        "references": [
            '<a href="#fig-cell-plot" class="quarto-xref">Figure\xa01</a>',
            '<a href="#tbl-shapes" class="quarto-xref">Table\xa01</a>',
            '<a href="#tbl-values" class="quarto-xref">Table\xa02</a>',
        ],
        "equations": [
            "<mtext>(7)</mtext>",
            '<span id="eq-7" class="tagged"><span class="math display">',
        ],
        "figures": [
            'alt="A line &amp; a &quot;c&quot;."',
            '<figure id="fig-cell-plot">',
            'src="98_everything_files/figure-html/fig-cell-plot-output-1.svg"',
            'alt="A &quot;line&quot; &amp; more."',
            "<figcaption>Figure\xa01: A line that <em>goes up</em>",
            "<figcaption>Only a caption.</figcaption>",
        ],
        "tables": [
            '<figure id="tbl-shapes" class="table">',
            "<figcaption>Table\xa01: The shapes of <em>all</em> symbols.</figcaption>",
            "<figcaption>Table\xa02: Values, computed.</figcaption>",
            '<div class="table-scroll">',
        ],
        "asides": ["<details>", "<p>Inside <strong>markdown</strong>.</p>"],
        "code": [
            '<details class="code-fold"><summary>The &lt;long> code</summary>',
            '<details class="code-fold" open><summary>Code</summary>',
            "only the output",
        ],
        "outputs": [
            "<pre><code>a\nb</code></pre>",
            "<em>from</em> markdown",
            '<a href="notation.html#sigmoid"><code>sigmoid</code></a>',
        ],
    }.items(),
    ids=lambda item: item[0],
)
def test_feature(everything, expected):
    for piece in expected[1]:
        assert piece in everything, piece


@pytest.mark.parametrize(
    "absent",
    ["never shown", "secret_code", "invisible", "Line2D", "\x1b", "/blob/", "<hr />\n<p>"],
)
def test_hidden_things_stay_hidden(everything, absent):
    assert absent not in everything


def convert(*cells: dict) -> tuple[str, dict[str, bytes]]:
    page = Page("01_x.ipynb", list(cells), {"title": "X", "output-file": "x.html"})
    converter = Converter(page, "figs")
    markdown = converter.convert()
    return run_pandoc(page, markdown, {}, "--to=html", "--mathjax"), converter.figures


@pytest.mark.parametrize(
    ("kinds", "shown"),
    [
        ({"markdown": "M", "svg": "S", "plain": "P"}, ">M<"),
        ({"svg": "S", "plain": "P"}, "cell-2-output-1.svg"),
        ({"plain": "P"}, ">P<"),
    ],
)
def test_the_kind_of_output_that_quarto_prefers(kinds, shown):
    text, _ = convert(cell("code", "x", 1, [result(**kinds)]))
    assert shown in text
    for other in {">M<", ">S<", ">P<"} - {shown}:
        assert other not in text


def test_a_label_names_one_thing():
    one = cell("code", '#| label: fig-a\n#| fig-cap: "A."\nx', 7, [display(svg=SVG)])
    assert "Figure" in convert(one)[0]
    with pytest.raises(DocsError, match="two things have the label fig-a"):
        convert(one, {**one, "id": "other"})


def test_code_is_folded_where_that_is_asked():
    for option, folded in {"true": True, "show": True, "false": False}.items():
        text, _ = convert(cell("code", f"#| code-fold: {option}\nx", 1))
        assert ("<details" in text) is folded and (" open>" in text) is (option == "show")


def test_figures_are_files():
    two = [display(svg=SVG), display(svg=SVG)]
    _, figures = convert(cell("code", "#| label: fig-a\nx", 1, two))
    drawing = SVG.encode()
    names = ["figs/fig-a-output-1.svg", "figs/fig-a-output-2.svg"]
    assert figures == dict.fromkeys(names, drawing)


@pytest.mark.parametrize(
    ("made", "complaint"),
    [
        (cell("markdown", "text {{< include x.qmd >}}", 7), "not supported"),
        (cell("markdown", "::: {.panel-tabset}\n:::", 7), "not supported"),
        (cell("markdown", '::: {layout-ncol="2"}\n:::', 7), "not supported"),
        (cell("markdown", "```{mermaid}\nA-->B\n```", 7), "not supported"),
        (cell("markdown", "see @fig-nowhere", 7), "@fig-nowhere"),
        (cell("markdown", "::: {.callout-note}\n:::", 7), "not supported"),
        (cell("code", "#| fig-capt: typo\nx", 7), "fig-capt"),
        (cell("code", "#| fig-cap: 'open\nx", 7), "fig-cap"),
        (cell("code", "x = 1\n#| echo: false", 7), "top of the cell"),
        (cell("code", "x", 7, [result(html="<b>x</b>", plain="x")]), "text/html"),
        (cell("code", "1/0", 7, [{"output_type": "error"}]), "error"),
    ],
)
def test_mistakes_name_the_notebook_and_the_cell(made, complaint):
    with pytest.raises(DocsError) as caught:
        convert(made)
    message = str(caught.value)
    assert "01_x.ipynb" in message and "sample07" in message and complaint in message


def test_metadata_files_are_merged_deeply():
    base = {"a": {"b": 1, "c": 2}, "d": 1}
    both = merged(base, {"a": {"c": 3}})
    assert both == {"a": {"b": 1, "c": 3}, "d": 1}


# --- building -------------------------------------------------------------------------------------


@pytest.fixture
def copy(tmp_path) -> Path:
    """A project of two small notebooks: quick to build, free to spoil."""
    copy = copy_project(tmp_path, with_sample=False)
    for path in (copy / "nbs").glob("*.ipynb"):
        path.unlink()
    plot = cell("code", '#| fig-alt: "A line."\nplot()', 2, [display(svg=SVG)])
    write(copy, "index", "# Index", [cell("markdown", "See [One](01_one.ipynb).", 1), plot])
    write(copy, "01_one", "# One", [])
    return copy


def write(project: Path, name: str, title: str, cells: list[dict]) -> None:
    """Write a notebook of a project."""
    text = json.dumps(notebook(title, cells))
    (project / "nbs" / f"{name}.ipynb").write_text(text)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file in a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_building_again(copy):
    """The second time there is nothing to do; lost pages, renames, interrupted runs all heal."""
    site = copy / "_docs"
    assert "built" in run_docsite(copy).stdout
    assert "up to date" in run_docsite(copy).stdout

    (site / "one.html").unlink()
    assert "built" in run_docsite(copy).stdout and (site / "one.html").exists()

    (copy / "nbs/01_one.ipynb").rename(copy / "nbs/01_two.ipynb")
    write(copy, "index", "# Index", [])
    for left_behind in ("_proc/_docs/half.html", "_proc/_docs.old/half.html", "_proc/01_two.ipynb"):
        path = copy / left_behind
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{")
    assert run_docsite(copy, IN_TEST="1").returncode == 0
    built = contents(site)
    pages = {name for name in built if name.endswith(".html")}
    assert pages == {"index.html", "two.html"}
    assert "-output-" not in "".join(built)


def test_what_is_kept_of_an_earlier_build_is_still_right(copy):
    """A build after a change gives what one from nothing gives, byte for byte."""

    def made() -> dict[str, bytes]:
        assert "built" in run_docsite(copy).stdout
        return contents(copy / "_docs")

    made()
    first = contents(copy / ".docsite").keys()
    formula = cell("markdown", "See ([A](index.ipynb)): $$a = 1 \\tag{1}$$", 3)
    write(copy, "01_one", "# Renamed", [formula])
    after, memos = made(), contents(copy / ".docsite").keys()
    assert b"Renamed" in after["one.html"] and b"Renamed" in after["index.html"]
    assert len(memos) == len(first) and not memos & first, "no leftovers"
    template = copy / "docsite/page.html"
    changed = template.read_text().replace("Skip to the text", "Skip to the words")
    template.write_text(changed)
    built = made()
    assert b"Skip to the words" in built["index.html"]
    for folder in ("_docs", ".docsite"):
        shutil.rmtree(copy / folder)
    assert made() == built


def test_building_changes_no_source(copy):
    generated = re.compile(r"_docs/|_proc/|\.docsite/|nbs/(nbdev|sidebar)\.yml")

    def sources() -> dict[str, bytes]:
        found = contents(copy)
        return {name: found[name] for name in found if not generated.match(name)}

    before = sources()
    assert run_docsite(copy).returncode == 0
    assert sources() == before


def test_an_error_in_a_cell_stops_the_build_and_keeps_the_old_site(copy):
    run_docsite(copy)
    before = (copy / "_docs/one.html").read_text()
    failing = [cell("code", "#| export\ndef f(): pass\n1/0", 3)]
    write(copy, "01_one", "# Broken", failing)
    done = run_docsite(copy)
    assert done.returncode != 0
    assert "Broken in cell" in done.stderr and "ZeroDivisionError" in done.stderr
    assert (copy / "_docs/one.html").read_text() == before


def test_readme(copy):
    assert run_docsite(copy, "readme", "--check").returncode == 1
    assert run_docsite(copy, "readme").returncode == 0
    text = (copy / "README.md").read_text()
    assert text.startswith("# Index\n\n\n<!-- WARNING")
    assert "[One](nbs/01_one.ipynb)" in text and "``` python\nplot()\n```" in text
    figure = copy / "index_files/figure-commonmark/cell-2-output-1.svg"
    assert f"![A line.]({figure.relative_to(copy)})" in text and figure.read_text() == SVG
    assert run_docsite(copy, "readme", "--check").returncode == 0

    figure.write_text("<svg/>")
    assert run_docsite(copy, "readme", "--check").returncode == 1
    figure.write_text(SVG)
    (figure.parent / "old.svg").write_text("")
    (copy / "README.md").write_text(text.replace("See", "Look at"))
    done = run_docsite(copy, "readme", "--check")
    assert done.returncode == 1 and "-Look at" in done.stdout and "old.svg" in done.stdout
    run_docsite(copy, "readme")
    assert run_docsite(copy, "readme", "--check").returncode == 0


def test_serve(copy):
    """A changed notebook is built again, and every open page is told; a mistake is waited out."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "docsite", "serve", "--port", str(port)]
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    # Started from a script that runs in the background, it would never hear of Ctrl-C
    output["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, cwd=copy, **output) as server:
        try:
            said = iter(server.stdout.readline, "")
            address = next(line for line in said if line.startswith("http://127.0.0.1:")).split()[0]
            page, headers = fetched(address + "one.html")
            assert "<h1>One</h1>" in page and "/livereload.js" in page
            assert headers["Cache-Control"] == "no-store"
            assert "livereload" not in (copy / "_docs/one.html").read_text()
            with pytest.raises(OSError):  # another address of this machine
                socket.create_connection(("127.0.0.2", port), timeout=1)

            def mistake_and_repair():
                write(copy, "01_one", "# Broken", [cell("code", "#| export\n1/0", 3)])
                assert any("ZeroDivisionError" in line for line in said)
                assert "<h1>One</h1>" in fetched(address + "one.html")[0]
                exported = cell("code", "#| default_exp new\n#| export\ndef f(): pass", 3)
                write(copy, "01_one", "# Changed", [exported])

            assert asyncio.run(told(address, mistake_and_repair))["command"] == "reload"
            assert "<h1>Changed</h1>" in fetched(address + "one.html")[0]
            assert (copy / "rnn_stepwise/new.py").exists()
            assert "built in" in next(said)
            server.send_signal(signal.SIGINT)
            assert server.wait(timeout=20) == 0 and list(said) == []  # neither log nor traceback
        finally:
            server.terminate()


def fetched(address: str) -> tuple[str, dict]:
    with urllib.request.urlopen(address) as answer:
        return answer.read().decode(), answer.headers


async def told(address: str, change: Callable) -> dict:
    """What an open page is told after a change: at most a minute later."""
    page = await websocket_connect(address.replace("http", "ws") + "livereload")
    for message in ({"command": "hello"}, {"command": "info", "url": address}):
        await page.write_message(json.dumps(message))
    await page.read_message()  # hello
    change()
    return json.loads(await asyncio.wait_for(page.read_message(), 60))
