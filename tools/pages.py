"""How big the pages of the built site are and how soon they show: `python -m tools.pages`.

Medians over several loads from disk, in the Chromium of this machine. Nothing here passes or fails.
"""
import shutil
from pathlib import Path
from statistics import median

from playwright.sync_api import sync_playwright

SITE = Path(__file__).resolve().parent.parent / "_docs"
PAINTED = """() => new Promise((done) => {
  const paint = () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime;
  const wait = () => (paint() === undefined ? requestAnimationFrame(wait)
    : done([paint(), performance.getEntriesByType("navigation")[0].loadEventEnd]));
  wait();
})"""


def own_weight(page_file, page):
    "Bytes of a page and its pictures, without what all pages share."
    images = page.evaluate("() => [...document.images].map((image) => decodeURIComponent(new URL(image.src).pathname))")
    return sum(Path(path).stat().st_size for path in {str(page_file), *images})


def main(runs=5):
    shared = sum(path.stat().st_size for path in (SITE / "assets").iterdir())
    print(f"shared by all pages: {shared / 1e3:.0f} kB, of which the search takes "
          f"{(SITE / 'assets/search-index.js').stat().st_size / 1e3:.0f} kB when it is first used")
    with sync_playwright() as playwright:
        path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for page_file in sorted(SITE.glob("*.html")):
            measured = []
            for _ in range(runs):
                page = browser.new_page()
                page.goto(page_file.as_uri())
                measured.append(page.evaluate(PAINTED))
                weight = own_weight(page_file, page)
                page.close()
            text, loaded = (median(column) for column in zip(*measured))
            print(f"{page_file.name:20} {weight / 1e3:5.0f} kB   text after {text:4.0f} ms   loaded after {loaded:4.0f} ms")
        browser.close()


if __name__ == "__main__":
    main()
