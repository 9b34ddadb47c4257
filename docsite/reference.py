"""Pages that no notebook holds: all symbols with all equations, and all functions.

They are made from what the package and the chapters say, and each entry leads to its place there.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module

from nbdev.config import get_config

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
    return [
        Equation(tag, tex.strip(), page)
        for page in pages
        for cell in page.cells
        if cell["cell_type"] == "markdown"
        for tex, tag in TAGGED.findall(cell["source"])
    ]


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
    page = next(page for page in pages if page.notebook == name.notebook)
    return f"{page.output}#{anchor_of(name, page, places[page.output])}"


def symbols_page(
    names: list[PublicName], pages: list[Page], places: dict[str, set[str]],
    equations: list[Equation],
) -> Page:
    """The tables of symbols in the package, and every numbered equation."""
    package, parts, seen = import_module(get_config().lib_name), [], set()
    for name in names:
        table = getattr(package, name.name, None)
        is_table = isinstance(table, Mapping) and all(
            hasattr(row, "symbol") and hasattr(row, "shape") for row in table.values()
        )
        if not table or not is_table or table.keys() <= seen:
            continue
        seen |= table.keys()
        address = linked(name, pages, places)
        title = name.name.replace("_", " ").capitalize().replace("Rnn", "RNN")
        title = title.replace("Lstm", "LSTM")
        parts.append(f"## {title}\n\n| Symbol | Name | Shape | Meaning |\n|:--|:--|:--|:--|")
        parts[-1] += "".join(
            f"\n| ${row.symbol}$ | [`{key}`]({address}) | {row.shape} | {row.meaning} |"
            for key, row in table.items()
        )
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


def functions_page(
    names: list[PublicName], pages: list[Page], places: dict[str, set[str]]
) -> Page:
    """Every public name with what it does."""
    package, parts = import_module(get_config().lib_name), []
    for page in pages:
        if found := [name for name in names if name.notebook == page.notebook]:
            module = found[0].module
            parts.append(f"## [{page.title}]({page.output})\n\n`{module}`\n")
            parts += [
                f"[`{name.name}`]({linked(name, pages, places)})`{name.signature or ' '}`\n"
                f":   {escaped(name.summary) or entries_of(getattr(package, name.name))}\n"
                for name in found
            ]
    described = "Every public name, where it is explained, and what it does."
    return made_page("functions", FUNCTIONS, described, parts)


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
