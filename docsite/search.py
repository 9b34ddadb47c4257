"""The index that the search of the site reads: every passage, with the nearest place to land on.

`assets/search-index.js` sets one global variable, so that it can be loaded from `file://` too; it
is fetched when the search is first opened. How a passage is found and ranked: `search.js`.
"""

import json
import re
from collections.abc import Iterator

from lxml import html

from docsite.process import Page
from website.names import PublicName

COUNTED = re.compile(r"^cb\d|-caption-")  # anchors that change with the text, in Quarto's pages
TITLE, HEADING, NAME, PROSE, CODE = range(5)  # the kinds of passages, best first
PASSAGES = {"p", "li", "dt", "dd", "tr", "figcaption", "summary", "pre", "blockquote"}
HEADINGS = {"h2", "h3", "h4", "h5", "h6"}
SILENT = {"h1", "script", "style", "svg", "nav", "template"}  # the title has its own entry


def words(element: html.HtmlElement) -> str:
    """The text of an element: the cells of a row apart, what is not to be read left out."""

    def pieces(node: html.HtmlElement) -> Iterator[str]:
        if isinstance(node.tag, str) and node.tag not in SILENT:
            yield node.text or ""
            for child in node:
                yield from pieces(child)
                yield child.tail or ""
            if node.tag in ("td", "th", "p", "li"):
                yield "  "

    text = "".join(pieces(element))
    return text.rstrip() if element.tag == "pre" else re.sub(r"\s+", " ", text).strip()


def place_of(element: html.HtmlElement) -> str:
    """The nearest anchor: in the passage itself, else around it, outwards."""
    inside = element.xpath("descendant-or-self::*/@id")
    around = element.xpath("ancestor::*/@id")[::-1]
    return next((place for place in [*inside, *around] if not COUNTED.search(place)), "")


def is_passage(element: html.HtmlElement) -> bool:
    """A paragraph, a row, a block of code; and whatever else has text of its own."""
    own = [element.text, *(child.tail for child in element)]
    return element.tag in PASSAGES or any(text and text.strip() for text in own)


def passages(text: str) -> Iterator[tuple[int, str, str, str]]:
    """Of one page, in reading order: kind, place, section, text."""
    (main,), section = html.fromstring(text).xpath("//main"), ""
    taken: set[html.HtmlElement] = set()  # inside a passage: it belongs to the outer one
    for element in main.iter():
        if element in taken or not isinstance(element.tag, str):
            continue
        if element.tag not in SILENT | HEADINGS and not is_passage(element):
            continue
        taken.update(element.iter())
        passage = words(element)
        if element.tag in HEADINGS:
            section = passage
            if "doc-name" not in element.get("class", ""):
                yield HEADING, place_of(element), section, section
        elif passage:
            yield CODE if element.tag == "pre" else PROSE, place_of(element), section, passage


def passages_of(
    page: Page, text: str, names: list[PublicName]
) -> Iterator[tuple[int, str, str, str]]:
    """The same with the title of the page, and with the names that it explains."""
    yield TITLE, "content", page.title, page.title
    for name in (name for name in names if name.notebook == page.notebook):
        said = " ".join(name.paragraphs[:1]).split()
        full = " ".join([f"{name.module}.{name.name}{name.signature} ", *said])
        yield NAME, name.anchor, name.shown, full
    yield from passages(text)


def search_index(pages: list[Page], rendered: dict[str, str], names: list[PublicName]) -> str:
    """The script with the index. `rendered` holds the HTML of each page."""
    entries = [
        [number, *found]
        for number, page in enumerate(pages)
        for found in passages_of(page, rendered[page.output], names)
    ]
    index = {"pages": [[page.output, page.title] for page in pages], "passages": entries}
    return f"window.searchIndex = {json.dumps(index, ensure_ascii=False, separators=(',', ':'))};\n"
