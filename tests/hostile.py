"""What may be wrong with an argument of each kind that hostile.toml names, and what is right though unusual.

Values are written as code: `v` is a right value, `first` the first key of a right dict, and the other
names are those of refusals.py and of `names` below."""

import itertools
import tempfile
from collections import OrderedDict
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType, SimpleNamespace

import refusals


class Failing(Mapping):
    "A dict that lists names and cannot be read."

    def __init__(self, table):
        self.table = table

    def __iter__(self):
        return iter(self.table)

    def __len__(self):
        return len(self.table)

    def __getitem__(self, name):
        raise RuntimeError("boom")


class BadIndex:
    "Looks like an int until it is read."

    def __index__(self):
        raise RuntimeError("boom")


def read_only(array):
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def mapped(change, table):
    return {name: change(value) for name, value in table.items()}


# What is wrong nearly everywhere, each with what it is
JUNK = {
    "None": "none",
    "True": "bool",
    "np.False_": "bool",
    "'text'": "str",
    "b'text'": "bytes",
    "object()": "object",
    "Broken()": "object",
    "BadIndex()": "object",
    "np": "object",
    "{}": "dict",
    "{1: 2}": "dict",
    "set()": "list",
    "[[1], [2, 3]]": "list",
    "[None]": "list",
    "['a']": "list",
    "[10**5000]": "list",
    "lambda *given: None": "function",
    "x": "array",
    "np.zeros(1000)": "array",
    "np.array(['a', 'b'])": "array",
    "np.array([None, {}])": "array",
    "np.array('a')": "array",
    "np.array(['2020'], 'M8[Y]')": "array",
    "np.zeros(2, [('v', 'f8')])": "array",
    "np.ma.masked": "masked",
    "np.ma.masked_array(x, x > 0)": "masked",
    "nan": "nan",
    "np.float32('nan')": "nan",
    "inf": "inf",
    "-inf": "inf",
    "10**400": "huge",
    "10**5000": "huge",
    "np.longdouble('1e4000')": "huge float",
    "1j": "complex",
    "np.complex64(1)": "complex",
    "np.datetime64('2020-01-01')": "date",
    "slice(None)": "object",
    "...": "object",
}
NUMBERS = ("np.float64('1.5')", "1.0", "'3'")
ARRAYS = ("v[None]", "v[..., 0]", "v[:0]", "v[..., :0]", "np.ma.masked_array(v)", "v.astype(str)")
ENTRIES = ("None", "'text'", "10**400", "[[1], [2, 3]]", "np.ma.masked_array([[1.0]])", "Broken()")
BAD_ENTRIES = tuple(f"v | {{first: {bad}}}" for bad in ENTRIES)
COLOURS = (
    "'#fff'",
    "'red'",
    "'#gggggg'",
    "'#7b7b7b7b'",
    "'7b7b7b7'",
    "'# 1 2 3'",
    "'#\u0663\u0663\u0663\u0663\u0663\u0663'",
    "''",
)
POINTS = (
    "(1,)",
    "(1, 2, 3)",
    "(nan, 0)",
    "(0, inf)",
    "('a', 'b')",
    "(1j, 0)",
    "(10**400, 0)",
    "(None, 0)",
    "'ab'",
    "(True, 0)",
    "itertools.count()",
    "np.float64(1)",
)
NODES = (
    *(f"Node({point}, 'p')" for point in POINTS),
    *(f"Node((0, 0), {label})" for label in ("None", "3", "x", "b'p'")),
    *(f"Node((0, 0), 'p', {symbol})" for symbol in ("'b'", "None", "x", "[]")),
    *(f"Node((0, 0), 'p', 'ink', {kind})" for kind in ("'oval'", "None", "x", "[]")),
    *(f"Node((0, 0), 'p', stage={stage})" for stage in ("None", "3", "x")),
)  # fmt: skip
EDGES = (
    *(f"Edge('p', 'q', {symbol})" for symbol in ("'b'", "None", "x", "[]")),
    *(f"Edge('p', 'q', bend={bend})" for bend in ("'up'", "None", "x", "[]")),
    *(f"Edge('p', 'q', level={level})" for level in ("'a'", "nan", "10**400", "x", "True")),
    *(f"Edge('p', 'q', start={point})" for point in POINTS),
    *(f"Edge('p', 'q', label={label})" for label in ("None", "3", "x")),
    *(f"Edge('p', 'q', under={flag})" for flag in ("None", "'yes'", "x")),
    *(f"Edge('p', 'q', stage={stage})" for stage in ("None", "3", "x")),
    "('p', 'q')",
)
ENDS = tuple(f"Edge({end})" for end in ("'p', 'r'", "'r', 'q'", "[], 'q'", "'p', None", "x, 'q'"))
BOXES = (
    "(0, 0, 1)",
    "(1, 0, 0, 1)",
    "(0, 0, 0, 1)",
    "(0, 1, 1, 0)",
    "(0, 0, nan, 1)",
    "(0, 0, inf, 1)",
    "(0, 0, 10**400, 1)",
    "('a', 0, 1, 1)",
    "'abcd'",
    "(-1e308, 0, 1e308, 1)",
    "(0, 0, 1e-300, 1)",
    "itertools.count()",
)
DIAGRAMS = (
    *(f"v._replace(nodes=v.nodes | {{'q': {node}}})" for node in (*NODES, "None", "(0, 0)")),
    *(f"v._replace(edges=[{edge}])" for edge in (*EDGES, *ENDS, "None")),
    *(f"v._replace(frame={box})" for box in BOXES),
    *(f"v._replace({rest})" for rest in (
        "nodes=[]", "nodes=None", "nodes=v.nodes | {1: Node((0, 0), 'p')}", "edges=None",
        "edges='pq'", "edges={}", "stages=None", "stages=''", "stages=(1,)", "stages=()",
        "stages=('one',)", "title=None", "title=3", "title=x",
    )),
)  # fmt: skip
FLOWS = (
    "None",
    "nan",
    "inf",
    "True",
    "10**400",
    "1j",
    "(1, 2)",
    "(1, '', 2)",
    "('1', '')",
    "x",
    "[1, '']",
    "(x, '')",
)
AXES = (
    "space",
    "polar",
    "removed",
    "page.ax.figure",
    "np.array([page.ax])",
    "page",
    "type(page.ax)",
)
STEP = {
    "array": ("None", "'text'", "e[None]", "e[..., 0]", "e[:, :0]", "e[:, :-1]", "np.ma.masked_array(e)", "10**400"),
    "parameters": ("None", "[e]", "'p'", "x"),
}  # fmt: skip


def tampered(fields, wrap, also=()):
    "A cache with one entry put in the place of another."
    for i, field in enumerate(fields):
        kind = "parameters" if field == "parameters" else "array"
        for bad in (*STEP[kind], *(also if kind == "array" else ())):
            yield wrap.format(i=i, bad=bad)


def caches_of(fields):
    step = "v[0][2]"
    one = f"(lambda e: (*{step}[:{{i}}], {{bad}}, *{step}[{{i}} + 1:]))({step}[{{i}}])"
    return (
        *tampered(fields, f"([*v[0][:2], {one}, *v[0][3:]], v[1])", also=("e[:-1]",)),
        "[]", "()", "list(v)", "v[0]", "(v[0],)", "(*v, 1)", "(v[0], None)", "([], v[1])",
        "(v[0], v[1][:, :, 1:])", "(v[0], v[1][:-1])", "(v[0], v[1][:, :-1])", "('text', v[1])",
        "(iter(v[0]), v[1])", "({}, v[1])", "([None], v[1][:, :, :1])", "([()], v[1][:, :, :1])",
        "([*v[0][:5], v[0][5][:-1]], v[1])", "([*v[0][:5], list(v[0][5])], v[1])",
        "([*v[0][:5], 5], v[1])", "(x, v[1])", "(v[1], v[0])", "(Failing({0: 1}), v[1])",
        "([*v[0][:5], (rnn_cache, lstm_cache)[len(v[0][0]) == 4]], v[1])",
    )  # fmt: skip


def cache_of(fields):
    one = "(lambda e: (*v[:{i}], {bad}, *v[{i} + 1:]))(v[{i}])"
    return (*tampered(fields, one), "()", "list(v)", "v[:-1]", "(*v, 1)", "v._asdict()",
            "(rnn_cache, lstm_cache)[len(v) == 4]")  # fmt: skip


# Kind: the junk that is right all the same, and what else is wrong
WRONG = {
    "any": (JUNK.values(), ()),
    "inner": (JUNK.values(), ()),
    "self": (JUNK.values(), ()),
    "theirs": (JUNK.values(), ()),
    "count": ((), ("0", "-1", *NUMBERS)),
    "upto": (("huge",), ("0", "-1", *NUMBERS)),
    "place": ((), ("-1", *NUMBERS)),
    "int": ((), NUMBERS),
    "seed": (("huge",), ("-1", *NUMBERS)),
    "number": ((), ("'3'", "b'3'")),
    "numberlike": (("nan", "inf", "huge", "huge float"), ("'3'",)),
    "positive": ((), ("0", "-1e-5", "-0.0", "'3'")),
    "tolerance": ((), ("-1e-5", "'3'")),
    "flag": (("bool",), ("1", "0", "'yes'")),
    "text": (("str",), ()),
    "label": (("str",), (r"'$\frac{1}{$'", r"'$\nothing$'", "'$$'")),
    "when": (("str",), ("1.5", "-1", "[1]")),
    "words_of": ((), ()),
    "choice": ((), ("3", "v.encode()", "v + ' '", "[v]", "np.array(v)", "np.array([v])")),
    "colour": ((), COLOURS),
    "rng": ((), ("1", "np.random", "np.random.Generator", "np.random.PCG64()")),
    "function": (("function",), ("3",)),
    "path": (("str", "bytes"), ("3", "3.5", "'a\\0b'", "b'a\\0b'")),
    "index": ((), ("(0,)", "(0, 0, 99)", "(0, 0, 0.5)", "'abc'", "(10**5000, 0, 0)", "(None, 0, 0)", "{0: 1}", "(x, 0, 0)", "3")),
    "array": ((), ARRAYS),
    "stack": ((), ARRAYS),
    "anyarray": (("bool", "nan", "inf", "complex", "plain"), ("v.astype(str)", "np.ma.masked_array(v)", "[v, None]", "[v, 'a']")),
    "arrays": (("dict",), (*BAD_ENTRIES, "Failing(v)")),
    "mapping": (("dict",), ("list(v.items())",)),
    "tablelike": ((), ("without(v, 'Waa')", "list(v.items())")),
    "parameters": ((), (*BAD_ENTRIES, "without(v, first)", "v | {first: v[first].T}", "v | {first: v[first][:, :0]}",
                        "v | {first: v[first][None]}", "list(v.items())", "Failing(v)", "[v]")),
    "shapes": (("dict",), ("{first: 3}", "{first: None}", "{first: '(n*2)'}", "{first: '(k, k, k, k - 1)'}", "list(v)")),
    "sizes": (JUNK.values(), tuple(f"v | {{'m': {bad}}}" for bad in ("None", "0", "-1", "1.5", "'m'", "True", "x", "nan", "10**400", "10**5000", "[]"))),
    "cache": ((), None),
    "caches": ((), None),
    "tuple_of_cache": ((), ("()", "list(v)", "v[:-1]", "(*v, 1)")),
    "tuple_of_caches": ((), ("()", "list(v)", "(v[0],)", "([], v[1])", "([None], v[1])")),
    "axes": ((), AXES),
    "page": ((), ("page.ax", "Page(None, 1.0)", "Page('here', 1.0)", "Page(page.ax, 'a')", "Page(page.ax, nan)", "Page(page.ax, 0.0)", "Page(space, 1.0)", "tuple(v)")),
    "point": ((), POINTS),
    "box": ((), BOXES),
    "way": ((), ("[(0, 0)]", "[]", "'ab'", "(0, 0)", "3", "[(0, 0), 1]", "itertools.repeat((0, 1))", *(f"[(0, 0), {point}]" for point in POINTS))),
    "floats": ((), ("'12'", "{1: 2, 3: 4}", "[1.0, 'a']", "[1.0, None]", "[1.0, nan]", "[1.0, inf]", "[1.0, 1j]", "[1.0, [1.0]]", "[1.0, 10**400]", "[True, 1.0]", "3.0", "[1.0, np.ma.masked]")),
    "listed": (JUNK.values(), ()),
    "words": ((), ("v[:-1]", "v + v", "'abcdef'", "[*v[:-1], None]", "[*v[:-1], 3]", "[x] * 6", "[b'a'] * 6", "dict.fromkeys(v)", "set(v)", "3", "itertools.repeat('a')")),
    "series": (("dict",), tuple(f"{{'a': {bad}}}" for bad in (
        "1", "None", "'12'", "[None]", "['1']", "[[1, 2]]", "[1j]", "[10**400]", "{1: 2}", "np.float64(1)", "x",
        "[1, [2]]", "object()", "np.ma.masked_array([1.0, 2.0], [True, False])", "[np.ma.masked]", "[True]", "[np.datetime64('2020')]"))
        + ("{'b': [1]}", "{'ink': [1]}", "{1: [1]}", "{None: [1]}", "{'a': [1], ('c',): [1]}", "Failing({'a': [1]})", "[('a', [1])]")),
    "flows": (("dict",), (*(f"{{('p', 'q'): {bad}}}" for bad in FLOWS), "{('q', 'p'): 1}", "{'p': 1}", "{1: 1}", "[('p', 'q')]", "Failing({('p', 'q'): 1})")),
    "edge": ((), EDGES),
    "end": ((), (*EDGES, *ENDS)),
    "node": ((), NODES),
    "broken": (JUNK.values(), [code for code in NODES if "oval" in code or not code.startswith("Node((0, 0)")]),
    "diagram": ((), DIAGRAMS),
    "instance": ((), ()),
}  # fmt: skip
WRONG |= {
    "distances": WRONG["floats"],
    "network": WRONG["parameters"],
    "impulses": WRONG["array"],
    "gains": WRONG["stack"],
}

# Right, though unusual: the same value in other clothes, and then values that are right as well
INTS = tuple(f"np.{kind}(v)" for kind in ("int8", "uint8", "int16", "int64", "uint64", "array"))
FLOATS = ("np.float64(v)", "np.longdouble(v)")
ROUNDED = ("np.float32(v)", "np.float16(v)", "Fraction(v)", "1", "np.int8(1)", "np.uint64(1)")
DRESSED = ("read_only(v)", "np.asfortranarray(v)", "v[::-1].copy()[::-1]", "v.astype('>f8')",
           "np.repeat(v, 2, 0)[::2]", "v.tolist()", "v.view(type('Own', (np.ndarray,), {}))")  # fmt: skip
OTHER = (
    "v.astype('f2')",
    "v.astype('f4')",
    "v.astype(int)",
    "v > 0",
    "v.astype(complex)",
    "v * nan",
)
TABLES = (
    "MappingProxyType(v)",
    "OrderedDict(v)",
    *(f"mapped(lambda v: {same}, v)" for same in DRESSED),
)
SAME = {
    "count": INTS, "upto": INTS, "place": INTS, "int": INTS, "seed": INTS,
    "number": FLOATS, "positive": FLOATS, "tolerance": FLOATS, "numberlike": FLOATS,
    "flag": ("np.bool_(v)",),
    "text": ("np.str_(v)",), "choice": ("np.str_(v)",), "label": ("np.str_(v)",), "when": ("np.str_(v)",),
    "colour": ("np.str_(v)",),
    "array": DRESSED, "stack": DRESSED, "anyarray": DRESSED,
    "parameters": TABLES, "arrays": TABLES, "mapping": TABLES[:2], "shapes": TABLES[:2],
    "cache": ("tuple(v)",), "caches": ("tuple(v)", "(tuple(v[0]), v[1])", "([*map(tuple, v[0])], v[1])"),
    "index": ("list(v)", "np.array(v)", "[*map(np.int8, v)]"),
    "point": ("list(v)", "np.array(v)", "iter(v)"), "box": ("list(v)", "np.array(v)", "iter(v)"),
    "way": ("tuple(v)", "np.array(v)", "iter(v)", "[[*p] for p in v]"),
    "floats": ("tuple(v)", "np.array(v)", "iter(v)", "read_only(np.array(v))"),
    "words": ("tuple(v)", "iter(v)", "np.array(v)", "np.array(v, object)"),
    "series": ("mapped(iter, v)", "mapped(np.array, v)", "MappingProxyType(v)"),
    "flows": ("MappingProxyType(v)",),
    "path": ("str(v)", "bytes(v)"),
}  # fmt: skip
SAME |= {
    "distances": SAME["floats"],
    "network": SAME["parameters"],
    "impulses": SAME["array"],
    "gains": SAME["stack"],
}
ALSO = {
    "number": ROUNDED, "positive": ROUNDED, "tolerance": (*ROUNDED, "0"), "numberlike": ROUNDED,
    "colour": ("v.upper()", "'#ABCDEF'"), "when": ("3", "0", "np.int8(3)", "''"),
    "label": ("''", "'$5'", r"r'\$5 and $6'", "'$x$ and $y$'"),
    "words_of": ("''", "'above'", "'right above'"),
    "array": OTHER, "anyarray": OTHER,
    "parameters": ("mapped(lambda v: v.astype('f2'), v)", "mapped(lambda v: v * nan, v)", "v | {'more': None}"),
    "series": ("{}", "{'a': []}", "{'a': [nan, inf, 1]}", "{'a': np.arange(3)}", "{'y': range(40)}"),
    "gains": ("v * 1e-3", "v * 0", "v * nan", "[[1.0]]", "[[5e-324]]", "[[1e-300], [1e300]]", "[[1e199], [1e-199]]"),
    "flows": ("{('p', 'q'): 'one'}", "{('p', 'q'): np.float16(0)}", "{}"),
    "axes": ("fresh()", "fresh(xscale='log', yscale='log')"),
    "floats": ("[0, 0]", "[1e307, -1e307]", "[1e-320, 1]"),
}  # fmt: skip


def wrong(kind, right_is_none_too, fields=()):
    "The values that are wrong for a kind, as code."
    fine, special = WRONG[kind]
    if kind == "cache":
        special = cache_of(fields)
    if kind == "caches":
        special = caches_of(fields)
    fine = {*fine, "none"} if right_is_none_too or kind in ("axes", "when") else {*fine}
    junk = [code for code, what in JUNK.items() if what not in fine]
    if "plain" in fine:  # any numbers will do
        junk = [code for code in junk if code not in ("x", "np.zeros(1000)")]
    return [*junk, *special]


def names():
    "What the values are written in."
    return vars(refusals) | {
        "itertools": itertools, "MappingProxyType": MappingProxyType, "OrderedDict": OrderedDict,
        "Failing": Failing, "BadIndex": BadIndex, "read_only": read_only, "mapped": mapped,
        "Fraction": Fraction, "FOLDER": Path(tempfile.mkdtemp()),
        "page": SimpleNamespace(ax="no axes"),
    }  # fmt: skip


def drawn_names():
    "The same with matplotlib: a page, and axes on which nothing can be drawn."
    import matplotlib.pyplot as plt

    def fresh(**how):
        return plt.figure().add_subplot(**how)

    removed = fresh()
    removed.remove()
    return names() | {
        "page": refusals.open_page((0, 0, 2, 1)),
        "fresh": fresh,
        "space": fresh(projection="3d"),
        "polar": fresh(projection="polar"),
        "removed": removed,
    }
