"""The rules for arguments where a call is right: what comes back, and which bounds belong to it.

What they refuse, word for word, is in refusals.toml."""

from fractions import Fraction

import numpy as np
import pytest

import rnn_stepwise as rs
from rnn_stepwise import checking


@pytest.mark.parametrize("value", [1, 4, np.int8(4), np.array(2)])
def test_both_bounds_of_an_int_belong_to_it(value):
    found = checking.whole("t", value, 1, 4)
    assert type(found) is int
    assert found == value


@pytest.mark.parametrize("value", [0, 1e100, np.float16(5), np.float32(0.5), np.int64(3)])
def test_both_bounds_of_a_number_belong_to_it_and_it_means_what_it_says(value):
    found = checking.number("x_rms", value, 0, 1e100)
    assert type(found) is float
    assert found == value
    assert checking.tolerance("tol", value) == value


def test_choices_and_numbers_may_be_gone_through_only_once():
    assert checking.choice("bend", "hv", iter(["vh", "hv"])) == "hv"
    message = checking.error_of(checking.choice, "bend", "x", iter(["vh", "hv"]))
    assert message == "ValueError: bend: expected one of 'vh', 'hv', got 'x'"
    assert checking.numbers("own", iter([1, 2.5]), 6) == [1.0, 2.5]


@pytest.mark.parametrize("at", [(0, 0), (1, 2), (-1, -3), [np.int8(-2), 2]])
def test_an_index_may_count_from_the_end(at):
    found = checking.index("at", at, (2, 3), "x")
    assert found == tuple(at)
    assert np.arange(6).reshape(2, 3)[found].shape == ()


@pytest.mark.parametrize("at", [(2, 0), (0, 3), (-3, 0), (0, -4), (0,), (0, 0, 0), ()])
def test_an_index_outside_is_none(at):
    message = checking.error_of(checking.index, "at", at, (2, 3), "x")
    assert message.startswith("ValueError: at: expected an index into x of shape (2, 3), got ")


def test_arrays_that_fit_are_not_copied():
    given = {"v": np.ones(2), "w": np.zeros((1, 3))}
    found = checking.as_arrays(given)
    assert found["v"] is given["v"]
    assert found["w"] is given["w"]
    assert checking.filled("z", given["v"]) is given["v"]


def test_what_is_remembered_of_shapes_cannot_be_changed():
    axes = checking.axes_of("(n_a, n_a + n_x)")
    assert axes == (("n_a",), ("n_a", "n_x"))
    assert hash(axes)
    numbers = checking.shape_in_numbers("Wf", {"n_a": 5, "n_x": 3})
    assert numbers == (5, 8)
    assert type(numbers) is tuple


@pytest.mark.parametrize("steps", ["text", b"text"])
def test_text_is_no_sequence_of_caches(steps):
    message = checking.error_of(checking.step_caches, (steps, np.ones(3)))
    kind = type(steps).__name__
    expected = "TypeError: caches: expected the tuple (list of step caches, x)"
    assert message == f"{expected}, got tuple of {kind} and x"


FLOATS = [np.float16, np.float32, np.float64, np.longdouble, float, np.array]
WHOLES = [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64, int]
HAS_WIDER = np.finfo(np.longdouble).maxexp > 1024


@pytest.mark.parametrize("type_", FLOATS + WHOLES + [Fraction])
@pytest.mark.filterwarnings("error")
def test_a_number_of_any_type_means_the_number_that_it_says(type_):
    values = [0, 1, 7, 100] if type_ in WHOLES else [0, 1, 0.5, 300.25, 6e4, 0.0009765625]
    with np.errstate(all="raise"):
        for value in values:
            given = type_(value)
            found = checking.number("v", given)
            assert type(found) is float
            assert Fraction(found) == Fraction(float(given))
            assert checking.number("v", given, 0, 1e5) == found
            message = checking.error_of(checking.number, "v", given, positive=True)
            assert bool(message) == (value == 0)


def beyond():
    "Numbers that are no floats, and what is wrong with them: too large, or too close to 0"
    yield from (10**400, -(10**400), Fraction(10**400, 3), 10**6000)
    yield from (Fraction(1, 10**400), Fraction(-1, 10**400))
    if HAS_WIDER:
        yield from map(np.longdouble, ["1e4000", "-1e4000", "1e-4000", "-1e-4000"])
        yield np.array("1e4000", np.longdouble)


@pytest.mark.parametrize("value", [*beyond()], ids=lambda v: type(v).__name__)
@pytest.mark.filterwarnings("error")
def test_a_number_beyond_floats_is_called_that(value):
    for bounds in {}, {"positive": True}, {"least": 0}, {"least": -1, "most": 1}:
        with np.errstate(all="raise"):
            message = checking.error_of(checking.number, "v", value, **bounds)
        assert message.startswith("ValueError: v: expected a ")
        assert message.endswith(", got a number beyond the range of floats")


class Strange(Fraction):
    "A number that raises where it is used"

    def __index__(self):
        raise ZeroDivisionError

    __float__ = __index__


class Unspeakable:
    def __repr__(self):
        raise ZeroDivisionError


NO_NUMBERS = [None, "1", b"1", True, np.True_, np.array(True), 1j, np.complex64(1), [1], np.ones(1)]
NO_NUMBERS += [np.ma.masked, np.ma.masked_array(1.0), np.ma.masked_array(2, True), Unspeakable()]
NO_NUMBERS += [np.datetime64("2020"), np.timedelta64(1), np.str_("1"), {}, object, float]


@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda v: type(v).__name__)
def test_what_is_no_real_number_is_none(value):
    for rule in checking.number, checking.tolerance, checking.whole:
        message = checking.error_of(rule, "v", value)
        assert message.startswith("TypeError: v: expected ")
    message = checking.error_of(checking.index, "at", [value, 0], (2, 3), "x")
    assert message.startswith("TypeError: at: expected ints, one an axis, got ")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, np.float32("nan"), np.float16("inf")])
def test_what_is_not_finite_is_no_number_and_said_as_it_is(value):
    for bounds in {}, {"positive": True}, {"least": 0}, {"least": 0, "most": 1}:
        message = checking.error_of(checking.number, "v", value, **bounds)
        assert message.startswith("ValueError: v: expected a ")
        assert message.endswith(f", got {float(value)}")


def test_what_raises_when_it_is_read_is_named():
    for rule in checking.number, checking.whole:
        assert checking.error_of(rule, "v", Strange(3)).startswith("TypeError: v: expected ")
    longer = iter([0, 0, 0, 1, 2])
    message = checking.error_of(checking.index, "at", longer, (2, 3), "x")
    assert message.startswith("ValueError: at: expected an index")
    assert next(longer) == 1  # no more was read than had to be: it might never end


def test_what_came_is_quoted_in_a_line_and_not_at_length():
    assert checking.quoted(10**90) == "1" + 76 * "0" + "..."
    assert checking.quoted(10**6000) == "int"
    assert checking.quoted(Unspeakable()) == "Unspeakable"
    assert checking.quoted(np.eye(9)) == "an array of float64"
    assert checking.quoted(np.float32(0.5)) == "0.5"
    assert checking.quoted(" \n") == repr(" \n")


@pytest.mark.skipif(not HAS_WIDER, reason="no dtype here has more range than float64")
@pytest.mark.filterwarnings("error")
def test_entries_beyond_floats_become_infinite_in_silence():
    wide = np.array(["1e4000", "-1e4000", "1e-4000", "2"], np.longdouble)
    with np.errstate(all="raise"):
        found = checking.as_arrays({"v": wide})["v"]
        assert found.tolist() == [np.inf, -np.inf, 0, 2] and found.dtype == float


def test_a_name_that_is_no_text_is_quoted():
    message = checking.error_of(checking.as_arrays, {(1, 2): None})
    assert message == "TypeError: (1, 2): expected an array of numbers, got NoneType"
    message = checking.error_of(checking.as_arrays, {Unspeakable(): None})
    assert message == "TypeError: Unspeakable: expected an array of numbers, got NoneType"


def test_what_asks_what_a_call_complains_about_can_be_interrupted():
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        checking.error_of(interrupted)


@pytest.mark.parametrize("make", [np.random.default_rng, np.random.RandomState])
def test_parameters_are_drawn_from_the_generators_of_new_and_of_old(make):
    drawn = rs.init_rnn_parameters(3, 5, 2, make(1))
    assert checking.generator("rng", rng := make(1)) is rng
    np.testing.assert_array_equal(drawn["Wax"], rng.standard_normal((5, 3)) / np.sqrt(8))
    assert drawn.keys() == rs.RNN_PARAMETERS.keys()


def test_what_is_remembered_of_shapes_has_a_bound():
    remembering = [rule for rule in vars(checking).values() if hasattr(rule, "cache_info")]
    assert checking.axes_of in remembering
    for i in range(3000):
        rs.check_shapes({"v": [1]}, {"v": f"(n_{i})"})
    assert all(rule.cache_info().currsize <= 1024 for rule in remembering)
    assert checking.axes_of.cache_info().currsize > 100
