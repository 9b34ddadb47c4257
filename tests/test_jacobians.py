"""What Jacobians, gains, the rule, clipping and the two plots promise beyond their chapters."""

import inspect
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import rnn_stepwise as rs
from conftest import fresh
from networks import Sizes, chained, network
from rnn_stepwise import (
    clip_by_global_norm,
    gate_events,
    jacobian_gains,
    lstm_cell_jacobian,
    lstm_direct_path,
    lstm_jacobians,
    multiply_steps,
    plot_gains,
    plot_gates,
    predicted_rnn_gain,
    rnn_cell_jacobian,
    rnn_jacobians,
)
from rnn_stepwise.checking import error_of

N_X, N_A, N_Y, M, T_X, _ = SIZES = Sizes()
CELL = {"rnn": rnn_cell_jacobian, "lstm": lstm_cell_jacobian}
JACOBIANS = {"rnn": rnn_jacobians, "lstm": lstm_jacobians}
ROUNDING = {"rtol": 1e-10, "atol": 1e-14}

both = pytest.mark.parametrize("kind, n", [("rnn", N_A), ("lstm", 2 * N_A)])


def cut(caches, first, end=T_X):
    "The caches of a few steps of a sequence"
    part = slice(first, end)
    words = caches.x[:, :, part]
    return caches.steps[part], words


def drawn(*shape, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=shape)


def full(value, columns=M):
    return np.full((N_A, columns), value)


def silent(case, **parameters):
    "The case without input, and with other parameters"
    nothing = {}
    for name, value in case.inputs.items():
        nothing[name] = np.zeros_like(value)
    return case.change(inputs=nothing, parameters=parameters)


@pytest.fixture
def plt():
    "The plots of matplotlib, without a screen; all closed in the end"
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


# --- Jacobians ------------------------------------------------------------------------------------


@both
def test_shapes_and_the_last_entry(kind, n):
    caches = network(kind).caches
    J = JACOBIANS[kind](caches)
    assert J.shape == (T_X + 1, M, n, n)
    assert (J[-1] == np.eye(n)).all()
    one = CELL[kind](caches.steps[-1])
    assert_array_equal(J[-2], one, strict=True)


@both
def test_writing_into_a_result_changes_no_cache(kind, n):
    case = network(kind)
    before = [array.copy() for array in case.given()]
    results = [JACOBIANS[kind](case.caches), CELL[kind](case.steps[0])]
    if kind == "lstm":
        results.append(lstm_direct_path(case.caches))
    for result in results:
        assert result.any()
        result[:] = 0
    for array, kept in zip(case.given(), before, strict=True):
        assert_array_equal(array, kept, strict=True)


@both
def test_a_sequence_is_two_pieces_multiplied(kind, n):
    "J over steps 1 to 6 is J over 3 to 6 times J over 1 to 2, each from caches of its own"
    caches = network(kind).caches
    whole = JACOBIANS[kind](caches)
    first = JACOBIANS[kind](cut(caches, 0, 2))
    second = JACOBIANS[kind](cut(caches, 2))
    product = second[0] @ first
    assert_allclose(product, whole[:3], rtol=1e-12, atol=1e-14)
    assert_array_equal(second, whole[2:], strict=True)


def gradient_of_the_first_state(kind, caches, v):
    "What the backward function says, if v is the gradient of the last state"
    steps, _ = caches
    da = np.zeros((N_A, M, len(steps)))
    dc = np.zeros_like(da)
    da[:, :, -1] = v[:N_A]
    if kind == "rnn":
        gradients = rs.rnn_backward(da, caches)
        return gradients["da0"]
    dc[:, :, -1] = v[N_A:]
    gradients = rs.lstm_backward(da, caches, dc)
    return np.concatenate([gradients["da0"], gradients["dc0"]])


@both
@pytest.mark.parametrize("seed", range(5))
def test_the_backward_functions_give_its_transpose_times_a_vector(kind, n, seed):
    caches = network(kind, seed=seed).caches
    J = JACOBIANS[kind](caches)
    v = drawn(n, M, seed=seed)
    for t in range(T_X):
        rest = cut(caches, t)
        back = gradient_of_the_first_state(kind, rest, v)
        transposed = np.einsum("mij,im->jm", J[t], v)
        assert_allclose(transposed, back, **ROUNDING)


@both
def test_every_step_may_have_parameters_of_its_own(kind, n):
    tables = [network(kind, seed=t).parameters for t in range(T_X)]
    _, caches = chained(network(kind), tables)
    J = JACOBIANS[kind](caches)
    v = drawn(n, M)
    back = gradient_of_the_first_state(kind, caches, v)
    transposed = np.einsum("mij,im->jm", J[0], v)
    assert_allclose(transposed, back, **ROUNDING)


@both
def test_plain_tuples_are_as_good_as_named_ones(kind, n):
    caches = network(kind).caches
    steps = tuple(tuple(step) for step in caches.steps)
    plain = (steps, caches.x)
    functions = [JACOBIANS[kind]]
    if kind == "lstm":
        functions += [lstm_direct_path, gate_events]
    for function in functions:
        expected = function(caches)
        assert_array_equal(function(plain), expected)
    cell = CELL[kind]
    expected = cell(caches.steps[1])
    assert_array_equal(cell(steps[1]), expected)


@both
def test_a_batch_is_its_examples(kind, n):
    caches = network(kind).caches
    J = JACOBIANS[kind](caches)
    for i in range(M):
        alone = []
        for *entries, parameters in caches.steps:
            of_one = [entry[:, [i]] for entry in entries]
            alone.append((*of_one, parameters))
        x = caches.x[:, [i]]
        found = JACOBIANS[kind]((alone, x))
        assert_allclose(found, J[:, [i]], rtol=1e-12, atol=1e-15)


@both
def test_states_that_are_not_finite_stay_in_their_example(kind, n):
    state = full(0.0)
    state[2, 1] = np.nan
    start = {"rnn": {"a0": state}, "lstm": {"a0": full(0.0), "c0": state}}
    case = network(kind).change(inputs=start[kind])
    J = JACOBIANS[kind](case.caches)
    g = jacobian_gains(J)
    assert np.isnan(J[0, 1]).any()
    assert np.isnan(g.typical[0, 1])
    others = np.delete(J, 1, axis=1)
    assert np.isfinite(others).all()
    others = np.delete(g.singular, 1, axis=1)
    assert np.isfinite(others).all()


def test_an_infinite_memory_gives_no_warning(recwarn):
    c0 = full(0.0)
    c0[0, 0] = np.inf
    start = {"a0": full(0.0), "c0": c0}
    caches = network("lstm").change(inputs=start).caches
    J = lstm_jacobians(caches)
    largest = jacobian_gains(J).largest
    assert np.isnan(largest[0, 0])
    assert np.isfinite(largest[:, 1:]).all()
    kept = lstm_direct_path(caches)
    assert (kept[:, 0] <= 1).all()  # the gates are finite
    assert not recwarn.list


def test_a_product_out_of_range_gives_no_warning(recwarn):
    small = Sizes(n_a=2, m=1, T_x=3)
    Waa = np.diag([1e200, 1.0])
    case = silent(network("rnn", small), Waa=Waa, ba=np.zeros((2, 1)))
    J = rnn_jacobians(case.caches)
    assert not np.isfinite(J[0, 0, 0, 0])
    largest = jacobian_gains(J).largest
    assert np.isnan(largest[:2]).all()
    assert largest[2, 0] == 1e200
    assert not recwarn.list


@both
@pytest.mark.parametrize("dtype, real", [("f4", "f4"), ("c8", "f4"), ("c16", "f8")])
def test_dtypes_are_kept(kind, n, dtype, real):
    caches = network(kind, dtype=dtype).caches
    J = JACOBIANS[kind](caches)
    S = CELL[kind](caches.steps[0])
    assert J.dtype == S.dtype == dtype
    for gain in jacobian_gains(J):
        assert gain.dtype == real
    if kind == "lstm":
        kept = lstm_direct_path(caches)
        assert kept.dtype == dtype
    case = network(kind)
    exact = JACOBIANS[kind](case.caches)
    assert_allclose(J, exact, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.7])
def test_a_silent_orthogonal_network_keeps_exact_powers(scale):
    Q, _ = np.linalg.qr(drawn(N_A, N_A))
    case = silent(network("rnn"), Waa=scale * Q, ba=full(0.0, 1))
    J = rnn_jacobians(case.caches)
    powers = scale ** np.arange(T_X, -1.0, -1)
    expected = np.broadcast_to(powers[:, None], (T_X + 1, M))
    _, *gains = jacobian_gains(J)
    for gain in gains:
        assert_allclose(gain, expected, rtol=1e-12, strict=True)
    predicted, _ = predicted_rnn_gain(case.parameters)
    assert predicted == pytest.approx(scale, rel=1e-13)


def test_an_lstm_that_only_keeps_has_the_identity_for_its_memory():
    biases = {"bf": full(800.0, 1), "bi": full(-800.0, 1)}
    caches = network("lstm").change(parameters=biases).caches
    J = lstm_jacobians(caches)
    of_memory = J[..., N_A:, N_A:]
    one = np.eye(N_A)
    everywhere = np.broadcast_to(one, (T_X + 1, M, N_A, N_A))
    assert_array_equal(of_memory, everywhere)
    kept = lstm_direct_path(caches)
    assert kept.shape == (T_X + 1, M, N_A)
    assert (kept == 1).all()


def test_the_direct_path_is_the_product_of_the_gates_between():
    caches = network("lstm").caches
    d = lstm_direct_path(caches)
    assert d.shape == (T_X + 1, M, N_A)
    assert (d[-1] == 1).all()
    for t in range(T_X):
        gates = [step.ft.T for step in caches.steps[t:]]
        product = np.prod(gates, axis=0)
        assert_allclose(d[t], product, rtol=1e-13)


@both
def test_one_step(kind, n):
    short = network(kind, Sizes(T_x=1))
    J = JACOBIANS[kind](short.caches)
    g = jacobian_gains(J)
    assert J.shape == (2, M, n, n)
    assert g.largest.shape == (2, M)


def test_one_step_of_the_book_by_hand():
    x = rs.book_sequence(T_x=1)
    *_, caches = rs.rnn_forward(x, np.zeros((1, 1)), rs.book_rnn())
    J = rnn_jacobians(caches)
    a_1 = np.tanh(1.0)
    by_hand = np.array([0.5 * (1 - a_1**2), 1])
    assert_allclose(J, by_hand.reshape(2, 1, 1, 1), rtol=1e-14, strict=True)


def test_steps_are_multiplied_from_the_last_to_the_first():
    steps = drawn(3, 2, 4, 4)
    A, B, C = steps
    products = multiply_steps(steps)
    two, three = C @ B, C @ B @ A
    identity = np.broadcast_to(np.eye(4), (2, 4, 4))
    expected = np.stack([three, two, C, identity])
    assert_allclose(products, expected, rtol=1e-13, atol=1e-14, strict=True)
    for same in (list(steps), steps.tolist(), np.asfortranarray(steps)):
        again = multiply_steps(same)
        assert_allclose(again, products, rtol=1e-13, strict=True)
    single = multiply_steps(steps.astype("f4"))
    assert single.dtype == np.float32


# --- gains ----------------------------------------------------------------------------------------


def test_gains_of_known_matrices():
    three_four = np.diag([3.0, 4.0])
    shear = [[0, 2.0], [0, 0]]
    tiny = 1e-300 * np.eye(2)
    stack = [three_four, np.zeros((2, 2)), shear, tiny, 1e300 * three_four]
    g = jacobian_gains(np.reshape(stack, (5, 1, 2, 2)))
    assert g.singular.shape == (5, 1, 2)
    falls = np.diff(g.singular)
    assert (falls <= 0).all()
    typical = 12.5**0.5
    expected = {
        "largest": [4, 0, 2, 1e-300, 4e300],
        "smallest": [3, 0, 0, 1e-300, 3e300],
        "typical": [typical, 0, 2**0.5, 1e-300, 1e300 * typical],
    }
    for name, values in expected.items():
        found = getattr(g, name)
        assert_allclose(found[:, 0], values, rtol=1e-14)


def test_gains_of_one_matrix_real_or_complex():
    g = jacobian_gains([[0, 1j], [2, 0]])
    assert_allclose(g.singular, [2, 1], rtol=1e-14)
    real = np.diag([2.0, -5, 3])
    _, *gains = jacobian_gains(real)
    typical = (38 / 3) ** 0.5
    assert_allclose(gains, [5, typical, 2], rtol=1e-14)


def test_gains_at_the_end_of_the_range_give_no_warning(recwarn):
    ones = np.ones((2, 2))
    top, least = 1.7e308 * ones, 5e-324 * ones
    g = jacobian_gains([top, least, 1j * top])
    assert np.isinf(g.largest[[0, 2]]).all()
    assert (g.smallest[[0, 2]] < 1e294).all()
    assert g.largest[1] == 1e-323
    assert np.isfinite(g.typical[1])
    single = jacobian_gains(np.full((3, 3), 3e38, "f4"))
    assert single.largest.dtype == np.float32
    assert not recwarn.list


def test_a_jacobian_at_the_end_of_the_range_gives_no_warning(recwarn):
    state = np.ones((2, 1))
    parameters = {"Waa": np.full((2, 2), 1.7e308)}
    S = rnn_cell_jacobian((1e200 * state, state, state, parameters))
    assert not np.isfinite(S).any()
    assert not recwarn.list


def test_writing_into_one_gain_changes_no_other():
    for J in np.eye(3), network("rnn").caches.steps[0].parameters["Waa"], np.ones((2, 4, 3, 3)):
        gains = jacobian_gains(J)
        kept = [np.copy(gain) for gain in gains]
        for i, gain in enumerate(gains):
            if isinstance(gain, np.ndarray):
                gain[...] = -1
            for j in range(i + 1, 4):
                assert_array_equal(gains[j], kept[j])


@pytest.mark.filterwarnings("error")
def test_gains_of_long_doubles():
    "There is no decomposition of them: the digits are those of double, the range is their own"
    J = drawn(2, 4, 4) + 1j * drawn(2, 4, 4, seed=1)
    wide = J.astype(np.clongdouble)
    with np.errstate(all="raise"):
        for found, right in zip(jacobian_gains(wide), jacobian_gains(J)):
            assert found.dtype == np.longdouble
            assert_allclose(found.astype(float), right, rtol=1e-13)
        if np.finfo(np.longdouble).maxexp > 1024:
            far = np.longdouble("1e1000")
            assert_allclose(jacobian_gains(far * wide).largest / far, jacobian_gains(J).largest)


def test_the_rule_is_computed_in_double_precision():
    p = network("rnn", dtype="f4").parameters
    huge = {name: (1e25 * value).astype("f4") for name, value in p.items()}
    doubles = {name: value.astype(float) for name, value in huge.items()}
    assert predicted_rnn_gain(huge, 0.5) == predicted_rnn_gain(doubles, 0.5)
    assert np.isfinite(predicted_rnn_gain(huge, 0.5)).all()
    for x_rms in np.float16(300), np.float32(3e19), np.longdouble(2), np.int8(100), np.array(7.0):
        assert predicted_rnn_gain(p, x_rms) == predicted_rnn_gain(p, float(x_rms))


# --- the rule for the pencil ----------------------------------------------------------------------


@pytest.mark.parametrize("q", [0.01, 0.5, 2, 30, 1e3, 1e5])
@pytest.mark.parametrize("x_rms", [0.0, 0.2])
def test_the_rule_for_a_network_without_memory_is_an_integral(q, x_rms):
    "With tiny Waa, q comes from bias and input alone, and s from a sum a thousand times finer"
    Wax, bias = np.full((7, 2), 0.5), np.full((7, 1), q**0.5)
    p = {"Wax": Wax, "Waa": 1e-9 * np.eye(7), "ba": bias}
    g, s = predicted_rnn_gain(p, x_rms)
    assert g == pytest.approx(1e-9, rel=1e-12)
    q = q + 0.5 * x_rms**2
    z = np.linspace(-9, 9, 2_000_001)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    inside = abs(q**0.5 * z)
    slope = np.cosh(np.minimum(inside, 150)) ** -2.0
    right = np.trapezoid(density * slope**2, z)
    assert s == pytest.approx(right**0.5, rel=1e-8)


Z = np.linspace(-8, 8, 400_001)
BELL = np.exp(-(Z**2) / 2)
WEIGHT = BELL / BELL.sum()


def normal_means(q):
    "The mean of tanh² and of its slope squared, by a sum of its own"
    square = np.tanh(q**0.5 * Z) ** 2
    slope = 1 - square
    return WEIGHT @ square, WEIGHT @ slope**2


@pytest.mark.parametrize(
    "scale, fed",
    [(0.5, 0.0), (0.9, 0.09), (1.0, 1e-4), (1.02, 0.0), (1.25, 0.01), (3.0, 1.0), (1e3, 0.0)],
)
def test_the_mean_square_of_the_rule_gives_itself_back(scale, fed):
    "Find q in (V4) from the slope, by halving, and go one more round"
    bias = np.full((4, 1), fed**0.5)
    p = {"Wax": np.zeros((4, 1)), "Waa": scale * np.eye(4), "ba": bias}
    _, slope = predicted_rnn_gain(p)
    low, high = 0.0, scale**2 + fed
    for _ in range(60):
        q = (low + high) / 2
        square, slope_squared = normal_means(q)
        if slope_squared**0.5 > slope:  # the slope falls as q grows
            low = q
        else:
            high = q
    assert scale**2 * square + fed == pytest.approx(q, rel=1e-5, abs=1e-8)


def test_the_rule_finds_the_slope_that_a_wide_network_has():
    rng = np.random.default_rng(3)
    p = rs.init_rnn_parameters(20, 400, 1, rng)
    p["Waa"] = 1.2 / 20 * rng.normal(size=(400, 400))
    p["ba"] = 0.3 * rng.normal(size=(400, 1))
    x = 0.7 * rng.normal(size=(20, 8, 40))
    a, _, _ = rs.rnn_forward(x, np.zeros((400, 8)), p)
    g, s = predicted_rnn_gain(p, 0.7)
    assert g == pytest.approx(1.2, rel=0.02)
    slopes = 1 - a[:, :, 20:] ** 2
    mean_square = (slopes**2).mean()
    assert s == pytest.approx(mean_square**0.5, rel=0.03)


def test_the_rule_takes_weights_that_are_not_finite_without_a_warning(recwarn):
    ones = np.ones((3, 3))

    def rule(Waa, x_rms=0.5):
        p = {"Wax": ones, "Waa": Waa, "ba": np.zeros((3, 1))}
        return predicted_rnn_gain(p, x_rms)

    assert np.isnan(rule(np.nan * ones)).all()
    _, s = rule(1e200 * ones)
    assert np.isnan(s)
    _, s = rule(np.eye(3), 1e100)
    assert 0 < s < 1e-40
    assert np.isfinite(rule(1e3 * ones)).all()
    assert not recwarn.list


# --- clipping -------------------------------------------------------------------------------------


def flat(gradients):
    pieces = [value.ravel() for value in gradients.values()]
    return np.concatenate(pieces)


@pytest.mark.parametrize("limit", [1e-3, 1.0, 1e3])
def test_clipping_shortens_and_does_not_turn(limit):
    g = {"dWaa": drawn(5, 5), "dba": drawn(5, 1, seed=1)}
    before = flat(g)
    clipped, norm = clip_by_global_norm(g, limit)
    after = flat(clipped)
    length = np.linalg.norm(after)
    assert norm == pytest.approx(np.linalg.norm(before), rel=1e-14)
    assert length == pytest.approx(min(limit, norm), rel=1e-14)
    assert_allclose(after / length, before / norm, rtol=1e-13)
    for name in g:
        assert not np.shares_memory(clipped[name], g[name])
        assert clipped[name].shape == g[name].shape
    assert_array_equal(flat(g), before)


def test_clipping_keeps_float32_and_takes_no_gradients_at_all():
    ones = np.ones((5, 5), "f4")
    clipped, _ = clip_by_global_norm({"dWaa": ones}, 1.0)
    assert clipped["dWaa"].dtype == np.float32
    assert clip_by_global_norm({}, 1.0) == ({}, 0.0)


def test_clipping_bears_a_norm_out_of_range(recwarn):
    huge = np.full((4, 1), 1e308)
    clipped, _ = clip_by_global_norm({"dba": huge}, 2.0)
    assert_allclose(clipped["dba"], 1.0, rtol=1e-12)
    assert not recwarn.list


LIMITS = [1, 0.1, np.float16(5), np.float32(0.1), np.int8(3), np.uint64(7), np.longdouble(0.3)]


def exact_norm_squared(gradients):
    "In fractions: no rounding"
    total = Fraction(0)
    for value in gradients.values():
        for part in (value.real, value.imag):
            total += sum(Fraction(float(entry)) ** 2 for entry in part.ravel())
    return total


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
@pytest.mark.parametrize("limit", LIMITS, ids=lambda v: f"{type(v).__name__} {v}")
@pytest.mark.filterwarnings("error")
def test_a_clipped_norm_is_at_most_the_limit(dtype, limit):
    "Whatever the type of the limit is, it means the number that it says; exact up to 1e-14"
    bound = Fraction(float(limit)) ** 2
    for seed in range(20):
        for size in 1e-30, 1, 3e7, 1e30:
            g = {"dWaa": drawn(4, 5, seed=seed), "dba": drawn(7, 1, seed=seed + 100)}
            if "c" in dtype:
                g = {name: value * (1 + 0.3j) for name, value in g.items()}
            g = {name: (size * value).astype(dtype) for name, value in g.items()}
            with np.errstate(all="raise"):
                clipped, norm = clip_by_global_norm(g, limit)
            assert clipped["dWaa"].dtype == dtype
            was, now = exact_norm_squared(g), exact_norm_squared(clipped)
            assert norm == pytest.approx(float(was) ** 0.5, rel=1e-12)
            if was <= bound:
                assert all((clipped[name] == g[name]).all() for name in g)
                continue
            assert now <= bound * (1 + Fraction(1, 10**14))
            room = 1e-6 if dtype in ("f4", "c8") else 1e-14
            assert now >= bound * (1 - Fraction(room))


@pytest.mark.parametrize("top", [1.7e308, 1e308, 1e200, 1e-200, 1e-310, 5e-324])
@pytest.mark.parametrize("limit", [5e-324, 1e-310, 1e-200, 1.0, 1e200, 1.7e308])
@pytest.mark.filterwarnings("error")
def test_clipping_at_both_ends_of_the_range(top, limit):
    "Real, complex and of very different sizes: never NaN, never 0 where there is room"
    for g in [top], [top, -top], [top * (1 + 1j)], [top, 1e-300], np.full(5000, top):
        with np.errstate(all="raise"):
            clipped, norm = clip_by_global_norm({"dba": g}, limit)
        found = clipped["dba"]
        sizes = [Fraction(float(v)) for part in (found.real, found.imag) for v in part]
        assert sum(v**2 for v in sizes) <= Fraction(limit) ** 2 * (1 + Fraction(1, 10**14))
        assert np.isfinite(found).all() and not np.isnan(norm)
        if top > limit > 1e-300:
            assert abs(found[0]) > 0.01 * limit
        if norm < limit:
            assert_array_equal(found, g)


def test_clipping_of_single_precision_does_not_lose_what_it_can_hold():
    "1e38 by 1e-50 is no factor of single precision, and 1e-12 is a number of it"
    clipped, norm = clip_by_global_norm({"dba": np.full(4, 1e38, "f4")}, 1e-12)
    assert_allclose(clipped["dba"], 5e-13, rtol=1e-6)
    assert norm == pytest.approx(2e38)
    clipped, _ = clip_by_global_norm({"dba": np.array(3, "f4"), "dby": np.array(4j, "c8")}, 1)
    assert clipped["dba"].shape == clipped["dby"].shape == ()
    assert_allclose([clipped["dba"], clipped["dby"]], [0.6, 0.8j], rtol=1e-6)
    clipped, _ = clip_by_global_norm({"dba": [1.7e308, 1e-300]}, 1e308)
    assert_allclose(clipped["dba"], [1e308, 1e-300 / 1.7], rtol=1e-6)


# --- gates at work --------------------------------------------------------------------------------


def crossings(gate):
    "Where a gate is on the other side of one half, counted from 1, and whether it opened"
    found = set()
    open_ = [bool(value >= 0.5) for value in gate]
    for t, (before, now) in enumerate(pairwise(open_), start=2):
        if before != now:
            found.add((t, now))
    return found


@pytest.mark.parametrize("unit", range(N_A))
@pytest.mark.parametrize("example", range(M))
def test_gate_events_are_crossings_of_one_half(unit, example):
    caches = network("lstm", Sizes(T_x=30)).caches
    events = gate_events(caches, unit, example)
    for name in ("ft", "it", "ot"):
        gate = [getattr(step, name)[unit, example] for step in caches.steps]
        found = {(event.t, event.opened) for event in events if event.gate == name}
        assert found == crossings(gate)
    times = [event.t for event in events]
    assert times == sorted(times)


def test_an_int_of_numpy_tells_a_unit():
    caches = network("lstm", Sizes(T_x=30)).caches
    events = gate_events(caches, 3, 2)
    assert events
    assert gate_events(caches, unit=np.int8(3), example=np.int64(2)) == events


# --- the plots ------------------------------------------------------------------------------------


def heights_of_band(ax):
    (band,) = ax.collections
    (outline,) = band.get_paths()
    return outline.vertices[:, 1]


def texts(labels):
    return [label.get_text() for label in labels]


def test_gains_are_drawn_as_they_are(plt):
    J = rnn_jacobians(network("rnn").caches)
    values = jacobian_gains(J).typical
    _, ax = plt.subplots()
    assert plot_gains(values, ax, "c", "here", "--", bound=0.5) is ax
    line, bound = ax.lines
    mean = np.exp(np.log(values).mean(axis=1))
    powers = 0.5 ** np.arange(T_X + 1)
    assert_allclose(line.get_ydata(), mean[::-1], rtol=1e-12)
    assert_allclose(bound.get_ydata(), powers, rtol=1e-12)
    assert line.get_color() == rs.COLOURS["c"]
    assert line.get_linestyle() == "--"
    assert ax.get_yscale() == "log"
    assert texts(ax.texts) == ["here"]
    band = heights_of_band(ax)
    assert band.min() == values.min()
    assert band.max() == values.max()
    ax.figure.canvas.draw()


def test_examples_without_a_place_on_the_axis_harm_no_other(plt, recwarn):
    nan, inf = np.nan, np.inf
    values = [[nan, inf], [0, 3], [nan, 4], [2, 8], [1, 1]]
    ax = plot_gains(values, label="end", bound=1e200)
    line, bound = ax.lines
    assert_allclose(line.get_ydata(), [1, 4, 4, nan, nan], rtol=1e-14)
    assert_allclose(bound.get_ydata(), [1, 1e200, nan, nan, nan], rtol=1e-14)
    band = heights_of_band(ax)
    assert band.min() == 1
    assert band.max() == 8
    assert ax.texts[0].xy == (2, pytest.approx(4))
    ax.figure.canvas.draw()
    assert not recwarn.list


ROWS = {"ot": 1.3, "it": 2.4, "ft": 3.5}
WORDS = ["one", "two", "three", "four", "five", "six"]


def busy_caches():
    "An LSTM whose gates open and close, and whose memory leaves the range from -1 to 1"
    loud = network("lstm").every(lambda value: 2 * value)
    full_memory = loud.change(inputs={"c0": full(-4.0)})
    return full_memory.caches


def test_gates_are_drawn_as_they_are(plt, recwarn):
    _, ax = plt.subplots()
    caches = busy_caches()
    assert plot_gates(caches, 1, 2, WORDS, ax) is ax
    heights = [patch.get_height() for patch in ax.patches]
    bars = dict(zip(["c_next", *ROWS], np.reshape(heights, (4, T_X))))
    top = max(abs(step.c_next[1, 2]) for step in caches.steps)
    assert top > 2
    bars["c_next"] *= top
    for name, drawn in bars.items():
        values = [getattr(step, name)[1, 2] for step in caches.steps]
        assert_allclose(drawn, values, rtol=1e-12)
    assert texts(ax.get_xticklabels()) == WORDS
    ax.figure.canvas.draw()
    assert not recwarn.list


def test_events_are_drawn_where_they_are(plt):
    caches = busy_caches()
    ax = plot_gates(caches, 1, 2)
    marks = []
    for line in ax.lines:
        marker = line.get_marker()
        if marker in ("^", "v"):
            (x,), (y,) = line.get_data()
            marks.append((x, y, marker))
    expected = []
    for t, gate, opened in gate_events(caches, 1, 2):
        marker = "^" if opened else "v"
        expected.append((t - 0.5, ROWS[gate] + 0.5, marker))
    assert marks == expected
    assert {marker for _, _, marker in marks} == {"^", "v"}


def test_steps_without_words_are_numbered_and_an_infinite_memory_is_left_out(plt, recwarn):
    case = network("lstm")
    ax = plot_gates(case.caches)
    assert texts(ax.get_xticklabels()) == list("123456")
    endless = case.change(inputs={"c0": full(np.inf)})
    assert np.isinf(endless.steps[0].c_next).all()
    ax = plot_gates(endless.caches)
    memory = [patch.get_height() for patch in ax.patches[:T_X]]
    assert np.isnan(memory).all()
    ax.figure.canvas.draw()
    assert not recwarn.list


def test_only_the_plots_need_matplotlib():
    code = """
        import sys
        sys.modules["matplotlib"] = None
        import numpy as np, rnn_stepwise as rs
        caches = rs.lstm_forward(rs.book_sequence(), np.zeros((1, 1)), rs.book_lstm())[-1]
        rs.jacobian_gains(rs.lstm_jacobians(caches)); rs.gate_events(caches)
        for plot, given in ((rs.plot_gates, caches), (rs.plot_gains, np.ones((2, 1)))):
            try: plot(given)
            except ImportError: print("needs it")
        """
    assert fresh(inspect.cleandoc(code)) == "needs it\n" * 2


# --- tampered caches ------------------------------------------------------------------------------

ANALYSES = {
    "rnn": [rnn_jacobians],
    "lstm": [lstm_jacobians, lstm_direct_path, gate_events, plot_gates],
}


def tampered_entries(value):
    "What could stand in the place of an array of a cache, and be broadcast or misread there"
    yield from (value[:1], value[:, :1], value[:, :-1], value[:-1], value[..., None], value[None])
    yield from (
        value[0],
        value[0, 0],
        float(value[0, 0]),
        value[:0],
        value[:, :0],
        [],
        None,
        "text",
    )
    yield from (np.vstack([value, value]), np.hstack([value, value]), value.T, value.tolist()[:-1])
    yield from (np.ma.masked_array(value), [np.ma.masked_array(row) for row in value], {})
    yield from (value.astype(object), value.astype(str), np.array(None), lambda: value)


@both
@pytest.mark.filterwarnings("error")
def test_no_tampered_entry_is_broadcast_or_misread(kind, n, plt):
    "Every entry, in one step or in all, after the right caches have been remembered"
    case, calls = network(kind), 0
    backward = getattr(rs, f"{kind}_backward")
    functions = [*ANALYSES[kind], lambda caches: backward(case.upstream["da"], caches)]
    for function in functions:
        function(case.caches)
        for name in case.steps[0]._fields[:-1]:
            for value in tampered_entries(getattr(case.steps[0], name)):
                one = [case.steps[0]._replace(**{name: value}), *case.steps[1:]]
                every = [step._replace(**{name: value}) for step in case.steps]
                last = [*case.steps[:-1], case.steps[-1]._replace(**{name: value})]
                for steps in one, every, last:
                    message = error_of(function, type(case.caches)(steps, case.caches.x))
                    assert message.startswith(("ValueError: ", "TypeError: ")), (name, value)
                    assert ": expected " in message, (name, value, message)
                    calls += 1
        for x in tampered_entries(case.caches.x[:, :, 0]):
            message = error_of(function, type(case.caches)(case.steps, x))
            assert ": expected " in message, (x, message)
    assert calls > 700 * len(functions) / 10


@both
def test_no_tampered_entry_of_one_step_is_broadcast_or_misread(kind, n):
    case = network(kind)
    for function in CELL[kind], getattr(rs, f"{kind}_cell_backward"):
        step, inputs = case.steps[0], []
        if function is not CELL[kind]:
            inputs = [value[:, :, 0] for value in case.upstream.values()]
        function(*inputs, step)
        for name in step._fields[:-1]:
            for value in tampered_entries(getattr(step, name)):
                message = error_of(function, *inputs, step._replace(**{name: value}))
                if name == "xt" and not inputs and np.shape(value)[1:] == (M,) and len(value):
                    continue  # no weight of the input is asked for, so n_x may be any
                assert ": expected " in message, (name, value, message)
