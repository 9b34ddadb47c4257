"""The guard around the functions, and the caches: asked once, by name, and never in the way."""

import ast
import collections
import dataclasses
import importlib
import inspect
import re
import sys
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import contextmanager
from typing import NamedTuple
from unittest import mock

import numpy as np
import pytest

import rnn_stepwise as rs
from conftest import PACKAGE
from networks import CELLS, KINDS, SEQUENCES, chained, network
from rnn_stepwise import checking, guard
from rnn_stepwise.checking import Caches, error_of

every = pytest.mark.parametrize("kind", KINDS)
cells = pytest.mark.parametrize("kind", CELLS)
sequences = pytest.mark.parametrize("kind", SEQUENCES)
FUNCTIONS = [getattr(rs, f"{kind}_{way}") for kind in KINDS for way in ("forward", "backward")]
TABLES = "SEQUENCES STEPS RNN_PARAMETERS LSTM_PARAMETERS GATES GRADIENTS".split()


def assert_equal(got, want):
    assert got.keys() == want.keys()
    for name in want:
        np.testing.assert_array_equal(got[name], want[name], strict=True)


# The functions hold equations


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_bodies_check_convert_and_unpack_nothing(function):
    source = inspect.getsource(inspect.unwrap(function))
    body = ast.parse(source).body[0].body
    names = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
    assert not names & {"isinstance", "type", "checked", "refuse", "asarray", "as_arrays"}
    for part in body:
        for node in ast.walk(part):
            assert not isinstance(node, (ast.Raise, ast.Assert, ast.Try, ast.Starred))
            if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
                by_name = isinstance(node.slice.value, str)
                assert by_name or ast.unparse(node.value).endswith(".shape"), ast.unparse(node)


@every
def test_the_guard_changes_no_number(kind):
    case = network(kind)
    plain = inspect.unwrap(case.forward_function)
    arguments = [*case.inputs.values()]
    arguments.insert(len(arguments) if kind in CELLS else 2, case.parameters)
    for got, want in zip(plain(*arguments)[:-1], case.results.values(), strict=True):
        np.testing.assert_array_equal(got, want, strict=True)


def reversed_tables(source):
    "The source of the notation with the rows of every table in reversed order"
    tree = ast.parse(source)
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in TABLES:
            node.value.keys.reverse()
            node.value.values.reverse()
    return ast.unparse(tree)


@contextmanager
def package_with(change):
    "A second copy of the package, its notation changed; afterwards the first one is back"
    names = [name for name in sys.modules if name.split(".")[0] == "rnn_stepwise"]
    kept = {name: sys.modules.pop(name) for name in names}
    source = (PACKAGE / "notation.py").read_text(encoding="utf-8")
    try:
        importlib.import_module("rnn_stepwise.checking")
        for name in [name for name in sys.modules if name.split(".")[0] == "rnn_stepwise"]:
            del sys.modules[name]
        finder = Changed("rnn_stepwise.notation", change(source))
        sys.meta_path.insert(0, finder)
        yield importlib.import_module("rnn_stepwise")
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name.split(".")[0] == "rnn_stepwise"]:
            del sys.modules[name]
        sys.modules.update(kept)


class Changed(importlib.abc.MetaPathFinder, importlib.abc.SourceLoader):
    "Imports one module from another source"

    def __init__(self, name, source):
        self.name, self.source = name, source

    def find_spec(self, name, path=None, target=None):
        if name == self.name:
            return importlib.util.spec_from_loader(name, self)

    def get_filename(self, name):
        return str(PACKAGE / "notation.py")

    def get_data(self, path):
        return self.source.encode()


@every
def test_the_order_of_rows_in_the_tables_is_documentation(kind):
    "Shuffle the tables, and every function returns the same bits"
    case = network(kind)
    want, gradients = case.results, case.backward()
    arguments = [*case.inputs.values()]
    arguments.insert(len(arguments) if kind in CELLS else 2, case.parameters)
    upstream = [*case.upstream.values()]
    with package_with(reversed_tables) as other:
        assert list(other.LSTM_PARAMETERS) == list(rs.LSTM_PARAMETERS)[::-1]
        *results, cache = getattr(other, f"{kind}_forward")(*arguments)
        upstream.insert(len(upstream) if kind in CELLS else 1, cache)
        back = getattr(other, f"{kind}_backward")(*upstream)
    assert_equal(dict(zip(want, results, strict=True)), want)
    assert_equal(back, gradients)


# Caches are a type


@every
def test_a_cache_is_a_named_tuple_equal_to_the_plain_one(kind):
    case = network(kind)
    type_ = rs.RNNCache if "rnn" in kind else rs.LSTMCache
    fields = "a_next a_prev xt parameters"
    if type_ is rs.LSTMCache:
        fields = "a_next c_next a_prev c_prev ft it cct ot xt parameters"
    for step in case.steps:
        assert type(step) is type_ and step._fields == tuple(fields.split())
        plain = tuple(step)
        assert all(getattr(step, name) is value for name, value in zip(step._fields, plain))
    if kind in SEQUENCES:
        steps, x = case.caches
        assert type(case.caches) is Caches and case.caches == (steps, x)
        assert case.caches.x is x is case.inputs["x"] and len(steps) == x.shape[2]


def test_under_each_name_of_an_lstm_cache_stands_what_it_says():
    case = network("lstm_cell")
    z = np.concatenate([case.inputs["a_prev"], case.inputs["xt"]])
    for letter, name, activate in [
        ("f", "ft", rs.sigmoid),
        ("i", "it", rs.sigmoid),
        ("c", "cct", np.tanh),
        ("o", "ot", rs.sigmoid),
    ]:
        weights, bias = case.parameters[f"W{letter}"], case.parameters[f"b{letter}"]
        value = getattr(case.caches, name)
        np.testing.assert_allclose(value, activate(weights @ z + bias), rtol=1e-13)
    for name in "a_next", "c_next":
        np.testing.assert_array_equal(getattr(case.caches, name), case.results[name])


@cells
def test_plain_tuples_are_as_good_for_a_cell(kind):
    case = network(kind)
    assert_equal(case.backward(tuple(case.caches)), case.backward())


class Lazy(Sequence):
    "A sequence that is no list"

    def __init__(self, steps):
        self.steps = steps

    def __len__(self):
        return len(self.steps)

    def __getitem__(self, t):
        return self.steps[t]


@sequences
@pytest.mark.parametrize("container", [list, tuple, deque, Lazy])
@pytest.mark.parametrize("entry", [tuple, lambda step: step])
def test_steps_may_be_any_sequence_of_plain_or_named_tuples(kind, container, entry):
    case = network(kind)
    steps = container([entry(step) for step in case.steps])
    for caches in (steps, case.inputs["x"]), Caches(steps, case.inputs["x"]):
        assert_equal(case.backward(caches), case.backward())


@sequences
def test_parameters_may_differ_from_step_to_step(kind):
    "The gradient of each step's own parameters, and of x, by the complex step"
    case = network(kind)
    tables = [network(kind, seed=seed).parameters for seed in range(6)]
    _, caches = chained(case, tables)
    got = case.backward(caches)
    name = "Waa" if kind == "rnn" else "Wc"
    way = np.random.default_rng(1).normal(size=tables[0][name].shape)
    total = 0
    for t in range(case.upstream["da"].shape[2]):
        moved = [*tables]
        moved[t] = tables[t] | {name: tables[t][name] + 1e-30j * way}
        found, _ = chained(case, moved)
        states = [found["a_next"], *([found["c_next"]] if kind == "lstm" else [])]
        for state, upstream in zip(states, case.upstream.values()):
            weighted = sum((s * d).sum() for s, d in zip(state, np.moveaxis(upstream, 2, 0)))
            total += weighted.imag / 1e-30
    assert abs((got[f"d{name}"] * way).sum() - total) < 1e-10 * abs(total)


@every
def test_what_needed_no_conversion_is_the_callers_own(kind):
    case = network(kind)
    first, last = case.steps[0], case.steps[-1]
    assert first.parameters is last.parameters is case.parameters
    state = [*case.inputs.values()][1]
    assert first.a_prev is state
    assert np.shares_memory(first.xt, [*case.inputs.values()][0])
    # an input that is converted leaves the parameters alone
    name = [*case.inputs][1]
    listed = case.change(inputs={name: state.tolist()})
    assert listed.steps[0].parameters is listed.parameters
    assert type(listed.steps[0].a_prev) is np.ndarray


@sequences
def test_the_caches_hold_every_step_of_x_and_of_the_results(kind):
    case = network(kind)
    for t, step in enumerate(case.steps):
        assert step.parameters is case.parameters and np.shares_memory(step.xt, case.inputs["x"])
        np.testing.assert_array_equal(step.xt, case.inputs["x"][:, :, t], strict=True)
        np.testing.assert_array_equal(step.a_next, case.results["a"][:, :, t], strict=True)


@every
def test_a_weight_changed_in_place_is_seen_on_the_way_back(kind):
    case = network(kind)
    case.forward()
    before = case.backward()
    case.parameters["Waa" if "rnn" in kind else "Wf"][...] *= 2
    after = case.backward()
    state = "da_prev" if kind in CELLS else "da0"
    assert abs(after[state] - before[state]).max() > 0.01


@every
def test_parameters_that_had_to_be_converted_are_cached_converted(kind):
    "With everything else that stands in the dict; and the caller's own is not touched"
    case = network(kind)
    single = {name: value.astype("f4") for name, value in case.parameters.items()}
    mixed = case.change(parameters=single | {"note": "mine"})
    cached = mixed.steps[0].parameters
    assert cached is mixed.steps[-1].parameters and cached["note"] == "mine"
    assert all(cached[name].dtype == np.float64 for name in single)
    assert all(mixed.parameters[name].dtype == np.float32 for name in single)
    assert {g.dtype for g in mixed.backward().values()} == {np.dtype("f8")}


@every
def test_writing_into_results_changes_no_cache(kind):
    case = network(kind)
    before = [[entry.copy() for entry in step[:-1]] for step in case.steps]
    for result in case.results.values():
        result[...] = np.nan
    for step, old in zip(case.steps, before):
        for entry, value in zip(step, old):
            np.testing.assert_array_equal(entry, value)


# Asked once


class Counted:
    "Counts how often a function of the package is called"

    def __init__(self, function):
        self.function, self.calls = function, 0

    def __call__(self, *args, **kwargs):
        self.calls += 1
        return self.function(*args, **kwargs)


@sequences
@pytest.mark.parametrize("as_lists", [False, True])
def test_a_sequence_is_checked_once_however_long_it_is(kind, as_lists, monkeypatch):
    counted = []
    for T_x in 4, 40:
        case = network(kind, (3, 5, 2, 11, T_x, T_x))  # sizes that no other test has
        inputs = {name: value.tolist() for name, value in case.inputs.items()}
        case = case.change(inputs=inputs) if as_lists else case
        with monkeypatch.context() as patch:
            patch.setattr(checking, "array", Counted(checking.array))
            patch.setattr(guard, "together", Counted(guard.together))
            case.forward()
            counted.append((checking.array.calls, guard.together.calls))
    assert counted[0] == counted[1] and counted[0][1] == 1


@every
def test_what_was_right_before_is_recognised_and_nothing_else_is(kind, monkeypatch):
    case = network(kind, (3, 5, 2, 7, 5, 4))
    case.forward()
    case.backward()
    patched = Counted(guard.together)
    monkeypatch.setattr(guard, "together", patched)
    case.forward()
    case.backward()
    assert patched.calls == 0
    x_name, state_name = [*case.inputs][:2]
    state = case.inputs[state_name]
    masked = np.ma.masked_array(state, np.zeros(state.shape, bool))
    for other in masked, state.astype("f4"), state.tolist(), state[:, :3], state + 0j:
        patched.calls = 0
        message = error_of(case.change(inputs={state_name: other}).forward)
        assert patched.calls == 1
        assert bool(message) == (other is masked or len(other[0]) == 3)
    weight = [*case.parameters][0]
    message = error_of(case.change(parameters={weight: np.ones((9, 9))}).forward)
    assert message.startswith(f"ValueError: {weight}: expected ")


def long_ways(monkeypatch, call):
    "How often a call takes the long way"
    counted = Counted(checking.together)
    with monkeypatch.context() as patch:
        patch.setattr(guard, "together", counted)
        call()
    return counted.calls


def test_two_sizes_are_remembered_beside_each_other(monkeypatch):
    small, large = network("rnn", (3, 5, 2, 13, 2, 2)), network("rnn", (3, 5, 2, 14, 3, 3))
    for case in small, large, small, large:
        case.forward()
    assert long_ways(monkeypatch, small.forward) == 0
    assert long_ways(monkeypatch, large.forward) == 0


def test_what_is_left_out_is_remembered_too(monkeypatch):
    case = network("lstm")
    arguments = case.inputs["x"], case.inputs["a0"], case.parameters
    for more in (), (None,):
        rs.lstm_forward(*arguments, *more)
        assert long_ways(monkeypatch, lambda: rs.lstm_forward(*arguments, *more)) == 0


def test_some_parameters_among_others_are_remembered(monkeypatch):
    "A function that needs one, and one that is told by the dict which it needs"
    case = network("rnn")
    others = case.parameters | {"note": "mine"}
    target = np.round(case.results["y_pred"])

    def output():
        rs.output_backward(case.results["y_pred"], target, case.results["a"], others)

    def jacobian():
        rs.rnn_cell_jacobian(case.steps[0]._replace(parameters=others))

    for call in output, jacobian:
        call()
        assert long_ways(monkeypatch, call) == 0


def tampered(case):
    "(what was done, caches that must be refused), all of the types that the package itself makes"
    steps, x = case.caches
    wrong = case.parameters | {[*case.parameters][0]: np.ones((9, 9))}
    for name in steps[0]._fields[:-1]:
        narrow = [step._replace(**{name: getattr(step, name)[:, :3]}) for step in steps]
        yield f"{name} of every step", Caches(narrow, x)
        yield f"{name} of a later step", Caches([*steps[:2], narrow[2], *steps[3:]], x)
    changed = [step._replace(parameters=wrong) for step in steps]
    yield "parameters of every step", Caches(changed, x)
    yield "parameters of a later step", Caches([*steps[:2], changed[2], *steps[3:]], x)
    yield "a step too few", Caches(steps[:5], x)
    yield "another x", Caches(steps, x[:, :3])


@sequences
def test_tampered_caches_are_noticed_after_right_ones(kind):
    case = network(kind)
    case.backward()
    for what, caches in tampered(case):
        message = error_of(case.backward, caches)
        assert message.startswith("ValueError: ") and ": expected (" in message, what


@cells
def test_a_tampered_cache_is_noticed_after_a_right_one(kind):
    case = network(kind)
    case.backward()
    for name in case.caches._fields[:-1]:
        narrow = getattr(case.caches, name)[:, :3]
        message = error_of(case.backward, case.caches._replace(**{name: narrow}))
        assert message.startswith("ValueError: "), name


@every
def test_nested_lists_in_caches_are_as_good(kind):
    case = network(kind)
    steps = []
    for step in case.steps:
        listed = {name: value.tolist() for name, value in step._asdict().items() if name in DRAWN}
        steps.append(step._replace(**listed))
    caches = steps[0] if kind in CELLS else Caches(steps, case.inputs["x"].tolist())
    assert_equal(case.backward(caches), case.backward())
    assert type(steps[0].a_next) is list  # what was given stays as it was


DRAWN = set(rs.LSTMCache._fields) - {"parameters"}


class Foreign(NamedTuple):
    "A tuple of the user's own, whose names mean something else"

    xt: object
    a_next: object
    a_prev: object
    parameters: object


@pytest.mark.parametrize("kind", ["rnn_cell", "rnn"])
def test_a_tuple_of_another_type_is_read_by_position(kind):
    case = network(kind)
    case.backward()
    foreign = [Foreign(*step) for step in case.steps]
    caches = foreign[0] if kind in CELLS else Caches(foreign, case.inputs["x"])
    assert_equal(case.backward(caches), case.backward())


@guard.guarded(rs.RNN_PARAMETERS, rs.RNNCache)
def x_of(da, caches):
    "What a function behind the guard sees of x"
    return caches.x


def test_converted_caches_keep_their_x():
    case = network("rnn")
    steps = [step._replace(a_prev=step.a_prev.tolist()) for step in case.steps]
    assert x_of(case.upstream["da"], (steps, case.inputs["x"])) is case.inputs["x"]


def test_what_is_remembered_has_a_bound():
    ready = guard._asking(guard.Contract(("xt",), ("xt",), ()), inspect.signature(lambda xt: 0))
    cells = dict(zip(ready.__code__.co_freevars, ready.__closure__))
    for m in range(1, 1200):
        ready((np.ones((1, m)),), {})
    assert 1 <= len(cells["right"].cell_contents) <= 1000


def test_after_an_error_inside_the_guard_stands_again():
    @guard.guarded()
    def breaks(a0):
        raise RuntimeError("inside")

    case = network("rnn")
    assert error_of(breaks, case.inputs["a0"]) == "RuntimeError: inside"
    message = error_of(case.change(inputs={"a0": np.ones((5, 6))}).forward)
    assert message == "ValueError: a0: expected (n_a, m) = (n_a, 7), got (5, 6)"


def test_a_call_in_one_thread_opens_no_door_in_another():
    inside, done, messages = threading.Event(), threading.Event(), []

    @guard.guarded()
    def waits(xt):
        inside.set()
        done.wait(10)
        return xt

    thread = threading.Thread(target=waits, args=(np.ones((3, 2)),))
    thread.start()
    assert inside.wait(10)
    messages.append(error_of(rs.sigmoid, "text"))
    done.set()
    thread.join(10)
    assert messages == ["TypeError: z: expected an array of numbers, got str"]


class Busy(dict):
    "A dict whose reading calls the package with something wrong"

    def __getitem__(self, name):
        self.messages.append(error_of(rs.sigmoid, "text"))
        return super().__getitem__(name)


def test_what_runs_meanwhile_is_checked_as_ever():
    case = network("rnn")
    busy = Busy(case.parameters)
    busy.messages = []
    case.forward()
    a, _, _ = rs.rnn_forward(case.inputs["x"], case.inputs["a0"], busy)
    np.testing.assert_array_equal(a, case.results["a"], strict=True)
    assert set(busy.messages) == {"TypeError: z: expected an array of numbers, got str"}


class Indexed:
    "Can be read like a dict, and is none"

    def __init__(self, table):
        self.table = table

    def __getitem__(self, name):
        return self.table[name]


@every
def test_what_only_looks_right_is_refused_after_a_right_call(kind):
    case = network(kind)
    case.forward()
    case.backward()
    wrong = dataclasses.replace(case, parameters=Indexed(case.parameters))
    assert error_of(wrong.forward).startswith("TypeError: parameters: expected a dict")
    name = [*case.inputs][0]
    shape = case.inputs[name].shape
    spoof = mock.Mock(spec=np.ndarray, shape=shape, dtype=np.dtype(float))
    message = error_of(case.change(inputs={name: spoof}).forward)
    assert f"Error: {name}: expected an array" in message


def test_nothing_is_put_into_a_dict_that_makes_what_is_missing():
    case = network("rnn")
    case.forward()
    table = collections.defaultdict(lambda: np.zeros((5, 1)), case.parameters)
    del table["ba"]
    message = error_of(dataclasses.replace(case, parameters=table).forward)
    assert message.startswith("ValueError: ba: expected (n_a, 1), got parameters without it")
    assert "ba" not in table


def test_arguments_may_be_given_by_name_and_are_named_when_they_are_missing():
    case = network("lstm")
    by_name = rs.lstm_forward(**case.inputs, parameters=case.parameters)
    assert_equal(dict(zip(case.results, by_name[:-1], strict=True)), case.results)
    back = rs.lstm_backward(caches=case.caches, **case.upstream)
    assert_equal(back, case.backward())
    assert error_of(rs.lstm_forward, case.inputs["x"]).startswith("TypeError: missing")
    assert error_of(rs.lstm_forward, *case.inputs.values(), 1, 2, 3).startswith(
        "TypeError: too many"
    )


# Shapes in help


def shown(parameter):
    "Is this an argument that has a shape?"
    return any(word in str(parameter.annotation) for word in ("ArrayLike", "Cache", "ndarray"))


def public_functions():
    found = {name: value for name, value in vars(rs).items() if inspect.isfunction(value)}
    return [value for name, value in found.items() if value.__module__.startswith("rnn_stepwise")]


@pytest.mark.parametrize("function", public_functions(), ids=lambda f: f.__name__)
def test_help_shows_the_shape_of_every_array(function):
    text = inspect.getdoc(function)
    for name, parameter in inspect.signature(function).parameters.items():
        if not shown(parameter):
            continue
        if name in rs.ALPHABET:
            assert rs.ALPHABET[name].shape in text, f"{name} of {function.__name__}"
        elif name in ("parameters", "cache", "caches") or "Mapping" in str(parameter.annotation):
            continue
        else:
            assert "(" in text or "any shape" in text, f"{name} of {function.__name__}"
    returns = str(inspect.signature(function).return_annotation)
    if "ndarray" in returns:
        assert "(" in text or "shape" in text, f"what {function.__name__} returns"


def returned(function):
    "The names that a docstring marks as results, in order"
    return re.findall(r"→ (\w+)", function.__doc__)


@every
def test_help_of_a_network_names_all_it_takes_and_returns(kind):
    case = network(kind)
    words = set(re.findall(r"\w+", case.forward_function.__doc__))
    assert words >= {*case.inputs, *case.parameters}
    last = "cache" if kind in CELLS else "caches"
    assert returned(case.forward_function) == [*case.results, last]
    gradients = case.backward()
    assert returned(case.backward_function) == list(gradients)
    for name in gradients:
        row = f"→ {name:<10} {checking.shape_of(name)}"
        assert row in case.backward_function.__doc__


def test_help_of_the_output_layer_names_what_it_returns():
    assert returned(rs.output_backward) == ["da", "dWya", "dby"]
