"""A processed notebook as one markdown text, as Quarto hands it to pandoc.

Each code cell becomes a fenced div with its code and its outputs; images become files. What only
pandoc can see (callouts, captions, numbers, references) is left to quarto.lua.
"""

import base64
import html
import re

import yaml

from docsite.process import DocsError, Page

IMAGES = {"image/svg+xml": "svg", "image/png": "png", "image/jpeg": "jpeg"}
# What Quarto shows of an output that comes in several kinds: the first of these
KINDS = ["text/html", "text/markdown", *IMAGES, "text/plain"]
OPTIONS = {"echo", "output", "include", "eval", "warning", "error", "label", "fig-cap", "fig-alt"}
OPTIONS |= {"tbl-cap", "code-fold", "code-summary"}
# Quarto features that this renderer does not have: better an error than a page showing them raw
UNSUPPORTED = re.compile(
    r"\{\{<"  # shortcodes
    r"|^:::.*(?:\.panel-|\.column-|\.content-(?:visible|hidden)|layout(?:-\w+)?=)"  # divs
    r"|^ *```+ *\{[a-z]+\}",  # diagrams and other languages that Quarto would run
    re.MULTILINE,
)
DEFINITION = re.compile(r"^(?:@.*\n(?: .*\n)*)*(?:def|class) (\w+)", re.MULTILINE)
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
        for index, cell in enumerate(under_headings(self.page.cells)):
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
            language = cell["metadata"].get("language", "python")
            attributes = f".{language} .cell-code"
            if "code-fold" in options:
                attributes += f" code-fold={str(options['code-fold']).lower()}"
            if "code-summary" in options:
                attributes += f" code-summary={quoted(options['code-summary'])}"
            parts.append(fenced(code, f"{{{attributes}}}"))
        if options.get("output", True):
            outputs = self.outputs(cell["outputs"], options, options.get("label", default_name))
            parts += outputs
            if options.get("output") == "asis":
                return "\n\n".join(parts)
        return div(f"#{cell['id']} .cell" if "id" in cell else ".cell", *parts) if parts else ""

    def outputs(self, outputs: list[dict], options: dict, name: str) -> list[str]:
        """The outputs of one cell; with a label or a caption they are one figure or table."""
        outputs = joined_streams(outputs)
        has_image = any(IMAGES.keys() & output.get("data", {}).keys() for output in outputs)
        no_warnings = options.get("warning") is False
        shown = [
            output
            for output in outputs
            if not is_plot_handle(output, has_image)
            and not (no_warnings and output.get("name") == "stderr")
        ]
        parts = [
            self.output(output, options, f"{name}-output-{number}")
            for number, output in enumerate(shown, start=1)
        ]
        caption = options.get("fig-cap") or options.get("tbl-cap") or ""
        label = options.get("label", "")
        numbered = label.startswith(("fig-", "tbl-"))
        if not parts or not (numbered or caption):
            return parts
        if caption:
            parts.append(div(".float-caption", caption))
        return [div(f"#{label} .float" if numbered else ".float", *parts)]

    def output(self, output: dict, options: dict, name: str) -> str:
        """One output of a cell."""
        as_is = options.get("output") == "asis"
        kind = output["output_type"]
        if kind == "stream":
            stream, text = output["name"], ANSI.sub("", output["text"])
            if as_is and stream == "stdout":
                return text
            return div(f".cell-output .cell-output-{stream}", fenced(text))
        if kind == "error":
            text = ANSI.sub("", f"{output['ename']}: {output['evalue']}")
            return div(".cell-output .cell-output-error", fenced(text))
        content = self.display(output["data"], options, name)
        return content if as_is else div(".cell-output .cell-output-display", content)

    def display(self, data: dict, options: dict, name: str) -> str:
        """The best of the kinds in which a value is given."""
        data = dict(data)
        latex = text_of(data.get("text/latex", ""))
        if re.match(r"\$|\\begin\{", latex):
            data.setdefault("text/markdown", latex)
        kind = next((kind for kind in KINDS if kind in data), None)
        if kind is None:
            raise DocsError(f"no way to show an output of type {', '.join(data)}")
        text = text_of(data[kind])
        if kind in IMAGES:
            path = f"{self.figure_folder}/{name}.{IMAGES[kind]}"
            is_svg = kind == "image/svg+xml"
            self.figures[path] = text.encode() if is_svg else base64.b64decode(text)
            return f"![]({path}){{fig-alt={quoted(options.get('fig-alt', ''))}}}\n"
        if kind == "text/html":
            return fenced(text, "{=html}")
        if kind == "text/markdown":
            return tidy_show_doc(text) if text.startswith("---\n\n") else text
        return fenced(ANSI.sub("", text))


def is_plot_handle(output: dict, has_image: bool) -> bool:
    """Is this only the `[<Line2D>]` that a plotting call happens to return?"""
    if output["output_type"] != "execute_result" or output["data"].keys() != {"text/plain"}:
        return False
    text = text_of(output["data"]["text/plain"]).strip()
    bracketed = has_image and re.fullmatch(r"[<(\[].*[>)\]]", text)
    return bool(bracketed) or text.startswith(("<matplotlib", "[<matplotlib"))


def documented_by(cell: dict) -> str:
    """The name that a cell of nbdev documents."""
    found = re.search(r"^show_doc\((\w+)\)", cell["source"], re.M)
    return found[1] if found else ""


def under_headings(cells: list[dict]) -> list[dict]:
    """nbdev documents the names of a cell above and below it. Where the source is shown, it says all
    that the documentation says: of that only the heading, the name's anchor, stays, right above it."""
    names, shown, result = set(map(documented_by, cells)), set(), []
    for above, cell in zip([{"source": ""}, *cells], cells):
        found = [m for m in DEFINITION.finditer(cell["source"]) if m[1] in names]
        if not found or not documented_by(above):
            result.append(cell)
            continue
        ends = [*(start.start() for start in found[1:]), None]
        for start, begin, end in zip(found, [0, *ends], ends):
            heading = f"### {start[1]} {{.doc-name .unnumbered}}"
            piece = {**cell, "source": cell["source"][begin:end]}
            if begin:
                del piece["id"]
            if end:
                piece["outputs"] = []
            result += [{"cell_type": "markdown", "source": heading}, piece]
            shown.add(start[1])
    return [cell for cell in result if documented_by(cell) not in shown]


def tidy_show_doc(text: str) -> str:
    """nbdev's documentation of a symbol: no rule on top, no link to a repository without address,
    and classes that let the style sheet keep heading and signature together."""
    text = text.removeprefix("---\n\n")
    text = re.sub(r"^\[source\]\(/blob/.*\n+", "", text)
    text = re.sub(r"^(#+ .+)$", r"\1 {.doc-name .unnumbered}", text, count=1, flags=re.M)
    return text.replace("```python\n", "```{.python .doc-signature}\n", 1)
