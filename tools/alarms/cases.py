"""One case: a random network, a right or a wrong way to its gradients, and what a checker says.

The package is handed over as a module, `rs`: whichever copy is to be judged.
"""

import warnings
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from tools.alarms import problems
from tools.alarms.mistakes import MISTAKES
from tools.alarms.passes import WAYS, Way, cast, in_double, in_single

STATES = {"rnn": ("a",), "lstm": ("a", "c")}
LENGTHS = {"short": (1, 8), "long": (20, 60)}
SEEN = {"float64": 3e-6, "float32": 1e-2}  # a mistake is one where it moves a result so far


class Row(NamedTuple):
    "A row of the table"

    checker: str
    precision: str
    length: str
    network: str


class Outcome(NamedTuple):
    verdict: str  # "ok", "wrong" or "cannot tell"
    warned: bool  # a warning came out of the checker
    tags: tuple[str, ...]  # of what kind the case was


def verdict_of(report):
    if report.ok:
        return "ok"
    if getattr(report, "hidden", ()) and report._replace(hidden=()).ok:
        return "cannot tell"
    rows = getattr(report, "rows", ())
    said = {getattr(row, "verdict", "wrong") for row in rows} or {"wrong"}
    return "cannot tell" if "cannot tell" in said and said <= {"ok", "cannot tell"} else "wrong"


def asked(checker, *arguments, **options):
    "The verdict; and whether there was a warning"
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        try:
            report = checker(*arguments, **options)
        except (TypeError, ValueError):
            return "wrong", bool(caught)
        return verdict_of(report), bool(caught)


def run_forward(rs, problem):
    "States and caches, by the package"
    point = dict(problem.point)
    x, a0, c0 = point.pop("x"), point.pop("a0"), point.pop("c0", None)
    if c0 is None:
        a, _, caches = rs.rnn_forward(x, a0, point)
        return a, None, caches
    a, _, c, caches = rs.lstm_forward(x, a0, point, c0)
    return a, c, caches


def off_by(found, right):
    "The largest difference, in units of the largest number of its array"
    errors = [0.0]
    for name in right.keys() & found.keys():
        largest = abs(right[name]).max()
        difference = abs(found[name] - right[name]).max()
        errors.append(difference / largest if largest else float(difference > 0))
    return max(errors)


# Ways of being right, and of being wrong


def right_way(rng, precision):
    "A name, a Way, and what is done to its functions"
    name = str(rng.choice(list(WAYS)))
    way = WAYS[name]
    if precision == "float64":
        return name, way, lambda function: function
    kind = str(rng.choice(["float32", "float32 as float64", "float32, double sums"]))
    if kind == "float32, double sums":
        way = replace(way, total=in_double)
    returned = np.float32 if kind == "float32" else np.float64
    return f"{name}, {kind}", way, lambda function: in_single(function, returned)


def misbehaves(function, arguments):
    "Is it another function when it is called again, or does it write into what arrives?"
    arguments = cast(arguments, np.float64)
    before = arguments[0].copy()
    first, second = function(*arguments), function(*arguments)
    return off_by(second, first) > 0.1 or not np.array_equal(arguments[0], before)


def wrong_way(rng, row, name_of, arguments):
    "A mistake that makes a difference, as above; name_of the function of a Way"
    arguments = cast(arguments, np.float64)

    def function(way):
        return getattr(way, name_of)

    with np.errstate(all="ignore"):
        right = function(Way())(*arguments)
        for name in rng.permutation(list(MISTAKES[row.network])):
            make = MISTAKES[row.network][name]
            _, _, wrap = right_way(rng, row.precision)
            found = function(make())(*cast(arguments, np.float64))
            differs = off_by(found, right) > SEEN[row.precision]
            if row.checker != "gradient_check":  # which sees numbers alone
                differs = differs or misbehaves(wrap(function(make())), arguments)
            if differs:
                return str(name), make(), wrap
    raise AssertionError("no mistake makes a difference here")


# A case of each checker


def numbers_of(loss, problem, backward, upstream):
    "The gradients of a loss by a backward pass, without those of the output layer"
    with np.errstate(all="ignore"):
        found = backward(*upstream)
        return problems.before(loss, problem, found)


def gradient_case(rs, row, rng, wrong):
    if wrong and rng.random() < 0.1:
        return untrue_case(rs, row, rng)
    problem = problems.draw(rng, row.network, LENGTHS[row.length], small=wrong)
    loss_name = str(rng.choice(list(problems.LOSSES)))
    loss = problems.LOSSES[loss_name]
    if loss.fades:
        problem = problems.fading(problem)
    if row.precision == "float32" and rng.random() < 0.5:
        single = cast(problem.point, np.float32)
        problem = replace(problem, point=single)
    upstream, found = problems.behind(loss, problem, *run_forward(rs, problem))
    name, way, wrap = right_way(rng, row.precision)
    if wrong:
        name, way, wrap = wrong_way(rng, row, "backward", upstream)
    found |= numbers_of(loss, problem, wrap(way.backward), upstream)
    method = str(rng.choice(loss.methods))
    entries = None if wrong else 4
    said = check(rs, loss, problem, found, method=method, entries=entries)
    return Outcome(*said, (name, f"loss: {loss_name}", f"method: {method}", *problem.tags))


def untrue_case(rs, row, rng):
    "Right gradients, of another loss than the one that is given"
    name = str(rng.choice(list(problems.UNTRUE)))
    loss, claimed = problems.UNTRUE[name], problems.Loss()
    off = 0.0
    while off <= SEEN[row.precision]:
        judged = problem = problems.draw(rng, row.network, LENGTHS[row.length], small=True)
        if loss.silent:
            judged = problems.without_last(problem)
        found, right = (by_ours(rs, *pair) for pair in ((claimed, problem), (loss, judged)))
        off = 1.0 if loss.restless else off_by(found, right)
    method = str(rng.choice(loss.methods))
    said = check(rs, loss, judged, found, method=method)
    return Outcome(*said, (f"loss: {name}", f"method: {method}", *problem.tags))


def by_ours(rs, loss, problem):
    "All gradients of a loss"
    upstream, found = problems.behind(loss, problem, *run_forward(rs, problem))
    return found | numbers_of(loss, problem, Way().backward, upstream)


def check(rs, loss, problem, gradients, **options):
    names = [name[1:] for name in gradients]
    point = {name: problem.point[name] for name in names}
    if loss.unused:
        point["u"], gradients["du"] = np.ones(2), np.zeros(2)
    function = problems.function_of(loss, problem)
    return asked(rs.gradient_check, function, point, gradients, **options)


def sequence_case(rs, row, rng, wrong):
    problem = problems.draw(rng, row.network, LENGTHS[row.length], small=wrong)
    *_, caches = run_forward(rs, problem)
    da = problems.impulses(rng, problem)
    upstream, given = "da", (da, caches)
    if row.network == "lstm" and rng.random() < 0.2:
        upstream, given = "dc", (0 * da, caches, da)
    name, way, wrap = right_way(rng, row.precision)
    if wrong:
        name, way, wrap = wrong_way(rng, row, "backward", given)
    if rng.random() < 0.3:
        steps, x = caches
        caches = list(map(tuple, steps)), x
    said = asked(rs.xray, wrap(way.backward), caches, da, upstream=upstream)
    return Outcome(*said, (name, f"upstream: {upstream}", problem.tags[0]))


def cell_case(rs, row, rng, wrong):
    problem = problems.draw(rng, row.network, LENGTHS["short"], small=wrong)
    *_, (steps, _) = run_forward(rs, problem)
    cache = steps[rng.integers(len(steps))]
    name, way, wrap = right_way(rng, row.precision)
    if wrong:
        a0 = problem.point["a0"]
        arriving = [rng.standard_normal(a0.shape) for _ in STATES[row.network]]
        name, way, wrap = wrong_way(rng, row, "cell", (*arriving, cache))
    said = asked(rs.xray_cell, wrap(way.cell), cache)
    return Outcome(*said, (name, problem.tags[0]))


ASK = {"gradient_check": gradient_case, "xray": sequence_case, "xray_cell": cell_case}
