"""What the forward functions promise about dtypes, layouts, ranges and what they are given."""

import inspect
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from decimal import Decimal, localcontext
from types import MappingProxyType

import numpy as np
import pytest

import rnn_stepwise as rs
from networks import ALL_DIFFERENT, CELLS, KINDS, RESULTS, SEQUENCES, Case, Sizes, network
from rnn_stepwise import checking
from rnn_stepwise.checking import error_of

every = pytest.mark.parametrize("kind", KINDS)


def logistic(value):
    "1 / (1 + e^-value) in 60 digits"
    with localcontext() as context:
        context.prec, context.Emin, context.Emax = 60, -(10**9), 10**9
        return float(1 / (1 + (-Decimal(value)).exp()))


def probabilities(*scores):
    "softmax of a few scores in 60 digits"
    with localcontext() as context:
        context.prec, context.Emin, context.Emax = 60, -(10**9), 10**9
        largest = max(map(Decimal, scores))
        powers = [(Decimal(score) - largest).exp() for score in scores]
        total = sum(powers)
        return [float(power / total) for power in powers]


def test_sigmoid_is_right_to_rounding_everywhere():
    "Absolutely: half a unit of the last place of 1. Far to the left it may be 0"
    far = [-1e7, -745.5, -700, -1e-300, 0, 1e-300, 700, 1e7]
    z = np.concatenate([np.linspace(-40, 40, 4001), far])
    right = [logistic(value) for value in z.tolist()]
    np.testing.assert_allclose(rs.sigmoid(z), right, rtol=0, atol=1.2e-16)
    single = rs.sigmoid(z.astype("f4"))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, right, rtol=0, atol=2e-7)


@pytest.mark.parametrize("scale", [1, 30, 1e4, 1e7])
@pytest.mark.parametrize("classes", [1, 2, 6, 100])
def test_softmax_is_right_to_rounding(scale, classes):
    z = scale * np.random.default_rng(classes).normal(size=(classes, 3))
    right = np.transpose([probabilities(*column) for column in z.T])
    np.testing.assert_allclose(rs.softmax(z), right, rtol=0, atol=1e-15)
    np.testing.assert_allclose(rs.softmax(z.T, 1), right.T, rtol=0, atol=1e-15)
    np.testing.assert_allclose(rs.softmax(z, -2), right, rtol=0, atol=1e-15)


def test_a_large_vocabulary_costs_no_digits_and_a_batch_is_its_examples():
    "Five thousand classes: a sum taken term by term would lose three digits"
    column = np.full((5000, 1), -9.0)
    column[0] = 0
    exact = 1 / (1 + 4999 * np.exp(-9.0))
    batch = rs.softmax(column.repeat(20, axis=1))
    assert abs(batch[0] - exact).max() < 2e-16
    np.testing.assert_array_equal(batch[:, :1], rs.softmax(column))


@pytest.mark.parametrize("axis", range(-3, 3))
def test_softmax_of_three_axes_along_each_and_z_is_left_alone(axis):
    z = np.random.default_rng(4).normal(size=(2, 3, 4))
    z.flags.writeable = False
    right = np.exp(z) / np.exp(z).sum(axis, keepdims=True)
    np.testing.assert_allclose(rs.softmax(z, axis), right, rtol=0, atol=1e-15, strict=True)
    np.testing.assert_array_equal(rs.softmax(z, axis=axis), rs.softmax(z, axis), strict=True)


@pytest.mark.filterwarnings("error")
def test_scores_that_are_not_finite():
    "Minus infinity is a class that cannot be; of the others no probabilities can be told"
    inf, nan = np.inf, np.nan
    z = np.array(
        [[1.0, inf, inf, -inf, -inf, nan, 1.7e308], [1.0, 1.0, inf, 1.0, -inf, 1, -1.7e308]]
    )
    for state in "raise", "warn":
        with np.errstate(all=state):
            found = rs.softmax(z)
            np.testing.assert_array_equal(rs.softmax(z.T, 1), found.T)
            assert rs.sigmoid([inf, -inf, 1e4]).tolist() == [1, 0, 1]
    assert found[:, [0, 3, 6]].tolist() == [[0.5, 0, 1], [0.5, 1, 0]]
    assert np.isnan(found[:, [1, 2, 4, 5]]).all()


def test_parameters_may_be_drawn_by_both_kinds_of_generators():
    for init in rs.init_rnn_parameters, rs.init_lstm_parameters:
        for make in np.random.RandomState, np.random.default_rng:
            drawn, again = init(3, 5, 2, make(1)), init(3, 5, 2, make(1))
            for name, value in drawn.items():
                np.testing.assert_array_equal(value, again[name], strict=True)
            assert drawn["Wya" if "Wya" in drawn else "Wy"].std() > 0.1


def test_forward_functions_work_where_every_floating_point_event_raises():
    with np.errstate(all="raise"):
        assert rs.sigmoid([-1e7, 1e7]).tolist() == [0, 1]
        assert rs.softmax([[0.0], [1e7]]).tolist() == [[0], [1]]
        for kind in KINDS:
            network(kind).every(lambda v: 1e-200 * v).forward()


@pytest.mark.parametrize("function", [rs.sigmoid, rs.softmax])
def test_complex_step_passes(function):
    "The imaginary part of f(z + ih)/h is the derivative, to rounding"
    z, direction = np.random.default_rng(1).normal(size=(2, 4, 3))
    derivative = function(z + 1e-30j * direction).imag / 1e-30
    s = function(z)
    right = s * (1 - s) * direction
    if function is rs.softmax:
        right = s * (direction - (s * direction).sum(0))
    np.testing.assert_allclose(derivative, right, rtol=0, atol=1e-15)


@every
def test_complex_step_passes_through_the_network(kind):
    case = network(kind)
    name = "Waa" if "Waa" in case.parameters else "Wf"
    weights = case.parameters[name]
    direction = np.random.default_rng(1).normal(size=weights.shape)

    def moved(step):
        return case.change(parameters={name: weights + step * direction}).results

    complex_step, up, down = moved(1e-30j), moved(1e-6), moved(-1e-6)
    for result in RESULTS[kind]:
        difference = up[result] - down[result]
        slope = complex_step[result].imag / 1e-30
        np.testing.assert_allclose(slope, difference / 2e-6, rtol=0, atol=1e-8)
        assert abs(difference).max() > 1e-7


DTYPES = {"f4": "f4", "f8": "f8", "c8": "c8", "c16": "c16", "f2": "f8", "i4": "f8", "?": "f8"}
DTYPES |= {">f8": "f8", "u1": "f8", "g": "f8"}


@every
@pytest.mark.parametrize("given", DTYPES)
def test_dtype_of_the_result(kind, given):
    case = network(kind).every(lambda v: (3 * v).astype(given))
    for result in case.results.values():
        assert result.dtype == np.dtype(DTYPES[given])


@every
def test_dtype_is_the_promotion_of_all_arguments(kind):
    "One float64 argument among float32 ones makes every result float64"
    case = network(kind, dtype="f4")
    for field in "inputs", "parameters":
        for name, value in getattr(case, field).items():
            mixed = case.change(**{field: {name: value.astype("f8")}})
            assert {r.dtype for r in mixed.results.values()} == {np.dtype("f8")}, name


LAYOUTS = {
    "fortran": np.asfortranarray,
    "reversed twice": lambda v: np.ascontiguousarray(v[::-1, ::-1])[::-1, ::-1],
    "every other": lambda v: np.repeat(v, 2, axis=0)[::2],
    "broadcast": lambda v: np.broadcast_to(v, v.shape),
    "nested list": lambda v: v.tolist(),
    "matrix": lambda v: np.matrix(v) if v.ndim == 2 else v,
}


@every
@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_is_irrelevant_and_nothing_given_changes(kind, layout):
    case = network(kind)
    for value in case.given():
        value.flags.writeable = False
    other = case.every(LAYOUTS[layout])
    other = Case(kind, other.inputs, MappingProxyType(other.parameters), other.upstream)
    state = np.random.get_state()[1].copy()
    for name, got in other.results.items():
        np.testing.assert_allclose(got, case.results[name], rtol=0, atol=1e-14, strict=True)
        assert type(got) is np.ndarray and got.flags.writeable
    assert (np.random.get_state()[1] == state).all()


@every
def test_repeated_calls_are_identical(kind):
    case = network(kind)
    for one, two in zip(case.forward()[:-1], case.forward()[:-1]):
        assert one is not two and one.tobytes() == two.tobytes()


@every
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.filterwarnings("error")
def test_the_promised_range_gives_no_warning_and_no_nan(kind, dtype):
    rng = np.random.default_rng(2)
    case = network(kind, dtype=dtype)

    def wild(value):
        return (1e4 * rng.uniform(-1, 1, value.shape)).astype(dtype)

    def large(value):
        return (1e3 * rng.choice([-1, -1e-3, 0, 1e-9, 1], value.shape)).astype(dtype)

    for _ in range(20):
        inputs = {name: wild(value) for name, value in case.inputs.items()}
        weights = {name: large(value) for name, value in case.parameters.items()}
        for result in case.change(inputs=inputs, parameters=weights).results.values():
            assert np.isfinite(result).all()


# Range: what is finite is right, and what leaves the range is inf or NaN, in silence

sequences = pytest.mark.parametrize("kind", SEQUENCES)
WIDER = {"f4": "f8", "c8": "c16", "f8": "g"}
HAS_WIDER = np.finfo("g").maxexp > np.finfo("f8").maxexp


@sequences
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("n_a", [1, 40])
@pytest.mark.filterwarnings("error")
def test_forwards_everything_is_finite_at_any_length(kind, dtype, n_a):
    "All at the ends of the promised range, so that a memory adds up as fast as it can"
    case = network(kind, Sizes(n_a=n_a, T_x=1100), dtype=dtype)
    rng = np.random.default_rng(3)
    weights = {
        name: (1e3 * rng.choice([-1, 1], value.shape)).astype(dtype)
        for name, value in case.parameters.items()
    }
    if kind == "lstm":
        for name in "Wf", "bf", "Wi", "bi", "Wc", "bc":
            weights[name] = abs(weights[name])
    inputs = {name: np.full_like(value, 1e4) for name, value in case.inputs.items()}
    case = case.change(inputs=inputs, parameters=weights)
    with np.errstate(all="raise"):
        results = case.results
    for result in results.values():
        assert np.isfinite(result).all()
    if kind == "lstm":
        assert results["c"].max() == 1e4 + 1100


def converted(case, dtype):
    "The caches of a case in another dtype, number by number"
    table = {name: value.astype(dtype) for name, value in case.parameters.items()}
    steps = []
    for *entries, _ in case.steps:
        steps.append(type(case.steps[0])(*[entry.astype(dtype) for entry in entries], table))
    return type(case.caches)(steps, case.caches.x.astype(dtype))


def in_wider(case, upstream, wider):
    "The gradients by the same equations in a dtype with more range"
    plain = inspect.unwrap(case.backward_function)
    arriving = [value.astype(wider) for value in upstream.values()]
    arriving.insert(1, converted(case, wider))
    return plain(*arriving)


def growing(kind, dtype, growth, T_x, seed):
    "A network whose gradients change by about this factor a step, and what reaches its end"
    case = network(kind, Sizes(T_x=T_x, T_da=T_x), seed=seed, dtype=dtype)
    rng = np.random.default_rng(seed)
    weights = {}
    for name in ["Waa"] if kind == "rnn" else ["Wf", "Wi", "Wc", "Wo"]:
        old = case.parameters[name]
        weights[name] = (growth * rng.normal(size=old.shape) / np.sqrt(5)).astype(dtype)
    quiet = {name: 0.01 * value for name, value in case.inputs.items()}
    quiet["x"] = 0.01 * np.ones_like(case.inputs["x"])
    if seed == 0:  # states of exactly 0, which no step can saturate
        quiet = {name: np.zeros_like(value) for name, value in quiet.items()}
        bias = "ba" if kind == "rnn" else "bc"
        weights[bias] = np.zeros_like(case.parameters[bias])
    case = case.change(inputs=quiet, parameters=weights)
    upstream = {name: value[:, :, :T_x].copy() for name, value in case.upstream.items()}
    for value in upstream.values():
        value[:, 3] = 0  # one example has no gradient at all
    return case, upstream


@sequences
@pytest.mark.parametrize("dtype", WIDER)
@pytest.mark.parametrize("growth, T_x", [
    (0.3, 5), (1e3, 5), (0.3, 60), (5, 60), (40, 60), (1e3, 60), (1, 1100), (5, 1100)])  # fmt: skip
@pytest.mark.filterwarnings("error")
def test_backwards_a_finite_gradient_is_right_and_no_other_is_a_number(kind, dtype, growth, T_x):
    "The same equations in a dtype with more range are the judge"
    if WIDER[dtype] == "g" and not HAS_WIDER:
        pytest.skip("no dtype here has more range than float64")
    largest = np.finfo(dtype).max
    for seed in range(3 if T_x < 1000 else 1):
        case, upstream = growing(kind, dtype, growth, T_x, seed)
        with np.errstate(all="raise"):
            got = case.backward(**upstream)
        with np.errstate(all="ignore"):
            want = in_wider(case, upstream, WIDER[dtype])
        for name, value in got.items():
            assert value.dtype == np.dtype(dtype)
            finite, known = np.isfinite(value), np.isfinite(want[name])
            assert (known | ~finite).all(), name
            too_large = known & (abs(np.where(known, want[name], 0)) / 1.5 > largest)
            assert not (finite & too_large).any(), name
            right, found = np.where(finite, want[name], 0), np.where(finite, value, 0)
            for t in range(T_x if name == "dx" else 1):
                at = np.s_[..., t] if name == "dx" else ...
                error, scale = abs(right[at] - found[at]).max(), abs(right[at]).max()
                assert error <= 1e-3 * scale + 1e3 * np.finfo(dtype).tiny, (name, t)
        assert (got["dx"][:, 3] == 0).all() and (got["da0"][:, 3] == 0).all()
        if seed == 0 and (growth, T_x) == (5, 1100):  # far beyond, and not from the start
            assert np.isfinite(got["dx"][..., -20:]).all()
            assert not np.isfinite(np.delete(got["da0"], 3, axis=1)).any()


def bound(case, upstream, wider):
    "No number on the way back is larger: the same sums, of sizes"
    table = {name: abs(value.astype(wider)) for name, value in case.parameters.items()}
    n_a, largest, total = 5, 0, 0
    da_prev = dc_prev = np.zeros((n_a, 7), wider)
    for t in reversed(range(len(case.steps))):
        step = case.steps[t]
        sizes = [abs(value.astype(wider))[:, :, t] for value in upstream.values()]
        da_next, state = da_prev + sizes[0], np.maximum(abs(step.a_prev), 1).max()
        if case.kind == "rnn":
            gates = [da_next]
            back = [table["Waa"].T @ da_next, table["Wax"].T @ da_next]
        else:
            delta = dc_prev + sizes[1] + da_next
            gates = [delta * np.maximum(abs(step.c_prev), 1)] * 4
            back = [sum(table[f"W{g}"].T @ gates[0] for g in "fico")]
            dc_prev = delta
        da_prev = back[0][:n_a]
        total = total + 4 * gates[0].sum() * state * max(1, abs(step.xt).max())
        largest = max(largest, total, *(value.max() for value in [da_next, *back]))
    return largest


@sequences
@pytest.mark.parametrize("dtype", ["f4", "c8"])
@pytest.mark.filterwarnings("error")
def test_backwards_nothing_is_inf_or_nan_while_no_sum_leaves_the_range(kind, dtype):
    "From far inside to close to the end of the range, by the size of the gradient that arrives"
    reached = 0
    for seed in range(20):
        for T_x in 2, 10, 30:
            case, upstream = growing(kind, dtype, 2, T_x, seed)
            with np.errstate(all="ignore"):
                room = float(np.finfo(dtype).max) / bound(case, upstream, "c16").real
            for share in 1e-30, 1e-3, 0.5:
                scaled = {name: value * (share * room) for name, value in upstream.items()}
                scaled = {name: value.astype(dtype) for name, value in scaled.items()}
                got = case.backward(**scaled)
                for value in got.values():
                    assert np.isfinite(value).all()
                reached = max(reached, *(abs(value).max() for value in got.values()))
    assert reached > 1e-3 * np.finfo(dtype).max


@sequences
@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
def test_what_leaves_the_range_spreads_to_earlier_steps_of_its_example_alone(kind, dtype):
    case, upstream = growing(kind, dtype, 1, 8, 0)
    calm = case.backward(**upstream)
    struck = {name: value.copy() for name, value in upstream.items()}
    for value in struck.values():
        value[:, 1, 5] = 0.9 * np.finfo(dtype).max
        value[:, 2, 2] = np.inf
    got = case.backward(**struck)
    assert not np.isfinite(got["dx"][:, 2, :3]).any()
    assert np.isfinite(got["dx"][:, 2, 3:]).all()
    kept = np.isfinite(got["dx"][:, 1])
    assert kept[:, 6:].all() and not kept[:, 4:6].all()
    others = [0, 3, 4, 5, 6]
    np.testing.assert_array_equal(got["dx"][:, others], calm["dx"][:, others])
    np.testing.assert_array_equal(got["da0"][:, others], calm["da0"][:, others])


@every
@pytest.mark.parametrize("value", [1e308, 1e-310, np.inf, np.nan, 0.0])
@pytest.mark.filterwarnings("error")
def test_no_value_warns_or_raises_in_either_direction(kind, value):
    for field in "inputs", "parameters", "upstream":
        case = network(kind)
        signs = {name: np.sign(array) for name, array in getattr(case, field).items()}
        with np.errstate(all="raise"):
            extreme = case.change(**{field: {name: value * v for name, v in signs.items()}})
        for state in "raise", "warn":
            with np.errstate(all=state):
                extreme.forward()
                extreme.backward()
                assert np.geterr() == dict.fromkeys(("divide", "over", "under", "invalid"), state)


def test_silence_is_that_of_the_call_and_not_of_other_threads():
    case, states = network("lstm", Sizes(T_x=400, T_da=400)), []
    huge = {name: 1e308 * np.sign(value) for name, value in case.upstream.items()}

    def busy():
        with np.errstate(all="raise"):
            case.backward(**huge)
            states.append(np.geterr()["over"])

    before = np.geterr()
    threads = [threading.Thread(target=busy) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert np.geterr() == before
    for thread in threads:
        thread.join()
    assert states == ["raise"] * 8


@every
def test_smallest_sizes(kind):
    "One of everything: no axis disappears and nothing broadcasts"
    case = network(kind, (1, 1, 1, 1, 1, 1))
    for result in case.results.values():
        assert result.shape == (1,) * result.ndim
    assert case.backward()["da0" if kind not in CELLS else "da_prev"].shape == (1, 1)


@every
def test_nan_stays_with_its_example(kind):
    case = network(kind)
    name, x = next(iter(case.inputs.items()))
    x = x.copy()
    x[0, 2] = np.nan
    for result in case.change(inputs={name: x}).results.values():
        hit = np.isnan(result)
        assert hit[:, 2].all() and not np.delete(hit, 2, axis=1).any()


class Broken:
    def __array__(self, *args, **kwargs):
        raise RuntimeError("boom")


class Other:
    "Something that NumPy reads as an array"

    def __init__(self, value):
        self.value = value

    def __array__(self, *args, **kwargs):
        return self.value


class Bare:
    "Can be read like a list, and says nothing of it"

    def __init__(self, entries):
        self.entries = list(entries)

    def __len__(self):
        return len(self.entries)

    def __getitem__(self, i):
        return self.entries[i]


class Row(Bare, Sequence):
    "A sequence that is no list"


def wrapped(rows):
    return [Other(row) if isinstance(row, np.ndarray) else row for row in rows]


NESTS = [list, tuple, deque, Row, Bare, wrapped]


@pytest.mark.parametrize("outer", NESTS)
@pytest.mark.parametrize("inner", NESTS)
@pytest.mark.filterwarnings("error")
def test_a_mask_is_never_lost_however_deep(outer, inner):
    "One masked array, or one masked entry, among plain ones; without a mask all of it is read"
    plain = np.arange(6.0).reshape(3, 2)
    hidden = np.ma.masked_array([1.0, 2.0], [True, False])
    one = np.ma.masked_array(3.0, True)
    np.testing.assert_array_equal(checking.array("z", outer(map(np.array, plain))), plain)
    nested = [[[inner([hidden])]], inner([hidden, plain[0]]), inner([1.0, np.ma.masked])]
    nested += [outer([plain[0], hidden]), outer([[plain[0]], inner([hidden])]), [one], Other(one)]
    nested += [Other(hidden), [[Other(hidden)]], hidden, hidden.copy().view()]
    for value in nested:
        message = error_of(rs.sigmoid, value)
        assert message == "TypeError: z: expected an array of numbers, got a masked array", value


@every
def test_a_mask_in_a_list_is_noticed_in_every_argument(kind):
    case = network(kind)
    for name, value, call in calls(case):
        rows = [np.ma.masked_array(row, np.zeros(row.shape, bool)) for row in value]
        assert error_of(call, rows).startswith(f"TypeError: {name}: expected"), name
        plain = list(map(np.array, value))
        assert error_of(call, plain) == "", name


def test_what_cannot_be_read_says_so_and_is_not_called_ragged():
    class Refusing:
        def __array__(self, *args, **kwargs):
            raise ValueError("not today")

    expected = "TypeError: z: expected an array of numbers, got "
    assert error_of(rs.sigmoid, Refusing()) == f"{expected}Refusing (ValueError('not today'))"
    assert error_of(rs.sigmoid, [1, 2**70]) == f"{expected}list of object"
    endless = []
    endless.append(endless)
    assert error_of(rs.sigmoid, endless).startswith(("TypeError: z: ", "ValueError: z: "))


class Named(Mapping):
    "A mapping that is no dict; how it is read is counted"

    def __init__(self, table, wrong=None):
        self.table, self.wrong, self.reads = table, wrong, {}

    def __iter__(self):
        return iter(self.table)

    def __len__(self):
        return len(self.table)

    def __getitem__(self, name):
        self.reads[name] = self.reads.get(name, 0) + 1
        if self.wrong is not None and self.reads[name] > 1:
            return self.wrong
        return self.table[name]


@every
def test_another_mapping_is_read_once_and_may_change_afterwards(kind):
    case = network(kind)
    table = Named(case.parameters, np.full((9, 9), np.nan))
    other = Case(kind, case.inputs, table, case.upstream)
    for name, value in other.results.items():
        np.testing.assert_array_equal(value, case.results[name], strict=True)
    for name, value in other.backward().items():
        np.testing.assert_array_equal(value, case.backward()[name], strict=True)
    assert set(table.reads.values()) == {1}
    assert type(other.steps[0].parameters) is dict
    clipped, norm = rs.clip_by_global_norm(Named(case.parameters, np.nan), 1.0)
    assert norm == rs.clip_by_global_norm(case.parameters, 1.0)[1]
    assert rs.check_shapes(Named(case.parameters)) == rs.check_shapes(case.parameters)


@every
def test_lists_as_parameters_are_converted_once_a_call(kind, monkeypatch):
    case = network(kind, (3, 5, 2, 4, 50, 50))
    listed = {name: value.tolist() for name, value in case.parameters.items()}
    other, read = Case(kind, case.inputs, listed, case.upstream), []
    plain = checking.array

    def counted(name, value):
        read.append(name)
        return plain(name, value)

    with monkeypatch.context() as patch:
        patch.setattr(checking, "array", counted)
        other.forward()
    assert all(read.count(name) <= 2 for name in listed)  # to convert it, and to check its shape
    for name, value in other.results.items():
        np.testing.assert_array_equal(value, case.results[name], strict=True)


NO_ARRAYS = [None, "text", {}, object(), Broken(), np.array(["a"]), np.array([None]), lambda: 1]
NO_ARRAYS += [np.array(["2020-01-01"], "M8[D]"), np.ma.masked_array([[1.0]], True)]
NO_SHAPES = [1.0, [], [[1.0], [1.0, 2.0]], np.zeros((2, 2, 2, 2)), np.zeros((0, 7))]


def calls(case):
    "(name, value, a call of the forward function with another value there)"
    for field in "inputs", "parameters":
        for name, value in getattr(case, field).items():
            yield name, value, lambda v, f=field, n=name: case.change(**{f: {n: v}}).forward()


def check_refused(name, error, call, *args):
    message = error_of(call, *args)
    assert message.startswith(f"{error}: {name}: expected ") and ", got " in message, message


@every
def test_every_argument_is_refused_by_name(kind):
    case = network(kind)
    for name, value, call in calls(case):
        may_be_none = name == "c0"
        call(value)
        for wrong in NO_ARRAYS[may_be_none:]:
            check_refused(name, "TypeError", call, wrong)
        for wrong in NO_SHAPES:
            check_refused(name, "ValueError", call, wrong)
    for name in case.parameters:
        rest = {other: value for other, value in case.parameters.items() if other != name}
        without = Case(kind, case.inputs, rest, case.upstream)
        check_refused(name, "ValueError", without.forward)
    for wrong in None, [1], "text", case.inputs:
        other = Case(kind, case.inputs, wrong, case.upstream)
        if wrong is not case.inputs:
            check_refused("parameters", "TypeError", other.forward)
        else:
            assert error_of(other.forward).endswith(f"without it: {', '.join(wrong)}")


@every
def test_every_wrong_size_is_refused(kind):
    for name, value, call in calls(network(kind)):
        for axis in range(value.ndim):
            if (name, axis) == ("x", 2):
                continue  # a longer sequence is no mistake
            message = error_of(call, np.concatenate([value, value], axis))
            assert message.startswith("ValueError: ") and ": expected (" in message, message
        check_refused(name, "ValueError", call, value[..., 0])


def test_memory_before_the_first_step_is_zero_unless_given():
    case = network("lstm")
    zeros = case.change(inputs={"c0": np.zeros_like(case.inputs["c0"])})
    left_out = case.change(inputs={"c0": None})
    for name in RESULTS["lstm"]:
        np.testing.assert_array_equal(zeros.results[name], left_out.results[name], strict=True)
    assert abs(case.results["c"] - zeros.results["c"]).max() > 0.01
    assert case.steps[0].c_prev is case.inputs["c0"]


def test_results_have_the_sizes_of_the_arguments():
    n_x, n_a, n_y, m, T_x, _ = ALL_DIFFERENT
    results = network("lstm").results
    assert rs.check_shapes(results) == {"n_a": n_a, "m": m, "T_x": T_x, "n_y": n_y}
    assert len({n_x, n_a, n_y, m, T_x}) == 5


def test_sizes_of_check_shapes_are_plain_ints_and_own_shapes_go_first():
    assert rs.check_shapes({"dx": np.ones(2)}, {"dx": "(n)"}) == {"n": 2}
    assert type(rs.check_shapes({}, m=np.int64(2))["m"]) is int
    assert rs.check_shapes({"v": np.ones((4, 2, 4))}, {"v": "(k, 2, k)"}) == {"k": 4}
    sizes = rs.check_shapes({"xt": np.ones((3, 2))})
    sizes["n_x"] = 99  # an answer is the caller's own
    assert rs.check_shapes({"xt": np.ones((3, 2))}) == {"n_x": 3, "m": 2}


@pytest.mark.parametrize("shape, got", [
    ("(n_x, m)", (3,)), ("(n_x, n_x)", (3, 4)), ("(n_a + n_x, m)", (1, 2)), ("(n_a, 1)", (4, 2)),
    ("(n_a + n_x + 1, m)", (4, 2)), ("(2, m)", (3, 2)), ("(k + n, n)", (3, 5)),
    ("(k + n, m)", (3, 5)), ("(k + k, m)", (5, 2)), ("(k + n, k + n)", (5, 5))])  # fmt: skip
def test_check_shapes_refuses(shape, got):
    known = {"n_a": 4} if "n_a" in shape else {}
    message = error_of(rs.check_shapes, {"v": np.ones(got)}, {"v": shape}, **known)
    assert message.startswith(f"ValueError: v: expected {shape}") and message.endswith(f"got {got}")


@pytest.mark.parametrize("shapes", [
    {"u": "(n_a + n_x, n_a)"}, {"u": "(n_a + n_x, m)", "v": "(n_a)"},
    {"v": "(n_a)", "u": "(n_a + n_x, m)"}, {"u": "(n_a + n_x, k)", "w": "(n_x + k, n_x)"},
    {"q": "(r + s)", "w": "(s + n_x, n_x)"}, {"e": "(k + k, 1 + k + k)"},
    {"f": "(k + l + n, k + l, k)"}, {"g": "(p + q)", "h": "(q + r)", "i": "(r + s)", "j": "(s)"}])  # fmt: skip
def test_a_sum_may_be_settled_by_what_comes_later(shapes):
    arrays = {"u": (8, 5), "v": (5,), "w": (8, 3), "q": (9,), "e": (6, 7)}
    arrays |= {"f": (9, 5, 2), "g": (10,), "h": (6,), "i": (4,), "j": (1,)}
    found = rs.check_shapes({name: np.ones(arrays[name]) for name in shapes}, shapes)
    for name, shape in shapes.items():
        sums = [sum(int(found.get(p, p)) for p in parts) for parts in checking.axes_of(shape)]
        assert tuple(sums) == arrays[name]


def test_what_is_remembered_of_written_shapes_has_a_bound():
    for i in range(1500):
        rs.check_shapes({"v": np.ones(2)}, {"v": f"(bound_{i})"})
    info = checking.axes_of.cache_info()
    assert info.maxsize == 1024 and info.currsize <= 1024
