"""What website/ does to every page, for Quarto and for docsite/ alike: without either of them."""

import json
import subprocess
from types import SimpleNamespace

import pytest
import yaml

from conftest import ROOT
from site_sample import SHOW_DOC, cell, notebook, result, stream

pypandoc = pytest.importorskip("pypandoc", reason="the site needs pypandoc_binary")
pytest.importorskip("nbdev", reason="the site needs nbdev")
from execnb.nbio import NbCell

from website.cells import add_facts, under_headings, with_anchors
from website.equations import Equation, read_equations, references
from website.formulas import FormulaError, Typesetter
from website.names import read_names

# --- page.lua, under pandoc alone -----------------------------------------------------------------

FACTS = {
    "chapter": "6",
    "equation-anchors": {"7": "eq-7", "11–14": "eq-11-14"},
    "equation-links": {"7": "#eq-7", "G3": "05_gradients.ipynb#eq-g3", "12": "#eq-11-14"},
}


def filtered(markdown: str, facts: dict = FACTS, to: str = "html", *options: str) -> str:
    """What pandoc makes of a page with the filter."""
    text = f"---\n{yaml.safe_dump(facts, allow_unicode=True)}---\n\n{markdown}"
    command = [pypandoc.get_pandoc_path(), "--to", to, "--mathjax", "--wrap=none", *options]
    command += [f"--lua-filter={ROOT / 'website/page.lua'}"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    assert not done.stderr
    return done.stdout


def test_sections_are_numbered_within_their_chapter():
    markdown = (
        "## One\n\n### f {.unnumbered}\n\n### Two\n\n### Three\n\n## Four\n\n### Five\n\n#### S"
    )
    numbers = ["6.1", "6.1.1", "6.1.2", "6.2", "6.2.1", "6.2.1.1"]
    found = filtered(markdown).split('<span class="header-section-number">')[1:]
    assert [piece.split("<")[0] for piece in found] == numbers
    assert "section-number" not in filtered(markdown, {"part": "Appendices"})
    assert '<h2 id="one">' in filtered(markdown), "the number is no part of the anchor"
    assert '">0.1</span>' in filtered(markdown, {"chapter": "0"})


@pytest.mark.parametrize(
    ("prose", "expected"),
    [
        ("see (7)", '<a href="#eq-7" class="equation quarto-xref">(7)</a>'),
        ("see (7), or", '<a href="#eq-7" class="equation quarto-xref">(7)</a>, or'),
        ("((7)", '(<a href="#eq-7"'),
        ("(G3).", '<a href="05_gradients.ipynb#eq-g3" class="equation quarto-xref">(G3)</a>.'),
        ("within (12)", '<a href="#eq-11-14" class="equation quarto-xref">(12)</a>'),
        ("- in (7)", '<li>in <a href="#eq-7"'),
        ("*(7)*", '<em><a href="#eq-7"'),
    ],
)
def test_prose_that_names_an_equation_links_to_it(prose, expected):
    assert expected in filtered(prose)


@pytest.mark.parametrize(
    "prose", ["f(7)", "12 (7)", "(99)", "`(7)`", "[(7)](x.html)", "## on (7)", "$(7)$", "a_ (8)"]
)
def test_prose_that_names_none_does_not(prose):
    assert 'class="equation' not in filtered(prose)


def test_equations_have_addresses():
    text = filtered(r"$$a\tag{7}$$ and $$b\tag{11–14}$$ and $$c\tag{9}$$ and $d$")
    assert '<span id="eq-7" class="tagged"><span class="math display">' in text
    assert '<span id="eq-11-14" class="tagged">' in text and text.count("tagged") == 2


def test_tables_are_as_wide_as_what_they_hold():
    long = "| a | b |\n|:--|--:|\n| " + "word " * 30 + "| x |\n"
    assert "<col" not in filtered(long) and 'style="text-align: right;"' in filtered(long)
    unequal = "| a | b |\n|:------|--:|\n| " + "word " * 30 + "| x |\n"
    assert "<col" in filtered(unequal), "widths that somebody asked for"


def test_the_filter_leaves_the_readme_alone():
    markdown = "## One\n\nSee (7): $x\\tag{7}$\n"
    assert filtered(markdown, to="gfm") == filtered(markdown, {}, to="gfm")
    assert filtered(markdown) != filtered(markdown, {})


# --- equations ------------------------------------------------------------------------------------


def test_an_equation_on_several_pages_is_meant_only_where_it_stands():
    one, other = Equation("7", "x", "a.ipynb"), Equation("7", "y", "b.ipynb")
    for page, meant in (("a.ipynb", one), ("b.ipynb", other)):
        assert references(page, [one, other])["7"] is meant
    assert "7" not in references("c.ipynb", [one, other])
    wide = references("c.ipynb", [Equation("11–14", "z", "a.ipynb")])
    assert set(wide) == {"11–14", "11", "12", "13", "14"}
    assert wide["12"].address("c.ipynb") == "a.ipynb#eq-11-14"
    assert wide["12"].address("a.ipynb") == "#eq-11-14"


def test_equations_are_read_from_prose_alone(tmp_path):
    cells = [cell("markdown", "$$a\n\\tag{1}$$ $$b$$ $$c \\tag{Q2}$$", 1)]
    cells += [cell("code", "'$$d \\tag{3}$$'", 2)]
    (tmp_path / "x.ipynb").write_text(json.dumps(notebook("# X", cells)))
    assert [(e.tag, e.tex[0]) for e in read_equations(tmp_path)] == [("1", "a"), ("Q2", "c")]


def test_formulas_are_drawn_and_a_wrong_one_is_an_error():
    typesetter = Typesetter()
    drawn = typesetter.draw('<span class="math inline">\\(a &lt; b\\)</span></main>', "x")
    assert "<svg" in drawn and "<mo>&lt;</mo>" in drawn
    for tex in (r"\nosuch", r"\frac{1}{", "{a"):
        with pytest.raises(FormulaError) as caught:
            typesetter.draw(f'<span class="math display">\\[{tex}\\]</span>', "07_x.ipynb")
        assert "07_x.ipynb" in str(caught.value) and tex in str(caught.value)


# --- the processor --------------------------------------------------------------------------------

DOCUMENTED = """@guarded(
    "x")
def one(a):
    return a

class Two:
    "A class."
"""


def cells(*made: dict) -> list[NbCell]:
    return [NbCell(number, found) for number, found in enumerate(made)]


def documentation(name: str, number: int) -> dict:
    """A cell that nbdev adds for a name."""
    text = SHOW_DOC.replace("forget_gate", name)
    return cell("code", f"#| echo: false\nshow_doc({name})", number, [result(markdown=text)])


@pytest.mark.parametrize("options", ["", "#| code-fold: show\n"])
def test_each_definition_stands_once_and_under_its_own_heading(options):
    """nbdev documents the last above the cell and the others below it, in full."""
    source = cell("code", options + DOCUMENTED, 2, [stream("stdout", "printed")])
    given = cells(documentation("Two", 1), source, documentation("one", 3))
    first, one, second, two = under_headings(given)
    assert first.source == "### one {.doc-name .unnumbered}"
    assert one.source.startswith(options + "@guarded") and one.source.endswith("return a")
    assert second.source == "### Two {.doc-name .unnumbered}"
    assert two.source == 'class Two:\n    "A class."'
    assert not one.outputs and two.outputs[0]["text"] == "printed"
    assert (one.id, two.id) == ("sample02", "sample02-Two")


def test_what_is_not_shown_is_documented():
    """As nbdev does it, without its rule, and without a link to a source that has no address."""
    (found,) = under_headings(cells(documentation("f", 1)))
    assert found.cell_type == "markdown"
    assert found.source.startswith(
        "### f {.doc-name .unnumbered}\n\n```{.python .doc-signature}\ndef"
    )
    assert "One number in" in found.source and "blob" not in found.source


def test_constants_get_an_anchor_where_they_are_or_would_be():
    def name(called, at, has_heading=False):
        return SimpleNamespace(name=called, anchor=called, cell=at, has_heading=has_heading)

    a, b, d = cell("markdown", "a", 0), cell("markdown", "b", 1), cell("markdown", "d", 3)
    shown = cells(a, b, d)
    order = ["sample00", "sample01", "sample02", "sample03"]
    first, hidden = name("FIRST", "sample01"), name("HIDDEN", "sample02")
    function = name("f", "sample03", True)
    names = [first, hidden, function]
    found = [one.source for one in with_anchors(shown, names, order)]
    assert found == ["a", "::: {#FIRST}\n:::", "b", "::: {#HIDDEN}\n:::", "d"]


def facts_of(name: str) -> dict:
    (front,) = cells({"cell_type": "raw", "source": "---\ntitle: T\n\n---\n\n", "metadata": {}})
    add_facts(front, ROOT / "nbs" / name, "as (R12) says, and (G3), but f(7)[9]")
    return yaml.safe_load(front.source.split("---\n")[1])


def test_the_facts_of_a_page():
    backward = facts_of("06_rnn_backward.ipynb")
    assert backward["title"] == "T" and backward["chapter"] == "6" and "part" not in backward
    assert backward["equation-anchors"]["R12"] == "eq-r12"
    named = {"R12": "#eq-r12", "G3": "05_gradients.ipynb#eq-g3", "7": "07_lstm_backward.ipynb#eq-7"}
    assert backward["equation-links"] == named
    assert facts_of("90_checking.ipynb")["part"] == "Appendices"
    assert facts_of("symbols.ipynb")["part"] == "Look up"
    index = facts_of("index.ipynb")
    assert "part" not in index and "chapter" not in index


def test_every_public_name_is_in_a_cell_of_its_notebook():
    names = read_names()
    assert len(names) > 100
    for name in names:
        text = (ROOT / "nbs" / name.notebook).read_text()
        book = json.loads(text)
        (found,) = [one for one in book["cells"] if one["id"] == name.cell]
        source = "".join(found["source"])
        assert name.name in source
