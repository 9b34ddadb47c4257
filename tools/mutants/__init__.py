"""Break the package in every place, one at a time, and see whether the tests notice.

    python -m tools.mutants                    judge every mutant; 1 if one survives without a reason
    python -m tools.mutants --only NAME ...    the mutants of some modules or functions
    python -m tools.mutants --list             print the mutants, judge none

A *mutant* is the package with one small change. The tests should fail on it; where they do not,
either a test is missing, or the change computes the same, and `tools/mutants_equivalent.toml` has
to say why.

    places.py     where: every function, method and value of the package, and all that stands in them
    changes.py    how: for each kind of syntax the ways of breaking it
    mutant.py     one change, made and undone
    judge.py      the tests, run on a mutant in a process of its own
    report.py     what survived, and the reasons
"""
