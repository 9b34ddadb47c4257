"""The seeded arrays, and the wrong numbers in circulation: each is made again by its mistake."""

import re

import numpy as np
import pytest

import rnn_stepwise as rs

SIZES = dict(n_x=3, m=10, n_a=5, n_y=2, T_da=4)
PER_STEP = np.zeros((5, 10))


OWN = {"q": "(n_a, 2)", "not asked for": "(m)"}
DRAWN = {"xt": (3, 4), "q": (5, 2), "Wf": (5, 8), "by": (2, 1)}


def test_arrays_are_drawn_in_order_by_the_generator_of_old():
    rng = np.random.RandomState(7)
    got = rs.draw_seeded(" ".join(DRAWN), 7, OWN, n_x=3, m=4, n_a=5, n_y=2)
    assert list(got) == list(DRAWN)
    for name, shape in DRAWN.items():
        want = rng.randn(*shape)
        np.testing.assert_array_equal(got[name], want, strict=True)


def test_the_seed_is_1_where_none_is_given():
    got = rs.draw_seeded("xt", n_x=3, m=4)
    want = np.random.RandomState(1).randn(3, 4)
    np.testing.assert_array_equal(got["xt"], want, strict=True)


def lstm():
    case = rs.draw_seeded("x a0 Wf bf Wi bi Wo bo Wc bc da", T_x=7, **SIZES)
    case["Wy"] = np.zeros((2, 5))
    case["by"] = np.zeros((2, 1))
    *_, caches = rs.lstm_forward(case["x"], case["a0"], case)
    return case["da"], caches


def without_carry(overwritten):
    "Every step for itself; some biases are overwritten instead of added up"
    da, caches = lstm()
    dx, total = [], {}
    for t in (3, 2, 1, 0):
        step = rs.lstm_cell_backward(da[:, :, t], PER_STEP, caches.steps[t])
        dx.append(step.pop("dxt"))
        da0 = step.pop("da_prev")
        del step["dc_prev"]
        for name in step:
            total[name] = total.get(name, 0) + step[name]
        if overwritten:
            for name in ("dbi", "dbc", "dbo"):
                total[name] = total["dbf"] + step[name]
    dx.reverse()
    return {"dx": np.stack(dx, axis=2), "da0": da0, **total}


def rnn(last_only):
    case = rs.draw_seeded("x a0 Wax Waa Wya ba by da", T_x=4, **SIZES)
    if last_only:
        case["da"][:, :, :3] = 0
    *_, caches = rs.rnn_forward(case["x"], case["a0"], case)
    return rs.rnn_backward(case["da"], caches)


def rnn_cell(left_over):
    "`b` has been drawn where `ba` is read, which another example has left"
    names = "xt a_prev Wax Waa Wya b by da_next"
    case = rs.draw_seeded(names, shapes={"b": "(n_a, 1)"}, **SIZES)
    before = rs.draw_seeded("x a0 Waa Wax Wya ba by", T_x=4, **SIZES)
    case["ba"] = case["b"]
    if left_over:
        case["ba"] = before["ba"]
    *_, cache = rs.rnn_cell_forward(case["xt"], case["a_prev"], case)
    return rs.rnn_cell_backward(case["da_next"], cache)


def wrong_ones(mistake):
    if "lstm" in mistake:
        return without_carry("overwritten" in mistake)
    if "cell" in mistake:
        return rnn_cell(False)
    return rnn(True)


def right_ones(mistake):
    if "lstm" in mistake:
        return rs.lstm_backward(*lstm())
    if "cell" in mistake:
        return rnn_cell(True)
    return rnn(False)


def entry_of(gradients, entry):
    "Such as dx[1][2][0]; of a row with one number that number"
    name, *index = re.findall(r"\w+", entry)
    at = tuple(map(int, index))
    return np.squeeze(gradients[name][at])


def as_printed(value, number):
    "To eight decimals, or to twelve digits"
    allowed = 5e-12 * abs(number)
    if number == round(number, 8):
        allowed = 5.1e-9
    return abs(value - number) <= allowed


SECTIONS = {"lstm_backward": "no-memory", "rnn_backward": "last-step"}


@pytest.mark.parametrize("row", rs.ERRATA, ids=lambda row: f"{row.function} {row.wrong}")
def test_the_mistake_makes_the_wrong_number_and_without_it_comes_the_right_one(row):
    mistake = f"{row.function}, {row.mistake}"
    wrong = entry_of(wrong_ones(mistake), row.entry)
    right = entry_of(right_ones(mistake), row.entry)
    assert as_printed(wrong, row.wrong)
    assert as_printed(right, row.right)
    assert row.section == SECTIONS.get(row.function, "left-over")


def test_a_wrong_number_is_recognised_and_no_right_one():
    assert len(rs.ERRATA) == 27
    for row in rs.ERRATA:
        allowed = max(1e-6 * abs(row.wrong), 5.1e-9)
        for share in 0, 0.99, -0.99:
            assert row in rs.which_mistake(row.wrong + share * allowed)
        for share in 1.01, -1.01:
            assert row not in rs.which_mistake(row.wrong + share * allowed)
        assert rs.which_mistake(row.right) == ()
    for number in 0.00173313, float("nan"), -float("inf"), 10**400:
        assert rs.which_mistake(number) == ()


ORDER = [
    *[("lstm_backward", "no carry between steps")] * 9,
    *[("lstm_backward", "no carry; overwritten")] * 3,
    *[("lstm_backward", "no carry between steps")] * 3,
    *[("rnn_backward", "only the last `da` enters")] * 7,
    *[("rnn_cell_backward", "`b` in place of `ba`")] * 5,
]


def test_the_rows_stand_in_the_order_of_the_page():
    found = [(row.function, row.mistake) for row in rs.ERRATA]
    assert found == ORDER
