"""The site that `python -m docsite` builds without Quarto: its pages, and how it is built."""

import ast
import json
import re
import shutil
import subprocess
import sys
import urllib.request
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml
from lxml import html
from site_sample import SVG, built_project, cell, copy_project, display, notebook, public_names
from site_sample import result, run_docsite

pypandoc = pytest.importorskip("pypandoc", reason="the site needs pypandoc_binary")
pytest.importorskip("nbdev", reason="the site needs nbdev")
from docsite.build import READER, run_pandoc
from docsite.equations import Typesetter
from docsite.markdown import Converter
from docsite.process import DocsError, Page, merged, read_facts, read_pages
from docsite.reference import Equation, read_equations, references
from docsite.search import NAME, PROSE


MADE = ["symbols.html", "functions.html"]  # the pages that no notebook holds


class Document(HTMLParser):
    """What the tests want to know of a page."""

    def __init__(self, path: Path):
        super().__init__()
        self.ids, self.section_ids, self.links, self.images, self.loaded = [], [], [], [], []
        self.prose, self.captions, self.chapters, self.headings = "", [], [], []
        self.open_tags: list[tuple[str, dict]] = []
        self.html = path.read_text()
        self.feed(self.html)

    def inside(self, tag: str, **attributes: str) -> bool:
        return any(
            name == tag and attributes.items() <= found.items() for name, found in self.open_tags
        )

    def handle_starttag(self, tag, pairs):
        found = dict(pairs)
        if "id" in found:
            self.ids.append(found["id"])
            if tag == "section":
                self.section_ids.append(found["id"])
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
            if self.inside("nav", **{"aria-label": "Chapters"}):
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
        raw = ("pre", "code", "script", "style")
        if not any(self.inside(tag) for tag in raw) and "math" not in str(self.open_tags[-1:]):
            self.prose += text


@pytest.fixture(scope="session")
def project() -> Path:
    return built_project()


@pytest.fixture(scope="session")
def pages(project) -> list[Page]:
    return read_pages(project / "_proc", read_facts(project / "_proc"))


@pytest.fixture(scope="session")
def documents(project, pages) -> dict[str, Document]:
    outputs = [page.output for page in pages] + MADE
    return {output: Document(project / "_docs" / output) for output in outputs}


@pytest.fixture(scope="session")
def everything(project) -> str:
    return (project / "_docs" / "everything.html").read_text()


# --- the pages ------------------------------------------------------------------------------------


def test_one_page_per_notebook_in_the_order_of_the_sidebar(project, pages, documents):
    sidebar = yaml.safe_load((project / "nbs" / "sidebar.yml").read_text())
    assert [page.notebook for page in pages] == sidebar["website"]["sidebar"]["contents"]
    assert {path.name for path in (project / "nbs").glob("*.ipynb")} == {p.notebook for p in pages}
    order = [page.output for page in pages] + MADE
    assert {path.name for path in (project / "_docs").glob("*.html")} == set(order)
    for output, document in documents.items():
        assert document.chapters == [(name, name == output) for name in order]


def test_titles_and_descriptions(project, pages, documents):
    for page in pages:
        source = json.loads((project / "nbs" / page.notebook).read_text())
        title_cell = "".join(source["cells"][0]["source"])
        assert page.title in title_cell and page.description in title_cell
        html = documents[page.output].html
        assert re.search(r"<title>(.*)</title>", html)[1].startswith(page.title)
        assert "<h1>" in html and ("class=\"description\"" in html) == bool(page.description)
        assert 'lang="en"' in html and html.count("<main") == 1 and 'class="skip"' in html


def test_previous_and_next(pages, documents):
    order = [page.output for page in pages]
    for position, output in enumerate(order):
        found = dict(re.findall(r'rel="(prev|next)" href="([^"]+)"', documents[output].html))
        expected = {"prev": order[position - 1] if position else None}
        expected["next"] = order[position + 1] if position + 1 < len(order) else None
        assert found == {key: value for key, value in expected.items() if value}


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
    for page in pages:
        ids = documents[page.output].ids
        assert len(ids) == len(set(ids)), f"{page.output}: {[i for i in ids if ids.count(i) > 1]}"
        markdown = Converter(page, "figures").convert()
        in_callouts = re.findall(r"^::: *\{[^}]*callout-[^}]*\}\s*\n+#+ (.+)$", markdown, re.M)
        command = [pypandoc.get_pandoc_path(), f"--from={READER}", "--to=html", "--section-divs"]
        html = subprocess.run(command, input=markdown, capture_output=True, text=True).stdout
        expected = re.findall(r'<section id="([^"]+)"', html)
        missing = [i for i in expected if i not in documents[page.output].section_ids]
        assert len(missing) == len(in_callouts), f"{page.output}: {missing}"
        assert set(documents[page.output].section_ids) <= set(expected)


def test_every_exported_name_has_an_anchor_of_its_own(documents):
    """A section with the same identifier would take the anchor of the name: `#name` and `#name-1`."""
    symbols = import_module("rnn_stepwise._modidx").d["syms"]
    targets = [target for names in symbols.values() for target, _ in names.values()]
    for page, _, name in (target.partition("#") for target in targets):
        if "." in name or name.startswith("_"):  # methods and helpers have no page of their own
            continue
        assert name in documents[page].section_ids, f"{page}#{name}"
        assert f"{name}-1" not in documents[page].ids, f"{page}#{name} stands twice"


def test_no_markup_is_left_over(documents):
    for output, document in documents.items():
        for leftover in ("$$", ":::", "#|", "{{<", "{#", "{.", "?@", "](", "\\tag"):
            assert leftover not in document.prose, f"{output}: {leftover}"
        assert not re.search(r"^\s*#\|", document.html, re.M), output


def test_every_image_has_a_text(documents):
    for output, document in documents.items():
        for image in document.images:
            assert image.get("alt", "").strip(), f"{output}: {image['src']} has no fig-alt"


def test_figures_and_tables_are_numbered_in_order(documents):
    for output, document in documents.items():
        for kind in ("Figure", "Table"):
            found = [re.match(rf"{kind}\xa0(\d+): \S", caption) for caption in document.captions]
            numbers = [int(match[1]) for match in found if match]
            assert numbers == list(range(1, len(numbers) + 1)), output


def test_sections_are_numbered_within_their_chapter(project, pages):
    """Chapter 6 has the sections 6.1, 6.2; functions, and pages before and after, have no numbers."""
    for page in pages:
        text = (project / "_docs" / page.output).read_text()
        numbers = re.findall(r'<span class="header-section-number">([^<]*)</span>', text)
        chapter = page.notebook[:2]
        if not "00" <= chapter < "90":
            assert not numbers, page.output
            continue
        sections = [n.split(".") for n in numbers if n.count(".") == 1]
        assert sections == [[str(int(chapter)), str(k + 1)] for k in range(len(sections))] != []
        assert numbers == re.findall(r'<span class="toc-section-number">([^<]*)</span>', text)
        named = re.findall(r'<h3[^>]*class="doc-name[^>]*>(.*?)</h3>', text)
        assert not any("section-number" in heading for heading in named)
        assert f'<span class="number">{int(chapter)}</span>' in text


def test_every_chapter_refers_to_a_figure(project, pages):
    for page in pages:
        if page.number:
            text = (project / "_docs" / page.output).read_text()
            assert re.search(r'href="#fig-[^"]+" class="quarto-xref">Figure', text), page.output


def test_nothing_comes_from_another_site(project, documents):
    for output, document in documents.items():
        for target in document.loaded:
            assert not re.match(r"(https?:)?//", target), f"{output}: {target}"
    for path in (project / "_docs" / "assets").iterdir():
        assert path.name == "search-index.js" or "http" not in path.read_text(), path


def test_every_formula_is_drawn_and_can_be_read_aloud(project, documents):
    for output, document in documents.items():
        page = html.fromstring(document.html)
        formulas = page.xpath("//span[contains(@class, 'math ')]")
        assert len(formulas) == len(page.xpath("//span[contains(@class, 'math ')]/mjx-container/svg"))
        assert all(formula.xpath(".//math//*[self::mi or self::mn or self::mo]") for formula in formulas)
        assert "\\(" not in document.prose and "\\[" not in document.prose, output
        used = set(re.findall(r'xlink:href="#([^"]+)"', document.html))
        assert used <= set(document.ids), f"{output}: glyphs that are not there"


def test_a_wrong_formula_stops_the_build():
    typesetter = Typesetter()
    assert "<svg" in typesetter.draw('<span class="math inline">\\(a &lt; b\\)</span></main>', "x")
    for tex in (r"\nosuch", r"\frac{1}{", "{a"):
        with pytest.raises(DocsError) as caught:
            typesetter.draw(f'<span class="math display">\\[{tex}\\]</span>', "07_x.ipynb")
        assert "07_x.ipynb" in str(caught.value) and tex in str(caught.value)


# --- numbers of equations -------------------------------------------------------------------------


def test_every_numbered_equation_has_an_address(pages, documents):
    equations = read_equations(pages)
    sources = "".join(cell["source"] for page in pages for cell in page.cells if cell["cell_type"] == "markdown")
    assert len(equations) == len(re.findall(r"\\tag\{", sources)) > 30
    for equation in equations:
        assert equation.identifier in documents[equation.page.output].ids
        assert f'href="{equation.page.output}#{equation.identifier}"' in documents["symbols.html"].html


def test_prose_that_names_an_equation_links_to_it(project, everything):
    for expected in (
        'see <a href="#eq-7" class="equation">(7)</a>, <a href="#eq-8" class="equation">(8)</a>–<a',
        'class="equation">(10)</a>; <a href="gradients.html#eq-g3" class="equation">(G3)</a>.',
        'the range <a href="lstm_backward.html#eq-11-14" class="equation">(12)</a>',
        "not f(7), not 12 (7), not (99), not (G99), <code>(G3)</code>, not (1997)",
        ">Not in a heading (7)</h3>",
        '<template data-of="gradients.html#eq-g3">',
    ):
        assert expected in everything, expected
    quarto = (project / "_proc" / "98_everything.ipynb").read_text()
    assert "see (7), (8)–(10); (G3)." in quarto, "for Quarto it stays text"


def test_an_equation_on_several_pages_is_meant_only_where_it_stands():
    first, second, third = (Page(f"{n}.ipynb", [], "", "", f"{n}.html") for n in "abc")
    one, other = Equation("7", "x", first), Equation("7", "y", second)
    wide = Equation("11–14", "z", first)
    assert references(first, [one, other])["7"] is one
    assert references(second, [one, other])["7"] is other
    assert "7" not in references(third, [one, other])
    assert set(references(third, [wide])) == {"11–14", "11", "12", "13", "14"}


# --- the pages that no notebook holds -------------------------------------------------------------


def test_the_functions_page_leads_to_every_public_name(documents):
    public = public_names()
    shown = html.fromstring(documents["functions.html"].html)
    links = {link.text_content(): link.get("href") for link in shown.xpath("//dt/a")}
    assert set(links) == public
    for name in public:
        page, _, place = links[name].partition("#")
        assert place in documents[page].ids and place != "content", name


def test_the_symbols_page_has_every_symbol_once(documents):
    from rnn_stepwise.notation import ALPHABET

    shown = html.fromstring(documents["symbols.html"].html)
    rows = {row[1].text_content(): row for row in shown.xpath("//tbody/tr")}
    assert set(ALPHABET) <= set(rows)
    for key, row in ALPHABET.items():
        cells = [" ".join(cell.text_content().split()) for cell in rows[key]]
        assert cells[2] == row.shape
        page, _, place = rows[key].xpath(".//a/@href")[0].partition("#")
        assert place in documents[page].ids


# --- the notebooks of the pages -------------------------------------------------------------------


def test_each_page_offers_its_notebook(project, pages, documents):
    for page in pages:
        assert f"notebooks/{page.notebook}" in documents[page.output].links
        offered = project / "_docs/notebooks" / page.notebook
        assert offered.read_bytes() == (project / "nbs" / page.notebook).read_bytes()


def test_a_downloaded_chapter_needs_only_the_package(project):
    """The appendix (90) is for those who work on the package, and may use their tools."""
    allowed = {"numpy", "matplotlib", "rnn_stepwise", "IPython"} | sys.stdlib_module_names
    chapters = [path for path in (project / "nbs").glob("*.ipynb") if path.name[:1] in "0i"]
    assert len(chapters) > 8
    for path in chapters:
        sources = ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"]
                   if cell["cell_type"] == "code"]
        for node in (node for source in sources for node in ast.walk(ast.parse(source))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path.name}: a relative import"
                modules = [node.module]
            assert {module.split(".")[0] for module in modules} <= allowed, f"{path.name}: {modules}"


def test_a_downloaded_notebook_runs_anywhere(project, tmp_path):
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    made = nbformat.read(project / "_docs/notebooks/01_rnn_cell.ipynb", as_version=4)
    nbclient.NotebookClient(made, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert any(cell.get("outputs") for cell in made.cells)


# --- the search index -----------------------------------------------------------------------------


@pytest.fixture(scope="session")
def passages(project) -> list[tuple]:
    """(page, kind, place, section, text) of every passage."""
    script = (project / "_docs/assets/search-index.js").read_text()
    start, finish = "window.searchIndex = ", ";\n"
    assert script.startswith(start) and script.endswith(finish)
    index = json.loads(script[len(start) : -len(finish)])
    return [(index["pages"][number][0], *rest) for number, *rest in index["passages"]]


def test_every_passage_has_a_place_on_its_page(passages, documents):
    assert len(passages) > 500
    for page, _, place, _, text in passages:
        assert place in documents[page].ids, (page, place)
        assert text.strip() and (place, text) != ("", "")


def test_the_index_holds_every_word_of_every_page(passages, documents):
    """All prose, word for word; formulas aside, whose text is not what the page's source says."""
    for output, document in documents.items():
        indexed = " ".join(text for page, *_, text in passages if page == output)
        body = html.fromstring(document.html).get_element_by_id("content")
        silent = "ancestor::template or ancestor::nav or ancestor::h1 or ancestor::script or ancestor::*[contains(@class, 'math')]"
        pieces = {" ".join(text.split()) for text in body.xpath(f".//text()[not({silent})]")}
        spaced = " ".join(indexed.split())
        missing = [piece for piece in pieces if piece not in spaced]
        assert pieces and not missing, f"{output}: {sorted(missing)}"


def test_the_index_holds_every_public_name(passages):
    public = public_names()
    indexed = {section for _, kind, _, section, _ in passages if kind == NAME}
    assert public and public <= indexed, public - indexed


def test_a_number_in_a_table_leads_to_its_row(passages):
    def place(number):
        return {(place, kind) for *_, kind, place, _, text in passages if number in text}

    for number in ("-0.00918273", "0.00817263"): assert ("erratum-one", PROSE) in place(number)
    assert place("\N{MINUS SIGN}0.28172639") == {("deeper-still", PROSE)}


# --- one notebook with every feature --------------------------------------------------------------


@pytest.mark.parametrize(
    "expected",
    {
        "prose": [
            '<span class="math inline"><mjx-container',
            "<msup><mi>c</mi>",
            '<a href="#fn1" class="footnote-ref"',
            '<span id="a-span" class="term">span</span>',
            '<a href="notation.html">another page</a>',
            '<div class="warm">',
            "<blockquote>",
            "<dt>Term</dt>",
        ],
        "references": [
            '<a href="#fig-cell-plot" class="quarto-xref">Figure\xa02</a>',
            '<a href="#fig-drawing" class="quarto-xref">1</a>',
            '<a href="#tbl-shapes" class="quarto-xref">Table\xa01</a>',
            '<a href="#eq-memory" class="quarto-xref">Equation\xa01</a>',
            '<a href="#sec-gates" class="quarto-xref">Memory &amp; gates</a>',
        ],
        "equations": [
            '<span id="eq-memory"><span class="math display">',
            "<mtext>(1)</mtext>",
            "<mtext>(7)</mtext>",
            '<span id="eq-7"><span class="math display">',
        ],
        "figures": [
            '<figure id="fig-drawing">',
            'alt="A line &amp; a &quot;c&quot;."',
            '<figure id="fig-cell-plot">',
            'src="98_everything_files/figure-html/fig-cell-plot-output-1.svg"',
            'alt="A &quot;line&quot; &amp; more."',
            "<figcaption>Figure\xa02: A line that <em>goes up</em>",
            'src="98_everything_files/figure-html/cell-5-output-1.png" alt="One pixel."',
            "<figcaption>Only a caption.</figcaption>",
        ],
        "tables": [
            '<figure id="tbl-shapes" class="table">',
            "<figcaption>Table\xa01: The shapes of <em>all</em> symbols.</figcaption>",
            "<figcaption>Table\xa02: Values, computed.</figcaption>",
            '<div class="table-scroll">',
        ],
        "callouts": [
            '<details class="callout callout-tip"><summary>\nPredict first\n</summary>',
            '<div class="callout callout-note"><div class="callout-title">\nNote\n</div>',
            '<details class="callout callout-warning" open><summary>\nMind the shapes\n</summary>',
            "\nBy attribute\n",
            "\nCaution\n",
            "<p>Inside <strong>markdown</strong>.</p>",
        ],
        "code": [
            '<details class="code-fold"><summary>The &lt;long> code</summary>',
            '<details class="code-fold" open><summary>Code</summary>',
            "<p><strong>bold</strong> as is</p>",
            "only the output",
        ],
        "outputs": [
            "<pre><code>a\nb</code></pre>",
            '<div class="cell-output cell-output-stderr">\n<pre><code>careful</code></pre>',
            "ZeroDivisionError: division by zero",
            "<em>from</em> markdown",
            '<a href="notation.html#sigmoid"><code>sigmoid</code></a>',
            '<mstyle displaystyle="true" scriptlevel="0"><msup><mi>x</mi><mn>2</mn></msup>',
            "<b>from html</b>",
        ],
        "show_doc": [
            '<section id="forget_gate" class="level3',
            'class="sourceCode python doc-signature"',
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
    page = Page("01_x.ipynb", list(cells), "X", "", "x.html")
    converter = Converter(page, "figs")
    markdown = converter.convert()
    return run_pandoc(page, markdown, {}, "--to=html", "--mathjax"), converter.figures


@pytest.mark.parametrize(
    ("kinds", "shown"),
    [
        ({"html": "H", "markdown": "M", "svg": "S", "plain": "P"}, "H"),
        ({"markdown": "M", "svg": "S", "latex": "$L$", "plain": "P"}, "M"),
        ({"svg": "S", "png": "", "plain": "P"}, "cell-2-output-1.svg"),
        ({"latex": "$L$", "plain": "P"}, "\\(L\\)"),
        ({"latex": "\\newcommand", "plain": "P"}, "P"),
    ],
)
def test_the_kind_of_output_that_quarto_prefers(kinds, shown):
    html, _ = convert(cell("code", "x", 1, [result(**kinds)]))
    others = set("HMSP") - {shown}
    assert shown in html and not any(f">{other}<" in html for other in others)


def test_figures_are_files():
    two = [display(svg=SVG), display(svg=SVG)]
    _, figures = convert(cell("code", "#| label: fig-a\nx", 1, two))
    assert figures == {f"figs/fig-a-output-{n}.svg": SVG.encode() for n in (1, 2)}


@pytest.mark.parametrize(
    ("made", "complaint"),
    [
        (cell("markdown", "text {{< include x.qmd >}}", 7), "not supported"),
        (cell("markdown", "::: {.panel-tabset}\n:::", 7), "not supported"),
        (cell("markdown", '::: {layout-ncol="2"}\n:::', 7), "not supported"),
        (cell("markdown", "```{mermaid}\nA-->B\n```", 7), "not supported"),
        (cell("markdown", "see @fig-nowhere", 7), "@fig-nowhere"),
        (cell("markdown", "$$x$$ {#eq-a}\n\n$$y$$ {#eq-a}", 7), "eq-a"),
        (cell("code", "#| fig-capt: typo\nx", 7), "fig-capt"),
        (cell("code", "#| fig-cap: 'open\nx", 7), "fig-cap"),
        (cell("code", "x = 1\n#| echo: false", 7), "top of the cell"),
        (cell("code", "x", 7, [result(json="{}")]), "text/json"),
    ],
)
def test_mistakes_name_the_notebook_and_the_cell(made, complaint):
    with pytest.raises(DocsError) as caught:
        convert(made)
    message = str(caught.value)
    assert "01_x.ipynb" in message and "sample07" in message and complaint in message


def test_metadata_files_are_merged_deeply():
    base, extra = {"a": {"b": 1, "c": 2}, "d": 1}, {"a": {"c": 3}}
    assert merged(base, extra) == {"a": {"b": 1, "c": 3}, "d": 1}


# --- building -------------------------------------------------------------------------------------


@pytest.fixture
def copy(tmp_path) -> Path:
    """A project of two small notebooks: quick to build, free to spoil."""
    copy = copy_project(tmp_path, with_sample=False)
    for path in (copy / "nbs").glob("*.ipynb"):
        path.unlink()
    plot = cell("code", '#| fig-alt: "A line."\nplot()', 2, [display(svg=SVG)])
    index = [cell("markdown", "See [One](01_one.ipynb).", 1), plot]
    (copy / "nbs/index.ipynb").write_text(json.dumps(notebook("# Index", index)))
    (copy / "nbs/01_one.ipynb").write_text(json.dumps(notebook("# One", [])))
    return copy


def test_building_again(copy):
    """The second time there is nothing to do; lost pages, renames, interrupted runs all heal."""
    site = copy / "_docs"
    assert "built" in run_docsite(copy).stdout
    assert "up to date" in run_docsite(copy).stdout

    (site / "one.html").unlink()
    assert "built" in run_docsite(copy).stdout and (site / "one.html").exists()

    (copy / "nbs/01_one.ipynb").rename(copy / "nbs/01_two.ipynb")
    (copy / "nbs/index.ipynb").write_text(json.dumps(notebook("# Index", [])))
    for left_behind in ("_proc/_docs/half.html", "_proc/_docs.old/half.html", "_proc/01_two.ipynb"):
        (copy / left_behind).parent.mkdir(parents=True, exist_ok=True)
        (copy / left_behind).write_text("{")
    assert run_docsite(copy, IN_TEST="1").returncode == 0
    assert {path.name for path in site.glob("*.html")} == {"index.html", "two.html"}
    assert not list(site.rglob("half.html")) and not list(site.rglob("*-output-*"))


def test_what_is_kept_of_an_earlier_build_is_still_right(copy):
    """A build after a change gives what one from nothing gives, byte for byte."""
    def made() -> dict[str, bytes]:
        site = copy / "_docs"
        assert "built" in run_docsite(copy).stdout
        return {str(path.relative_to(site)): path.read_bytes() for path in site.rglob("*") if path.is_file()}

    def memos() -> set[str]:
        return {path.name for path in (copy / ".docsite").iterdir()}

    made()
    first = memos()
    formula = [cell("markdown", "See ([A](index.ipynb)): $$a = 1 \\tag{1}$$", 3)]
    (copy / "nbs/01_one.ipynb").write_text(json.dumps(notebook("# Renamed", formula)))
    after = made()
    assert b"Renamed" in after["one.html"] and b"Renamed" in after["index.html"]
    assert len(memos()) == len(first) + 2 and not memos() & first  # a page of symbols more; no leftovers
    style = copy / "docsite/page.html"
    style.write_text(style.read_text().replace("Skip to the text", "Skip to the words"))
    changed = made()
    assert b"Skip to the words" in changed["index.html"]
    for folder in ("_docs", ".docsite"):
        shutil.rmtree(copy / folder)
    assert made() == changed


def test_building_changes_no_source(copy):
    def sources() -> dict[Path, bytes]:
        generated = {"_docs", "_proc", ".docsite", "nbdev.yml", "sidebar.yml"}
        found = (path for path in copy.rglob("*") if path.is_file())
        return {p: p.read_bytes() for p in found if not generated & set(p.relative_to(copy).parts)}

    before = sources()
    assert run_docsite(copy).returncode == 0
    assert sources() == before


def test_an_error_in_a_cell_stops_the_build_and_keeps_the_old_site(copy):
    run_docsite(copy)
    before = (copy / "_docs/one.html").read_text()
    failing = [cell("code", "#| export\ndef f(): pass\n1/0", 3)]
    (copy / "nbs/01_one.ipynb").write_text(json.dumps(notebook("# Broken", failing)))
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
    """A changed notebook is built again, and every open page is told."""
    command = [sys.executable, "-m", "docsite", "serve", "--port", "0"]
    with subprocess.Popen(command, cwd=copy, stdout=subprocess.PIPE, text=True) as server:
        try:
            said = iter(server.stdout.readline, "")
            address = next(line for line in said if line.startswith("http://127.0.0.1:")).split()[0]
            page = urllib.request.urlopen(address + "one.html").read()
            assert b"<h1>One</h1>" in page and b'EventSource("/.built")' in page
            assert b"EventSource" not in (copy / "_docs/one.html").read_bytes()
            with urllib.request.urlopen(address + ".built") as events:
                assert events.readline() == b"data: 0\n" and events.readline() == b"\n"
                (copy / "nbs/01_one.ipynb").write_text(json.dumps(notebook("# Changed", [])))
                assert events.readline() == b"data: 1\n"
            assert b"<h1>Changed</h1>" in urllib.request.urlopen(address + "one.html").read()
            assert "built again" in next(line for line in said if "again" in line)
        finally:
            server.terminate()
