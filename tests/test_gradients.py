"""The loss and the output layer, without any other library: weights of steps, padding, what is kept."""
import numpy as np
import pytest

import rnn_stepwise as rs

N_A, N_Y, M, T_X = 5, 2, 4, 3


def problem(seed=0):
    "Predictions, targets, states, parameters and a mask that weighs the steps; nothing may be written to"
    rng = np.random.default_rng(seed)
    target = np.eye(N_Y)[rng.integers(N_Y, size=(M, T_X))].transpose(2, 0, 1)
    a = rng.normal(size=(N_A, M, T_X))
    parameters = {"Wya": rng.normal(size=(N_Y, N_A)), "by": rng.normal(size=(N_Y, 1))}
    mask = rng.choice([0, 0.5, 1], size=(M, T_X))
    given = [predict(a, **parameters), target, a, mask]
    for array in given + list(parameters.values()): array.flags.writeable = False
    return *given, parameters


def predict(a, Wya, by):
    return rs.softmax(np.einsum("ka,amt->kmt", Wya, a) + by[:, :, None])


def by_hand(y_pred, target, mask):
    "The loss, one number at a time"
    return -sum(mask[i, t] * target[k, i, t] * np.log(y_pred[k, i, t])
                for k in range(N_Y) for i in range(M) for t in range(T_X)
                if mask[i, t] * target[k, i, t])


def test_loss_is_the_weighted_sum():
    y_pred, target, _, mask, _ = problem()
    assert np.isclose(rs.sequence_loss(y_pred, target, mask), by_hand(y_pred, target, mask), rtol=1e-14)
    ones = np.ones((M, T_X))
    assert np.isclose(rs.sequence_loss(y_pred, target), by_hand(y_pred, target, ones), rtol=1e-14)
    assert rs.sequence_loss(y_pred, target) == rs.sequence_loss(y_pred, target, ones)


@pytest.mark.parametrize("W", ["Wya", "Wy"])
@pytest.mark.parametrize("with_mask", [True, False])
@pytest.mark.parametrize("no_target", [True, False])
def test_output_layer_agrees_with_the_complex_step(W, with_mask, no_target):
    y_pred, target, a, mask, parameters = problem(1)
    target = target * (np.arange(M) > 0)[:, None] if no_target else target
    masks = [mask] * with_mask
    names = {W: parameters["Wya"], "by": parameters["by"]}
    gradients = rs.output_backward(y_pred, target, a, names, *masks)
    assert list(gradients) == ["da", f"d{W}", "dby"]
    report = rs.gradient_check(
        lambda v: rs.sequence_loss(predict(v["a"], v[W], v["by"]), target, *masks),
        {"a": a} | names, gradients, tol=1e-13)
    assert report.ok and report.method == "complex", str(report)


@pytest.mark.filterwarnings("error")
def test_what_does_not_count_may_be_anything():
    y_pred, target, a, mask, parameters = problem(2)
    assert (mask == 0).any()
    unseen = np.where(mask == 0, np.nan, y_pred)
    assert rs.sequence_loss(unseen, target, mask) == rs.sequence_loss(y_pred, target, mask)
    for one, two in zip(rs.output_backward(unseen, target, a, parameters, mask).values(),
                        rs.output_backward(y_pred, target, a, parameters, mask).values()):
        np.testing.assert_array_equal(one, two, strict=True)
    assert rs.sequence_loss([[[0.0]], [[1.0]]], [[[1.0]], [[0.0]]]) == np.inf


def test_dtypes_and_sizes():
    y_pred, target, a, mask, parameters = problem(3)
    single = {name: value.astype("f4") for name, value in parameters.items()}
    arrays = [v.astype("f4") for v in (y_pred, target, a)]
    assert rs.sequence_loss(*arrays[:2]).dtype == np.float32
    assert {g.dtype for g in rs.output_backward(*arrays, single).values()} == {np.dtype("f4")}
    assert {g.dtype for g in rs.output_backward(*arrays, single, mask).values()} == {np.dtype("f8")}
    gradients = rs.output_backward(y_pred, target, a, parameters, mask)
    assert [g.shape for g in gradients.values()] == [(N_A, M, T_X), (N_Y, N_A), (N_Y, 1)]


@pytest.mark.parametrize("h, error", [(1e-3, "ok"), (1e-3 * 1.01, "NO")])
def test_the_report_says_what_it_found(h, error):
    w = np.array([3.0, 4.0])
    report = rs.gradient_check(lambda v: (v["w"]**2).sum() / 2, {"w": w}, {"dw": w * [1, 1 + h]},
                               tol=1.000001e-3)
    row = report.rows[0]
    assert (row.name, row.at, row.given, row.numerical) == ("dw", (1,), 4 * (1 + h), 4.0)
    assert np.isclose(row.error, h, rtol=1e-12) and str(report).splitlines()[1].startswith(error)
    assert report.ok == (error == "ok")
