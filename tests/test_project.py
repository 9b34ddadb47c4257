"""Facts that stand in two places agree, and the project is as open as it says."""

import ast
import configparser
import inspect
import json
import re
import tomllib
from importlib import import_module

import pytest
import yaml

import rnn_stepwise
from conftest import PACKAGE, ROOT, fresh, repository_files

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
CHAPTERS = sorted((ROOT / "nbs").glob("[0-9]*.ipynb"))
# modules that are reached through their name
APART = {"checking", "derivatives", "guard", "watching", "fused", "checker"}


def settings():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "settings.ini")
    return parser["DEFAULT"]


# What stands in two places


def test_settings_and_pyproject_agree():
    ours = settings()
    assert ours["lib_name"] == PROJECT["name"] == ours["title"]
    assert ours["description"] == PROJECT["description"]
    assert f">={ours['min_python']}" == PROJECT["requires-python"] == ">=3.11"
    assert ours["author"] == PROJECT["authors"][0]["name"] == "rnn_stepwise contributors"
    assert ours["license"] == "apache2"
    assert PROJECT["license"] == "Apache-2.0"
    assert ours["keywords"].split() == PROJECT["keywords"]


def test_classifiers_are_those_of_the_settings():
    ours = settings()
    classifiers = "\n".join(PROJECT["classifiers"])
    assert f"Development Status :: {ours['status']} " in classifiers
    assert f"Intended Audience :: {ours['audience']}" in classifiers
    assert f"Natural Language :: {ours['language']}" in classifiers


def test_version_stands_once_for_nbdev_and_once_for_python():
    version = rnn_stepwise.__version__
    assert version == settings()["version"]
    assert PROJECT["dynamic"] == ["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert f"## {version}" in changelog


def cells_of(path):
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def test_description_is_the_subtitle_of_the_front_page_and_the_docstring():
    ours = settings()
    front = cells_of(ROOT / "nbs/index.ipynb")[0]
    head = f"# {ours['title']}\n\n> {ours['description']}."
    assert "".join(front["source"]) == head
    assert rnn_stepwise.__doc__.startswith(f"{ours['description']}.")


def test_quarto_configuration_is_one_file():
    link = ROOT / "nbs/_quarto.yml"
    if (ROOT / ".git").exists():  # an sdist has a copy in the place of a link
        assert link.is_symlink()
        assert link.resolve() == ROOT / "_quarto.yml"
    assert link.read_text() == (ROOT / "_quarto.yml").read_text()
    assert yaml.safe_load(link.read_text())["metadata-files"] == ["nbdev.yml", "sidebar.yml"]


def test_every_package_folder_is_packaged():
    folders = set()
    for path in PACKAGE.rglob("__init__.py"):
        folder = path.parent.relative_to(PACKAGE.parent)
        folders.add(".".join(folder.parts))
    assert set(PYPROJECT["tool"]["setuptools"]["packages"]) == folders


def made_targets():
    "What `make` can make"
    text = (ROOT / "Makefile").read_text()
    return set(re.findall(r"^([a-z]+):", text, re.MULTILINE))


def asked_targets(text):
    return set(re.findall(r"\bmake ([a-z]+)\b(?= |:|`|$|;)", text, re.MULTILINE))


@pytest.mark.parametrize("file", ["README.md", "CONTRIBUTING.md", ".ci/run", "CHANGELOG.md"])
def test_what_is_asked_of_make_can_be_made(file):
    asked = asked_targets((ROOT / file).read_text())
    assert asked
    assert asked <= made_targets()


def test_the_workflows_run_what_can_be_made():
    found = set()
    for path in (ROOT / ".github/workflows").glob("*.yml"):
        for job in yaml.safe_load(path.read_text())["jobs"].values():
            for step in job["steps"]:
                found |= asked_targets(step.get("run", ""))
    assert {"check", "quick", "docs"} <= found <= made_targets()


# Modules


def module_name(path):
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)


def modules():
    "Written or generated modules of the package, without nbdev's index: name → file"
    files = [path for path in PACKAGE.rglob("*.py") if path.name != "_modidx.py"]
    return {module_name(path): path for path in files}


def sources(*folders):
    "Every Python file of these folders: path → syntax tree"
    paths = [ROOT / name for name in repository_files() if name.parts[0] in folders]
    if "rnn_stepwise" in folders:
        paths = modules().values()
    return {path: ast.parse(path.read_text("utf-8")) for path in paths if path.suffix == ".py"}


def imports_of(tree, module):
    "(module that is imported from, name) for what comes from the package"
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom):
            continue
        origin = node.module or ""
        if node.level:
            above = module.split(".")[: -node.level]
            origin = ".".join([*above, origin]).rstrip(".")
        if origin.split(".")[0] == "rnn_stepwise":
            for alias in node.names:
                yield origin, alias.name


def package_imports():
    "(module, module that it imports from, name) for all of the package"
    rows = []
    for path, tree in sources("rnn_stepwise").items():
        module = module_name(path)
        for origin, name in imports_of(tree, module):
            rows.append((module, origin, name))
    assert len(rows) > 20
    return rows


def test_no_module_carries_the_name_of_a_function():
    stems = {path.stem for path in modules().values()}
    functions = {name for name, value in vars(rnn_stepwise).items() if inspect.isfunction(value)}
    assert not stems & functions


def test_no_module_imports_a_private_name_of_another():
    private = [row for row in package_imports() if re.match("_[^_]", row[2])]
    assert not private


def test_the_networks_stand_side_by_side():
    "rnn/ imports nothing from lstm/, nor lstm/ from rnn/"
    for module, origin, _ in package_imports():
        ends = module.split(".")[1], origin.split(".")[1:2]
        assert ends not in [("rnn", ["lstm"]), ("lstm", ["rnn"])], (module, origin)


def test_no_module_is_larger_than_an_eighth_of_the_package():
    lines = {}
    for name, path in modules().items():
        lines[name] = len(path.read_text().splitlines())
    total = sum(lines.values())
    largest = max(lines, key=lines.get)
    assert lines[largest] <= 0.13 * total, f"{largest}: {lines[largest]} of {total} lines"


def exported_module(path):
    "The module that a notebook is exported to, None for a page that exports nothing"
    text = path.read_text(encoding="utf-8")
    names = re.findall(r'#\| *default_exp +(\S+?)(?:\\n)?"', text)
    exports = re.search(r'"#\| *exports?(?:\\n)?"', text)
    assert len(names) == bool(exports), f"{path.name} exports to {names}"
    return names[0] if names else None


def test_each_chapter_exports_to_one_module():
    exported = [exported_module(path) for path in CHAPTERS]
    exported = [name for name in exported if name]
    assert len(exported) == len(set(exported))
    generated = []
    for name, path in modules().items():
        if "AUTOGENERATED" in path.read_text():
            generated.append(name.removeprefix("rnn_stepwise."))
    assert set(exported) == set(generated)


def test_the_package_offers_every_public_name_once():
    found = []
    for name in filter(None, map(exported_module, CHAPTERS)):
        if name in APART:
            continue
        module = import_module(f"rnn_stepwise.{name}")
        found += module.__all__
        for public in module.__all__:
            offered = getattr(rnn_stepwise, public, None)
            assert offered is getattr(module, public), f"{name}.{public}"
    assert len(found) == len(set(found)), "a name is exported twice"


def test_importing_needs_numpy_inspect_and_errno_alone():
    "What importing costs is measured by `make bench`; here only what it loads"
    code = """
import sys, numpy, inspect
before = set(sys.modules)
import rnn_stepwise
print(*set(sys.modules) - before)
"""
    loaded = fresh(code)
    known = ("rnn_stepwise", "numpy.typing", "numpy._typing", "__future__", "errno")
    others = [name for name in loaded.split() if not name.startswith(known)]
    assert not others


def public_functions():
    for name, value in vars(rnn_stepwise).items():
        if inspect.isfunction(value) and not name.startswith("_"):
            yield name, value


def test_public_functions_have_types_and_a_docstring():
    for name, function in public_functions():
        assert function.__doc__, f"{name} has no docstring"
        signature = inspect.signature(function)
        empty = inspect.Signature.empty
        assert signature.return_annotation is not empty, f"{name}: what it returns"
        for parameter in signature.parameters.values():
            assert parameter.annotation is not empty, f"{name}: {parameter.name}"


# Openness


def code_cells(path):
    "(number of the cell, its directives, its other lines) of a notebook's code"
    for number, cell in enumerate(cells_of(path)):
        if cell["cell_type"] == "code":
            lines = "".join(cell["source"]).splitlines()
            directives = [line for line in lines if line.startswith("#|")]
            yield number, directives, [line for line in lines if line not in directives]


def test_lines_of_notebooks_fit_a_page():
    too_long = []
    for path in (ROOT / "nbs").glob("*.ipynb"):
        for number, _, lines in code_cells(path):
            found = [line for line in lines if len(line) > 88]
            too_long += [f"{path.name}, cell {number}: {line}" for line in found]
    assert not too_long, "\n".join(too_long)


def test_exported_cells_have_one_idea():
    too_long = []
    for path in CHAPTERS:
        for number, directives, lines in code_cells(path):
            code = list(filter(str.strip, lines))
            if "export" in "".join(directives) and len(code) > 30:
                too_long.append(f"{path.name}, cell {number}: {len(code)} lines")
    assert not too_long


def functions_in(trees):
    "(where, statements, syntax nodes) of every function's body, docstring left out"
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            body = node.body[1:] if ast.get_docstring(node) else node.body
            inside = [inner for statement in body for inner in ast.walk(statement)]
            statements = [inner for inner in inside if isinstance(inner, ast.stmt)]
            if statements:
                yield f"{path}: {node.name}", len(statements), len(inside)


@pytest.mark.parametrize("folder", ["rnn_stepwise", "tests", "tools"])
def test_lines_are_open(folder):
    "Syntax nodes per statement: 14 is what annotated code in this field has, 20 is hard to read"
    rows = list(functions_in(sources(folder)))
    statements = sum(row[1] for row in rows)
    nodes = sum(row[2] for row in rows)
    densest = sorted(rows, key=lambda row: 14 * row[1] - row[2])[:5]
    assert nodes <= 14 * statements, f"{nodes / statements:.1f}; most is in {densest}"


# Words


def outputs_in_words(cell):
    "The text outputs of a cell, not the pictures"
    for output in cell.get("outputs", []):
        yield from output.get("text", [])
        for mime, lines in output.get("data", {}).items():
            if mime.startswith("text/"):
                yield from lines


def written_text(path):
    "What a file says in words"
    if path.suffix != ".ipynb":
        return path.read_text(encoding="utf-8")
    parts = []
    for cell in cells_of(path):
        parts += cell["source"]
        parts += outputs_in_words(cell)
    return "".join(parts)


@pytest.mark.parametrize("pattern", [r"/(?:work|home|root|tmp)/[a-z]", r"https?://"])
def test_no_paths_of_a_machine_and_no_addresses(pattern):
    "Nothing that is written names a machine or an address; the licence and the tests name some"
    for name in repository_files():
        if name.parts[0] in ("tests", "docsite") or name.suffix == ".svg":
            continue
        if name.name == "LICENSE":
            continue
        found = re.search(pattern, written_text(ROOT / name))
        assert not found, f"{name}: {found[0]}"


def test_no_output_is_a_mistake_of_the_page_itself():
    "`error_of` prints whatever is raised, also what is raised by mistake"
    for path in CHAPTERS:
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            printed = "".join(
                line for out in cell.get("outputs", []) for line in out.get("text", [])
            )
            assert "NameError" not in printed, path.name
            assert "UnboundLocalError" not in printed, path.name
            assert "AttributeError" not in printed, path.name
