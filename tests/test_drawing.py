"""The drawings: lazy import, equal bytes, no overlaps, clear errors."""
import math
import os
import subprocess
import sys

import pytest

from rnn_stepwise.drawing import (
    COLOURS, KINDS, LSTM_STAGES, SYMBOLS, Diagram, Edge, Node, collisions, contrast, draw,
    draw_lstm_cell, draw_lstm_cell_backward, draw_rnn_cell, draw_rnn_cell_backward, draw_tensor,
    draw_two_gradients, draw_unrolled_lstm, draw_unrolled_rnn, label_of, lstm_cell_diagram,
    plot_steps, rnn_cell_diagram, route, text_on, unrolled_diagram, use_style)

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")
import matplotlib.pyplot as plt  # noqa: E402


@pytest.fixture(autouse=True)
def clean_figures():
    with matplotlib.rc_context():
        yield
        plt.close("all")


def run(code, **environment):
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          env=os.environ | {"MPLBACKEND": "agg"} | environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_needs_no_matplotlib():
    """With matplotlib made unimportable the module still loads, and says so when asked to draw."""
    assert run("import sys\n"
               "sys.modules['matplotlib'] = None\n"
               "import rnn_stepwise.drawing as d\n"
               "assert len(d.lstm_cell_diagram().nodes) == 26\n"
               "try: d.draw_rnn_cell()\n"
               "except ImportError: print('only now')\n") == "only now\n"
    assert run("import sys, rnn_stepwise.drawing\n"
               "print([m for m in ('matplotlib', 'IPython') if m in sys.modules])") == "[]\n"


def test_same_bytes_in_two_processes():
    code = """
import hashlib, io, sys
from rnn_stepwise.drawing import *
use_style()
assert "IPython" not in sys.modules
for ax in (draw_tensor(), draw_rnn_cell(), draw_lstm_cell("memory"), draw_lstm_cell(),
           draw_unrolled_rnn(), draw_unrolled_lstm(), plot_steps({"a": [1, 2], "c": [2, 3]}),
           draw_rnn_cell_backward(), draw_lstm_cell_backward(), draw_two_gradients([1, 0], [2, 0])):
    svg = io.BytesIO()
    ax.figure.savefig(svg, format="svg", bbox_inches="tight",
                      metadata={"Date": None, "Creator": None})
    assert b"<dc:date>" not in svg.getvalue()
    print(hashlib.sha256(svg.getvalue()).hexdigest())
"""
    first, second = run(code, PYTHONHASHSEED="1"), run(code, PYTHONHASHSEED="2")
    assert first == second and len(set(first.split())) == 10


def test_style_in_a_notebook_stores_svg():
    """Inside IPython the inline figures become SVG, the same bytes for the same figure."""
    pytest.importorskip("execnb")
    code = """
from execnb.shell import CaptureShell
shell = CaptureShell(mpl_format="png")
shell.run("from rnn_stepwise.drawing import *")
shell.run("use_style()")
data = [[o["data"] for o in shell.run("draw_rnn_cell();") if "data" in o] for _ in range(2)]
assert len(data[0]) == 1 and data[0] == data[1], data
svg = data[0][0]["image/svg+xml"]
svg = svg if isinstance(svg, str) else "".join(svg)
assert "<dc:date>" not in svg and "Matplotlib v" not in svg
print("svg")
"""
    assert run(code).endswith("svg\n")


def fits(diagram, ax):
    """Every label lies inside its shape."""
    texts, turn = {text.get_position(): text for text in ax.texts}, ax.transData.inverted()
    for node in diagram.nodes.values():
        box = texts[node.at].get_window_extent().transformed(turn)
        width, height = KINDS[node.kind][:2]
        assert box.width <= width and box.height <= height, node.label


@pytest.mark.parametrize("stage", [*LSTM_STAGES, "all"])
def test_lstm_cell_is_clear_and_does_not_move(stage):
    ax, whole = draw_lstm_cell(stage), draw_lstm_cell()
    assert collisions(ax) == []
    assert (ax.get_xlim(), ax.get_ylim()) == (whole.get_xlim(), whole.get_ylim())
    assert (ax.figure.get_size_inches() == whole.figure.get_size_inches()).all()
    assert ({(t.get_text(), t.get_position()) for t in ax.texts}
            <= {(t.get_text(), t.get_position()) for t in whole.texts})


@pytest.mark.parametrize("T", [1, 2, 4, 12])
@pytest.mark.parametrize("memory", [False, True])
def test_unrolled_is_clear(T, memory):
    diagram = unrolled_diagram(T, memory)
    ax = (draw_unrolled_lstm if memory else draw_unrolled_rnn)(T)
    assert collisions(ax) == []
    fits(diagram, ax)
    labels = [node.label for node in diagram.nodes.values()]
    assert labels.count("LSTM" if memory else "RNN") == T and len(set(diagram.nodes)) == len(labels)


@pytest.mark.parametrize("diagram", [rnn_cell_diagram(), lstm_cell_diagram()])
def test_cells_are_clear(diagram):
    ax = draw(diagram)
    assert collisions(ax) == []
    fits(diagram, ax)
    for edge in diagram.edges:
        points = route(diagram, edge)
        assert all(p[0] == q[0] or p[1] == q[1] for p, q in zip(points, points[1:])), edge


def arrows(ax):
    """The outlines of the gradient arrows."""
    return [patch.get_xy() for patch in ax.patches if type(patch) is matplotlib.patches.Polygon]


def first_width(outline):
    return math.dist(outline[0], outline[-2])


def buried(ax):
    """Texts that touch a shape in whose middle they do not stand."""
    shapes = [ax.transData.transform_path(patch.get_path()) for patch in ax.patches
              if isinstance(patch, matplotlib.patches.FancyBboxPatch)]
    for text in ax.texts:
        box, at = text.get_window_extent(), ax.transData.transform(text.get_position())
        for shape in shapes:
            (x0, y0), (x1, y1) = shape.get_extents().get_points()
            if (text.get_text() and math.dist(((x0 + x1)/2, (y0 + y1)/2), at) > 1
                    and shape.intersects_bbox(box)):
                yield text.get_text()


@pytest.mark.parametrize("drawing, forward", [(draw_rnn_cell_backward, rnn_cell_diagram()),
                                              (draw_lstm_cell_backward, lstm_cell_diagram())])
def test_cells_backward_are_clear(drawing, forward):
    ax = drawing()
    assert collisions(ax) == [] == list(buried(ax))
    red = {text.get_text() for text in ax.texts if text.get_color() == COLOURS["gradient"]}
    assert {f"$d{label_of(*s)[1:]}" for s in (("a", "t"), ("a", "t-1"), ("x", "t"))} < red
    kept = [e for e in forward.edges if e.symbol != "y" and e.head not in ("Wya", "Wy")]
    assert len(arrows(ax)) == len(kept)
    assert {matplotlib.colors.to_hex(patch.get_edgecolor()) for patch in ax.patches
            if isinstance(patch, matplotlib.patches.FancyArrowPatch)} == {COLOURS["ink"]}


def test_backward_goes_beside_the_edge_and_to_scale():
    ax = draw(unrolled_diagram(3), backward={
        ("cell1", "cell2"): 2, ("cell2", "cell3"): (-4, "four"), ("cell3", "a3"): 1e-9,
        ("x1", "cell1"): "a label"})
    widths = sorted(first_width(outline) for outline in arrows(ax))
    assert widths == pytest.approx([0.014, 0.035, 0.06, 0.12])
    assert collisions(ax) == []
    below = {round(first_width(outline), 3) for outline in arrows(ax) if outline[:, 1].max() < 0}
    assert below == {0.06, 0.12, 0.035}  # the other edge has no text above it
    assert arrows(draw(unrolled_diagram(3), backward={})) == []
    whole = draw(lstm_cell_diagram(), "forget", backward={("sum", "c_next"): 1, ("z", "Wf"): 1})
    assert len(arrows(whole)) == 1  # the edge of a later stage is not there yet
    zeros = draw(Diagram(NODES, [Edge("p", "q")]), backward={("p", "q"): (0, "0")})
    assert first_width(arrows(zeros)[0]) == pytest.approx(0.014)


STORY = [-0.181497, 0, 0, -1.645303], [-0.171350, -0.394842, -0.816044, 0]

def test_two_gradients_are_to_scale():
    ax = draw_two_gradients(*STORY)
    written = [text.get_text().replace("\N{MINUS SIGN}", "-") for text in ax.texts]
    for number in ("-0.181", "-0.171", "-0.353", "-0.395", "-0.816", "-1.645"):
        assert number in written, number
    sums = [-0.352847, -0.394842, -0.816044, -1.645303]
    first = sorted(first_width(outline) for outline in arrows(ax))
    assert first == pytest.approx(sorted(0.24*abs(v)/1.645303 for v in (*sums, *STORY[0]) if v))
    assert len(ax.lines) == 3  # dotted: no own gradient at steps 2 and 3, no future at step 4


@pytest.mark.parametrize("T", range(1, 7))
@pytest.mark.parametrize("own, future", [(0.0, -0.0), (-8.8885, -888.44), (-8e300, 8e300), (1e-300, 1)])
def test_two_gradients_are_clear(T, own, future):
    ax = draw_two_gradients([own if t % 2 else -own for t in range(T)], [future]*T)
    assert collisions(ax) == [] == list(buried(ax))


def test_two_gradients_take_any_numbers_and_a_given_axes():
    np = pytest.importorskip("numpy")
    _, ax = plt.subplots(figsize=(3, 2))
    assert draw_two_gradients(np.array([1, 2]), iter([np.float32(0.5), 0]), ax) is ax
    assert collisions(ax) == [] and len(arrows(ax)) == 4


@pytest.mark.parametrize("sizes", [(3, 5, 4, 2), (1, 1, 1, 1), (12, 12, 12, 12), (12, 1, 12, 6)])
def test_tensor_is_clear(sizes):
    assert collisions(draw_tensor(*sizes)) == []


def test_a_given_axes_is_used_and_scales_the_text():
    _, (left, right) = plt.subplots(1, 2, figsize=(6, 3))
    assert draw_lstm_cell(ax=left) is left and draw_tensor(ax=right) is right
    sizes = {text.get_text(): text.get_fontsize() for text in left.texts}
    assert 2 < sizes["$z$"] < 8 and collisions(left) == [] == collisions(right)
    assert plot_steps({"y": [0.5]}, ax=plt.subplots()[1]).get_xlabel() == "time step $t$"


def test_style_and_colours():
    use_style()
    assert matplotlib.rcParams["svg.hashsalt"] and matplotlib.rcParams["figure.facecolor"] == "none"
    assert set(SYMBOLS) == set(COLOURS) - {"ink"}
    assert round(contrast("#000000", "#ffffff"), 9) == 21 and text_on("#ffffff") == "#000000"
    assert all(contrast(colour, page) >= 3 for colour in COLOURS.values()
               for page in ("#ffffff", "#14161a"))


NODES = {"p": Node((0, 0), "p"), "q": Node((2, 0), "q")}
PAIR = Diagram(NODES, [Edge("p", "q")])

@pytest.mark.parametrize("call, error, message", [
    (lambda: draw_lstm_cell("gate"), ValueError, "stage: expected one of ('concat', 'forget',"),
    (lambda: draw_lstm_cell(3), ValueError, "stage: expected one of"),
    (lambda: draw_unrolled_rnn(0), ValueError, "T: expected an int from 1 to 12, got 0"),
    (lambda: draw_unrolled_lstm(13), ValueError, "T: expected an int from 1 to 12, got 13"),
    (lambda: draw_unrolled_rnn(2.5), TypeError, "T: expected an int from 1 to 12, got 2.5"),
    (lambda: draw_unrolled_rnn(True), TypeError, "T: expected an int from 1 to 12, got True"),
    (lambda: draw_tensor(n_x=0), ValueError, "n_x: expected an int from 1 to 12, got 0"),
    (lambda: draw_tensor(T_x=3, t=4), ValueError, "t: expected an int from 1 to 3, got 4"),
    (lambda: draw_rnn_cell(ax="here"), TypeError, "ax: expected matplotlib Axes, got str"),
    (lambda: draw("lstm"), TypeError, "diagram: expected a Diagram, got str"),
    (lambda: label_of("b"), ValueError, "symbol: expected one of ('x', 'a', 'c',"),
    (lambda: plot_steps({"b": [1]}), ValueError, "series: expected one of ('x', 'a', 'c',"),
    (lambda: plot_steps([1, 2]), TypeError, "series: expected a mapping from symbols, got list"),
    (lambda: draw(Diagram(NODES, [Edge("p", "r")])), ValueError, "head: expected one of ('p', 'q')"),
    (lambda: draw(Diagram(NODES, [Edge("p", "q", "b")])), ValueError, "symbol: expected one of"),
    (lambda: draw(Diagram(NODES, [Edge("p", "q", bend="up")])), ValueError, "bend: expected one of"),
    (lambda: draw(PAIR, backward=[("p", "q")]), TypeError, "backward: expected a mapping from edges"),
    (lambda: draw(PAIR, backward={("q", "p"): 1}), ValueError, "backward: expected the two ends of"),
    (lambda: draw(PAIR, backward={"p": 1}), ValueError, "backward: expected the two ends of an edge"),
    (lambda: draw(PAIR, backward={("p", "q"): math.inf}), ValueError, "backward: expected a finite"),
    (lambda: draw(PAIR, backward={("p", "q"): None}), TypeError, "backward: expected a number"),
    (lambda: draw(PAIR, backward={("p", "q"): (1, 2)}), TypeError, "backward: expected a number, a"),
    (lambda: draw(PAIR, backward={("p", "q"): ("1", "")}), TypeError, "backward: expected a number"),
    (lambda: draw_rnn_cell_backward("here"), TypeError, "ax: expected matplotlib Axes, got str"),
    (lambda: draw_lstm_cell_backward("here"), TypeError, "ax: expected matplotlib Axes, got str"),
    (lambda: draw_two_gradients([0], [0], "here"), TypeError, "ax: expected matplotlib Axes"),
    (lambda: draw_two_gradients([1, 2], [1]), ValueError, "future: expected 2 numbers, as in own"),
    (lambda: draw_two_gradients([], []), ValueError, "own: expected 1 to 6 numbers, got 0"),
    (lambda: draw_two_gradients([0]*7, [0]*7), ValueError, "own: expected 1 to 6 numbers, got 7"),
    (lambda: draw_two_gradients(1.0, [1]), TypeError, "own: expected 1 to 6 numbers, got float"),
    (lambda: draw_two_gradients("12", "34"), TypeError, "own: expected 1 to 6 numbers, got str"),
    (lambda: draw_two_gradients([1], [True]), TypeError, "future: expected a number, got bool"),
    (lambda: draw_two_gradients([1], ["1"]), TypeError, "future: expected a number, got str"),
    (lambda: draw_two_gradients([1], [[1]]), TypeError, "future: expected a number, got list"),
    (lambda: draw_two_gradients([1j], [1]), TypeError, "own: expected a number, got complex"),
    (lambda: draw_two_gradients([math.nan], [1]), ValueError, "own: expected a finite number, got"),
    (lambda: draw_two_gradients([1e308], [1e308]), ValueError, "own + future: expected a finite"),
])
def test_bad_input(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)
