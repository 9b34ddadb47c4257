"""Backward passes of both networks that are right, each computing in a way of its own.

They know nothing of the package but the order of a cache's entries. A pass is made of the five
parts of `Way`: another way of doing one of them gives another pass, and so does a mistake in one
of them, see `mistakes.py`. The gates are named a (the RNN's only one), f, i, c and o, so that the
bias of gate g is bg.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np


class Step(NamedTuple):
    "What a backward step needs of the forward one; c, c_prev and gates are the LSTM's alone"

    a: Any
    c: Any
    a_prev: Any
    c_prev: Any
    gates: dict[str, Any]  # activations
    x: Any
    p: Any

    @property
    def z(self):
        "What the weights act on"
        return np.concatenate([self.a_prev, self.x])


def matrices(p):
    "Gate → the matrix that acts on a_prev above x"
    if "Waa" in p:
        return {"a": np.concatenate([p["Waa"], p["Wax"]], axis=1)}
    return {gate: p[f"W{gate}"] for gate in "fico"}


def sigmoid(z):
    positive = z.real > 0
    e = np.exp(np.where(positive, -z, z))
    return np.where(positive, 1, e) / (1 + e)


def of_tanh(activation):
    "The slope"
    return 1 - activation * activation


def of_sigmoid(activation):
    return activation * (1 - activation)


def before_the_gates(p, z):
    "Gate → what stands in front of its nonlinearity"
    found = {}
    for gate, W in matrices(p).items():
        found[gate] = W @ z + p[f"b{gate}"]
    return found


# Reading a step


def read(steps, t):
    "Out of the cache"
    if len(steps[t]) == 4:
        a, a_prev, x, p = steps[t]
        return Step(a, None, a_prev, None, {}, x, p)
    a, c, a_prev, c_prev, f, i, candidate, o, x, p = steps[t]
    gates = {"f": f, "i": i, "c": candidate, "o": o}
    return Step(a, c, a_prev, c_prev, gates, x, p)


def computed_again(steps, t):
    "From x, the states before and the parameters; what else is in the cache is not looked at"
    step = read(steps, t)
    before = before_the_gates(step.p, step.z)
    if step.c is None:
        a = np.tanh(before["a"])
        return step._replace(a=a)
    f, i, o = (sigmoid(before[gate]) for gate in "fio")
    candidate = np.tanh(before["c"])
    c = f * step.c_prev + i * candidate
    a = o * np.tanh(c)
    gates = {"f": f, "i": i, "c": candidate, "o": o}
    return step._replace(a=a, c=c, gates=gates)


# What a state hears


def own_step(da, t):
    "Of what arrives from above, what belongs to a step"
    return da[:, :, t]


def own_and_future(own, carry):
    "dL/da or dL/dc: from this step's output, and carried back from the step after"
    return own + carry


def in_thirds(own, carry):
    "The same, added in another order"
    third = own / 3
    return third + carry + 2 * third


# Through the nonlinearities


def by_activations(da, dc, step):
    "Gradients in front of each gate's nonlinearity, and of the memory before"
    if step.c is None:
        return {"a": da * of_tanh(step.a)}, 0
    f, i, candidate, o = step.gates.values()
    tanh_c = np.tanh(step.c)
    memory = dc + da * o * of_tanh(tanh_c)
    dz = {"f": memory * step.c_prev * of_sigmoid(f)}
    dz["i"] = memory * candidate * of_sigmoid(i)
    dz["c"] = memory * i * of_tanh(candidate)
    dz["o"] = da * tanh_c * of_sigmoid(o)
    return dz, memory * f


def squared_secant(z):
    with np.errstate(over="ignore"):
        return 1 / np.cosh(z) ** 2


def both_sides(z):
    "The slope of the sigmoid"
    return sigmoid(z) * sigmoid(-z)


def by_arguments(da, dc, step):
    "The same, by slopes that lose no digit in saturation: sech²(z) and sigmoid(z) sigmoid(-z)"
    z = before_the_gates(step.p, step.z)
    if step.c is None:
        return {"a": da * squared_secant(z["a"])}, 0
    memory = dc + da * sigmoid(z["o"]) * squared_secant(step.c)
    dz = {"f": memory * step.c_prev * both_sides(z["f"])}
    dz["i"] = memory * np.tanh(z["c"]) * both_sides(z["i"])
    dz["c"] = memory * sigmoid(z["i"]) * squared_secant(z["c"])
    dz["o"] = da * np.tanh(step.c) * both_sides(z["o"])
    return dz, memory * sigmoid(z["f"])


# To weights, biases, and what the weights acted on


def gate_by_gate(dz, step):
    "dW and db of each gate, and the gradient of a_prev above x"
    z, W = step.z, matrices(step.p)
    dW, db, back = {}, {}, 0
    for gate, d in dz.items():
        dW[gate] = d @ z.T
        db[gate] = d.sum(axis=1, keepdims=True)
        back = back + W[gate].T @ d
    return dW, db, back


def stacked(dz, step):
    "One product for all gates"
    W = matrices(step.p)
    below = np.concatenate([W[gate] for gate in dz])
    every = np.concatenate(list(dz.values()))
    ones = np.ones_like(every[:1])
    dW = np.split(every @ step.z.T, len(dz))
    db = np.split(every @ ones.T, len(dz))
    return dict(zip(dz, dW)), dict(zip(dz, db)), below.T @ every


def summed_by_einsum(dz, step):
    z, W = step.z, matrices(step.p)
    dW, db, back = {}, {}, 0
    for gate in reversed(dz):
        d = dz[gate]
        dW[gate] = np.einsum("im,jm->ij", d, z)
        db[gate] = np.einsum("im->i", d)[:, None]
        back = back + np.einsum("ij,im->jm", W[gate], d)
    return dW, db, back


def example_after_example(dz, step):
    "Outer products, one for each example"
    W = matrices(step.p)
    dW, db = dict.fromkeys(dz, 0), dict.fromkeys(dz, 0)
    back = np.zeros_like(step.z)
    for k, z in enumerate(step.z.T):
        for gate, ds in dz.items():
            d = ds[:, k]
            dW[gate] = dW[gate] + np.outer(d, z)
            db[gate] = db[gate] + d[:, None]
            back[:, k] += d @ W[gate]
    return dW, db, back


# The sum over steps, whose parts come from the last step to the first


def one_by_one(parts):
    return sum(parts[1:], parts[0])


def first_step_first(parts):
    return one_by_one(parts[::-1])


def at_once(parts):
    return np.stack(parts).sum(axis=0)


def in_double(parts):
    return one_by_one([part.astype(np.float64) for part in parts])


# The whole pass


def as_it_is(gradients, da):
    return gradients


def with_more(gradients, da):
    "Keys that nobody asked for"
    return {"loss": 1.0, "dz": np.zeros(3)} | gradients | {"comment": "extra"}


@dataclass(frozen=True)
class Way:
    "How each part of a pass is done"

    read: Callable[..., Step] = read
    own: Callable[..., Any] = own_step
    hears: Callable[..., Any] = own_and_future
    hears_memory: Callable[..., Any] = own_and_future
    gates: Callable[..., Any] = by_activations
    products: Callable[..., Any] = gate_by_gate
    total: Callable[..., Any] = one_by_one
    finish: Callable[..., Any] = as_it_is

    def step(self, steps, t, da, dc):
        "Gradients of the parameters, of a_prev, of c_prev, and of x"
        step = self.read(steps, t)
        n_a = len(step.a)
        dz, dc_prev = self.gates(da, dc, step)
        dW, db, back = self.products(dz, step)
        parts = {f"db{gate}": d for gate, d in db.items()}
        for gate, d in dW.items():
            rnn = {"dWaa": d[:, :n_a], "dWax": d[:, n_a:]}
            parts |= rnn if gate == "a" else {f"dW{gate}": d}
        return parts, back[:n_a], dc_prev, back[n_a:]

    def backward(self, da, caches, dc=None):
        "(da, caches) → gradients of a sequence"
        steps, collected, dx = caches[0], {}, []
        da_prev = dc_prev = np.zeros_like(da[:, :, 0])
        for t in reversed(range(da.shape[2])):
            da_next = self.hears(self.own(da, t), da_prev)
            own = 0 if dc is None else dc[:, :, t]
            dc_next = self.hears_memory(own, dc_prev)
            parts, da_prev, dc_prev, dxt = self.step(steps, t, da_next, dc_next)
            for name, part in parts.items():
                collected.setdefault(name, []).append(part)
            dx.append(dxt)
        gradients = {"dx": np.stack(dx[::-1], axis=2), "da0": da_prev}
        if len(steps[0]) == 10:
            gradients["dc0"] = dc_prev
        for name, parts in collected.items():
            gradients[name] = self.total(parts)
        return self.finish(gradients, da)

    def cell(self, da, *rest):
        "(da_next, cache) or (da_next, dc_next, cache) → gradients of one step"
        *dc, cache = rest
        parts, da_prev, dc_prev, dxt = self.step([cache], 0, da, *(dc or [0]))
        gradients = {"dxt": dxt, "da_prev": da_prev, **parts}
        if dc:
            gradients["dc_prev"] = dc_prev
        return self.finish(gradients, da)


WAYS = {
    "plain loop": Way(),
    "sums in another order": Way(hears=in_thirds, total=first_step_first),
    "einsum": Way(products=summed_by_einsum),
    "gates stacked": Way(products=stacked, total=at_once),
    "activations again": Way(read=computed_again),
    "sech², sigmoid(-z)": Way(gates=by_arguments),
    "example by example": Way(products=example_after_example),
    "more results": Way(finish=with_more),
    "all of it otherwise": Way(
        read=computed_again, hears=in_thirds, gates=by_arguments, products=stacked, total=at_once
    ),
}


def cast(value, dtype):
    "Arrays in another precision, in copies of the tuples, lists and dicts around them"
    if isinstance(value, np.ndarray):
        return value.astype(dtype)
    if isinstance(value, dict):
        return {name: cast(entry, dtype) for name, entry in value.items()}
    if isinstance(value, (tuple, list)):
        return [cast(entry, dtype) for entry in value]
    return value


def in_single(function, returned):
    "The function, computing in single precision, its results in another or the same"

    def single(*arguments):
        return cast(function(*cast(arguments, np.float32)), returned)

    return single
