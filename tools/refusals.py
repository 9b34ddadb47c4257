"""The lists in the appendix on refusals, made from the table of the tests: `python -m tools.refusals`.

They hold the calls of tests/refusals.toml, each with what it says; the names in the calls come from
tests/refusals.py. The text around the lists is written in the notebook itself.
"""

import json
import tomllib
from html import escape
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from tools.lists import title_of
from website.names import read_names

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS, TESTS = ROOT / "nbs", ROOT / "tests"
NAMES, LIST = "names-in-calls", "calls-of-"  # identifiers of the cells that are made
FOLDED = '#| code-fold: true\n#| code-summary: "The names in the calls"\n'
FUNCTION = """<details><summary><code>{heading}</code></summary>

Explained in [{title}]({notebook}#{name}).

```{{.python .code-overflow-wrap}}
{rows}
```

</details>"""


def page():
    "The notebook of the appendix."
    (found,) = NOTEBOOKS.glob("9?_refusals.ipynb")
    return found


def load(notebook):
    text = notebook.read_text(encoding="utf-8")
    return json.loads(text)


def names_in_calls():
    "The source of the cell with the names, folded: tests/refusals.py below its imports."
    text = (TESTS / "refusals.py").read_text(encoding="utf-8")
    _, below_imports = text.split("\n\n\n", 1)
    return (FOLDED + below_imports.rstrip()).splitlines(keepends=True)


def one_list(name, title, calls):
    "What one function refuses, folded."
    heading = escape(name.shown + name.signature).replace("*", "&#42;")
    rows = []
    for call, message in calls.items():
        rows.append(f"{call}\n# {message}")
    address = {"title": title, "notebook": name.notebook, "name": name.anchor}
    return FUNCTION.format(heading=heading, rows="\n\n".join(rows), **address)


def lists(table):
    "One cell for each chapter, with those of its names that have rows in the table."
    for notebook, found in groupby(read_names(), attrgetter("notebook")):
        known = [name for name in found if name.shown in table]
        if not known:
            continue
        title = title_of(notebook)
        parts = [f"## {title}", f"`{known[0].module}`"]
        for name in known:
            calls = table[name.shown]
            parts.append(one_list(name, title, calls))
        source = "\n\n".join(parts).splitlines(keepends=True)
        identifier = LIST + notebook[:2]
        yield {"cell_type": "markdown", "id": identifier, "metadata": {}, "source": source}


def made(path):
    "The text of the notebook with its lists made anew; they stand before its last cell."
    notebook = load(path)
    text = (TESTS / "refusals.toml").read_text(encoding="utf-8")
    *written, last = [cell for cell in notebook["cells"] if not cell["id"].startswith(LIST)]
    for cell in written:
        if cell["id"] == NAMES:
            cell["source"] = names_in_calls()
    made_lists = lists(tomllib.loads(text))
    notebook["cells"] = [*written, *made_lists, last]
    return json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    page().write_text(made(page()), encoding="utf-8")
