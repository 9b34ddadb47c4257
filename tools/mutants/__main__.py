"""The command line: see tools/mutants/__init__.py."""

import sys
import time
from argparse import ArgumentParser, Namespace

from . import __doc__ as overview
from .judge import SURVIVED, Judge, prepare
from .mutant import Mutant, mutants_of, sentinel
from .places import PACKAGE, Part, everything, fields_of, read_package
from .report import report


def options() -> Namespace:
    first = overview.partition("\n")[0]
    parser = ArgumentParser(prog="python -m tools.mutants", description=first)
    parser.add_argument("--only", metavar="NAME", nargs="+", help="some modules or functions")
    parser.add_argument("--list", action="store_true", help="print the mutants, judge none")
    parser.add_argument("--judge", metavar="FILE", nargs="+", help="other tests")
    return parser.parse_args()


def chosen(parts: list[Part], only: list[str] | None) -> list[Part]:
    "The parts that were asked for, by name or by module, all if none were"
    if only is None:
        return parts
    names = [{part.name, part.module.removeprefix(f"{PACKAGE}.")} for part in parts]
    known = set().union(*names)
    for name in only:
        if name not in known:
            sys.exit(f"{name}: expected one of {', '.join(sorted(known))}")
    return [part for part, its in zip(parts, names) if its & set(only)]


def main() -> int:
    asked = options()
    began = time.time()
    modules = read_package()
    fields = fields_of(modules)
    parts = chosen(everything(modules), asked.only)
    mutants: list[Mutant] = []
    for part in parts:
        mutants += mutants_of(part, fields)
    if asked.list:
        print(*mutants, f"{len(mutants)} mutants", sep="\n")
        return 0
    prepare()
    judge = Judge(modules, asked.judge)
    if not judge.accepts_the_package({part.module for part in parts}):
        sys.exit("The package fails its own judge.")
    sentinels = [sentinel(part) for part in parts]
    judge.run(sentinels)
    asleep = [mutant.function for mutant in sentinels if mutant.code == SURVIVED]
    unnoticed = ", ".join(asleep) or "none"
    print(f"{len(parts)} functions and values, unnoticed when they are gone: {unnoticed}")
    judge.run(mutants)
    bad = len(asleep) + report(mutants, whole=not asked.only)
    print(f"{len(mutants)} mutants in {time.time() - began:.0f} s; to explain: {bad}")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
