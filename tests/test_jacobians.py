"""What the Jacobians, their gains, the rule, clipping and the two plots promise beyond their chapter."""
import os
import subprocess
import sys

import numpy as np
import pytest

import rnn_stepwise as rs
from conftest import ROOT

N_X, N_A, N_Y, M, T_X = 3, 5, 2, 4, 6


def run(network, seed=0, T_x=T_X, m=M, dtype=np.float64):
    "Caches of a random sequence, every bias and every initial state different from zero"
    rng = np.random.default_rng(seed)
    init = rs.init_rnn_parameters if network == "rnn" else rs.init_lstm_parameters
    p = {k: (v + 0.1 * rng.normal(size=v.shape)).astype(dtype)
         for k, v in init(N_X, N_A, N_Y, rng).items()}
    x, a0, c0 = (rng.normal(size=s).astype(dtype) for s in ((N_X, m, T_x), (N_A, m), (N_A, m)))
    if network == "rnn": return rs.rnn_forward(x, a0, p)[-1]
    return rs.lstm_forward(x, a0, p, c0)[-1]


def jacobians(network): return rs.rnn_jacobians if network == "rnn" else rs.lstm_jacobians


both = pytest.mark.parametrize("network, n", [("rnn", N_A), ("lstm", 2 * N_A)])


@both
def test_shapes_and_the_last_entry(network, n):
    caches = run(network)
    J = jacobians(network)(caches)
    assert J.shape == (T_X + 1, M, n, n) and (J[-1] == np.eye(n)).all()
    cell = rs.rnn_cell_jacobian if network == "rnn" else rs.lstm_cell_jacobian
    np.testing.assert_array_equal(J[-2], cell(caches[0][-1]), strict=True)
    J[:] = 0                                                    # writing harms no cache
    assert jacobians(network)(caches).any()


@both
def test_a_sequence_is_two_pieces_multiplied(network, n):
    "J over steps 1 to 6 is J over 3 to 6 times J over 1 to 2, each from caches of its own"
    steps, x = caches = run(network)
    whole = jacobians(network)(caches)
    first, second = (jacobians(network)((s, xs)) for s, xs in (
        (steps[:2], x[:, :, :2]), (steps[2:], x[:, :, 2:])))
    np.testing.assert_allclose(second[0] @ first, whole[:3], rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(second, whole[2:], strict=True)


@both
@pytest.mark.parametrize("seed", range(5))
def test_the_backward_functions_give_its_transpose_times_a_vector(network, n, seed):
    steps, x = caches = run(network, seed)
    J, v = jacobians(network)(caches), np.random.default_rng(seed).normal(size=(n, M))
    for t in range(T_X):
        da = np.zeros((N_A, M, T_X - t)); da[:, :, -1] = v[:N_A]
        rest = (steps[t:], x[:, :, t:])
        if network == "rnn": back = rs.rnn_backward(da, rest)["da0"]
        else:
            dc = np.zeros_like(da); dc[:, :, -1] = v[N_A:]
            g = rs.lstm_backward(da, rest, dc)
            back = np.concatenate([g["da0"], g["dc0"]])
        np.testing.assert_allclose(np.einsum("mij,im->jm", J[t], v), back, rtol=1e-10, atol=1e-14)


@both
def test_a_batch_is_its_examples(network, n):
    steps, x = caches = run(network)
    J = jacobians(network)(caches)
    for i in range(M):
        alone = [tuple(entry[:, i:i+1] for entry in step[:-1]) + (step[-1],) for step in steps]
        np.testing.assert_allclose(jacobians(network)((alone, x[:, i:i+1]))[:, 0], J[:, i],
                                   rtol=1e-12, atol=1e-15)


@both
def test_states_that_are_not_finite_stay_in_their_example(network, n):
    rng = np.random.default_rng(0)
    x, state = rng.normal(size=(N_X, M, T_X)), np.zeros((N_A, M))
    state[2, 1] = np.nan
    if network == "rnn": caches = rs.rnn_forward(x, state, rs.init_rnn_parameters(N_X, N_A, N_Y, rng))[-1]
    else:
        p = rs.init_lstm_parameters(N_X, N_A, N_Y, rng)
        caches = rs.lstm_forward(x, np.zeros((N_A, M)), p, state)[-1]
    J = jacobians(network)(caches)
    others = np.delete(np.arange(M), 1)
    assert np.isnan(J[0, 1]).any() and np.isfinite(J[:, others]).all()
    g = rs.jacobian_gains(J)
    assert np.isnan(g.typical[0, 1]) and np.isfinite(g.singular[:, others]).all()


def test_an_infinite_memory_and_a_product_out_of_range_give_no_warning(recwarn):
    rng = np.random.default_rng(0)
    p = rs.init_lstm_parameters(N_X, N_A, N_Y, rng)
    c0 = np.zeros((N_A, M)); c0[0, 0] = np.inf
    caches = rs.lstm_forward(rng.normal(size=(N_X, M, T_X)), np.zeros((N_A, M)), p, c0)[-1]
    largest = rs.jacobian_gains(rs.lstm_jacobians(caches)).largest
    assert np.isnan(largest[0, 0]) and np.isfinite(largest[:, 1:]).all()
    assert (rs.lstm_direct_path(caches)[:, 0] <= 1).all()       # the gates are finite
    huge = {"Wax": np.ones((2, 1)), "Waa": np.diag([1e200, 1.0]), "Wya": np.ones((1, 2)),
            "ba": np.zeros((2, 1)), "by": np.zeros((1, 1))}
    J = rs.rnn_jacobians(rs.rnn_forward(np.zeros((1, 1, 3)), np.zeros((2, 1)), huge)[-1])
    assert np.isinf(J[0, 0, 0, 0]) or np.isnan(J[0, 0, 0, 0])
    assert np.isnan(rs.jacobian_gains(J).largest[:2]).all() and rs.jacobian_gains(J).largest[2, 0] == 1e200
    assert not recwarn.list


@both
@pytest.mark.parametrize("dtype", ["f4", "c8", "c16"])
def test_dtypes_are_kept(network, n, dtype):
    caches = run(network, dtype=dtype)
    J = jacobians(network)(caches)
    real = {"f4": "f4", "c8": "f4", "c16": "f8"}[dtype]
    assert J.dtype == dtype and {part.dtype for part in rs.jacobian_gains(J)} == {np.dtype(real)}
    if network == "lstm": assert rs.lstm_direct_path(caches).dtype == dtype
    np.testing.assert_allclose(J, jacobians(network)(run(network)), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.7])
def test_a_silent_orthogonal_network_keeps_exact_powers(scale):
    Q = np.linalg.qr(np.random.default_rng(0).normal(size=(N_A, N_A)))[0]
    p = rs.init_rnn_parameters(N_X, N_A, N_Y, np.random.default_rng(1)) | {"Waa": scale * Q}
    g = rs.jacobian_gains(rs.rnn_jacobians(rs.rnn_forward(np.zeros((N_X, M, T_X)), np.zeros((N_A, M)), p)[-1]))
    powers = np.broadcast_to(scale ** np.arange(T_X, -1.0, -1)[:, None], (T_X + 1, M))
    for one in (g.largest, g.typical, g.smallest):
        np.testing.assert_allclose(one, powers, rtol=1e-12, strict=True)
    assert rs.predicted_rnn_gain(p)[0] == pytest.approx(scale, rel=1e-13)


def test_an_lstm_that_only_keeps_has_the_identity_for_its_memory():
    p = rs.init_lstm_parameters(N_X, N_A, N_Y, np.random.default_rng(0))
    p |= {"bf": np.full((N_A, 1), 800.0), "bi": np.full((N_A, 1), -800.0)}
    x, zero = np.random.default_rng(1).normal(size=(N_X, M, T_X)), np.zeros((N_A, M))
    caches = rs.lstm_forward(x, zero, p, zero + 0.3)[-1]
    eye = np.broadcast_to(np.eye(N_A), (T_X + 1, M, N_A, N_A))
    np.testing.assert_array_equal(rs.lstm_jacobians(caches)[..., N_A:, N_A:], eye)
    np.testing.assert_array_equal(rs.lstm_direct_path(caches), np.ones((T_X + 1, M, N_A)))


def test_the_direct_path_is_the_product_of_the_gates_between():
    steps, _ = caches = run("lstm")
    d = rs.lstm_direct_path(caches)
    assert d.shape == (T_X + 1, M, N_A) and (d[-1] == 1).all()
    for t in range(T_X):
        np.testing.assert_allclose(d[t], np.prod([step[4].T for step in steps[t:]], axis=0), rtol=1e-13)


@both
def test_one_step(network, n):
    caches = run(network, T_x=1)
    J = jacobians(network)(caches)
    assert J.shape == (2, M, n, n) and rs.jacobian_gains(J).largest.shape == (2, M)


def test_gains_of_known_matrices():
    stack = np.array([np.diag([3.0, 4.0]), np.zeros((2, 2)), [[0, 2.0], [0, 0]], 1e-300 * np.eye(2),
                      1e300 * np.diag([3.0, 4.0])])[:, None]
    g = rs.jacobian_gains(stack)
    np.testing.assert_allclose(g.largest[:, 0], [4, 0, 2, 1e-300, 4e300], rtol=1e-14)
    np.testing.assert_allclose(g.smallest[:, 0], [3, 0, 0, 1e-300, 3e300], rtol=1e-14)
    np.testing.assert_allclose(g.typical[:, 0], [12.5**0.5, 0, 2**0.5, 1e-300, 12.5**0.5 * 1e300],
                               rtol=1e-14)
    assert g.singular.shape == (5, 1, 2) and (np.diff(g.singular) <= 0).all()
    np.testing.assert_allclose(rs.jacobian_gains([[0, 1j], [2, 0]]).singular, [2, 1], rtol=1e-14)
    np.testing.assert_allclose(rs.jacobian_gains(np.diag([2.0, -5, 3]))[1:], [5, (38 / 3)**0.5, 2], rtol=1e-14)


@pytest.mark.parametrize("q", [0.01, 0.5, 2, 30, 1e3, 1e5])
@pytest.mark.parametrize("x_rms", [0.0, 0.2])
def test_the_rule_for_a_network_without_memory_is_an_integral(q, x_rms):
    "With tiny Waa, q comes from bias and input alone, and s from a sum a thousand times finer"
    n = 7
    p = {"Wax": np.full((n, 2), 0.5), "Waa": 1e-9 * np.eye(n), "ba": np.full((n, 1), np.sqrt(q))}
    g, s = rs.predicted_rnn_gain(p, x_rms)
    q = q + 0.5 * x_rms**2
    z = np.linspace(-9, 9, 2_000_001)
    density = np.exp(-z**2 / 2) / np.sqrt(2 * np.pi)
    right = np.trapezoid(density / np.cosh(np.minimum(abs(np.sqrt(q) * z), 150))**4, z)
    assert g == pytest.approx(1e-9, rel=1e-12) and s == pytest.approx(right**0.5, rel=1e-8)


@pytest.mark.parametrize("scale, fed", [(0.5, 0.0), (0.9, 0.09), (1.0, 1e-4), (1.02, 0.0), (1.25, 0.01),
                                        (3.0, 1.0), (1e3, 0.0)])
def test_the_mean_square_of_the_rule_gives_itself_back(scale, fed):
    "Find q in (V4) from the slope, by halving and a sum of its own, and go one more round"
    p = {"Wax": np.zeros((4, 1)), "Waa": scale * np.eye(4), "ba": np.full((4, 1), fed**0.5)}
    slope = rs.predicted_rnn_gain(p)[1]
    z = np.linspace(-8, 8, 400_001)
    weight = np.exp(-z**2 / 2) / np.exp(-z**2 / 2).sum()
    def means(q): square = np.tanh(q**0.5 * z)**2; return weight @ square, weight @ (1 - square)**2
    low, high = 0.0, scale**2 + fed                             # the slope falls as q grows
    for _ in range(60):
        q = (low + high) / 2
        low, high = (q, high) if means(q)[1] ** 0.5 > slope else (low, q)
    assert scale**2 * means(q)[0] + fed == pytest.approx(q, rel=1e-5, abs=1e-8)


def test_the_rule_finds_the_slope_that_a_wide_network_has():
    rng = np.random.default_rng(3)
    n_x, n_a = 20, 400
    p = rs.init_rnn_parameters(n_x, n_a, 1, rng)
    p |= {"Waa": 1.2 * rng.normal(size=(n_a, n_a)) / n_a**0.5, "ba": 0.3 * rng.normal(size=(n_a, 1))}
    a = rs.rnn_forward(0.7 * rng.normal(size=(n_x, 8, 40)), np.zeros((n_a, 8)), p)[0]
    g, s = rs.predicted_rnn_gain(p, 0.7)
    assert g == pytest.approx(1.2, rel=0.02)
    assert s == pytest.approx(((1 - a[:, :, 20:]**2)**2).mean() ** 0.5, rel=0.03)


def test_the_rule_takes_weights_that_are_not_finite_without_a_warning(recwarn):
    p = {"Wax": np.ones((3, 2)), "Waa": np.full((3, 3), np.nan), "ba": np.zeros((3, 1))}
    assert np.isnan(rs.predicted_rnn_gain(p, 0.5)).all()
    assert np.isnan(rs.predicted_rnn_gain(p | {"Waa": np.full((3, 3), 1e200)}, 0.5)[1])
    assert 0 < rs.predicted_rnn_gain(p | {"Waa": np.eye(3)}, 1e100)[1] < 1e-40
    assert np.isfinite(rs.predicted_rnn_gain(p | {"Waa": np.full((3, 3), 1e3)}, 0.5)).all()
    assert not recwarn.list


def test_clipping_shortens_and_does_not_turn():
    rng = np.random.default_rng(0)
    g = {"dWaa": rng.normal(size=(5, 5)), "dba": rng.normal(size=(5, 1))}
    kept = {k: v.copy() for k, v in g.items()}
    flat = np.concatenate([v.ravel() for v in g.values()])
    for limit in (1e-3, 1.0, 1e3):
        clipped, norm = rs.clip_by_global_norm(g, limit)
        out = np.concatenate([v.ravel() for v in clipped.values()])
        assert norm == pytest.approx(np.linalg.norm(flat), rel=1e-14)
        assert np.linalg.norm(out) == pytest.approx(min(limit, norm), rel=1e-14)
        np.testing.assert_allclose(out / np.linalg.norm(out), flat / norm, rtol=1e-13)
        assert not np.shares_memory(clipped["dWaa"], g["dWaa"])
    for k in g: np.testing.assert_array_equal(g[k], kept[k])
    single = rs.clip_by_global_norm({k: v.astype("f4") for k, v in g.items()}, 1.0)[0]
    assert single["dWaa"].dtype == np.float32
    assert rs.clip_by_global_norm({}, 1.0) == ({}, 0.0)
    big, norm = rs.clip_by_global_norm({"dba": np.full((4, 1), 1e308)}, 2.0)    # norm out of range
    np.testing.assert_allclose(big["dba"], 1.0, rtol=1e-12)


def test_gate_events_are_crossings_of_one_half():
    steps, _ = caches = run("lstm", T_x=30)
    for unit in range(N_A):
        for example in range(M):
            events = rs.gate_events(caches, unit, example)
            for name, entry in (("ft", 4), ("it", 5), ("ot", 7)):
                gate = np.array([step[entry][unit, example] for step in steps])
                found = {(e.t, e.opened) for e in events if e.gate == name}
                assert found == {(t + 1, bool(gate[t] >= 0.5)) for t in range(1, 30)
                                 if (gate[t] >= 0.5) != (gate[t - 1] >= 0.5)}
            assert [e.t for e in events] == sorted(e.t for e in events)


RNN, LSTM = run("rnn"), run("lstm")
FOUR = "(a_next, a_prev, xt, parameters)"
TEN = "(a_next, c_next, a_prev, c_prev, ft, it, cct, ot, xt, parameters)"


@pytest.mark.parametrize("message, call, args", [
    (f"ValueError: cache: expected the tuple {FOUR}, got 10 entries", rs.rnn_jacobians, [LSTM]),
    (f"ValueError: cache: expected the tuple {FOUR}, got 10 entries", rs.rnn_cell_jacobian, [LSTM[0][0]]),
    (f"ValueError: cache: expected the tuple {TEN}, got 4 entries", rs.lstm_jacobians, [RNN]),
    (f"ValueError: cache: expected the tuple {TEN}, got 4 entries", rs.lstm_direct_path, [RNN]),
    (f"ValueError: cache: expected the tuple {TEN}, got 4 entries", rs.gate_events, [RNN]),
    (f"TypeError: cache: expected the tuple {TEN}, got list", rs.lstm_cell_jacobian, [list(LSTM[0][0])]),
    ("TypeError: caches: expected the tuple (list of step caches, x), got list", rs.rnn_jacobians, [RNN[0]]),
    ("TypeError: caches: expected the tuple (list of step caches, x), got tuple of 3",
     rs.lstm_jacobians, [(*LSTM, 1)]),
    ("TypeError: caches: expected the tuple (list of step caches, x), got NoneType",
     rs.lstm_direct_path, [None]),
    ("ValueError: caches: expected at least one step, got an empty list", rs.rnn_jacobians, [([], 0)]),
    ("ValueError: a_next: expected (n_a, m) = (5, 4), got (5, 3)", rs.rnn_jacobians,
     [([RNN[0][0], *run("rnn", m=3)[0]], 0)]),
    ("ValueError: jacobians: expected (..., n, n), no axis empty, got (5,)", rs.jacobian_gains, [np.ones(5)]),
    ("ValueError: jacobians: expected (..., n, n), no axis empty, got (2, 3)", rs.jacobian_gains, [np.ones((2, 3))]),
    ("ValueError: jacobians: expected (..., n, n), no axis empty, got (0, 0)", rs.jacobian_gains, [np.ones((0, 0))]),
    ("ValueError: jacobians: expected (..., n, n), no axis empty, got (0, 2, 2)", rs.jacobian_gains,
     [np.ones((0, 2, 2))]),
    ("TypeError: jacobians: expected an array of numbers, got str", rs.jacobian_gains, ["J"]),
    ("ValueError: x_rms: expected a finite number, got nan", rs.predicted_rnn_gain,
     [RNN[0][0][-1], np.nan]),
    ("ValueError: x_rms: expected a number from 0 to 1e100, got -1", rs.predicted_rnn_gain,
     [RNN[0][0][-1], -1]),
    ("ValueError: x_rms: expected a number from 0 to 1e100, got 1e+200", rs.predicted_rnn_gain,
     [RNN[0][0][-1], 1e200]),
    ("TypeError: x_rms: expected a number, got str", rs.predicted_rnn_gain, [RNN[0][0][-1], "1"]),
    ("TypeError: x_rms: expected a number, got bool", rs.predicted_rnn_gain, [RNN[0][0][-1], True]),
    ("ValueError: limit: expected a finite number, got inf", rs.clip_by_global_norm, [{}, np.inf]),
    ("ValueError: limit: expected a positive number, got -1", rs.clip_by_global_norm, [{}, -1]),
    ("TypeError: limit: expected a number, got str", rs.clip_by_global_norm, [{}, "1"]),
    ("TypeError: gradients: expected a dict of arrays by name, got list", rs.clip_by_global_norm, [[1, 2], 1]),
    ("ValueError: dba: expected finite numbers, got inf or NaN among them", rs.clip_by_global_norm,
     [{"dWaa": [1.0], "dba": [np.nan]}, 1.0]),
    ("ValueError: example: expected an int from 0 to 3, got -1", rs.gate_events, [LSTM, 0, -1]),
    ("TypeError: unit: expected an int, got 1.5", rs.gate_events, [LSTM, 1.5]),
    ("TypeError: unit: expected an int, got True", rs.gate_events, [LSTM, True]),
    ("ValueError: unit: expected an int from 0 to 4, got 5", rs.plot_gates, [LSTM, 5]),
    ("TypeError: words: expected T_x = 6 of them, got 6", rs.plot_gates, [LSTM, 0, 0, 6]),
    ("TypeError: words: expected T_x = 6 of them, got 'sixsix'", rs.plot_gates, [LSTM, 0, 0, "sixsix"]),
    ("ValueError: ft: expected (n_a, m) = (5, 4), got (5, 3)", rs.lstm_direct_path,
     [([(*LSTM[0][0][:4], LSTM[0][0][4][:, :3], *LSTM[0][0][5:])], LSTM[1])]),
    ("ValueError: words: expected T_x = 6, got 2", rs.plot_gates, [LSTM, 0, 0, ["a", "b"]]),
    ("TypeError: ax: expected matplotlib Axes, got int", rs.plot_gates, [LSTM, 0, 0, None, 1]),
    ("TypeError: ax: expected matplotlib Axes, got int", rs.plot_gains, [np.ones((3, 2)), 1]),
    ("ValueError: values: expected real numbers (T_x + 1, m), got float64 of shape (3,)",
     rs.plot_gains, [np.ones(3)]),
    ("TypeError: values: expected an array, such as Gains.typical, got Gains", rs.plot_gains,
     [rs.jacobian_gains(rs.rnn_jacobians(RNN))]),
    ("ValueError: values: expected at least 0, got -2.0", rs.plot_gains, [[[1, np.nan], [-1, -2]]]),
    ("ValueError: line: expected one of ('-', '--', '-.', ':'), got 'wavy'", rs.plot_gains,
     [np.ones((3, 2)), None, "a", "", "wavy"]),
    ("ValueError: bound: expected a positive number, got -1", rs.plot_gains,
     [np.ones((3, 2)), None, "a", "", "-", -1]),
    ("TypeError: bound: expected a number, got str", rs.plot_gains, [np.ones((3, 2)), None, "a", "", "-", "2"]),
])
def test_what_an_error_says(message, call, args):
    pytest.importorskip("matplotlib").use("agg")
    assert rs.error_of(call, *args) == message


def test_gains_are_drawn_as_they_are():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    import matplotlib.pyplot as plt
    values = rs.jacobian_gains(rs.rnn_jacobians(RNN)).typical
    ax = plt.figure().add_subplot()
    assert rs.plot_gains(values, ax, "c", "here", "--", bound=0.5) is ax
    line, bound = ax.lines
    np.testing.assert_allclose(line.get_ydata(), np.exp(np.log(values).mean(1))[::-1], rtol=1e-12)
    np.testing.assert_allclose(bound.get_ydata(), 0.5 ** np.arange(T_X + 1.0), rtol=1e-12)
    assert line.get_color() == rs.COLOURS["c"] and line.get_linestyle() == "--"
    assert ax.get_yscale() == "log" and [t.get_text() for t in ax.texts] == ["here"]
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert band.min() == values.min() and band.max() == values.max()
    ax.figure.canvas.draw()
    plt.close("all")


def test_examples_without_a_place_on_the_axis_harm_no_other(recwarn):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    import matplotlib.pyplot as plt
    ax = rs.plot_gains([[np.nan, np.inf], [0, 3], [np.nan, 4], [2, 8], [1, 1]], label="end", bound=1e200)
    line, bound = ax.lines
    np.testing.assert_allclose(line.get_ydata(), [1, 4, 4, np.nan, np.nan], rtol=1e-14)
    np.testing.assert_allclose(bound.get_ydata(), [1, 1e200, np.nan, np.nan, np.nan], rtol=1e-14)
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert band.min() == 1 and band.max() == 8
    assert ax.texts[0].xy == (2, pytest.approx(4))
    ax.figure.canvas.draw()
    assert not recwarn.list
    plt.close("all")


def test_gains_and_jacobians_at_the_end_of_the_range_give_no_warning(recwarn):
    g = rs.jacobian_gains([1.7e308 * np.ones((2, 2)), np.full((2, 2), 5e-324), np.full((2, 2), 1.7e308j)])
    assert np.isinf(g.largest[[0, 2]]).all() and (g.smallest[[0, 2]] < 1e294).all()
    assert g.largest[1] == 1e-323 and np.isfinite(g.typical[1])
    assert rs.jacobian_gains(np.full((3, 3), 3e38, "f4")).largest.dtype == np.float32
    big = rs.init_rnn_parameters(1, 2, 1, np.random.default_rng(0))
    big |= {"Waa": np.full((2, 2), 1.7e308)}
    cell = (np.full((2, 1), 1e200), np.zeros((2, 1)), np.zeros((1, 1)), big)
    assert not np.isfinite(rs.rnn_cell_jacobian(cell)).any()
    assert not recwarn.list


def test_gates_are_drawn_as_they_are(recwarn):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    import matplotlib.pyplot as plt
    ax = plt.figure().add_subplot()
    words = ["one", "two", "three", "four", "five", "six"]
    rng = np.random.default_rng(0)
    p = {k: 4 * v for k, v in rs.init_lstm_parameters(N_X, N_A, N_Y, rng).items()}
    caches = rs.lstm_forward(rng.normal(size=(N_X, M, T_X)), np.zeros((N_A, M)), p,
                             np.full((N_A, M), -4.0))[-1]
    assert rs.plot_gates(caches, 1, 2, words, ax) is ax
    bars = np.array([patch.get_height() for patch in ax.patches]).reshape(4, T_X)
    steps, top = caches[0], max(abs(step[1][1, 2]) for step in caches[0])
    assert top > 2
    for row, entry, size in zip(bars, (1, 7, 5, 4), (top, 1, 1, 1)):
        np.testing.assert_allclose(row * size, [step[entry][1, 2] for step in steps], rtol=1e-12)
    events, rows = rs.gate_events(caches, 1, 2), {"ot": 1.3, "it": 2.4, "ft": 3.5}
    marks = [(*line.get_xydata()[0], line.get_marker()) for line in ax.lines if line.get_marker() in "^v"]
    assert marks == [(t - 0.5, rows[gate] + 0.5, "^" if opened else "v") for t, gate, opened in events]
    assert {opened for _, _, opened in events} == {True, False}
    assert [label.get_text() for label in ax.get_xticklabels()] == words
    assert [label.get_text() for label in rs.plot_gates(LSTM).get_xticklabels()][-1] == "6"
    endless = rs.lstm_forward(np.ones((N_X, M, T_X)), np.zeros((N_A, M)), p, np.full((N_A, M), np.inf))[-1]
    assert np.isinf(endless[0][0][1]).all()
    rs.plot_gates(endless).figure.canvas.draw()
    assert not recwarn.list
    ax.figure.canvas.draw()
    plt.close("all")


def test_only_the_plots_need_matplotlib():
    code = ("import sys; sys.modules['matplotlib'] = None\n"
            "import numpy as np, rnn_stepwise as rs\n"
            "caches = rs.lstm_forward(rs.book_sequence(), np.zeros((1, 1)), rs.book_lstm())[-1]\n"
            "rs.jacobian_gains(rs.lstm_jacobians(caches)); rs.gate_events(caches)\n"
            "for plot, given in ((rs.plot_gates, caches), (rs.plot_gains, np.ones((2, 1)))):\n"
            "    try: plot(given)\n"
            "    except ImportError: print('needs it')\n")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT,
                          env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert done.stdout.split("\n")[:2] == ["needs it"] * 2, done.stderr
