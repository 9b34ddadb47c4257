"""The wheel and the sdist build, and the wheel works where there is nothing but NumPy."""
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser

import pytest

from conftest import copy_repository

TRY = """
import sys; sys.path.insert(0, sys.argv[1])
import numpy as np, rnn_stepwise as rs, rnn_stepwise.drawing, tempfile, os
assert rs.__file__.startswith(sys.argv[1]) and np.__file__.startswith(sys.argv[1])
assert "matplotlib" not in sys.modules
rng, x, a0 = np.random.default_rng(0), rs.book_sequence(), np.zeros((1, 1))
assert round(float(rs.rnn_forward(x, a0, rs.book_rnn())[1][1, 0, 3]), 6) == 0.588674
assert round(float(rs.lstm_forward(x, a0, rs.book_lstm())[1][1, 0, 3]), 6) == 0.925312
case = rs.draw_seeded("x a0 Wf bf Wi bi Wo bo Wc bc Wy by", n_x=3, m=10, T_x=7, n_a=5, n_y=2)
a, y, c, caches = rs.lstm_forward(case["x"].astype("f"), case["a0"], case)
assert abs(a[4][3][6] - 0.172117767533) < 1e-6 and a.dtype == np.float64
saved = rs.init_rnn_parameters(3, 5, 2, rng)
with tempfile.TemporaryDirectory() as folder:
    rs.save_parameters(os.path.join(folder, "p.npz"), saved)
    loaded = rs.load_parameters(os.path.join(folder, "p.npz"))
assert all((saved[k] == loaded[k]).all() for k in saved)
assert "TypeError" in rs.error_of(rs.softmax, "text")
print(np.__version__)
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    "A wheel made from the sdist made from a copy of the repository; both are returned"
    folder = tmp_path_factory.mktemp("built")
    source = copy_repository(folder / "source")
    subprocess.run([sys.executable, "-m", "build", "--outdir", str(folder), str(source)],
                   check=True, capture_output=True, text=True)
    return next(folder.glob("*.whl")), next(folder.glob("*.tar.gz"))


def test_metadata(built):
    with zipfile.ZipFile(built[0]) as wheel:
        names = wheel.namelist()
        metadata = Parser().parsestr(
            wheel.read(next(n for n in names if n.endswith("/METADATA"))).decode())
        entry_points = wheel.read(next(n for n in names if n.endswith("entry_points.txt"))).decode()
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Author"] == "rnn_stepwise contributors" and metadata["Author-email"] is None
    assert metadata.get_all("Requires-Dist")[0] == "numpy>=2.0"
    assert all("extra ==" in need for need in metadata.get_all("Requires-Dist")[1:])
    assert metadata.get_all("Project-URL") is None and metadata["Home-page"] is None
    assert "rnn_stepwise = rnn_stepwise._modidx:d" in entry_points


def test_contents(built):
    with zipfile.ZipFile(built[0]) as wheel:
        folders = {name.split("/")[0] for name in wheel.namelist()}
        assert "rnn_stepwise/py.typed" in wheel.namelist()
    assert {f for f in folders if not f.endswith(".dist-info")} == {"rnn_stepwise"}
    with tarfile.open(built[1]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "rnn_stepwise/rnn/cell.py"} <= names


@pytest.mark.parametrize("numpy", ["numpy==2.0.*", "numpy"], ids=["oldest", "newest"])
def test_wheel_works_beside_numpy_alone(built, tmp_path, numpy):
    if numpy != "numpy" and sys.version_info >= (3, 13):
        pytest.skip("NumPy 2.0 has no wheels for this Python")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
           "--target", str(tmp_path / "empty"), "--only-binary", ":all:"]
    subprocess.run([*pip, str(built[0]), numpy], check=True, capture_output=True, text=True)
    result = subprocess.run([sys.executable, "-I", "-S", "-c", TRY, str(tmp_path / "empty")],
                            capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert numpy == "numpy" or result.stdout.startswith("2.0.")
