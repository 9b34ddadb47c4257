"""What counts alarms and misses: its right passes are right, its mistakes are mistakes, and its
losses have the gradients that it says."""

import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

import rnn_stepwise as rs
from tools.alarms import __main__ as command
from tools.alarms import cases, problems, table
from tools.alarms.mistakes import MISTAKES
from tools.alarms.passes import WAYS, Way, in_single

NETWORKS = ["rnn", "lstm"]
OURS = {"rnn": rs.rnn_backward, "lstm": rs.lstm_backward}
OUR_CELL = {"rnn": rs.rnn_cell_backward, "lstm": rs.lstm_cell_backward}
both = pytest.mark.parametrize("network", NETWORKS)


def calm(network, seed=0):
    "A problem of which neither size nor saturation is a problem"
    rng = np.random.default_rng(seed)
    while True:
        problem = problems.draw(rng, network, (3, 5), small=True)
        n_x, m, T = problem.point["x"].shape
        sizes = {n_x, m, T, len(problem.point["a0"])}
        if "weights small" in problem.tags and len(sizes) == 4 and 1 not in sizes:
            return problem


def called_with(problem):
    _, _, caches = cases.run_forward(rs, problem)
    da = np.random.default_rng(1).standard_normal(problem.goal.shape)
    return (da, caches, da[::-1]) if problem.network == "lstm" else (da, caches)


@both
@pytest.mark.parametrize("name", WAYS)
def test_right_passes_are_right(network, name):
    problem = calm(network)
    arguments = called_with(problem)
    right, found = OURS[network](*arguments), WAYS[name].backward(*arguments)
    assert right.keys() <= found.keys()
    assert cases.off_by(found, right) < 1e-13
    for dtype in (np.float32, np.float64):
        single = in_single(WAYS[name].backward, dtype)(*arguments)
        assert {single[name].dtype for name in right} == {np.dtype(dtype)}
        assert 1e-9 < cases.off_by(single, right) < 1e-5
        assert (single["dx"] == single["dx"].astype(np.float32)).all()

    da, caches, *dc = arguments
    ones = [da[:, :, 1], *(array[:, :, 1] for array in dc), caches[0][1]]
    right, found = OUR_CELL[network](*ones), WAYS[name].cell(*ones)
    assert right.keys() <= found.keys()
    assert cases.off_by(found, right) < 1e-13


@both
def test_mistakes_are_mistakes(network):
    arguments = called_with(calm(network))
    right = OURS[network](*arguments)
    for name, make in MISTAKES[network].items():
        wrong = make().backward
        off = cases.off_by(wrong(*cases.cast(arguments, float)), right)
        assert off > 3e-6 or cases.misbehaves(make().backward, arguments), name
    assert not cases.misbehaves(Way().backward, arguments)
    assert len(MISTAKES[network]) >= 28


def along(function, point, way, step=1e-6):
    "The derivative of a loss along a direction; each call gets copies"

    def at(h):
        return function({name: point[name] + h * way[name] for name in point})

    return (at(step) - at(-step)) / (2 * step)


def said_and_found(loss, judged, problem):
    "The derivative along a random direction: of the gradients of one loss, and of another"
    rng = np.random.default_rng(2)
    gradients = cases.by_ours(rs, loss, problem)
    if judged.silent:
        problem = problems.without_last(problem)
    way = {name[1:]: rng.standard_normal(g.shape) for name, g in gradients.items()}
    point = {name: problem.point[name] for name in way}
    found = along(problems.function_of(judged, problem), point, way)
    return sum((gradients[name] * way[name[1:]]).sum() for name in gradients), found


def test_what_counts_as_a_mistake():
    right = {"a": np.array([8.0, 4.0]), "b": np.zeros(2)}
    assert cases.off_by(right, right) == 0
    assert cases.off_by(right | {"a": np.array([7.0, 4.0])}, right) == 1 / 8
    assert cases.off_by(right | {"b": np.array([1e-9, 0])}, right) == 1

    def writes(da):
        da[0] *= 1 + 1e-12
        return {"a": da.round(3)}

    assert cases.misbehaves(writes, [np.ones(2)])
    assert not cases.misbehaves(lambda da: {"a": 2 * da}, [np.ones(2)])


@both
@pytest.mark.parametrize("name", problems.LOSSES)
def test_losses_have_the_gradients_that_are_said(network, name):
    loss = problems.LOSSES[name]._replace(single=False, constant=0)
    problem = calm(network)
    if loss.fades:
        problem = problems.fading(problem)
    said, found = said_and_found(loss, loss, problem)
    assert said == pytest.approx(found, rel=1e-7, abs=0)


@both
@pytest.mark.parametrize("name", problems.UNTRUE)
def test_untrue_losses_have_others(network, name):
    said, found = said_and_found(problems.Loss(), problems.UNTRUE[name], calm(network))
    assert said != pytest.approx(found, rel=1e-4, abs=0)


@both
def test_states_are_those_of_the_package(network):
    problem = calm(network)
    for found, ours in zip(problems.states(network, problem.point), cases.run_forward(rs, problem)):
        if ours is not None:
            np.testing.assert_allclose(found, ours, rtol=1e-13, atol=1e-15, strict=True)


def report(ok, *verdicts):
    return SimpleNamespace(ok=ok, rows=[SimpleNamespace(verdict=v) for v in verdicts])


@pytest.mark.parametrize(
    "found, verdict",
    [
        (report(True, "ok", "ok"), "ok"),
        (report(False, "ok", "wrong"), "wrong"),
        (report(False, "cannot tell", "wrong"), "wrong"),
        (report(False, "cannot tell", "ok"), "cannot tell"),
        (report(False, "ok"), "wrong"),
        (SimpleNamespace(ok=False, rows=[object()]), "wrong"),
        (SimpleNamespace(ok=False), "wrong"),
    ],
)
def test_what_a_report_says(found, verdict):
    assert cases.verdict_of(found) == verdict


def judged(checker, wrong, **changes):
    "What is counted of a package with other checkers"
    row = next(row for row in table.ROWS if row.checker == checker and row.length != "long")
    package = SimpleNamespace(**(vars(rs) | changes))
    found = list(table.outcomes(package, row, 6, 0, wrong))
    return [outcome.verdict for outcome in found], [outcome.warned for outcome in found]


def warns(*args, **options):
    warnings.warn("of no interest", stacklevel=1)
    return SimpleNamespace(ok=True)


def raises(*args, **options):
    raise ValueError("of no interest")


@pytest.mark.parametrize("checker", cases.ASK)
@pytest.mark.parametrize("wrong", [False, True])
def test_a_checker_is_taken_at_its_word(checker, wrong):
    assert judged(checker, wrong, **{checker: warns}) == (["ok"] * 6, [True] * 6)
    assert judged(checker, wrong, **{checker: raises}) == (["wrong"] * 6, [False] * 6)
    again = [judged(checker, wrong) for _ in range(2)]
    assert again[0] == again[1]


def test_the_table_counts_alarms_and_misses():
    row = table.Row("xray", "float64", "long", "lstm")
    ok, alarm, unsure = (
        cases.Outcome(verdict, warned, ("tag", verdict))
        for verdict, warned in (("ok", False), ("wrong", True), ("cannot tell", False))
    )
    cells = table.line(row, [ok, ok, alarm, unsure], [alarm, ok]).replace("|", "").split()
    assert cells[4:9] == ["4", "2", "1", "1", "250.0"]
    assert cells[9:] == ["2", "1", "1", "0", "500.0", "2"]
    assert [line.split() for line in table.causes([ok, ok, alarm, unsure], "wrong")] == [
        ["1", "of", "1", "wrong"],
        ["1", "of", "4", "tag"],
    ]


def test_the_command(monkeypatch, capsys):
    arguments = ["alarms", "--cases", "2", "--rows", "xray_cell/float64", "--causes"]
    monkeypatch.setattr(sys, "argv", arguments)
    monkeypatch.setattr(sys, "path", list(sys.path))
    command.main()
    lines = capsys.readouterr().out.splitlines()
    rows = [line.partition("|")[0].split() for line in lines if line.startswith("xray_cell")]
    assert rows == [["xray_cell", "float64", "one", "step", network] for network in NETWORKS]
    with pytest.raises(SystemExit):
        command.chosen(["xray/float16"])
