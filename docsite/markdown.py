"""A processed notebook as one markdown text, as Quarto hands it to pandoc.

Each code cell becomes a fenced div with its code and its outputs; images become files. What only
pandoc can see (captions, numbers, references) is left to quarto.lua.
"""

import html
import re

import yaml

from docsite.process import DocsError, Page

SVG = "image/svg+xml"
# What Quarto shows of an output that comes in several kinds: the first of these
KINDS = ["text/markdown", SVG, "text/plain"]
OPTIONS = {"echo", "output", "include", "eval", "label", "fig-cap", "fig-alt", "tbl-cap"}
OPTIONS |= {"code-fold", "code-summary"}
# Quarto features that this renderer does not have: better an error than a page showing them raw
UNSUPPORTED = re.compile(
    r"\{\{<"  # shortcodes
    r"|^:::.*(?:\.callout-|\.panel-|\.column-|\.content-(?:visible|hidden)|layout(?:-\w+)?=)"
    r"|^ *```+ *\{[a-z]+\}",  # diagrams and other languages that Quarto would run
    re.MULTILINE,
)
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def fenced(text: str, attributes: str = "") -> str:
    """A code block, with a fence longer than any in the text."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{attributes}\n{text.rstrip()}\n{fence}\n"


def div(attributes: str, *parts: str) -> str:
    """A fenced div."""
    return "\n".join([f"::: {{{attributes}}}", *parts, ":::", ""])


def quoted(value: object) -> str:
    """A value as a quoted pandoc attribute, on one line."""
    return '"' + html.escape(" ".join(str(value).split())).replace("\\", "\\\\") + '"'


def text_of(value: str | list[str]) -> str:
    """Notebooks keep text as one string or as a list of lines."""
    return value if isinstance(value, str) else "".join(value)


def split_options(source: str) -> tuple[dict, str]:
    """The `#| key: value` lines at the top of a code cell, and the code below them."""
    head = re.match(r"(?:#\s*\|.*\n?)*", source)[0]
    options = yaml.safe_load(re.sub(r"^#\s*\| ?", "", head, flags=re.M)) or {}
    code = source[len(head) :].strip("\n")
    if not isinstance(options, dict):
        raise DocsError(f"not `#| option: value`: {head.strip()}")
    if unknown := options.keys() - OPTIONS:
        raise DocsError(f"cell option not supported: {', '.join(sorted(unknown))}")
    if re.search(r"^#\|", code, re.M):
        raise DocsError("`#|` lines must stand at the top of the cell")
    return options, code


def joined_streams(outputs: list[dict]) -> list[dict]:
    """All that one cell printed to one stream as one output, where the first piece stood."""
    result, streams = [], {}
    for output in outputs:
        if output["output_type"] != "stream":
            result.append(output)
        elif output["name"] in streams:
            streams[output["name"]]["text"] += text_of(output["text"])
        else:
            streams[output["name"]] = {**output, "text": text_of(output["text"])}
            result.append(streams[output["name"]])
    return result


class Converter:
    """Turns the cells of one page into markdown and collects its figures."""

    def __init__(self, page: Page, figure_folder: str):
        self.page = page
        self.figure_folder = figure_folder  # relative to the page
        self.figures: dict[str, bytes] = {}  # path relative to the page -> content

    def convert(self) -> str:
        """The markdown of the whole page."""
        parts, code_cells = [], 0
        for index, cell in enumerate(self.page.cells):
            code_cells += cell["cell_type"] == "code"
            try:
                if cell["cell_type"] == "code":
                    parts.append(self.code_cell(cell, default_name=f"cell-{code_cells + 1}"))
                else:
                    parts.append(self.prose(cell["source"]))
            except (DocsError, yaml.YAMLError) as error:
                start = cell["source"].strip().split("\n")[0]
                where = f"{self.page.notebook}, cell {cell.get('id', index)} ({start!r})"
                raise DocsError(f"{where}: {error}") from error
        return "\n\n".join(part for part in parts if part)

    def prose(self, source: str) -> str:
        """Markdown passes as it is, if this renderer can show all of it."""
        if found := UNSUPPORTED.search(re.sub(r"`[^`\n]+`", "", source)):
            raise DocsError(f"Quarto feature not supported without Quarto: {found[0].strip()}")
        return source

    def code_cell(self, cell: dict, default_name: str) -> str:
        """Code and outputs of one cell, as its options ask for."""
        options, code = split_options(cell["source"])
        if options.get("include") is False:
            return ""
        parts = []
        if code and options.get("echo", True):
            attributes = ".python .cell-code"
            if "code-fold" in options:
                attributes += f" code-fold={str(options['code-fold']).lower()}"
            if "code-summary" in options:
                attributes += f" code-summary={quoted(options['code-summary'])}"
            parts.append(fenced(code, f"{{{attributes}}}"))
        if options.get("output", True):
            parts += self.outputs(cell["outputs"], options, options.get("label", default_name))
        return div(f"#{cell['id']} .cell" if "id" in cell else ".cell", *parts) if parts else ""

    def outputs(self, outputs: list[dict], options: dict, name: str) -> list[str]:
        """The outputs of one cell; with a label or a caption they are one figure or table."""
        outputs = joined_streams(outputs)
        has_image = any(SVG in output.get("data", {}) for output in outputs)
        shown = [output for output in outputs if not is_plot_handle(output, has_image)]
        parts = [
            self.output(output, options.get("fig-alt", ""), f"{name}-output-{number}")
            for number, output in enumerate(shown, start=1)
        ]
        caption = options.get("fig-cap") or options.get("tbl-cap") or ""
        label = options.get("label", "")
        numbered = label.startswith(("fig-", "tbl-"))
        if not parts or not (numbered or caption):
            return parts
        parts.append(div(".float-caption", caption))
        return [div(f"#{label} .float" if numbered else ".float", *parts)]

    def output(self, output: dict, alt: str, name: str) -> str:
        """One output of a cell; of a value the best of the kinds in which it is given."""
        if output["output_type"] == "stream":
            text = fenced(ANSI.sub("", output["text"]))
            return div(f".cell-output .cell-output-{output['name']}", text)
        data = output.get("data", {output["output_type"]: ""})  # an error is none of the kinds
        if unknown := data.keys() - KINDS:
            raise DocsError(f"no way to show an output of type {', '.join(unknown)}")
        kind = next(kind for kind in KINDS if kind in data)
        content = text_of(data[kind])
        if kind == SVG:
            path = f"{self.figure_folder}/{name}.svg"
            self.figures[path] = content.encode()
            content = f"![]({path}){{fig-alt={quoted(alt)}}}\n"
        elif kind == "text/plain":
            content = fenced(ANSI.sub("", content))
        return div(".cell-output .cell-output-display", content)


def is_plot_handle(output: dict, has_image: bool) -> bool:
    """Is this only the `[<Line2D>]` that a plotting call happens to return?"""
    if output["output_type"] != "execute_result" or output["data"].keys() != {"text/plain"}:
        return False
    text = text_of(output["data"]["text/plain"]).strip()
    bracketed = has_image and re.fullmatch(r"[<(\[].*[>)\]]", text)
    return bool(bracketed) or text.startswith(("<matplotlib", "[<matplotlib"))
