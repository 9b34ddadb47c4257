"""What holds for any numbers: properties of the backward functions, and of the forward ones where
they mean something, on sizes and seeds that hypothesis picks (the same at every run)."""

import itertools
import warnings

import numpy as np
import pytest

import rnn_stepwise as rs
from networks import CELLS, KINDS, SEQUENCES, Case, Sizes, network
from rnn_stepwise.checking import error_of

pytest.importorskip("hypothesis", reason="hypothesis is not installed")
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

every = pytest.mark.parametrize("kind", KINDS)
sequences = pytest.mark.parametrize("kind", SEQUENCES)
fixed = settings(
    derandomize=True, deadline=None, max_examples=40, phases=[Phase.generate], database=None
)
SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def sizes_of_networks(draw):
    n_x, n_a, n_y, m = (draw(st.integers(1, 4)) for _ in range(4))
    T_x = draw(st.integers(1, 5))
    return Sizes(n_x, n_a, n_y, m, T_x, draw(st.integers(1, T_x)))


SIZES = sizes_of_networks()


def changed(arrays, change):
    return {name: change(value) for name, value in arrays.items()}


def impulses(case):
    "What arrives, cut into pieces: one array at one step (of a cell: in one example)"
    axis = 1 if case.kind in CELLS else 2
    for name, whole in case.upstream.items():
        for s in range(whole.shape[axis]):
            piece = np.zeros_like(whole)
            where = (slice(None),) * axis + (s,)
            piece[where] = whole[where]
            silent = {other: 0 * v for other, v in case.upstream.items()}
            yield s, silent | {name: piece}


def combine(*terms):
    "The sum of factor * gradients over (factor, gradients), and how large its terms are"
    total, scale = {}, {}
    for factor, gradients in terms:
        for name, g in gradients.items():
            total[name] = total.get(name, 0) + factor * g
            scale[name] = scale.get(name, 0) + abs(factor * g).max()
    return total, scale


def assert_close(got, want, scale=None, tol=1e-12):
    "Equal to tol of the largest entry (or of the terms of a sum), in equal shapes and dtypes"
    assert set(got) == set(want)
    for name, w in want.items():
        assert got[name].shape == w.shape and got[name].dtype == w.dtype, name
        size = abs(w).max() if scale is None else scale[name]
        assert abs(got[name] - w).max() <= tol * size, name


def bits(values):
    return [(v.dtype, v.shape, v.tobytes()) for v in values]


@every
@fixed
@given(SIZES, SEEDS, st.integers(-9, 9), st.integers(-9, 9))
def test_linear_in_what_arrives(kind, sizes, seed, p, q):
    "Jointly in (da, dc): B(p u + qi v) = p B(u) + qi B(v)"
    case, q = network(kind, sizes, seed), 1j * q
    other = network(kind, sizes, [seed, 1]).upstream
    both = {name: p * v + q * other[name] for name, v in case.upstream.items()}
    want, scale = combine((p, case.backward()), (q, case.backward(**other)))
    assert_close(case.backward(**both), want, scale)
    silent = case.backward(**changed(other, lambda v: 0 * v))
    assert not any(g.any() for g in silent.values())


@every
@fixed
@given(SIZES, SEEDS)
def test_single_steps_of_what_arrives_sum_to_the_whole(kind, sizes, seed):
    case = network(kind, sizes, seed)
    parts = [(1, case.backward(**pieces)) for _, pieces in impulses(case)]
    assert_close(case.backward(), *combine(*parts))


@sequences
@fixed
@given(SIZES, SEEDS)
def test_no_gradient_into_the_future(kind, sizes, seed):
    """What arrives at step s reaches x up to s and exactly nothing after it; nor does x reach
    earlier states"""
    case = network(kind, sizes, seed)
    for s, pieces in impulses(case):
        dx = case.backward(**pieces)["dx"]
        assert not dx[:, :, s + 1 :].any()
        assert all(dx[:, :, t].any() for t in range(s + 1))
        x = case.inputs["x"].copy()
        x[:, :, s + 1 :] += 1
        later = case.change(inputs={"x": x}).results
        for name, old in case.results.items():
            assert (later[name][:, :, : s + 1] == old[:, :, : s + 1]).all()


@sequences
@fixed
@given(SIZES, SEEDS)
def test_steps_that_the_loss_does_not_look_at_could_as_well_be_missing(kind, sizes, seed):
    "A da of T_da steps is one of T_x with zeros; no dc is a dc of zeros"
    case, T_da = network(kind, sizes, seed), sizes.T_da
    zeros = np.zeros((sizes.n_a, sizes.m, sizes.T_x - T_da))
    padded = changed(case.upstream, lambda v: np.concatenate([v, zeros], 2))
    long = case.backward(**padded)
    assert not long["dx"][:, :, T_da:].any()
    assert_close(case.backward(), long | {"dx": long["dx"][:, :, :T_da]})
    short = case.change(inputs={"x": case.inputs["x"][:, :, :T_da]})
    assert_close(case.backward(), short.backward())
    if kind == "lstm":
        silent = case.backward(dc=np.zeros_like(case.upstream["dc"]))
        assert_close(case.backward(dc=None), silent)


@every
@fixed
@given(SIZES, SEEDS)
def test_a_batch_is_its_examples(kind, sizes, seed):
    "Results, dx and da0 of an example do not know the others; gradients of parameters add up"
    case, parts = network(kind, sizes, seed), []
    for j in range(sizes.m):

        def only(value, j=j):
            return value[:, j : j + 1]

        inputs, upstream = changed(case.inputs, only), changed(case.upstream, only)
        alone = Case(kind, inputs, case.parameters, upstream)
        assert_close(alone.results, changed(case.results, only))
        parts.append(alone.backward())
    whole = case.backward()
    shared = {f"d{name}" for name in case.parameters if name not in ("Wya", "Wy", "by")}
    assert shared < set(whole)
    want, scale = combine(*((1, part) for part in parts))
    for name in set(whole) - shared:
        want[name] = np.concatenate([part[name] for part in parts], axis=1)
    assert_close(whole, want, scale)


PROMOTIONS = """f4 f4 f4   f8 f8 f8   c8 c8 c8    c16 c16 c16  f4 f8 f8   f8 f4 f8   f4 c8 c8
                c8 f4 c8   f8 c8 c16  c8 f8 c16   f4 f2 f4     f4 ? f4    f4 i1 f4   f4 >f4 f4
                f2 f2 f8   i4 i4 f8   f4 i8 f8    f8 u1 f8""".split()


@every
@pytest.mark.parametrize("passed, arriving, result", list(zip(*[iter(PROMOTIONS)] * 3)))
def test_dtype_is_the_promotion_of_what_passed_and_what_arrives(kind, passed, arriving, result):
    case = network(kind).every(lambda v: 3 * v)

    def gradients(passed, arriving):
        cast = case.every(lambda v: v.astype(passed))
        upstream = changed(case.upstream, lambda v: abs(v).astype(arriving))
        return cast.change(upstream=upstream).backward()

    got = gradients(passed, arriving)
    assert {g.dtype for g in got.values()} == {np.dtype(result)}
    computed = {"f4", "f8", "c8", "c16"}
    if {passed, arriving} <= computed:
        tol = 1e-3 if {"f4", "c8"} & {passed, arriving} else 1e-13
        exact = gradients("c16", "c16")
        assert_close({name: g.astype("c16") for name, g in got.items()}, exact, tol=tol)


LAYOUTS = {
    "fortran": np.asfortranarray,
    "reversed": lambda v: v[..., ::-1].copy()[..., ::-1],
    "every other": lambda v: np.repeat(v, 2, axis=1)[:, ::2],
    "broadcast": lambda v: np.broadcast_to(v, v.shape),
    "moved": lambda v: np.moveaxis(np.moveaxis(v, 0, -1).copy(), -1, 0),
    "list": lambda v: v.tolist(),
}


@every
@pytest.mark.parametrize("layout", LAYOUTS)
def test_strides_are_irrelevant_and_read_only_is_enough(kind, layout):
    case = network(kind)
    for value in case.given():
        value.flags.writeable = False
    got = case.every(LAYOUTS[layout]).backward()
    assert_close(got, case.backward(), tol=1e-14)
    assert all(type(g) is np.ndarray and g.flags.writeable for g in got.values())


@every
@fixed
@given(SIZES, SEEDS)
def test_results_are_the_callers_own_and_calls_repeat(kind, sizes, seed):
    "Nothing given changes or is shared, writing harms nothing, no global random state is touched"
    case = network(kind, sizes, seed)
    state, before = np.random.get_state()[1].copy(), bits(case.given())
    got = case.backward()
    want = bits(got.values())
    assert bits(case.given()) == before
    results = [*case.results.values()]
    for g in got.values():
        assert g.flags.writeable
        assert not any(np.shares_memory(g, other) for other in case.given() + results)
    pairs = itertools.combinations(got.values(), 2)
    assert not any(np.shares_memory(g, other) for g, other in pairs)
    for g in [*got.values(), *results]:
        g[...] = np.nan
    assert bits(case.backward().values()) == want and bits(case.given()) == before
    assert (np.random.get_state()[1] == state).all()


@every
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@fixed
@given(SIZES, SEEDS, st.sampled_from([0, 1e-30, 1e-4, 1, 1e4]), st.sampled_from([0, 1e-9, 1, 1e3]))
def test_the_promised_range_gives_no_warning_and_no_nan(kind, dtype, sizes, seed, size, weight):
    case = network(kind, sizes, seed)

    def wild(value):
        return np.clip(size * value, -1e4, 1e4).astype(dtype)

    weights = changed(case.parameters, lambda v: (weight * np.sign(v)).astype(dtype))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        case = case.every(wild).change(parameters=weights)
        for found in [*case.backward().values(), *case.results.values()]:
            assert np.isfinite(found).all()


@every
@fixed
@given(SIZES, SEEDS, st.booleans())
def test_nan_stays_with_its_example(kind, sizes, seed, arrives):
    "NaN in the x or da of one example is NaN in its dx and da0 and in the sums, and nowhere else"
    case, j = network(kind, sizes, seed), seed % sizes.m
    others = np.arange(sizes.m) != j
    field = "upstream" if arrives else "inputs"
    name, value = next(iter(getattr(case, field).items()))
    hit = np.where(others if kind in CELLS else others[:, None], value, np.nan)
    bad, clean = case.change(**{field: {name: hit}}), case.backward()
    for name, g in bad.backward().items():
        if name[1:] in case.parameters:
            assert np.isnan(g).any()
        else:
            assert np.isnan(g[:, j]).any()
            assert (g[:, others] == clean[name][:, others]).all()
    for name, got in bad.results.items():
        assert (got[:, others] == case.results[name][:, others]).all()


@every
@pytest.mark.parametrize("method, tol", [("central", 1e-7), ("complex", 1e-12)])
@settings(fixed, max_examples=6)
@given(st.permutations([1, 2, 3, 4]), SEEDS)
def test_differences_agree(kind, method, tol, four, seed):
    "All sizes different, da shorter than the caches; the same gradients, a little off, are refused"
    case = network(kind, (*four, 6, 5), seed)
    upstream = dict(
        zip(["a_next", "c_next"] if kind in CELLS else ["a", "c"], case.upstream.values())
    )

    def loss(point):
        inputs = {name: point[name] for name in case.inputs}
        results = Case(kind, inputs, point, {}).results
        total = 0
        for name, arriving in upstream.items():
            seen = results[name] if kind in CELLS else results[name][:, :, :5]
            total = total + (seen * arriving).sum()
        return total

    gradients = case.backward()
    if kind in SEQUENCES:
        zeros = np.zeros((four[0], four[3], 1))
        gradients["dx"] = np.concatenate([gradients["dx"], zeros], axis=2)
    point = case.inputs | case.parameters
    report = rs.gradient_check(loss, point, gradients, tol, method, entries=6)
    assert report.ok, str(report)
    for name, g in gradients.items():
        off = {name: 1.00001 * g}
        assert not rs.gradient_check(loss, point, off, tol, method, entries=2).ok or not g.any()


NO_ARRAYS = ["text", {}, np.array([None]), np.ma.masked_array([[1.0]], True), None]
NO_SHAPES = [1.0, [[1.0], [1.0, 2.0]], np.zeros((2,) * 5), np.zeros((0, 7))]


def check_refused(name, error, call, *args, **kwargs):
    message = error_of(call, *args, **kwargs)
    assert message.startswith(f"{error}: {name}: expected ") and ", got " in message, message


def places_of_a_network(kind):
    "(name, value, a call with another value there) for all that a backward function looks at"
    case = network(kind)
    for name, value in case.upstream.items():
        yield name, value, lambda v, name=name: case.backward(**{name: v})
    steps = case.steps

    def with_first(step):
        return case.backward(step if kind in CELLS else ([step, *steps[1:]], case.inputs["x"]))

    if kind in SEQUENCES:
        yield "x", case.inputs["x"], lambda v: case.backward((steps, v))
    for name, value in steps[0]._asdict().items():
        yield name, value, lambda v, name=name: with_first(steps[0]._replace(**{name: v}))
    for name, value in case.parameters.items():

        def call(v, name=name):
            table = {**case.parameters, name: v}
            return with_first(steps[0]._replace(parameters=table))

        yield name, value, call


def places_of_the_loss(function, kind):
    "The same for the loss and for the output layer of a network"
    case = network(kind)
    y = [*case.results.values()][1]
    arguments = {"y_pred": y, "target": np.round(y), "mask": np.ones((7, 6))}
    tables = {}
    if function is rs.output_backward:
        weights = "Wya" if kind == "rnn" else "Wy"
        tables = {name: case.parameters[name] for name in (weights, "by")}
        arguments |= {"a": case.results["a"], "parameters": tables}
    for name, value in arguments.items():
        yield name, value, lambda v, name=name: function(**arguments | {name: v})
    for name, value in tables.items():

        def call(v, name=name):
            return function(**arguments | {"parameters": tables | {name: v}})

        yield name, value, call


def check_places(places):
    for name, good, call in places:
        call(good)
        if name == "parameters":
            for wrong in None, [], "text", np.ones(2):
                check_refused(name, "TypeError", call, wrong)
            continue
        may_be_none = name in ("dc", "mask")
        for wrong in NO_ARRAYS[: len(NO_ARRAYS) - may_be_none]:
            check_refused(name, "TypeError", call, wrong)
        for wrong in [*NO_SHAPES, good[None], good[..., 0], good.take([], 1)]:
            check_refused(name, "ValueError", call, wrong)
        for axis in range(good.ndim):  # sizes that disagree: with this or another name
            if (name, axis) in (("da", 2), ("x", 0)):
                continue  # no other size to disagree with
            message = error_of(call, np.concatenate([good, good], axis))
            assert message.startswith("ValueError: ") and ": expected (" in message, (name, message)


@every
def test_every_argument_of_a_backward_function_is_refused_by_name(kind):
    check_places(places_of_a_network(kind))


@pytest.mark.parametrize("kind", ["rnn", "lstm"])
@pytest.mark.parametrize("function", [rs.sequence_loss, rs.output_backward])
def test_every_argument_of_the_loss_is_refused_by_name(function, kind):
    check_places(places_of_the_loss(function, kind))


@every
def test_missing_parameters_are_refused_by_name(kind):
    case = network(kind)
    for name in case.parameters:
        rest = {other: value for other, value in case.parameters.items() if other != name}
        steps = [step._replace(parameters=rest) for step in case.steps]
        caches = steps[0] if kind in CELLS else (steps, case.inputs["x"])
        check_refused(name, "ValueError", case.backward, caches)


@pytest.mark.parametrize("kind", CELLS)
def test_what_is_no_cache_is_refused(kind):
    case, other = network(kind), network(CELLS[kind == CELLS[0]])
    cache = tuple(case.caches)
    for wrong in None, list(cache), "text", {}, cache[0]:
        check_refused("cache", "TypeError", case.backward, wrong)
    for wrong in (), cache[1:], (*cache, 1), other.caches:
        check_refused("cache", "ValueError", case.backward, wrong)


@sequences
def test_what_are_no_caches_is_refused(kind):
    case, other = network(kind), network(SEQUENCES[kind == SEQUENCES[0]])
    steps, x = case.caches
    for wrong in None, [steps, x], "text", {}, x, (), (x, steps), (steps,), ("text", x):
        check_refused("caches", "TypeError", case.backward, wrong)
    for wrong in None, list(steps[3]), (), "text":
        mixed = [*steps[:3], wrong, *steps[4:]]
        check_refused("caches", "TypeError", case.backward, (mixed, x))
    check_refused("cache", "ValueError", case.backward, other.caches)
    check_refused("caches", "ValueError", case.backward, ([], x))
    check_refused("x", "ValueError", case.backward, (steps[:5], x))


@sequences
def test_gradients_of_too_many_or_no_steps_are_refused(kind):
    case = network(kind)
    eight = {name: np.ones((5, 7, 8)) for name in case.upstream}
    check_refused("da", "ValueError", case.backward, **eight)  # T_da = 8 for T_x = 6
    check_refused("da", "ValueError", case.backward, **changed(eight, lambda v: v[:, :, :0]))
    if kind == "lstm":
        check_refused("dc", "ValueError", case.backward, dc=eight["dc"][:, :, :5])


@sequences
def test_steps_that_do_not_belong_together_are_refused(kind):
    "Another size at a later step is named, and not broadcast"
    case = network(kind)
    for sizes in (4, 5, 2, 7, 6, 4), (3, 4, 2, 7, 6, 4), (3, 5, 2, 1, 6, 4):
        stranger = network(kind, sizes).steps[2]
        steps = [*case.steps]
        steps[2] = stranger
        message = error_of(case.backward, (steps, case.inputs["x"]))
        assert message.startswith("ValueError: ") and ": expected (" in message


CHANGES = [
    ("loss", "TypeError", {"loss": 3}),
    ("loss", "ValueError", {"loss": lambda p: p["v"]}),
    ("loss", "ValueError", {"loss": lambda p: "text"}),
    ("loss", "ValueError", {"loss": lambda p: None}),
    ("v", "TypeError", {"point": {"v": None}}),
    ("dv", "TypeError", {"gradients": {"dv": "text"}}),
    ("dv", "ValueError", {"gradients": {"dv": [1.0]}}),
    ("dw", "ValueError", {"gradients": {"dw": np.ones(2)}}),
    ("gradients", "ValueError", {"gradients": {}}),
    ("gradients", "TypeError", {"gradients": None}),
    ("point", "TypeError", {"point": [1.0]}),
    ("method", "ValueError", {"method": "x"}),
    ("entries", "ValueError", {"entries": 0}),
    ("entries", "TypeError", {"entries": 1.5}),
    ("entries", "TypeError", {"entries": True}),
    ("seed", "TypeError", {"seed": "a"}),
    ("tol", "ValueError", {"tol": float("inf")}),
]


@pytest.mark.parametrize("name, error, change", CHANGES)
def test_gradient_check_refuses_by_name(name, error, change):
    good = {
        "loss": lambda p: (p["v"] ** 2).sum(),
        "point": {"v": np.ones(2)},
        "gradients": {"dv": [2, 2.0]},
    }
    assert rs.gradient_check(**good).ok
    check_refused(name, error, rs.gradient_check, **good | change)
