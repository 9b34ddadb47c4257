"""How big the pages of the built site are and how soon they show: `python -m tools.pages`.

Medians over several loads from disk, in the Chromium of this machine. Nothing here passes or fails.
"""

import shutil
from pathlib import Path
from statistics import median

from playwright.sync_api import sync_playwright

SITE = Path(__file__).resolve().parent.parent / "_docs"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
IMAGES = """() => [...document.images].map(
  (image) => decodeURIComponent(new URL(image.src).pathname))"""
PAINTED = """() => new Promise((done) => {
  const paint = () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime;
  const wait = () => (paint() === undefined ? requestAnimationFrame(wait)
    : done([paint(), performance.getEntriesByType("navigation")[0].loadEventEnd]));
  wait();
})"""


def size(path):
    return Path(path).stat().st_size


def own_weight(page_file, page):
    "Bytes of a page and its pictures, without what all pages share."
    files = {str(page_file), *page.evaluate(IMAGES)}
    return sum(map(size, files))


def measure(browser, page_file, runs):
    "Bytes, and milliseconds until text shows and until all is loaded."
    rows = []
    for _ in range(runs):
        page = browser.new_page()
        page.goto(page_file.as_uri())
        rows.append(page.evaluate(PAINTED))
        weight = own_weight(page_file, page)
        page.close()
    text, loaded = map(median, zip(*rows))
    return weight, text, loaded


def print_shared():
    shared = sum(map(size, (SITE / "assets").iterdir()))
    search = size(SITE / "assets/search-index.js")
    print(f"shared by all pages: {shared / 1e3:.0f} kB,")
    print(f"of which the search takes {search / 1e3:.0f} kB when it is first used")


def main(runs=5):
    print_shared()
    installed = filter(None, map(shutil.which, BROWSERS))
    with sync_playwright() as playwright:
        chromium = playwright.chromium
        browser = chromium.launch(executable_path=next(installed), args=["--no-sandbox"])
        for page_file in sorted(SITE.glob("*.html")):
            weight, text, loaded = measure(browser, page_file, runs)
            times = f"text after {text:4.0f} ms   loaded after {loaded:4.0f} ms"
            print(f"{page_file.name:20} {weight / 1e3:5.0f} kB   {times}")
        browser.close()


if __name__ == "__main__":
    main()
