"""What an earlier build made and is still right: kept under a digest of all it was made from."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path


class Memo:
    """Texts in a folder, one file each; those that a build does not use are dropped by `prune`."""

    def __init__(self, folder: Path, tools: str):
        """`tools` stands for the programs that make the texts: other tools, other texts."""
        self.folder, self.tools, self.used = folder, tools, set()
        folder.mkdir(parents=True, exist_ok=True)

    def get(self, make: Callable[[], str], *made_from: object) -> str:
        """The text that `make` makes from these things, made now or before."""
        content = json.dumps([self.tools, *made_from], sort_keys=True)
        path = self.folder / hashlib.sha256(content.encode()).hexdigest()
        self.used.add(path.name)
        if path.exists():
            return path.read_text(encoding="utf-8")
        text = make()
        fresh = path.with_suffix(f".{os.getpid()}")  # whole or not at all
        fresh.write_text(text, encoding="utf-8")
        os.replace(fresh, path)
        return text

    def prune(self) -> None:
        """Forget what was not asked for."""
        for path in self.folder.iterdir():
            if path.name not in self.used:
                path.unlink(missing_ok=True)
