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
from rnn_stepwise.checking import shape_in_numbers

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
        arguments = list(self.inputs.values())
        place = len(arguments)
        if self.kind == "lstm":
            place = 2  # c0 comes after the parameters
        arguments.insert(place, self.parameters)
        return self.forward_function(*arguments)

    @cached_property
    def returned(self) -> tuple[Any, ...]:
        return self.forward()

    @property
    def results(self) -> dict[str, np.ndarray]:
        names = RESULTS[self.kind]
        *arrays, _ = self.returned
        return dict(zip(names, arrays, strict=True))

    @property
    def caches(self) -> Any:
        "Of a cell the one cache"
        return self.returned[-1]

    @property
    def steps(self) -> list[Any]:
        "The cache of each step"
        if self.kind in CELLS:
            return [self.caches]
        return self.caches[0]

    def backward(self, caches: Any = ..., **upstream: Any) -> dict[str, np.ndarray]:
        "What the backward function returns; other caches or gradients where some are given"
        if caches is ...:
            caches = self.caches
        arriving = self.upstream | upstream
        arguments = list(arriving.values())
        place = len(arguments)
        if self.kind == "lstm":
            place = 1  # dc comes after the caches
        arguments.insert(place, caches)
        return self.backward_function(*arguments)

    def change(self, **changes: Mapping[str, Any]) -> "Case":
        "The case with other inputs, parameters or upstream gradients under the names given"
        for field, new in changes.items():
            old = getattr(self, field)
            changes[field] = {**old, **new}
        return replace(self, **changes)

    def every(self, change: Callable[[Any], Any]) -> "Case":
        "The case with every array changed alike"
        fields = {}
        for field in ("inputs", "parameters", "upstream"):
            old = getattr(self, field)
            fields[field] = {name: change(array) for name, array in old.items()}
        return replace(self, **fields)

    def given(self) -> list[np.ndarray]:
        "Every array that the backward function looks at, the caller's and the caches'"
        found = []
        for arrays in (self.inputs, self.parameters, self.upstream):
            found += arrays.values()
        for step in self.steps:
            found += step[:-1]
        if self.kind in SEQUENCES:
            found.append(self.caches[1])
        return found


def network(
    kind: str,  # one of KINDS: the function's name without _forward or _backward
    sizes: tuple[int, ...] = ALL_DIFFERENT,
    seed: Any = 0,  # of numpy.random.default_rng
    dtype: Any = np.float64,
) -> Case:
    "A random network and what it is called with."
    size = Sizes(*sizes)
    size = size._replace(T_da=min(size.T_da, size.T_x))
    rng = np.random.default_rng(seed)

    def drawn(names):
        arrays = {}
        for name in names:
            shape = shape_in_numbers(name, size._asdict())
            numbers = rng.normal(size=shape)
            arrays[name] = numbers.astype(dtype)
        return arrays

    init = rs.init_rnn_parameters
    if "lstm" in kind:
        init = rs.init_lstm_parameters
    parameters = init(size.n_x, size.n_a, size.n_y, rng)
    for name, noise in drawn(parameters).items():
        value = parameters[name] + 0.3 * noise
        parameters[name] = value.astype(dtype)
    inputs = drawn(INPUTS[kind])
    upstream = drawn(UPSTREAM[kind])
    return Case(kind, inputs, parameters, upstream)


def chained(case: Case, tables: list[Mapping[str, Any]]) -> tuple[dict[str, list[Any]], Any]:
    "A sequence step by step, each step with parameters of its own: results by name, caches"
    cell = getattr(rs, f"{case.kind}_cell_forward")
    names = RESULTS[f"{case.kind}_cell"]
    x, *states = case.inputs.values()
    found = {name: [] for name in names}
    steps = []
    for t, parameters in enumerate(tables):
        *results, cache = cell(x[:, :, t], *states, parameters)
        steps.append(cache)
        states = results[:-1]
        for name, value in zip(names, results):
            found[name].append(value)
    return found, (steps, x)


def targets(sizes: tuple[int, ...] = ALL_DIFFERENT, seed: Any = 0) -> tuple[Any, Any]:
    "What was right, as one-hot columns (n_y, m, T_x), and how much each step counts (m, T_x)"
    size = Sizes(*sizes)
    shape = (size.m, size.T_x)
    rng = np.random.default_rng(seed)
    right = rng.integers(size.n_y, size=shape)
    columns = np.eye(size.n_y)[right]
    target = np.moveaxis(columns, 2, 0)
    return target, rng.choice([0, 0.5, 1], size=shape)


def scores(a: np.ndarray, W: np.ndarray, b: np.ndarray) -> np.ndarray:
    "The output layer at every step, before the softmax: (n_y, m, T_x)"
    products = np.einsum("ya,amt->ymt", W, a)
    return products + b[:, :, None]
