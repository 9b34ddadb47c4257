"""Let nbdev process the notebooks, and read what it made of them."""

import json
import re
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

import yaml
from nbdev.config import get_config
from nbdev.quarto import nbdev_sidebar, refresh_quarto_yml
from nbdev.serve import proc_nbs


class DocsError(Exception):
    """A mistake in the project that its author can mend; shown without a traceback."""


@dataclass
class Page:
    """One processed notebook."""

    notebook: str  # file name: 01_cell.ipynb
    cells: list[dict]  # without the front matter
    facts: dict  # the front matter: title, description, output-file, and those of website/cells.py

    @property
    def title(self) -> str:
        return self.facts["title"]

    @property
    def description(self) -> str:
        return self.facts.get("description", "")

    @property
    def output(self) -> str:
        """The file name of the page: cell.html."""
        return self.facts["output-file"]

    @property
    def number(self) -> str:
        """Of the chapter: 6 for 06_rnn_backward.ipynb; nothing for pages before and after them."""
        return self.facts.get("chapter", "")

    @property
    def part(self) -> str:
        """Of the book, as the list of chapters names it; the chapters themselves need no name."""
        return self.facts.get("part", "")

    @property
    def stem(self) -> str:
        return self.notebook.removesuffix(".ipynb")


def root() -> Path:
    """The folder that holds settings.ini."""
    return Path(get_config().config_path)


def process() -> Path:
    """Run nbdev's processing on every notebook; return the folder with the results.

    The same steps as in `nbdev_docs`, but never from nbdev's cache: that one keeps pages whose
    notebook is gone, and does not notice when code that a page documents has changed.
    """
    config = get_config()
    if config.lib_name not in entry_points(group="nbdev").names:
        raise DocsError(f"{config.lib_name} is not installed here: run  pip install -e '.[dev]'")
    refresh_quarto_yml()
    nbdev_sidebar.__wrapped__()
    try:
        return Path(proc_nbs(force=True))
    except Exception as error:  # an error in a cell; nbdev's message names notebook and cell
        cause = str(error.__cause__ or "").partition("\n\nThe above exception")[0].strip()
        raise DocsError(f"{error}\n{cause.splitlines()[-1] if cause else ''}") from error


def merged(base: dict, extra: dict) -> dict:
    """Two configurations in one, mapping by mapping (tests/test_quarto.py: no fact is in both)."""
    both = {
        key: merged(base[key], extra[key])
        for key in base.keys() & extra.keys()
        if isinstance(base[key], dict) and isinstance(extra[key], dict)
    }
    return {**base, **extra, **both}


def read_facts(processed: Path) -> dict:
    """The whole configuration Quarto would see: `_quarto.yml` and the files it names.

    One of them may be missing: nbdev takes the side bar away while Quarto writes README.md."""
    facts = yaml.safe_load((processed / "_quarto.yml").read_text())
    for path in map(processed.joinpath, facts.get("metadata-files", [])):
        facts = merged(facts, yaml.safe_load(path.read_text()) if path.exists() else {})
    return facts


def read_page(path: Path) -> Page:
    """Read one processed notebook."""
    if not path.exists():
        raise DocsError(f"nbdev left no {path.name} in {path.parent} (is a parent folder hidden?)")
    cells = json.loads(path.read_text())["cells"]
    for cell in cells:
        cell["source"] = "".join(cell["source"] or "")
    front_matter = re.match(r"---\n(.*?)\n---", cells[0]["source"], re.DOTALL)
    facts = yaml.safe_load(front_matter[1]) if front_matter else {}
    if "title" not in facts:
        raise DocsError(f"{path.name}: the first cell must hold `# Title` (and `> description`)")
    return Page(path.name, cells[1:], facts)


def read_pages(processed: Path, facts: dict) -> list[Page]:
    """All pages, in the order of the side bar."""
    listed = facts["website"]["sidebar"].get("contents")
    names = listed or sorted(path.name for path in processed.glob("*.ipynb"))
    return [read_page(processed / name) for name in names]
