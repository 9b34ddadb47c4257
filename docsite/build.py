"""Render the pages with pandoc and put the site together in `_docs/`."""

import hashlib
import json
import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import pypandoc
from nbdev.config import get_config

import website
from docsite.markdown import Converter
from docsite.memo import Memo
from docsite.process import DocsError, Page, process, read_facts, read_pages, root
from docsite.search import search_index
from website.equations import previews, read_equations
from website.formulas import Typesetter
from website.names import read_names

HERE, SHARED = Path(__file__).parent, Path(website.__file__).parent
READER = "markdown"  # Quarto reads pandoc's own markdown, with its default extensions
# pandoc numbers every line of code; these numbers change with the text, so nothing may link there
LINE_ANCHORS = re.compile(
    r' id="cb[-\d]+"|<a href="#cb[-\d]+" aria-hidden="true" tabindex="-1"></a>'
)
MEMO = ".docsite"  # beside settings.ini: pages of earlier builds
STAMP = ".built-from"  # in the site: what it was built from, and the files it consists of
TOOLS = ("nbdev", "pypandoc_binary", "sphinx-mathjax-offline", "lxml", "mini-racer")


def run_pandoc(page: Page, markdown: str, metadata: dict, *options: str) -> str:
    """Convert one page's markdown; a complaint of pandoc or of a filter names the notebook."""
    front = json.dumps(metadata)  # JSON is YAML, and pandoc reads metadata in front as YAML
    command = [pypandoc.get_pandoc_path(), f"--from={READER}", "--wrap=none"]
    filters = [SHARED / "page.lua", HERE / "quarto.lua"]
    command += [*(f"--lua-filter={path}" for path in filters), *options]
    text = f"---\n{front}\n---\n\n{markdown}"
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    if done.returncode or done.stderr:
        complaint = done.stderr.strip().split("\nstack traceback")[0]
        raise DocsError(f"{page.notebook}{blamed_cell(page, complaint)}: {complaint}")
    return done.stdout


def blamed_cell(page: Page, complaint: str) -> str:
    """Which cell holds the label that quarto.lua complains about."""
    label = complaint.split()[-1].lstrip("@") if complaint else ""
    known = [cell for cell in page.cells if "id" in cell and len(label) > 3]
    holders = [cell["id"] for cell in known if label in cell["source"]]
    return f", cell {holders[0]}" if holders else ""


class Site:
    """The pages and what they know of each other."""

    def __init__(self, pages: list[Page], facts: dict, memo: Memo):
        self.pages, self.facts, self.memo = pages, facts, memo
        self.names = read_names()
        self.equations = read_equations(get_config().nbs_path)
        self.texts: dict[str, str] = {}  # page -> HTML, formulas still as TeX
        self.figures: dict[str, bytes] = {}  # path in the site -> content
        with ThreadPoolExecutor() as pool:
            list(pool.map(self.render, pages))

    def metadata(self, page: Page) -> dict:
        """What page.html and the filters want to know of a page."""
        site = self.facts["website"]
        chapters = [
            {
                "number": other.number,
                "title": other.title,
                "href": other.output,
                "current": other is page,
                "part": other.part if other.part != before.part else "",
            }
            for before, other in zip([self.pages[0], *self.pages], self.pages)
        ]
        metadata = {
            **page.facts,
            "lang": self.facts.get("lang", "en"),
            "pagetitle": " – ".join(dict.fromkeys([page.title, site["title"]])),
            "description": page.description,
            "site-title": site["title"],
            "site-url": site.get("site-url", ""),
            "link-map": {other.notebook: other.output for other in self.pages},
            "notebook": page.notebook,
            "chapters": chapters,
        }
        if site.get("page-navigation"):
            order = [*chapters, None]  # None before the first, too
            at = self.pages.index(page)
            metadata["neighbours"] = {"previous": order[at - 1], "next": order[at + 1]}
        return metadata

    def render(self, page: Page) -> None:
        """One page and its figures."""
        converter = Converter(page, f"{page.stem}_files/figure-html")
        options = ["--to=html5", "--section-divs", "--mathjax", f"--template={HERE / 'page.html'}"]
        html = self.facts["format"]["html"]
        if html.get("toc"):
            options += ["--toc", f"--toc-depth={html.get('toc-depth', 3)}"]
        asked = [page.notebook, converter.convert(), self.metadata(page), options]
        text = self.memo.get(lambda: run_pandoc(page, *asked[1:3], *options), "page", *asked)
        shown = previews(text, self.equations, {one.notebook: one.output for one in self.pages})
        self.texts[page.output] = LINE_ANCHORS.sub("", text).replace("</main>", f"{shown}</main>")
        self.figures |= converter.figures

    def contents(self) -> dict[str, bytes]:
        """Every file that is made: path in the site -> content."""
        typesetter = Typesetter()

        def draw(page: Page) -> str:
            text = self.texts[page.output]
            return self.memo.get(lambda: typesetter.draw(text, page.notebook), "drawn", text)

        drawn = {page.output: draw(page) for page in self.pages}
        contents = {name: text.encode() for name, text in drawn.items()} | self.figures
        for path in (
            HERE / "style.css",
            HERE / "site.js",
            HERE / "search.js",
            SHARED / "page.js",
        ):
            contents[f"assets/{path.name}"] = path.read_bytes()
        contents["assets/formulas.css"] = typesetter.style().encode()
        contents["assets/search-index.js"] = search_index(self.pages, drawn, self.names).encode()
        for page in self.pages:
            notebook = get_config().nbs_path / page.notebook
            contents[f"notebooks/{page.notebook}"] = notebook.read_bytes()
        return contents


def source_files() -> list[Path]:
    """Everything the site is made of."""
    config = get_config()
    sources = {config.config_file}
    for folder in (config.nbs_path, config.lib_path, HERE, SHARED):
        sources |= {path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    return sorted(sources - {config.nbs_path / "nbdev.yml", config.nbs_path / "sidebar.yml"})


def fingerprint(files: list[Path]) -> str:
    """A digest of these files and of the programs that work on them."""
    digest = hashlib.sha256(" ".join(version(tool) for tool in TOOLS).encode())
    for path in files:
        digest.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def is_current(site: Path, digest: str) -> bool:
    """Was this site built from the same sources, and is every file still there?"""
    stamp = site / STAMP
    if not stamp.exists():
        return False
    built_from, *paths = stamp.read_text().splitlines()
    return built_from == digest and all((site / path).exists() for path in paths)


def build() -> tuple[Path, bool]:
    """Bring the site up to date. Returns its folder, and whether there was anything to do."""
    digest = fingerprint(source_files())
    site = get_config().doc_path
    if is_current(site, digest):
        return site, False
    processed = process()
    facts = read_facts(processed)
    code = [path for folder in (HERE, SHARED) for path in folder.iterdir() if path.is_file()]
    own = fingerprint(sorted(code))
    memo = Memo(root() / MEMO, own)
    contents = Site(read_pages(processed, facts), facts, memo).contents()
    memo.prune()
    for path in processed.rglob("*"):  # pictures and the like that the notebooks refer to
        if path.is_file() and path.suffix not in {".ipynb", ".yml", ".css", ".bak"}:
            contents[path.relative_to(processed).as_posix()] = path.read_bytes()

    fresh, old = processed / "_docs", processed / "_docs.old"  # nbdev_docs renders there too
    for path, content in contents.items():
        (fresh / path).parent.mkdir(parents=True, exist_ok=True)
        (fresh / path).write_bytes(content)
    (fresh / STAMP).write_text("\n".join([digest, *sorted(contents)]) + "\n")
    if site.exists():
        os.replace(site, old)
    os.replace(fresh, site)
    shutil.rmtree(old, ignore_errors=True)
    return site, True
