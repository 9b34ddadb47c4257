"""Execute notebooks, each in a process of its own.

    python -m tools.notebooks              execute all in place and leave them clean
    python -m tools.notebooks FILE ...     the same for some

`execute` returns an executed copy and writes nothing; the tests compare it with what is stored.
"""

import os
import re
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import matplotlib.font_manager  # noqa: F401 - builds its cache; a notebook would say that it does
from execnb.nbio import nb2str, read_nb
from execnb.shell import CaptureShell
from nbdev.clean import clean_nb

NO_EVAL = re.compile(r"^#\|\s*eval:\s*false", re.MULTILINE | re.IGNORECASE)
NOTEBOOKS = Path(__file__).resolve().parent.parent / "nbs"


def is_run(cell):
    return cell.cell_type == "code" and not NO_EVAL.search(cell.source)


def execute(path):
    "The notebook at `path` with fresh outputs and no metadata; an error names notebook and cell."
    os.chdir(NOTEBOOKS)
    notebook = read_nb(path)
    shell = CaptureShell(path, mpl_format="svg")
    for number, cell in enumerate(notebook.cells):
        if not is_run(cell):
            continue
        cell.outputs = []  # execnb keeps the old ones of a cell that prints nothing now
        shell.cell(cell)
        if shell.exc:
            error = f"{type(shell.exc).__name__}: {shell.exc}"
            raise RuntimeError(f"{path.name}, cell {number}:\n{cell.source}\n\n{error}")
    clean_nb(notebook)
    return nb2str(notebook)


def workers():
    "Two processes at a time, a new one for each notebook."
    return ProcessPoolExecutor(2, get_context("spawn"), max_tasks_per_child=1)


def main(names):
    paths = [Path(name).resolve() for name in names]
    if not paths:
        paths = sorted(NOTEBOOKS.glob("*.ipynb"))
    with workers() as pool:
        for path, text in zip(paths, pool.map(execute, paths)):
            if path.read_text(encoding="utf-8") == text:
                print(f"{path.name}: unchanged")
            else:
                path.write_text(text, encoding="utf-8")
                print(f"{path.name}: outputs written")


if __name__ == "__main__":
    main(sys.argv[1:])
