"""The command line: see tools/mutants/__init__.py."""

import sys
import time
from argparse import ArgumentParser, Namespace

from . import __doc__ as overview
from .judge import JUDGE, SURVIVED, Judge, prepare
from .mutant import Mutant, mutants_of, sentinel
from .places import Function, fields_of, reached, read_package
from .report import report


def options() -> Namespace:
    first = overview.partition("\n")[0]
    parser = ArgumentParser(prog="python -m tools.mutants", description=first)
    parser.add_argument("--only", metavar="NAME", nargs="+", help="the mutants of some functions")
    parser.add_argument("--list", action="store_true", help="print the mutants, judge none")
    parser.add_argument("--judge", metavar="FILE", nargs="+", default=JUDGE, help="other tests")
    return parser.parse_args()


def chosen(functions: list[Function], only: list[str] | None) -> list[Function]:
    "The functions that were asked for, all if none were"
    if only is None:
        return functions
    known = {function.tree.name for function in functions}
    for name in only:
        if name not in known:
            sys.exit(f"{name}: expected one of {', '.join(sorted(known))}")
    return [function for function in functions if function.tree.name in only]


def main() -> int:
    asked = options()
    began = time.time()
    modules = read_package()
    fields = fields_of(modules)
    functions = chosen(reached(modules), asked.only)
    mutants: list[Mutant] = []
    for function in functions:
        mutants += mutants_of(function, fields)
    if asked.list:
        print(*mutants, f"{len(mutants)} mutants", sep="\n")
        return 0
    prepare()
    judge = Judge(modules, asked.judge)
    if not judge.accepts_the_package():
        sys.exit("The package fails its own judge.")
    sentinels = [sentinel(function) for function in functions]
    judge.run(sentinels)
    asleep = [mutant.function for mutant in sentinels if mutant.code == SURVIVED]
    unnoticed = ", ".join(asleep) or "none"
    print(f"{len(functions)} functions, unnoticed when they only raise: {unnoticed}")
    judge.run(mutants)
    bad = len(asleep) + report(mutants, asked.judge, whole=not asked.only)
    print(f"{len(mutants)} mutants in {time.time() - began:.0f} s; to explain: {bad}")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
