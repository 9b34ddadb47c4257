"""The notebooks that list everything, made from the package and the book: `python -m tools.lists`.

`symbols.ipynb` holds the tables of symbols in the package and every numbered equation,
`functions.ipynb` every public name. Each entry leads to its place in the book.
"""

import json
import re
from collections.abc import Iterable, Mapping
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from textwrap import dedent, indent

from website.equations import Equation, read_equations
from website.names import PublicName, read_names

ROW = re.compile(r"^(→ )?(\S+) +(\S.*(?:\n .+)*)", re.MULTILINE)  # of a table in a docstring
NOTEBOOKS = Path(__file__).resolve().parent.parent / "nbs"


def title_of(notebook: str) -> str:
    "What the first cell of a notebook says"
    text = (NOTEBOOKS / notebook).read_text(encoding="utf-8")
    return json.loads(text)["cells"][0]["source"][0].removeprefix("# ").strip()


def address(name: PublicName) -> str:
    "Of what explains a name"
    return f"{name.notebook}#{name.anchor}"


def symbols(names: Iterable[PublicName], equations: Iterable[Equation]) -> list[str]:
    "The cells of the page of symbols"
    parts: list[str] = []
    seen: set[str] = set()
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
        for key, row in table.items():
            linked = f"[`{key}`]({address(name)})"
            parts[-1] += f"\n| ${row.symbol}$ | {linked} | {row.shape} | {row.meaning} |"
    parts.append("## Equations")
    for notebook, found in groupby(equations, attrgetter("notebook")):
        rows = [f"### [{title_of(notebook)}]({notebook})"]
        for equation in found:
            tex = re.sub(r"\s*\\tag\{[^}]*\}", "", equation.tex)
            link = f"[({equation.tag})]({notebook}#{equation.identifier})"
            rows.append(f"::: {{.equation-row}}\n{link}\n\n$${tex}$$\n:::")
        parts.append("\n\n".join(rows))
    described = "Every symbol, its name in code and its shape; every numbered equation."
    return [f"# Symbols and equations\n\n> {described}", *parts]


def functions(names: Iterable[PublicName]) -> list[str]:
    "The cells of the page of functions: what each does, and the shapes of what it takes and gives"
    described = (
        "Every public name, where it is explained, what it does, and the shapes of its arrays."
    )
    parts = [f"# Functions\n\n> {described}"]
    for notebook, group in groupby(names, attrgetter("notebook")):
        found = list(group)
        entries = [f"## [{title_of(notebook)}]({notebook})\n\n`{found[0].module}`"]
        for name in found:
            blocks = list(map(documented, name.paragraphs)) or [entries_of(name.value)]
            # in two backticks, which nbdev does not make a second link of
            term = f"[`` {name.shown} ``]({address(name)})`{name.signature or ' '}`"
            entries.append(f"{term}\n\n:   " + indent("\n\n".join(blocks), "    ").strip())
        parts.append("\n\n".join(entries))
    return parts


def documented(paragraph: str) -> str:
    "A paragraph of a docstring as markdown; a table of shapes, whose columns are apart, as a table."
    if not re.search(r"\S {2,}\S", paragraph):
        return escaped(" ".join(paragraph.split()))
    table = "| | |\n|:--|:--|"
    for row in re.finditer(ROW, dedent(paragraph)):
        mark, name, text = row.groups(default="")
        text = " ".join(re.sub(r"(?<=\S) {2,}", ", ", text, count=1).split())
        kept = re.sub(r"\([^()]{,20}\)", lambda shape: shape[0].replace(" ", "\xa0"), text)
        table += f"\n| {mark}`{name}` | {kept} |"  # a shape stays on one line
    return table


def entries_of(value: object) -> str:
    "What a table or a constant holds, in a few words."
    if not isinstance(value, (Mapping, tuple, list, frozenset)):
        return f"`{value!r}`"
    entries = list(value)
    if isinstance(entries[0], tuple):  # rows of a table, which its page shows
        return f"{len(entries)} entries"
    shown = ", ".join(f"`` {entry} ``" for entry in entries[:4])
    return f"{len(value)} entries: {shown}{', …' if len(value) > 4 else ''}"


def escaped(text: str) -> str:
    "Plain text as markdown, but for code in backticks."
    pieces = re.split(r"(`[^`]*`)", text)
    plain = [re.sub(r"([\\*_\[\]<>$^~|@#])", r"\\\1", piece) for piece in pieces[::2]]
    return "".join(p + code for p, code in zip(plain, [*pieces[1::2], ""]))


def notebook(stem: str, sources: Iterable[str]) -> str:
    "The text of a notebook of these markdown cells"
    cells = [
        {
            "cell_type": "markdown",
            "id": f"{stem}-{number}",
            "metadata": {},
            "source": source.splitlines(keepends=True),
        }
        for number, source in enumerate(sources)
    ]
    made = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(made, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def made() -> dict[str, str]:
    "The name of each notebook, and its text"
    names = read_names()
    lists = {"symbols": symbols(names, read_equations(NOTEBOOKS)), "functions": functions(names)}
    return {f"{stem}.ipynb": notebook(stem, sources) for stem, sources in lists.items()}


if __name__ == "__main__":
    for name, text in made().items():
        (NOTEBOOKS / name).write_text(text, encoding="utf-8")
