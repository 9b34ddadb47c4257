"""The X-ray against an oracle that knows no backward pass, and on functions that are right in
other ways; what it sees of those that are wrong, and what it hands to them."""

import warnings
from collections import UserList, defaultdict, deque
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import rnn_stepwise as rs
from networks import ALL_DIFFERENT, SEQUENCES, Sizes, chained, network
from rnn_stepwise.checking import Caches
from rnn_stepwise.lstm.cell import LSTMCache
from rnn_stepwise.palette import COLOURS
from rnn_stepwise.rnn.cell import RNNCache
from rnn_stepwise.watching import manner
from tools.alarms.mistakes import MISTAKES
from tools.alarms.passes import WAYS, Way, computed_again, in_single, read
from tools.alarms.table import ROWS, outcomes

BACKWARD = {"rnn": rs.rnn_backward, "lstm": rs.lstm_backward}
CELL = {"rnn": rs.rnn_cell_backward, "lstm": rs.lstm_cell_backward}
TYPE = {"rnn": RNNCache, "lstm": LSTMCache}
STATES = {"rnn": ["da_prev"], "lstm": ["da_prev", "dc_prev"]}
WEIGHTS = {"rnn": ["Wax", "Waa", "ba"], "lstm": ["Wf", "bf", "Wi", "bi", "Wc", "bc", "Wo", "bo"]}
FOUR_STEPS = ALL_DIFFERENT._replace(T_x=4)
UPPER, LOWER = np.triu_indices(4), np.tril_indices(4, -1)  # of the triangle of four steps
TINY = 1e-30  # a nudge for the complex step
both_networks = pytest.mark.parametrize("kind", SEQUENCES)


def caches_of(kind, seed=0, **sizes):
    return network(kind, FOUR_STEPS._replace(**sizes), seed).caches


def marks_of(report, name, where=...):
    return set(report.marks(name)[where].flat)


def each(arrays, change):
    return {name: change(array) for name, array in arrays.items()}


def scaled(**factors):
    "rnn_backward with some of its results multiplied"

    def backward(da, caches):
        gradients = rs.rnn_backward(da, caches)
        for name, factor in factors.items():
            gradients[name] = factor * gradients[name]
        return gradients

    return backward


def nudged(case, name, t, index):
    "What the forward pass says once one number, of one step alone, is nudged"
    wide = case.every(lambda array: array.astype(complex))
    T_x = wide.inputs["x"].shape[2]
    tables = [each(wide.parameters, np.copy) for _ in range(T_x)]
    array = tables[t][name] if name in tables[t] else wide.inputs[name]
    if name == "x":
        array = array[:, :, t]
    array[index] += TINY * 1j
    return chained(wide, tables)[0]


def path_size(case, upstream, impulse, s, name, t):
    "The norm of the gradient of sum(state * impulse) at step s, by the complex step"
    state = {"da": "a_next", "dc": "c_next"}[upstream]
    array = (case.inputs | case.parameters)[name]
    shape = array.shape[:2]
    entries = []
    for index in np.ndindex(shape):
        found = nudged(case, name, t, index)[state][s]
        loss = (found * impulse).sum()
        entries.append(loss.imag / TINY)
    return np.linalg.norm(entries)


@pytest.mark.parametrize("kind, upstream", [("rnn", "da"), ("lstm", "da"), ("lstm", "dc")])
def test_sizes_are_those_of_the_forward_pass(kind, upstream):
    case = network(kind, Sizes(n_a=2, m=2, T_x=3))
    da = np.random.default_rng(1).normal(size=(2, 2, 3))
    seen = rs.xray(BACKWARD[kind], case.caches, da, upstream=upstream)
    assert seen.ok
    for s in range(3):
        size = partial(path_size, case, upstream, da[:, :, s], s)
        for name in list(case.inputs)[1:]:
            found = seen.right[f"d{name}"][s]
            assert_allclose(found, size(name, 0), rtol=1e-11)
        for t in range(3):
            found = seen.right["dx"][t, s]
            assert_allclose(found, size("x", t), rtol=1e-11)
            for name in WEIGHTS[kind]:
                found = seen.yours[f"d{name}"][t, s]
                assert_allclose(found, size(name, t), rtol=1e-9, atol=1e-13)


def other_order(kind, buffers, da, caches):
    "Right, by the cells: sums in another order, and results in a buffer that is used again"
    parts = defaultdict(list)
    heard = [np.zeros_like(da[:, :, 0]) for _ in STATES[kind]]
    dx = buffers.setdefault(da.shape, np.empty((3, *da.shape[1:])))
    for t in reversed(range(da.shape[2])):
        third = da[:, :, t] / 3
        heard[0] = third + heard[0] + 2 * third
        step = CELL[kind](*heard, caches[0][t])
        dx[:, :, t] = step.pop("dxt")
        heard = [step.pop(name) for name in STATES[kind]]
        for name in step:
            parts[name].append(step[name])
    gradients = {"dx": dx, "da0": heard[0].tolist(), "comment": "ignored"}
    for name, values in parts.items():
        gradients[name] = sum(values[::-1])
    return gradients


def in_another_order(kind):
    return partial(other_order, kind, {})


@pytest.mark.parametrize(
    "sizes", [{}, {"T_x": 1}, {"m": 1}, {"n_a": 1}, {"T_x": 12, "seed": 4}], ids=str
)
@both_networks
def test_what_is_right_in_another_way_is_right(kind, sizes):
    caches = caches_of(kind, **sizes)
    for function in (in_another_order(kind), BACKWARD[kind]):
        seen = rs.xray(function, caches)
        assert seen.ok, str(seen)
        assert (np.tril(seen.yours["dx"], -1) == 0).all()
    assert "dc0" not in rs.xray(in_another_order(kind), caches).right


@pytest.mark.parametrize("T_da", [1, 2, 4])
def test_a_shorter_loss(T_da):
    da = np.random.default_rng(2).normal(size=(5, 7, T_da))
    seen = rs.xray(rs.lstm_backward, caches_of("lstm"), da)
    assert seen.ok
    assert seen.right["dx"].shape == (T_da, T_da)
    assert seen.right["da0"].shape == (T_da,)


def by_pytorch(da, caches):
    "rnn_backward as PyTorch has it"
    torch = pytest.importorskip("torch")
    leaf = partial(torch.tensor, requires_grad=True)
    first, T = caches.steps[0], da.shape[2]
    x, a0 = leaf(caches.x), leaf(first.a_prev)
    weights = {name: leaf(first.parameters[name]) for name in WEIGHTS["rnn"]}
    Wax, Waa, ba = weights.values()
    a, loss = a0, 0
    for t in range(T):
        total = Wax @ x[:, :, t] + Waa @ a + ba
        a = torch.tanh(total)
        own = torch.tensor(da[:, :, t])
        loss = loss + (a * own).sum()
    loss.backward()
    gradients = {"da0": a0.grad.numpy()}
    gradients["dx"] = x.grad[:, :, :T].numpy()
    for name, weight in weights.items():
        gradients[f"d{name}"] = weight.grad.numpy()
    return gradients


def test_pytorch_as_the_function_under_test():
    pytest.importorskip("torch")
    caches = caches_of("rnn", T_x=6)
    assert rs.xray(by_pytorch, caches).ok
    assert rs.xray(by_pytorch, caches, np.ones((5, 7, 3))).ok


def test_a_reference_of_ones_own():
    "What is right is what the reference says: ours is wrong beside a wrong one"
    caches, wrong = caches_of("rnn"), scaled(dWaa=2)
    assert rs.xray(wrong, caches, reference=wrong).ok
    seen = rs.xray(rs.rnn_backward, caches, reference=wrong)
    assert marks_of(seen, "dWaa") == {"x", "."}
    assert marks_of(seen, "dx") == {"+", "."}
    assert_allclose(seen.error["dWaa"][UPPER], 0.5)


def test_a_reference_of_ones_own_for_a_cell():
    def wrong(da_next, cache):
        return rs.rnn_cell_backward(da_next, cache) | {"dba": np.ones((5, 1))}

    seen = rs.xray_cell(rs.rnn_cell_backward, caches_of("rnn").steps[0], reference=wrong)
    assert seen.wrong("da") == ["dba"]


def test_a_reference_may_know_caches_that_we_do_not():
    "Tuples of three at every step, the hidden state first"
    steps, x = caches_of("rnn")
    mine = [(step.a_next, step, "three") for step in steps]

    def backward(da, caches):
        theirs, x = caches
        ours = [step for _, step, _ in theirs]
        return rs.rnn_backward(da, (ours, x))

    assert rs.xray(backward, (mine, x), reference=backward).ok


def test_a_future_that_hears_the_past():
    def leaks(da, caches):
        g = rs.rnn_backward(da, caches)
        g["dx"] = g["dx"] + 1e-12 * g["dx"][:, :, :1]
        return g

    seen = rs.xray(leaks, caches_of("rnn"))
    assert not seen.ok
    assert marks_of(seen, "dx", LOWER) == {"!"}
    assert marks_of(seen, "dx", UPPER) == {"+"}


def test_a_clipped_gradient_is_not_linear():
    def clipped(da, caches):
        gradients = rs.rnn_backward(da, caches)
        return each(gradients, lambda g: np.clip(g, -5, 5))

    seen = rs.xray(clipped, caches_of("rnn"))
    assert not seen.ok and seen.nonlinear > 0.01
    assert str(seen).endswith(f"not linear: off by {seen.nonlinear:.1g}")


def test_not_linear_in_one_output_is_not_linear():
    "Something is added when several steps complain at once, so every path by itself is right"

    def affine(da, caches):
        g = rs.rnn_backward(da, caches)
        steps_that_complain = np.any(da, axis=(0, 1))
        if steps_that_complain.sum() > 1:
            g["da0"] = g["da0"] + 1
        return g

    seen = rs.xray(affine, caches_of("rnn"))
    assert not seen.ok
    for name in seen.right:
        assert marks_of(seen, name) <= {"+", "."}


@both_networks
def test_nothing_given_is_changed(kind):
    case = network(kind, FOUR_STEPS)
    given = [*case.given(), case.upstream["da"]]
    kept = [np.copy(array) for array in given]
    rs.xray(BACKWARD[kind], case.caches, case.upstream["da"])
    rs.xray_cell(CELL[kind], case.caches.steps[1])
    for array, before in zip(given, kept):
        assert_array_equal(array, before)


@both_networks
def test_the_seed_decides(kind):
    caches = caches_of(kind)
    xray = partial(rs.xray, BACKWARD[kind], caches)
    again, other = xray(seed=3).right, xray(seed=4).right
    for name, sizes in xray(seed=3).right.items():
        assert_array_equal(sizes, again[name])
        assert (sizes != other[name]).any()


def at_the_end(da, caches):
    "rnn_backward with one product for all steps: other rounding where much cancels"
    T = da.shape[2]
    steps, p = caches.steps[:T], caches.steps[0].parameters
    heard, dx, dtanh = 0, [], []
    for t in reversed(range(T)):
        a_next = steps[t].a_next
        slope = (1 - a_next) * (1 + a_next)
        d = (da[:, :, t] + heard) * slope
        heard = p["Waa"].T @ d
        dx.insert(0, p["Wax"].T @ d)
        dtanh.insert(0, d)
    whole = np.concatenate(dtanh, axis=1)
    all_xt = np.concatenate([step.xt for step in steps], axis=1)
    all_a_prev = np.concatenate([step.a_prev for step in steps], axis=1)
    g = {"dx": np.stack(dx, axis=2), "da0": heard}
    g["dWax"] = whole @ all_xt.T
    g["dWaa"] = whole @ all_a_prev.T
    g["dba"] = whole.sum(axis=1, keepdims=True)
    return g


def shortsighted(da, caches):
    "Hears two steps ahead at most"
    T = da.shape[2]
    g = rs.rnn_backward(da, caches)
    g["dx"] = np.zeros_like(g["dx"])
    for s in range(T):
        alone = rs.rnn_backward(da * (np.arange(T) == s), caches)["dx"]
        heard = slice(max(s - 2, 0), s + 1)
        g["dx"][:, :, heard] += alone[:, :, heard]
    return g


def faint(scale, n_a, m, T_x, seed=0):
    "Caches of an RNN whose paths fade fast"
    case = network("rnn", Sizes(n_a=n_a, m=m, T_x=T_x), seed)
    weak = each(case.parameters, lambda v: scale * v)
    return case.change(parameters=weak).caches


every_faint = pytest.mark.parametrize(
    "scale, n_a, m, T_x", [(0.02, 4, 6, 12), (0.05, 1, 300, 12), (0.05, 1, 3000, 6)]
)


@every_faint
def test_rounding_is_no_mistake(scale, n_a, m, T_x):
    for seed in range(4):
        caches = faint(scale, n_a, m, T_x, seed)
        assert rs.xray(at_the_end, caches, seed=seed).ok


@every_faint
def test_a_faint_path_is_no_silence(scale, n_a, m, T_x):
    caches = faint(scale, n_a, m, T_x, seed=3)
    marks = rs.xray(shortsighted, caches).marks("dx")
    for distance in range(T_x):
        mark = "+" if distance <= 2 else "-"
        assert set(np.diagonal(marks, distance)) == {mark}
    weak = np.random.default_rng(0).normal(size=(n_a, m, T_x)) * 1e-9
    seen = rs.xray(rs.rnn_backward, caches, weak)
    assert marks_of(seen, "dx", np.triu_indices(T_x)) == {"+"}


def test_the_tolerance_is_the_one_that_was_given():
    caches, off = caches_of("rnn"), scaled(dWaa=1 + 1e-6)
    assert rs.xray(off, caches, tol=1e-5).ok
    seen = rs.xray(off, caches)
    assert not seen.ok and marks_of(seen, "dWaa", UPPER) == {"x"}
    far_off = rs.xray(scaled(dWaa=1e17), caches)
    assert marks_of(far_off, "dWaa", UPPER) == {"x"}


def test_the_tolerance_of_a_cell_is_the_one_that_was_given():
    def off(da_next, cache):
        g = rs.rnn_cell_backward(da_next, cache)
        return g | {"dba": (1 + 1e-6) * g["dba"]}

    cache = caches_of("rnn").steps[1]
    assert rs.xray_cell(off, cache, tol=1e-5).ok
    seen = rs.xray_cell(off, cache)
    assert not seen.ok and seen.wrong("da") == ["dba"]
    assert "1.0e-06" in str(seen)


@both_networks
def test_a_cell_that_is_twice_too_large_is_linear(kind):
    def twice(*arguments):
        right = CELL[kind](*arguments)
        return each(right, lambda g: 2 * g)

    seen = rs.xray_cell(twice, caches_of(kind).steps[1])
    assert seen.wrong("da")
    assert not seen.wrong("doubled")


def test_a_cell_that_is_right_up_to_a_limit_is_not_linear():
    largest = []

    def limited(da_next, cache):
        g = rs.rnn_cell_backward(da_next, cache)
        largest.append(np.abs(g["dxt"]).max())
        limit = 1.5 * largest[0]
        g["dxt"] = np.clip(g["dxt"], -limit, limit)
        return g

    seen = rs.xray_cell(limited, caches_of("rnn").steps[1])
    assert not seen.wrong("da")
    assert seen.wrong("doubled") == ["dxt"]


@both_networks
def test_single_precision_is_raised_to_double(kind):
    case = network(kind, FOUR_STEPS, dtype=np.float32)
    caches, da = case.caches, case.upstream["da"]
    cache = caches.steps[1]
    assert cache.a_next.dtype == da.dtype == np.float32
    for function in (BACKWARD[kind], in_another_order(kind)):
        assert rs.xray(function, caches, da).ok
        assert rs.xray(function, caches).ok
    assert rs.xray_cell(CELL[kind], cache).ok


def noting_types(kind, seen, da, caches):
    "The right function, which notes the types that it is given"
    steps, x = caches
    for step in steps:
        seen.append((type(caches), type(steps), type(step)))
    return BACKWARD[kind](da, caches)


@both_networks
def test_named_caches_stay_named(kind):
    caches, seen = caches_of(kind), []
    assert rs.xray(partial(noting_types, kind, seen), caches).ok
    assert set(seen) == {(Caches, list, TYPE[kind])}


@both_networks
def test_plain_caches_stay_plain(kind):
    steps, x = caches_of(kind)
    plain, seen = tuple(map(tuple, steps)), []
    assert rs.xray(partial(noting_types, kind, seen), (plain, x)).ok
    assert set(seen) == {(tuple, tuple, tuple)}


def counted(function, calls, da, caches):
    calls.append(np.any(da, axis=(0, 1)).tolist())
    return function(da, caches)


def test_a_right_pass_is_asked_once_a_step():
    "All impulses at once, four times; one at a time, the last step's first; and all once more"
    calls = []
    rs.xray(partial(counted, rs.rnn_backward, calls), caches_of("rnn"))
    assert calls[:4] == [[True] * 4] * 4
    assert calls[4:8] == np.eye(4, dtype=bool)[::-1].tolist()
    assert calls[8:] == [[True] * 4]


@pytest.mark.parametrize("T_x", [6, 12])
def test_a_wrong_pass_is_asked_about_once_a_path(T_x):
    calls, way = [], MISTAKES["lstm"]["carry dropped"]()
    seen = rs.xray(partial(counted, way.backward, calls), caches_of("lstm", T_x=T_x))
    assert not seen.ok
    splits = T_x * (T_x - 1) / 2
    assert T_x + 5 + splits <= len(calls) <= 2 * T_x + 5 + splits


# Many networks, and all the ways of being right and wrong that tools.alarms has


SHORT = [row for row in ROWS if row.checker != "gradient_check" and row.length != "long"]


@pytest.mark.parametrize("row", SHORT, ids="/".join)
def test_right_is_not_called_wrong_nor_wrong_right(row):
    for wrong, fault in ((False, "wrong"), (True, "ok")):
        for outcome in outcomes(rs, row, 25, 1, wrong):
            assert outcome.verdict != fault, outcome.tags
            assert not outcome.warned


@pytest.mark.parametrize("way", WAYS)
@both_networks
def test_single_precision_is_seen_and_said(kind, way):
    caches, backward, cell = caches_of(kind, T_x=12), WAYS[way].backward, WAYS[way].cell
    assert rs.xray(backward, caches).precision == "float64"
    for returned in (np.float32, np.float64):
        seen = rs.xray(in_single(backward, returned), caches)
        assert seen.ok and seen.tol == 1e-4
        last = str(seen).splitlines()[-1]
        assert last == "computes in single precision: judged at 1e-04"
        alone = rs.xray_cell(in_single(cell, returned), caches.steps[3])
        assert alone.ok and alone.precision == "float32"


@both_networks
def test_single_precision_excuses_no_mistake(kind):
    backward = in_single(scaled_by(1 + 1e-3, Way().backward), np.float64)
    seen = rs.xray(backward, caches_of(kind))
    assert not seen.ok and seen.precision == "float32"
    assert marks_of(seen, "dx", UPPER) == {"x"}


def scaled_by(factor, function):
    return lambda *given: each(function(*given), lambda g: factor * g)


# Where the marks stand


def at_one_step(place, change):
    "A Way whose carry is changed at one step"

    def own(da, t):
        heard = da[:, :, t]
        return change * heard if t == place else heard

    return Way(own=own)


def rows_that_are_wrong(seen, name):
    wrong = np.isin(seen.marks(name), ["x", "-", "!"])
    return np.flatnonzero(wrong.any(axis=1)).tolist()


AT_ONE_STEP = {
    "first step not summed": ("dWax", [0]),
    "last step not summed": ("dWax", [3]),
    "sum overwritten": ("dWax", [1, 2, 3]),
    "x of the step before": ("dWax", [0, 1, 2, 3]),
    "x of the first step": ("dWax", [1, 2, 3]),
}


@pytest.mark.parametrize("mistake", AT_ONE_STEP)
def test_the_marks_stand_at_the_step_that_is_wrong(mistake):
    name, rows = AT_ONE_STEP[mistake]
    backward = MISTAKES["rnn"][mistake]().backward
    seen = rs.xray(backward, caches_of("rnn"))
    assert rows_that_are_wrong(seen, name) == rows
    assert rows_that_are_wrong(seen, "dx") == []
    assert not seen.shorter


def summed_where(counts, kind, da, caches):
    "The right pass, with each step added to the sums so many times"
    dx, sums = [], {}
    heard = [np.zeros_like(da[:, :, 0]) for _ in STATES[kind]]
    for t in reversed(range(da.shape[2])):
        gradients = CELL[kind](da[:, :, t] + heard[0], *heard[1:], caches.steps[t])
        heard = [gradients.pop(name) for name in STATES[kind]]
        dx.insert(0, gradients.pop("dxt"))
        for name in gradients:
            sums[name] = sums.get(name, 0) + counts(t) * gradients[name]
    firsts = zip(("da0", "dc0"), heard)
    return {"dx": np.stack(dx, axis=2), **dict(firsts), **sums}


@pytest.mark.parametrize("T_x", [4, 9])
@pytest.mark.parametrize("place", range(4))
@both_networks
def test_a_step_that_is_wrong_by_its_number_is_the_one_that_is_marked(kind, place, T_x):
    "Whoever leaves out steps that cost time must not give another step its number"
    backward = partial(summed_where, lambda t: t != place, kind)
    seen = rs.xray(backward, caches_of(kind, T_x=T_x))
    name = {"rnn": "dWaa", "lstm": "dWc"}[kind]
    assert rows_that_are_wrong(seen, name) == [place]
    assert set(seen.marks(name)[place, place:]) == {"-"}
    assert rows_that_are_wrong(seen, "dx") == []


def test_all_steps_but_three_are_missing():
    backward = partial(summed_where, lambda t: t < 3, "lstm")
    seen = rs.xray(backward, caches_of("lstm", T_x=9))
    assert rows_that_are_wrong(seen, "dWf") == [3, 4, 5, 6, 7, 8]


def weights_of_first(change, steps, t):
    "Reads a step, the first one with a changed x"
    step = read(steps, t)
    return step._replace(x=change * step.x) if t == 0 else step


@both_networks
def test_what_is_tied_to_the_first_step_is_marked_there(kind):
    way = Way(read=partial(weights_of_first, 2))
    seen = rs.xray(way.backward, caches_of(kind))
    weights = {"rnn": "dWax", "lstm": "dWf"}[kind]
    assert rows_that_are_wrong(seen, weights) == [0]
    assert rows_that_are_wrong(seen, "dx") == []


@pytest.mark.parametrize("place", [0, 2, 3])
def test_an_impulse_of_one_step_that_is_wrong(place):
    seen = rs.xray(at_one_step(place, 2).backward, caches_of("lstm"))
    for name in ("dx", "dWf", "dbo"):
        wrong = np.argwhere(seen.marks(name) == "x")
        assert set(wrong[:, 1]) == {place}
        assert set(wrong[:, 0]) == set(range(place + 1))


def test_the_view_that_was_overwritten_is_marked_at_step_1():
    seen = rs.xray(MISTAKES["lstm"]["c0 a view of c"]().backward, caches_of("lstm"))
    for name in ("dx", "dWf", "dbf", "dWi"):
        assert rows_that_are_wrong(seen, name) in ([0], [])
    assert rows_that_are_wrong(seen, "dWf") == [0]


@both_networks
def test_a_pass_that_computes_anew_is_stopped_as_well(kind):
    def reads(steps, t):
        step = computed_again(steps, t)
        return step._replace(x=2 * step.x) if t == 0 else step

    seen = rs.xray(Way(read=reads).backward, caches_of(kind))
    assert rows_that_are_wrong(seen, {"rnn": "dWax", "lstm": "dWf"}[kind]) == [0]
    assert not seen.shorter


def test_a_pass_that_cannot_be_stopped_is_asked_about_shorter_sequences():
    "It has caches of its own, so nothing that is done to those that it is given stops it"
    mine = caches_of("rnn")

    def backward(da, caches):
        own = mine.steps[-len(caches.steps) :]
        g = rs.rnn_backward(da, (own, caches.x))
        return g | {"dWax": 2 * g["dWax"]}

    seen = rs.xray(backward, mine)
    assert marks_of(seen, "dWax", UPPER) == {"x"}
    assert seen.shorter and "shorter sequences" in str(seen)
    assert not rs.xray(scaled(dWax=2), mine).shorter


# What is no mark


@both_networks
def test_a_constant_has_its_own_sentence(kind):
    backward = MISTAKES[kind]["ignores what comes from above"]().backward
    seen = rs.xray(backward, caches_of(kind))
    assert not seen.ok and set(seen.unscaled) >= {"dx", "da0"}
    assert "does not scale with what comes from above: dx" in str(seen)

    def cell(*given):
        ones = map(np.ones_like, given[:-1])
        return CELL[kind](*ones, given[-1])

    alone = rs.xray_cell(cell, caches_of(kind).steps[1])
    assert not alone.ok and "dxt" in alone.unscaled
    assert "does not scale" in str(alone)


def test_a_small_constant_is_a_constant():
    def backward(da, caches):
        g = rs.rnn_backward(da, caches)
        g["dba"] += 1e-6 * np.abs(g["dba"]).max() / da.shape[2]
        g["da0"] += 1e-6
        return g

    seen = rs.xray(backward, caches_of("rnn"))
    assert not seen.ok and seen.precision == "float64"
    assert seen.unscaled == ("da0",)  # what grows with the gradient is none


def test_numbers_that_single_precision_holds_exactly_are_single_precision():
    "Where the slope is 1 and all weights are powers of 2, nothing is rounded"
    one, none = np.ones((1, 1)), np.zeros((1, 1))
    table = {"Wax": one, "Waa": 2 * one, "ba": none, "Wya": one, "by": none}
    caches = rs.rnn_forward(np.zeros((1, 1, 1)), none, table)[-1]

    def single(da, caches):
        return each(rs.rnn_backward(da, caches), lambda g: g.astype(np.float32))

    seen = rs.xray(single, caches, np.ones((1, 1, 1)))
    assert seen.ok and seen.precision == "float32"


def test_a_sum_that_nearly_cancels_hides_no_precision():
    "Of its few digits that are left none is right; those of the other show what it is"
    numbers = np.random.default_rng(0).normal(size=20)

    def ask(factor):
        some = np.float32(factor * numbers)
        left = some - np.float32(1 - 1e-6) * some
        return {"some": np.float64(some), "left": np.float64(left)}

    assert manner("yours", ask).precision == "float32"
    double = manner("yours", lambda factor: {"some": factor * numbers, "none": 0 * numbers})
    assert double.precision == "float64"


def test_whoever_wants_an_error_of_every_rounding_gets_none():
    caches = faint(1e-5, 3, 2, 70)
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        assert rs.xray(rs.rnn_backward, caches).ok
        assert rs.xray_cell(rs.rnn_cell_backward, caches.steps[1]).ok


@pytest.mark.parametrize("late", [1, 3, 6, 8])
def test_what_changes_between_calls_has_its_own_sentence(late):
    calls = []

    def tires(da, caches):
        calls.append(1)
        factor = 0.5 if len(calls) > late else 1
        return each(rs.rnn_backward(da, caches), lambda g: factor * g)

    with pytest.raises(ValueError, match="^backward: expected the same gradients when asked"):
        rs.xray(tires, caches_of("rnn"))


def saturated(loud):
    "The caches of a = tanh(loud): hardly a digit of 1 - a² is left, or none"
    case = network("rnn", Sizes(n_x=3, n_a=1, m=1, T_x=2))
    weights = each(case.parameters, lambda v: np.full_like(v, loud / 5))
    ones = each(case.inputs, np.ones_like)
    return case.change(parameters=weights, inputs=ones).caches


@pytest.mark.parametrize("loud", [15, 21])
def test_what_rounding_hides_is_neither_right_nor_wrong(loud):
    caches = saturated(loud)
    for function in (rs.rnn_backward, scaled(dx=1 + 1e-5), scaled(dWax=1 + 1e-5)):
        seen = rs.xray(function, caches)
        assert not seen.ok and "dx" in seen.hidden
        assert str(seen).splitlines()[-1].startswith("cannot be told")
    alone = rs.xray_cell(rs.rnn_cell_backward, caches.steps[1])
    assert not alone.ok and alone.hidden == tuple(alone.error)


@pytest.mark.parametrize("way", ["plain loop", "sech², sigmoid(-z)"])
def test_a_right_pass_is_not_wrong_where_rounding_hides_it(way):
    "The slope is 4e-13; single precision sees nothing of it, and answers with zeros"
    backward, caches = WAYS[way].backward, saturated(15)
    for function in (backward, in_single(Way().backward, np.float64)):
        seen = rs.xray(function, caches)
        assert seen.hidden == tuple(seen.right)
        assert not any(error.any() for error in seen.error.values())


def test_single_precision_is_seen_where_a_sum_cancels():
    "Of one output that has lost its digits, and of the others"

    def cancels(factor):
        one = np.float32(np.float32(factor) * np.float32([1, 1 / 3]))
        lost = np.float32(factor * 1.0001) - np.float32(factor)
        return {"dx": np.float64(one), "dba": np.array([np.float64(lost)])}

    once, part = cancels(1.1), cancels(0.7 * 1.1)
    assert abs(part["dba"] / once["dba"] - 0.7) > 1e-4
    assert manner("yours", lambda factor: cancels(1.1 * factor)).precision == "float32"


def test_what_rounding_does_not_do_is_wrong_even_there():
    seen = rs.xray(scaled(dx=1e6), saturated(15))
    assert "dx" not in seen.hidden and marks_of(seen, "dx", np.diag_indices(2)) == {"x"}


@both_networks
def test_the_cache_of_a_cell_keeps_its_type(kind):
    cache, seen = caches_of(kind).steps[1], []

    def backward(*arguments):
        *_, given = arguments
        seen.append(type(given))
        return CELL[kind](*arguments)

    assert rs.xray_cell(backward, cache).ok
    assert set(seen) == {TYPE[kind]}
    seen.clear()
    assert rs.xray_cell(backward, tuple(cache)).ok
    assert set(seen) == {tuple}


@both_networks
def test_parameters_may_differ_from_step_to_step(kind):
    case = network(kind, FOUR_STEPS)
    tables = [network(kind, FOUR_STEPS, seed=t).parameters for t in range(4)]
    _, caches = chained(case, tables)

    def backward(da, caches):
        steps, _ = caches
        mine = tables[-len(steps) :]
        for step, table in zip(steps, mine):
            for name in WEIGHTS[kind]:
                assert_array_equal(step.parameters[name], table[name])
        return BACKWARD[kind](da, caches)

    assert rs.xray(backward, caches).ok
    assert rs.xray(in_another_order(kind), caches).ok


def test_steps_that_share_their_parameters_share_the_copy():
    def backward(da, caches):
        assert len({id(step.parameters) for step in caches.steps}) == 1
        return rs.rnn_backward(da, caches)

    assert rs.xray(backward, caches_of("rnn")).ok


@pytest.mark.parametrize("sequence", [tuple, deque, UserList])
def test_the_step_caches_may_be_any_sequence(sequence):
    steps, x = caches_of("lstm")
    given = sequence(steps)

    def pops(da, caches):
        g = rs.lstm_backward(da, caches)
        caches[0].pop()
        return g

    assert rs.xray(in_another_order("lstm"), (given, x)).ok
    if sequence is not tuple:
        with pytest.raises(ValueError, match=r"^caches\[0\]: expected to be left alone"):
            rs.xray(pops, (given, x))
    assert list(given) == steps


class Fresh(Mapping):
    "Makes its arrays anew at every reading"

    def __init__(self, table):
        self.table = table

    def __getitem__(self, name):
        return self.table[name].copy()

    def __iter__(self):
        return iter(self.table)

    def __len__(self):
        return len(self.table)


@pytest.mark.parametrize("container", [MappingProxyType, Fresh])
@both_networks
def test_containers_of_other_kinds(kind, container):
    steps, x = caches_of(kind)
    wrapped = []
    for step in steps:
        contained = container(step.parameters)
        wrapped.append(step._replace(parameters=contained))
    assert rs.xray(in_another_order(kind), (wrapped, x.tolist())).ok


def test_a_nan_that_nobody_reads():
    case = network("rnn", FOUR_STEPS)
    Wya = case.parameters["Wya"].copy()
    Wya[0, 0] = np.nan
    assert rs.xray(rs.rnn_backward, case.change(parameters={"Wya": Wya}).caches).ok


def test_a_package_function_inside_yours_checks_its_arguments():
    def backward(da, caches):
        return rs.rnn_backward(da[:3], caches)

    with pytest.raises(ValueError) as caught:
        rs.xray(backward, caches_of("rnn"))
    assert str(caught.value) == (
        "backward: expected gradients, got ValueError: "
        "da: expected (n_a, m, T_da) = (5, 7, T_da), got (3, 7, 4)"
    )


def test_where_your_function_stopped_stays_visible():
    def backward(da, caches):
        return 1 / 0

    with pytest.raises(ValueError) as caught:
        rs.xray(backward, caches_of("rnn"))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


@pytest.fixture
def figures():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    yield pyplot
    pyplot.close("all")


def silent():
    backward = scaled(dx=0, da0=0, dWax=0, dWaa=0, dba=0)
    return rs.xray(backward, caches_of("rnn"))


def centres(ax):
    "Where the squares stand: the step from which and the step to which a path goes"
    exact = [patch.get_center() for patch in ax.patches]
    assert_allclose(exact, np.round(exact), atol=1e-9)
    return [(round(s), round(t)) for s, t in exact]


def test_drawn_where_nothing_is_heard_all_ten_are_dotted(figures):
    _, ax = figures.subplots()
    assert rs.draw_xray(silent(), ax=ax) is ax
    assert [patch.get_linestyle() for patch in ax.patches] == [":"] * 10
    assert len(rs.draw_xray(silent(), "da0").patches) == 4


def test_drawn_from_across_and_to_down(figures):
    ax = rs.draw_xray(silent(), which="right")
    assert {patch.get_linestyle() for patch in ax.patches} == {"solid"}
    to_step, from_step = np.triu_indices(4)
    paths = zip(from_step + 1, to_step + 1)
    assert set(centres(ax)) == set(paths)
    bottom, top = ax.get_ylim()
    assert bottom > top
    for ticks in (ax.get_xticks(), ax.get_yticks()):
        assert list(ticks) == [1, 2, 3, 4]


def test_drawn_a_larger_path_has_a_larger_square(figures):
    report = silent()
    ax = rs.draw_xray(report, which="right")
    sizes, widths = report.right["dx"], {}
    for (s, t), patch in zip(centres(ax), ax.patches):
        size = sizes[t - 1, s - 1]
        widths[size] = patch.get_width()
    assert min(widths) > sizes.max() / 100
    ascending = [widths[size] for size in sorted(widths)]
    assert len(ascending) == 10
    assert (np.diff(ascending) > 0).all()


def test_drawn_half_a_path_is_hatched_inside_its_outline(figures):
    ax = rs.draw_xray(rs.xray(scaled(dx=0.1), caches_of("rnn")))
    hatched = [patch for patch in ax.patches if patch.get_hatch()]
    dotted = [patch for patch in ax.patches if not patch.get_hatch()]
    assert len(hatched) == 10
    for outer, inner in zip(dotted, hatched, strict=True):
        assert outer.get_width() > inner.get_width()


def test_drawn_what_is_right_is_calm_and_what_is_wrong_is_red(figures):
    from matplotlib.colors import to_hex

    red, caches = COLOURS["gradient"].lower(), caches_of("rnn")
    for right, factor in (True, 1), (False, 0.1), (False, 0):
        for patch in rs.draw_xray(rs.xray(scaled(dx=factor), caches)).patches:
            assert (to_hex(patch.get_edgecolor()) == red) is not right
            assert to_hex(patch.get_facecolor()) != red


def test_drawn_what_is_wrongly_not_silent_is_crossed(figures):
    def one_step_too_late(da, caches):
        before = np.roll(da, 1, axis=2)
        return rs.rnn_backward(da + before, caches)

    ax = rs.draw_xray(rs.xray(one_step_too_late, caches_of("rnn")))
    crosses = [line.get_xydata().tolist() for line in ax.lines]
    assert crosses == [[[1, 2]], [[2, 3]], [[3, 4]]]
