"""The drawings: lazy import, what they say, no overlaps, letters from one alphabet."""

import math

import numpy as np
import pytest

import pictures
import rnn_stepwise
from conftest import ROOT, fresh
from rnn_stepwise.checking import error_of
from rnn_stepwise.diagrams import KINDS, Diagram, Edge, Node, collisions, draw, route
from rnn_stepwise.figures import (
    LSTM_STAGES,
    draw_lstm_cell,
    draw_lstm_cell_backward,
    draw_rnn_cell_backward,
    draw_unrolled_lstm,
    draw_unrolled_rnn,
    lstm_cell_diagram,
    rnn_cell_diagram,
    unrolled_diagram,
)
from rnn_stepwise.notation import ALPHABET
from rnn_stepwise.palette import COLOURS, SYMBOLS, contrast, label_of, text_on, use_style
from rnn_stepwise.plots import draw_tensor, draw_two_gradients, plot_steps

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")
import matplotlib.pyplot as plt
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Polygon


@pytest.fixture(autouse=True)
def clean_figures():
    with matplotlib.rc_context():
        yield
        plt.close("all")


ALL_FOUR = "".join(
    f"from rnn_stepwise.{name} import *\n" for name in ("palette", "diagrams", "figures", "plots")
)


def test_import_needs_no_matplotlib():
    """With matplotlib made unimportable all loads, and says so when asked to draw."""
    hidden = "import sys\nsys.modules['matplotlib'] = None\n"
    ask = (
        "assert len(lstm_cell_diagram().nodes) == 26\n"
        "for drawing in (draw_rnn_cell, draw_tensor, use_style):\n"
        "    try: drawing()\n"
        "    except ImportError: print('only now')\n"
    )
    assert fresh(hidden + ALL_FOUR + ask) == "only now\n" * 3
    loaded = "import sys\nprint({'matplotlib', 'IPython'} & {*sys.modules})"
    assert fresh(ALL_FOUR + loaded) == "set()\n"


STORED = pictures.stored()


@pytest.mark.parametrize("call", pictures.CALLS)
def test_a_drawing_says_what_is_written_down(call):
    "Every text, line and shape, its colours and where it stands; python tests/pictures.py renews it"
    assert pictures.difference(STORED[call], pictures.drawn(call), within=0.002) is None


def test_nothing_else_is_written_down():
    assert list(STORED) == pictures.CALLS


def test_a_drawing_is_the_same_in_two_processes_and_twice_in_one():
    some = pictures.CALLS[::3]
    code = f"""
import sys
sys.path[:0] = {[str(ROOT / "tests")]}
import pictures
once = pictures.written({some})
assert once == pictures.written({some})
print(once)
"""
    first = fresh(code, PYTHONHASHSEED="1")
    assert first == fresh(code, PYTHONHASHSEED="2")
    assert first.count("# draw") + first.count("# plot") == len(some)


def altered(call, change):
    "A drawing with a change made by hand, and what is noticed of it"
    ax = eval(call, vars(rnn_stepwise))
    change(ax)
    return pictures.difference(STORED[call], pictures.marks_of(ax), within=0.002)


PLOT = "plot_steps({'y': range(30), 'gradient': [1, 2]})"
CHANGES = {
    "a label is moved": ("draw_rnn_cell()", lambda ax: ax.texts[-1].set_x(1.0)),
    "a label is another": ("draw_rnn_cell()", lambda ax: ax.texts[-1].set_text("$a$")),
    "a label has another colour": ("draw_rnn_cell()", lambda ax: ax.texts[-1].set_color("red")),
    "an arrow is turned round": (
        "draw_unrolled_rnn(2)",
        lambda ax: ax.patches[1].set_arrowstyle("<|-"),
    ),
    "a shape is missing": ("draw_unrolled_rnn(2)", lambda ax: ax.patches[-1].remove()),
    "a shape is filled": ("draw_lstm_cell()", lambda ax: ax.patches[-1].set_facecolor("red")),
    "a face is missing": ("draw_tensor(2, 3, 4)", lambda ax: ax.collections[1].remove()),
    "a tick is missing": (PLOT, lambda ax: ax.set_xticks(ax.get_xticks()[:-1])),
    "the legend is missing": (PLOT, lambda ax: ax.get_legend().remove()),
    "a line is another": (PLOT, lambda ax: ax.lines[1].set_ydata([2, 2])),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_of_a_drawing_is_noticed(what):
    assert altered(*CHANGES[what])


def test_style_in_a_notebook_stores_svg():
    """Inside IPython the inline figures are SVG, the same twice, and say what the drawing says."""
    pytest.importorskip("execnb")
    code = """
from execnb.shell import CaptureShell
shell = CaptureShell(mpl_format="png")
shell.run("from rnn_stepwise.palette import *; from rnn_stepwise.figures import *")
shell.run("use_style()")
def shown():
    return [o["data"] for o in shell.run("draw_rnn_cell();") if "data" in o]
once, again = shown(), shown()
assert len(once) == 1 and once == again, (once, again)
svg = once[0]["image/svg+xml"]
svg = svg if isinstance(svg, str) else "".join(svg)
assert "<dc:date>" not in svg and "Matplotlib v" not in svg
print(svg)
"""
    _, start, svg = fresh(code).partition("<?xml")
    marks = pictures.marks_in(start + svg)
    drawing = pictures.drawn("draw_rnn_cell()")
    texts = [mark.words.split()[1] for mark in drawing if mark.words.startswith("text ")]
    assert [mark.words.split()[1] for mark in marks if mark.words.startswith("text ")] == texts
    assert sum("#" in mark.words for mark in marks) > 30


def check_labels_fit(diagram, ax):
    """Every label lies inside its shape."""
    texts = {text.get_position(): text for text in ax.texts}
    turn = ax.transData.inverted()
    for node in diagram.nodes.values():
        pixels = texts[node.at].get_window_extent()
        box, shape = pixels.transformed(turn), KINDS[node.kind]
        assert box.width <= shape.width, node.label
        assert box.height <= shape.height, node.label


def places(ax):
    """Every text, with where it stands."""
    return {(text.get_text(), text.get_position()) for text in ax.texts}


@pytest.mark.parametrize("stage", [*LSTM_STAGES, "all"])
def test_lstm_cell_is_clear_and_does_not_move(stage):
    ax = draw_lstm_cell(stage)
    whole = draw_lstm_cell()
    assert collisions(ax) == []
    assert ax.get_xlim() == whole.get_xlim()
    assert ax.get_ylim() == whole.get_ylim()
    size, whole_size = (drawn.figure.get_size_inches() for drawn in (ax, whole))
    assert (size == whole_size).all()
    assert places(ax) <= places(whole)


@pytest.mark.parametrize("T", [1, 2, 4, 12])
@pytest.mark.parametrize("memory", [False, True])
def test_unrolled_is_clear(T, memory):
    diagram = unrolled_diagram(T, memory)
    drawing = draw_unrolled_lstm if memory else draw_unrolled_rnn
    ax = drawing(T)
    assert collisions(ax) == []
    check_labels_fit(diagram, ax)
    labels = [node.label for node in diagram.nodes.values()]
    name = "LSTM" if memory else "RNN"
    assert labels.count(name) == T
    assert len(set(diagram.nodes)) == len(labels)


@pytest.mark.parametrize("diagram", [rnn_cell_diagram(), lstm_cell_diagram()])
def test_cells_are_clear(diagram):
    ax = draw(diagram)
    assert collisions(ax) == []
    check_labels_fit(diagram, ax)
    for edge in diagram.edges:
        points = route(diagram, edge)
        for p, q in zip(points, points[1:]):
            assert p[0] == q[0] or p[1] == q[1], edge


@pytest.mark.parametrize("make", [rnn_cell_diagram, lstm_cell_diagram, unrolled_diagram])
def test_a_description_is_the_callers_own(make):
    first = make()
    kept = dict(first.nodes), list(first.edges)
    first.nodes.clear()
    first.edges.clear()
    assert make()[:2] == kept


def gradients(ax):
    """The outlines of the gradient arrows."""
    return [patch.get_xy() for patch in ax.patches if type(patch) is Polygon]


def first_width(outline):
    start, end = outline[0], outline[-2]
    return math.dist(start, end)


def first_widths(ax):
    return [first_width(outline) for outline in gradients(ax)]


def buried(ax):
    """Texts that touch a shape in whose middle they do not stand."""
    shapes = [
        ax.transData.transform_path(patch.get_path())
        for patch in ax.patches
        if isinstance(patch, FancyBboxPatch)
    ]
    found = []
    for text in ax.texts:
        box = text.get_window_extent()
        at = ax.transData.transform(text.get_position())
        for shape in shapes:
            corners = shape.get_extents().get_points()
            elsewhere = math.dist(corners.mean(axis=0), at) > 1
            touches = elsewhere and shape.intersects_bbox(box)
            if text.get_text() and touches:
                found.append(text.get_text())
    return found


BACKWARD = [
    (draw_rnn_cell_backward, rnn_cell_diagram()),
    (draw_lstm_cell_backward, lstm_cell_diagram()),
]


@pytest.mark.parametrize("drawing, forward", BACKWARD)
def test_cells_backward_are_clear(drawing, forward):
    ax = drawing()
    assert collisions(ax) == []
    assert buried(ax) == []
    kept = [e for e in forward.edges if e.symbol != "y" and e.head not in ("Wya", "Wy")]
    assert len(gradients(ax)) == len(kept)
    arrows = [patch for patch in ax.patches if isinstance(patch, FancyArrowPatch)]
    colours = {matplotlib.colors.to_hex(arrow.get_edgecolor()) for arrow in arrows}
    assert colours == {COLOURS["ink"]}


@pytest.mark.parametrize("drawing, forward", BACKWARD)
def test_cells_backward_name_the_gradients_in_red(drawing, forward):
    texts = drawing().texts
    red = {text.get_text() for text in texts if text.get_color() == COLOURS["gradient"]}
    for name in ("a_next", "a_prev", "xt"):
        assert f"$d{ALPHABET[name].symbol}$" in red
    assert len(red) > 3


def test_backward_goes_beside_the_edge_and_to_scale():
    ax = draw(
        unrolled_diagram(3),
        backward={
            ("cell1", "cell2"): 2,
            ("cell2", "cell3"): (-4, "four"),
            ("cell3", "a3"): 1e-9,
            ("x1", "cell1"): "a label",
        },
    )
    widths = sorted(first_widths(ax))
    assert widths == pytest.approx([0.014, 0.035, 0.06, 0.12])
    assert collisions(ax) == []
    low = [outline for outline in gradients(ax) if outline[:, 1].max() < 0]
    below = {round(first_width(outline), 3) for outline in low}
    assert below == {0.06, 0.12, 0.035}  # the other edge has no text above it


def test_backward_may_say_little():
    assert gradients(draw(unrolled_diagram(3), backward={})) == []
    later = {("sum", "c_next"): 1, ("z", "Wf"): 1}
    ax = draw(lstm_cell_diagram(), "forget", backward=later)
    assert len(gradients(ax)) == 1  # the edge of a later stage is not there yet
    nodes = {"p": Node((0, 0), "p"), "q": Node((2, 0), "q")}
    zero = draw(Diagram(nodes, [Edge("p", "q")]), backward={("p", "q"): (0, "0")})
    assert first_widths(zero) == pytest.approx([0.014])


def test_a_gradient_that_joins_another_reaches_its_arrow():
    nodes = {"p": Node((0, 0), "p"), "q": Node((4, 0), "q"), "r": Node((2, -1), "r")}
    edges = [Edge("p", "q"), Edge("q", "r", start=(2, 0))]
    joined = draw(Diagram(nodes, edges), backward={("p", "q"): "", ("q", "r"): ""})
    line, branch = gradients(joined)
    lower = min(line[0, 1], line[-2, 1])
    assert branch[:, 1].max() == pytest.approx(lower)


def test_the_labels_of_the_two_lines_stand_outside_of_them():
    where = dict(places(draw_unrolled_lstm()))
    for t in (1, 2, 3):
        assert where[label_of("c", t)][1] > 0.24
        assert where[label_of("a", t)][1] < -0.24


STORY = [-0.181497, 0, 0, -1.645303], [-0.171350, -0.394842, -0.816044, 0]


def test_two_gradients_are_to_scale():
    ax = draw_two_gradients(*STORY)
    written = [text.get_text().replace("\N{MINUS SIGN}", "-") for text in ax.texts]
    for number in ("-0.181", "-0.171", "-0.353", "-0.395", "-0.816", "-1.645"):
        assert number in written, number
    sums = [-0.352847, -0.394842, -0.816044, -1.645303]
    flowing = [abs(value) for value in (*sums, *STORY[0]) if value]
    expected = [0.24 * size / 1.645303 for size in sorted(flowing)]
    assert sorted(first_widths(ax)) == pytest.approx(expected)
    dotted = 3  # no own gradient at steps 2 and 3, no future at step 4
    assert len(ax.lines) == dotted


@pytest.mark.parametrize(
    "value, text",
    [
        (0.00049, "+5e-4"),
        (0.00051, "+0.001"),
        (0.0005, "+0.001"),
        (-1.0, "-1.000"),
        (9.9994, "+9.999"),
        (9.9995, "+10"),
        (-888.4, "-888"),
        (999.4, "+999"),
        (999.5, "+1e3"),
        (-8e-99, "-8e-99"),
        (8e300, "+8e300"),
    ],
)
def test_numbers_are_short(value, text):
    ax = draw_two_gradients([value], [0])
    written = {label.get_text().replace("\N{MINUS SIGN}", "-") for label in ax.texts}
    assert text in written


@pytest.mark.parametrize("T", range(1, 7))
@pytest.mark.parametrize(
    "own, future", [(0.0, -0.0), (-8.8885, -888.44), (-8e300, 8e300), (1e-300, 1)]
)
def test_two_gradients_are_clear(T, own, future):
    owns = [-own, own] * 3
    futures = [future] * T
    ax = draw_two_gradients(owns[:T], futures)
    assert collisions(ax) == []
    assert buried(ax) == []


def test_two_gradients_take_any_numbers_and_a_given_axes():
    _, ax = plt.subplots(figsize=(3, 2))
    own = np.array([1, 2])
    future = iter([np.float32(0.5), 0])
    assert draw_two_gradients(own, future, ax) is ax
    assert collisions(ax) == []
    assert len(gradients(ax)) == 4


@pytest.mark.parametrize("sizes", [(3, 5, 4, 2), (1, 1, 1, 1), (12, 12, 12, 12), (12, 1, 12, 6)])
def test_tensor_is_clear(sizes):
    ax = draw_tensor(*sizes)
    assert collisions(ax) == []


@pytest.mark.parametrize("t", [1, 2, 4])
def test_tensor_fills_one_sheet_and_the_slice(t):
    """Faces in front are n_x m, on top of a sheet m, at its side n_x."""
    ax = draw_tensor(n_x=3, m=5, T_x=4, t=t)
    x, filled, empty = matplotlib.colors.to_rgba(COLOURS["x"]), 0, 0
    for faces in ax.collections:
        colours = faces.get_facecolor()
        is_filled = len(colours) and tuple(colours[0]) == x
        if is_filled:
            filled += len(faces.get_paths())
        else:
            empty += len(faces.get_paths())
    front = 3 * 5
    slice_ = front + 5 + 3
    of_the_sheet = 5 + 3 + (front if t == 1 else 0)
    assert filled == slice_ + of_the_sheet
    assert filled + empty == slice_ + front + 4 * (5 + 3)


def test_a_given_axes_is_used_and_scales_the_text():
    _, (left, right) = plt.subplots(1, 2, figsize=(6, 3))
    assert draw_lstm_cell(ax=left) is left
    assert draw_tensor(ax=right) is right
    sizes = {text.get_text(): text.get_fontsize() for text in left.texts}
    assert 2 < sizes["$z$"] < 8
    assert collisions(left) == []
    assert collisions(right) == []


def test_steps_are_counted_from_one():
    _, given = plt.subplots()
    ax = plot_steps({"y": [0.5], "gradient": iter([3, 2])}, ax=given)
    assert ax is given
    assert ax.get_xlabel() == "time step $t$"
    assert ax.get_xticks().tolist() == [1, 2]
    assert ax.lines[1].get_xdata().tolist() == [1, 2]
    labels = [line.get_label() for line in ax.lines]
    assert labels == [label_of("yt_pred"), r"$\partial L$"]
    markers = {line.get_marker() for line in ax.lines}
    assert len(markers) == 2


def test_style_and_colours():
    use_style()
    assert matplotlib.rcParams["svg.hashsalt"]
    assert matplotlib.rcParams["figure.facecolor"] == "none"
    black, white, night = "#000000", "#ffffff", "#14161a"
    assert contrast(black, white) == pytest.approx(21, abs=1e-9)
    assert text_on(white) == black
    for colour in COLOURS.values():
        assert contrast(colour, white) >= 3
        assert contrast(colour, night) >= 3


def test_what_has_a_colour_has_a_symbol():
    assert set(SYMBOLS) == set(COLOURS) - {"ink"}


@pytest.mark.parametrize("diagram", [rnn_cell_diagram(), lstm_cell_diagram()])
def test_an_array_is_labelled_as_the_alphabet_has_it(diagram):
    arrays = [name for name in diagram.nodes if name in ALPHABET]
    assert len(arrays) > 7
    for name in arrays:
        label = diagram.nodes[name].label.strip("$").split(", ")
        bias = "b" + name[1:2] if len(label) > 1 else None
        expected = [name, bias] if bias else [name]
        assert label == [ALPHABET[part].symbol for part in expected]


@pytest.mark.parametrize(
    "name, when, label",
    [
        ("a", None, "$a$"),
        ("a", "", "$a$"),
        ("a", "t-1", r"$a^{\langle t-1\rangle}$"),
        ("a_next", None, r"$a^{\langle t\rangle}$"),
        ("a_next", "", "$a$"),
        ("a_prev", 3, r"$a^{\langle 3\rangle}$"),
        ("cct", "", r"$\tilde c$"),
        ("cct", None, r"$\tilde c^{\langle t\rangle}$"),
        ("ft", None, r"$\Gamma_f$"),
        ("ft", "t", r"$\Gamma_f^{\langle t\rangle}$"),
        ("Waa", None, "$W_{aa}$"),
        ("gradient", None, r"$\partial L$"),
        ("x", 0, r"$x^{\langle 0\rangle}$"),
    ],
)
def test_labels_have_the_step_that_is_asked_for(name, when, label):
    assert label_of(name, when) == label


@pytest.mark.parametrize("own, future, name", [(7, 1, "own"), (1, 7, "future")])
def test_two_gradients_are_of_six_steps_at_most(own, future, name):
    message = error_of(draw_two_gradients, [1] * own, [1] * future)
    assert message == f"ValueError: {name}: expected 1 to 6 numbers, got 7"
