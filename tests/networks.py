"""Random networks for all tests: arguments, results, and the gradients that arrive.

    case = network("lstm")                 a sequence; "lstm_cell" is one step; so for the RNN
    case.inputs, case.parameters           arrays by name: x, a0, c0 and Wf, bf, ...
    case.upstream                          the gradients that arrive, by name: da, dc
    case.results, case.caches              what the forward function returned, once
    case.forward(), case.backward()        both functions, called again
    case.change(inputs={"x": x})           the case with another x
    case.every(np.asfortranarray)          the case with every array changed

All sizes differ unless a test says otherwise, so that no transpose slips through, and no bias is
zero, so that no forgotten bias does.
"""
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

import rnn_stepwise as rs

KINDS = ["rnn_cell", "lstm_cell", "rnn", "lstm"]
CELLS, SEQUENCES = KINDS[:2], KINDS[2:]
INPUTS = {
    "rnn_cell": ["xt", "a_prev"],
    "lstm_cell": ["xt", "a_prev", "c_prev"],
    "rnn": ["x", "a0"],
    "lstm": ["x", "a0", "c0"],
}
RESULTS = {
    "rnn_cell": ["a_next", "yt_pred"],
    "lstm_cell": ["a_next", "c_next", "yt_pred"],
    "rnn": ["a", "y_pred"],
    "lstm": ["a", "y", "c"],
}
UPSTREAM = {
    "rnn_cell": ["da_next"],
    "lstm_cell": ["da_next", "dc_next"],
    "rnn": ["da"],
    "lstm": ["da", "dc"],
}


class Sizes(NamedTuple):
    "T_da: for how many of the T_x steps a gradient arrives; never for more than there are"

    n_x: int = 3
    n_a: int = 5
    n_y: int = 2
    m: int = 7
    T_x: int = 6
    T_da: int = 4


ALL_DIFFERENT = Sizes()


@dataclass(frozen=True, eq=False)
class Case:
    "One call of a forward function and one of its backward function"

    kind: str
    inputs: dict[str, Any]
    parameters: Mapping[str, Any]
    upstream: dict[str, Any]

    @property
    def forward_function(self) -> Callable[..., Any]:
        return getattr(rs, f"{self.kind}_forward")

    @property
    def backward_function(self) -> Callable[..., Any]:
        return getattr(rs, f"{self.kind}_backward")

    def forward(self) -> tuple[Any, ...]:
        "What the forward function returns, its caches last"
        arguments = [*self.inputs.values()]
        after = len(arguments) if self.kind in CELLS else 2  # c0 comes after the parameters
        arguments.insert(after, self.parameters)
        return self.forward_function(*arguments)

    @cached_property
    def returned(self) -> tuple[Any, ...]:
        return self.forward()

    @property
    def results(self) -> dict[str, np.ndarray]:
        return dict(zip(RESULTS[self.kind], self.returned[:-1], strict=True))

    @property
    def caches(self) -> Any:
        "Of a cell the one cache"
        return self.returned[-1]

    @property
    def steps(self) -> list[Any]:
        "The cache of each step"
        return [self.caches] if self.kind in CELLS else self.caches[0]

    def backward(self, caches: Any = ..., **upstream: Any) -> dict[str, np.ndarray]:
        "What the backward function returns; other caches or gradients where some are given"
        caches = self.caches if caches is ... else caches
        arguments = [*(self.upstream | upstream).values()]
        after = len(arguments) if self.kind in CELLS else 1  # dc comes after the caches
        arguments.insert(after, caches)
        return self.backward_function(*arguments)

    def change(self, **changes: Mapping[str, Any]) -> "Case":
        "The case with other inputs, parameters or upstream gradients under the names given"
        merged = {field: {**getattr(self, field), **new} for field, new in changes.items()}
        return replace(self, **merged)

    def every(self, change: Callable[[Any], Any]) -> "Case":
        "The case with every array changed alike"
        fields = ("inputs", "parameters", "upstream")
        return self.change(**{field: changed(getattr(self, field), change) for field in fields})

    def given(self) -> list[np.ndarray]:
        "Every array that the backward function looks at, the caller's and the caches'"
        found = [*self.inputs.values(), *self.parameters.values(), *self.upstream.values()]
        for step in self.steps:
            found += step[:-1]
        if self.kind in SEQUENCES:
            found.append(self.caches[1])
        return found


def changed(arrays: Mapping[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
    return {name: change(value) for name, value in arrays.items()}


def network(
    kind: str,  # one of KINDS: the function's name without _forward or _backward
    sizes: tuple[int, ...] = ALL_DIFFERENT,
    seed: Any = 0,  # of numpy.random.default_rng
    dtype: Any = np.float64,
) -> Case:
    "A random network and what it is called with."
    n_x, n_a, n_y, m, T_x, T_da = Sizes(*sizes)
    rng = np.random.default_rng(seed)
    time, arriving = ((T_x,), (min(T_da, T_x),)) if kind in SEQUENCES else ((), ())

    def drawn(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(dtype)

    init = rs.init_lstm_parameters if "lstm" in kind else rs.init_rnn_parameters
    parameters = init(n_x, n_a, n_y, rng)
    for name, value in parameters.items():
        parameters[name] = (value + 0.3 * rng.normal(size=value.shape)).astype(dtype)
    x_name, *states = INPUTS[kind]
    inputs = {x_name: drawn(n_x, m, *time)} | {name: drawn(n_a, m) for name in states}
    upstream = {name: drawn(n_a, m, *arriving) for name in UPSTREAM[kind]}
    return Case(kind, inputs, parameters, upstream)


def chained(case: Case, tables: list[Mapping[str, Any]]) -> tuple[dict[str, list[Any]], Any]:
    "A sequence step by step, each step with parameters of its own: results by name, caches"
    cell = getattr(rs, f"{case.kind}_cell_forward")
    x, *states = case.inputs.values()
    found: dict[str, list[Any]] = {name: [] for name in RESULTS[f"{case.kind}_cell"]}
    steps = []
    for t, parameters in enumerate(tables):
        *results, cache = cell(x[:, :, t], *states, parameters)
        states = results[:-1]
        steps.append(cache)
        for name, value in zip(found, results):
            found[name].append(value)
    return found, (steps, x)


def targets(sizes: tuple[int, ...] = ALL_DIFFERENT, seed: Any = 0) -> tuple[Any, Any]:
    "What was right, as one-hot columns (n_y, m, T_x), and how much each step counts (m, T_x)"
    _, _, n_y, m, T_x, _ = Sizes(*sizes)
    rng = np.random.default_rng(seed)
    right = rng.integers(n_y, size=(m, T_x))
    target = np.moveaxis(np.eye(n_y)[right], 2, 0)
    return target, rng.choice([0, 0.5, 1], size=(m, T_x))


def logits(a: np.ndarray, W: np.ndarray, b: np.ndarray) -> np.ndarray:
    "The output layer at every step, before the softmax: (n_y, m, T_x)"
    return np.einsum("ya,amt->ymt", W, a) + b[:, :, None]
