"""The public names of the package, and where on the site each of them is explained.

nbdev marks each piece of code in the generated modules with the notebook and the cell that it comes
from, and lists the public names in `__all__`.
"""

import inspect
import re
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from nbdev.config import get_config

MARKER = re.compile(r"^# %% (?:\.\./)*nbs/(\S+\.ipynb) #(\w+)", re.MULTILINE)


@dataclass
class PublicName:
    """One name that a module of the package exports."""

    name: str
    shown: (
        str  # as a reader calls it: sigmoid, but checking.whole, which the package does not offer
    )
    module: str  # rnn_stepwise.notation
    notebook: str  # 00_notation.ipynb
    cell: str  # the identifier of the cell that defines it
    value: Any

    @property
    def has_heading(self) -> bool:
        """Functions and classes have one, which nbdev makes; other names have a place (cells.py)."""
        return bool(self.signature) or inspect.isclass(self.value)

    @property
    def anchor(self) -> str:
        """Its own, on the page of its notebook: pandoc writes those of headings small."""
        return self.name.lower() if self.has_heading else self.name

    @property
    def signature(self) -> str:
        """The arguments of a function, without annotations: "(x, axis=0)"."""
        if not inspect.isroutine(inspect.unwrap(self.value)):
            return ""
        found = inspect.signature(self.value)
        bare = [one.replace(annotation=one.empty) for one in found.parameters.values()]
        return str(found.replace(parameters=bare, return_annotation=found.empty))

    @property
    def paragraphs(self) -> list[str]:
        """The documentation of a function or a class; other values have none of their own."""
        return (inspect.getdoc(self.value) or "").split("\n\n") if self.has_heading else []


def read_names() -> list[PublicName]:
    """The public names of all modules, in the order of the notebooks."""
    package, found = import_module(get_config().lib_path.name), []
    library = Path(package.__path__[0])  # beside the notebooks, or where it is installed
    for path in library.rglob("*.py"):
        text = path.read_text()
        markers = [(m.start(), m[1], m[2]) for m in MARKER.finditer(text)]
        if not markers:
            continue
        module = ".".join(path.relative_to(library.parent).with_suffix("").parts)
        for name in import_module(module).__all__:
            value = getattr(import_module(module), name)
            found_at = re.search(rf"^(?:def |class |(?:\w+, )*){name}\b", text, re.MULTILINE)
            start = found_at.start() if found_at else len(text)
            _, notebook, cell = [marker for marker in markers if marker[0] < start][-1]
            at_top = getattr(package, name, None) is value
            shown = name if at_top else f"{path.stem}.{name}"
            found.append(PublicName(name, shown, module, notebook, cell, value))
    return sorted(found, key=lambda name: name.notebook)
