"""What the pages of the site have, whichever engine makes them: Quarto, or docsite/ without it.

In both:

    cells.py      an nbdev processor, named in settings.ini: each function told once, anchors for
                  constants, and the facts of a page that page.lua wants to know
    page.lua      a pandoc filter: numbers of sections, addresses of equations, links to them
    equations.py  the numbered equations of the book
    names.py      the public names of the package, and where each is explained
    formulas.py   TeX -> drawn formulas (formulas.css)
    page.js     what can be scrolled sideways can be scrolled with the keyboard

For Quarto alone, which has a template, styles and a search of its own:

    finish.py     what it runs when its pages are written; README.md, too
    theme.scss    on top of its themes

`tools/lists.py` makes the notebooks of symbols and of functions.
"""
