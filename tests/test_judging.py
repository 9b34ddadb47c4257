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
    "However long the comparison is: the last call of all is one to see whether anything changed"
    for wrong, verdict in (0, "ok"), (W**2, "cannot tell"):
        calls = []

        def tiring(point, calls=calls, last=np.inf):
            calls.append(point)
            return square(point) + (len(calls) >= last)

        assert checked(tiring, 2 * W + wrong, entries=1)[0] == (
            "wrong" if verdict != "ok" else "ok"
        )
        last = len(calls)
        calls.clear()
        said, report = checked(lambda p: tiring(p, calls, last), 2 * W + wrong, entries=1)
        assert report.faults and said == verdict, (len(calls), last)


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


def narrow(x, steep):
    "Flat but for a thousandth around 0"
    return np.exp(-((1e3 * x) ** 2))


def narrow_slope(x, steep):
    return -2e6 * x * narrow(x, steep)


def periodic(x, steep):
    "Of a period that steps which halve would all be multiples of"
    return x + np.sin(128 * np.pi * x)


def periodic_slope(x, steep):
    return 1 + 128 * np.pi * np.cos(128 * np.pi * x)


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


@pytest.mark.parametrize("seed", range(20))
def test_what_large_steps_do_not_see_small_ones_do(seed):
    v = 1e-3 * np.random.default_rng(seed).normal()
    for function, derivative in (narrow, narrow_slope), (periodic, periodic_slope):

        def along(h, function=function):
            return function(v + h, 0)

        slope = derivatives.central_slope(along, derivatives.noise_of(along))
        right = derivative(v, 0)
        assert abs(slope.value - right) <= slope.error <= 1e-5 * abs(right)


def test_a_kink_is_told_by_its_sides():
    for left, right in (0.0, 1.0), (-2.0, 5.0):
        slope = derivatives.central_slope(lambda h: max(right * h, left * h), 1e-17)
        np.testing.assert_allclose(slope.kink, (left, right), rtol=1e-9)
        np.testing.assert_allclose(slope[:2], ((left + right) / 2, (right - left) / 2), rtol=1e-9)


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


# What it says, word for word

FLOAT32 = (
    "dw: off by 5 times the last place of float32. That is rounding, if float32 is used "
    "anywhere; in double precision it would be gone"
)
MEAN = (
    "dw: 0.166667 times the numerical one: a mean for a sum, or something from above left "
    "out or counted twice"
)
ABS = (
    "dw: differences agree with it, the complex step does not: the loss has abs in it, or a "
    "comparison. Take method='central'"
)
KINK = "dw: the loss has a kink there, from slope 0 to 1. Check at another point"
UNFELT = "dw: differences feel nothing of it: it is 0, or too small for them"
NOWHERE = "dw: near the point the loss is not finite, or not smooth"
LOST = (
    "dw: a right pass may be that far off by rounding alone, beside the other gradients or "
    "because they explode. Check it by itself, on fewer steps"
)
COARSE = (
    "dw: numerically known to 1e-05 only, because the loss rounds. Compute it in double "
    "precision, leave out of it what the array does not change, or let it take complex numbers"
)


def bent(point):
    return np.maximum(point["w"], 0).sum()


def constant(point):
    return 1.0 + 0 * point["w"].real.sum()


def high_up(point):
    return 1e9 + exponential(point).real


def saturated(point):
    return np.tanh(20 + 0 * W + point["w"]).sum()


EDGE = np.arange(6.0)
SAYS = {  # a loss, a point, a gradient, options, the one sentence
    "float32": (exponential, W, np.exp(W) + 3e-6 * np.cos(9 * W), {}, FLOAT32),
    "mean": (square, W, W / 3, {}, MEAN),
    "sign": (square, W, -2 * W, {}, "dw: the sign is the other one"),
    "zeros": (square, W, 0 * W, {}, "dw: nothing but zeros"),
    "minus": (square, W, -W / 3, {}, MEAN.replace("0.16", "-0.16")),
    "abs": (lambda p: abs(p["w"]).sum(), W, np.sign(W), {"method": "complex"}, ABS),
    "kink": (bent, EDGE, np.ones(6), {}, KINK),
    "unfelt": (constant, W, 0 * W, {"method": "central"}, UNFELT),
    "NaN": (broken, W, 2 * W, {}, NOWHERE),
    "tiny": (lambda p: 1e-306 * exponential(p), W, 1e-306 * np.exp(W), {}, None),
    "saturated": (saturated, W, 0 * W, {}, LOST),
    "coarse": (high_up, W, np.exp(W), {"method": "central", "tol": 1e-12}, None),
    "tol": (exponential, W, np.exp(W) * (1 + 1e-15), {"tol": 0}, None),
}
BEGINS = {
    "tiny": "dw: too small for numbers. Scale the loss",
    "coarse": "dw: numerically known to ",
    "tol": "dw: known to 1e-14: double precision allows no less",
}


@pytest.mark.parametrize("name", SAYS)
def test_each_reason_has_its_sentence(name):
    loss, point, gradient, options, sentence = SAYS[name]
    report = rs.gradient_check(loss, {"w": point}, {"dw": gradient}, **options)
    assert not report.ok
    (note,) = report.notes
    if sentence is None:
        assert note.startswith(BEGINS[name])
    else:
        assert note == sentence


def test_what_is_said_of_a_coarse_loss():
    _, report = checked(high_up, np.exp(W), method="central", tol=1e-12)
    number = report.notes[0].split()[4]
    assert report.notes[0] == COARSE.replace("1e-05", number)
    assert 1e-9 < float(number) < 1e-4


def test_faults_and_the_note_of_single_precision_word_for_word():
    calls = []

    def counting(point):
        calls.append(point)
        return 0.5 * len(calls)

    report = rs.gradient_check(counting, {"w": W}, {"dw": 0 * W})
    first, second, last = report.faults[0].removeprefix("loss: ").split(" at ")[0].split(", ")
    assert (first, second) == ("0.5", "1") and float(last) > 1
    assert report.faults[0].endswith(
        " at the same point. It keeps something between calls, or is random"
    )

    def forgetting(g):
        calls.append(g)
        return {"dw": 2 * g * W * len(calls)}

    report = rs.gradient_check(square, {"w": W}, forgetting)
    assert report.faults == (
        "dw: the function says two things. It keeps something between calls, or writes into "
        "what it is given",
    )
    _, report = checked(exponential, np.exp(W).astype("f4"))
    assert report.notes == ("No more digits than single precision has: judged at 1e-04",)


def test_a_function_may_not_lose_a_name():
    answers = [{"dw": 2 * W, "dv": 2 * W}, {"dw": 2 * W}, {"dw": -1.4 * W}]

    def losing(g):
        return answers.pop(0)

    def loss(point):
        return (point["w"] ** 2).sum() + (point["v"] ** 2).sum()

    report = rs.gradient_check(loss, {"w": W, "v": W}, losing)
    assert [fault[:2] for fault in report.faults] == ["dv"]


def test_a_row_says_how_far_its_number_is_known():
    row = rs.GradientRow("dw", 0.5, (1, 2), -3.0, 0.0, uncertainty=1e-3)
    assert str(row) == "dw         5.0e-01  dw[1, 2]: -3, 0 ± 1e-03"
    row = row._replace(uncertainty=2e-12)
    assert str(row) == "dw         5.0e-01  dw[1, 2]: -3, 0"
    assert row.verdict == "ok" and row.why == "" and row.scale == 0
    report = rs.GradientReport((row,), "central", 1e-7, notes=("x" * 80 + " y",))
    assert str(report).splitlines() == [
        "   gradient     error  worst entry: given, central",
        f"ok {row}",
        "x" * 80,
        "y",
    ]


def test_a_loss_may_write_into_whatever_it_gets():
    point = {"v": W.copy(), "w": W.copy(), "n": np.float64(0.5)}

    def writing(point):
        for array in point.values():
            array[...] = array**2
        return point["v"].sum() + (point["v"] * point["w"]).sum() + point["n"][()]

    gradients = {"dv": 2 * W + 2 * W**3, "dw": 2 * W**3, "dn": 1.0}
    report = rs.gradient_check(writing, point, gradients)
    assert report.ok, str(report)
    np.testing.assert_array_equal(point["v"], W)


def chaotic(point):
    v = point["w"]
    for _ in range(50):
        v = 3.9 * v * (1 - v)
    return v.sum()


def test_rounding_that_explodes_is_told_from_a_mistake_by_shaking_the_point():
    start = np.linspace(0.21, 0.77, 6)
    exact = np.empty(6)
    for i, way in enumerate(np.eye(6)):
        exact[i] = chaotic({"w": start + 1e-20j * way}).imag / 1e-20
    off = 1 + 2e-4 * np.cos(np.arange(6))
    report = rs.gradient_check(chaotic, {"w": start}, {"dw": exact * off}, method="complex")
    assert report.notes == (LOST,)
    report = rs.gradient_check(chaotic, {"w": start}, {"dw": exact * np.arange(6)})
    assert report.rows[0].verdict == "wrong"
    assert checked(exponential, np.exp(W) * off)[0] == "wrong"


# Losses that were once judged by steps that saw nothing of them


def bell(point):
    return np.exp(-((1e3 * point["w"]) ** 2)).sum()


def bell_slope(v):
    return -2e6 * v * np.exp(-((1e3 * v) ** 2))


def humming(point):
    return (point["w"] + np.sin(128 * np.pi * point["w"])).sum()


def hidden_kink(point):
    w = point["w"]
    return (w**2).sum() + abs(w[0] - 0.3 - 1e-6) + 1000


def small_abs(point):
    return 100 + 1e-12 * abs(point["w"]).sum()


def steep(point):
    return np.tanh(1e8 * point["w"]).sum()


STEEP = 1e8 * (1 - np.tanh(0.5) ** 2)
HUM = 1 + 128 * np.pi * np.cos(128 * np.pi * 0.3)
CANNOT = "cannot tell"
BLIND = [  # a loss, a point, a gradient, what may be said of it
    (bell, [1e-4], [0.0], {"wrong"}),
    (bell, [1e-4], [bell_slope(1e-4)], {"ok"}),
    (bell, [-7e-4], [bell_slope(-7e-4)], {"ok"}),
    (humming, [0.3], [1.0], {"wrong"}),
    (humming, [0.3], [HUM], {"ok"}),
    (hidden_kink, [0.3], [0.6], {"wrong", CANNOT}),
    (hidden_kink, [0.3], [-0.4], {"ok", CANNOT}),
    (small_abs, W, 1e-12 * np.sign(W), {"ok", CANNOT}),
    (steep, [5e-9], [STEEP], {"ok"}),
    (steep, [5e-9], [2 * STEEP], {"wrong"}),
    (lambda p: 1e17 + abs(p["w"]).sum(), W, 0 * W, {CANNOT}),
    (lambda p: 1e17 + abs(p["w"]).sum(), W, np.sign(W), {CANNOT}),
    (lambda p: np.floor(64 * p["w"]).sum(), [0.3], [64.0], {"wrong", CANNOT}),
    (lambda p: abs(p["w"]).sum(), [1e-9, 0.5], [1.0, 1.0], {"ok", CANNOT}),
    (lambda p: abs(p["w"]).sum(), [1e-9, 0.5], [0.0, 1.0], {"wrong", CANNOT}),
    (lambda p: np.log(p["w"]).sum(), [1e-25], [1e25], {"ok", CANNOT}),
    (lambda p: np.log(p["w"]).sum(), [1e-25], [1.5707863e20], {"wrong", CANNOT}),
    (lambda p: np.sin(p["w"]).sum(), [640180.0], [np.cos(640180.0)], {"ok", CANNOT}),
    (lambda p: np.sin(p["w"]).sum(), [1609.0], [np.cos(1609.0)], {"ok"}),
    (lambda p: ([70001, 90001] * p["w"]).sum(), [0.3, 0.2], [70003, 90001], {"wrong"}),
    (lambda p: np.nan, W, 0 * W, {CANNOT}),
    (lambda p: np.inf, W, W, {CANNOT}),
]


@pytest.mark.parametrize("case", BLIND)
@pytest.mark.parametrize("method", ["auto", "central"])
def test_steps_that_see_nothing_are_not_believed(case, method):
    loss, point, gradient, allowed = case
    point = {"w": np.array(point)}
    report = rs.gradient_check(loss, point, {"dw": gradient}, method=method)
    verdict = report.rows[0].verdict
    if method == "central" and verdict == CANNOT:
        return  # differences know less
    assert verdict in allowed, str(report)


@pytest.mark.parametrize("scale", [10, 20, 50, 100])
def test_saturated_cells_of_our_own_are_not_called_wrong(scale):
    rng = np.random.default_rng(scale)
    for _ in range(20):
        p = rs.init_rnn_parameters(3, 4, 2, rng)
        p = {name: scale * array for name, array in p.items()}
        xt, a_prev, upstream = rng.normal(size=(3, 1)), *rng.normal(size=(2, 4, 1))
        *_, cache = rs.rnn_cell_forward(xt, a_prev, p)
        found = rs.rnn_cell_backward(upstream, cache)

        def loss(point, p=p, xt=xt, a_prev=a_prev, upstream=upstream):
            return (rs.rnn_cell_forward(xt, a_prev, p | point)[0] * upstream).sum()

        names = "Wax", "Waa", "ba"
        point = {name: p[name] for name in names}
        report = rs.gradient_check(loss, point, {f"d{name}": found[f"d{name}"] for name in names})
        assert "wrong" not in {row.verdict for row in report.rows}, str(report)


@pytest.mark.parametrize("size", [1e-300, 1e-304, 1e-306, 1e-308, 1e-312, 1e-318, 1e-322])
@pytest.mark.parametrize("method", ["auto", "central"])
def test_where_numbers_end_nothing_right_is_called_wrong(size, method):
    def least(point):
        return size * exponential(point)

    assert checked(least, size * np.exp(W), method=method)[0] != "wrong"
    if size >= 1e-308:
        assert checked(least, size * np.exp(2 * W), method=method)[0] == "wrong"


def test_a_loss_may_raise_beyond_its_domain():
    def bounded(point):
        if point["w"].real.max() > 1:
            raise ValueError("beyond")
        return square(point)

    for v in 1.0, 1 - 1e-6:
        report = rs.gradient_check(bounded, {"w": [v]}, {"dw": [2 * v]})
        assert report.rows[0].verdict != "wrong"


# Derivatives by themselves


def test_only_a_lost_imaginary_part_of_this_thread_is_an_error():
    def lose():
        np.zeros(2)[:] = np.ones(2) * 1j
        shown.append("lost")

    shown = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with derivatives.imaginary_parts_kept():
            thread = threading.Thread(target=lose)
            thread.start()
            thread.join()
            warnings.warn("something else", UserWarning, stacklevel=1)
            with pytest.raises(np.exceptions.ComplexWarning):
                lose()
        lose()
    assert shown == ["lost", "lost"]


def test_a_smooth_function_is_known_after_few_steps():
    "And to nearly all digits: each row of the table takes one more term away"
    for function, derivative in (np.exp, np.exp), (np.sin, np.cos):
        asked = []

        def along(h, function=function, asked=asked):
            asked.append(h)
            return function(0.3 + h)

        slope = derivatives.central_slope(along, 1e-17, enough=1e-10)
        assert slope.error <= 1e-10
        assert abs(slope.value - derivative(0.3)) <= 1e-12
        assert len(asked) <= 30


def test_single_precision_is_seen_by_its_digits():
    assert derivatives.in_single([np.exp(W).astype("f4")]) is True
    half = np.exp(W).astype("f2").astype("f8")
    for others in [W], [half], [np.array([70001.0, 2.0**20 + 1])], [np.zeros(3)]:
        assert derivatives.in_single(others) is False
