"""What every function promises about dtypes, inputs and sizes, beyond what the chapters show."""
from decimal import Decimal, localcontext
from types import MappingProxyType

import numpy as np
import pytest

import rnn_stepwise as rs
from rnn_stepwise.checking import as_arrays, error_of

N_X, N_A, N_Y, M, T_X = 3, 5, 2, 7, 4


def case(function, dtype=np.float64, seed=0):
    "Arguments of a forward function, all sizes different, no bias zero: (arrays, parameters)"
    rng = np.random.default_rng(seed)
    init = rs.init_rnn_parameters if "rnn" in function.__name__ else rs.init_lstm_parameters
    parameters = {k: (v + 0.1 * rng.normal(size=v.shape)).astype(dtype)
                  for k, v in init(N_X, N_A, N_Y, rng).items()}
    state = lambda: rng.normal(size=(N_A, M)).astype(dtype)
    sequence = function in (rs.rnn_forward, rs.lstm_forward)
    x = rng.normal(size=(N_X, M, T_X) if sequence else (N_X, M)).astype(dtype)
    return [x, state()] + [state()] * (function is rs.lstm_cell_forward), parameters


def call(function, arrays, parameters):
    "The results without the caches"
    if function is rs.lstm_forward and len(arrays) == 3:
        return function(arrays[0], arrays[1], parameters, arrays[2])[:-1]
    return function(*arrays, parameters)[:-1]


FORWARD = [rs.rnn_cell_forward, rs.rnn_forward, rs.lstm_cell_forward, rs.lstm_forward]
every = pytest.mark.parametrize("function", FORWARD, ids=lambda f: f.__name__)


def exact(function, *values):
    "sigmoid or a column of softmax in 60 digits"
    with localcontext() as context:
        context.prec, context.Emin, context.Emax = 60, -10**9, 10**9
        if function == "sigmoid": return [float(1 / (1 + (-Decimal(v)).exp())) for v in values]
        largest = max(map(Decimal, values))
        powers = [(Decimal(v) - largest).exp() for v in values]
        total = sum(powers)
        return [float(power / total) for power in powers]


def test_sigmoid_is_right_to_rounding_everywhere():
    z = np.concatenate([np.linspace(-40, 40, 401), [-1e7, -745.5, -700, -1e-300, 0, 1e-300, 700, 1e7]])
    np.testing.assert_allclose(rs.sigmoid(z), exact("sigmoid", *z), rtol=4e-16, atol=1e-300)


def test_softmax_is_right_to_rounding():
    rng = np.random.default_rng(0)
    for scale in 1, 30, 1e4, 1e7:
        for classes in 1, 2, 6, 100:
            z = scale * rng.normal(size=(classes, 3))
            right = np.transpose([exact("softmax", *column) for column in z.T])
            np.testing.assert_allclose(rs.softmax(z), right, rtol=0, atol=1e-15)
            np.testing.assert_allclose(rs.softmax(z.T, 1), right.T, rtol=0, atol=1e-15)
            np.testing.assert_allclose(rs.softmax(z, -2), right, rtol=0, atol=1e-15)



def test_a_large_vocabulary_costs_no_digits_and_a_batch_is_its_examples():
    "Five thousand classes: a sum taken term by term would lose three digits"
    z = np.r_[0, np.full(4999, -9.0)][:, None].repeat(20, 1)
    assert abs(rs.softmax(z)[0, 0] - 1 / (1 + 4999 * np.exp(-9.0))) < 1e-15
    np.testing.assert_array_equal(rs.softmax(z)[:, :1], rs.softmax(z[:, :1]))


def test_sigmoid_and_softmax_work_where_every_floating_point_event_raises():
    with np.errstate(all="raise"):
        assert rs.sigmoid([-1e7, 1e7]).tolist() == [0, 1]
        assert rs.softmax([[0.0], [1e7]]).tolist() == [[0], [1]]


@pytest.mark.parametrize("function", [rs.sigmoid, rs.softmax])
def test_complex_step_passes(function):
    "The imaginary part of f(z + ih)/h is the derivative, to rounding"
    z, direction = np.random.default_rng(1).normal(size=(2, 4, 3))
    derivative = function(z + 1e-30j * direction).imag / 1e-30
    s = function(z)
    right = s * (1 - s) * direction if function is rs.sigmoid else (
        s * (direction - (s * direction).sum(0)))
    np.testing.assert_allclose(derivative, right, rtol=0, atol=1e-15)


@every
def test_complex_step_passes_through_the_network(function):
    arrays, parameters = case(function)
    name = "Waa" if "Waa" in parameters else "Wf"
    direction = np.random.default_rng(1).normal(size=parameters[name].shape)
    step = {**parameters, name: parameters[name] + 1e-30j * direction}
    h = 1e-6
    up, down = ({**parameters, name: parameters[name] + s * h * direction} for s in (1, -1))
    for z, u, d in zip(*(call(function, arrays, p) for p in (step, up, down))):
        np.testing.assert_allclose(z.imag / 1e-30, (u - d) / (2 * h), rtol=0, atol=1e-8)
        assert abs(u - d).max() > 1e-7


@every
@pytest.mark.parametrize("given, result", [
    ("f4", "f4"), ("f8", "f8"), ("c8", "c8"), ("c16", "c16"), ("f2", "f8"), ("i4", "f8"),
    ("?", "f8"), (">f8", "f8"), ("u1", "f8"), ("g", "f8")])
def test_dtype_of_the_result(function, given, result):
    arrays, parameters = case(function)
    arrays = [(3 * a).astype(given) for a in arrays]
    parameters = {k: (3 * v).astype(given) for k, v in parameters.items()}
    for r in call(function, arrays, parameters): assert r.dtype == np.dtype(result)


@every
@pytest.mark.parametrize("position", range(4))
def test_dtype_is_the_promotion_of_all_arguments(function, position):
    "One float64 argument among float32 ones makes every result float64"
    arrays, parameters = case(function, np.float32)
    if position < len(arrays): arrays[position] = arrays[position].astype(np.float64)
    else: parameters["by"] = parameters["by"].astype(np.float64)
    for r in call(function, arrays, parameters): assert r.dtype == np.float64


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
def test_layout_is_irrelevant_and_nothing_given_changes(function, layout):
    arrays, parameters = case(function)
    expected = call(function, arrays, parameters)
    for value in [*arrays, *parameters.values()]: value.flags.writeable = False
    other = [LAYOUTS[layout](a) for a in arrays]
    others = MappingProxyType({k: LAYOUTS[layout](v) for k, v in parameters.items()})
    before = np.random.get_state()[1].copy()
    for got, want in zip(call(function, other, others), expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-14, strict=True)
        assert type(got) is np.ndarray and got.flags.writeable
    assert (np.random.get_state()[1] == before).all()


@every
def test_repeated_calls_are_identical(function):
    arrays, parameters = case(function)
    for one, two in zip(call(function, arrays, parameters), call(function, arrays, parameters)):
        assert one is not two and one.tobytes() == two.tobytes()


@every
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.filterwarnings("error")
def test_the_promised_range_gives_no_warning_and_no_nan(function, dtype):
    rng = np.random.default_rng(2)
    arrays, parameters = case(function, dtype)
    for _ in range(20):
        wild = [(1e4 * rng.uniform(-1, 1, a.shape)).astype(dtype) for a in arrays]
        weights = {k: (1e3 * rng.choice([-1, -1e-3, 0, 1e-9, 1], v.shape)).astype(dtype)
                   for k, v in parameters.items()}
        for r in call(function, wild, weights): assert np.isfinite(r).all()


@every
def test_smallest_sizes(function):
    "One of everything: no axis disappears and nothing broadcasts"
    arrays, parameters = case(function)
    first = lambda v: v[tuple(slice(1) for _ in v.shape)]
    arrays = [first(a) for a in arrays]
    parameters = {k: v[:1, :2] if k in ("Wf", "Wi", "Wc", "Wo") else first(v)
                  for k, v in parameters.items()}
    for r in call(function, arrays, parameters): assert r.shape == (1,) * arrays[0].ndim


@every
@pytest.mark.parametrize("wrong, error", [
    (None, "TypeError"), ("text", "TypeError"), ({}, "TypeError"), (object(), "TypeError"),
    (np.array(["a"]), "TypeError"), (np.array([None]), "TypeError"),
    (np.array(["2020-01-01"], "M8[D]"), "TypeError"), (np.ma.masked_array([[1.0]], True), "TypeError"),
    (lambda: 1, "TypeError"), (1.0, "ValueError"), ([], "ValueError"), ([[1.0], [1.0, 2.0]], "ValueError"),
    (np.zeros((2, 2, 2, 2)), "ValueError"), (np.zeros((0, M)), "ValueError")])
def test_every_argument_is_refused_by_name(function, wrong, error):
    arrays, parameters = case(function)
    import inspect
    names = [n for n in inspect.signature(function).parameters if n not in ("parameters", "c0")]
    for i, name in enumerate(names):
        message = error_of(call, function, [*arrays[:i], wrong, *arrays[i + 1:]], parameters)
        assert message.startswith(f"{error}: {name}: expected "), message
        assert ", got " in message
    for name in parameters:
        message = error_of(call, function, arrays, {**parameters, name: wrong})
        assert message.startswith(f"{error}: {name}: expected "), message
        missing = {k: v for k, v in parameters.items() if k != name}
        assert error_of(call, function, arrays, missing).startswith(f"ValueError: {name}: expected ")


@every
def test_every_wrong_size_is_refused(function):
    arrays, parameters = case(function)
    for name in parameters:
        for axis in 0, 1:
            longer = np.concatenate([parameters[name]] * 2, axis=axis)
            if (name, axis) in (("Wya", 0), ("Wy", 0)): name_at_fault = "by"       # by disagrees next
            else: name_at_fault = name
            message = error_of(call, function, arrays, {**parameters, name: longer})
            assert message.startswith(f"ValueError: {name_at_fault}: expected ("), message
        assert error_of(call, function, arrays,
                           {**parameters, name: parameters[name][:, 0]}).startswith("ValueError: ")


def test_lstm_memory_is_checked_and_kept():
    arrays, parameters = case(rs.lstm_forward)
    c0 = np.random.default_rng(5).normal(size=(N_A, M))
    with_c0 = rs.lstm_forward(*arrays, parameters, c0)
    assert with_c0[3][0][0][3] is c0
    assert abs(with_c0[2] - rs.lstm_forward(*arrays, parameters)[2]).max() > 0.01
    zeros = rs.lstm_forward(*arrays, parameters, np.zeros((N_A, M)))
    for one, two in zip(zeros[:3], rs.lstm_forward(*arrays, parameters)[:3]):
        np.testing.assert_array_equal(one, two, strict=True)
    for wrong in c0[:, :3], c0[:3], c0[None], 0.0:
        assert error_of(rs.lstm_forward, *arrays, parameters, wrong).startswith(
            "ValueError: c0: expected (n_a, m) = (5, 7), got ")


def test_a_converted_array_is_cached_only_where_conversion_was_needed():
    (x, a0), parameters = case(rs.rnn_forward)
    steps, cached = rs.rnn_forward(x, a0.tolist(), parameters)[2]
    assert cached is x and steps[0][-1] is parameters and isinstance(steps[0][1], np.ndarray)
    half = {k: v.astype("f4") for k, v in parameters.items()}
    steps, cached = rs.rnn_forward(x.astype("f4"), a0, half)[2]
    assert cached.dtype == np.float64 and steps[0][1] is a0 and steps[0][-1] is half


def test_writing_into_results_changes_no_cache():
    for function in FORWARD:
        arrays, parameters = case(function)
        *results, caches = function(*arrays, parameters)
        steps = caches[0] if isinstance(caches[0], list) else [caches]
        before = [[np.array(entry) for entry in step[:-1]] for step in steps]
        for result in results: result[:] = np.nan
        for step, old in zip(steps, before):
            for entry, value in zip(step, old): np.testing.assert_array_equal(entry, value)


def test_check_shapes_returns_a_dictionary_of_its_own():
    "The sizes are remembered between calls; changing an answer must not change the next"
    sizes = rs.check_shapes({"xt": np.ones((3, 2))})
    sizes["n_x"] = 99
    assert rs.check_shapes({"xt": np.ones((3, 2))}) == {"n_x": 3, "m": 2}


@pytest.mark.parametrize("shape, got", [
    ("(n_x, m)", (3,)), ("(n_x, n_x)", (3, 4)), ("(n_a + n_x, m)", (1, 2)), ("(n_a, 1)", (4, 2)),
    ("(n_a + n_x + 1, m)", (4, 2)), ("(2, m)", (3, 2))])
def test_check_shapes_refuses(shape, got):
    known = {"n_a": 4} if "n_a" in shape else {}
    message = error_of(rs.check_shapes, {"v": np.ones(got)}, {"v": shape}, **known)
    assert message.startswith(f"ValueError: v: expected {shape}") and message.endswith(f"got {got}")


def test_save_keeps_the_old_file_when_writing_fails(tmp_path, monkeypatch):
    file, rng = tmp_path / "p.npz", np.random.default_rng(0)
    old, new = (rs.init_rnn_parameters(3, 5, 2, rng) for _ in range(2))
    rs.save_parameters(file, old)
    def full(out, **arrays): out.write(b"half"); raise OSError("disk full")
    with monkeypatch.context() as broken:
        broken.setattr(np, "savez", full)
        assert error_of(rs.save_parameters, file, new) == "OSError: disk full"
    assert [path.name for path in tmp_path.iterdir()] == ["p.npz"]
    np.testing.assert_array_equal(rs.load_parameters(file)["Wax"], old["Wax"], strict=True)


def test_load_never_unpickles(tmp_path):
    parameters = rs.init_rnn_parameters(3, 5, 2, np.random.default_rng(0))
    np.savez(tmp_path / "p.npz", **{**parameters, "by": np.array([[print], [print]])})
    np.save(tmp_path / "p.npy", parameters["Wax"])
    for name in "p.npz", "p.npy":
        assert error_of(rs.load_parameters, tmp_path / name).startswith(
            "ValueError: file: expected an .npz of parameters, got ")


class Broken:
    def __array__(self, *args, **kwargs): raise RuntimeError("boom")


@pytest.mark.parametrize("message, call, args, sizes", [
    ("ValueError: v: expected (2, 3), got (3, 2)", rs.check_shapes, [{"v": np.ones((3, 2))}, {"v": "(2, 3)"}], {}),
    ("ValueError: v: expected (n, k), got (2,)", rs.check_shapes, [{"v": np.ones(2)}, {"v": "(n, k)"}], {}),
    ("ValueError: v: expected (n,), got (2, 2)", rs.check_shapes, [{"v": np.ones((2, 2))}, {"v": "(n)"}], {}),
    ("ValueError: v: expected (n,) = (3,), got (2,)", rs.check_shapes, [{"v": np.ones(2)}, {"v": "(n)"}], {"n": 3}),
    ("ValueError: v: expected (n, n), got (3, 4)", rs.check_shapes, [{"v": np.ones((3, 4))}, {"v": "(n, n)"}], {}),
    ("ValueError: Wf: expected (n_a, n_a + n_x) = (5, 8), got (5, 7)", rs.check_shapes,
     [{"Wf": np.ones((5, 7))}], {"n_a": 5, "n_x": 3}),
    ("ValueError: xt: expected (n_x, m), got (0, 2), an empty axis", rs.check_shapes, [{"xt": np.ones((0, 2))}], {}),
    ("ValueError: v: expected (p + q, m), got (0, 2), an empty axis", rs.check_shapes,
     [{"v": np.ones((0, 2))}, {"v": "(p + q, m)"}], {}),
    ("ValueError: shapes: expected symbols and sums such as (n_a, n_a + n_x), got (n*2)", rs.check_shapes,
     [{"v": np.ones(2)}, {"v": "(n*2)"}], {}),
    (f"ValueError: qx: expected a name with a known shape; known are {', '.join(rs.ALPHABET)}", rs.check_shapes,
     [{"qx": np.ones(2)}], {}),
    (f"ValueError: dq: expected a name with a known shape; known are {', '.join(rs.ALPHABET)}", rs.check_shapes,
     [{"dq": np.ones(2)}], {}),
    ("ValueError: q: expected a name with a known shape; known are v, w", rs.check_shapes,
     [{"q": np.ones(2)}, {"v": "(n)", "w": "(n)"}], {}),
    ("ValueError: m: expected an int of at least 1, got 0", rs.check_shapes, [{"xt": None}], {"m": 0}),
    ("TypeError: m: expected an int, got 1.5", rs.check_shapes, [{}], {"m": 1.5}),
    ("TypeError: a_prev: expected an array of numbers, got NoneType", rs.check_shapes,
     [{"xt": np.ones((0, 2)), "a_prev": None}], {}),
    ("TypeError: xt: expected an array of numbers, got an array of <U1", rs.check_shapes, [{"xt": np.array(["a"])}], {}),
    ("TypeError: xt: expected an array of numbers, got Broken (boom)", rs.check_shapes, [{"xt": Broken()}], {}),
    ("TypeError: arrays: expected a dict of arrays by name, got NoneType", rs.check_shapes, [None], {}),
    ("TypeError: named: expected a dict of arrays by name, got list", as_arrays, [[1.0]], {}),
    ("TypeError: parameters: expected a dict of arrays by name, got list", checking_old, [{}, [], []], {}),
    ("ValueError: Waa: expected (n_a, n_a), got parameters without it: Wax, ba", checking_old,
     [{}, {"Wax": [[1.0]], "ba": [[1.0]]}, ["Waa"]], {}),
    ("ValueError: Waa: expected (n_a, n_a), got parameters without it: none", checking_old, [{}, {}, ["Waa"]], {}),
    ("ValueError: z: expected no empty axis, got (0, 2)", rs.sigmoid, [np.ones((0, 2))], {}),
    ("ValueError: z: expected no empty axis, got (2, 0)", rs.softmax, [np.ones((2, 0))], {}),
    ("TypeError: axis: expected an int, got 1.0", rs.softmax, [np.ones((2, 2)), 1.0], {}),
    ("ValueError: axis: expected an axis of z, which has 2, got 2", rs.softmax, [np.ones((2, 2)), 2], {}),
    ("ValueError: axis: expected an axis of z, which has 2, got -3", rs.softmax, [np.ones((2, 2)), -3], {})])
def test_what_an_error_says(message, call, args, sizes):
    "Word for word: the name, what was expected in symbols and numbers, what came, and which is said first"
    assert error_of(call, *args, **sizes) == message


def test_what_check_shapes_accepts():
    assert rs.check_shapes({"dx": np.ones(2)}, {"dx": "(n)"}) == {"n": 2}        # own shapes go first
    assert type(rs.check_shapes({}, m=np.int64(2))["m"]) is int
    assert type(checking_old({"xt": [[1.0]]}, {}, [])) is tuple


def test_softmax_of_three_axes_along_each_and_z_is_left_alone():
    z = np.random.default_rng(4).normal(size=(2, 3, 4))
    z.flags.writeable = False
    for axis in range(-3, 3):
        right = np.exp(z) / np.exp(z).sum(axis, keepdims=True)
        np.testing.assert_allclose(rs.softmax(z, axis), right, rtol=0, atol=1e-15, strict=True)


def test_what_is_said_of_caches():
    a, _, (steps, x) = rs.rnn_forward(*case(rs.rnn_forward)[0], case(rs.rnn_forward)[1])
    da, say = np.ones((N_A, M, T_X)), lambda *caches: error_of(rs.rnn_backward, da, caches)
    names = "(a_next, a_prev, xt, parameters)"
    assert error_of(rs.rnn_cell_backward, da[:, :, 0], steps[0][:2]) == (
        f"ValueError: cache: expected the tuple {names}, got 2 entries")
    assert error_of(rs.rnn_cell_backward, da[:, :, 0], list(steps[0])) == (
        f"TypeError: cache: expected the tuple {names}, got list")
    assert say([*steps[:2], list(steps[2]), steps[3]], x) == (
        "TypeError: caches: expected a tuple for every step, got list at step 2")
    assert say([(), *steps[1:]], x) == (
        "TypeError: caches: expected a tuple for every step, got an empty tuple at step 0")
    assert error_of(rs.rnn_backward, np.ones((N_A, M, 5)), (steps, x)) == (
        "ValueError: da: expected (n_a, m, T_da) with T_da at most T_x = 4, got (5, 7, 5)")
    expected = "TypeError: caches: expected the tuple (list of step caches, x), got "
    assert say(steps, x, x) == expected + "tuple of 3" and say(steps[0], x) == expected + "tuple of 2"
    assert error_of(rs.rnn_backward, da, steps) == expected + "list"
    assert say([], x) == "ValueError: caches: expected at least one step, got an empty list"
