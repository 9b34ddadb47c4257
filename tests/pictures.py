"""What a picture says: its texts, lines and shapes, each with where it stands.

    marks_of(ax)          of a drawing, in the order in which it is drawn
    marks_in(svg)         of a picture that is stored
    difference(one, other, within)       the first mark that is not the same, or None
    python tests/pictures.py             write pictures.txt anew: what the drawings of `CALLS` say

Two versions of matplotlib write other bytes for the same picture; what it says stays.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np

FILE = Path(__file__).with_name("pictures.txt")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
STEPS = "{'x': [1, 2], 'a': [2, 1], 'c': [3], 'ft': [4], 'it': [5], 'cct': [6], 'ot': [7]}"
CALLS = [
    "draw_tensor(2, 3, 4)",
    "draw_tensor(1, 1, 1, 1, half())",
    "draw_tensor(1, 2, 2, t=1)",
    "draw_rnn_cell()",
    "draw_lstm_cell('memory')",
    "draw_lstm_cell()",
    "draw_unrolled_rnn(2)",
    "draw_unrolled_lstm(2)",
    "draw_unrolled_lstm(1, half())",
    "draw_rnn_cell_backward()",
    "draw_lstm_cell_backward()",
    "draw_two_gradients([1, 0, -0.5], [2, 0.25, 0])",
    "draw_two_gradients([0], [0])",
    "draw_two_gradients([-3, 0.75], [2, 0], half())",
    "draw_two_gradients([1, 0.75], [-4, 0], half())",
    "draw(unrolled_diagram(2), backward={('cell1', 'cell2'): (2, 'two'), ('x1', 'cell1'): -1})",
    "draw(lstm_cell_diagram(), 'forget', backward={('z', 'Wf'): ''})",
    f"plot_steps({STEPS})",
    "plot_steps({'y': range(30), 'gradient': [1, 2]})",
    "plot_steps({'c': range(13)})",
    "plot_steps({'c': [3]}, half())",
    "plot_steps({})",
    "plot_gains([[0.1, 0.2], [0, 1], [1, 1]], symbol='c', label='kept', line='--', bound=0.5)",
    "plot_gates(lstm_forward(book_sequence(), np.zeros((1, 1)), book_lstm())[-1])",
]


class Mark(NamedTuple):
    "One thing in a picture"

    words: str
    numbers: tuple[float, ...]  # where it stands

    def __str__(self) -> str:
        numbers = " ".join(f"{number:.3f}" for number in self.numbers)
        return f"{self.words} | {numbers.replace('-0.000', '0.000')}"


def mark(kind: str, *words: object, at: object = ()) -> Mark:
    said = " ".join(map(str, words))
    numbers = np.ravel(at).tolist()
    return Mark(f"{kind} {said}", tuple(numbers))


def difference(one: list[Mark], other: list[Mark], within: float) -> str | None:
    "The first place where two pictures do not say the same, numbers being the same within a bound"
    for first, second in zip(one, other):
        alike = first.words == second.words and len(first.numbers) == len(second.numbers)
        bounds = dict(rtol=1e-6, atol=within, equal_nan=True)
        if not alike or not np.allclose(first.numbers, second.numbers, **bounds):
            return f"{first}\nbut\n{second}"
    if len(one) != len(other):
        return f"{len(one)} marks, but {len(other)}"
    return None


# A drawing


def colour(value: object) -> str:
    "As #rrggbb, with what lets light through at its end; none where nothing is seen"
    from matplotlib.colors import to_hex, to_rgba

    if to_rgba(value)[3] == 0:
        return "none"
    return to_hex(value, keep_alpha=True).removesuffix("ff")


def marks_of(ax: object) -> list[Mark]:
    "What a drawing says; the frame that all axes have says nothing"
    ax.figure.canvas.draw()
    marks = [mark("view", ax.get_aspect(), at=[*ax.get_xlim(), *ax.get_ylim()])]
    if ax.axison:
        marks += map(read_axis, (ax.xaxis, ax.yaxis))
    for child in ax.get_children():
        if child is not ax.patch and child not in ax.spines.values():
            marks += read(child)
    return marks


def read_axis(axis: object) -> Mark:
    "Its label and, where matplotlib does not choose them, the ticks and what is written there"
    from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter

    ticks, labels = [], []
    if isinstance(axis.get_major_locator(), FixedLocator):
        ticks = axis.get_ticklocs()
    if isinstance(axis.get_major_formatter(), (FixedFormatter, FuncFormatter)):
        labels = [label.get_text() for label in axis.get_ticklabels()]
    return mark("axis", axis.get_scale(), axis.get_label_text(), *labels, at=ticks)


def read(child: object) -> Iterator[Mark]:
    "What one artist says"
    from matplotlib import collections, legend, lines, patches, text

    match child:
        case text.Text():
            yield from read_text(child)
        case lines.Line2D():
            style = child.get_linestyle(), child.get_marker(), f"{child.get_linewidth():.2f}"
            yield mark("line", colour(child.get_color()), *style, at=child.get_xydata())
        case patches.Patch():
            yield read_patch(child)
        case collections.Collection():
            yield from read_collection(child)
        case legend.Legend():
            for line, label in zip(child.get_lines(), child.get_texts()):
                look = colour(line.get_color()), line.get_marker()
                yield mark("legend", *look, label.get_text())


def read_text(text: object) -> Iterator[Mark]:
    if not text.get_text():
        return
    sides = text.get_ha(), text.get_va()
    font = text.get_weight(), f"{text.get_fontsize():.2f}"
    where = [*getattr(text, "xy", ()), *text.get_position()]
    look = colour(text.get_color())
    yield mark("text", text.get_text(), look, *sides, *font, at=where)


def read_patch(patch: object) -> Mark:
    "A shape by its corners on the page; of an arrow those of its line and of its head"
    path = patch.get_path().transformed(patch.get_patch_transform())
    corners = path.vertices
    if path.codes is not None:
        corners = corners[path.codes != path.CLOSEPOLY]  # what closes a line stands nowhere
    style = patch.get_linestyle() if patch.get_linewidth() else ""
    look = colour(patch.get_edgecolor()), colour(patch.get_facecolor())
    kind = type(patch).__name__
    return mark(kind, *look, f"{patch.get_linewidth():.2f}", style, at=corners)


def read_collection(found: object) -> Iterator[Mark]:
    "Its shapes; all of one look here"
    edges = [colour(one) for one in found.get_edgecolor()]
    fills = [colour(one) for one in found.get_facecolor()]
    widths = [f"{width:.2f}" for width in found.get_linewidth()]
    for path in found.get_paths():
        yield mark("face", edges, fills, widths, at=path.vertices)


# A stored picture

SVG = "{http://www.w3.org/2000/svg}"
LINK = "{http://www.w3.org/1999/xlink}href"


def marks_in(svg: str) -> list[Mark]:
    """What a picture says that matplotlib has written as SVG, its letters as outlines.

    Places are measured from a corner of the axes: where the picture is cropped says nothing."""
    keeping = ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True))
    root = ElementTree.fromstring(svg, keeping)
    shapes = {path.get("id"): path.get("d") for path in root.iter(f"{SVG}path")}
    page, axes, *others = below(root, shapes)
    corners = points(axes)
    return [moved(said, corners) for said in (axes, *others)]


def numbers_of(text: str) -> list[float]:
    return [float(number) for number in NUMBER.findall(text)]


def points(said: Mark) -> np.ndarray:
    return np.reshape(said.numbers, (-1, 2))


def moved(said: Mark, corners: np.ndarray) -> Mark:
    "A mark as it is seen from the first corner; an open line as far as the axes show it"
    at, words = points(said), said.words
    if re.match("path ML+ ", words):
        low = corners.min(axis=0) - 1
        high = corners.max(axis=0) + 1
        inside = (low <= at) & (at <= high)
        at = at[inside.all(axis=1)]
        words = re.sub("ML+", "ML", words)
    return mark(words, at=at - corners[0])


def below(node: object, shapes: dict[str, str]) -> Iterator[Mark]:
    "What stands below a node, without ticks, whose number is matplotlib's choice"
    for child in node:
        name = child.get("id", "")
        if name.startswith(("xtick_", "ytick_")) or child.tag == f"{SVG}defs":
            continue
        if name.startswith("text_"):
            yield letters(child)
        elif child.tag == f"{SVG}path":
            yield outline(child, child.get("d"))
        elif child.tag == f"{SVG}use":
            x, y = child.get("x"), child.get("y")
            shape = shapes[child.get(LINK)[1:]]
            yield outline(child, shape, (float(x), float(y)))
        else:
            yield from below(child, shapes)


def letters(group: object) -> Mark:
    "A text: a group with the text as its comment"
    comment, outlines = list(group)[:2]
    place = outlines.get("transform", "").partition(")")[0]
    return mark("text", comment.text.strip(), look_of(outlines), at=numbers_of(place))


def outline(node: object, way: str, place: tuple[float, ...] = (0, 0)) -> Mark:
    "A line or a shape; one that is used in several places stands at one of them"
    steps = re.sub(r"[^A-Za-z]", "", way)
    numbers = numbers_of(way)
    corners = np.reshape(numbers, (-1, 2)) + place
    return mark("path", steps, look_of(node), at=corners)


def look_of(node: object) -> str:
    "Its style; the names of patterns are made up"
    return re.sub(r"url\(#\w+\)", "a pattern", node.get("style", ""))


# What is written down


def drawn(call: str) -> list[Mark]:
    "What the drawing that a call makes says"
    import matplotlib.pyplot as plt

    import rnn_stepwise

    ax = eval(call, {"np": np, "half": half, **vars(rnn_stepwise)})
    marks = marks_of(ax)
    plt.close(ax.figure)
    return marks


def half() -> object:
    "Axes in which a drawing is made smaller"
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(1.5, 1))
    return figure.add_axes((0, 0, 1, 1))


def written(calls: list[str] = CALLS) -> str:
    "The text of pictures.txt"
    parts = []
    for call in calls:
        lines = [f"# {call}", *map(str, drawn(call))]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def stored() -> dict[str, list[Mark]]:
    "What pictures.txt has: call → marks"
    found: dict[str, list[Mark]] = {}
    for part in FILE.read_text(encoding="utf-8").strip().split("\n\n"):
        call, *lines = part.splitlines()
        found[call[2:]] = list(map(mark_from, lines))
    return found


def mark_from(line: str) -> Mark:
    words, _, at = line.rpartition(" | ")
    return Mark(words, tuple(map(float, at.split())))


if __name__ == "__main__":
    import matplotlib

    matplotlib.use("agg")
    sys.path.insert(0, str(FILE.parent.parent))
    FILE.write_text(written(), encoding="utf-8")
