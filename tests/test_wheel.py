"""The wheel and the sdist build, and the wheel works where there is nothing but NumPy."""

import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser

import pytest

from conftest import copy_repository

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
    assert {"pyproject.toml", "README.md", "LICENSE", "rnn_stepwise/rnn/cell.py"} <= names


@pytest.mark.parametrize("numpy", ["numpy==2.0.*", "numpy"], ids=["oldest", "newest"])
def test_wheel_works_beside_numpy_alone(wheel, tmp_path, numpy):
    oldest = numpy != "numpy"
    if oldest and sys.version_info >= (3, 13):
        pytest.skip("NumPy 2.0 has no wheels for this Python")
    options = ["--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]
    empty = str(tmp_path / "empty")
    run("-m", "pip", "install", *options, "--target", empty, wheel, numpy)
    printed = run("-I", "-S", "-c", TRY, empty, cwd=tmp_path)
    assert printed.startswith("2.0." if oldest else "2.")
