"""The numbers that people have printed for years, from `RandomState(1)`, for all eight functions.

Each case: the arrays in the order in which they are drawn, then entries of the results with their
values. Lists were printed with 8 decimals, single numbers with 12 digits. For `lstm_backward` the
values are those of L = sum(a[:, :, :4] * da), checked by central differences; what circulates for
it is wrong. Then the numbers of the loss and of the output layer, which nobody printed.
"""

import numpy as np
import pytest

import rnn_stepwise as rs
from networks import Sizes, network, scores, targets
from rnn_stepwise.checking import error_of

# fmt: off
SHAPES = {"xt": (3, 10), "a_prev": (5, 10), "c_prev": (5, 10), "a0": (5, 10), "da": (5, 10, 4),
          "da_next": (5, 10), "dc_next": (5, 10), "Wax": (5, 3), "Waa": (5, 5), "Wya": (2, 5),
          "b": (5, 1), "ba": (5, 1), "by": (2, 1), "Wy": (2, 5)}
SHAPES |= {f"W{g}": (5, 8) for g in "fico"} | {f"b{g}": (5, 1) for g in "fico"}
LSTM = "Wf bf Wi bi Wo bo Wc bc"

CASES = {
    "rnn_cell_forward": ("xt a_prev Waa Wax Wya ba by", {
        "a_next": (5, 10), "yt_pred": (2, 10)}, {
        "a_next[4]": [0.59584544, 0.18141802, 0.61311866, 0.99808218, 0.85016201,
                      0.99980978, -0.18887155, 0.99815551, 0.6531151, 0.82872037],
        "yt_pred[1]": [0.9888161, 0.01682021, 0.21140899, 0.36817467, 0.98988387,
                       0.88945212, 0.36920224, 0.9966312, 0.9982559, 0.17746526]}),
    "rnn_forward": ("x4 a0 Waa Wax Wya ba by", {
        "a": (5, 10, 4), "y_pred": (2, 10, 4)}, {
        "a[4][1]": [-0.99999375, 0.77911235, -0.99861469, -0.99833267],
        "y_pred[1][3]": [0.79560373, 0.86224861, 0.11118257, 0.81515947],
        "caches[1][1][3]": [-1.1425182, -0.34934272, -0.20889423, 0.58662319]}),
    "lstm_cell_forward": (f"xt a_prev c_prev {LSTM} Wy by", {
        "a_next": (5, 10), "c_next": (5, 10), "yt": (2, 10)}, {
        "a_next[4]": [-0.66408471, 0.0036921, 0.02088357, 0.22834167, -0.85575339,
                      0.00138482, 0.76566531, 0.34631421, -0.00215674, 0.43827275],
        "c_next[2]": [0.63267805, 1.00570849, 0.35504474, 0.20690913, -1.64566718,
                      0.11832942, 0.76449811, -0.0981561, -0.74348425, -0.26810932],
        "yt[1]": [0.79913913, 0.15986619, 0.22412122, 0.15606108, 0.97057211,
                  0.31146381, 0.00943007, 0.12666353, 0.39380172, 0.07828381],
        "cache[1][3]": [-0.16263996, 1.03729328, 0.72938082, -0.54101719, 0.02752074,
                        -0.30821874, 0.07651101, -1.03752894, 1.41219977, -0.37647422]}),
    "lstm_forward": (f"x7 a0 {LSTM} Wy by", {
        "a": (5, 10, 7), "y": (2, 10, 7), "c": (5, 10, 7)}, {
        "a[4][3][6]": 0.172117767533, "y[1][4][3]": 0.95087346185, "c[1][2][1]": -0.855544916718,
        "caches[1][1][1]": [0.82797464, 0.23009474, 0.76201118, -0.22232814,
                            -0.20075807, 0.18656139, 0.41005165]}),
    "rnn_cell_backward": ("xt a_prev Wax Waa Wya b by da_next", {
        "dxt": (3, 10), "da_prev": (5, 10), "dWax": (5, 3), "dWaa": (5, 5), "dba": (5, 1)}, {
        "dxt[1][2]": -0.460564103059, "da_prev[2][3]": 0.0842968653807,
        "dWax[3][1]": 0.393081873922, "dWaa[1][2]": -0.28483955787, "dba[4]": [0.80517166]}),
    "rnn_backward": ("x4 a0 Wax Waa Wya ba by da", {
        "dx": (3, 10, 4), "da0": (5, 10), "dWax": (5, 3), "dWaa": (5, 5), "dba": (5, 1)}, {
        "dx[1][2]": [-2.07101689, -0.59255627, 0.02466855, 0.01483317],
        "da0[2][3]": -0.314942375127, "dWax[3][1]": 11.2641044965,
        "dWaa[1][2]": 2.30333312658, "dba[4]": [-0.74747722]}),
    "lstm_cell_backward": (f"xt a_prev c_prev {LSTM} Wy by da_next dc_next", {
        "dxt": (3, 10), "da_prev": (5, 10), "dc_prev": (5, 10),
        "dWf": (5, 8), "dbf": (5, 1), "dWi": (5, 8), "dbi": (5, 1),
        "dWc": (5, 8), "dbc": (5, 1), "dWo": (5, 8), "dbo": (5, 1)}, {
        "dxt[1][2]": 3.23055911511, "da_prev[2][3]": -0.0639621419711,
        "dc_prev[2][3]": 0.797522038797, "dWf[3][1]": -0.147954838164,
        "dWi[1][2]": 1.05749805523, "dWc[3][1]": 2.30456216369, "dWo[1][2]": 0.331311595289,
        "dbf[4]": [0.18864637], "dbi[4]": [-0.40142491], "dbc[4]": [0.25587763],
        "dbo[4]": [0.13893342]}),
    "lstm_backward": (f"x7 a0 {LSTM} da", {
        "dx": (3, 10, 4), "da0": (5, 10), "dc0": (5, 10),
        "dWf": (5, 8), "dbf": (5, 1), "dWi": (5, 8), "dbi": (5, 1),
        "dWc": (5, 8), "dbc": (5, 1), "dWo": (5, 8), "dbo": (5, 1)}, {
        "dx[1][2][0]": 0.00218253903345, "dx[1][2][1]": 0.282053748329,
        "dx[1][2][2]": -0.482925081923, "dx[1][2][3]": -0.432811153954,
        "da0[2][3]": 0.312770310257, "dWf[3][1]": -0.0809802310938,
        "dWi[1][2]": 0.40512433093, "dWc[3][1]": -0.0793746735512, "dWo[1][2]": 0.038948775763,
        "dbf[4][0]": -0.15745656547, "dbi[4][0]": -0.508483329448,
        "dbc[4][0]": -0.425108175039, "dbo[4][0]": -0.179581962071}),
}
# fmt: on


def drawn(names):
    "The arrays of a case; x4 and x7 are an x of so many steps"
    rng = np.random.RandomState(1)
    arrays = {}
    for name in names.split():
        shape = SHAPES.get(name)
        if shape is None:
            shape = (3, 10, int(name[1:]))
        arrays[name.rstrip("47")] = rng.randn(*shape)
    return arrays


def arguments(function):
    "The arrays that a case works with: those drawn, and those left over from another case"
    names, _, _ = CASES[function]
    arrays = drawn(names)
    if function == "rnn_cell_backward":
        arrays["ba"] = drawn(CASES["rnn_forward"][0])["ba"]
    if function == "lstm_backward":
        others = drawn(CASES["lstm_cell_backward"][0])
        arrays |= {"Wy": others["Wy"], "by": others["by"]}
    return arrays


def chosen(arrays, names):
    return [arrays[name] for name in names.split() if name in arrays]


def results(function):
    "What a function returns for its case, by name"
    case = arguments(function)
    forward = getattr(rs, function.replace("backward", "forward"))
    inputs = chosen(case, "xt x a_prev a0 c_prev")
    *arrays, caches = forward(*inputs, case)
    if "backward" in function:
        upstream = chosen(case, "da da_next dc_next")
        return getattr(rs, function)(*upstream, caches)
    _, shapes, _ = CASES[function]
    named = dict(zip(shapes, arrays, strict=True))
    return named | {"cache": caches, "caches": caches}


@pytest.mark.parametrize("function", CASES)
def test_published_shapes(function):
    _, shapes, _ = CASES[function]
    got = results(function)
    assert [name for name in got if "cache" not in name] == list(shapes)
    for name, shape in shapes.items():
        assert got[name].shape == shape, name
        assert got[name].dtype == np.float64, name


@pytest.mark.parametrize("function", CASES)
def test_published_numbers(function):
    "Lists to their eight decimals, single numbers to their twelve digits"
    _, _, numbers = CASES[function]
    got = results(function)
    for entry, want in numbers.items():
        found, want = np.asarray(eval(entry, {}, got)), np.array(want)
        rtol, atol = (0, 5e-9) if want.shape else (5e-12, 0)
        np.testing.assert_allclose(found, want, rtol, atol, err_msg=entry, strict=True)


def test_published_lengths():
    for function, steps in ("rnn_forward", 4), ("lstm_forward", 7):
        caches = results(function)["caches"]
        assert len(caches) == 2
        assert len(caches[0]) == steps
    assert len(results("lstm_cell_forward")["cache"]) == 10


# The loss and the output layer: targets of any weight, a mask of any weight, what is masked out


def layer(weights):
    "States, a target and a mask, and an output layer whose weights have this name"
    rng = np.random.default_rng(3)
    sizes = Sizes(m=7, T_x=4)
    parameters = network("rnn" if weights == "Wya" else "lstm", sizes).parameters
    given = {"a": rng.normal(size=(5, 7, 4))}
    given |= {name: parameters[name] for name in (weights, "by")}
    _, mask = targets(sizes, seed=3)
    return given, rng.random((2, 7, 4)), mask


def predicted(weights, given):
    return rs.softmax(scores(given["a"], given[weights], given["by"]))


both = pytest.mark.parametrize("weights", ["Wya", "Wy"])


@both
@pytest.mark.parametrize("masked", [False, True])
def test_the_loss_is_the_weighted_sum_of_its_terms(weights, masked):
    given, target, mask = layer(weights)
    mask = mask if masked else None
    y_pred = predicted(weights, given)
    weight = target * mask if masked else target
    terms = [-w * np.log(y) for w, y in zip(weight.flat, y_pred.flat)]
    np.testing.assert_allclose(rs.sequence_loss(y_pred, target, mask), sum(terms), rtol=1e-14)


@both
@pytest.mark.parametrize("masked", [False, True])
def test_gradients_of_the_output_layer(weights, masked):
    "Each gradient along a random direction is the complex-step derivative of the loss"
    given, target, mask = layer(weights)
    mask = mask if masked else None
    for array in [*given.values(), target]:
        array.flags.writeable = False
    y_pred = predicted(weights, given)
    gradients = rs.output_backward(y_pred, target, given["a"], given, mask)
    assert list(gradients) == ["da", f"d{weights}", "dby"]
    for name, array in given.items():
        g, way = gradients[f"d{name}"], np.random.default_rng(4).normal(size=array.shape)
        moved = predicted(weights, given | {name: array + 1e-30j * way})
        slope = rs.sequence_loss(moved, target, mask).imag / 1e-30
        np.testing.assert_allclose((g * way).sum(), slope, rtol=1e-12)
        assert g.shape == array.shape and g.dtype == np.float64


@both
def test_what_is_predicted_where_no_step_counts_may_be_anything(weights):
    given, target, mask = layer(weights)
    y_pred = predicted(weights, given)
    unseen = np.where(mask == 0, np.nan, y_pred)
    assert np.isnan(unseen).any()
    loss = rs.sequence_loss(y_pred, target, mask)
    assert rs.sequence_loss(unseen, target, mask) == loss
    want = rs.output_backward(y_pred, target, given["a"], given, mask)
    got = rs.output_backward(unseen, target, given["a"], given, mask)
    for name in want:
        np.testing.assert_array_equal(got[name], want[name], strict=True)


@pytest.mark.filterwarnings("error")
def test_a_loss_by_hand_and_one_that_is_infinite():
    y_pred = np.array([[[0.25, 0.5, 1.0]], [[0.75, 0.5, 0.0]]])
    first = np.array([[[1, 0, 1]], [[0, 1, 0]]])
    second = np.array([[[1, 0, 0]], [[0, 1, 1]]])
    three, two = rs.sequence_loss(y_pred, first), rs.sequence_loss(y_pred, first, [[1, 0, 1]])
    np.testing.assert_allclose([three, two], [3 * np.log(2), 2 * np.log(2)], rtol=1e-15)
    assert rs.sequence_loss(y_pred, second) == np.inf
    assert rs.sequence_loss(y_pred, second, [[0, 1, 0]]) == np.log(2)


@both
@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("how", ["mask", "no target"])
@pytest.mark.filterwarnings("error")
def test_where_a_step_does_not_count_nothing_that_is_given_matters(weights, bad, how):
    "Prediction, target and state: the loss, da, and the sums are as if they were not there"
    given, target, mask = layer(weights)
    y_pred, a = predicted(weights, given), given["a"]
    away = mask == 0
    assert 0 < away.sum() < away.size
    if how == "no target":
        target, mask = np.where(away, 0, target), None
    want = rs.output_backward(y_pred, target, a, given, mask)
    loss = rs.sequence_loss(y_pred, target, mask)
    bad_y, bad_a = np.where(away, abs(bad), y_pred), np.where(away, bad, a)
    bad_target = target if how == "no target" else np.where(away, bad, target)
    for state in "raise", "warn":
        with np.errstate(all=state):
            got = rs.output_backward(bad_y, bad_target, bad_a, given, mask)
            assert rs.sequence_loss(bad_y, bad_target, mask) == loss
    assert (got["da"][:, away] == 0).all()
    for name in want:
        np.testing.assert_allclose(got[name], want[name], rtol=1e-13, atol=1e-15, strict=True)


@both
@pytest.mark.filterwarnings("error")
def test_what_is_not_finite_where_a_step_counts_comes_through_in_silence(weights):
    given, target, _ = layer(weights)
    y_pred = predicted(weights, given)
    for bad in np.inf, np.nan:
        broken = y_pred.copy()
        broken[:, 2, 1] = bad
        with np.errstate(all="raise"):
            got = rs.output_backward(broken, target, given["a"], given)
            loss = rs.sequence_loss(broken, target)
        hit = np.isfinite(got["da"])
        assert not hit[:, 2, 1].any() and hit.sum() == hit.size - 5
        assert not np.isfinite(got[f"d{weights}"]).any()
        assert loss == -np.inf if bad == np.inf else np.isnan(loss)


def test_scores_are_no_predictions():
    given, target, mask = layer("Wy")
    z = scores(given["a"], given["Wy"], given["by"])
    expected = "ValueError: y_pred: expected probabilities, as softmax makes them, got -"
    for wrong in z, z + 0j, z.astype("f4"), np.where(z < 0, z, np.nan), -np.inf * abs(z):
        for _ in range(2):  # also where a glance would do
            assert error_of(rs.sequence_loss, wrong, target, mask).startswith(expected)
    step = np.array([[[0 - 1e-30j]], [[1 + 0j]]])  # underflow, on an imaginary way
    assert rs.sequence_loss(step, [[[1.0]], [[0.0]]]).real > 60
    unseen = np.where(mask == 0, -abs(z), predicted("Wy", given))
    assert np.isfinite(rs.sequence_loss(unseen, target, mask))


def test_shapes_of_ones_own_are_a_dict():
    one = rs.draw_seeded("b", shapes={"b": "(n_a, 1)"}, n_a=5)["b"]
    np.testing.assert_array_equal(one, np.random.RandomState(1).randn(5, 1), strict=True)
    message = error_of(rs.draw_seeded, "xt", None, n_x=1, m=1)
    assert message.startswith("TypeError: seed: expected an int from 0 to ")
    assert error_of(rs.draw_seeded, "b", shapes=3).startswith("TypeError: shapes: expected a dict")
