"""A notebook that uses every feature the site renderer knows, and a copy of the project with it."""

import atexit
import functools
import importlib
import json
import os
import pkgutil
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from conftest import copy_repository

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="320" height="120" viewBox="0 0 320 120"><path d="M10 110L310 10" stroke="#1d5c9e" stroke-width="3"/><text x="20" y="30">c</text></svg>'

FIRST_PROSE = r"""## Memory & gates {#gates}

An inline formula $c^{\langle t \rangle}$ and `code`, a [span]{.term #a-span},
*emphasis*, a link to [another page](00_notation.ipynb) and one to [a section](#deeper-still).
See @fig-cell-plot, @tbl-values and @tbl-shapes; all again: [@fig-cell-plot; @tbl-shapes].

$$
\begin{aligned}
\Gamma_f &= \sigma(W_f [a^{\langle t-1 \rangle}, x^{\langle t \rangle}] + b_f) \\
h(z) &= \begin{cases} 1 & \text{if } z > 0 \\ 0 & \text{otherwise} \end{cases}
\end{aligned}
\tag{7}
$$

$$ \frac{\partial L}{\partial W} = \sum_{t=1}^{T} \frac{\partial L}{\partial a^{\langle t \rangle}} \frac{\partial a^{\langle t \rangle}}{\partial W} + \text{a long tail of terms} + \text{that does not fit} + \text{on any phone} \tag{8} $$

Prose: see (7), (8)–(10); (G3). Within the range (12), not f(7), not 12 (7), not (99), not (G99), `(G3)`, not (1997).

### Not in a heading (7)

### Deeper still

| Symbol | Meaning | Shape |
|:-------|:--------|------:|
| $x$    | input, one column per sequence | `(n_x, m)` |
| $a$    | hidden state | `(n_a, m)` |

: The shapes of *all* symbols. {#tbl-shapes}

| Plain | table |
|-------|-------|
| 1     | 2     |

| #                 | Printed                              | Right      |
|:------------------|:-------------------------------------|:-----------|
| [1]{#erratum-one} | `[-0.00918273, 0.09172635]`          | 0.00817263 |
| 2                 | $-0.07162534$, &minus;0.28172639     | 0.51928374 |

![A drawing with $a$ in its caption.](drawing.svg){fig-alt="A line & a \"c\"." width=60%}

- a list
- with `items`

> a quotation

Term
:   its definition

::: {.warm}
A fenced div stays a div.
:::
"""

ASIDES = """## Asides

<details><summary>Raw details</summary>

Inside **markdown**.

</details>
"""


def display(**data: str) -> dict:
    kinds = {"svg": "image/svg+xml"}
    named = {}
    for key, content in data.items():
        named[kinds.get(key, f"text/{key}")] = content
    return {"output_type": "display_data", "metadata": {}, "data": named}


def result(**data: str) -> dict:
    return {**display(**data), "output_type": "execute_result", "execution_count": None}


def stream(name: str, text: str) -> dict:
    return {"output_type": "stream", "name": name, "text": text}


SHOW_DOC = """---

[source](/blob/main/rnn_stepwise/x.py#L12){target="_blank" style="float:right; font-size:smaller"}

### forget_gate

```python
def forget_gate(
    x:ndarray, # input, (n_x, m)
)->ndarray: # (n_a, m)
```

*One number in (0, 1) per entry of the memory.*
"""

CODE_CELLS = [
    (
        "print('a'); print('b')",
        [
            stream("stdout", "a\n"),
            stream("stdout", "\x1b[31mb\x1b[0m\n"),
        ],
    ),
    ("x = '" + "long " * 40 + "'\nx", [result(plain="long " * 60)]),
    (
        '#| label: fig-cell-plot\n#| fig-cap: "A line that *goes up* by $a$."\n#| fig-alt: "A \\"line\\" & more."\nplot()',
        [result(plain="[<Line2D>]"), display(svg=SVG, plain="<Figure>")],
    ),
    ('#| fig-cap: "Only a caption."\n#| fig-alt: "A line."\nshow()', [display(svg=SVG)]),
    (
        '#| label: tbl-values\n#| tbl-cap: "Values, computed."\ntable()',
        [result(markdown="| h |\n|:--|\n| 1 |\n", plain="h 1")],
    ),
    ("#| echo: false\nsecret_code()", [stream("stdout", "only the output\n")]),
    ("#| output: false\nquiet()", [stream("stdout", "never shown\n")]),
    ("#| include: false\ninvisible()", [stream("stdout", "never shown\n")]),
    ('#| code-fold: true\n#| code-summary: "The <long> code"\nfolded()', []),
    ("#| code-fold: show\nunfolded()", []),
    ("#| code-fold: false\nplain()", []),
    (
        "markdown()",
        [result(markdown="*from* markdown, see [`sigmoid`](/notation.html#sigmoid)", plain="no")],
    ),
    ("fence = '''\n```\n'''", []),
    ("", []),
]


def cell(kind: str, source: str, number: int, outputs: list | None = None) -> dict:
    made = {"cell_type": kind, "id": f"sample{number:02}", "metadata": {}, "source": source}
    if kind == "code":
        made |= {"outputs": outputs or [], "execution_count": None}
    return made


def cells() -> list[dict]:
    """The cells below the title."""
    made = []
    for text in (FIRST_PROSE, ASIDES, "## Cells {#cells-by-name}"):
        made.append(cell("markdown", text, len(made)))
    for source, outputs in CODE_CELLS:
        made.append(cell("code", source, len(made), outputs))
    return made


def notebook(
    title: str = "# Everything\n\n> One of *each* feature.", body: list[dict] | None = None
) -> dict:
    kernel = {"display_name": "python3", "language": "python", "name": "python3"}
    below = cells() if body is None else body
    all_cells = [cell("markdown", title, 99), *below]
    return {
        "cells": all_cells,
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def write_sample(nbs: Path) -> None:
    """Add the sample notebook and its drawing to a copy of the project."""
    text = json.dumps(notebook(), indent=1)
    (nbs / "98_everything.ipynb").write_text(text)
    (nbs / "drawing.svg").write_text(SVG)


def public_names() -> dict[str, object]:
    """Every name that a module of the package exports, as a reader calls it: sigmoid, checking.whole."""
    package, found = importlib.import_module("rnn_stepwise"), {}
    for info in pkgutil.walk_packages(package.__path__, "rnn_stepwise."):
        module = importlib.import_module(info.name)
        for name in getattr(module, "__all__", []):
            value = getattr(module, name)
            at_top = getattr(package, name, None) is value
            shown = name if at_top else ".".join([info.name.split(".")[-1], name])
            found[shown] = value
    return found


# --- a copy of the project, with the sample notebook in it, and its site --------------------------


def copy_project(folder: Path, with_sample: bool = True) -> Path:
    """Copy the project, so that a test never touches the real one."""
    copy = copy_repository(folder / "project")
    if with_sample:
        write_sample(copy / "nbs")
    return copy


def run_docsite(project: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """`python -m docsite` in a copy of the project."""
    command = [sys.executable, "-m", "docsite", *arguments]
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment}
    return subprocess.run(command, cwd=project, env=env, capture_output=True, text=True)


@functools.cache
def built_project() -> Path:
    """A copy whose site is built; made once for all tests, removed when Python ends."""
    folder = tempfile.mkdtemp(prefix="docsite-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    project = copy_project(Path(folder))
    done = run_docsite(project)
    assert done.returncode == 0, done.stderr
    return project
