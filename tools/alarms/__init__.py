"""How often the checkers call a right gradient wrong, and a wrong one right.

    python -m tools.alarms                     the table: three minutes
    python -m tools.alarms --cases 1000        with so many cases a row, a tenth of it in slow rows
    python -m tools.alarms --rows xray/float32 only the rows that begin so; several may be given
    python -m tools.alarms --package FOLDER    of another copy of the package, in that folder
    python -m tools.alarms --causes            and of what kind were the cases that went wrong

`gradient_check`, `xray` and `xray_cell` are given right gradients and backward passes, computed
in ways of their own, in double and in single precision, on random networks of all sizes, short and
long, saturated and fading; and then wrong ones. Only what is public is asked. A report is "ok";
"wrong"; or "cannot tell", where no row of it is called wrong and one says so. Called wrong is
also what an error is raised for. The same seed gives the same cases.

    passes.py     backward passes that are right
    mistakes.py   and wrong ones
    problems.py   networks and losses
    cases.py      one case: what is asked, and what comes back
    table.py      many of them, counted
"""
