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


def matrices(p):
    "Gate → the matrix that acts on a_prev above x"
    if "Waa" in p:
        return {"a": np.concatenate([p["Waa"], p["Wax"]], axis=1)}
    return {gate: p[f"W{gate}"] for gate in "fico"}


def sigmoid(z):
    e = np.exp(np.where(z.real > 0, -z, z))
    return np.where(z.real > 0, 1, e) / (1 + e)


def before_the_gates(p, a_prev, x):
    "Gate → what stands in front of its nonlinearity"
    z = np.concatenate([a_prev, x])
    return {gate: W @ z + p[f"b{gate}"] for gate, W in matrices(p).items()}


# Reading a step


def read(steps, t):
    "Out of the cache"
    if len(steps[t]) == 4:
        a, a_prev, x, p = steps[t]
        return Step(a, None, a_prev, None, {}, x, p)
    a, c, a_prev, c_prev, f, i, candidate, o, x, p = steps[t]
    return Step(a, c, a_prev, c_prev, {"f": f, "i": i, "c": candidate, "o": o}, x, p)


def computed_again(steps, t):
    "From x, the states before and the parameters; what else is in the cache is not looked at"
    step = read(steps, t)
    before = before_the_gates(step.p, step.a_prev, step.x)
    if step.c is None:
        return step._replace(a=np.tanh(before["a"]))
    gates = {g: np.tanh(z) if g == "c" else sigmoid(z) for g, z in before.items()}
    c = gates["f"] * step.c_prev + gates["i"] * gates["c"]
    return step._replace(a=gates["o"] * np.tanh(c), c=c, gates=gates)


# What a state hears


def own_and_future(da, dc, carry, t):
    "dL/da and dL/dc of step t: from its own output, and carried back from the step after"
    return da[:, :, t] + carry[0], dc[:, :, t] + carry[1]


def in_thirds(da, dc, carry, t):
    "The same, added in another order"
    return da[:, :, t] / 3 + carry[0] + da[:, :, t] / 3 * 2, carry[1] + dc[:, :, t]


# Through the nonlinearities


def by_activations(da, dc, step):
    "Gradients in front of each gate's nonlinearity, and of the memory before"
    if step.c is None:
        return {"a": da * (1 - step.a * step.a)}, 0
    f, i, candidate, o = step.gates.values()
    tanh_c = np.tanh(step.c)
    memory = dc + da * o * (1 - tanh_c * tanh_c)
    return {
        "f": memory * step.c_prev * f * (1 - f),
        "i": memory * candidate * i * (1 - i),
        "c": memory * i * (1 - candidate * candidate),
        "o": da * tanh_c * o * (1 - o),
    }, memory * f


def squared_secant(z):
    with np.errstate(over="ignore"):
        return 1 / np.cosh(z) ** 2


def by_arguments(da, dc, step):
    "The same, by slopes that lose no digit in saturation: sech²(z) and sigmoid(z) sigmoid(-z)"
    z = before_the_gates(step.p, step.a_prev, step.x)
    if step.c is None:
        return {"a": da * squared_secant(z["a"])}, 0
    f, i, o = (sigmoid(z[gate]) for gate in "fio")
    memory = dc + da * o * squared_secant(step.c)
    return {
        "f": memory * step.c_prev * f * sigmoid(-z["f"]),
        "i": memory * np.tanh(z["c"]) * i * sigmoid(-z["i"]),
        "c": memory * i * squared_secant(z["c"]),
        "o": da * np.tanh(step.c) * o * sigmoid(-z["o"]),
    }, memory * f


# To weights, biases, and what the weights acted on


def gate_by_gate(dz, step):
    "dW and db of each gate, and the gradient of a_prev above x"
    z, W = np.concatenate([step.a_prev, step.x]), matrices(step.p)
    dW = {gate: d @ z.T for gate, d in dz.items()}
    db = {gate: d.sum(axis=1, keepdims=True) for gate, d in dz.items()}
    return dW, db, sum(W[gate].T @ d for gate, d in dz.items())


def stacked(dz, step):
    "One product for all gates"
    z, W = np.concatenate([step.a_prev, step.x]), matrices(step.p)
    every = np.concatenate(list(dz.values()))
    dW = np.split(every @ z.T, len(dz))
    db = np.split(every @ np.ones((every.shape[1], 1), every.dtype), len(dz))
    back = np.concatenate([W[gate] for gate in dz]).T @ every
    return dict(zip(dz, dW)), dict(zip(dz, db)), back


def summed_by_einsum(dz, step):
    z, W = np.concatenate([step.a_prev, step.x]), matrices(step.p)
    dW = {gate: np.einsum("im,jm->ij", d, z) for gate, d in dz.items()}
    db = {gate: np.einsum("im->i", d)[:, None] for gate, d in dz.items()}
    return dW, db, sum(np.einsum("ij,im->jm", W[gate], dz[gate]) for gate in reversed(dz))


def example_after_example(dz, step):
    "Outer products, one for each example"
    examples = range(step.x.shape[1])
    parts = []
    for k in examples:
        one = step._replace(a_prev=step.a_prev[:, [k]], x=step.x[:, [k]])
        parts.append(gate_by_gate({gate: d[:, [k]] for gate, d in dz.items()}, one))
    dW, db = ({gate: sum(part[kind][gate] for part in parts) for gate in dz} for kind in (0, 1))
    return dW, db, np.concatenate([back for _, _, back in parts], axis=1)


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
    hears: Callable[..., Any] = own_and_future
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
        parts = {}
        for gate in dW:
            parts |= {f"dW{gate}": dW[gate], f"db{gate}": db[gate]}
        if step.c is None:
            dW = parts.pop("dWa")
            parts |= {"dWaa": dW[:, :n_a], "dWax": dW[:, n_a:]}
        return parts, back[:n_a], dc_prev, back[n_a:]

    def backward(self, da, caches, dc=None):
        "(da, caches) → gradients of a sequence"
        steps, collected, dx = caches[0], {}, []
        carry = np.zeros_like(da[:, :, 0]), np.zeros_like(da[:, :, 0])
        for t in reversed(range(da.shape[2])):
            heard = self.hears(da, np.zeros_like(da) if dc is None else dc, carry, t)
            parts, *carry, dxt = self.step(steps, t, *heard)
            for name, part in parts.items():
                collected.setdefault(name, []).append(part)
            dx.append(dxt)
        gradients = {"dx": np.stack(dx[::-1], axis=2), "da0": carry[0]}
        if len(steps[0]) == 10:
            gradients["dc0"] = carry[1]
        gradients |= {name: self.total(parts) for name, parts in collected.items()}
        return self.finish(gradients, da)

    def cell(self, da, *rest):
        "(da_next, cache) or (da_next, dc_next, cache) → gradients of one step"
        *dc, cache = rest
        parts, da_prev, dc_prev, dxt = self.step([cache], 0, da, *(dc or [0]))
        gradients = {"dxt": dxt, "da_prev": da_prev} | parts
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
