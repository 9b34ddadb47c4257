"""What every function refuses, word for word: the calls of refusals.toml, with the names of refusals.py."""

import inspect
import re
import sys
import tomllib
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import refusals
from rnn_stepwise.checking import error_of

TABLE = tomllib.loads((Path(__file__).parent / "refusals.toml").read_text())
ROWS = [(name, call) for name, calls in TABLE.items() for call in calls]
# Functions that refuse nothing of their own, and why
NOTHING_TO_REFUSE = {
    "checking.kind": "says of any value what it is",
    "checking.quoted": "repeats any value, however it is written",
    "checking.error_of": "repeats what another call says",
    "checking.common_dtype": "is given what `array` has let pass",
    "checking.known_shape": "says None of a name that it does not know",
    "checking.size_of": "says None of a size that it does not know",
    "checking.written": "is given what `axes_of` has let pass",
    "derivatives.noise_of": "is asked by `gradient_check`, with what that has let pass",
    "derivatives.in_single": "likewise",
    "derivatives.central_slope": "likewise",
    "derivatives.complex_slope": "likewise",
    "guard.documented": "is given what `guarded` has found out",
    "guard.guarded": "refuses in the name of the function that it stands around",
    "output_names": "only looks which names there are",
    "watching.copied": "copies whatever it is",
    "watching.like": "is given what `copied` has made",
    "watching.changed": "compares whatever it is",
    "watching.largest": "is given arrays that `fitting` has let pass",
    "watching.blur": "is given what `copied` has made",
    "watching.blurred": "likewise",
    "watching.limits": "is given what a right pass has returned",
    "watching.cache_type": "says None of what is no cache",
}


def look(value):
    "What a value holds, so that any change of it shows."
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, Mapping):
        return {name: look(held) for name, held in value.items()}
    if isinstance(value, (list, tuple)):
        return [type(value), *map(look, value)]
    if isinstance(value, np.random.Generator):
        return look(value.bit_generator.state)
    return value


@pytest.fixture(autouse=True)
def closed():
    "Some calls open a page first."
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


def given():
    "All that a call may be given, and the random numbers of the program."
    return look([vars(refusals), np.random.get_state()])


@pytest.mark.parametrize(("name", "call"), ROWS, ids=[call for _, call in ROWS])
def test_what_an_error_says_and_that_nothing_given_was_changed(name, call):
    before = given()
    assert error_of(eval, call, dict(vars(refusals))) == TABLE[name][call]
    assert given() == before


@pytest.mark.parametrize("name", TABLE)
def test_a_row_stands_under_the_function_that_it_calls(name):
    is_class = inspect.isclass(getattr(refusals, name, None))  # then the calls are of its methods
    for call in TABLE[name]:
        assert is_class or f"{name}(" in call


@pytest.mark.parametrize("name", TABLE)
def test_a_message_names_what_was_refused_and_says_what_was_expected(name):
    for message in TABLE[name].values():
        is_sentence = re.match(r"(ValueError|TypeError): .+: expected .+", message)
        assert is_sentence or message.startswith("FileNotFoundError: ")


def test_a_change_of_what_is_given_would_be_noticed():
    array, table = np.zeros(2), {"v": [np.zeros(2)]}
    before = look([array, table])
    assert look([array, table]) == before
    assert look([array.astype("f4"), table]) != before
    table["v"][0][1] = -0.0
    assert look([array, table]) != before


@pytest.fixture(scope="module")
def appendix():
    pytest.importorskip("nbdev", reason="the appendix is made with nbdev")
    return import_module("tools.refusals")


def test_no_function_is_forgotten(appendix):
    signatures = {name.shown: name.signature for name in appendix.read_names()}
    functions = {name for name in signatures if signatures[name] not in ("", "()")}
    forgotten = functions - TABLE.keys() - NOTHING_TO_REFUSE.keys()
    assert not forgotten, "give it rows in refusals.toml, or a reason in NOTHING_TO_REFUSE"
    assert TABLE.keys() <= signatures.keys(), "no such name"
    assert NOTHING_TO_REFUSE.keys() <= functions - TABLE.keys()
    assert all(TABLE.values()), "a function without rows"


def test_the_appendix_is_made_from_the_table(appendix):
    page = appendix.page()
    assert page.read_text() == appendix.made(page), "run  python -m tools.refusals"
