"""What the package costs beside NumPy, measured side by side in one run: `make bench`.

Prints medians and ratios. Nothing here passes or fails: a slow day is not a defect.
"""
import os
import subprocess
import sys
from statistics import median
from timeit import repeat

import numpy as np

import rnn_stepwise as rs
from rnn_stepwise.notation import checked


def importing(runs=15):
    "Seconds that `import rnn_stepwise` takes after `import numpy`, and seconds for numpy itself."
    code = ("from time import perf_counter as now; a = now(); import numpy; b = now(); "
            "import rnn_stepwise; c = now(); print(b - a, c - b)")
    compiled = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    pairs = [subprocess.run([sys.executable, "-c", code], env=compiled, capture_output=True, text=True,
                            check=True).stdout.split() for _ in range(runs + 1)]
    return [median(float(value) for value in column) for column in zip(*pairs[1:])]


def checking(n_x, n_a, n_y, m):
    "Seconds of one RNN step, and of the part of it that checks the arguments."
    rng = np.random.default_rng(0)
    parameters = rs.init_rnn_parameters(n_x, n_a, n_y, rng)
    xt, a_prev = rng.normal(size=(n_x, m)), rng.normal(size=(n_a, m))
    def step(): rs.rnn_cell_forward(xt, a_prev, parameters)
    def check(): checked({"xt": xt, "a_prev": a_prev}, parameters, rs.RNN_PARAMETERS)
    return [median(repeat(call, number=200, repeat=15)) / 200 for call in (step, check)]


def main():
    numpy_s, package_s = importing()
    print(f"import numpy {1e3 * numpy_s:.1f} ms, import rnn_stepwise {1e3 * package_s:.1f} ms more: "
          f"{package_s / numpy_s:.1%} of it")
    for sizes in (3, 5, 2, 10), (50, 100, 20, 32):
        step_s, check_s = checking(*sizes)
        print(f"rnn_cell_forward with (n_x, n_a, n_y, m) = {sizes}: {1e6 * step_s:.0f} µs, "
              f"of which checking {check_s / step_s:.0%}")


if __name__ == "__main__":
    main()
