"""One change of the package."""

import ast
from collections import Counter
from dataclasses import dataclass
from os.path import commonprefix
from typing import NamedTuple

from .changes import changes
from .places import Around, Part, Place, places_of

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
    killer: str = ""  # the file of tests that noticed it

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


def mutants_of(part: Part, fields: dict[str, str]) -> list[Mutant]:
    "All mutants of one part that are Python and differ from it and from each other"
    original = ast.unparse(part.tree)
    seen, times = {original}, Counter[Key]()
    made = []
    for place in places_of(part, fields):
        for kind, new in changes(place.node, place.around):
            mutant = Mutant(part.module, part.name, kind, place, new)
            mutant.apply()
            text = ast.unparse(part.tree)
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


def sentinel(part: Part) -> Mutant:
    "The function does nothing but raise, the value is None: is what is mutated what is run?"
    tree, field, position = part.tree, "value", None
    new: ast.AST = ast.Constant(None)
    if isinstance(tree, ast.FunctionDef):
        field, position = "body", 0
        new = ast.parse("raise AssertionError").body[0]
    old = getattr(tree, field) if position is None else tree.body[0]
    place = Place(tree, field, position, old, Around())
    return Mutant(part.module, part.name, "sentinel", place, new)
