"""PyTorch computes the same numbers: forward and every gradient, in float64, to 1e-10.

`python tests/test_parity.py` prints the worst error of each array over all cases."""
import sys
from importlib.util import find_spec

import numpy as np
import pytest

import rnn_stepwise as rs

if __name__ == "__main__" and not find_spec("torch"):
    raise SystemExit("PyTorch is not installed, so there is nothing to compare with.")
torch = pytest.importorskip("torch", reason="PyTorch is not installed; make parity compares with it")
torch.set_num_threads(1)                   # small matrices: threads would only wait for one another

TOLERANCE = 1e-10                          # per array: max|a - b| <= tolerance * max|b|

EDGES = {                                  # n_x, n_a, n_y, m, T_x, T_da
    "all different": (3, 5, 2, 7, 6, 4), "T_x = 1": (3, 5, 2, 7, 1, 1), "T_da = 1": (3, 5, 2, 7, 4, 1),
    "m = 1": (3, 5, 2, 1, 4, 4), "n_a = 1": (3, 1, 2, 7, 4, 3), "n_x = 1": (1, 5, 2, 7, 4, 3),
    "n_y = 1": (3, 5, 1, 7, 4, 3), "all 1": (1, 1, 1, 1, 1, 1), "large": (40, 32, 20, 16, 30, 30),
    "exercise": (3, 5, 2, 10, 7, 4),       # 4 steps of da for 7 steps of caches
}


def random_sizes(count, rng):
    "Sizes up to 9, T_da up to T_x"
    drawn = rng.integers(1, 10, (count, 5)).tolist()
    return {f"random {i}": (*sizes, int(rng.integers(1, sizes[-1] + 1)))
            for i, sizes in enumerate(drawn)}


SIZES = EDGES | random_sizes(20, np.random.default_rng(0))


def error(ours, theirs):
    "max|ours - theirs| / max|theirs|; infinite where shapes or dtypes differ"
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype: return np.inf
    difference, scale = abs(ours - theirs).max(), abs(theirs).max()
    if difference == 0: return 0.0
    return float(difference / scale) if scale and np.isfinite(difference) else np.inf


def compare(function, ours, theirs):
    "Rows (function, array, error); both sides have the same names"
    assert set(ours) == set(theirs), (function, list(ours), list(theirs))
    return [(function.__name__, name, error(ours[name], theirs[name])) for name in ours]


def tensor(array):
    "Ours has the examples in the middle, (n, m, T); torch has (T, m, n): the axes reversed"
    return torch.tensor(array.T.copy(), requires_grad=True)


def array(value):
    "And back"
    return value.detach().numpy().T


class Network:
    "Parameters with no bias zero, and torch's modules with the same weights"

    def __init__(self, kind, cell, sizes, rng):
        n_x, n_a, n_y, *_ = sizes
        init = rs.init_rnn_parameters if kind == "rnn" else rs.init_lstm_parameters
        p = self.parameters = {k: v + 0.3 * rng.normal(size=v.shape)
                               for k, v in init(n_x, n_a, n_y, rng).items()}
        name = f"{kind}_cell" if cell else kind
        self.kind, self.n_a, self.W = kind, n_a, "Wya" if kind == "rnn" else "Wy"
        self.forward, self.backward = (getattr(rs, f"{name}_{w}") for w in ("forward", "backward"))
        self.states = ["a"] if kind == "rnn" else ["a", "c"]
        if kind == "rnn": hh, ih, bias = p["Waa"], p["Wax"], p["ba"]
        else:                              # torch stacks the gates in the order i, f, g (ours: c), o
            W, bias = (np.concatenate([p[v + gate] for gate in "ifco"]) for v in "Wb")
            hh, ih = W[:, :n_a], W[:, n_a:]                       # columns act on [a_prev; x]
        self.net = getattr(torch.nn, kind.upper() + "Cell" * cell)(n_x, n_a, dtype=torch.float64)
        self.head = torch.nn.Linear(n_a, n_y, dtype=torch.float64)
        values = {"weight_hh": hh, "weight_ih": ih, "bias_ih": bias[:, 0], "bias_hh": 0 * bias[:, 0],
                  "weight": p[self.W], "bias": p["by"][:, 0]}
        with torch.no_grad():
            for name, theirs in [*self.net.named_parameters(), *self.head.named_parameters()]:
                theirs.copy_(torch.tensor(values[name.removesuffix("_l0")]))

    def run(self, x, states, by_steps=False):
        "torch over a sequence: [a], in one call; or one step a call, [a] or [a, c] at every step"
        state = states[0][None] if self.kind == "rnn" else tuple(s[None] for s in states)
        if not by_steps: return [self.net(x, state)[0]]
        steps = []
        for t in range(len(x)):
            a, state = self.net(x[t:t + 1], state)
            steps.append([a] if self.kind == "rnn" else [a, state[1]])
        return [torch.cat(v) for v in zip(*steps)]

    def predict(self, a):
        return torch.softmax(self.head(a), dim=-1)

    def gradients(self, names, inputs):
        "What torch found for the inputs and the weights, under our names"
        found = {name.removesuffix("_l0"): p.grad.numpy() for name, p in self.net.named_parameters()}
        hh, ih, bias = found["weight_hh"], found["weight_ih"], found["bias_ih"][:, None]
        result = dict(zip(names, (v.grad.numpy().T for v in inputs)))
        if self.kind == "rnn": return result | {"dWax": ih, "dWaa": hh, "dba": bias}
        W = np.split(np.concatenate([hh, ih], axis=1), 4)
        return (result | {f"dW{gate}": w for gate, w in zip("ifco", W)}
                | {f"db{gate}": b for gate, b in zip("ifco", np.split(bias, 4))})

    def sequence_gradients(self, inputs, T_da):
        "Those of a whole sequence; dx is as long as da, and after that torch finds none"
        found = self.gradients(("dx", "da0", "dc0"), inputs)
        assert not found["dx"][:, :, T_da:].any()
        return found | {"dx": found["dx"][:, :, :T_da]}


def cell(kind, sizes, rng):
    "One step, with any gradient arriving at a_next (and c_next)"
    n_x, n_a, _, m, *_ = sizes
    network = Network(kind, True, sizes, rng)
    xt, *states = [rng.normal(size=(n, m)) for n in (n_x, *[n_a for _ in network.states])]
    upstream = [rng.normal(size=(n_a, m)) for _ in states]
    *ours, cache = network.forward(xt, *states, network.parameters)

    inputs = [tensor(v) for v in (xt, *states)]
    theirs = [network.net(*inputs)] if kind == "rnn" else network.net(inputs[0], inputs[1:])
    results = map(array, (*theirs, network.predict(theirs[0])))
    sum((v * tensor(d)).sum() for v, d in zip(theirs, upstream)).backward()

    nexts = [f"{s}_next" for s in network.states] + ["yt_pred"]
    gradients = network.gradients(["dxt"] + [f"d{s}_prev" for s in network.states], inputs)
    return (compare(network.forward, dict(zip(nexts, ours)), dict(zip(nexts, results)))
            + compare(network.backward, network.backward(*upstream, cache), gradients))


def sequence(kind, sizes, rng, by_steps=False):
    "Any da (by steps also dc: torch then shows every c) for the first T_da steps of a sequence"
    n_x, n_a, _, m, T_x, T_da = sizes
    network = Network(kind, False, sizes, rng)
    x, states = rng.normal(size=(n_x, m, T_x)), [rng.normal(size=(n_a, m)) for _ in network.states]
    upstream = [rng.normal(size=(n_a, m, T_da)) for _ in (network.states if by_steps else "a")]
    a, y, *c, caches = network.forward(x, states[0], network.parameters, *states[1:])
    da, *dc = upstream

    inputs = [tensor(v) for v in (x, *states)]
    theirs = network.run(inputs[0], inputs[1:], by_steps)
    results = map(array, (theirs[0], network.predict(theirs[0]), *theirs[1:]))
    sum((v[:T_da] * tensor(d)).sum() for v, d in zip(theirs, upstream)).backward()

    names = ["a", "y_pred" if kind == "rnn" else "y"] + ["c"] * (len(theirs) - 1)
    return (compare(network.forward, dict(zip(names, (a, y, *c))), dict(zip(names, results)))
            + compare(network.backward, network.backward(da, caches, *dc),
                      network.sequence_gradients(inputs, T_da)))


def by_steps(kind, sizes, rng):
    return sequence(kind, sizes, rng, by_steps=True)


def loss(kind, sizes, rng):
    "Masked cross-entropy of the first T_da steps, through the output layer down to x; no c0 given"
    n_x, n_a, n_y, m, T_x, T_da = sizes
    network = Network(kind, False, sizes, rng)
    x, a0 = rng.normal(size=(n_x, m, T_x)), rng.normal(size=(n_a, m))
    labels, mask = rng.integers(n_y, size=(m, T_x)), rng.random((m, T_x)) < 0.7
    mask[:, T_da:], mask[0, T_da - 1] = False, True
    target = np.moveaxis(np.eye(n_y)[labels], 2, 0)
    a, y, *_, caches = network.forward(x, a0, network.parameters)
    ours = rs.output_backward(y, target, a, network.parameters, mask)

    inputs = [tensor(v) for v in (x, a0, 0 * a0)[:1 + len(network.states)]]
    theirs, = network.run(inputs[0], inputs[1:])
    theirs.retain_grad()
    each = torch.nn.functional.cross_entropy(
        network.head(theirs).flatten(0, 1), torch.tensor(labels.T.flatten()), reduction="none")
    total = each[torch.tensor(mask.T.flatten())].sum()
    total.backward()

    layer = {"da": theirs.grad.numpy().T, f"d{network.W}": network.head.weight.grad.numpy(),
             "dby": network.head.bias.grad.numpy()[:, None]}
    return (compare(rs.sequence_loss, {"loss": rs.sequence_loss(y, target, mask)},
                    {"loss": total.detach().numpy()})
            + compare(rs.output_backward, ours, layer)
            + compare(network.backward, network.backward(ours["da"][:, :, :T_da], caches),
                      network.sequence_gradients(inputs, T_da)))


KINDS, WAYS = ("rnn", "lstm"), (cell, sequence, by_steps, loss)


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("kind", KINDS)
def test_torch_agrees(kind, way, sizes):
    rows = way(kind, sizes, np.random.default_rng(sizes))
    too_far = [f"{function} {name}: {e:.1e}" for function, name, e in rows if not e <= TOLERANCE]
    assert not too_far, too_far


def worst():
    "(function, array) → the worst error over all cases"
    result = {}
    for kind in KINDS:
        for way in WAYS:
            for sizes in SIZES.values():
                for function, name, e in way(kind, sizes, np.random.default_rng(sizes)):
                    result[function, name] = max(e, result.get((function, name), 0.0))
    return result


def report():
    "Print the worst error of each array, function by function; is every one within the tolerance?"
    found, functions = worst(), {}
    for (function, name), e in found.items(): functions.setdefault(function, {})[name] = e
    print(f"Worst error against PyTorch {torch.__version__}, max|a - b| / max|b| in float64, over "
          f"{len(SIZES)} sizes and {len(WAYS)} ways a network; accepted: {TOLERANCE:.0e}\n")
    for function in sorted(functions, key=lambda f: (f.split("_")[0], "cell" not in f)):
        errors = functions[function]
        print(f"{function:20} {max(errors.values()):.1e}   "
              + "  ".join(f"{name} {e:.1e}" for name, e in errors.items()))
    print(f"\n{'worst of all':20} {max(found.values()):.1e}")
    return max(found.values()) <= TOLERANCE


if __name__ == "__main__": sys.exit(not report())
