"""Where the package may be broken."""

import ast
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "rnn_stepwise"
ROOTS = """
    rnn_cell_forward rnn_forward lstm_cell_forward lstm_forward
    rnn_cell_backward rnn_backward lstm_cell_backward lstm_backward
    sigmoid softmax sequence_loss output_backward
""".split()


WHOLE = ["rnn_stepwise.checking", "rnn_stepwise.guard"]  # modules whose functions are all roots


class Module(NamedTuple):
    "A module of the package"

    file: Path
    tree: ast.Module


class Function(NamedTuple):
    "A function of the package, and the module it stands in"

    module: str
    tree: ast.FunctionDef


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


def functions_of(name: str, module: Module) -> Iterator[Function]:
    "The functions that a module defines, not those inside of others"
    for node in module.tree.body:
        if isinstance(node, ast.FunctionDef):
            yield Function(name, node)


def imports_of(name: str, module: Module) -> Iterator[tuple[str, str, str]]:
    "What a module takes from others of the package: (name here, module there, name there)"
    for node in module.tree.body:
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        above = name.split(".")[: -node.level]
        origin = ".".join([*above, node.module or ""])
        for alias in node.names:
            yield alias.asname or alias.name, origin, alias.name


def reached(modules: dict[str, Module]) -> list[Function]:
    "The roots and every function of the package that they lead to: called, handed on, a decorator"
    defined, imported = {}, {}
    for name, module in modules.items():
        for function in functions_of(name, module):
            defined[name, function.tree.name] = function
        for here, origin, there in imports_of(name, module):
            imported[name, here] = origin, there
    todo = [key for key in defined if key[0] in WHOLE or key[1] in ROOTS]
    found = {}
    while todo:
        key = todo.pop(0)
        key = imported.get(key, key)
        if key not in defined or key in found:
            continue
        found[key] = defined[key]
        for used in names_in(found[key].tree):
            todo.append((key[0], used))
    return list(found.values())


def names_in(tree: ast.AST) -> list[str]:
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return sorted(names)


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


def places_of(function: Function, fields: dict[str, str]) -> Iterator[Place]:
    "All places of a function; `fields` has, for the entries of named tuples, another entry"
    arrays = function.tree.name in ROOTS
    others = fields | next_ones(keys_in(function.tree))
    yield from places(function.tree, Around(arrays=arrays, others=others))


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
