"""Every public function, every argument, every kind of bad value: hostile.toml, with the kinds of hostile.py."""

import inspect
import itertools
import pkgutil
import re
import tomllib
import warnings
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import rnn_stepwise

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")
import matplotlib.pyplot as plt

from hostile import ALSO, SAME, WRONG, names, wrong
from test_refusals import look

TABLE = tomllib.loads((Path(__file__).parent / "hostile.toml").read_text())
PARTS = {  # what a sentence may name within an argument
    "diagram": "nodes edges stages frame title at label symbol kind stage tail head bend level "
    "start under",
    "page": "ax unit",
    "floats": "own + future",
}
PARTS["edge"] = PARTS["end"] = PARTS["node"] = PARTS["broken"] = PARTS["diagram"]


def public():
    "Name as in the table → function, for every function and method that a module offers."
    for info in pkgutil.walk_packages(rnn_stepwise.__path__, "rnn_stepwise."):
        module = import_module(info.name)
        for name in getattr(module, "__all__", []):
            value = getattr(module, name)
            at_top = getattr(rnn_stepwise, name, None) is value
            shown = name if at_top else f"{info.name.rpartition('.')[2]}.{name}"
            if inspect.isroutine(inspect.unwrap(value)):
                yield shown, value
            elif inspect.isclass(value):
                for method, code in vars(value).items():
                    inherited = method in getattr(tuple, "__dict__", {})
                    if inspect.isfunction(code) and method[0] != "_" and not inherited:
                        yield f"{shown}.{method}", code


FUNCTIONS = dict(public())


@pytest.fixture(scope="module")
def space():
    with matplotlib.rc_context():
        yield names()
    plt.close("all")


def entries(row):
    "Kind, is None right too, the code of a right value, and what else is wrong."
    first, *more = [row] if isinstance(row, str) else row
    kind, code = first.split(": ", 1)
    return kind.rstrip("?"), kind.endswith("?"), code, more


def right_call(name, space):
    "A right value for every argument."
    call = {}
    for argument, row in TABLE[name].items():
        call[argument] = eval(entries(row)[2], space)
    if name == "load_parameters":
        rnn_stepwise.save_parameters(call["file"], space["p"])
    return call


def invoke(function, call):
    "The function with these arguments by name."
    call, more = dict(call), []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            call |= call.pop(name)
        if parameter.kind is parameter.VAR_POSITIONAL:
            more = call.pop(name)
    if not more:
        return function(**call)
    return function(*[call.pop(name) for name in [*call]][:1], *more, **call)


def world():
    "All that a call has to leave alone."
    state = look(np.random.get_state())
    return [*warnings.filters], np.geterr(), state, plt.get_fignums(), dict(matplotlib.rcParams)


def held(value):
    "As `look`, for what is only compared by identity too."
    try:
        return look(value)
    except Exception:
        return id(value)


def ending(function, call, allowed):
    "What is wrong with the way in which a wrong call ends; nothing, if all is well."
    before, given = world(), held(call)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            invoke(function, call)
        except (ValueError, TypeError) as error:
            said = str(error)
            named = re.match(r"(.+?): expected .+", said)
            found = "" if named and named[1] in allowed and "\n" not in said else repr(error)
        except BaseException as error:
            found = repr(error)
        else:
            found = "nothing raised"
    if world() != before:
        found += " something global was changed"
    if held(call) != given:
        found += " what was given was changed"
    return found[:300]


def names_in(value):
    "The names of arrays within an argument."
    if isinstance(value, Mapping):
        return {*map(str, value)} | {name for entry in value.values() for name in names_in(entry)}
    if hasattr(value, "_fields"):
        found = {*value._fields}
        return found | {name for entry in value for name in names_in(entry)}
    if isinstance(value, list) and value:
        return names_in(value[0])
    return set()


def bad_calls(name, space):
    "Argument, code of a bad value, the call, and the names that the error may say."
    right = right_call(name, space)
    for argument, row in TABLE[name].items():
        kind, none_too, _, more = entries(row)
        v = right[argument]
        fields = ()
        if kind in ("cache", "caches"):
            fields = (v if kind == "cache" else v[0][0])._fields
        within = {argument, *names_in(v), *PARTS.get(kind, "").split(" ")}
        within |= {"own + future", "caches", "cache"} if kind in ("floats", "caches") else set()
        first = next(iter(v)) if isinstance(v, Mapping) and v else None
        for code in (*wrong(kind, none_too, fields), *more):
            value = eval(code, space | {"v": v, "first": first})
            allowed = within | (set(right) if kind in ("cache", "caches") else set())
            yield argument, code, right | {argument: value}, allowed


def test_every_function_and_argument_has_its_row():
    assert TABLE.keys() == FUNCTIONS.keys()
    for name, function in FUNCTIONS.items():
        assert [*TABLE[name]] == [*inspect.signature(function).parameters], name
        for row in TABLE[name].values():
            assert entries(row)[0] in WRONG, (name, row)


def test_what_a_reader_calls_has_no_argument_that_is_not_tried():
    untried = {"inner", "any"}
    for name, arguments in TABLE.items():
        inner = [row for row in arguments.values() if entries(row)[0] in untried]
        assert not inner or name.startswith(("checking.", "guard.", "watching.")), name


@pytest.mark.parametrize("name", TABLE)
def test_a_bad_value_is_refused_by_the_name_of_its_argument(name, space):
    failed = []
    for argument, code, call, allowed in bad_calls(name, space):
        found = ending(FUNCTIONS[name], call, allowed)
        if found:
            failed.append(f"{argument} = {code}: {found}")
    assert not failed, "\n" + "\n".join(failed)
