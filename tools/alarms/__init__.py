"""How often the checkers call a right gradient wrong, and a wrong one right.

    python -m tools.alarms                      the table
    python -m tools.alarms --cases 1000         with so many cases a row, and fewer in slow rows
    python -m tools.alarms --rows xray/float32  only the rows that begin so; several may be given
    python -m tools.alarms --package FOLDER     of another copy of the package, in that folder
    python -m tools.alarms --causes             and of what kind were the cases that went wrong

`gradient_check`, `xray` and `xray_cell` are given right gradients and backward passes, computed
in ways of their own, in double and in single precision, on random networks of all sizes, short and
long, saturated and fading; and then wrong ones. A report is "ok"; "wrong"; or "cannot tell", where
it has no row that is wrong and one that says so. An error that is raised says "wrong", too. The same
seed gives the same cases. A wrong gradient is one that differs from the right one by more than
rounding can: by 3e-6 of an array's largest number, by 1e-2 in single precision.

    passes.py     backward passes that are right
    mistakes.py   and wrong ones
    problems.py   networks and losses
    cases.py      one case: what is asked, and what comes back
    table.py      many of them, counted
"""
