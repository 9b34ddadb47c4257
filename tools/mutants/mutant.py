"""One change of the package."""

import ast
from collections import Counter
from dataclasses import dataclass
from os.path import commonprefix
from typing import NamedTuple

from .changes import changes
from .places import Around, Function, Place, places_of

CONTEXT = 30  # letters on both sides of what differs, in a line of the report


class Key(NamedTuple):
    "By what a mutant is known in mutants_equivalent.toml"

    function: str
    before: str
    after: str


@dataclass(eq=False)
class Mutant:
    "`new` in the place of what stands there"

    module: str
    function: str
    kind: str
    place: Place
    new: ast.AST
    before: str = ""  # the line that changes, cut down to what differs
    after: str = ""
    code: int = 0  # how the process of its judge ended: see judge.py

    def apply(self) -> None:
        self.place.put(self.new)

    def undo(self) -> None:
        self.place.put(self.place.node)

    def key(self) -> Key:
        return Key(self.function, self.before, self.after)

    def line(self) -> int:
        "The line in its module, or that of what it stands in"
        for node in (self.place.node, self.place.parent):
            if hasattr(node, "lineno"):
                return node.lineno
        return 0

    def __str__(self) -> str:
        file = self.module.replace(".", "/")
        head = f"{file}.py:{self.line()}  {self.function}: {self.kind}"
        return f"{head}\n    - {self.before}\n    + {self.after}"


def excerpts(before: str, after: str) -> tuple[str, str]:
    "Both lines cut down to what differs, with something around it"
    head = len(commonprefix([before, after]))
    tail = len(commonprefix([before[::-1], after[::-1]]))
    tail = min(tail, len(before) - head, len(after) - head)
    first = max(0, head - CONTEXT)
    rest = max(0, tail - CONTEXT)
    return before[first : len(before) - rest], after[first : len(after) - rest]


def is_python(text: str) -> bool:
    try:
        compile(text, "", "exec")
    except SyntaxError:
        return False
    return True


def mutants_of(function: Function, fields: dict[str, str]) -> list[Mutant]:
    "All mutants of one function that are Python and differ from it and from each other"
    name = function.tree.name
    original = ast.unparse(function.tree)
    seen, times = {original}, Counter[Key]()
    made = []
    for place in places_of(function, fields):
        for kind, new in changes(place.node, place.around):
            mutant = Mutant(function.module, name, kind, place, new)
            mutant.apply()
            text = ast.unparse(function.tree)
            mutant.undo()
            if text in seen or not is_python(text):
                continue
            seen.add(text)
            mutant.before, mutant.after = excerpts(*first_difference(original, text))
            key = mutant.key()
            times[key] += 1
            if times[key] > 1:  # two lines that are the same
                mutant.after += f"  # {times[key]}"
            made.append(mutant)
    return made


def first_difference(original: str, text: str) -> tuple[str, str]:
    "The first two lines that differ"
    pairs = zip(original.split("\n"), text.split("\n"))
    return next((one, two) for one, two in pairs if one != two)


def sentinel(function: Function) -> Mutant:
    "The function does nothing but raise: is what is mutated what is run?"
    tree = function.tree
    raises = ast.parse("raise AssertionError").body[0]
    place = Place(tree, "body", 0, tree.body[0], Around())
    return Mutant(function.module, tree.name, "sentinel", place, raises)
