"""What survived, and the reasons why it may."""

import tomllib
from collections import Counter
from collections.abc import Sequence

from .judge import KILLED, SURVIVED
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
    "A line for each function"
    row = "{:24}{:>8}{:>8}{:>12}{:>10}".format
    made = Counter(mutant.function for mutant in mutants)
    alive = Counter(mutant.function for mutant in survivors(mutants))
    bad = Counter(mutant.function for mutant in unexplained)
    for count in (made, alive, bad):
        count["all"] = count.total()
    print("\n" + row("function", "mutants", "killed", "equivalent", "survived"))
    for name in made:
        killed = made[name] - alive[name]
        equal = alive[name] - bad[name]
        print(row(name, made[name], killed, equal, bad[name]))


def print_killers(mutants: Sequence[Mutant], files: Sequence[str]) -> None:
    "How many mutants each file of tests noticed first"
    killers = Counter[str]()
    for mutant in mutants:
        if mutant.code < 0:
            killers["having no end"] += 1
        elif mutant.code != SURVIVED:
            file = files[mutant.code - KILLED]
            killers[file] += 1
    counts = [f"{name}: {count}" for name, count in killers.most_common()]
    print(f"killed by {', '.join(counts)}")


def report(mutants: Sequence[Mutant], files: Sequence[str], whole: bool) -> int:
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
    print_killers(mutants, files)
    return len(unexplained) + len(stale)
