"""The numbered equations of the book, and which of them a number in a text means."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

TAGGED = re.compile(r"\$\$((?:(?!\$\$).)*?\\tag\{([^}]*)\}(?:(?!\$\$).)*?)\$\$", re.DOTALL)


@dataclass(frozen=True)
class Equation:
    """A displayed formula with a number of its own: `$$ ... \\tag{G3} $$`."""

    tag: str  # as it is printed: G3; 11–14 for the four equations of one line
    tex: str
    notebook: str  # 05_gradients.ipynb

    @property
    def identifier(self) -> str:
        """Its anchor."""
        return "eq-" + re.sub(r"\W+", "-", self.tag.lower())

    def address(self, notebook: str) -> str:
        """How another notebook links to it, or its own."""
        return ("" if notebook == self.notebook else self.notebook) + f"#{self.identifier}"

    def numbers(self) -> list[str]:
        """What a text may call it: `11–14` answers to 11, 12, 13 and 14 too."""
        ends = [int(number) for number in re.findall(r"\b\d+", self.tag)]
        if "–" in self.tag and len(ends) == 2:
            ends = list(range(ends[0], ends[1] + 1))
        parts = [str(number) for number in ends if self.tag[0].isdigit()]
        return list(dict.fromkeys([self.tag, *parts]))


def read_equations(notebooks: Path) -> list[Equation]:
    """All numbered equations in the notebooks of a folder, in the order of the book."""
    found = []
    for path in sorted(notebooks.glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        prose = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
        for tex, tag in TAGGED.findall("\n\n".join(prose)):
            found.append(Equation(tag, tex.strip(), path.name))
    return found


def references(notebook: str, equations: list[Equation]) -> dict[str, Equation]:
    """Which equation a number in the prose of a notebook means: one of its own, or the only one."""
    meant: dict[str, list[Equation]] = {}
    for equation in equations:
        for number in equation.numbers():
            meant.setdefault(number, []).append(equation)
    here = {n: [e for e in found if e.notebook == notebook] or found for n, found in meant.items()}
    return {number: found[0] for number, found in here.items() if len(found) == 1}


def previews(text: str, equations: list[Equation], outputs: Mapping[str, str]) -> str:
    """The equations of other pages that a page (as HTML) leads to, so that it can show them.

    `outputs` holds the name of each notebook's page."""
    found = set(re.findall(r'href="(?:\./)?([^"#]+#eq-[^"]+)" class="equation', text))
    templates = []
    for equation in equations:
        address = f"{outputs[equation.notebook]}#{equation.identifier}"
        if address in found:
            formula = f'<span class="math display">\\[{escape(equation.tex)}\\]</span>'
            templates.append(f'<template data-of="{address}">{formula}</template>\n')
    return "".join(templates)
