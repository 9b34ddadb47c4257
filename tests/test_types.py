"""The types of the package hold, and say something to those who use it."""

import subprocess
import sys

from conftest import ROOT


def checked_types(folder, *what):
    command = [sys.executable, "-m", "mypy", "--cache-dir", str(folder), *what]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


USER = """
import numpy as np
import rnn_stepwise as rs
p = rs.init_lstm_parameters(3, 5, 2, np.random.default_rng(1))
p = rs.init_lstm_parameters(3, 5, 2, np.random.RandomState(1))
a, y, c, caches = rs.lstm_forward([[[1.0]]], np.zeros((5, 1)), p)
reveal_type(a)
rs.softmax(p['Wf'], axis='0')
"""


def test_types_hold_for_the_package_and_for_those_who_use_it(tmp_path):
    user = tmp_path / "user.py"
    user.write_text(USER)
    result = checked_types(tmp_path, "-p", "rnn_stepwise")
    assert result.returncode == 0, result.stdout
    found = checked_types(tmp_path, str(user)).stdout
    assert "numpy.ndarray" in found
    assert 'incompatible type "str"' in found
    assert "Found 1 error" in found, found
