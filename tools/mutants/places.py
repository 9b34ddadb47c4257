"""Where the package may be broken."""

import ast
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "rnn_stepwise"
BY_HAND = ("rnn_stepwise", "rnn_stepwise._modidx")  # what no notebook explains
WITH_ARRAYS = """
    rnn_cell_forward rnn_forward lstm_cell_forward lstm_forward
    rnn_cell_backward rnn_backward lstm_cell_backward lstm_backward
    sigmoid softmax sequence_loss output_backward
""".split()


class Module(NamedTuple):
    "A module of the package"

    file: Path
    tree: ast.Module


class Part(NamedTuple):
    "A function, a method or a value of the package, and the module it stands in"

    module: str
    tree: Any  # ast.FunctionDef, ast.Assign or ast.AnnAssign
    name: str


def read_package() -> dict[str, Module]:
    "All modules of the package by name"
    modules = {}
    found = find_spec(PACKAGE)
    assert found and found.origin
    folder = Path(found.origin).parent
    for file in sorted(folder.rglob("*.py")):
        path = file.relative_to(folder.parent).with_suffix("")
        name = ".".join(path.parts).removesuffix(".__init__")
        text = file.read_text(encoding="utf-8")
        modules[name] = Module(file, ast.parse(text))
    return modules


def parts_of(module: str, body: list[ast.stmt], above: str = "") -> Iterator[Part]:
    "Functions, methods and values that stand in a module or a class, not those inside of functions"
    for node in body:
        match node:
            case ast.FunctionDef():
                yield Part(module, node, above + node.name)
            case ast.ClassDef():
                yield from parts_of(module, node.body, f"{above}{node.name}.")
            case ast.Assign() | ast.AnnAssign() if is_value(node):
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                yield Part(module, node, above + ast.unparse(target))
            case ast.If():  # what only a checker of types sees comes first
                yield from parts_of(module, node.orelse, above)


def is_value(node: Any) -> bool:
    "Is something assigned that is no name for a type?"
    match node.value:
        case None | ast.Subscript():
            return False
        case ast.Call(ast.Name("ParamSpec" | "TypeVar")):
            return False
    return ast.unparse(node).partition(" ")[0] != "__all__"


def everything(modules: dict[str, Module]) -> list[Part]:
    "All parts of the package; a name that stands in two modules is told with its module"
    parts: list[Part] = []
    for name, module in modules.items():
        if name not in BY_HAND:
            parts += parts_of(name, module.tree.body)
    times = Counter(part.name for part in parts)
    return [part if times[part.name] == 1 else with_module(part) for part in parts]


def with_module(part: Part) -> Part:
    path = part.module.removeprefix(f"{PACKAGE}.")
    return part._replace(name=f"{path}.{part.name}")


class Around(NamedTuple):
    "What is known of the surroundings of a piece of syntax"

    words: bool = False  # inside of a message
    axis: bool = False  # inside of axis=...
    unordered: bool = False  # one of several whose order means nothing
    arrays: bool = False  # in a function that computes with arrays
    others: dict[str, str] = {}  # a key or an attribute → one that could be meant instead


class Place(NamedTuple):
    "Where a piece of syntax stands: in this field of its parent, at this position if in a list"

    parent: ast.AST
    field: str
    position: int | None
    node: ast.AST
    around: Around

    def put(self, node: ast.AST) -> None:
        "Put another one there"
        if self.position is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.position] = node


def children(node: ast.AST) -> Iterator[tuple[str, int | None, ast.AST]]:
    "(field, position, child) of every child"
    for field, value in ast.iter_fields(node):
        if isinstance(value, ast.AST):
            yield field, None, value
        if isinstance(value, list):
            for position, child in enumerate(value):
                if isinstance(child, ast.AST):
                    yield field, position, child


def stays(field: str, child: ast.AST) -> bool:
    "Annotations, docstrings and the type in dict[str, int]() stay as they are"
    if field in ("annotation", "returns"):
        return True
    if field == "func":
        return isinstance(child, ast.Subscript)
    return isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)


def places(node: ast.AST, around: Around) -> Iterator[Place]:
    "All that may be changed below a node"
    for field, position, child in children(node):
        if stays(field, child):
            continue
        inside = closer(node, field, child, around)
        yield Place(node, field, position, child, inside)
        yield from places(child, inside)


def closer(parent: ast.AST, field: str, child: ast.AST, around: Around) -> Around:
    "What is known of the surroundings of a child"
    if isinstance(child, (ast.JoinedStr, ast.Raise)):
        around = around._replace(words=True)
    if isinstance(child, ast.keyword) and child.arg == "axis":
        around = around._replace(axis=True)
    unordered = isinstance(child, ast.Tuple) and is_unordered(parent, field)
    return around._replace(unordered=unordered)


def is_unordered(parent: ast.AST, field: str) -> bool:
    "Does a tuple in this field only list what is looked for? As in `v in (a, b)`, `except (A, B)`"
    if isinstance(parent, ast.Compare):
        return isinstance(parent.ops[0], (ast.In, ast.NotIn))
    return isinstance(parent, ast.ExceptHandler) and field == "type"


def places_of(part: Part, fields: dict[str, str]) -> Iterator[Place]:
    "All places of a part; `fields` has, for the entries of named tuples, another entry"
    arrays = part.name in WITH_ARRAYS
    others = fields | next_ones(keys_in(part.tree))
    yield from places(part.tree, Around(arrays=arrays, others=others))


def keys_in(tree: ast.AST) -> list[str]:
    'The keys by which a function reads dicts, such as "Wf" of `p["Wf"]`'
    keys = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            keys.append(node.slice.value)
    return [key for key in keys if isinstance(key, str)]


def next_ones(names: list[str]) -> dict[str, str]:
    "Each name → the one after it, and the last → the first"
    names = list(dict.fromkeys(names))
    if len(names) < 2:
        return {}
    return dict(zip(names, names[1:] + names[:1]))


def fields_of(modules: dict[str, Module]) -> dict[str, str]:
    "Each entry of the package's named tuples → the next one of its tuple"
    found: dict[str, str] = {}
    for module in modules.values():
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef):
                entries = [part for part in node.body if isinstance(part, ast.AnnAssign)]
                names = [ast.unparse(entry.target) for entry in entries]
                found = next_ones(names) | found
    return found
