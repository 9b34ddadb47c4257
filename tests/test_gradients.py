"""The loss and the output layer, without any other library: weights, padding, what is kept."""

import warnings
from dataclasses import dataclass

import numpy as np
import pytest

import rnn_stepwise as rs
from networks import ALL_DIFFERENT, network, scores, targets

N_X, N_A, N_Y, M, T_X, _ = ALL_DIFFERENT


@dataclass
class Problem:
    "An output layer, what it predicts, and what was right"

    y_pred: np.ndarray
    target: np.ndarray
    a: np.ndarray
    parameters: dict
    mask: np.ndarray

    def loss(self):
        return rs.sequence_loss(self.y_pred, self.target, self.mask)

    def gradients(self):
        return rs.output_backward(*vars(self).values())


def problem(seed=0, W="Wya"):
    "A random one; nothing in it may be written to"
    case = network("rnn", seed=seed)
    a, p = case.results["a"], case.parameters
    parameters = {W: p["Wya"], "by": p["by"]}
    y_pred = predict(parameters | {"a": a})
    target, mask = targets(seed=seed)
    for array in (y_pred, target, a, mask, p["Wya"], p["by"]):
        array.flags.writeable = False
    return Problem(y_pred, target, a, parameters, mask)


def predict(point):
    W = point["Wya"] if "Wya" in point else point["Wy"]
    return rs.softmax(scores(point["a"], W, point["by"]))


def by_hand(one):
    "The loss, one number at a time"
    total = 0
    for k, i, t in np.ndindex(N_Y, M, T_X):
        weight = one.mask[i, t] * one.target[k, i, t]
        if weight:
            surprise = -np.log(one.y_pred[k, i, t])
            total += weight * surprise
    return total


def test_loss_is_the_weighted_sum():
    one = problem()
    np.testing.assert_allclose(one.loss(), by_hand(one), rtol=1e-14)
    one.mask = np.ones((M, T_X))
    np.testing.assert_allclose(one.loss(), by_hand(one), rtol=1e-14)
    counted = one.loss()
    one.mask = None
    assert one.loss() == counted


@pytest.mark.parametrize("W", ["Wya", "Wy"])
@pytest.mark.parametrize("with_mask", [True, False])
@pytest.mark.parametrize("no_target", [True, False])
def test_output_layer_agrees_with_the_complex_step(W, with_mask, no_target):
    one = problem(1, W)
    if not with_mask:
        one.mask = None
    if no_target:
        one.target = one.target.copy()
        one.target[:, 0] = 0
    gradients = one.gradients()
    assert list(gradients) == ["da", f"d{W}", "dby"]

    def loss(point):
        return rs.sequence_loss(predict(point), one.target, one.mask)

    point = {"a": one.a} | one.parameters
    report = rs.gradient_check(loss, point, gradients, tol=1e-13)
    assert report.ok, str(report)
    assert report.method == "complex"


@pytest.mark.filterwarnings("error")
def test_what_does_not_count_may_be_anything():
    one = problem(2)
    unseen = one.mask == 0
    assert unseen.any()
    loss, gradients = one.loss(), one.gradients()
    one.y_pred = np.where(unseen, np.nan, one.y_pred)
    assert one.loss() == loss
    for name, gradient in one.gradients().items():
        np.testing.assert_array_equal(gradient, gradients[name], strict=True)


@pytest.mark.filterwarnings("error")
def test_what_was_right_and_had_no_chance_is_infinitely_bad():
    assert rs.sequence_loss([[[0.0]], [[1.0]]], [[[1.0]], [[0.0]]]) == np.inf


def dtypes(gradients):
    return {gradient.dtype for gradient in gradients.values()}


def test_sizes():
    da, dW, db = problem(3).gradients().values()
    assert da.shape == (N_A, M, T_X)
    assert dW.shape == (N_Y, N_A)
    assert db.shape == (N_Y, 1)


def test_dtypes():
    one = problem(3)
    for name in ("y_pred", "target", "a"):
        array = getattr(one, name)
        setattr(one, name, array.astype("f4"))
    for name, array in one.parameters.items():
        one.parameters[name] = array.astype("f4")
    assert dtypes(one.gradients()) == {np.dtype("f8")}  # the mask is double
    one.mask = None
    assert one.loss().dtype == np.float32
    assert dtypes(one.gradients()) == {np.dtype("f4")}


@pytest.mark.parametrize("h, verdict", [(1e-3, "ok"), (1e-3 * 1.01, "NO")])
def test_the_report_says_what_it_found(h, verdict):
    w = np.array([3.0, 4.0])
    off = w * [1, 1 + h]

    def loss(point):
        return (point["w"] ** 2).sum() / 2

    report = rs.gradient_check(loss, {"w": w}, {"dw": off}, tol=1.000001e-3)
    row = report.rows[0]
    assert (row.name, row.at) == ("dw", (1,))
    assert row.given == off[1]
    assert row.numerical == 4.0
    assert np.isclose(row.error, h, rtol=1e-12)
    assert str(report).splitlines()[1].startswith(verdict)
    assert report.ok == (verdict == "ok")


@pytest.mark.parametrize("names", ["vw", "wv"])
def test_every_array_is_asked_whether_it_bears_a_complex_step(names):
    "The absolute value does not, whichever array it is taken of"
    point = {name: np.array([0.7, -1.2]) for name in names}
    gradients = {"dv": 2 * point["v"], "dw": np.sign(point["w"])}
    report = rs.gradient_check(lambda p: (p["v"] ** 2).sum() + abs(p["w"]).sum(), point, gradients)
    assert report.ok, str(report)


def test_the_seed_says_which_entries_are_tried():
    point = {"w": np.linspace(1, 2, 40)}
    wrong = {"dw": 2 * point["w"] + (np.arange(40) % 2)}

    def tried(seed):
        report = rs.gradient_check(
            lambda p: (p["w"] ** 2).sum(), point, wrong, entries=1, seed=seed
        )
        return report.rows[0].at

    found = [tried(seed) for seed in range(12)]
    assert found == [tried(seed) for seed in range(12)]
    assert len(set(found)) > 5


def test_a_check_leaves_the_filters_of_warnings_as_they_were():
    point, before = {"w": np.array([0.5, 1.5])}, warnings.filters[:]

    def real_alone(p):
        total = np.zeros(())
        total[...] = (p["w"] ** 2).sum()  # warns of a complex number
        return total

    with warnings.catch_warnings(record=True):
        within = warnings.filters[:]
        assert rs.gradient_check(real_alone, point, {"dw": 2 * point["w"]}).ok
        assert warnings.filters == within
    assert warnings.filters == before
