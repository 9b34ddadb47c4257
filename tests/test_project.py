"""Facts that stand in two places agree, and the package is what its metadata says."""
import configparser
import json
import re
import subprocess
import sys
import tomllib

import pytest
import yaml

from conftest import ROOT, repository_files

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SETTINGS = configparser.ConfigParser()
SETTINGS.read(ROOT / "settings.ini")
SETTINGS = SETTINGS["DEFAULT"]


def test_settings_and_pyproject_agree():
    assert SETTINGS["lib_name"] == PROJECT["name"] == SETTINGS["title"]
    assert SETTINGS["description"] == PROJECT["description"]
    assert f">={SETTINGS['min_python']}" == PROJECT["requires-python"] == ">=3.11"
    assert SETTINGS["author"] == PROJECT["authors"][0]["name"] == "rnn_stepwise contributors"
    assert SETTINGS["license"] == "apache2" and PROJECT["license"] == "Apache-2.0"
    assert SETTINGS["keywords"].split() == PROJECT["keywords"]
    assert any(f"Development Status :: {SETTINGS['status']} " in c for c in PROJECT["classifiers"])
    assert f"Intended Audience :: {SETTINGS['audience']}" in PROJECT["classifiers"]
    assert f"Natural Language :: {SETTINGS['language']}" in PROJECT["classifiers"]


def test_version_stands_once_for_nbdev_and_once_for_python():
    version = re.search(r'^__version__ = "(.*)"$', (ROOT / "rnn_stepwise/__init__.py").read_text(), re.M)
    assert version[1] == SETTINGS["version"]
    assert PROJECT["dynamic"] == ["version"]
    assert f"## {version[1]}" in (ROOT / "CHANGELOG.md").read_text()


def test_description_is_the_subtitle_of_the_front_page_and_the_docstring():
    import rnn_stepwise
    front = json.loads((ROOT / "nbs" / "index.ipynb").read_text())["cells"][0]["source"]
    assert "".join(front) == f"# {SETTINGS['title']}\n\n> {SETTINGS['description']}."
    assert rnn_stepwise.__doc__.startswith(f"{SETTINGS['description']}.")


def test_quarto_configuration_is_one_file():
    link = ROOT / "nbs" / "_quarto.yml"
    assert link.is_symlink() and link.resolve() == ROOT / "_quarto.yml"
    assert yaml.safe_load(link.read_text())["metadata-files"] == ["nbdev.yml", "sidebar.yml"]


def test_every_package_folder_is_packaged():
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {path.parent.relative_to(ROOT).as_posix().replace("/", ".")
               for path in (ROOT / "rnn_stepwise").rglob("__init__.py")}
    assert set(packages) == folders


def test_no_module_carries_the_name_of_a_function():
    import rnn_stepwise
    modules = {path.stem for path in (ROOT / "rnn_stepwise").rglob("*.py")}
    assert not modules & {name for name in vars(rnn_stepwise) if callable(vars(rnn_stepwise)[name])}


def test_each_chapter_exports_to_one_module_and_the_package_offers_all_of_it():
    import rnn_stepwise
    from importlib import import_module
    found = []
    for path in sorted((ROOT / "nbs").glob("[0-9]*.ipynb")):
        names = re.findall(r"#\| *default_exp +(\S+?)(?:\\n)?\"", path.read_text())
        assert len(names) == 1, f"{path.name} exports to {names}"
        module = import_module(f"rnn_stepwise.{names[0]}")
        missing = [name for name in module.__all__ if not hasattr(rnn_stepwise, name)]
        assert not missing, f"{missing} of {names[0]} cannot be imported from rnn_stepwise"
        found += module.__all__
    assert len(found) == len(set(found)), "a name is exported twice"


def test_importing_needs_numpy_alone_and_little_of_the_standard_library():
    "What importing costs is measured by `make bench`; here only what it loads"
    code = ("import sys, numpy; before = set(sys.modules); import rnn_stepwise; "
            "print(*sorted(set(sys.modules) - before))")
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    others = [name for name in loaded.stdout.split()
              if not name.startswith(("rnn_stepwise", "numpy.typing", "numpy._typing"))]
    assert not others


def test_public_functions_have_types_and_a_docstring():
    import inspect
    import rnn_stepwise
    for name, value in vars(rnn_stepwise).items():
        if name.startswith("_") or not inspect.isfunction(value): continue
        assert value.__doc__, f"{name} has no docstring"
        signature = inspect.signature(value)
        assert signature.return_annotation is not inspect.Signature.empty, f"{name}: what it returns"
        for parameter in signature.parameters.values():
            assert parameter.annotation is not inspect.Parameter.empty, f"{name}: {parameter.name}"


def test_types_hold_for_the_package_and_for_those_who_use_it(tmp_path):
    user = tmp_path / "user.py"
    user.write_text(
        "import numpy as np\nimport rnn_stepwise as rs\n"
        "p = rs.init_lstm_parameters(3, 5, 2, np.random.default_rng(1))\n"
        "a, y, c, caches = rs.lstm_forward([[[1.0]]], np.zeros((5, 1)), p)\n"
        "reveal_type(a)\nrs.softmax(p['Wf'], axis='0')\n")
    result = subprocess.run([sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path), "-p",
                             "rnn_stepwise"], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout
    result = subprocess.run([sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path), str(user)],
                            cwd=ROOT, capture_output=True, text=True)
    assert "numpy.ndarray" in result.stdout and 'incompatible type "str"' in result.stdout
    assert "Found 1 error" in result.stdout, result.stdout


def written_text(path):
    "What a file says in words: of a notebook the cells and text outputs, not the pictures"
    if path.suffix != ".ipynb": return path.read_text(encoding="utf-8")
    parts = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        outputs = cell.get("outputs", [])
        parts += cell["source"] + [line for o in outputs for line in o.get("text", [])]
        parts += [line for o in outputs for mime, lines in o.get("data", {}).items()
                  if mime.startswith("text/") for line in lines]
    return "".join(parts)


@pytest.mark.parametrize("pattern", [r"/(?:work|home|root|tmp)/[a-z]", r"https?://"])
def test_no_paths_of_a_machine_and_no_addresses(pattern):
    "Nothing that is written names a machine or an address; the licence and the tests name some"
    for name in repository_files():
        if name.parts[0] in ("tests", "docsite") or name.suffix == ".svg" or name.name == "LICENSE":
            continue
        found = re.search(pattern, written_text(ROOT / name))
        assert not found, f"{name}: {found[0]}"
