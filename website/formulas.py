"""Equations are drawn when the site is built: MathJax, from its PyPI package, runs in V8.

Each formula becomes a picture in the page (SVG, drawn in the colour of the text) with MathML beside
it for screen readers. So there is nothing to wait for, nothing jumps, and no script is needed.
"""

import html
import json
import re
from importlib.metadata import files
from pathlib import Path

from py_mini_racer import MiniRacer

PARTS = ["startup", "core", "adaptors/liteDOM", "input/tex-full", "output/svg"]
PARTS += ["output/svg/fonts/tex", "a11y/assistive-mml"]
CONFIGURATION = """globalThis.MathJax = {
  startup: { typeset: false, ready() {} },
  tex: { packages: { "[-]": ["noerrors", "noundefined"] } }, // a wrong formula is an error
  svg: { fontCache: "global" }, // each glyph once in a page
}; 0"""
FUNCTIONS = r"""
MathJax.startup.getComponents();
MathJax.startup.makeMethods();
const { adaptor, document: { outputJax } } = MathJax.startup;
const toText = (node) => adaptor.outerHTML(node);
globalThis.draw = (formulas) => {  // [[TeX, is it displayed], ...] -> the formulas and their glyphs
  outputJax.fontCache.clearCache();
  MathJax.texReset();
  const drawn = formulas.map(([tex, display]) => toText(MathJax.tex2svg(tex, { display })));
  return JSON.stringify([drawn, toText(outputJax.fontCache.getCache())]);
};
globalThis.style = () => adaptor.textContent(MathJax.svgStylesheet());
0"""
FORMULA = re.compile(r'(<span class="math (inline|display)">)\\[(\[](.*?)\\[)\]]</span>', re.DOTALL)


class FormulaError(ValueError):
    """A formula that TeX would not take."""


class Typesetter:
    """Draws formulas."""

    def __init__(self):
        folder = {f"{f}".split("static/mathjax/")[-1]: f for f in files("sphinx-mathjax-offline")}
        self.engine = MiniRacer()
        self.engine.eval(CONFIGURATION)
        for part in PARTS:
            source = folder.get(f"{part}.js")
            if source:  # a font may be part of its output
                self.engine.eval(source.read_text() + ";0")
        self.engine.eval(FUNCTIONS)

    def style(self) -> str:
        """The style sheet that goes with the formulas."""
        own = Path(__file__).with_name("formulas.css").read_text(encoding="utf-8")
        return self.engine.call("style") + own

    def draw(self, text: str, notebook: str) -> str:
        """A page with every `\\(TeX\\)` and `\\[TeX\\]` of pandoc drawn."""
        found = list(FORMULA.finditer(text))
        if not found:
            return text
        formulas = [[html.unescape(match[3]), match[2] == "display"] for match in found]
        drawn, glyphs = json.loads(self.engine.call("draw", formulas))
        for (tex, _), picture in zip(formulas, drawn):
            if mistake := re.search(r'data-mjx-error="([^"]*)"', picture):
                raise FormulaError(f"{notebook}: {html.unescape(mistake[1])} in the formula  {tex}")
        # MathJax names an equation after its number; the site has names of its own for them
        pictures = iter(re.sub(r' id="mjx-eqn:[^"]*"', "", picture) for picture in drawn)
        text = FORMULA.sub(lambda match: f"{match[1]}{next(pictures)}</span>", text)
        return text.replace(
            "</main>", f'<svg class="glyphs" aria-hidden="true">{glyphs}</svg>\n</main>'
        )
