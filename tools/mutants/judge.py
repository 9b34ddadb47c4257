"""The judge of a mutant: the tests that belong to its module, up to the first failure.

A mutant is judged in a forked process of its own, which imports the package from the changed
syntax trees. Forking spares it the import of what tests need, which is the same for all.
"""

import ast
import gc
import importlib
import os
import resource
import sys
from collections.abc import Iterable, Sequence
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.util import find_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from .mutant import Mutant
from .places import PACKAGE, ROOT, Module

JUDGE = "seeded gradients refusals guard checking promises parity properties hostile".split()
DRAWING = "drawing refusals hostile".split()
GRADIENTS = "gradients judging seeded refusals hostile".split()
JUDGES = {  # those that belong to a module come first
    "guard": "guard refusals checking seeded properties hostile".split(),
    "checking": "checking refusals guard promises properties seeded hostile".split(),
    "files": "files refusals hostile".split(),
    "seeded": "errata refusals hostile".split(),
    "errata": "errata refusals hostile".split(),
    "gradients": GRADIENTS,
    "judging": [*GRADIENTS, "xray"],
    "derivatives": [*GRADIENTS, "xray"],
    "watching": "xray refusals hostile".split(),
    "xrays": "xray refusals hostile".split(),
    "jacobians": "jacobians drawing refusals hostile".split(),
    "memory": "jacobians drawing refusals hostile".split(),
    "palette": DRAWING,
    "diagrams": DRAWING,
    "figures": DRAWING,
    "plots": DRAWING,
}
NEEDED = ["numpy.random", "numpy.testing", "pytest", "torch", "hypothesis", "matplotlib.pyplot"]
WORKERS = os.cpu_count() or 1  # mutants that are judged at a time
SECONDS = 90  # of computing; what takes longer has no end
SURVIVED, KILLED, BROKEN = 0, 10, 90  # exit codes; KILLED + which test, BROKEN + pytest's own
FAILED, INTERRUPTED, NOTHING_TO_RUN = 1, 2, 5  # pytest's own
PYTEST = "-x -q --tb=no --assert=plain -p no:cacheprovider".split()


class Served(MetaPathFinder, InspectLoader):
    "Imports the package from code in memory, not from its files"

    def __init__(self, package: dict[str, Any]) -> None:
        self.package = package  # module → its code

    def get_source(self, name: str) -> None:
        return None

    def get_code(self, name: str) -> Any:
        return self.package[name]

    def file_of(self, name: str) -> Path:
        return Path(self.package[name].co_filename)

    def is_package(self, name: str) -> bool:
        return self.file_of(name).name == "__init__.py"

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name in self.package:
            return spec_from_file_location(name, self.file_of(name), loader=self)
        return None


def compiled(module: Module) -> Any:
    ast.fix_missing_locations(module.tree)
    return compile(module.tree, str(module.file), "exec")


def prepare() -> None:
    "Import, once for all mutants, what the tests need"
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
        os.environ[name] = "1"
    os.environ["RNN_STEPWISE_MUTANT"] = "1"
    os.chdir(ROOT)
    for name in NEEDED:
        top = name.split(".")[0]
        if find_spec(top):
            importlib.import_module(name)
    sys.modules["pytest"].main(["--version"])  # loads its plugins
    if "hypothesis" in sys.modules:
        quick_hypothesis()
    gc.freeze()  # pytest collects garbage at its end


def quick_hypothesis() -> None:
    "A failing example is enough: it is not made smaller"
    from hypothesis import Phase, settings

    phases = [Phase.explicit, Phase.generate]
    settings.register_profile(
        "mutants", derandomize=True, database=None, deadline=None, phases=phases
    )
    settings.load_profile("mutants")


def verdict(files: Sequence[str]) -> int:
    "Run the tests, file by file; an exit code"
    import pytest

    for number, file in enumerate(files):
        code = int(pytest.main([file, *PYTEST]))
        if code in (FAILED, INTERRUPTED):  # interrupted where it could not be imported
            return KILLED + number
        if code not in (0, NOTHING_TO_RUN):
            return BROKEN + code
    return SURVIVED


class Judge:
    "The package as it is, in code, and the tests that judge what is made of it"

    def __init__(self, modules: dict[str, Module], files: Sequence[str] | None) -> None:
        self.modules, self.files = modules, files
        self.package = {name: compiled(module) for name, module in modules.items()}

    def judges(self, module: str) -> Sequence[str]:
        "The files of the tests of a module"
        if self.files:
            return self.files
        names = JUDGES.get(module.removeprefix(f"{PACKAGE}."), JUDGE)
        return [f"tests/test_{name}.py" for name in names]

    def accepts_the_package(self, modules: Iterable[str]) -> bool:
        "Do the tests pass where nothing is changed?"
        files = dict.fromkeys(file for module in modules for file in self.judges(module))
        _, status = os.waitpid(self.start(None, list(files)), 0)
        return status == 0

    def run(self, mutants: Sequence[Mutant]) -> None:
        "Judge mutants, several at a time; each gets its exit code, negative if a signal ended it"
        running: dict[int, Mutant] = {}

        def wait() -> None:
            process, status = os.wait()
            mutant = running.pop(process)
            mutant.code = os.waitstatus_to_exitcode(status)
            if KILLED <= mutant.code < BROKEN:
                mutant.killer = self.judges(mutant.module)[mutant.code - KILLED]
            if mutant.code >= BROKEN:
                sys.exit(f"pytest cannot judge\n{mutant}")

        for number, mutant in enumerate(mutants):
            if len(running) == WORKERS:
                wait()
            if number and number % 200 == 0:
                print(f"{number} of {len(mutants)}")
            files = self.judges(mutant.module)
            running[self.start(mutant, files)] = mutant
        while running:
            wait()

    def start(self, mutant: Mutant | None, files: Sequence[str]) -> int:
        "A process that judges a mutant, or the package as it is; its id"
        sys.stdout.flush()
        process = os.fork()
        if process:
            return process
        code = BROKEN
        try:
            if mutant:
                self.become(mutant)
            sys.meta_path.insert(0, Served(self.package))
            code = verdict(files)
        finally:
            os._exit(code)

    def become(self, mutant: Mutant) -> None:
        "Make the change, in this process alone; print nothing from now on"
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        sys.stdout = sys.stderr = open(os.devnull, "w")
        mutant.apply()
        module = self.modules[mutant.module]
        self.package[mutant.module] = compiled(module)
