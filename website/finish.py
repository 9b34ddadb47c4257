"""What Quarto runs when it has written pages: `python -m website.finish` (see _quarto.yml).

Quarto says in its environment which files it has written. Pages get what Quarto leaves to other
sites or does not have: drawn formulas instead of a script that would fetch MathJax, the notebook to
download, numbers and parts in the list of chapters, what can be scrolled reached with the keyboard.
Its search gets passages instead of the source of formulas. README.md becomes the one that docsite
writes, whose links lead into the repository.
"""

import json
import os
import re
import shutil
from pathlib import Path

from nbdev.config import get_config

from docsite.process import Page, read_facts, read_pages
from docsite.readme import make_readme
from docsite.search import TITLE, passages_of
from website.equations import previews, read_equations
from website.formulas import Typesetter
from website.names import read_names

HERE = Path(__file__).parent
STYLES = "site_libs/formulas.css"
MATHJAX = re.compile(  # with the script that starts it, and one that old browsers would need for it
    r"<script[^>]*(?:polyfill|mathjax)[^>]*></script>\s*"
    r"|<script[^>]*>\s*(?:const|window)[^<]*typesetMath(?:(?!</script>).)*</script>\s*",
    re.DOTALL | re.IGNORECASE,
)
NAVIGATION = {  # several on one page need names
    'class="navbar': "Site",
    'class="quarto-secondary-nav': "Here",
    'id="quarto-sidebar': "Chapters",
    'class="page-navigation': "Pages",
}
SKIP = '<a class="skip" href="#quarto-document-content">Skip to the text</a>'
DOWNLOAD = (
    '<p class="source"><a href="notebooks/{}" download>Download this page as a notebook</a></p>'
)
CHAPTER = '<li class="sidebar-item">(?=(?:(?!</li>).)*?<a href="\\./{}")'
LINK = '(<a href="\\./{}"[^>]*sidebar-link[^>]*>\\s*<span class="menu-text">)'


def finished(text: str, page: Page, pages: list[Page], typesetter: Typesetter) -> str:
    """A page of Quarto with all that it lacks."""
    equations = read_equations(get_config().nbs_path)
    shown = previews(text, equations, {other.notebook: other.output for other in pages})
    text = MATHJAX.sub("", text).replace("</main>", f"{shown}</main>")
    text = typesetter.draw(text, page.notebook)
    for nav, label in NAVIGATION.items():
        text = text.replace(f"<nav {nav}", f'<nav aria-label="{label}" {nav}', 1)
    text = text.replace('sidebar-link active"', 'sidebar-link active" aria-current="page"', 1)
    text = re.sub(r'<header id="quarto-header"[^>]*>', rf"\g<0>{SKIP}", text, count=1)
    head = f'<link rel="icon" href="data:,">\n<link rel="stylesheet" href="{STYLES}">\n'
    text = text.replace("</head>", f"{head}</head>", 1)
    start, header, rest = text.partition('<header id="title-block-header"')
    rest = rest.replace("</header>", DOWNLOAD.format(page.notebook) + "\n</header>", 1)
    text = start + header + rest
    for before, other in zip([pages[0], *pages], pages):
        output = re.escape(other.output)
        if other.number:
            number = rf'\g<1><span class="chapter-number">{other.number}</span> '
            text = re.sub(LINK.format(output), number, text)
        if other.part != before.part:
            heading = rf'<li class="sidebar-item part">{other.part}</li>\n\g<0>'
            text = re.sub(CHAPTER.format(output), heading, text, count=1, flags=re.DOTALL)
    script = f"<script>{(HERE / 'page.js').read_text()}</script>"
    return text.replace("</body>", f"{script}\n</body>")


def search_entries(pages: list[Page], site: Path) -> list[dict]:
    """What Quarto's search looks through: the passages that the embedded search has."""
    entries, names = [], read_names()
    for page in pages:
        path = site / page.output
        if not path.exists():
            continue
        for kind, place, section, passage in passages_of(page, path.read_text(), names):
            address = page.output if kind == TITLE or not place else f"{page.output}#{place}"
            entries.append(
                {
                    "objectID": f"{address}-{len(entries)}",
                    "href": address,
                    "title": page.title,
                    "section": section,
                    "text": passage,
                }
            )
    return entries


def main() -> None:
    """Finish what Quarto has just written."""
    processed, site = Path.cwd(), Path(os.environ["QUARTO_PROJECT_OUTPUT_DIR"])
    written = {Path(name).name for name in os.environ["QUARTO_PROJECT_OUTPUT_FILES"].splitlines()}
    facts = read_facts(processed)
    if "README.md" in written:
        shutil.rmtree(site / "index_files", ignore_errors=True)
        for name, content in make_readme(processed).items():
            (site / name).parent.mkdir(parents=True, exist_ok=True)
            (site / name).write_bytes(content)
    pages, typesetter = read_pages(processed, facts), Typesetter()
    for page in pages:
        if page.output in written:
            path = site / page.output
            path.write_text(finished(path.read_text(), page, pages, typesetter))
            (site / "notebooks").mkdir(exist_ok=True)
            shutil.copy(processed.parent / "nbs" / page.notebook, site / "notebooks")
    if not facts["website"].get("site-url"):
        for name in ("sitemap.xml", "robots.txt"):  # of addresses that are none
            (site / name).unlink(missing_ok=True)
    if any(page.output in written for page in pages):
        (site / STYLES).write_text(typesetter.style())
        (site / "search.json").write_text(json.dumps(search_entries(pages, site)))


if __name__ == "__main__":
    main()
