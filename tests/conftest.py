"""What several tests share: the repository, and copies of it to break."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def repository_files():
    "Every file that git tracks or would track, so that a fresh clone and a working tree agree."
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
