"""What the forward functions promise about dtypes, layouts, ranges and what they are given."""

from decimal import Decimal, localcontext
from types import MappingProxyType

import numpy as np
import pytest

import rnn_stepwise as rs
from networks import ALL_DIFFERENT, CELLS, KINDS, RESULTS, Case, network
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
    ("(n_a + n_x + 1, m)", (4, 2)), ("(2, m)", (3, 2))])  # fmt: skip
def test_check_shapes_refuses(shape, got):
    known = {"n_a": 4} if "n_a" in shape else {}
    message = error_of(rs.check_shapes, {"v": np.ones(got)}, {"v": shape}, **known)
    assert message.startswith(f"ValueError: v: expected {shape}") and message.endswith(f"got {got}")
