"""The tools say what is so: the benchmark compares equal numbers, the mutation run finds its places."""

import ast
import sys

import pytest

import rnn_stepwise
from conftest import ROOT
from tools import bench, plain_loop
from tools.mutants.changes import changes
from tools.mutants.judge import JUDGE, JUDGES
from tools.mutants.mutant import mutants_of
from tools.mutants.places import (
    Around,
    Part,
    everything,
    fields_of,
    parts_of,
    places_of,
    read_package,
)
from tools.mutants.report import read_reasons


@pytest.fixture(scope="module")
def bare():
    return bench.load_bare()


@pytest.mark.parametrize("network", bench.NETWORKS)
@pytest.mark.parametrize("sizes", [(3, 5, 10, 7), (27, 100, 1, 30)], ids=str)
def test_the_benchmark_compares_equal_numbers(bare, network, sizes):
    modules = [rnn_stepwise, bare, plain_loop]
    runs = [bench.there_and_back(module, network) for module in modules]
    bench.agree(runs, bench.problem(network, sizes))


def test_a_wrong_gradient_is_no_rival(monkeypatch):
    monkeypatch.setattr(plain_loop, "sigmoid", lambda z: 1 / (1 + 2 ** (-z)))
    runs = [bench.there_and_back(module, "lstm") for module in (rnn_stepwise, plain_loop)]
    with pytest.raises(AssertionError):
        bench.agree(runs, bench.problem("lstm", (3, 5, 10, 7)))


@pytest.mark.parametrize("name", ["rnn_forward", "lstm_cell_backward"])
def test_the_bare_copy_has_no_guard_and_leaves_the_package_alone(bare, name):
    ours, theirs = getattr(rnn_stepwise, name), getattr(bare, name)
    assert hasattr(ours, "__wrapped__")
    assert not hasattr(theirs, "__wrapped__")
    assert ours.__wrapped__.__code__.co_code == theirs.__code__.co_code
    assert sys.modules["rnn_stepwise"] is rnn_stepwise


def broken(source, **around):
    "What one expression may become"
    node = ast.parse(source, mode="eval").body
    return {ast.unparse(new) for _, new in changes(node, Around(**around))}


@pytest.mark.parametrize(
    "source, expected",
    [
        ("a + b", {"a - b", "a", "b"}),
        ("a ** b", {"a * b", "a", "b"}),
        ("a | b", {"b | a", "a", "b"}),
        ("np.dot(a, b)", {"np.dot(b, a)", "np.dot(a.T, b)", "np.dot(a, b.T)"}),
        ("a.T", {"a"}),
        ("a.copy()", {"a"}),
        ("f(a)", {"a"}),
        ("f(a, b, k=c)", {"f(b, a, k=c)", "f(a, b)"}),
        ("range(n)", {"range(n - 1)"}),
        ("a and b", {"a or b", "a", "b"}),
        ("a < b", {"a <= b"}),
        ("-a", {"a"}),
        ("x[t]", {"x[t - 1]"}),
        ("x[:, t]", {"x[:, t - 1]"}),
        ("{'a': p, 'b': q}", {"{'a': q, 'b': p}"}),
        ("p if q else r", {"p if not q else r"}),
        ("p if q == 1 else r", set()),  # its test has == broken to !=
        ("7", {"8"}),
        ("True", {"False"}),
        ("'text'", {"'ext'"}),
    ],
)
def test_how_an_expression_is_broken(source, expected):
    assert broken(source) == expected


def test_what_the_surroundings_say():
    assert broken("1", axis=True) == {"0"}
    assert broken("'text'", words=True) == set()
    assert broken("(a, b)", unordered=True) == {"(a,)", "(b,)"}
    assert broken("a + b", arrays=True) == {"a - b", "a", "b", "a.__iadd__(b)"}
    assert broken("cache.it", others={"it": "cct"}) == {"cache.cct"}
    assert broken("'Wf'", others={"Wf": "Wi"}) == {"'Wi'"}


def function_of(source):
    return Part("module", ast.parse(source).body[0], "f")


def test_a_mutant_is_made_and_undone():
    function = function_of("def f(a, b):\n    'Words.'\n    return a - b")
    before = ast.unparse(function.tree)
    mutants = mutants_of(function, {})
    assert [mutant.after.strip() for mutant in mutants] == ["return a + b", "return a", "return b"]
    assert ast.unparse(function.tree) == before
    mutants[0].apply()
    assert ast.unparse(function.tree) == before.replace("-", "+")
    mutants[0].undo()
    assert ast.unparse(function.tree) == before


def test_equal_lines_have_mutants_that_are_told_apart():
    function = function_of("def f(a):\n    a.sort()\n    a.sort()")
    keys = [mutant.key() for mutant in mutants_of(function, {})]
    assert len(keys) == len(set(keys)) == 2


def test_docstrings_annotations_and_messages_stay():
    function = function_of("def f(a: 'x') -> 'y':\n    'Words.'\n    raise ValueError('no' + a)")
    places = [ast.unparse(place.node) for place in places_of(function, {})]
    assert not set(places) & {"'x'", "'y'", "'Words.'"}
    assert "'no'" in places
    for mutant in mutants_of(function, {}):
        assert "'o'" not in mutant.after


def test_every_module_is_broken_and_entries_of_caches_are_known():
    modules = read_package()
    parts = everything(modules)
    names = [part.name for part in parts]
    assert len(names) == len(set(names))
    assert {"lstm_backward", "guarded", "Page.write", "Node.kind", "COLOURS", "_LOOK"} <= set(names)
    assert not {"__all__", "Point", "_P"} & set(names)
    left_out = modules.keys() - {part.module for part in parts}
    assert left_out == {f"rnn_stepwise{name}" for name in ("", "._modidx", ".rnn", ".lstm")}
    fields = fields_of(modules)
    assert fields["it"] == "cct"
    assert fields["parameters"] != "parameters"


def test_every_module_has_judges_that_are_there():
    for name in [*JUDGE, *sum(JUDGES.values(), [])]:
        assert (ROOT / f"tests/test_{name}.py").exists()
    assert {f"rnn_stepwise.{name}" for name in JUDGES} <= read_package().keys()


def test_a_value_is_broken_like_a_function():
    values = parts_of("module", ast.parse("A = {'b': 1}\nclass C:\n    d: int = 2").body)
    keys = [(part.name, mutant.after.strip()) for part in values for mutant in mutants_of(part, {})]
    assert keys == [("A", "A = {'': 1}"), ("A", "A = {'b': 2}"), ("C.d", "d: int = 3")]


def test_every_reason_names_a_mutant_that_is_made():
    modules, reasons = read_package(), read_reasons()
    fields, made = fields_of(modules), set()
    functions = {key.function for key in reasons}
    for part in everything(modules):
        if part.name in functions:
            made |= {mutant.key() for mutant in mutants_of(part, fields)}
    assert reasons.keys() <= made
    assert all(reasons.values())
