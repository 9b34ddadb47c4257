"""The embedded site renderer: the pages of `nbdev_docs` on machines without the `quarto` program.

nbdev turns each notebook in `nbs/` into a processed notebook in `_proc/`. With Quarto installed,
`nbdev_docs` hands that folder to Quarto. Without it, `python -m docsite` reads the same folder:

    process.py    nbdev's processing, the site's facts, the list of pages
    markdown.py   a processed notebook -> the markdown Quarto would make of it, and its figures
    quarto.lua    a pandoc filter: folded code, numbered figures, cross references
    search.py     the index that search.js searches
    build.py      all of it, into pages (page.html, style.css, site.js, search.js) in `_docs/`
    memo.py       what an earlier build made and is still right
    serve.py      the site on this machine, built again when a notebook changes
    readme.py     README.md from the index notebook

What the pages have in either engine comes from `website/`. The facts live where Quarto reads them
too: `_quarto.yml`, the `nbdev.yml` and `sidebar.yml` that nbdev generates, and the title cells of the
notebooks. Nothing is downloaded.
"""
