"""What survived, and the reasons why it may."""

import tomllib
from collections import Counter
from collections.abc import Sequence
from operator import attrgetter

from .judge import SURVIVED
from .mutant import Key, Mutant
from .places import ROOT

FILE = ROOT / "tools/mutants_equivalent.toml"
ENTRY = """
[[mutant]]
function = {}
before = {}
after = {}
reason = ""
"""


def read_reasons() -> dict[Key, str]:
    "Key of a mutant → why it computes the same"
    entries = tomllib.loads(FILE.read_text(encoding="utf-8"))
    reasons = {}
    for entry in entries.get("mutant", []):
        key = Key(entry["function"], entry["before"], entry["after"])
        reasons[key] = entry["reason"]
    return reasons


def quoted(text: str) -> str:
    "In TOML"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def entry(mutant: Mutant) -> str:
    "What to paste into the file of reasons"
    return ENTRY.format(*map(quoted, mutant.key()))


def survivors(mutants: Sequence[Mutant]) -> list[Mutant]:
    return [mutant for mutant in mutants if mutant.code == SURVIVED]


def print_table(mutants: Sequence[Mutant], unexplained: Sequence[Mutant]) -> None:
    "A line for each function, and one below for each module and for all"
    row = "{:32}{:>8}{:>8}{:>12}{:>10}".format
    print("\n" + row("", "mutants", "killed", "equivalent", "survived"))
    for owner in (attrgetter("function"), attrgetter("module"), lambda mutant: "all"):
        made = Counter(map(owner, mutants))
        alive = Counter(map(owner, survivors(mutants)))
        bad = Counter(map(owner, unexplained))
        for name in made:
            killed = made[name] - alive[name]
            equal = alive[name] - bad[name]
            print(row(name, made[name], killed, equal, bad[name]))
        print()


def print_killers(mutants: Sequence[Mutant]) -> None:
    "How many mutants each file of tests noticed first"
    killers = Counter(mutant.killer for mutant in mutants if mutant.killer)
    killers["having no end"] = sum(mutant.code < 0 for mutant in mutants)
    counts = [f"{name}: {count}" for name, count in killers.most_common() if count]
    print(f"killed by {', '.join(counts)}")


def report(mutants: Sequence[Mutant], whole: bool) -> int:
    "Print what happened; how many survivors have no reason, and how many reasons no survivor"
    reasons = read_reasons()
    unexplained, used = [], set()
    for mutant in survivors(mutants):
        key = mutant.key()
        used.add(key)
        reason = reasons.get(key)
        print(f"\n{mutant}\n    {reason or 'SURVIVED'}")
        if not reason:
            unexplained.append(mutant)
    judged = {mutant.function for mutant in mutants}
    stale = [key for key in reasons if key not in used]
    if not whole:
        stale = [key for key in stale if key.function in judged]
    for key in stale:
        print("\nSTALE, no such survivor:", *key, sep="\n    ")
    if unexplained:
        print(f"\nFor {FILE.relative_to(ROOT)}, where a change computes the same:")
        print(*map(entry, unexplained), sep="")
    print_table(mutants, unexplained)
    print_killers(mutants)
    return len(unexplained) + len(stale)
