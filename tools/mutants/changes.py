"""How a piece of syntax may be broken: `changes(node, around)` yields (kind, what stands there then).

One function for each kind of syntax; `around` says where the node stands.
"""

import ast
from collections.abc import Iterator
from functools import singledispatch
from typing import Any

import numpy as np

from .places import Around

Changes = Iterator[tuple[str, ast.AST]]

PAIRS = {
    ast.Add: ast.Sub, ast.Mult: ast.Div, ast.And: ast.Or, ast.Eq: ast.NotEq,
    ast.In: ast.NotIn, ast.Is: ast.IsNot, ast.Lt: ast.LtE, ast.Gt: ast.GtE,
}  # fmt: skip
OTHER = PAIRS | {two: one for one, two in PAIRS.items()} | {ast.Pow: ast.Mult}
IN_PLACE = {
    ast.Add: "__iadd__", ast.Sub: "__isub__", ast.Mult: "__imul__", ast.Div: "__itruediv__",
}  # fmt: skip


def altered(node: Any, **fields: Any) -> Any:
    "The same node with some fields changed"
    return type(node)(**vars(node) | fields)


def moved(node: Any, op: ast.operator) -> ast.AST:
    "One more or one less; where nothing is written, of 0"
    if node is None:
        node = ast.Constant(0)
    one = ast.Constant(1)
    return ast.BinOp(node, op, one)


def transposed(node: Any) -> ast.AST:
    return ast.Attribute(node, "T", ast.Load())


def negated(node: Any) -> ast.AST:
    return ast.UnaryOp(ast.Not(), node)


def swaps(node: Any, field: str) -> Changes:
    "Two neighbours of a list trade places"
    row = getattr(node, field)
    for i in range(1, len(row)):
        other = list(row)
        other.insert(i - 1, other.pop(i))
        yield "arguments swapped", altered(node, **{field: other})


def without(row: list[Any]) -> Iterator[list[Any]]:
    "The list without each of its entries"
    for i in range(len(row)):
        rest = list(row)
        del rest[i]
        yield rest


@singledispatch
def changes(node: ast.AST, around: Around) -> Changes:
    yield from ()


@changes.register
def of_constant(node: ast.Constant, around: Around) -> Changes:
    match node.value:
        case bool(value):
            yield "constant", ast.Constant(not value)
        case int(value) | float(value):
            other = value + 1
            if around.axis and value:
                other = 0
            yield "constant", ast.Constant(other)
        case str(text) if text in around.others:
            yield "another name", ast.Constant(around.others[text])
        case str(text) if text and not around.words:
            yield "constant", ast.Constant(shorter(text))


def shorter(text: str) -> str:
    "Without its first letter; of einsum the result with its last axes swapped, ->ka to ->ak"
    if "->" in text:
        return text[:-2] + text[-1] + text[-2]
    return text[1:]


@changes.register
def of_attribute(node: ast.Attribute, around: Around) -> Changes:
    if node.attr == "T":
        yield "transpose", node.value
    elif node.attr in around.others and not hasattr(np.ndarray, node.attr):
        yield "another name", altered(node, attr=around.others[node.attr])


@changes.register
def of_operation(node: ast.BinOp, around: Around) -> Changes:
    left, right = node.left, node.right
    other = OTHER.get(type(node.op))
    if other:
        yield "operator", altered(node, op=other())
    else:
        yield "operands swapped", altered(node, left=right, right=left)
    yield "term dropped", left
    yield "term dropped", right
    if isinstance(node.op, ast.MatMult):
        yield "transpose", altered(node, left=transposed(left))
        yield "transpose", altered(node, right=transposed(right))
    method = IN_PLACE.get(type(node.op))
    if method and around.arrays and isinstance(left, (ast.Name, ast.Subscript)):
        function = ast.Attribute(left, method, ast.Load())
        yield "in place", ast.Call(function, [right], [])


@changes.register
def of_and_or(node: ast.BoolOp, around: Around) -> Changes:
    other = OTHER[type(node.op)]
    yield "and, or", altered(node, op=other())
    for rest in without(node.values):
        if len(rest) == 1:
            yield "term dropped", rest[0]
        else:
            yield "term dropped", altered(node, values=rest)


@changes.register
def of_comparison(node: ast.Compare, around: Around) -> Changes:
    for i, op in enumerate(node.ops):
        ops: list[Any] = list(node.ops)
        ops[i] = OTHER[type(op)]()
        yield "comparison", altered(node, ops=ops)


@changes.register
def of_sign_or_not(node: ast.UnaryOp, around: Around) -> Changes:
    yield "sign or not dropped", node.operand


@changes.register
def of_slice(node: ast.Slice, around: Around) -> Changes:
    "Bounds that are numbers are changed as such"
    if not isinstance(node.lower, ast.Constant):
        yield "slice", altered(node, lower=moved(node.lower, ast.Add()))
    if node.upper is None:
        yield "slice", altered(node, upper=ast.Constant(-1))
    elif not isinstance(node.upper, ast.Constant):
        yield "slice", altered(node, upper=moved(node.upper, ast.Sub()))
    if node.step:
        yield "slice", altered(node, step=None)


@changes.register
def of_index(node: ast.Subscript, around: Around) -> Changes:
    "An index by name, alone or the last of several, becomes the one before"
    less = ast.Sub()
    match node.slice:
        case ast.Name() as index:
            yield "index", altered(node, slice=moved(index, less))
        case ast.Tuple([*first, ast.Name() as index]) as indices:
            other = altered(indices, elts=[*first, moved(index, less)])
            yield "index", altered(node, slice=other)


@changes.register
def of_call(node: ast.Call, around: Around) -> Changes:
    yield from swaps(node, "args")
    for rest in without(node.keywords):
        yield "keyword dropped", altered(node, keywords=rest)
    match node.func:
        case ast.Name("range"):
            first, *rest = node.args
            yield "slice", altered(node, args=[moved(first, ast.Sub()), *rest])
        case ast.Attribute(value, "copy"):
            yield "in place", value
        case ast.Attribute(_, "dot"):
            left, right = node.args
            yield "transpose", altered(node, args=[transposed(left), right])
            yield "transpose", altered(node, args=[left, transposed(right)])
        case _ if len(node.args) == 1:
            yield "call dropped", node.args[0]


@changes.register(ast.Tuple)
@changes.register(ast.List)
@changes.register(ast.Set)
def of_row(node: Any, around: Around) -> Changes:
    "Where the order means nothing, an entry goes"
    if isinstance(node, ast.Set) or around.unordered:
        for rest in without(node.elts):
            yield "entry dropped", altered(node, elts=rest)
    else:
        yield from swaps(node, "elts")


@changes.register
def of_dict(node: ast.Dict, around: Around) -> Changes:
    yield from swaps(node, "values")


@changes.register
def of_assignment(node: ast.Assign, around: Around) -> Changes:
    "a = a + b becomes a += b"
    target: Any = node.targets[0]
    operation = node.value
    if isinstance(operation, ast.BinOp) and len(node.targets) == 1:
        if ast.unparse(operation.left) == ast.unparse(target):
            yield "in place", ast.AugAssign(target, operation.op, operation.right)


@changes.register
def of_update(node: ast.AugAssign, around: Around) -> Changes:
    "a += b becomes a -= b, or is left out"
    other = OTHER.get(type(node.op))
    if other:
        yield "operator", altered(node, op=other())
    yield "statement dropped", ast.Pass()


@changes.register
def of_statement(node: ast.Expr, around: Around) -> Changes:
    "A call for its effect, such as a check"
    if isinstance(node.value, ast.Call):
        yield "statement dropped", ast.Pass()


@changes.register(ast.If)
@changes.register(ast.IfExp)
def of_condition(node: Any, around: Around) -> Changes:
    if not negated_elsewhere(node.test):
        yield "negated", altered(node, test=negated(node.test))


def negated_elsewhere(test: ast.AST) -> bool:
    "Is the opposite among the changes of the test itself?"
    match test:
        case ast.Compare(_, [op]):
            return isinstance(op, (ast.Eq, ast.NotEq, ast.In, ast.NotIn, ast.Is, ast.IsNot))
        case ast.UnaryOp(ast.Not()):
            return True
    return False


@changes.register
def of_filter(node: ast.comprehension, around: Around) -> Changes:
    if node.ifs:
        first, *rest = node.ifs
        yield "negated", altered(node, ifs=[negated(first), *rest])
