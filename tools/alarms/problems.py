"""Random networks, and losses on them with the gradients of their output layer.

A loss is a value of the states, times a factor, plus a constant, plus a penalty on a weight;
computed as it stands, into an array of zeros, or in single precision.
"""

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from tools.alarms.passes import before_the_gates, cast, sigmoid

PENALISED = {"rnn": "Waa", "lstm": "Wf"}
OUTPUT = {"rnn": "Wya", "lstm": "Wy"}
TINY = 1e-302  # of what the first state hears, in some networks


@dataclass(frozen=True)
class Problem:
    "A network, what it is fed, and what is asked of it"

    network: str
    point: dict[str, np.ndarray]  # x, a0, c0 and all parameters
    target: np.ndarray  # one-hot, (n_y, m, T)
    goal: np.ndarray  # for the states, (n_a, m, T)
    counts: np.ndarray  # how much each step does, (m, T)
    tags: tuple[str, ...]


# Drawing one


def whole(rng, least, most):
    "A whole number, the small ones more often"
    return int(np.exp(rng.uniform(np.log(least), np.log(most + 1))))


def shapes(network, n_x, n_a, m, T, n_y):
    "Of x, the states and all parameters"
    found = {"x": (n_x, m, T), "a0": (n_a, m)}
    if network == "rnn":
        found |= {"Wax": (n_a, n_x), "Waa": (n_a, n_a), "ba": (n_a, 1)}
    else:
        found["c0"] = n_a, m
        for gate in "fico":
            found |= {f"W{gate}": (n_a, n_a + n_x), f"b{gate}": (n_a, 1)}
    return found | {OUTPUT[network]: (n_y, n_a), "by": (n_y, 1)}


def weights_scale(rng):
    "A name, and the size of a weight that acts on n numbers"
    scale = float(np.exp(rng.uniform(np.log(0.1), np.log(3))))
    kind = rng.random()
    if kind < 0.12:
        return "weights raw", lambda n: scale
    if kind < 0.24:
        return "weights saturating", lambda n: 10 / np.sqrt(n)
    return f"weights {'small' if scale < 1 else 'large'}", lambda n: scale / np.sqrt(n)


def counting(rng, m, T):
    "A name, and how much each step of each example counts"
    mask = rng.integers(2, size=(m, T)).astype(float)
    mask[rng.integers(m), rng.integers(T)] = 1
    last = np.zeros((m, T))
    last[:, -1] = 1
    masks = {"every step": np.ones((m, T)), "last step": last, "mask": mask}
    masks["weights of steps"] = mask * rng.random((m, T)) + 1e-3
    name = str(rng.choice(list(masks)))
    return name, masks[name]


def one_hot(rng, n_y, m, T):
    words = rng.integers(n_y, size=(m, T))
    return np.moveaxis(np.eye(n_y)[words], 2, 0)


def parameters_and_inputs(rng, scale, shapes):
    point = {}
    for name, shape in shapes.items():
        size = 0.5 if name[0] == "b" else 1.0
        if name[0] == "W":
            size = scale(shape[1])
        point[name] = size * rng.standard_normal(shape)
    return point


def draw(rng, network, lengths, small=False):
    "A random problem; a small one where every entry of every array is to be tried"
    most = (3, 4, 3) if small else (20, 64, 32)
    n_x, n_a, m = (whole(rng, 1, size) for size in most)
    T, n_y = whole(rng, *lengths), 2 + whole(rng, 1, 3)
    regime, scale = weights_scale(rng)
    point = parameters_and_inputs(rng, scale, shapes(network, n_x, n_a, m, T, n_y))
    if rng.random() < 0.15:
        for name in point.keys() & {"a0", "c0"}:
            point[name] = np.zeros_like(point[name])
    counted, counts = counting(rng, m, T)
    target = one_hot(rng, n_y, m, T)
    goal = rng.standard_normal((n_a, m, T))
    return Problem(network, point, target, goal, counts, (regime, counted))


def impulses(rng, problem):
    "For every step, or for the first ones only; large or small"
    size = 10.0 ** rng.integers(-8, 4)
    da = size * rng.standard_normal(problem.goal.shape)
    T = da.shape[2]
    T_da = whole(rng, 1, T) if rng.random() < 0.15 else T
    return da[:, :, :T_da]


def fading(problem):
    "The problem with weights so small that the first state hears hardly anything"
    T = problem.counts.shape[1]
    step = TINY ** (1 / T)
    point = dict(problem.point)
    for name in point:
        if name in ("Waa", "Wf", "Wi", "Wc", "Wo"):
            point[name] = point[name] * step / abs(point[name]).max()
        if name == "bf":
            point[name] = np.full_like(point[name], np.log(step / (1 - step)))
    last = np.zeros_like(problem.counts)
    last[:, -1] = 1
    return replace(problem, point=point, counts=last, tags=("weights fading", "last step"))


def without_last(problem):
    "The problem with a last step that does not count"
    counts = problem.counts.copy()
    counts[:, -1] = 0
    return replace(problem, counts=counts)


# Forward


def states(network, v, room=None):
    "Hidden states and memories of all steps; written into zeros where room is a dtype"
    a, c, found = v["a0"], v.get("c0", 0), []
    for t in range(v["x"].shape[2]):
        z = before_the_gates(v, np.concatenate([a, v["x"][:, :, t]]))
        if network == "rnn":
            a = np.tanh(z["a"])
        else:
            c = sigmoid(z["f"]) * c + sigmoid(z["i"]) * np.tanh(z["c"])
            a = sigmoid(z["o"]) * np.tanh(c)
        found.append((a, c + 0 * a))
    steps = [np.stack(every, axis=2) for every in zip(*found)]
    if room is None:
        return steps
    rooms = [np.zeros(every.shape, room) for every in steps]
    for into, every in zip(rooms, steps):
        into[...] = every
    return rooms


def softmax(z):
    e = np.exp(z - z.real.max(axis=0))
    return e / e.sum(axis=0)


def predictions(problem, v, a):
    W = v[OUTPUT[problem.network]]
    scores = np.tensordot(W, a, axes=(1, 0)) + v["by"][:, :, None]
    return softmax(scores)


# What is looked at: the value, then da, dc and the gradients of the output layer


def cross_entropy(problem, v, a, c):
    y = predictions(problem, v, a)
    right = (y * problem.target).sum(axis=0)
    return -(problem.counts * np.log(right)).sum()


def cross_entropy_gradients(problem, a, c):
    v, name = problem.point, OUTPUT[problem.network]
    ds = problem.counts * (predictions(problem, v, a) - problem.target)
    da = np.tensordot(v[name], ds, axes=(0, 0))
    dW = np.tensordot(ds, a, axes=([1, 2], [1, 2]))
    db = ds.sum(axis=2).sum(axis=1)
    return da, None, {f"d{name}": dW, "dby": db[:, None]}


def squares(problem, v, a, c):
    "Of the distances from a goal; the LSTM's memories have one, too"
    off = (a - problem.goal) ** 2
    if problem.network == "lstm":
        off = off + (c + problem.goal) ** 2
    return (problem.counts * off).sum() / 2


def squares_gradients(problem, a, c):
    dc = None if c is None else problem.counts * (c + problem.goal)
    return problem.counts * (a - problem.goal), dc, {}


def kinked(problem, v, a, c):
    return (problem.counts * problem.goal * np.maximum(a, 0.1)).sum()


def kinked_gradients(problem, a, c):
    return problem.counts * problem.goal * (a > 0.1), None, {}


class Loss(NamedTuple):
    "A loss, as a caller may write it"

    value: Any = cross_entropy
    slopes: Any = cross_entropy_gradients
    factor: float = 1.0
    constant: float = 0.0
    penalty: float = 0.0
    room: Any = None  # a dtype, where the states are written into zeros
    single: bool = False  # computed so
    untidy: bool = False  # writes into the arrays that it gets
    unused: bool = False  # gets an array that it does not look at
    fades: bool = False
    restless: bool = False  # with each call it says something else
    silent: bool = False  # of the last step
    methods: tuple[str, ...] = ("auto", "central")


ANY = ("auto", "central", "complex")
LOSSES = {
    "cross-entropy": Loss(methods=ANY),
    "squares": Loss(squares, squares_gradients, methods=ANY),
    "into zeros": Loss(room=float),
    "squares into zeros": Loss(squares, squares_gradients, room=float),
    "plus 1e5": Loss(constant=1e5, methods=ANY),
    "plus 1e5 into zeros": Loss(constant=1e5, room=float),
    "times 1e-8": Loss(factor=1e-8, methods=ANY),
    "times 1e-8 into zeros": Loss(factor=1e-8, room=float),
    "penalty 1e-2 |w|": Loss(penalty=1e-2),
    "penalty 1e-7 |w|": Loss(penalty=1e-7),
    "plus 1e5, penalty": Loss(constant=1e5, penalty=1.0),
    "maximum": Loss(kinked, kinked_gradients),
    "in float32": Loss(single=True),
    "writes into what it gets": Loss(untidy=True, methods=ANY),
    "an array not used": Loss(unused=True, methods=ANY),
    "fading to 1e-302": Loss(fades=True, methods=ANY),
    "fading, into zeros": Loss(fades=True, room=float),
}
# of the loss: the gradients are right, and belong to another one
UNTRUE = {
    "says something else each time": Loss(restless=True),
    "a mask forgotten": Loss(silent=True, methods=ANY),
    "another factor": Loss(factor=2.0, methods=ANY),
    "a penalty forgotten": Loss(penalty=1e-2),
}


@dataclass
class Calls:
    "How often a loss has been called"

    number: int = field(default=0)


def function_of(loss, problem):
    "The loss as a function of arrays by name"
    calls = Calls()
    rest = cast(problem.point, np.float64)

    def value(given):
        calls.number += 1
        v = rest | given
        if loss.single:
            v = cast(v, np.float32)
        number = loss.value(problem, v, *states(problem.network, v, loss.room))
        number = loss.factor * number + loss.constant
        if loss.penalty:
            number = number + loss.penalty * abs(v[PENALISED[problem.network]]).sum()
        if loss.untidy:
            for array in given.values():
                array[...] = 0
        if loss.restless:
            number = number * (1 + 1e-3 * calls.number)
        return np.float32(number) if loss.single else number

    return value


def behind(loss, problem, a, c, caches):
    "What a backward pass is called with, and the gradients of the output layer"
    da, dc, found = loss.slopes(problem, a, c)
    upstream = [da.astype(a.dtype), caches]
    if dc is not None:
        upstream.append(dc.astype(a.dtype))
    return upstream, {name: loss.factor * gradient for name, gradient in found.items()}


def before(loss, problem, gradients):
    "The gradients of x, the states and the weights, from what a backward pass returned"
    found = {}
    for name in problem.point:
        if f"d{name}" in gradients:
            found[f"d{name}"] = loss.factor * gradients[f"d{name}"]
    if loss.penalty:
        name = PENALISED[problem.network]
        slope = loss.penalty * np.sign(problem.point[name])
        found[f"d{name}"] = found[f"d{name}"] + slope.astype(found[f"d{name}"].dtype)
    return found
