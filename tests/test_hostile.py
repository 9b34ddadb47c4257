"""Every public function, every argument, every kind of bad value: hostile.toml, with the kinds of hostile.py."""

import inspect
import os
import pkgutil
import re
import sys
import time
import tomllib
import warnings
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from importlib import import_module
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest

import rnn_stepwise
from conftest import fresh
from rnn_stepwise.notation import ALPHABET

try:
    import matplotlib
    import matplotlib.pyplot as plt
except ImportError:
    matplotlib = plt = None  # see below
else:
    matplotlib.use("agg")

from hostile import ALSO, SAME, WRONG, drawn_names, names, wrong
from test_refusals import look

TABLE = tomllib.loads((Path(__file__).parent / "hostile.toml").read_text())
PARTS = {  # what a sentence may name within an argument
    "diagram": "nodes edges stages frame title at label symbol kind stage tail head bend level "
    "start under",
    "page": "ax unit",
}
PARTS |= {"tuple_of_cache": "cache", "tuple_of_caches": "caches", "tablelike": "parameters"}
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
    pytest.importorskip("matplotlib")
    with matplotlib.rc_context():
        yield drawn_names()
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
    kind, numbers, *rest = np.random.get_state()
    figures = plt.get_fignums() if plt else []
    return [*warnings.filters], np.geterr(), numbers.tobytes(), rest, figures


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
    if isinstance(value, str):
        return {*value.split()}
    if hasattr(value, "_fields") and not isinstance(value, type):
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
        v, fields = right[argument], ()
        if kind in ("cache", "caches"):
            fields = (v if kind == "cache" else v[0][0])._fields
        first = next(iter(v)) if isinstance(v, Mapping) and v else None
        within = {argument, *names_in(v), *PARTS.get(kind, "").split(), "own + future"}
        if kind in ("parameters", "network"):
            within |= {*ALPHABET, "1", "Wz"}
        if kind in ("cache", "caches"):
            within |= {"cache", *right}
        for code in (*wrong(kind, none_too, fields), *more):
            value = eval(code, space | {"v": v, "first": first})
            if kind == "anyarray" and "longdouble" in code:
                continue  # refused or infinite: see ALSO
            if kind == "array" and code == "x" and v.ndim == 3:
                continue  # an array of another size, or the right one
            named = {*map(str, value)} if kind == "arrays" and isinstance(value, Mapping) else set()
            named |= names_in(value) if kind == "text" else set()
            yield argument, code, right | {argument: value}, within | named


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
        assert not inner or name.startswith(("checking.", "derivatives.", "guard.", "watching.")), (
            name
        )


# For the time being: calls that are still being mended elsewhere


@pytest.mark.parametrize("name", TABLE)
def test_a_bad_value_is_refused_by_the_name_of_its_argument(name, space):
    failed, style = [], matplotlib.rcParams.copy()
    for argument, code, call, allowed in bad_calls(name, space):
        found = ending(FUNCTIONS[name], call, allowed)
        if found:
            failed.append(f"{argument} = {code}: {found}")
    assert not failed, "\n" + "\n".join(failed)
    assert matplotlib.rcParams == style


def alike(one, other):
    "Do two results say the same, whatever is the type of their arrays?"
    if hasattr(one, "_asdict"):
        one, other = one._asdict(), other._asdict()
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, str):
        return one == other
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(alike, one, other))
    try:
        return np.allclose(one, other, rtol=1e-9, atol=0, equal_nan=True)
    except (TypeError, ValueError):
        return type(one) is type(other)


def beginning(function, call, shown=True):
    "What a right call returns; random numbers begin anew, and a figure is shown."
    again = {}
    for name, value in call.items():
        again[name] = deepcopy(value) if isinstance(value, np.random.Generator) else value
    before, given = world(), held(again)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = invoke(function, again)
        for number in {*plt.get_fignums()} - {*before[-1]}:
            if shown:
                plt.figure(number).canvas.draw()
            plt.close(number)
    assert world() == before
    drawing = any(isinstance(value, np.random.Generator) for value in call.values())
    if not drawing and function is not rnn_stepwise.watching.copied:  # they have to
        assert held(again) == given, "what was given was changed"
    return result


@pytest.mark.parametrize("name", TABLE.keys() - {"checking.refuse"})
def test_an_unusual_value_is_as_good(name, space):
    open_before = {*plt.get_fignums()}
    failed, right = [], right_call(name, space)
    expected = beginning(FUNCTIONS[name], right)
    for argument, row in TABLE[name].items():
        kind = entries(row)[0]
        for codes, is_same in ((SAME, True), (ALSO, False)):
            for code in codes.get(kind, ()):
                value = eval(code, space | {"v": right[argument]})
                try:
                    result = beginning(FUNCTIONS[name], right | {argument: value}, not is_same)
                    if is_same and not alike(result, expected):
                        failed.append(f"{argument} = {code}: another result")
                except Exception as error:
                    failed.append(f"{argument} = {code}: {error!r}"[:300])
    for number in {*plt.get_fignums()} - open_before:
        plt.close(number)
    assert not failed, "\n" + "\n".join(failed)


@pytest.mark.parametrize("value", [1e-200, 1e-3, 1.0, 1e5, 1e200])
def test_a_flat_line_can_be_shown(value, space):
    values = np.full((3, 2), value)
    ax = beginning(rnn_stepwise.plot_gains, {"values": values})
    low, high = ax.get_ylim()
    assert low < 0.9 * value < 1.1 * value < high


def is_drawing(name):
    "Does a function need matplotlib?"
    kinds = {entries(row)[0] for row in TABLE[name].values()}
    return name in ("use_style", "checking.pyplot") or "axes" in kinds


def on_a_page(name):
    "Is a function given a page that has been opened?"
    return name.startswith("Page.") or "page" in TABLE[name]


def yielding(function):
    "A function that lets the other threads run, too."

    def called(*args):
        time.sleep(1e-4)
        return function(*args)

    return called


def at_once(function, calls):
    "Calls in threads of their own that start together, twice."
    together = Barrier(len(calls))

    def work(call):
        for _ in range(2):
            together.wait()
            invoke(function, call)

    with ThreadPoolExecutor(len(calls)) as pool:
        list(pool.map(work, calls))


def test_four_threads_leave_the_program_as_it_was():
    spaces = [names() for _ in range(4)]  # each with a folder of its own
    before, changed = world(), []
    for name in TABLE.keys() - {"checking.refuse"}:
        if is_drawing(name) or on_a_page(name):
            continue
        calls = [right_call(name, space) for space in spaces]
        for call in calls:
            for argument, row in TABLE[name].items():
                if entries(row)[0] == "function":
                    call[argument] = yielding(call[argument])
        at_once(FUNCTIONS[name], calls)
        if world() != before:
            changed.append(name)
            warnings.filters[:] = before[0]
    assert not changed


MISSING = (
    "ImportError: matplotlib: expected it installed, by `pip install matplotlib`, "
    "got no such package"
)
HIDDEN = """
import sys
sys.modules["matplotlib"] = None
import test_hostile
test_hostile.say_how_all_end()
"""
INCOMPLETE = """
import sys
sys.modules["kiwisolver"] = None  # matplotlib needs it
import rnn_stepwise
print(rnn_stepwise.checking.error_of(rnn_stepwise.draw_tensor))
"""


def say_how_all_end():
    "A line for each function that a right call makes raise, or that needs no page to draw on."
    space = names()
    for name in TABLE:
        if not on_a_page(name):
            call = right_call(name, space)
            print(name, rnn_stepwise.checking.error_of(invoke, FUNCTIONS[name], call), sep="\t")


def run(code):
    "What a fresh interpreter prints that finds these tests, too."
    here = str(Path(__file__).parent)
    return fresh(code, PYTHONPATH=os.pathsep.join([here, *filter(None, sys.path)]))


def test_without_matplotlib_a_drawing_says_what_to_install_and_all_else_works():
    ended = dict(line.split("\t") for line in run(HIDDEN).splitlines())
    assert ended.keys() == {name for name in TABLE if not on_a_page(name)}
    assert ended.pop("checking.refuse").startswith("ValueError: value: ")
    for name, said in ended.items():
        assert said == (MISSING if is_drawing(name) else ""), name


def test_what_matplotlib_itself_lacks_is_not_taken_for_matplotlib():
    pytest.importorskip("matplotlib")
    assert "kiwisolver" in run(INCOMPLETE)
