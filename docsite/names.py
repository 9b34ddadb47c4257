"""The public names of the package, and where on the site each of them is explained.

Read from the generated modules: nbdev marks each piece of code with the notebook and the cell that
it comes from, and lists the public names in `__all__`.
"""

import ast
import re
from dataclasses import dataclass

from nbdev.config import get_config

from docsite.process import Page

MARKER = re.compile(r"^# %% (?:\.\./)*nbs/(\S+\.ipynb) #(\w+)", re.MULTILINE)


@dataclass
class PublicName:
    """One name that `from rnn_stepwise import *` gives."""

    name: str
    module: str  # rnn_stepwise.notation
    notebook: str  # 00_notation.ipynb
    cell: str  # the identifier of the cell that defines it
    signature: str  # "(x, axis=0)"; empty for what is not a function
    summary: str  # first sentence of its documentation


def signature(node: ast.AST) -> str:
    """The arguments of a function, without annotations."""
    if not isinstance(node, ast.FunctionDef):
        return ""
    bare = ast.parse(ast.unparse(node)).body[0].args
    for argument in ast.walk(bare):
        if isinstance(argument, ast.arg):
            argument.annotation = None
    return f"({ast.unparse(bare)})"


def definitions(tree: ast.Module) -> dict[str, ast.stmt]:
    """Every name that a module defines at its top level, and the statement that does it."""
    found: dict[str, ast.stmt] = {}
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found[node.name] = node
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id: node for target in targets if isinstance(target, ast.Name)}
    return found


def read_names() -> list[PublicName]:
    """The public names of all modules, in the order of the notebooks."""
    library, found = get_config().lib_path, []
    for path in library.rglob("*.py"):
        text = path.read_text()
        markers = [(text.count("\n", 0, m.start()), m[1], m[2]) for m in MARKER.finditer(text)]
        if not markers:
            continue
        module = ".".join(path.relative_to(library.parent).with_suffix("").parts)
        defined = definitions(ast.parse(text))
        for name in ast.literal_eval(defined["__all__"].value):
            node = defined[name]
            notebook, cell = [m[1:] for m in markers if m[0] < node.lineno][-1]
            documented = isinstance(node, (ast.FunctionDef, ast.ClassDef))
            summary = (ast.get_docstring(node) or "").split("\n\n")[0] if documented else ""
            summary = " ".join(summary.split())
            found.append(PublicName(name, module, notebook, cell, signature(node), summary))
    return sorted(found, key=lambda name: name.notebook)


def anchor_of(name: PublicName, page: Page, ids: set[str]) -> str:
    """The place on the page that explains a name: its own section, else the cell that defines it,
    else (where the page does not show that cell) the nearest cell above that has a place."""
    cells = [cell.get("id", "") for cell in page.cells]
    above = cells[: cells.index(name.cell) + 1] if name.cell in cells else []
    places = [name.name, name.name.lower(), *reversed(above)]  # pandoc writes anchors small
    return next((place for place in places if place in ids), "content")


