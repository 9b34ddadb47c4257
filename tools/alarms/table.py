"""Many cases of each kind, counted."""

from collections import Counter
from itertools import product

import numpy as np

from tools.alarms.cases import ASK, Row

ROWS = [
    *(Row(*row) for row in product(
        ["gradient_check", "xray"], ["float64", "float32"], ["short", "long"], ["rnn", "lstm"]
    )),
    *(Row(*row) for row in product(
        ["xray_cell"], ["float64", "float32"], ["one step"], ["rnn", "lstm"]
    )),
]  # fmt: skip
SHARE = {"gradient_check": 4, "xray": 50}  # long sequences: one in so many cases


def share(row, cases):
    "How many of the cases a row gets; the slow ones get fewer, none gets none"
    return max(1, cases // SHARE[row.checker]) if row.length == "long" else cases


def outcomes(rs, row, cases, seed, wrong):
    "So many cases of a row, each of a seed of its own"
    for number in range(cases):
        rng = np.random.default_rng([seed, ROWS.index(row), number, wrong])
        yield ASK[row.checker](rs, row, rng, wrong)


LAYOUT = "{:15}{:8}{:9}{:5} |{:>6}{:>7}{:>7}{:>8}{:>8} |{:>6}{:>7}{:>7}{:>8}{:>8} |{:>7}".format
HEADS = [
    [""] * 4 + ["right", *[""] * 4, "wrong", *[""] * 4, ""],
    [""] * 4 + ["", "", "", "cannot", "alarms", "", "", "", "cannot", "misses", ""],
    [""] * 4 + ["cases", "ok", "wrong", "tell", "‰", "cases", "ok", "wrong", "tell", "‰", "warned"],
]


def line(row, right, wrong):
    "The counts of a row; called wrong, a right one is an alarm; called ok, a wrong one is a miss"
    cells = []
    for found, fault in ((right, "wrong"), (wrong, "ok")):
        said = Counter(outcome.verdict for outcome in found)
        cells += [len(found), said["ok"], said["wrong"], said["cannot tell"]]
        cells.append(f"{1000 * said[fault] / len(found):.1f}")
    warned = sum(outcome.warned for outcome in [*right, *wrong])
    return LAYOUT(*row, *cells, warned)


def causes(found, fault):
    "Of what kind the cases were that got a wrong verdict: in how many of how many of the kind"
    kinds, faults = Counter(), Counter()
    for outcome in found:
        kinds.update(outcome.tags)
        if outcome.verdict == fault:
            faults.update(outcome.tags)
    ranked = sorted(faults, key=lambda tag: -faults[tag] / kinds[tag])
    return [f"    {faults[tag]:5} of {kinds[tag]:5}  {tag}" for tag in ranked]


def show(rs, rows, cases, seed, with_causes):
    print(*(LAYOUT(*head) for head in HEADS), sep="\n", flush=True)
    for row in rows:
        number = share(row, cases)
        right = list(outcomes(rs, row, number, seed, wrong=False))
        wrong = list(outcomes(rs, row, number, seed, wrong=True))
        print(line(row, right, wrong), flush=True)
        if with_causes:
            print("  alarms", *causes(right, "wrong"), sep="\n")
            print("  misses", *causes(wrong, "ok"), sep="\n", flush=True)
