"""What the readable functions and their import cost, side by side in one run: `make bench`.

The same calls go to three: the package; a second copy of it whose functions check nothing, which
is the same mathematics alone; and the plain loop of the exercise. First they must agree on every
number. Then they take turns, on one thread, and the medians are compared. Nothing here passes or
fails: a slow day is no defect.
"""

import os

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
os.environ |= dict.fromkeys(THREADS, "1")  # NumPy reads them when it is imported

import importlib
import subprocess
import sys
from statistics import median
from time import perf_counter, thread_time
from types import ModuleType

import numpy as np

import rnn_stepwise as readable
from tools import plain_loop

SIZES = [(3, 5, 10, 7), (27, 100, 1, 30), (32, 64, 32, 50), (64, 128, 64, 100)]  # n_x, n_a, m, T_x
NETWORKS = ["rnn", "lstm"]
MODULES = [
    "notation", "rnn.cell", "rnn.forward", "rnn.backward",
    "lstm.cell", "lstm.forward", "lstm.backward",
]  # fmt: skip
PACKAGE = readable.__name__
SECONDS = 1.5  # for one row of a table
AGREE = 1e-12  # max|a - b| <= AGREE * max|b|, sums being taken in another order


def take_out():
    "Remove the package from the imported modules; its modules by name"
    names = [name for name in sys.modules if f"{name}.".startswith(f"{PACKAGE}.")]
    return {name: sys.modules.pop(name) for name in names}


def load_bare():
    "A second copy of the package, without the guard; the first stays as it is"
    first = take_out()
    package = ModuleType(PACKAGE)
    package.__path__ = readable.__path__
    sys.modules[PACKAGE] = package
    try:
        guard = importlib.import_module(f"{PACKAGE}.guard")
        guard.guarded = lambda *args, **kwargs: lambda function: function
        for name in MODULES:
            module = importlib.import_module(f"{PACKAGE}.{name}")
            for public in module.__all__:
                setattr(package, public, getattr(module, public))
    finally:
        take_out()
        sys.modules.update(first)
    return package


def problem(network, sizes):
    "x, a0, parameters, da"
    n_x, n_a, m, T_x = sizes
    rng = np.random.default_rng(0)
    init = getattr(readable, f"init_{network}_parameters")
    parameters = init(n_x, n_a, 2, rng)
    x = rng.normal(size=(n_x, m, T_x))
    da = rng.normal(size=(n_a, m, T_x))
    return x, rng.normal(size=(n_a, m)), parameters, da


def there_and_back(module, network):
    "A function that runs a network of a module forward and backward; its results"
    forward = getattr(module, f"{network}_forward")
    backward = getattr(module, f"{network}_backward")

    def run(x, a0, parameters, da):
        *results, caches = forward(x, a0, parameters)
        return results, backward(da, caches)

    return run


def cell_calls(network, sizes):
    "Name → arguments of the functions of one step"
    x, a0, parameters, da = problem(network, sizes)
    xt = x[:, :, 0].copy()
    da_next = da[:, :, 0].copy()
    number = {"rnn": 1, "lstm": 2}[network]  # of states: the LSTM has a memory, too
    states, arriving = [a0] * number, [da_next] * number
    forward = getattr(readable, f"{network}_cell_forward")
    *_, cache = forward(xt, *states, parameters)
    return {
        f"{network}_cell_forward": [xt, *states, parameters],
        f"{network}_cell_backward": [*arriving, cache],
    }


def assert_agree(ours, theirs):
    np.testing.assert_equal(len(ours), len(theirs))
    for one, other in zip(ours, theirs):
        tolerance = AGREE * abs(other).max()
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance, strict=True)


def agree(runs, arguments):
    "All compute the same results and gradients, or AssertionError"
    results, gradients = runs[0](*arguments)
    for run in runs[1:]:
        other_results, other_gradients = run(*arguments)
        assert_agree(results, other_results)
        assert set(gradients) == set(other_gradients)
        assert_agree(gradients.values(), [other_gradients[name] for name in gradients])


def race(calls, arguments, seconds, times=1):
    "Median seconds of one call, of several functions that take turns: so many calls a turn"
    found = [[] for _ in calls]
    end = perf_counter() + seconds
    while perf_counter() < end or len(found[0]) < 5:
        for call, spent in zip(calls, found):
            start = thread_time()  # what others do on this machine does not count
            for _ in range(times):
                call(*arguments)
            spent.append((thread_time() - start) / times)
    return [median(spent) for spent in found]


def networks_table(bare):
    row = "{:8}{:22}{:>10}{:>24}{:>21}".format
    head = ("", "(n_x, n_a, m, T_x)", "readable", "over the mathematics", "over the plain loop")
    print("\nForward and backward\n\n" + row(*head))
    for sizes in SIZES:
        for network in NETWORKS:
            arguments = problem(network, sizes)
            runs = [there_and_back(module, network) for module in (readable, bare, plain_loop)]
            agree(runs, arguments)
            ours, mathematics, plain = race(runs, arguments, SECONDS)
            ratios = f"{ours / mathematics:.2f}", f"{ours / plain:.2f}"
            print(row(network, str(sizes), f"{1e6 * ours:.0f} µs", *ratios))


def cells_table(bare, sizes=(3, 5, 10, 1)):
    row = "{:30}{:>10}{:>24}".format
    print("\nOne step at n_a = 5, m = 10\n\n" + row("", "readable", "over the mathematics"))
    for network in NETWORKS:
        for name, arguments in cell_calls(network, sizes).items():
            calls = [getattr(module, name) for module in (readable, bare)]
            ours, mathematics = race(calls, arguments, SECONDS, times=20)
            print(row(name, f"{1e6 * ours:.1f} µs", f"{ours / mathematics:.2f}"))


IMPORTING = """
from time import perf_counter as now
start = now()
import numpy
between = now()
import rnn_stepwise
print(between - start, now() - between)
"""


def importing(runs=15):
    "Median seconds of `import numpy`, and of `import rnn_stepwise` after it"
    environment = dict(os.environ)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-c", IMPORTING]
    rows = []
    for _ in range(runs + 1):  # the first one compiles
        done = subprocess.run(command, env=environment, capture_output=True, check=True)
        rows.append([float(number) for number in done.stdout.split()])
    return [median(column) for column in zip(*rows[1:])]


def main():
    numpy_s, package_s = importing()
    print(f"import numpy {1e3 * numpy_s:.1f} ms, import rnn_stepwise {1e3 * package_s:.1f} ms more")
    bare = load_bare()
    networks_table(bare)
    cells_table(bare)


if __name__ == "__main__":
    main()
