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

from docsite.names import read_names

ROOT = Path(__file__).resolve().parent.parent
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
    return next((ROOT / "nbs").glob("9?_refusals.ipynb"))


def functions():
    "The public functions that take arguments, in the order of the book."
    return [name for name in read_names() if name.signature not in ("", "()")]


def title_of(notebook):
    first = json.loads((ROOT / "nbs" / notebook).read_text(encoding="utf-8"))["cells"][0]
    return first["source"][0].removeprefix("# ").strip()


def one_list(function, title, calls):
    "What one function refuses, folded."
    heading = escape(function.shown + function.signature).replace("*", "&#42;")
    rows = "\n\n".join(f"{call}\n# {message}" for call, message in calls.items())
    return FUNCTION.format(heading=heading, title=title, rows=rows,
                           notebook=function.notebook, name=function.name)


def lists(table):
    "One cell for each chapter, with those of its functions that have rows in the table."
    for notebook, found in groupby(functions(), attrgetter("notebook")):
        known = [function for function in found if function.shown in table]
        if not known: continue
        title = title_of(notebook)
        parts = [f"## {title}", f"`{known[0].module}`"]
        for function in known: parts.append(one_list(function, title, table[function.shown]))
        source = "\n\n".join(parts).splitlines(keepends=True)
        identifier = LIST + notebook[:2]
        yield {"cell_type": "markdown", "id": identifier, "metadata": {}, "source": source}


def made(path):
    "The text of the notebook with its lists made anew; they stand before its last cell."
    notebook = json.loads(path.read_text(encoding="utf-8"))
    table = tomllib.loads((ROOT / "tests/refusals.toml").read_text(encoding="utf-8"))
    names = (ROOT / "tests/refusals.py").read_text(encoding="utf-8")
    below_imports = names.split("\n\n\n", 1)[1].rstrip()
    *written, last = [cell for cell in notebook["cells"] if not cell["id"].startswith(LIST)]
    for cell in written:
        if cell["id"] == NAMES: cell["source"] = (FOLDED + below_imports).splitlines(keepends=True)
    notebook["cells"] = [*written, *lists(table), last]
    return json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    page().write_text(made(page()), encoding="utf-8")
