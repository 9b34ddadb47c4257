"""The nudge: a central difference of anything, in double precision, by one entry."""

import numpy as np

import rnn_stepwise as rs
from networks import network


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
