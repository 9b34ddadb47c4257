"""A processor of nbdev: what stands in the processed notebooks that either engine reads.

nbdev runs it on each notebook, after its own processors; settings.ini names it.
"""

import json
import re
from pathlib import Path

import yaml
from execnb.nbio import NbCell, mk_cell
from nbdev.config import get_config
from nbdev.process import Processor

from website.equations import read_equations, references
from website.names import PublicName, read_names

DEFINITION = re.compile(r"^(?:@.*\n(?: .*\n)*)*(?:def|class) (\w+)", re.MULTILINE)
SOURCE_LINK = re.compile(r"^\[source\]\(\S*/blob/.*\n+", re.MULTILINE)


class ForReaders(Processor):
    """Each function told once, an anchor for every other public name, and the facts of the page."""

    def begin(self):
        """All of it; nothing is left for single cells."""
        notebook = Path(self.nb.path_)
        names = [name for name in read_names() if name.notebook == notebook.name]
        front, *cells = under_headings(list(self.nb.cells))
        if front.cell_type == "raw":  # else the notebook has no title
            add_facts(front, notebook, str(cells))
        self.nb.cells = with_anchors([front, *cells], names, identifiers(notebook))


def add_facts(front: NbCell, notebook: Path, text: str) -> None:
    """To the front matter: the number of the chapter or the part of the book, the anchors of its
    equations, and the address of each equation that its text names: "(G3)"."""
    facts = yaml.safe_load(front.source.split("---\n")[1])
    number = re.match(r"\d\d(?=_)", notebook.name)
    if number and number[0] < "80":
        facts["chapter"] = str(int(number[0]))
    elif notebook.stem != "index":
        facts["part"] = "Appendices" if number else "Look up"
    equations = read_equations(get_config().nbs_path)
    own = {one.tag: one.identifier for one in equations if one.notebook == notebook.name}
    meant = references(notebook.name, equations).items()
    named = {n: found.address(notebook.name) for n, found in meant if f"({n})" in text}
    facts |= {"equation-anchors": own, "equation-links": named}
    front["source"] = f"---\n{yaml.safe_dump(facts, allow_unicode=True)}---\n\n"


def documented_by(cell: NbCell) -> str:
    """The name that a cell of nbdev documents."""
    found = re.search(r"^show_doc\((\w+)\)", cell.source, re.M)
    return found[1] if found else ""


def under_headings(cells: list[NbCell]) -> list[NbCell]:
    """nbdev documents the names of a cell above and below it. Where the source is shown, it says all
    that the documentation says: of that only the heading, the name's anchor, stays, right above it."""
    names, shown, result, above = set(map(documented_by, cells)), set(), [], ""
    for cell in cells:
        found = [m for m in DEFINITION.finditer(cell.source) if m[1] in names]
        if found and above and cell.cell_type == "code":
            shown.update(start[1] for start in found)
            result += pieces(cell, found)
        else:
            result.append(cell)
        above = documented_by(cell)
    kept = [cell for cell in result if documented_by(cell) not in shown]
    return [tidy_documentation(cell) if documented_by(cell) else cell for cell in kept]


def pieces(cell: NbCell, found: list[re.Match]) -> list[NbCell]:
    """A cell cut into its definitions, each below its heading; what it printed stays with the last."""
    result, ends = [], [*(start.start() for start in found[1:]), None]
    for start, begin, end in zip(found, [0, *ends], ends):
        piece = {**cell, "source": cell.source[begin:end].strip("\n")}
        if begin:
            piece["id"] = f"{cell.id}-{start[1]}"
        if end:
            piece["outputs"] = []
        result += [mk_cell(heading(start[1]), "markdown"), NbCell(0, piece)]
    return result


def heading(name: str) -> str:
    """The heading that is the anchor of a function or a class."""
    return f"### {name} {{.doc-name .unnumbered}}"


def tidy_documentation(cell: NbCell) -> NbCell:
    """nbdev's documentation of a name as markdown: without a rule on top and a link to a repository
    that has no address."""
    text = "".join(cell.outputs[0]["data"]["text/markdown"]).removeprefix("---\n\n")
    text = SOURCE_LINK.sub("", text)
    text = re.sub(r"^#+ (.+)$", lambda found: heading(found[1]), text, count=1, flags=re.M)
    return mk_cell(text.replace("```python\n", "```{.python .doc-signature}\n", 1), "markdown")


def identifiers(notebook: Path) -> list[str]:
    """Those of a notebook's cells, in reading order."""
    return [cell["id"] for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]]


def with_anchors(cells: list[NbCell], names: list[PublicName], order: list[str]) -> list[NbCell]:
    """Constants have no heading: an anchor stands before the cell that defines them, or where that
    cell would stand if it were shown."""
    for name in names:
        if name.has_heading or name.cell not in order:
            continue
        before = set(order[: order.index(name.cell)])
        places = [at for at, cell in enumerate(cells) if cell.get("id") in before]
        anchor = mk_cell(f"::: {{#{name.anchor}}}\n:::", "markdown")
        cells.insert(max(places, default=0) + 1, anchor)
    return cells
