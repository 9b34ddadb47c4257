"""What `gradient_check` holds against a gradient, and what it does not."""

import threading
import warnings

import numpy as np
import pytest

import rnn_stepwise as rs
from rnn_stepwise import derivatives

W = np.random.default_rng(4).normal(size=6)


def square(point):
    return (point["w"] ** 2).sum()


def exponential(point):
    return np.exp(point["w"]).sum()


def into_zeros(point):
    "As it is written in every exercise: real numbers, whatever comes"
    kept = np.zeros(6)
    kept[:] = np.tanh(point["w"])
    return (kept**2).sum()


OF_ZEROS = 2 * np.tanh(W) * (1 - np.tanh(W) ** 2)


def checked(loss, gradient, **options):
    report = rs.gradient_check(loss, {"w": W}, {"dw": gradient}, **options)
    return report.rows[0].verdict, report


def far(point):
    return 1e5 + abs(point["w"]).sum()


def faint(point):
    return 1 + 1e-14 * exponential(point).real


def tiny(point):
    return 1e-302 * exponential(point)


def in_float32(point):
    return np.exp(point["w"].real.astype("f4")).sum()


def broken(point):
    return square(point) * np.nan


RIGHT = {  # a loss, its gradient, what is said of the gradient
    "complex": (exponential, np.exp(W), "ok"),
    "a large loss": (far, np.sign(W), "ok"),
    "imaginary parts lost": (into_zeros, OF_ZEROS, "ok"),
    "tiny": (tiny, 1e-302 * np.exp(W), "ok"),
    "single precision": (exponential, np.exp(W).astype("f4"), "ok"),
    "a loss in single precision": (in_float32, np.exp(W), "cannot tell"),
    "both in single precision": (in_float32, np.exp(W).astype("f4"), "ok"),
    "below the noise": (faint, 1e-14 * np.exp(W), "cannot tell"),
    "a loss of NaN": (broken, 2 * W, "cannot tell"),
    "float32 on the way": (exponential, np.exp(W) + 3e-6 * np.cos(9 * W), "cannot tell"),
}


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("method", ["auto", "central"])
def test_a_right_gradient_is_never_called_wrong(name, method):
    loss, gradient, verdict = RIGHT[name]
    said, report = checked(loss, gradient, method=method)
    assert said == verdict, str(report)
    assert report.ok == (verdict == "ok")
    assert report.ok or any("w" in note for note in report.notes)


@pytest.mark.parametrize("name", RIGHT)
def test_a_wrong_one_is_called_wrong_where_it_can_be_known(name):
    loss, gradient, verdict = RIGHT[name]
    off = gradient * np.linspace(1, 1.01, 6)
    said, report = checked(loss, off)
    assert not report.ok
    assert said == "wrong" or name in ("below the noise", "a loss of NaN")


def test_single_precision_is_judged_as_it_is_and_said():
    single = np.exp(W).astype("f4")
    for gradient in single, single.astype("f8"):
        _, report = checked(exponential, gradient)
        assert report.ok and report.tol == 1e-4
        assert "single precision" in report.notes[0]
    _, report = checked(exponential, single, tol=1e-3)
    assert report.ok and report.tol == 1e-3 and not report.notes
    said, _ = checked(exponential, single * np.linspace(1, 1.01, 6).astype("f4"))
    assert said == "wrong"


def test_one_factor_is_a_mistake_however_small():
    for factor in 0.25, -1, 0, 1.000001:
        said, report = checked(exponential, factor * np.exp(W))
        assert said == "wrong"
        assert len(report.notes) == 1
    _, report = checked(exponential, np.exp(W) / 6)
    assert report.notes[0].startswith("dw: 0.166667 times the numerical one")


def test_a_loss_that_says_two_things_is_at_fault_and_no_gradient():
    calls = []

    def counting(point):
        calls.append(point)
        return square(point) + 1e-3 * len(calls)

    said, report = checked(counting, 2 * W)
    assert not report.ok and report.faults[0].startswith("loss: ")
    said, report = checked(counting, 3 * W)
    assert said == "cannot tell" and not report.notes
    printed = " ".join(str(report).split())
    assert printed.endswith(report.faults[0])
    assert max(map(len, str(report).splitlines())) <= 80


def test_a_loss_that_changes_only_at_the_end_is_noticed():
    calls = []

    def tiring(point):
        calls.append(point)
        return square(point) + (len(calls) > 20)

    _, report = checked(tiring, 2 * W, method="central")
    assert report.faults


def test_a_function_is_asked_twice_and_for_a_multiple():
    state = {"w": W.copy()}

    def overwriting(g):
        state["w"] *= 1.5
        return {"dw": 2 * g * state["w"]}

    functions = {
        lambda g: {"dw": 2 * g * W}: "",
        lambda g: {"dw": (2 * g * W).astype("f4")}: "",
        lambda g: {"dw": 2 * W}: "dw: does not scale",
        lambda g: {"dw": 2 * g * W + 1}: "dw: does not scale",
        overwriting: "dw: the function says two things",
    }
    for function, fault in functions.items():
        report = rs.gradient_check(square, {"w": W}, function)
        assert report.ok == (not fault)
        assert "".join(report.faults).startswith(fault)


def test_a_kink_is_no_mistake():
    point = {"w": np.array([0.0, 2.0])}

    def bent(point):
        return np.maximum(point["w"], 0).sum()

    for slope in 0.0, 0.5, 1.0:
        report = rs.gradient_check(bent, point, {"dw": [slope, 1.0]})
        assert report.rows[0].verdict == "cannot tell"
        assert "kink" in report.notes[0]
    assert rs.gradient_check(bent, point, {"dw": [1.0, 1.5]}).rows[0].verdict == "wrong"


def test_a_lost_imaginary_part_is_noticed_in_every_array():
    "Not only in the first: here the second goes through abs"
    point, gradients = {"v": W, "w": W}, {"dv": 2 * W, "dw": np.sign(W)}

    def loss(point):
        return (point["v"] ** 2).sum() + abs(point["w"]).sum()

    report = rs.gradient_check(loss, point, gradients)
    assert report.ok and report.method == "central"
    said = rs.gradient_check(loss, point, gradients, method="complex").rows[1]
    assert said.verdict == "cannot tell" and "central" in said.why
    only_first = rs.gradient_check(loss, point, {"dv": 2 * W})
    assert only_first.ok and only_first.method == "complex"


@pytest.mark.parametrize("penalty", [1e-3, 1e-6, 1e-8])
def test_a_small_penalty_is_not_missed(penalty):
    def penalised(point):
        return square(point) + penalty * abs(point["w"]).sum()

    _, report = checked(penalised, 2 * W + penalty * np.sign(W), tol=0.1 * penalty)
    assert report.ok and report.method == "central"


def test_the_seed_chooses_the_entries():
    gradient = 2 * W
    gradient[2] *= 2  # found only where it is tried
    found = {seed: checked(square, gradient, entries=2, seed=seed)[0] for seed in range(20)}
    assert set(found.values()) == {"ok", "wrong"}
    assert found == {seed: checked(square, gradient, entries=2, seed=seed)[0] for seed in range(20)}


@pytest.mark.filterwarnings("error")
def test_no_warning_escapes():
    for loss, gradient, _ in RIGHT.values():
        for given in gradient, np.inf * gradient, np.nan * gradient:
            for method in "auto", "central":
                checked(loss, given, method=method)


def test_no_warning_is_shown_even_if_all_are_wanted():
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        checked(into_zeros, OF_ZEROS)
        rs.gradient_check(far, {"w": W}, {"dw": np.inf * W})
    assert not shown


def test_threads_leave_the_filters_of_warnings_alone():
    "And one that checks does not change what the others are told"
    before, go_on, shown = [*warnings.filters], threading.Event(), []

    def check():
        for _ in range(30):
            assert checked(into_zeros, OF_ZEROS)[1].ok
        go_on.set()

    def warn():
        while not go_on.is_set():
            into_zeros({"w": W + 0j})
        shown.append(True)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inside = [*warnings.filters]
        threads = [threading.Thread(target=check) for _ in range(4)]
        threads.append(threading.Thread(target=warn))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert warnings.filters == inside
    assert shown == [True]  # the other thread lost imaginary parts, and no error came of it
    assert warnings.filters == before


def wave(x, steep):
    return np.sin(steep * x)


def wave_slope(x, steep):
    return steep * np.cos(steep * x)


def step(x, steep):
    "On top of a large number"
    return 1e4 + np.tanh(steep * x)


def step_slope(x, steep):
    level = np.tanh(steep * x)
    return steep * (1 - level**2)


def well(x, steep):
    square = x * x + 1 / steep
    return np.log(square)


def well_slope(x, steep):
    square = x * x + 1 / steep
    return 2 * x / square


def coarse(x, steep):
    "In single precision"
    return np.exp(np.float32(x))


def coarser(x, steep):
    return np.float32(100) + coarse(x, steep)


def coarse_slope(x, steep):
    return np.exp(x)


SLOPES = {
    wave: wave_slope,
    step: step_slope,
    well: well_slope,
    coarse: coarse_slope,
    coarser: coarse_slope,
}


@pytest.mark.parametrize("function", SLOPES, ids=lambda function: function.__name__)
@pytest.mark.parametrize("seed", range(40))
def test_stated_errors_hold(function, seed):
    "The true error of a difference is below the stated one"
    rng = np.random.default_rng(seed)
    v = rng.normal()
    steep = 10 ** rng.uniform(-1, 3)

    def along(h):
        return function(v + h, steep)

    def heard(h):
        return float(along(h))

    noise = derivatives.noise_of(along)
    slope = derivatives.central_slope(heard, noise)
    error = abs(slope.value - SLOPES[function](v, steep))
    assert error <= slope.error


def test_slopes_that_explode_are_not_those_of_large_steps():
    "Which agree with each other on a slope that is none"

    def chaotic(h):
        x = 0.3 + h
        for _ in range(30):
            x = 3.9 * x * (1 - x)
        return x

    slope = derivatives.central_slope(chaotic, derivatives.noise_of(chaotic))
    exact = derivatives.complex_slope(chaotic).value
    assert abs(exact) > 1e5
    assert abs(slope.value - exact) <= slope.error < 1e-2 * abs(exact)


def exploding(point):
    "A chain of tanh, each of ten times the last: every rounding grows"
    v = point["w"]
    for _ in range(12):
        v = np.tanh(10 * v) + 0.01 * v.sum()
    return v.sum()


def test_rounding_that_grew_is_no_mistake():
    w = {"w": 1e-9 * W}
    exact = np.empty(6)
    for i in range(6):
        way = np.zeros(6)
        way[i] = 1
        value = exploding({"w": w["w"] + 1e-20j * way})
        exact[i] = value.imag / 1e-20
    report = rs.gradient_check(exploding, w, {"dw": exact})
    assert report.ok and report.method == "complex"
    report = rs.gradient_check(exploding, w, {"dw": exact}, method="central")
    assert report.rows[0].verdict != "wrong"
    off = exact * (1 + 1e-6 * np.cos(np.arange(6)))  # a rounding error, ten times twelve times
    report = rs.gradient_check(exploding, w, {"dw": off})
    assert report.rows[0].verdict == "cannot tell"
    report = rs.gradient_check(exploding, w, {"dw": 2 * exact})
    assert report.rows[0].verdict == "wrong"


def test_what_differences_do_not_feel_is_not_called_right():
    "A loss without one array, and one that forgets it in no way that can be measured"
    point, gradients = {"v": W, "w": W}, {"dv": 2 * W, "dw": 0 * W}
    for faint in 0.0, 1e-30:

        def loss(point):
            return (point["v"] ** 2).sum() + faint * point["w"].sum()

        central = rs.gradient_check(loss, point, gradients, method="central")
        assert [row.verdict for row in central.rows] == ["ok", "cannot tell"]
        exact = rs.gradient_check(loss, point, gradients)
        assert exact.ok == (faint == 0)
