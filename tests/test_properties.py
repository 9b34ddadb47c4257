"""What holds for any numbers: properties of the backward functions, and of the forward ones where
they mean something, on sizes and seeds that hypothesis picks (the same at every run)."""
import itertools
import warnings

import numpy as np
import pytest

import rnn_stepwise as rs
from rnn_stepwise.checking import error_of

pytest.importorskip("hypothesis", reason="hypothesis is not installed")
from hypothesis import Phase, given, settings, strategies as st  # noqa: E402

CELLS, SEQUENCES = [rs.rnn_cell_backward, rs.lstm_cell_backward], [rs.rnn_backward, rs.lstm_backward]
every = pytest.mark.parametrize("function", CELLS + SEQUENCES, ids=lambda f: f.__name__)
sequences = pytest.mark.parametrize("function", SEQUENCES, ids=lambda f: f.__name__)
fixed = settings(derandomize=True, deadline=None, max_examples=40, phases=[Phase.generate], database=None)
SIZES = st.tuples(*[st.integers(1, 4)] * 4, st.integers(1, 5)).flatmap(  # n_x, n_a, n_y, m, T_x, T_da
    lambda s: st.tuples(*map(st.just, s), st.integers(1, s[-1])))
SEEDS = st.integers(0, 2**32 - 1)
ALL_DIFFERENT = (3, 5, 2, 7, 6, 4)


def draw(function, sizes, seed):
    "(inputs x, a0 (, c0); parameters; what arrives: da (, dc)), no bias zero"
    n_x, n_a, n_y, m, T_x, T_da = sizes
    rng, lstm, steps = np.random.default_rng(seed), "lstm" in function.__name__, function in SEQUENCES
    init = rs.init_lstm_parameters if lstm else rs.init_rnn_parameters
    parameters = {k: v + 0.3 * rng.normal(size=v.shape) for k, v in init(n_x, n_a, n_y, rng).items()}
    states = [rng.normal(size=(n_a, m)) for _ in range(1 + lstm)]
    return ([rng.normal(size=(n_x, m, *[T_x] * steps)), *states], parameters,
            [rng.normal(size=(n_a, m, *[T_da] * steps)) for _ in states])


class Problem:
    "A forward pass that was run, and the gradients that arrive; `with_` runs it with other arguments"

    def __init__(self, function, inputs, parameters, upstream):
        self.function, self.inputs, self.parameters, self.upstream = function, inputs, parameters, upstream
        *self.results, self.caches = self.forward(inputs, parameters)

    def with_(self, **changes):
        names = ("function", "inputs", "parameters", "upstream")
        return Problem(**{name: getattr(self, name) for name in names} | changes)

    def forward(self, inputs, parameters):
        function = getattr(rs, self.function.__name__.replace("backward", "forward"))
        if self.function in CELLS: return function(*inputs, parameters)
        return function(*inputs[:2], parameters, *inputs[2:])

    def backward(self, *upstream, caches=...):
        caches, upstream = self.caches if caches is ... else caches, upstream or self.upstream
        if self.function in CELLS: return self.function(*upstream, caches)
        return self.function(upstream[0], caches, *upstream[1:])

    def given(self):
        "Every array that the backward pass was given, by the caller and in the caches"
        steps, *x = self.caches if self.function in SEQUENCES else ([self.caches],)
        return [*self.inputs, *self.parameters.values(), *self.upstream, *x,
                *(entry for step in steps for entry in step[:-1])]

    def impulses(self):
        "What arrives, cut into pieces: one array at one step (of a cell: in one example)"
        axis = 2 if self.function in SEQUENCES else 1
        for i, whole in enumerate(self.upstream):
            for s in range(whole.shape[axis]):
                pieces = [np.zeros_like(v) for v in self.upstream]
                where = (slice(None),) * axis + (s,)
                pieces[i][where] = whole[where]
                yield s, pieces


def problem(function, sizes=ALL_DIFFERENT, seed=0): return Problem(function, *draw(function, sizes, seed))


def combine(*terms):
    "The sum of factor * gradients over (factor, gradients), and how large its terms are"
    return ({n: sum(factor * g[n] for factor, g in terms) for n in terms[0][1]},
            {n: sum(abs(factor * g[n]).max() for factor, g in terms) for n in terms[0][1]})


def assert_close(got, want, scale=None, tol=1e-12):
    "Equal to tol of the largest entry (or of the terms of a sum), in equal shapes and dtypes"
    assert set(got) == set(want)
    for name, w in want.items():
        assert got[name].shape == w.shape and got[name].dtype == w.dtype, name
        assert abs(got[name] - w).max() <= tol * (abs(w).max() if scale is None else scale[name]), name


def bits(values): return [(v.dtype, v.shape, v.tobytes()) for v in values]


@every
@fixed
@given(SIZES, SEEDS, st.integers(-9, 9), st.integers(-9, 9))
def test_linear_in_what_arrives_and_splits_by_step(function, sizes, seed, p, q):
    "Jointly in (da, dc): B(p u + qi v) = p B(u) + qi B(v); single steps of da or dc sum to the whole"
    q, one, v = 1j * q, problem(function, sizes, seed), draw(function, sizes, seed + 1)[2]
    want, scale = combine((p, one.backward()), (q, one.backward(*v)))
    assert_close(one.backward(*(p * a + q * b for a, b in zip(one.upstream, v))), want, scale)
    assert not any(g.any() for g in one.backward(*(0 * a for a in v)).values())
    want, scale = combine(*((1, one.backward(*pieces)) for _, pieces in one.impulses()))
    assert_close(one.backward(), want, scale)


@sequences
@fixed
@given(SIZES, SEEDS)
def test_no_gradient_into_the_future(function, sizes, seed):
    """What arrives at step s reaches x up to s and exactly nothing after it; nor does x reach earlier a.
    A da of T_da steps is one of T_x with zeros, and the later steps could as well be missing"""
    one = problem(function, sizes, seed)
    for s, pieces in one.impulses():
        dx, x = one.backward(*pieces)["dx"], one.inputs[0].copy()
        assert not dx[:, :, s + 1:].any() and all(dx[:, :, t].any() for t in range(s + 1))
        x[:, :, s + 1:] += 1
        for new, old in zip(one.forward([x, *one.inputs[1:]], one.parameters), one.results):
            assert (new[:, :, :s + 1] == old[:, :, :s + 1]).all()
    (_, n_a, _, m, T_x, T_da), (da, *dc) = sizes, one.upstream
    rest, x = np.zeros((n_a, m, T_x - T_da)), one.inputs[0][:, :, :T_da]
    short, long = one.backward(), one.backward(*(np.concatenate([v, rest], 2) for v in one.upstream))
    assert not long["dx"][:, :, T_da:].any()
    assert_close(short, long | {"dx": long["dx"][:, :, :T_da]})
    assert_close(short, one.with_(inputs=[x, *one.inputs[1:]]).backward())
    assert_close(one.backward(da), one.backward(da, *(0 * v for v in dc)))         # no dc: zeros


@every
@fixed
@given(SIZES, SEEDS)
def test_a_batch_is_its_examples(function, sizes, seed):
    "Results, dx and da0 of an example do not know the others; gradients of parameters add up"
    one, parts = problem(function, sizes, seed), []
    for j in range(sizes[3]):
        only = lambda values: [v[:, j:j + 1] for v in values]
        alone = one.with_(inputs=only(one.inputs), upstream=only(one.upstream))
        assert_close(dict(enumerate(alone.results)), dict(enumerate(only(one.results))))
        parts.append(alone.backward())
    whole = one.backward()
    shared = {f"d{k}" for k in one.parameters if k not in ("Wya", "Wy", "by")}
    assert shared < set(whole)
    want, scale = combine(*((1, part) for part in parts))
    for name in set(whole) - shared: want[name] = np.concatenate([p[name] for p in parts], axis=1)
    assert_close(whole, want, scale)


@every
@pytest.mark.parametrize("passed, arriving, result", [
    ("f4", "f4", "f4"), ("f8", "f8", "f8"), ("c8", "c8", "c8"), ("c16", "c16", "c16"),
    ("f4", "f8", "f8"), ("f8", "f4", "f8"), ("f4", "c8", "c8"), ("c8", "f4", "c8"), ("f8", "c8", "c16"),
    ("c8", "f8", "c16"), ("f4", "f2", "f4"), ("f4", "?", "f4"), ("f4", "i1", "f4"), ("f4", ">f4", "f4"),
    ("f2", "f2", "f8"), ("i4", "i4", "f8"), ("f4", "i8", "f8"), ("f8", "u1", "f8")])
def test_dtype_is_the_promotion_of_what_passed_and_what_arrives(function, passed, arriving, result):
    one = problem(function)
    def gradients(passed, arriving):
        return one.with_(inputs=[(3 * v).astype(passed) for v in one.inputs],
                         parameters={k: (3 * v).astype(passed) for k, v in one.parameters.items()},
                         upstream=[abs(3 * v).astype(arriving) for v in one.upstream]).backward()
    got = gradients(passed, arriving)
    assert {g.dtype for g in got.values()} == {np.dtype(result)}
    if passed in "f4 f8 c8 c16" and arriving in "f4 f8 c8 c16":
        tol = 1e-3 if {"f4", "c8"} & {passed, arriving} else 1e-13
        assert_close({n: g.astype("c16") for n, g in got.items()}, gradients("c16", "c16"), tol=tol)


@every
@pytest.mark.parametrize("other", [
    np.asfortranarray, lambda v: v[..., ::-1].copy()[..., ::-1], lambda v: np.repeat(v, 2, axis=1)[:, ::2],
    lambda v: np.broadcast_to(v, v.shape), lambda v: np.moveaxis(np.moveaxis(v, 0, -1).copy(), -1, 0),
    lambda v: v.tolist()], ids=["fortran", "reversed", "every other", "broadcast", "moved", "list"])
def test_strides_are_irrelevant_and_read_only_is_enough(function, other):
    one = problem(function)
    for v in one.given(): v.flags.writeable = False
    again = one.with_(inputs=list(map(other, one.inputs)), upstream=list(map(other, one.upstream)),
                      parameters={k: other(v) for k, v in one.parameters.items()})
    assert_close(again.backward(), one.backward(), tol=1e-14)
    assert all(type(g) is np.ndarray and g.flags.writeable for g in again.backward().values())


@every
@fixed
@given(SIZES, SEEDS)
def test_results_are_the_callers_own_and_calls_repeat(function, sizes, seed):
    "Nothing given changes or is shared, writing harms nothing, no global random state is touched"
    one = problem(function, sizes, seed)
    state, before = np.random.get_state()[1].copy(), bits(one.given())
    got = one.backward()
    want = bits(got.values())
    assert bits(one.given()) == before
    for g in got.values():
        assert g.flags.writeable and not any(np.shares_memory(g, v) for v in one.given() + one.results)
    assert not any(np.shares_memory(g, h) for g, h in itertools.combinations(got.values(), 2))
    for g in [*got.values(), *one.results]: g[...] = np.nan
    assert bits(one.backward().values()) == want and bits(one.given()) == before
    assert (np.random.get_state()[1] == state).all()


@every
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@fixed
@given(SIZES, SEEDS, st.sampled_from([0, 1e-30, 1e-4, 1, 1e4]), st.sampled_from([0, 1e-9, 1, 1e3]))
def test_the_promised_range_gives_no_warning_and_no_nan(function, dtype, sizes, seed, size, weight):
    one = problem(function, sizes, seed)
    wild = lambda values: [np.clip(size * v, -1e4, 1e4).astype(dtype) for v in values]
    weights = {k: (weight * np.sign(v)).astype(dtype) for k, v in one.parameters.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one = one.with_(inputs=wild(one.inputs), parameters=weights, upstream=wild(one.upstream))
        for g in [*one.backward().values(), *one.results]: assert np.isfinite(g).all()


@every
@fixed
@given(SIZES, SEEDS, st.booleans())
def test_nan_stays_with_its_example(function, sizes, seed, arrives):
    "NaN in the x or da of one example is NaN in its dx and da0 and in the sums, and nowhere else"
    one, j = problem(function, sizes, seed), seed % sizes[3]
    others, inputs, upstream = np.arange(sizes[3]) != j, one.inputs[:], one.upstream[:]
    changed = upstream if arrives else inputs
    changed[0] = np.where(others[:, None] if function in SEQUENCES else others, changed[0], np.nan)
    bad, clean = one.with_(inputs=inputs, upstream=upstream), one.backward()
    for name, g in bad.backward().items():
        if name[1:] in one.parameters: assert np.isnan(g).any()
        else: assert np.isnan(g[:, j]).any() and (g[:, others] == clean[name][:, others]).all()
    for got, want in zip(bad.results, one.results): assert (got[:, others] == want[:, others]).all()


@every
@pytest.mark.parametrize("method, tol", [("central", 1e-7), ("complex", 1e-12)])
@settings(fixed, max_examples=6)
@given(st.permutations([1, 2, 3, 4]), SEEDS)
def test_differences_agree(function, method, tol, four, seed):
    "All sizes different, da shorter than the caches; the same gradients, a little off, are refused"
    one = problem(function, (*four, 6, 5), seed)
    cell, lstm = function in CELLS, len(one.upstream) == 2
    names = (["xt", "a_prev", "c_prev"] if cell else ["x", "a0", "c0"])[:2 + lstm]
    point = dict(zip(names, one.inputs)) | one.parameters
    if not cell: point["x"], rest = np.split(point["x"], [5], axis=2)

    def loss(p):
        x, *states = (p[name] for name in names)
        a, *others = one.forward([x if cell else np.concatenate([x, rest], 2), *states], p)
        seen = [a] + [others[0 if cell else 1]] * lstm
        return sum(((s if cell else s[:, :, :5]) * d).sum() for s, d in zip(seen, one.upstream))

    gradients = one.backward()
    report = rs.gradient_check(loss, point, gradients, tol, method, entries=6)
    assert report.ok, str(report)
    for name, g in gradients.items():
        assert not rs.gradient_check(loss, point, {name: 1.00001 * g}, tol, method, entries=2).ok


WRONG = [("text", "TypeError"), ({}, "TypeError"), (np.array([None]), "TypeError"), (1.0, "ValueError"),
         (np.ma.masked_array([[1.0]], True), "TypeError"), ([[1.0], [1.0, 2.0]], "ValueError"),
         (np.zeros((2,) * 5), "ValueError"), (np.zeros((0, 7)), "ValueError"), (None, "TypeError")]


def refused(name, error, call, *args, **kwargs):
    message = error_of(call, *args, **kwargs)
    assert message.startswith(f"{error}: {name}: expected ") and ", got " in message, message


def places(function, network):
    "(name, value, a call with another value there) for every array that a function looks at"
    one = problem(getattr(rs, f"{network}_backward") if network else function)
    weights, up, call = one.parameters, one.upstream, one.backward
    if network:                                               # the loss and the output layer
        y = one.results[1]
        arguments = {"y_pred": y, "target": np.round(y), "mask": np.ones((7, 6))}
        used = ["Wya" if network == "rnn" else "Wy", "by"] if function is rs.output_backward else []
        if used: arguments |= {"a": one.results[0], "parameters": weights}
        for name, good in arguments.items(): yield name, good, lambda v: function(**arguments | {name: v})
        whole = lambda p: function(**arguments | {"parameters": p})
    else:
        cell, used = function in CELLS, list(weights)
        cache = one.caches if cell else one.caches[0][0]
        again = lambda c: call(caches=c if cell else ([c, *one.caches[0][1:]], one.caches[1]))
        for i, name in enumerate(["da_next", "dc_next"][:len(up)] if cell else ["da", "dc"][:len(up)]):
            yield name, up[i], lambda v: call(*up[:i], v, *up[i + 1:])
        if not cell: yield "x", one.inputs[0], lambda v: call(caches=(one.caches[0], v))
        entries = "a_next a_prev xt" if len(cache) == 4 else "a_next c_next a_prev c_prev ft it cct ot xt"
        for i, name in enumerate([*entries.split(), "parameters"]):
            yield name, cache[i], lambda v: again((*cache[:i], v, *cache[i + 1:]))
        whole = lambda p: again((*cache[:-1], p))
    for key in used: yield key, weights[key], lambda v: whole(
        {k: w for k, w in weights.items() if k != key} | ({} if v is ... else {key: v}))


@pytest.mark.parametrize("function, network", [(f, "") for f in CELLS + SEQUENCES] + [
    (f, network) for f in (rs.sequence_loss, rs.output_backward) for network in ("rnn", "lstm")])
def test_every_argument_is_refused_by_name(function, network):
    for name, good, call in places(function, network):
        call(good)
        wrong = WRONG[:-1] if name in ("dc", "mask") else WRONG             # these two may be None
        if name == "parameters":
            for v in None, [], "text", good["by"]: refused(name, "TypeError", call, v)
            continue
        for v in good[None], good[..., 0], good.take([], 1): wrong = [*wrong, (v, "ValueError")]
        for v, error in wrong: refused(name, error, call, v)
        if name[0] in "Wb": refused(name, "ValueError", call, ...)          # missing
        for axis in range(good.ndim):                 # sizes that disagree: with this or another name
            if (name, axis) in (("da", 2), ("x", 0)): continue              # no other size to disagree with
            message = error_of(call, np.concatenate([good, good], axis))
            assert message.startswith("ValueError: ") and ": expected (" in message, (name, message)


@every
def test_caches_and_lengths_are_refused(function):
    one, pairs = problem(function), CELLS if function in CELLS else SEQUENCES
    attempt = lambda v: one.backward(caches=v)
    name = "cache" if function in CELLS else "caches"
    for v in None, list(one.caches), "text", {}, one.upstream[0]: refused(name, "TypeError", attempt, v)
    refused("cache", "ValueError", attempt, problem(pairs[1 - pairs.index(function)]).caches)
    if function in CELLS:
        for v in (), one.caches[1:], (*one.caches, 1): refused(name, "ValueError", attempt, v)
        return
    steps, x = one.caches
    for v in (), (x, steps), (steps,), (iter(steps), x): refused(name, "TypeError", attempt, v)
    refused(name, "ValueError", attempt, ([], x))
    refused("x", "ValueError", attempt, (steps[:5], x))
    refused("caches", "TypeError", attempt, ([*steps[:3], None, *steps[4:]], x))
    eight = [np.ones((5, 7, 8)) for _ in one.upstream]
    refused("da", "ValueError", one.backward, *eight)                       # T_da = 8 for T_x = 6
    refused("da", "ValueError", one.backward, *(v[:, :, :0] for v in eight))
    if len(eight) == 2: refused("dc", "ValueError", one.backward, one.upstream[0], eight[1][:, :, :5])


@pytest.mark.parametrize("name, error, change", [
    ("loss", "TypeError", {"loss": 3}), ("loss", "ValueError", {"loss": lambda p: p["v"]}),
    ("loss", "ValueError", {"loss": lambda p: "text"}), ("loss", "ValueError", {"loss": lambda p: None}),
    ("v", "TypeError", {"point": {"v": None}}), ("dv", "TypeError", {"gradients": {"dv": "text"}}),
    ("gradients", "ValueError", {"gradients": {}}), ("dv", "ValueError", {"gradients": {"dv": [1.0]}}),
    ("dw", "ValueError", {"gradients": {"dw": np.ones(2)}}), ("method", "ValueError", {"method": "x"}),
    ("entries", "ValueError", {"entries": 0}), ("entries", "TypeError", {"entries": 1.5}),
    ("point", "TypeError", {"point": [1.0]}), ("gradients", "TypeError", {"gradients": None})])
def test_gradient_check_refuses_by_name(name, error, change):
    good = {"loss": lambda p: (p["v"]**2).sum(), "point": {"v": np.ones(2)}, "gradients": {"dv": [2, 2.0]}}
    assert rs.gradient_check(**good).ok
    refused(name, error, rs.gradient_check, **good | change)
