"""The X-ray against an oracle that knows no backward pass, and on functions that are right in other ways."""
import numpy as np
import pytest

import rnn_stepwise as rs

NETWORKS = ["rnn", "lstm"]
GIVEN = {"rnn": ["Wax", "Waa", "ba"], "lstm": [f"{kind}{g}" for g in "fico" for kind in "Wb"]}
BACKWARD = {"rnn": rs.rnn_backward, "lstm": rs.lstm_backward}
CELL = {"rnn": rs.rnn_cell_backward, "lstm": rs.lstm_cell_backward}


def problem(network, T_x=4, n_a=5, m=6, seed=0):
    "Input, first states (hidden, and for the LSTM the memory) and parameters"
    rng = np.random.default_rng(seed)
    init = rs.init_rnn_parameters if network == "rnn" else rs.init_lstm_parameters
    p = {name: rng.normal(size=value.shape) / 2 for name, value in init(3, n_a, 2, rng).items()}
    states = [rng.normal(size=(n_a, m)) for _ in range(1 if network == "rnn" else 2)]
    return rng.normal(size=(3, m, T_x)), states, p


def run(x, states, parameters):
    "Hidden states (and memories) of each step, and caches; one dict of parameters for each step"
    steps, a, c = [], [], []
    for t in range(x.shape[2]):
        cell = rs.rnn_cell_forward if len(states) == 1 else rs.lstm_cell_forward
        *states, _, cache = cell(x[:, :, t], *states, parameters[t])
        steps.append(cache)
        a.append(states[0])
        c.append(states[-1])
    return a, c, (steps, x)


def caches_of(network, **sizes):
    x, states, p = problem(network, **sizes)
    return run(x, states, [p] * x.shape[2])[2]


@pytest.mark.parametrize("network, upstream", [("rnn", "da"), ("lstm", "da"), ("lstm", "dc")])
def test_sizes_are_those_of_the_forward_pass(network, upstream):
    "The complex step, entry by entry; a weight of one step alone is nudged by giving each step its own"
    x, states, p = problem(network, T_x=3, n_a=2, m=2)
    da = np.random.default_rng(1).normal(size=(2, 2, 3))
    seen = rs.xray(BACKWARD[network], run(x, states, [p] * 3)[2], da, upstream=upstream)
    assert seen.ok

    def path(s, change):
        "The norm of the gradient of sum(a[s] * da[s]) with respect to what `change` nudges"
        def loss(index):
            x_, states_, p_ = x.astype(complex), [v.astype(complex) for v in states], [dict(p) for _ in range(3)]
            change(x_, states_, p_, index)
            a, c, _ = run(x_, states_, p_)
            return ((a if upstream == "da" else c)[s] * da[:, :, s]).sum().imag / 1e-30
        return lambda shape: np.linalg.norm([loss(index) for index in np.ndindex(shape)])

    def nudge_x(t):
        def change(x_, states_, p_, index): x_[(*index, t)] += 1e-30j
        return change

    def nudge_state(k):
        def change(x_, states_, p_, index): states_[k][index] += 1e-30j
        return change

    def nudge_weight(t, name):
        def change(x_, states_, p_, index):
            p_[t][name] = p_[t][name].astype(complex)
            p_[t][name][index] += 1e-30j
        return change

    for s in range(3):
        for k, name in enumerate(["da0", "dc0"][:len(states)]):
            np.testing.assert_allclose(seen.right[name][s], path(s, nudge_state(k))((2, 2)), rtol=1e-11)
        for t in range(3):
            np.testing.assert_allclose(seen.right["dx"][t, s], path(s, nudge_x(t))((3, 2)), rtol=1e-11)
            for name in GIVEN[network]:
                np.testing.assert_allclose(seen.yours[f"d{name}"][t, s],
                                           path(s, nudge_weight(t, name))(p[name].shape), rtol=1e-9, atol=1e-13)


def in_another_order(network):
    "Right, by the cells, with sums in another order and results that live in one reused buffer"
    buffer = {}
    def backward(da, caches):
        total, heard, T = {}, [np.zeros_like(da[:, :, 0]) for _ in problem(network)[1]], da.shape[2]
        dx = buffer.setdefault(("dx", da.shape), np.empty((3, *da.shape[1:])))
        for t in range(T - 1, -1, -1):
            g = CELL[network](da[:, :, t] / 3 + heard[0] + da[:, :, t] * 2 / 3, *heard[1:], caches[0][t])
            dx[:, :, t] = g.pop("dxt")
            heard = [g.pop(name) for name in ("da_prev", "dc_prev") if name in g]
            for name, value in g.items(): total.setdefault(name, []).append(value)
        return {"dx": dx, "da0": heard[0].tolist(), "comment": "ignored",
                **{name: sum(values[::-1]) for name, values in total.items()}}
    return backward


@pytest.mark.parametrize("sizes", [{}, {"T_x": 1}, {"m": 1}, {"n_a": 1}, {"T_x": 12, "seed": 4}], ids=str)
@pytest.mark.parametrize("network", NETWORKS)
def test_what_is_right_in_another_way_is_right(network, sizes):
    caches = caches_of(network, **sizes)
    for function in (in_another_order(network), BACKWARD[network]):
        seen = rs.xray(function, caches)
        assert seen.ok, str(seen)
        assert (np.tril(seen.yours["dx"], -1) == 0).all()
    assert "dc0" not in rs.xray(in_another_order(network), caches).right


@pytest.mark.parametrize("T_da", [1, 2, 4])
def test_a_shorter_loss(T_da):
    caches = caches_of("lstm")
    da = np.random.default_rng(2).normal(size=(5, 6, T_da))
    seen = rs.xray(rs.lstm_backward, caches, da)
    assert seen.ok and seen.right["dx"].shape == (T_da, T_da) and seen.right["da0"].shape == (T_da,)


def test_pytorch_as_the_function_under_test():
    torch = pytest.importorskip("torch")
    def backward(da, caches):
        x, p = torch.tensor(caches[1]), caches[0][0][-1]
        a0 = torch.tensor(caches[0][0][1], requires_grad=True)
        weights = {name: torch.tensor(p[name], requires_grad=True) for name in GIVEN["rnn"]}
        x.requires_grad_()
        a, loss = a0, 0
        for t in range(da.shape[2]):
            a = torch.tanh(weights["Wax"] @ x[:, :, t] + weights["Waa"] @ a + weights["ba"])
            loss = loss + (a * torch.tensor(da[:, :, t])).sum()
        loss.backward()
        return {"dx": x.grad[:, :, :da.shape[2]].numpy(), "da0": a0.grad.numpy(),
                **{f"d{name}": weight.grad.numpy() for name, weight in weights.items()}}
    caches = caches_of("rnn", T_x=6)
    assert rs.xray(backward, caches).ok
    assert rs.xray(backward, caches, np.ones((5, 6, 3))).ok


def test_a_reference_of_ones_own():
    "What is right is what the reference says: ours is wrong beside a wrong one"
    wrong = lambda da, caches: {k: v * (2 if k == "dWaa" else 1) for k, v in rs.rnn_backward(da, caches).items()}
    caches = caches_of("rnn")
    assert rs.xray(wrong, caches, reference=wrong).ok
    seen = rs.xray(rs.rnn_backward, caches, reference=wrong)
    assert set(seen.marks("dWaa").flat) == {"x", "."} and set(seen.marks("dx").flat) == {"+", "."}
    np.testing.assert_allclose(seen.error["dWaa"][np.triu_indices(4)], 0.5)
    assert rs.xray_cell(rs.rnn_cell_backward, caches[0][0], reference=lambda da_next, cache: {
        **rs.rnn_cell_backward(da_next, cache), "dba": np.ones((5, 1))}).wrong("da") == ["dba"]


def test_a_future_that_hears_the_past_and_a_clipped_gradient():
    caches = caches_of("rnn")
    def leaks(da, caches):
        g = rs.rnn_backward(da, caches)
        g["dx"] = g["dx"] + 1e-12 * g["dx"][:, :, :1]
        return g
    seen = rs.xray(leaks, caches)
    assert not seen.ok and set(seen.marks("dx")[np.tril_indices(4, -1)]) == {"!"}
    assert set(seen.marks("dx")[np.triu_indices(4)]) == {"+"}
    clipped = lambda da, caches: {k: np.clip(v, -5, 5) for k, v in rs.rnn_backward(da, caches).items()}
    seen = rs.xray(clipped, caches)
    assert seen.nonlinear > 0.01 and not seen.ok and "not linear" in str(seen)


@pytest.mark.parametrize("network", NETWORKS)
def test_nothing_given_is_changed_and_the_seed_decides(network):
    caches = caches_of(network)
    kept = [[np.copy(entry) for entry in step[:-1]] for step in caches[0]]
    first, again, other = (rs.xray(BACKWARD[network], caches, seed=seed) for seed in (3, 3, 4))
    for step, before in zip(caches[0], kept):
        for entry, old in zip(step, before): np.testing.assert_array_equal(entry, old)
    for name in first.right:
        np.testing.assert_array_equal(first.right[name], again.right[name])
        assert (first.right[name] != other.right[name]).any()


def at_the_end(da, caches):
    "rnn_backward with one product for all steps: other rounding where much cancels"
    steps, p, heard, d = caches[0], caches[0][0][-1], 0, []
    for t in reversed(range(da.shape[2])):
        d.insert(0, (da[:, :, t] + heard) * (1 - steps[t][0]) * (1 + steps[t][0]))
        heard = p["Waa"].T @ d[0]
    join = lambda k: np.concatenate([step[k] for step in steps[:da.shape[2]]], axis=1)
    whole = np.concatenate(d, axis=1)
    return {"dx": np.stack([p["Wax"].T @ v for v in d], axis=2), "da0": heard,
            "dWax": whole @ join(2).T, "dWaa": whole @ join(1).T, "dba": whole.sum(1, keepdims=True)}


def faint(scale, n_a, m, T_x, seed=0):
    "Caches of an RNN whose paths fade fast"
    x, (a0,), p = problem("rnn", T_x, n_a, m, seed)
    return rs.rnn_forward(x, a0, {name: scale * value for name, value in p.items()})[2]


@pytest.mark.parametrize("scale, n_a, m, T_x", [(0.02, 4, 6, 12), (0.05, 1, 300, 12), (0.05, 1, 3000, 6)])
def test_rounding_is_no_mistake_and_a_faint_path_is_no_silence(scale, n_a, m, T_x):
    for seed in range(4):
        caches = faint(scale, n_a, m, T_x, seed)
        assert rs.xray(at_the_end, caches, seed=seed).ok
    def shortsighted(da, caches):
        "Hears two steps ahead at most"
        later = [rs.rnn_backward(da * (np.arange(da.shape[2]) == s), caches) for s in range(da.shape[2])]
        dx = np.zeros_like(later[0]["dx"])
        for s, g in enumerate(later): dx[:, :, max(s - 2, 0):s + 1] += g["dx"][:, :, max(s - 2, 0):s + 1]
        return rs.rnn_backward(da, caches) | {"dx": dx}
    marks = rs.xray(shortsighted, caches).marks("dx")
    for k in range(T_x): assert set(np.diagonal(marks, k)) == ({"+"} if k <= 2 else {"-"})
    weak = np.random.default_rng(0).normal(size=(n_a, m, T_x)) * 1e-9
    assert set(rs.xray(rs.rnn_backward, caches, weak).marks("dx")[np.triu_indices(T_x)]) == {"+"}


def scaled(**factors):
    return lambda da, caches: {name: g * factors.get(name, 1) for name, g in rs.rnn_backward(da, caches).items()}


def test_the_tolerance_is_the_one_that_was_given():
    caches = caches_of("rnn")
    off = scaled(dWaa=1 + 1e-6)
    assert not rs.xray(off, caches).ok and rs.xray(off, caches, tol=1e-5).ok
    assert set(rs.xray(off, caches).marks("dWaa")[np.triu_indices(4)]) == {"x"}
    cell = lambda da_next, cache: rs.rnn_cell_backward(da_next, cache) | {
        "dba": (1 + 1e-6) * rs.rnn_cell_backward(da_next, cache)["dba"]}
    seen = rs.xray_cell(cell, caches[0][1])
    assert not seen.ok and seen.wrong("da") == ["dba"] and "1.0e-06" in str(seen)
    assert rs.xray_cell(cell, caches[0][1], tol=1e-5).ok
    assert set(rs.xray(scaled(dWaa=1e17), caches).marks("dWaa")[np.triu_indices(4)]) == {"x"}


def test_not_linear_in_one_output_is_not_linear():
    caches = caches_of("rnn")
    def affine(da, caches):
        g = rs.rnn_backward(da, caches)
        return g | {"da0": g["da0"] + (np.abs(da).sum() > 4 * np.abs(da).max() * da[:, :, 0].size / 3)}
    seen = rs.xray(affine, caches)
    assert all(set(seen.marks(name).flat) <= {"+", "."} for name in seen.right) or not seen.ok
    assert not seen.ok


def test_single_precision_is_raised_to_double():
    for network in NETWORKS:
        x, states, p = problem(network)
        single = lambda v: v.astype(np.float32)
        caches = run(single(x), [single(v) for v in states], [{k: single(v) for k, v in p.items()}] * 4)[2]
        da = np.random.default_rng(0).normal(size=(5, 6, 4)).astype(np.float32)
        assert caches[0][0][0].dtype == np.float32
        for function in (BACKWARD[network], in_another_order(network)):
            assert rs.xray(function, caches, da).ok and rs.xray(function, caches).ok
        assert rs.xray_cell(CELL[network], caches[0][1]).ok


def changes(what):
    def backward(da, caches):
        g = rs.rnn_backward(da, caches)
        what(da, caches)
        return g
    return backward


@pytest.mark.parametrize("message, function", {
    "caches[0][0][3]: expected to be left alone": changes(lambda da, c: c[0][1][3].update(extra=1)),
    "caches[0]: expected to be left alone": changes(lambda da, c: c[0].pop()),
    "caches[0][0][3]['Waa']: expected to be left alone": changes(lambda da, c: c[0][0][3]["Waa"].fill(0)),
    "caches[1]: expected to be left alone": changes(lambda da, c: c[1].fill(0)),
    "backward: dx: expected finite numbers, got infinity": scaled(dx=np.inf),
    "backward: expected a dict with dx, da0, dWax, dWaa, dba, got an empty one": lambda da, c: {},
    "backward: dx: expected the shape (3, 6, 4), got (3, 6)": lambda da, c: rs.rnn_backward(da, c) | {
        "dx": rs.rnn_backward(da, c)["dx"][:, :, 0]},
}.items(), ids=str)
def test_what_a_function_does_instead(message, function):
    caches = caches_of("rnn")
    caches[0][2][2][0, 0] = 1.5                                        # read by nobody but dWax
    with pytest.raises(ValueError) as error: rs.xray(function, caches)
    assert str(error.value).startswith(message)


def test_messages_name_the_argument():
    caches, lstm = caches_of("rnn"), caches_of("lstm")
    bad = np.ones((5, 6, 4))
    bad[0, 0, 1] = np.nan
    no_dc0_later = lambda da, c: {k: v for k, v in rs.lstm_backward(da, c).items()
                                  if k != "dc0" or abs(da[:, :, 0]).max() > 0 and da.any(axis=(0, 1)).all()}
    for message, call in {
        "seed: expected an int of at least 0, got -1": lambda: rs.xray(rs.rnn_backward, caches, seed=-1),
        "seed: expected an int of at least 0, got 'a'": lambda: rs.xray_cell(rs.rnn_cell_backward, caches[0][0], seed="a"),
        "da: expected a finite impulse at every step, got NaN": lambda: rs.xray(rs.rnn_backward, caches, bad),
        "tol: expected a finite number of at least 0, got inf": lambda: rs.xray(rs.rnn_backward, caches, tol=np.inf),
        "tol: expected a finite number of at least 0, got True": lambda: rs.xray_cell(
            rs.rnn_cell_backward, caches[0][0], tol=True),
        "caches: expected 4 entries (RNN) or 10 (LSTM) at every step, got 4 and 10": lambda: rs.xray(
            rs.rnn_backward, ([caches[0][0], lstm[0][0]], caches[1][:, :, :2])),
        "reference: expected a function, got int": lambda: rs.xray_cell(
            rs.rnn_cell_backward, caches[0][0], reference=0),
        "reference: expected a dict of gradients, got NoneType": lambda: rs.xray(
            rs.rnn_backward, caches, reference=lambda da, c: None),
        "backward: expected a dict with dx, da0, dc0": lambda: rs.xray(no_dc0_later, lstm),
        "upstream: expected one of da, dc": lambda: rs.xray(rs.rnn_backward, caches, upstream=np.zeros(2)),
        "xray: expected what xray returns, got NoneType": lambda: rs.draw_xray(None),
        "ax: expected matplotlib Axes, got int": lambda: rs.draw_xray(rs.xray(rs.rnn_backward, caches), ax=3),
        "probe: expected one of da, doubled, got 'dc'": lambda: rs.xray_cell(
            rs.rnn_cell_backward, caches[0][0]).wrong("dc"),
    }.items():
        with pytest.raises((TypeError, ValueError)) as error: call()
        assert str(error.value).startswith(message), str(error.value)
    caches[0][1][0][0, 0] = np.nan
    with pytest.raises(ValueError, match="caches: dx: expected finite numbers, got NaN"):
        rs.xray(rs.rnn_backward, caches)


def test_a_nan_that_nobody_reads_and_containers_of_other_kinds():
    from types import MappingProxyType
    x, states, p = problem("rnn")
    p["Wya"][0, 0] = np.nan
    steps, x = run(x, states, [MappingProxyType(p)] * 4)[2]
    assert rs.xray(rs.rnn_backward, (steps, x.tolist())).ok


def test_drawing():
    plt = pytest.importorskip("matplotlib.pyplot")
    caches = caches_of("rnn")
    silent = rs.xray(scaled(**dict.fromkeys(["dx", "da0", "dWax", "dWaa", "dba"], 0)), caches)
    _, ax = plt.subplots()
    assert rs.draw_xray(silent, ax=ax) is ax and len(ax.patches) == 10
    assert {patch.get_linestyle() for patch in ax.patches} == {":"}        # ten are missing
    right = rs.draw_xray(silent, which="right")
    assert {patch.get_linestyle() for patch in right.patches} == {"solid"}
    np.testing.assert_allclose([patch.get_center() for patch in right.patches],
                               np.round([patch.get_center() for patch in right.patches]), atol=1e-9)
    centres = [tuple(int(round(v)) for v in patch.get_center()) for patch in right.patches]
    assert set(centres) == {(s, t) for s in range(1, 5) for t in range(1, s + 1)}   # across from, down to
    assert right.get_ylim()[0] > right.get_ylim()[1] and list(right.get_xticks()) == [1, 2, 3, 4]
    sides = {at: patch.get_width() for at, patch in zip(centres, right.patches)}
    largest = max(silent.right["dx"].flat)
    for (s, t), side in sides.items():
        for (s2, t2), side2 in sides.items():
            if silent.right["dx"][t - 1, s - 1] > 1.01 * silent.right["dx"][t2 - 1, s2 - 1] > largest / 100:
                assert side > side2
    assert len(rs.draw_xray(silent, "da0").patches) == 4
    weak = rs.draw_xray(rs.xray(scaled(dx=0.1), caches))
    dotted, hatched = ([patch for patch in weak.patches if bool(patch.get_hatch()) is h] for h in (False, True))
    assert all(outer.get_width() > inner.get_width() for outer, inner in zip(dotted, hatched, strict=True))
    def acausal(da, caches): return scaled()(da + np.roll(da, 1, axis=2), caches)
    assert len(rs.draw_xray(rs.xray(acausal, caches)).lines) == 3          # crosses, one step too late
    with pytest.raises(ValueError, match=r"which: expected one of yours, right, got 'left'"):
        rs.draw_xray(silent, which="left")
    plt.close("all")
