"""README.md from the index notebook, as `nbdev_readme` makes it with Quarto (`-t gfm`).

One difference is on purpose: links to pages of the site lead to the notebooks in the repository,
because the site has no address. Where Quarto is installed, nbdev writes README.md with it, and
website/finish.py puts this one in its place. `--check` accepts exactly what this command writes and
nothing else.

As in Quarto's README files the description of the title cell is left out: say it in the text.
"""

import difflib
from pathlib import Path

from docsite.build import run_pandoc
from docsite.markdown import Converter
from docsite.process import process, read_facts, read_pages, root

FIGURES = "index_files/figure-commonmark"


def make_readme(processed: Path) -> dict[str, bytes]:
    """README.md and its figures from the processed notebooks: path in the repository -> content."""
    facts = read_facts(processed)
    pages = read_pages(processed, facts)
    index = next(page for page in pages if page.output == "index.html")
    metadata = {
        "site-url": facts["website"].get("site-url", ""),
        "link-map": {
            name: f"nbs/{page.notebook}" for page in pages for name in (page.output, page.notebook)
        },
        "image-prefix": "nbs/",
    }
    converter = Converter(index, FIGURES)
    # Quarto, too, writes formulas with dollar signs rather than in GitHub's own notation
    to_gfm = "--to=gfm-tex_math_gfm+tex_math_dollars"
    text = run_pandoc(index, converter.convert(), metadata, to_gfm)
    return {"README.md": f"# {index.title}\n\n\n{text}".encode(), **converter.figures}


def leftover_figures(wanted: dict[str, bytes]) -> list[Path]:
    """Figures of an earlier README that nothing shows any more."""
    return [path for path in (root() / FIGURES).glob("*") if f"{FIGURES}/{path.name}" not in wanted]


def write_readme() -> None:
    """Write README.md and its figures."""
    wanted = make_readme(process())
    for path in leftover_figures(wanted):
        path.unlink()
    for name, content in wanted.items():
        (root() / name).parent.mkdir(parents=True, exist_ok=True)
        (root() / name).write_bytes(content)


def check_readme() -> list[str]:
    """What differs from the committed files; nothing if they are up to date."""
    wanted, differences = make_readme(process()), []
    for name, content in wanted.items():
        path = root() / name
        found = path.read_bytes() if path.exists() else b""
        if found != content and name == "README.md":
            old, new = found.decode().splitlines(), content.decode().splitlines()
            names = ("README.md", "README.md from index.ipynb")
            differences += difflib.unified_diff(old, new, *names, lineterm="")
        elif found != content:
            differences.append(f"{name}: not the figure in index.ipynb")
    leftovers = [f"{FIGURES}/{path.name}: not in index.ipynb" for path in leftover_figures(wanted)]
    return differences + leftovers
