"""PyTorch computes the same numbers: forward and every gradient, in float64, to 1e-10.

`python tests/test_parity.py` prints the worst error of each array over all cases.
"""

import sys
from importlib.util import find_spec
from itertools import product

import numpy as np
import pytest

import rnn_stepwise as rs
from networks import ALL_DIFFERENT, Sizes, network, targets

if __name__ == "__main__" and not find_spec("torch"):
    raise SystemExit("PyTorch is not installed, so there is nothing to compare with.")
torch = pytest.importorskip(
    "torch", reason="PyTorch is not installed; make parity compares with it"
)
torch.set_num_threads(1)  # small matrices: threads would only wait for one another

TOLERANCE = 1e-10  # per array: max|a - b| <= tolerance * max|b|
NETWORKS = ["rnn", "lstm"]
EDGES = {
    "all different": ALL_DIFFERENT,
    "T_x = 1": Sizes(T_x=1),
    "T_da = 1": Sizes(T_x=4, T_da=1),
    "m = 1": Sizes(m=1, T_x=4),
    "n_a = 1": Sizes(n_a=1, T_x=4, T_da=3),
    "n_x = 1": Sizes(n_x=1, T_x=4, T_da=3),
    "n_y = 1": Sizes(n_y=1, T_x=4, T_da=3),
    "all 1": Sizes(1, 1, 1, 1, 1, 1),
    "large": Sizes(40, 32, 20, 16, 30, 30),
    "exercise": Sizes(m=10, T_x=7),  # 4 steps of da for 7 steps of caches
}


def random_sizes(count, seed):
    "Sizes up to 9, T_da up to T_x"
    rng = np.random.default_rng(seed)
    found = {}
    for number in range(count):
        *sizes, T_x = rng.integers(1, 10, size=5)
        T_da = rng.integers(1, T_x + 1)
        found[f"random {number}"] = Sizes(*sizes, T_x, T_da)
    return found


SIZES = EDGES | random_sizes(20, seed=0)


def error(ours, theirs):
    "max|ours - theirs| / max|theirs|; infinite where shapes or dtypes differ"
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        return np.inf
    difference = abs(ours - theirs).max()
    scale = abs(theirs).max()
    if difference == 0:
        return 0.0
    if scale == 0 or not np.isfinite(difference):
        return np.inf
    return difference / scale


def compare(function, ours, theirs):
    "Rows (function, array, error); both sides have the same names"
    assert set(ours) == set(theirs)
    rows = []
    for name in ours:
        distance = error(ours[name], theirs[name])
        rows.append((function.__name__, name, distance))
    return rows


# Ours has the examples in the middle, (n, m, T); torch has (T, m, n): the axes reversed


def tensor(array):
    return torch.tensor(array.T.copy(), requires_grad=True)


def array(value):
    return value.detach().numpy().T


def slopes(value):
    return value.grad.numpy().T


def blocks(p):
    "The weights as torch has them, one block or four: on the state, on the input, the bias"
    if "Waa" in p:
        return p["Waa"], p["Wax"], p["ba"][:, 0]
    gates = "ifco"  # the order of torch's i, f, g, o: its g is our c
    W = np.concatenate([p[f"W{gate}"] for gate in gates])
    b = np.concatenate([p[f"b{gate}"] for gate in gates])
    n_a = len(W) // 4
    return W[:, :n_a], W[:, n_a:], b[:, 0]  # columns act on [a_prev; x]


def named(hh, ih, bias):
    "Gradients of such blocks under our names"
    n_a = hh.shape[1]
    if len(hh) == n_a:
        return {"dWax": ih, "dWaa": hh, "dba": bias}
    W = np.concatenate([hh, ih], axis=1)
    found = {}
    for block, gate in enumerate("ifco"):
        rows = slice(block * n_a, (block + 1) * n_a)
        found[f"dW{gate}"] = W[rows]
        found[f"db{gate}"] = bias[rows]
    return found


def fill(module, **values):
    "Give a module of torch these parameters"
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            value = values[name.removesuffix("_l0")]
            parameter.copy_(torch.tensor(value))


MODULES = {"rnn": "RNN", "lstm": "LSTM", "rnn_cell": "RNNCell", "lstm_cell": "LSTMCell"}


class Twin:
    "torch's module and output layer with the weights of a case, and its inputs as tensors"

    def __init__(self, case):
        self.kind, self.inputs = case.kind, {}
        for name, value in case.inputs.items():
            if value is None:  # no c0: torch wants the zeros
                value = np.zeros_like(case.inputs["a0"])
            self.inputs[name] = tensor(value)
        self.make_net(case.parameters)
        self.make_head(case.parameters)

    def make_net(self, p):
        hh, ih, bias = blocks(p)
        n_x, n_a = ih.shape[1], hh.shape[1]
        module = getattr(torch.nn, MODULES[self.kind])
        self.net = module(n_x, n_a, dtype=torch.float64)
        zeros = np.zeros_like(bias)
        fill(self.net, weight_hh=hh, weight_ih=ih, bias_ih=bias, bias_hh=zeros)

    def make_head(self, p):
        self.W = "Wya" if "Wya" in p else "Wy"
        W, b = p[self.W], p["by"]
        n_y, n_a = W.shape
        self.head = torch.nn.Linear(n_a, n_y, dtype=torch.float64)
        fill(self.head, weight=W, bias=b[:, 0])

    def predict(self, a):
        return torch.softmax(self.head(a), dim=-1)

    def step(self):
        "One step of a cell: a_next (and c_next)"
        x, *states = self.inputs.values()
        if self.kind == "rnn_cell":
            return [self.net(x, *states)]
        return list(self.net(x, states))

    def start(self):
        "The state before the first step, in torch's form"
        _, *states = self.inputs.values()
        states = [state[None] for state in states]
        return states[0] if self.kind == "rnn" else tuple(states)

    def sequence(self):
        "A whole sequence in one call: a"
        a, _ = self.net(self.inputs["x"], self.start())
        return a

    def steps(self):
        "A sequence, one step a call, which shows every memory: a (and c)"
        x, state = self.inputs["x"], self.start()
        hidden, memories = [], []
        for t in range(len(x)):
            a, state = self.net(x[t : t + 1], state)
            hidden.append(a)
            if self.kind == "lstm":
                memories.append(state[1])
        found = [torch.cat(hidden)]
        if memories:
            found.append(torch.cat(memories))
        return found

    def gradients(self, *names):
        "What torch found for the inputs, under these names, and for the weights, under ours"
        found = {}
        for name, value in zip(names, self.inputs.values()):
            found[name] = slopes(value)
        blocks = {}
        for name, parameter in self.net.named_parameters():
            blocks[name.removesuffix("_l0")] = parameter.grad.numpy()
        bias = blocks["bias_ih"][:, None]
        return found | named(blocks["weight_hh"], blocks["weight_ih"], bias)

    def sequence_gradients(self, T_da):
        "Those of a whole sequence; dx is as long as da, and after that torch finds none"
        found = self.gradients("dx", "da0", "dc0")
        dx = found["dx"]
        assert not dx[:, :, T_da:].any()
        found["dx"] = dx[:, :, :T_da]
        return found


def arrive(values, upstream):
    "Let gradients arrive at the first steps of each value, and go back"
    total = 0
    for value, gradient in zip(values, upstream):
        d = tensor(gradient)
        products = value[: len(d)] * d
        total = total + products.sum()
    total.backward()


def cell(kind, sizes):
    "One step, with any gradient arriving at a_next (and c_next)"
    case = network(f"{kind}_cell", sizes, seed=sizes)
    twin = Twin(case)
    found = twin.step()
    arrive(found, case.upstream.values())
    found.append(twin.predict(found[0]))
    theirs = dict(zip(case.results, map(array, found), strict=True))
    rows = compare(case.forward_function, case.results, theirs)
    gradients = twin.gradients("dxt", "da_prev", "dc_prev")
    return rows + compare(case.backward_function, case.backward(), gradients)


def without_dc(case):
    return case.change(upstream={"dc": None}) if case.kind == "lstm" else case


def sequence(kind, sizes):
    "Any da for the first T_da steps of a sequence"
    case = without_dc(network(kind, sizes, seed=sizes))
    da = case.upstream["da"]
    twin = Twin(case)
    a = twin.sequence()
    arrive([a], [da])
    theirs = [array(a), array(twin.predict(a))]
    names = ["a", "y_pred" if kind == "rnn" else "y"]
    ours = {name: case.results[name] for name in names}
    rows = compare(case.forward_function, ours, dict(zip(names, theirs)))
    gradients = twin.sequence_gradients(da.shape[2])
    return rows + compare(case.backward_function, case.backward(), gradients)


def by_steps(kind, sizes):
    "Any da and dc: step by step torch shows every c"
    case = network(kind, sizes, seed=sizes)
    twin = Twin(case)
    a, *c = twin.steps()
    arrive([a, *c], case.upstream.values())
    found = map(array, [a, twin.predict(a), *c])
    theirs = dict(zip(case.results, found, strict=True))
    rows = compare(case.forward_function, case.results, theirs)
    da = case.upstream["da"]
    gradients = twin.sequence_gradients(da.shape[2])
    return rows + compare(case.backward_function, case.backward(), gradients)


def cross_entropy(twin, a, target, mask):
    "torch's own, from the scores before the softmax"
    right = target.argmax(axis=0)
    right, weight = (torch.tensor(v.T.flatten()) for v in (right, mask))
    scores = twin.head(a).flatten(0, 1)
    each = torch.nn.functional.cross_entropy(scores, right, reduction="none")
    return (each * weight).sum()


def loss(kind, sizes):
    "Masked cross-entropy of the first T_da steps, through the output layer to x; no c0 is given"
    case = without_dc(network(kind, sizes, seed=sizes))
    if kind == "lstm":
        case = case.change(inputs={"c0": None})
    T_da = case.upstream["da"].shape[2]
    target, mask = targets(sizes, seed=sizes)
    mask[:, T_da:] = 0
    mask[0, T_da - 1] = 1

    twin = Twin(case)
    theirs = twin.sequence()
    theirs.retain_grad()
    total = cross_entropy(twin, theirs, target, mask)
    total.backward()
    head = {"da": slopes(theirs), f"d{twin.W}": twin.head.weight.grad}
    head["dby"] = slopes(twin.head.bias)[:, None]

    a, y, *_ = case.results.values()
    ours = rs.sequence_loss(y, target, mask)
    rows = compare(rs.sequence_loss, {"loss": ours}, {"loss": total.detach()})
    ours = rs.output_backward(y, target, a, case.parameters, mask)
    rows += compare(rs.output_backward, ours, head)
    gradients = twin.sequence_gradients(T_da)
    da = ours["da"][:, :, :T_da]
    return rows + compare(case.backward_function, case.backward(da=da), gradients)


WAYS = [cell, sequence, by_steps, loss]


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("kind", NETWORKS)
def test_torch_agrees(kind, way, sizes):
    for function, name, distance in way(kind, sizes):
        assert distance <= TOLERANCE, (function, name)


def worst():
    "function → array → the worst error over all cases"
    result = {}
    for kind, way, sizes in product(NETWORKS, WAYS, SIZES.values()):
        for function, name, distance in way(kind, sizes):
            errors = result.setdefault(function, {})
            before = errors.get(name, 0.0)
            errors[name] = max(distance, before)
    return result


def report():
    "Print the worst error of each array, function by function; is every one within the tolerance?"
    print(f"Worst error against PyTorch {torch.__version__}, max|a - b| / max|b| in float64,")
    print(f"over {len(SIZES)} sizes and {len(WAYS)} ways a network; accepted: {TOLERANCE:.0e}\n")
    largest = 0
    for function, errors in worst().items():
        top = max(errors.values())
        largest = max(largest, top)
        print(f"{function:20} {top:.1e} ", end="")
        for name, distance in errors.items():
            print(f"  {name} {distance:.1e}", end="")
        print()
    print(f"\n{'worst of all':20} {largest:.1e}")
    return largest <= TOLERANCE


if __name__ == "__main__":
    sys.exit(not report())
