"""Break the package in every place, one at a time, and see whether the tests notice.

    python -m tools.mutants                 judge every mutant; 1 if one survives without a reason
    python -m tools.mutants --only NAME     the mutants of one function
    python -m tools.mutants --list          print the mutants, judge none

The places: all expressions of the functions in ROOTS and of all functions of the package that they
call, directly or not. `changes` has the kinds. Annotations, docstrings, decorators and the words
of messages stay as they are.

The judge: the files in JUDGE, which test what the package does, up to the first failure. A mutant
is judged in a forked process that imports the package from the changed syntax tree. One that no
test notices survives, and mutants_equivalent.toml has to say why it computes the same.
"""
import argparse
import ast
import gc
import importlib.abc
import importlib.util
import os
import resource
import sys
import time
import tomllib
from collections import Counter
from dataclasses import dataclass
from os.path import commonprefix
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "rnn_stepwise"
ROOTS = """rnn_cell_forward rnn_forward lstm_cell_forward lstm_forward rnn_cell_backward rnn_backward
    lstm_cell_backward lstm_backward sigmoid softmax sequence_loss output_backward""".split()
JUDGE = [f"tests/test_{name}.py"
         for name in ("seeded", "promises", "gradients", "parity", "properties")]
WORKERS, SECONDS = os.cpu_count() or 1, 20    # at a time; of computing, more of which has no end
SURVIVED, KILLED, BROKEN = 0, 10, 90          # exit codes: KILLED + file, BROKEN + pytest's own

def read_package():
    "Module name → (file, syntax tree), for all modules of the package"
    modules = {}
    for file in sorted((ROOT / PACKAGE).rglob("*.py")):
        name = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        modules[name] = file, ast.parse(file.read_text(encoding="utf-8"))
    return modules

def reached(modules):
    "(module, function) → syntax tree, for ROOTS and everything in the package that they call"
    defined, known, found = {}, {}, {}
    for module, (_, tree) in modules.items():
        for node in tree.body:
            if isinstance(node, ast.FunctionDef): defined[module, node.name] = node
            if isinstance(node, ast.ImportFrom) and node.level:
                origin = ".".join([*module.split(".")[:-node.level], node.module])
                known |= {(module, n.asname or n.name): (origin, n.name) for n in node.names}
    todo = [key for name in ROOTS for key in defined if key[1] == name]
    while todo:
        key = todo.pop(0)
        if key not in defined or key in found: continue
        found[key] = defined[key]
        names = {node.id for node in ast.walk(defined[key]) if isinstance(node, ast.Name)}
        todo += [known.get((key[0], name), (key[0], name)) for name in sorted(names)]
    return found

PAIRS = {ast.Add: ast.Sub, ast.Mult: ast.Div, ast.Eq: ast.NotEq, ast.In: ast.NotIn, ast.Is: ast.IsNot,
         ast.Lt: ast.LtE, ast.Gt: ast.GtE, ast.And: ast.Or}
OTHER = PAIRS | {b: a for a, b in PAIRS.items()} | {ast.Pow: ast.Mult}
IN_PLACE = {ast.Add: "__iadd__", ast.Sub: "__isub__", ast.Mult: "__imul__", ast.Div: "__itruediv__"}

def altered(node, **fields): return type(node)(**vars(node) | fields)
def swaps(v): return [v[:i] + v[i:i + 2][::-1] + v[i + 2:] for i in range(len(v) - 1)]
def without(v): return [v[:i] + v[i + 1:] for i in range(len(v))]
def moved(node, op): return ast.BinOp(node, op, ast.Constant(1))
def transposed(node): return ast.Attribute(node, "T", ast.Load())

def changes(node, words, axis, arrays):
    "(kind, new node) for all ways of breaking a node, in a message, an axis, a function of arrays"
    row = {ast.Call: "args", ast.Tuple: "elts", ast.List: "elts", ast.Dict: "values"}.get(type(node))
    for other in swaps(getattr(node, row)) if row else []:
        yield "arguments swapped", altered(node, **{row: other})
    match node:
        case ast.Constant(bool(value)): yield "constant", ast.Constant(not value)
        case ast.Constant(int(value) | float(value)):
            yield "constant", ast.Constant(0 if axis and value else value + 1)
        case ast.Constant(str(text)) if text and not words:               # of einsum: ->ka to ->ak
            yield "constant", ast.Constant(text[:-2] + text[:-3:-1] if "->" in text else text[1:])
        case ast.BinOp(left, op, right):
            if type(op) in OTHER: yield "operator", altered(node, op=OTHER[type(op)]())
            else: yield "operands swapped", altered(node, left=right, right=left)
            yield "term dropped", left
            yield "term dropped", right
            if isinstance(op, ast.MatMult):
                yield "transpose", altered(node, left=transposed(left))
                yield "transpose", altered(node, right=transposed(right))
            if arrays and type(op) in IN_PLACE and isinstance(left, (ast.Name, ast.Subscript)):
                method = ast.Attribute(left, IN_PLACE[type(op)], ast.Load())
                yield "in place", ast.Call(method, [right], [])
        case ast.BoolOp(op, values):
            yield "and, or", altered(node, op=OTHER[type(op)]())
            for rest in without(values):
                yield "term dropped", altered(node, values=rest) if rest[1:] else rest[0]
        case ast.Compare(_, ops, _):
            for i, op in enumerate(ops):
                yield "comparison", altered(node, ops=[*ops[:i], OTHER[type(op)](), *ops[i + 1:]])
        case ast.UnaryOp(_, operand): yield "sign or not dropped", operand
        case ast.Attribute(value, "T"): yield "transpose", value
        case ast.Slice(lower, upper, step):                        # constants are changed as such
            for name, bound, end in ("lower", lower, 1), ("upper", upper, -1):
                if not isinstance(bound, ast.Constant):
                    other = moved(bound, ast.Add()) if bound else ast.Constant(end)
                    yield "slice", altered(node, **{name: other})
            if step: yield "slice", altered(node, step=None)
        case ast.Subscript(_, ast.Name() as index):
            yield "index", altered(node, slice=moved(index, ast.Sub()))
        case ast.Subscript(_, ast.Tuple([*rest, ast.Name() as index]) as indices):
            yield "index", altered(node, slice=altered(indices, elts=[*rest, moved(index, ast.Sub())]))
        case ast.Call(function, args, keywords):
            for rest in without(keywords): yield "keyword dropped", altered(node, keywords=rest)
            match function:
                case ast.Name("range"): yield "slice", altered(node, args=[moved(args[0], ast.Sub())])
                case ast.Attribute(value, "copy"): yield "in place", value
                case _ if len(args) == 1: yield "call dropped", args[0]
        case ast.Assign([to], ast.BinOp(left, op, right)) if ast.unparse(left) == ast.unparse(to):
            yield "in place", ast.AugAssign(to, op, right)
        case ast.If(test) | ast.IfExp(test):
            yield "negated", altered(node, test=ast.UnaryOp(ast.Not(), test))
        case ast.comprehension(_, _, [test, *more]):
            yield "negated", altered(node, ifs=[ast.UnaryOp(ast.Not(), test), *more])

def places(node, words=False, axis=False):
    "((parent, field, position), child, words, axis) of all that may be changed below a node"
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list"): continue
        for i, child in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(child, ast.AST): continue
            if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant): continue
            if field == "func" and isinstance(child, ast.Subscript): continue    # dict[str, int]()
            below = (words or isinstance(child, (ast.JoinedStr, ast.Raise)),
                     axis or isinstance(child, ast.keyword) and child.arg == "axis")
            yield (node, field, i if isinstance(value, list) else None), child, *below
            yield from places(child, *below)

@dataclass(eq=False)
class Mutant:
    "One change: `new` in the place of what stands there"
    module: str
    function: str
    line: int
    kind: str
    place: tuple                                # parent, field, position in it
    new: ast.AST
    before: str = ""
    after: str = ""
    code: int = SURVIVED

    def apply(self):
        "Make the change, or undo it"
        parent, field, position = self.place
        if position is None: parent, position = vars(parent), field
        else: parent = getattr(parent, field)
        parent[position], self.new = self.new, parent[position]

    def key(self): return self.function, self.before, self.after

    def __str__(self):
        return (f"{self.module.replace('.', '/')}.py:{self.line}  {self.function}: {self.kind}\n"
                f"    - {self.before}\n    + {self.after}")

def excerpts(before, after, context=30):
    "Both lines cut down to what differs, with something around it"
    head, tail = len(commonprefix([before, after])), len(commonprefix([before[::-1], after[::-1]]))
    tail = min(tail, len(before) - head, len(after) - head)
    return [line[max(0, head - context):len(line) - max(0, tail - context)] for line in (before, after)]

def mutants_of(module, function):
    "All mutants of one function that are Python and differ from it and from each other"
    made, seen = [], {original := ast.unparse(function)}
    for place, child, words, axis in places(function):
        line = getattr(child, "lineno", getattr(place[0], "lineno", function.lineno))
        for kind, new in changes(child, words, axis, function.name in ROOTS):
            mutant = Mutant(module, function.name, line, kind, place, new)
            mutant.apply()
            text = ast.unparse(function)
            mutant.apply()
            try: compile(text, "", "exec")
            except SyntaxError: continue
            if text in seen: continue
            seen.add(text)
            pairs = zip(original.split("\n"), text.split("\n"))
            mutant.before, mutant.after = excerpts(*next(pair for pair in pairs if pair[0] != pair[1]))
            made.append(mutant)
    return made

class Served(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    "Imports the package from code objects in memory: module name → (file, code)"
    def __init__(self, package): self.package = package
    def get_source(self, name): return None
    def get_code(self, name): return self.package[name][1]
    def is_package(self, name): return self.package[name][0].name == "__init__.py"
    def find_spec(self, name, path=None, target=None):
        if name in self.package:
            return importlib.util.spec_from_file_location(name, self.package[name][0], loader=self)

def compiled(file, tree): return file, compile(ast.fix_missing_locations(tree), file, "exec")

def prepare():
    "Import, once for all mutants, what the tests need"
    os.environ |= dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD"), "1")
    os.chdir(ROOT)
    for name in "numpy.random", "numpy.testing", "pytest", "torch", "hypothesis":
        if importlib.util.find_spec(name.split(".")[0]): importlib.import_module(name)
    sys.modules["pytest"].main(["--version"])                     # loads its plugins
    if hypothesis := sys.modules.get("hypothesis"):               # without shrinking what fails
        from hypothesis import Phase
        hypothesis.settings.register_profile("mutants", derandomize=True, database=None, deadline=None,
                                             phases=[Phase.explicit, Phase.generate])
        hypothesis.settings.load_profile("mutants")
    gc.freeze()                                                   # pytest collects garbage at its end

def judge(modules, package, mutant):
    "In a process of its own: run the tests on the mutated package; the exit code"
    import pytest
    if mutant:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        sys.stdout = sys.stderr = open(os.devnull, "w")
        mutant.apply()
        package[mutant.module] = compiled(*modules[mutant.module])
    sys.meta_path.insert(0, Served(package))
    for number, file in enumerate(JUDGE):
        code = int(pytest.main([file, *"-x -q --tb=no --assert=plain -p no:cacheprovider".split()]))
        if code in (1, 2): return KILLED + number                     # a failure, or no import
        if code not in (0, 5): return BROKEN + code                   # 5: everything was skipped
    return SURVIVED

def start(modules, package, mutant):
    "A process that judges a mutant, or the package as it is; its id"
    sys.stdout.flush()
    if pid := os.fork(): return pid
    code = BROKEN
    try: code = judge(modules, package, mutant)
    finally: os._exit(code)

def run(modules, package, mutants):
    "Judge mutants, several at a time; each gets its exit code, negative where a signal ended it"
    running = {}
    def wait():
        pid, status = os.wait()
        running.pop(pid).code = os.waitstatus_to_exitcode(status)
    for number, mutant in enumerate(mutants):
        if len(running) == WORKERS: wait()
        if number and number % 200 == 0: print(f"{number} of {len(mutants)}")
        running[start(modules, package, mutant)] = mutant
    while running: wait()
    if broken := [m for m in mutants if m.code >= BROKEN]: sys.exit(f"pytest cannot judge\n{broken[0]}")

def report(mutants, whole):
    "Print what happened; how many survivors have no reason and how many reasons no survivor"
    entries = tomllib.loads((ROOT / "tools/mutants_equivalent.toml").read_text(encoding="utf-8"))
    reasons = {(e["function"], e["before"], e["after"]): e["reason"] for e in entries["mutant"]}
    alive = [m for m in mutants if m.code == SURVIVED]
    bad = [m for m in alive if not reasons.get(m.key())]
    counts = [Counter(m.function for m in group) for group in (mutants, alive, bad)]
    for m in alive: print(f"\n{m}\n{'    ' + reasons[m.key()] if m not in bad else '    SURVIVED'}")
    stale = {key for key in reasons if whole or key[0] in counts[0]} - {m.key() for m in alive}
    for key in stale: print("\nSTALE, no such survivor:", *key, sep="\n    ")
    print(f"\n{'function':24}{'places':>8}{'killed':>8}{'equivalent':>12}{'survived':>10}")
    for name in [*counts[0], "all"]:
        n, s, b = (c.total() if name == "all" else c[name] for c in counts)
        print(f"{name:24}{n:8}{n - s:8}{s - b:12}{b:10}")
    died = Counter("no end" if m.code < 0 else JUDGE[m.code - KILLED] for m in mutants if m.code)
    print("killed by " + ", ".join(f"{file}: {n}" for file, n in died.most_common()))
    return len(bad) + len(stale)

def main():
    parser = argparse.ArgumentParser(prog="python -m tools.mutants", description=__doc__.split("\n")[0])
    parser.add_argument("--only", metavar="NAME", help="the mutants of one function")
    parser.add_argument("--list", action="store_true", help="print the mutants, judge none")
    options = parser.parse_args()
    began, modules = time.time(), read_package()
    functions = {key: tree for key, tree in reached(modules).items() if options.only in (None, key[1])}
    if not functions: parser.error(f"no function {options.only}")
    mutants = [m for (module, _), tree in functions.items() for m in mutants_of(module, tree)]
    if options.list: return print(*mutants, f"{len(mutants)} mutants", sep="\n")
    prepare()
    package = {name: compiled(*module) for name, module in modules.items()}
    if os.waitpid(start(modules, package, None), 0)[1]: sys.exit("The package fails its own judge.")
    error = ast.parse("raise AssertionError").body[0]         # is what is mutated what is run?
    sentinels = [Mutant(module, name, tree.lineno, "sentinel", (tree, "body", 0), error)
                 for (module, name), tree in functions.items()]
    run(modules, package, sentinels)
    asleep = [m.function for m in sentinels if m.code == SURVIVED]
    print(f"{len(sentinels)} functions, unnoticed when they only raise: {', '.join(asleep) or 'none'}")
    run(modules, package, mutants)
    bad = report(mutants, whole=not options.only) + len(asleep)
    print(f"{len(mutants)} mutants in {time.time() - began:.0f} s; to explain: {bad}")
    return int(bad > 0)

if __name__ == "__main__":
    sys.exit(main())
