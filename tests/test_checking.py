"""The rules for arguments where a call is right: what comes back, and which bounds belong to it.

What they refuse, word for word, is in refusals.toml."""

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
