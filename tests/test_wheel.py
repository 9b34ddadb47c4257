"""The wheel and the sdist build and pass the tests; the wheel works where there is only NumPy."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser

import pytest

from conftest import copy_repository, repository_files

TRY = """
import sys
folder = sys.argv[1]
sys.path.insert(0, folder)
import importlib, os, pkgutil, tempfile
import numpy as np
import rnn_stepwise as rs
assert rs.__file__.startswith(folder) and np.__file__.startswith(folder)
modules = [module.name for module in pkgutil.walk_packages(rs.__path__, "rnn_stepwise.")]
for name in modules:
    importlib.import_module(name)
assert len(modules) > 10 and "matplotlib" not in sys.modules

x, a0 = rs.book_sequence(), np.zeros((1, 1))
rnn, lstm = rs.rnn_forward(x, a0, rs.book_rnn())[1], rs.lstm_forward(x, a0, rs.book_lstm())[1]
assert round(float(rnn[1, 0, 3]), 6) == 0.588674
assert round(float(lstm[1, 0, 3]), 6) == 0.925312
case = rs.draw_seeded("x a0 Wf bf Wi bi Wo bo Wc bc Wy by", n_x=3, m=10, T_x=7, n_a=5, n_y=2)
a = rs.lstm_forward(case["x"].astype("f"), case["a0"], case)[0]
assert abs(a[4][3][6] - 0.172117767533) < 1e-6 and a.dtype == np.float64

saved = rs.init_rnn_parameters(3, 5, 2, np.random.default_rng(0))
with tempfile.TemporaryDirectory() as empty:
    file = os.path.join(empty, "p.npz")
    rs.save_parameters(file, saved)
    loaded = rs.load_parameters(file)
assert all((saved[name] == loaded[name]).all() for name in saved)
assert rs.checking.error_of(rs.softmax, "text").startswith("TypeError: z: ")
print(np.__version__)
"""


def run(*command, cwd=None):
    "What a Python command prints"
    done = subprocess.run([sys.executable, *command], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    "A folder with the sdist made from a copy of the repository, and the wheel made from that"
    folder = tmp_path_factory.mktemp("built")
    source = copy_repository(folder / "source")
    run("-m", "build", "--outdir", folder, source)
    return folder


@pytest.fixture(scope="module")
def wheel(built):
    return next(built.glob("*.whl"))


def test_metadata(wheel):
    with zipfile.ZipFile(wheel) as opened:
        (file,) = [name for name in opened.namelist() if name.endswith("/METADATA")]
        text = opened.read(file).decode()
    metadata = Parser().parsestr(text)
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Author"] == "rnn_stepwise contributors"
    assert metadata["Author-email"] is None
    first, *others = metadata.get_all("Requires-Dist")
    assert first == "numpy>=2.0"
    assert all("extra ==" in need for need in others)
    assert metadata.get_all("Project-URL") is None
    assert metadata["Home-page"] is None


def test_contents(wheel):
    with zipfile.ZipFile(wheel) as opened:
        names = opened.namelist()
        (file,) = [name for name in names if name.endswith("entry_points.txt")]
        entry_points = opened.read(file).decode()
    assert "rnn_stepwise = rnn_stepwise._modidx:d" in entry_points
    assert "rnn_stepwise/py.typed" in names
    folders = {name.split("/")[0] for name in names}
    assert {folder.partition("-")[0] for folder in folders} == {"rnn_stepwise"}


def test_contents_of_the_sdist(built):
    file = next(built.glob("*.tar.gz"))
    with tarfile.open(file) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert {"PKG-INFO", "rnn_stepwise/rnn/cell.py", "tests/conftest.py"} <= names
    assert {str(name) for name in repository_files()} <= names


OLDEST = {11: "2.0", 12: "2.0", 13: "2.1", 14: "2.3"}.get(sys.version_info.minor, "2.3")


@pytest.mark.parametrize("version", [f"{OLDEST}.", "2."], ids=["oldest", "newest"])
def test_wheel_works_beside_numpy_alone(wheel, tmp_path, version):
    "The oldest NumPy of those the package allows that has wheels for this Python, and the newest"
    options = ["--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]
    empty = str(tmp_path / "empty")
    run("-m", "pip", "install", *options, "--target", empty, wheel, f"numpy=={version}*")
    printed = run("-I", "-S", "-c", TRY, empty, cwd=tmp_path)
    assert printed.startswith(version)


def unpacked(built, folder):
    "The sdist in a folder of its own"
    with tarfile.open(next(built.glob("*.tar.gz"))) as sdist:
        safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # 3.11.4
        sdist.extractall(folder, **safely)
    (source,) = folder.iterdir()
    return source


def quick_tests(source):
    "The files of tests that `make quick` runs: all but those of the house"
    makefile = (source / "Makefile").read_text()
    text = re.search(r"^HOUSE := (.*?)\n\n", makefile, re.MULTILINE | re.DOTALL)[1]
    house = set()
    for pattern in re.findall(r"\w+\*?\.py", text):
        house |= set(source.glob(f"tests/*{pattern}"))
    assert source / "tests/test_wheel.py" in house
    return sorted(set(source.glob("tests/test_*.py")) - house)


WHERE = "import rnn_stepwise; print(rnn_stepwise.__file__)"


def started(source, package):
    "The package's own tests, run in `source` on the package in the folder `package`"
    environment = {name: value for name, value in os.environ.items() if name != "IN_TEST"}
    environment["PYTHONPATH"] = str(package)
    where = [sys.executable, "-c", WHERE]
    found = subprocess.run(where, cwd=source, env=environment, capture_output=True, text=True)
    assert found.stdout.startswith(str(package)), found.stdout + found.stderr
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    output = dict(stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return subprocess.Popen([*command, *quick_tests(source)], cwd=source, env=environment, **output)


@pytest.fixture(scope="module")
def suites(built, wheel, tmp_path_factory):
    "Where the package comes from → a running suite; both run at a time"
    folder = tmp_path_factory.mktemp("suites")
    sdist = unpacked(built, folder / "sdist")
    beside = unpacked(built, folder / "beside")
    shutil.rmtree(beside / "rnn_stepwise")
    installed = folder / "installed"
    options = ["--quiet", "--disable-pip-version-check", "--no-deps"]
    run("-m", "pip", "install", *options, "--target", installed, wheel)
    running = {"sdist": started(sdist, sdist), "wheel": started(beside, installed)}
    yield running
    for process in running.values():
        process.kill()


@pytest.mark.parametrize("origin", ["wheel", "sdist"])
def test_the_suite_passes_on_what_was_built(suites, origin):
    """On the wheel, installed, with no package beside the tests; and in the unpacked sdist.

    Neither has git, and neither is an editable install."""
    said, _ = suites[origin].communicate(timeout=900)
    assert suites[origin].returncode == 0, said[-5000:]
    assert " passed" in said
