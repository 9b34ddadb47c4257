"""The nudge: a central difference of anything, in double precision, by one entry."""

from fractions import Fraction

import numpy as np
import pytest

import rnn_stepwise as rs
from networks import network
from rnn_stepwise.checking import error_of


def test_it_moves_one_entry_by_h_both_ways():
    seen = []

    def square(v):
        seen.append(v)
        return (v**2).sum()

    rate = rs.nudge(square, np.ones((2, 3)), (1, 2), h=0.5)
    up, down = seen
    assert up[1, 2] == 1.5 and down[1, 2] == 0.5
    assert np.count_nonzero(up != 1) == np.count_nonzero(down != 1) == 1
    assert rate == 2  # (1.5² - 0.5²) / 1: the central difference is exact for a square


def test_it_takes_any_array_and_computes_in_double_precision():
    rate = rs.nudge(lambda v: -np.cos(v), [1.0], at=(0,))
    np.testing.assert_allclose(rate, [np.sin(1.0)], rtol=1e-9, strict=True)
    case, dtypes = network("rnn"), []
    single = case.inputs["x"].astype(np.float32)
    single.flags.writeable = False

    def states(x):
        dtypes.append(x.dtype)
        return case.change(inputs={"x": x}).results["a"]

    response = rs.nudge(states, single, at=(1, 3, 0))
    assert dtypes == [np.float64] * 2 and response.dtype == np.float64
    assert np.flatnonzero(response.any(axis=(0, 2))).tolist() == [3]  # no other example
    doubles = single.astype(float).tolist()
    for x, at in (single, [1, -4, -6]), (doubles, (1, 3, 0)):
        np.testing.assert_array_equal(rs.nudge(states, x, at), response, strict=True)


HALVES = [0.5, np.float16(0.5), np.float32(0.5), np.longdouble(0.5), Fraction(1, 2), np.array(0.5)]


@pytest.mark.parametrize("h", HALVES, ids=lambda h: type(h).__name__)
def test_h_may_be_any_real_number(h):
    "And the result is in the precision of the states, not in that of h"
    rate = rs.nudge(lambda v: v**3, [1.0, 2.0], (1,), h)
    np.testing.assert_array_equal(rate, [0.0, 12.25], strict=True)  # 3v² + h²


STATES = [lambda v: v > 1, lambda v: (200 - 100 * v).astype(np.uint8), lambda v: v.tolist()]


@pytest.mark.parametrize("states, rate", [*zip(STATES, [1024, -1024, 1])])
def test_bools_unsigned_ints_and_lists_are_subtracted_as_numbers(states, rate):
    "As they are, the first would raise, and the second wrap around"
    found = rs.nudge(states, [1.0, 1.5], (0,), 1 / 2048)
    np.testing.assert_array_equal(found, [float(rate), 0.0], strict=True)


def test_a_function_may_use_its_array_again_and_write_into_what_it_is_given():
    kept, x = np.zeros(2), np.ones(2)

    def states(v):
        kept[:] = v**2
        v[:] = np.nan
        return kept

    np.testing.assert_allclose(rs.nudge(states, x, (0,), 0.5), [2.0, 0.0], rtol=1e-15, strict=True)
    assert (x == 1).all()


@pytest.mark.filterwarnings("error")
def test_the_difference_itself_is_silent_everywhere():
    with np.errstate(all="raise"):
        assert rs.nudge(lambda v: v, [0.0], (0,), 8e307) == 1
        assert rs.nudge(lambda v: v, [1.7e308], (0,), 1e308) == np.inf
        assert np.isnan(rs.nudge(lambda v: [np.inf], [0.0], (0,))).all()
        assert rs.nudge(lambda v: v * 0 + 5e-324, [0.0], (0,)) == 0
        assert rs.nudge(lambda v: np.sign(v), [0.0], (0,), 5e-324) == np.inf


@pytest.mark.parametrize("h", [1e-17, 5e-324])
def test_an_h_that_rounding_swallows_is_no_step(h):
    message = error_of(rs.nudge, np.tanh, [1.0, 0.0], (0,), h)
    assert message == f"ValueError: h: expected a number that moves 1.0, got {h}"
    assert rs.nudge(np.tanh, [1.0, 0.0], (1,), h)[1] == 1
