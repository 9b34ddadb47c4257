"""What several tests share: the repository, copies of it to break, and a fresh interpreter."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = Path(find_spec("rnn_stepwise").origin).resolve().parent  # elsewhere if it is installed


def repository_files():
    """Every file that git tracks or would track, so that a fresh clone and a working tree agree.

    In an unpacked sdist there is no git, and setuptools has left a list of what it holds."""
    if not (ROOT / ".git").exists():
        listed = (ROOT / "rnn_stepwise.egg-info/SOURCES.txt").read_text(encoding="utf-8")
        names = [name for name in listed.splitlines() if ".egg-info/" not in name]
        return [Path(name) for name in names if (ROOT / name).exists()]
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [Path(name) for name in listed.split("\0") if name and (ROOT / name).exists()]


def copy_repository(target):
    "Copy the repository as it is in the working tree; links stay links."
    for name in repository_files():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name, follow_symlinks=False)
    return target


@pytest.fixture
def copy(tmp_path):
    "A copy of the repository that a test may break."
    return copy_repository(tmp_path / "copy")


def fresh(code, **environment):
    "What a fresh interpreter prints, which imports the package that is tested"
    if "RNN_STEPWISE_MUTANT" in os.environ:
        pytest.skip("it would import the package as it is, not the mutant")
    settings = os.environ | {"MPLBACKEND": "agg", "PYTHONPATH": str(PACKAGE.parent)} | environment
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=settings)
    assert done.returncode == 0, done.stderr
    return done.stdout
