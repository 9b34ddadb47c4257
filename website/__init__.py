"""What the pages of the site have, whichever engine draws them: Quarto, or docsite/ where it is missing.

    cells.py      an nbdev processor, named in settings.ini: each function told once, anchors for
                  constants, and the facts of a page that page.lua wants to know
    page.lua      a pandoc filter: numbers of sections, addresses of equations, links to them
    equations.py  the numbered equations of the book
    names.py      the public names of the package, and where each is explained
    formulas.py   TeX -> drawn formulas
    scroll.js     what can be scrolled sideways can be scrolled with the keyboard
    finish.py     what Quarto runs when its pages are written: formulas, downloads, search, README.md
    theme.scss    on top of Quarto's themes; docsite/ has a style sheet of its own

`tools/lists.py` makes the notebooks of symbols and of functions.
"""
