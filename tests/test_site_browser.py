"""The built site in a real browser: every page, wide and narrow, light and dark, from file://.

Where a `quarto` is on PATH, the site that it makes as well, over http.

Needs the PyPI package `playwright` and a Chromium of the system; skipped where one is missing,
unless RNN_STEPWISE_REQUIRE_BROWSER=1. Pictures of every page in the four settings:

    python tests/test_site_browser.py PICTURE_FOLDER [SITE_FOLDER]
"""

import functools
import os
import shutil
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote

import pytest
from lxml import html

from conftest import copy_repository, repository_files
from site_sample import built_project, public_names

try:
    from playwright.sync_api import sync_playwright
except ImportError:
    sync_playwright = None

WIDTHS = {"wide": 1280, "phone": 360}
SCHEMES = ["light", "dark"]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update"]

# Contrast of every piece of text with what is painted behind it (formulas and pictures aside)
LOW_CONTRAST = """() => {
  const parse = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  };
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const color = parse(getComputedStyle(e).backgroundColor);
      if (color.length < 4 || color[3] > 0.99) return color;
    }
    return [255, 255, 255];
  };
  const found = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const skipped = element.closest("script, style, mjx-container, svg, .anchor");
    if (!walker.currentNode.textContent.trim() || skipped) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.add(`${element.tagName}.${element.className} ${ratio.toFixed(2)}`);
  }
  return [...found];
}"""

# Formulas without a picture, or much smaller than they were drawn
BAD_FORMULAS = """() => [...document.querySelectorAll("main span.math")].filter((formula) => {
  const picture = formula.querySelector("mjx-container > svg");
  if (!picture || formula.querySelector("[data-mjx-error]")) return true;
  const { width, height } = picture.getBoundingClientRect();
  const ex = parseFloat(picture.getAttribute("height")) / parseFloat(picture.getAttribute("width"));
  const asDrawn = picture.getAttribute("width").endsWith("%") || Math.abs(height / width - ex) < 0.05 * ex + 0.01;
  return !width || !height || !asDrawn || height < 4;
}).map((formula) => formula.textContent)"""

RAW_MARKUP = r"""() => {
  const copy = document.querySelector("main").cloneNode(true);
  copy.querySelectorAll("pre, code, script, template").forEach((element) => element.remove());
  return ["$$", ":::", "#|", "{#", "](", "\\\\tag", "\\\\("].filter((raw) => copy.textContent.includes(raw));
}"""

# Text, code and formulas that are wider than their box and cannot be scrolled into sight
CUT = """() => [...document.querySelectorAll("main :is(p, li, td, pre, .math, figure, .cell-output, table)")]
  .filter((box) => box.scrollWidth > box.clientWidth + 2 && box.clientWidth)
  .filter((box) => {
    for (let e = box; e; e = e.parentElement) {
      if (["auto", "scroll"].includes(getComputedStyle(e).overflowX)) return false;
    }
    return true;
  }).map((box) => box.outerHTML.slice(0, 120))"""

BROKEN_ANCHORS = """() => [...document.querySelectorAll("a[href^='#']")]
  .map((link) => decodeURIComponent(link.hash.slice(1)))
  .filter((id) => id && !document.getElementById(id))"""

# What axe-core finds; drawn formulas are for the eyes, the MathML beside them is checked
VIOLATIONS = """async () => {
  const context = { exclude: [["mjx-container > svg"], [".glyphs"]] };
  const { violations } = await axe.run(context, { resultTypes: ["violations"], preload: false });
  return violations.map((found) => `${found.id}: ${found.nodes[0].html.slice(0, 200)}`);
}"""

# For each block of code: can it be scrolled sideways?
SCROLLED = """() => [...document.querySelectorAll("main pre")]
  .map((block) => [block, ...block.children].some((b) => b.scrollWidth > b.clientWidth + 1 && b.clientWidth))"""

UNFOLD = "() => document.querySelectorAll('details').forEach((d) => (d.open = true))"
SHOWN_AT = "(id) => document.getElementById(id).getBoundingClientRect().top"
AT_END = "() => scrollY + innerHeight >= document.documentElement.scrollHeight - 2"


def axe_core() -> str:
    """The program, from its PyPI package."""
    program = files("axe_playwright_python") / "axe.min.js"
    return f"{program.read_text()};0"


def find_chromium() -> str | None:
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


def load(browser, page_file: Path | str, width: str, scheme: str):
    """Open one page, a file or an address; returns it with the requests that leave its site and what
    the console said."""
    address = page_file if isinstance(page_file, str) else page_file.as_uri()
    own = (address.rpartition("/")[0] if address.startswith("http") else "file://", "data:")
    size = {"width": WIDTHS[width], "height": 800}
    page = browser.new_page(viewport=size, color_scheme=scheme)
    outside, complaints = [], []

    def note_request(request):
        if not request.url.startswith(own):
            outside.append(request.url)

    def note_message(message):
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    page.on("request", note_request)
    page.on("requestfailed", lambda request: complaints.append(f"failed: {request.url}"))
    page.on("console", note_message)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address)
    settle(page)
    return page, outside, complaints


def settle(page) -> None:
    """Wait until the page stands where it stays."""
    page.wait_for_load_state("load")
    page.evaluate("() => document.fonts.ready")


@pytest.fixture(scope="session")
def site() -> Path:
    return built_project() / "_docs"


@pytest.fixture(scope="session")
def browser():
    missing = "playwright is not installed" if sync_playwright is None else None
    missing = missing or (None if find_spec("axe_playwright_python") else "no axe-core")
    missing = missing or (None if find_chromium() else "no chromium on PATH")
    if missing and os.environ.get("RNN_STEPWISE_REQUIRE_BROWSER") == "1":
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        yield chromium
        chromium.close()


def assert_renders(browser, page_file: Path | str, width: str, scheme: str):
    """Open a page and look for all that can be wrong with any; returns it, still open."""
    page, outside, complaints = load(browser, page_file, width, scheme)
    where = f"{page_file}, {width}, {scheme}"
    assert not outside, where
    assert not complaints, where
    page.evaluate(UNFOLD)
    assert page.evaluate(BAD_FORMULAS) == [], where
    assert page.evaluate(RAW_MARKUP) == [], where
    needed = page.evaluate("() => document.documentElement.scrollWidth")
    assert needed <= WIDTHS[width], f"{where}: the page is {needed} px wide"
    assert page.evaluate(CUT) == [], where
    images = page.evaluate("() => [...document.images].map((i) => [i.src, i.naturalWidth])")
    assert not [source for source, size in images if not size], where
    assert page.evaluate(LOW_CONTRAST) == [], where
    assert page.evaluate("() => [...document.images].filter((i) => !i.alt.trim()).length") == 0
    assert page.evaluate(BROKEN_ANCHORS) == [], where
    page.evaluate(axe_core())
    assert page.evaluate(VIOLATIONS) == [], where
    return page


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_renders(browser, site, width, scheme):
    for page_file in sorted(site.glob("*.html")):
        assert_renders(browser, page_file, width, scheme).close()


# --- the site of Quarto, where there is one -------------------------------------------------------


@pytest.fixture(scope="session")
def quarto_site(browser, tmp_path_factory):
    """The site that `nbdev_docs` makes of a copy of the project: its folder, and its address."""
    if not shutil.which("quarto"):
        pytest.skip("no quarto on PATH")
    project = copy_repository(tmp_path_factory.mktemp("quarto") / "project")
    before = {name: (project / name).read_bytes() for name in repository_files()}
    own = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": os.pathsep.join([own, os.environ["PATH"]])}
    command = [Path(own) / "nbdev_docs"]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    said = done.stdout + done.stderr
    assert done.returncode == 0 and "WARN" not in said, said[-2000:]
    changed = [name for name, text in before.items() if (project / name).read_bytes() != text]
    assert not changed
    handler = functools.partial(QuietHandler, directory=project / "_docs")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield project / "_docs", f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_of_quarto_renders(browser, quarto_site, width, scheme):
    folder, address = quarto_site
    blocks = cut = 0
    for page_file in sorted(folder.glob("*.html")):
        page = assert_renders(browser, f"{address}/{page_file.name}", width, scheme)
        found = page.evaluate(SCROLLED)
        blocks, cut = blocks + len(found), cut + sum(found)
        page.close()
    assert width == "phone" or cut <= blocks / 50, f"{cut} of {blocks} blocks of code are cut"


def test_the_links_of_quarto_lead_somewhere(quarto_site):
    folder, _ = quarto_site
    pages = {path.name: html.fromstring(path.read_text()) for path in folder.glob("*.html")}
    ids = {name: set(page.xpath("//@id")) for name, page in pages.items()}
    equations = 0
    for name, page in pages.items():
        for target in page.xpath("//a/@href"):
            file, _, fragment = unquote(target).removeprefix("./").partition("#")
            if target.startswith("http") or not (file or fragment):
                continue
            assert not file or (folder / file).is_file(), f"{name}: no file for {target}"
            where = file or name
            if fragment and where in ids:
                assert fragment in ids[where], f"{name}: no anchor for {target}"
            equations += fragment.startswith("eq-")
    assert equations > 100


def test_the_search_of_quarto_finds_names_and_numbers(browser, quarto_site):
    _, address = quarto_site
    for query, expected in (
        ("rnn_cell_backward", "rnn_backward.html#rnn_cell_backward"),
        ("-0.00173313", "errata.html#wrong-1"),
    ):
        page, _, complaints = load(browser, f"{address}/index.html", "wide", "light")
        page.keyboard.press("/")
        page.locator(".aa-Input").last.fill(query)
        first = page.locator(".aa-Item a").first
        first.wait_for()
        file, _, place = first.get_attribute("href").removeprefix("./").partition("?")
        assert f"{file}#{place.rpartition('#')[2]}" == expected
        assert not complaints
        page.close()


def test_quarto_shows_an_equation_of_another_page(browser, quarto_site):
    _, address = quarto_site
    page, _, complaints = load(browser, f"{address}/lstm_backward.html", "wide", "light")
    page.locator("main a.equation[href$='lstm_cell.html#eq-6']").first.hover()
    shown = page.locator(".tippy-content svg").first
    shown.wait_for(state="visible")
    used = shown.evaluate("(s) => [...s.querySelectorAll('use')].map((u) => u.href.baseVal)")
    assert used and all(
        page.evaluate("(ids) => ids.map((id) => !!document.querySelector(id))", used)
    )
    assert not complaints
    page.close()


# --- details of the embedded site -----------------------------------------------------------------

# For each numbered formula: where it ends, and where its number starts
NUMBERED = """() => [...document.querySelectorAll("main svg[data-labels]")].map((number) => {
  const formula = number.parentElement.querySelector(":scope > svg[data-table]");
  const right = (svg) => Math.max(...[...svg.querySelectorAll("use, path")].map((g) => g.getBoundingClientRect().right));
  const left = (svg) => Math.min(...[...svg.querySelectorAll("use, path")].map((g) => g.getBoundingClientRect().left));
  return [right(formula), left(number)];
})"""


@pytest.mark.parametrize("width", WIDTHS)
def test_an_equation_number_never_lies_on_the_formula(browser, site, width):
    seen = 0
    for page_file in sorted(site.glob("*.html")):
        page, _, _ = load(browser, page_file, width, "light")
        page.evaluate(UNFOLD)
        for formula_end, number_start in page.evaluate(NUMBERED):
            assert formula_end <= number_start + 1, page_file.name
            seen += 1
        page.close()
    assert seen > 0


@pytest.mark.parametrize("width", WIDTHS)
def test_links_lead_somewhere(browser, site, width):
    """Follow the chapters by `next`; on each page use every link of the section list."""
    page, _, _ = load(browser, site / "index.html", width, "light")
    chapters = len(list((site / "notebooks").iterdir()))
    for position in range(chapters):
        if width == "phone" and page.locator(".sections").count():
            page.locator(".sections summary").click()
        for link in page.locator(".sections a").all():
            link.evaluate("(a) => a.click()")
            target = link.evaluate("(a) => decodeURIComponent(a.hash.slice(1))")
            top = page.evaluate(SHOWN_AT, target)
            assert -1 <= top < 200 or page.evaluate(AT_END), f"{page.url}: {top}"
        assert page.locator(".pages .previous").count() == (position > 0)
        assert page.locator(".pages .next").count() == (position < chapters - 1)
        if position < chapters - 1:
            expected = page.locator(".chapters ol a").nth(position + 1).get_attribute("href")
            with page.expect_navigation():
                page.locator(".pages .next").click()
            settle(page)
            assert page.url.split("#")[0].endswith("/" + expected)
    page.close()


def test_lists_fold_on_phones_only(browser, site):
    for width, is_open in (("wide", True), ("phone", False)):
        page, _, _ = load(browser, site / "index.html", width, "light")
        assert page.locator(".chapters details").evaluate("(d) => d.open") is is_open
        page.close()


# For each query: where the results lead, in their order
RESULTS = """(queries) => queries.map((query) => {
  const input = document.querySelector(".search input");
  input.value = query;
  input.dispatchEvent(new Event("input"));
  return [...document.querySelectorAll(".search ol a")].map((a) => a.getAttribute("href"));
})"""
HEADINGS = """() => [...document.querySelectorAll("main section[id] > :is(h2, h3, h4)")].map((heading) => {
  const copy = heading.cloneNode(true);
  copy.querySelectorAll(".anchor").forEach((anchor) => anchor.remove());
  const plain = !copy.querySelector(".math");
  return [plain && copy.textContent.trim(), heading.parentElement.id];
}).filter(([title]) => title)"""


def open_search(page) -> None:
    """Open the search as a reader does, and wait until its index is there."""
    page.keyboard.press("/")
    page.wait_for_function("() => document.querySelector('.search').dataset.ready")


@pytest.fixture(scope="session")
def sections(browser, site) -> list[tuple[str, str]]:
    """Every section: its title and its address."""
    found = []
    for page_file in sorted(site.glob("*.html")):
        page, _, _ = load(browser, page_file, "wide", "light")
        found += [(title, f"{page_file.name}#{id}") for title, id in page.evaluate(HEADINGS)]
        page.close()
    return found


@pytest.mark.parametrize("start", ["index.html", "notation.html", "everything.html"])
def test_search_finds_every_section_and_every_name(browser, site, sections, start):
    page, outside, complaints = load(browser, site / start, "phone", "light")
    open_search(page)
    titles = [title for title, _ in sections]
    for (title, address), results in zip(sections, page.evaluate(RESULTS, titles)):
        assert address in results, f"{title}: {results[:5]}"
    for name in public_names():
        assert page.evaluate(RESULTS, [name]) != [[]], name
        first = page.locator(".search .where").first
        assert first.inner_text().endswith(f"› {name}")
    assert not outside and not complaints
    page.close()


@pytest.mark.parametrize(
    ("query", "expected"),
    {
        "-0.00173313": "errata.html#wrong-1",
        "-0.00918273": "everything.html#erratum-one",
        "\N{MINUS SIGN}0.00918273": "everything.html#erratum-one",
        "[-0.00918273,": "everything.html#erratum-one",
        "0.0917263": "everything.html#erratum-one",
        "-0.28172639": "everything.html#deeper-still",
        "notation.sigmoid": "notation.html#sigmoid",
        "rs.sigmoid": "notation.html#sigmoid",
        "SIGMOID": "notation.html#sigmoid",
        "checking.whole": "checking.html#whole",
        "got (3, 0, 0)": "refusals.html#the-rnn-forward-pass",
        "ell_forw": "rnn_cell.html#rnn_cell_forward",
        "the LSTM backward pass": "lstm_backward.html#content",
    }.items(),
)
def test_search_finds_what_is_pasted(browser, site, query, expected):
    page, _, _ = load(browser, site / "rnn_cell.html", "wide", "light")
    open_search(page)
    assert page.evaluate(RESULTS, [query])[0][0] == expected
    marked = page.locator(".search li").first.locator("mark").all_inner_texts()
    assert marked
    for piece in marked:
        plain = piece.lower().replace("\N{MINUS SIGN}", "-")
        assert plain in query.lower().replace("\N{MINUS SIGN}", "-")
    page.close()


def test_a_result_leads_to_its_passage(browser, site):
    """Enter follows the first result, also to another page, and unfolds what hides it."""
    page, _, _ = load(browser, site / "index.html", "wide", "light")
    open_search(page)
    page.keyboard.type("-0.00918273")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    settle(page)
    assert page.url.endswith("everything.html#erratum-one")
    assert 0 <= page.evaluate(SHOWN_AT, "erratum-one") < 800

    open_search(page)
    page.keyboard.type("sigmoid")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("() => document.activeElement.closest('li').matches(':nth-child(2)')")
    page.keyboard.press("Escape")
    assert not page.locator(".search").is_visible()
    assert "no passages" in searched(page, "said nowhere: zyxw").lower()
    page.close()


def searched(page, query: str) -> str:
    """What the search says of a query."""
    open_search(page)
    page.evaluate(RESULTS, [query])
    return page.locator(".search [role=status]").inner_text()


# --- theme, copying, previews, keyboard, scripts off, paper ---------------------------------------


def background(page) -> str:
    return page.evaluate("() => getComputedStyle(document.body).backgroundColor")


@pytest.mark.parametrize("system", SCHEMES)
def test_the_theme_switch_is_remembered(browser, site, system):
    context = browser.new_context(color_scheme=system)
    page = context.new_page()
    page.goto((site / "index.html").as_uri())
    before = background(page)
    page.locator(".theme").click()
    after = background(page)
    assert before != after
    for name in ("notation.html", "index.html"):
        page.goto((site / name).as_uri())
        assert background(page) == after, name
    page.locator(".theme").click()
    page.reload()
    assert background(page) == before
    context.close()


def test_copy_copies_what_is_shown(browser, site):
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    for page_file in sorted(site.glob("*.html")):
        page.goto(page_file.as_uri())
        page.evaluate(UNFOLD)
        blocks = page.locator("main div.sourceCode").all()
        assert blocks or page_file.stem in ("symbols", "functions")
        for block in blocks:
            block.locator(".copy").click()
            block.locator(".copy", has_text="Copied").wait_for()
            shown = block.locator("code").inner_text().rstrip("\n")
            assert (
                shown
                and page.evaluate("() => navigator.clipboard.readText()").rstrip("\n") == shown
            )
    page.goto((site / "index.html").as_uri())
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(); }")
    page.locator(".copy").first.click()  # where a page may not write to the clipboard itself
    page.locator(".copy", has_text="Copied").first.wait_for()
    first = page.locator("main div.sourceCode code").first.inner_text().rstrip("\n")
    assert page.evaluate("() => navigator.clipboard.readText()").rstrip("\n") == first
    context.close()


@pytest.mark.parametrize(
    ("name", "href"),
    [
        ("everything.html", "#eq-7"),
        ("everything.html", "#fig-cell-plot"),
        ("everything.html", "#tbl-shapes"),
        ("rnn_backward.html", "#fig-two-gradients"),
        ("lstm_backward.html", "lstm_cell.html#eq-6"),
        ("functions.html", "notation.html#eq-n1"),
    ],
)
def test_a_reference_shows_what_it_refers_to(browser, site, name, href):
    page, _, complaints = load(browser, site / name, "wide", "light")
    link = page.locator(f"main a[href='{href}'].quarto-xref").first
    preview = page.locator(".preview")
    assert not preview.is_visible()
    for begin, finish in (
        (link.hover, lambda: page.mouse.move(1, 1)),
        (link.focus, lambda: page.keyboard.press("Escape")),
        (
            lambda: link.evaluate("(a) => { a.blur(); a.focus(); }"),
            lambda: link.evaluate("(a) => a.blur()"),
        ),
    ):
        begin()
        preview.wait_for(state="visible")
        box = preview.bounding_box()
        assert box["width"] > 40 and box["height"] > 15 and box["x"] >= 0
        assert preview.locator("svg, img, table").count()
        assert page.locator(".preview [id]").count() == 0
        finish()
        preview.wait_for(state="hidden")
    assert not complaints
    page.close()


def test_a_tap_shows_and_a_second_tap_follows(browser, site):
    context = browser.new_context(viewport={"width": 360, "height": 800}, has_touch=True)
    page = context.new_page()
    page.goto((site / "everything.html").as_uri())
    link = page.locator("main a.equation[href='#eq-7']").first
    link.tap()
    page.locator(".preview").wait_for(state="visible")
    assert "#" not in page.url
    box = page.locator(".preview").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 360
    link.tap()
    page.wait_for_url("**#eq-7")
    page.locator(".preview").wait_for(state="hidden")
    context.close()


FOCUSED = """() => {
  const e = document.activeElement, style = getComputedStyle(e), box = e.getBoundingClientRect();
  const all = [...document.querySelectorAll("a[href], button, summary, input, [tabindex='0']")]
    .filter((one) => one.checkVisibility() && !one.closest("details:not([open]) > :not(summary)"));
  const seen = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 && style.opacity !== "0";
  return [all.indexOf(e), all.length, seen || e === document.body, e.outerHTML.slice(0, 100), box.width > 0];
}"""


@pytest.mark.parametrize("width", WIDTHS)
def test_tab_reaches_every_control_in_order(browser, site, width):
    for page_file in sorted(site.glob("*.html")):
        page, _, _ = load(browser, page_file, width, "light")
        expected, total = 0, 1
        while expected < total:
            page.keyboard.press("Tab")
            at, total, is_seen, what, has_box = page.evaluate(FOCUSED)
            assert at == expected, f"{page_file.name}: {what} is number {at}, not {expected}"
            assert is_seen and has_box, f"{page_file.name}: the focus on {what} is not to be seen"
            expected += 1
        assert total > 15, page_file.name
        page.close()


def test_without_scripts_everything_can_be_read(browser, site):
    context = browser.new_context(java_script_enabled=False)
    for page_file in sorted(site.glob("*.html")):
        page = context.new_page()
        page.goto(page_file.as_uri())
        formulas = page.locator("main span.math")
        for kind in (formulas, page.locator("main img"), page.locator("main pre")):
            for element in kind.all()[:4]:
                assert element.bounding_box() or element.locator("xpath=ancestor::details").count()
        assert page.locator(".tools, .copy, .preview").filter(visible=True).count() == 0
        page.close()
    context.close()


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_jumps(browser, site, width):
    """What the page shifts after it was first painted; 0.1 is what is commonly called good."""
    for name in ("notation.html", "lstm_backward.html"):
        page = browser.new_page(viewport={"width": WIDTHS[width], "height": 800})
        page.add_init_script("""window.shifts = [];
          new PerformanceObserver((list) => window.shifts.push(...list.getEntries().map((e) => e.value)))
            .observe({ type: "layout-shift", buffered: true });""")
        page.goto((site / name).as_uri())
        settle(page)
        page.evaluate(
            "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )
        assert sum(page.evaluate("() => window.shifts")) < 0.02, name
        page.close()
    heights = set()  # what scripts show has its room before they run, however late that is
    for scripts in (True, False):
        context = browser.new_context(
            java_script_enabled=scripts, viewport={"width": WIDTHS[width], "height": 800}
        )
        page = context.new_page()
        page.goto((site / "notation.html").as_uri())
        heights.add(page.locator(".site").bounding_box()["height"])
        context.close()
    assert len(heights) == 1, heights


def test_on_paper(browser, site):
    page, _, _ = load(browser, site / "everything.html", "wide", "dark")
    page.emulate_media(media="print")
    page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    hidden = page.locator(".site, .chapters, .sections, .copy, .anchor, .pages, .preview")
    assert hidden.filter(visible=True).count() == 0
    assert page.locator("main details:not([open])").count() == 0
    assert background(page) == "rgb(255, 255, 255)"
    assert page.evaluate(
        "() => [...document.querySelectorAll('main pre')].every((p) => p.scrollWidth <= p.clientWidth + 1)"
    )
    page.evaluate("() => dispatchEvent(new Event('afterprint'))")
    assert page.locator("main details:not([open])").count() > 0
    assert page.pdf().startswith(b"%PDF")
    page.close()


def test_the_section_one_is_in_is_marked(browser, site):
    page, _, _ = load(browser, site / "notation.html", "wide", "light")
    for link in page.locator(".sections a").all()[::4]:
        section = link.evaluate("(a) => decodeURIComponent(a.hash.slice(1))")
        page.evaluate("(id) => document.getElementById(id).scrollIntoView()", section)
        if page.evaluate(AT_END):
            break
        page.wait_for_function(
            "(id) => document.querySelector('.sections [aria-current]')?.hash === '#' + id",
            arg=section,
        )
        assert 0 <= link.bounding_box()["y"] < 800, f"the mark on {section} is out of sight"
    page.close()


def test_pages_are_small(site):
    for page_file in site.glob("*.html"):
        own = [page_file]
        for folder in site.glob(f"*{page_file.stem}_files"):
            own += folder.rglob("*.*")
        sizes = [path.stat().st_size for path in own]
        assert sum(sizes) < 1_000_000, page_file.name


def take_pictures(folder: Path, site: Path) -> None:
    """Write NAME-WIDTH-SCHEME.png for every page."""
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        for page_file in sorted(site.glob("*.html")):
            for width in WIDTHS:
                for scheme in SCHEMES:
                    page, _, _ = load(chromium, page_file, width, scheme)
                    picture = folder / f"{page_file.stem}-{width}-{scheme}.png"
                    page.screenshot(path=picture, full_page=True)
                    page.close()
        chromium.close()


if __name__ == "__main__":
    default_site = Path(__file__).resolve().parent.parent / "_docs"
    take_pictures(
        Path(sys.argv[1]), Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else default_site
    )
