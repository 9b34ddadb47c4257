"""Pages that no notebook holds: all symbols with all equations, and all functions.

They are made from what the package and the chapters say, and each entry leads to its place there.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import dedent, indent

from docsite.names import PublicName, anchor_of
from docsite.process import Page

SYMBOLS, FUNCTIONS = "Symbols and equations", "Functions"  # the titles of the pages
TAGGED = re.compile(r"\$\$((?:(?!\$\$).)*?\\tag\{([^}]*)\}(?:(?!\$\$).)*?)\$\$", re.DOTALL)


@dataclass
class Equation:
    """A displayed formula with a number of its own: `$$ ... \\tag{G3} $$`."""

    tag: str  # as it is printed: G3; 11–14 for the four equations of one line
    tex: str
    page: Page

    @property
    def identifier(self) -> str:
        """Its anchor."""
        return "eq-" + re.sub(r"\W+", "-", self.tag.lower())

    def address(self, page: Page) -> str:
        """How `page` links to it."""
        return ("" if page is self.page else self.page.output) + f"#{self.identifier}"

    def numbers(self) -> list[str]:
        """What a text may call it: `11–14` answers to 11, 12, 13 and 14 too."""
        ends = [int(number) for number in re.findall(r"\b\d+", self.tag)]
        if "–" in self.tag and len(ends) == 2:
            ends = list(range(ends[0], ends[1] + 1))
        parts = [str(number) for number in ends if self.tag[0].isdigit()]
        return list(dict.fromkeys([self.tag, *parts]))


def read_equations(pages: list[Page]) -> list[Equation]:
    """All numbered equations, in the order of the book."""
    found = []
    for page in pages:
        prose = [cell["source"] for cell in page.cells if cell["cell_type"] == "markdown"]
        for tex, tag in TAGGED.findall("\n\n".join(prose)):
            found.append(Equation(tag, tex.strip(), page))
    return found


def references(page: Page, equations: list[Equation]) -> dict[str, Equation]:
    """Which equation a number in the prose of a page means: one of this page, or the only one."""
    meant: dict[str, list[Equation]] = {}
    for equation in equations:
        for number in equation.numbers():
            meant.setdefault(number, []).append(equation)
    here = {n: [e for e in found if e.page is page] or found for n, found in meant.items()}
    return {number: found[0] for number, found in here.items() if len(found) == 1}


def linked(name: PublicName, pages: list[Page], places: dict[str, set[str]]) -> str:
    """The address of what explains a name."""
    page = next(page.output for page in pages if page.notebook == name.notebook)
    return f"{page}#{anchor_of(name, places[page])}"


def symbols_page(
    names: list[PublicName],
    pages: list[Page],
    places: dict[str, set[str]],
    equations: list[Equation],
) -> Page:
    """The tables of symbols in the package, and every numbered equation."""
    parts, seen = [], set()
    for name in names:
        table = name.value
        if not isinstance(table, Mapping) or table.keys() <= seen:
            continue
        if not all(hasattr(row, "symbol") and hasattr(row, "shape") for row in table.values()):
            continue
        seen |= table.keys()
        title = name.name.replace("_", " ").capitalize()
        title = title.replace("Rnn", "RNN").replace("Lstm", "LSTM")
        parts.append(f"## {title}\n\n| Symbol | Name | Shape | Meaning |\n|:--|:--|:--|:--|")
        address = linked(name, pages, places)
        for key, row in table.items():
            linked_key = f"[`{key}`]({address})"
            parts[-1] += f"\n| ${row.symbol}$ | {linked_key} | {row.shape} | {row.meaning} |"
    parts.append("## Equations")
    for page in dict.fromkeys(equation.page.output for equation in equations):
        found = [equation for equation in equations if equation.page.output == page]
        parts.append(f"### [{found[0].page.title}]({page})")
        for equation in found:
            tex = re.sub(r"\s*\\tag\{[^}]*\}", "", equation.tex)
            link = f"[({equation.tag})]({page}#{equation.identifier})"
            parts.append(f"::: {{.equation-row}}\n{link}\n\n$${tex}$$\n:::")
    described = "Every symbol, its name in code and its shape; every numbered equation."
    return made_page("symbols", SYMBOLS, described, parts)


def functions_page(names: list[PublicName], pages: list[Page], places: dict[str, set[str]]) -> Page:
    """Every public name with what it does, and the shapes of what it takes and gives."""
    parts = []
    for page in pages:
        if found := [name for name in names if name.notebook == page.notebook]:
            parts.append(f"## [{page.title}]({page.output})\n\n`{found[0].module}`\n")
        for name in found:
            blocks = list(map(documented, name.paragraphs)) or [entries_of(name.value)]
            term = f"[`{name.shown}`]({linked(name, pages, places)})`{name.signature or ' '}`"
            parts.append(f"{term}\n\n:   " + indent("\n\n".join(blocks), "    ").strip())
    described = (
        "Every public name, where it is explained, what it does, and the shapes of its arrays."
    )
    return made_page("functions", FUNCTIONS, described, parts)


def documented(paragraph: str) -> str:
    """A paragraph of a docstring as markdown; a table of shapes, whose columns are apart, as a table."""
    if not re.search(r"\S {2,}\S", paragraph):
        return escaped(" ".join(paragraph.split()))
    table = "| | |\n|:--|:--|"
    for row in re.findall(r"^\S.*(?:\n .+)*", dedent(paragraph), re.MULTILINE):
        mark, name, text = re.match(r"(→ )?(\S+) +(.+)", row, re.DOTALL).groups(default="")
        text = " ".join(re.sub(r"(?<=\S) {2,}", ", ", text, count=1).split())
        kept = re.sub(r"\([^()]{,20}\)", lambda shape: shape[0].replace(" ", "\xa0"), text)
        table += f"\n| {mark}`{name}` | {kept} |"  # a shape stays on one line
    return table


def entries_of(value: object) -> str:
    """What a table or a constant holds, in a few words."""
    if not isinstance(value, (Mapping, tuple, list, frozenset)):
        return f"`{value!r}`"
    entries = list(value)
    if isinstance(entries[0], tuple):  # rows of a table, which its page shows
        return f"{len(entries)} entries"
    shown = ", ".join(f"`{entry}`" for entry in entries[:4])
    return f"{len(value)} entries: {shown}{', …' if len(value) > 4 else ''}"


def escaped(text: str) -> str:
    """Plain text as markdown, but for code in backticks."""
    pieces = re.split(r"(`[^`]*`)", text)
    plain = [re.sub(r"([\\*_\[\]<>$^~|@#])", r"\\\1", piece) for piece in pieces[::2]]
    return "".join(p + code for p, code in zip(plain, [*pieces[1::2], ""]))


def made_page(stem: str, title: str, description: str, parts: list[str]) -> Page:
    """A page of markdown."""
    cell = {"cell_type": "markdown", "source": "\n\n".join(parts)}
    return Page(f"{stem}.ipynb", [cell], title, description, f"{stem}.html")
