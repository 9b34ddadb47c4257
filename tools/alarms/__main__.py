import os

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
os.environ |= dict.fromkeys(THREADS, "1")  # NumPy reads them when it is imported

import argparse
import importlib
import sys
from time import perf_counter

from tools import alarms
from tools.alarms.table import ROWS, show


def chosen(rows):
    "The rows that begin with one of these; all where none is given"
    names = {"/".join(row): row for row in ROWS}
    found = [row for name, row in names.items() if not rows or name.startswith(tuple(rows))]
    if not found:
        sys.exit(f"--rows: expected the beginning of one of {', '.join(names)}")
    return found


def main():
    parser = argparse.ArgumentParser(
        prog="python -m tools.alarms",
        description=alarms.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rows", nargs="+", default=[])
    parser.add_argument("--package", default=".")
    parser.add_argument("--causes", action="store_true")
    options = parser.parse_args()
    rows = chosen(options.rows)
    sys.path.insert(0, options.package)
    package = importlib.import_module("rnn_stepwise")
    start = perf_counter()
    show(package, rows, options.cases, options.seed, options.causes)
    print(f"\n{package.__file__}, seed {options.seed}: {perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
