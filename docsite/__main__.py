"""python -m docsite [build | serve [--port N] | readme [--check]]"""

import argparse
import sys
import time

from docsite.build import build
from docsite.process import DocsError
from docsite.readme import check_readme, write_readme
from docsite.serve import serve
from website.formulas import FormulaError


def arguments() -> argparse.Namespace:
    """The command line, parsed."""
    parser = argparse.ArgumentParser("python -m docsite", description="The site without Quarto.")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("build", help="build the site into _docs/ (the default)")
    serve = commands.add_parser("serve", help="serve it on this machine, reload it on changes")
    serve.add_argument("--port", type=int, default=8000)
    readme = commands.add_parser("readme", help="write README.md from the index notebook")
    readme.add_argument("--check", action="store_true", help="only say whether it is up to date")
    return parser.parse_args()


def main() -> int:
    """Do what the command line asks for; the result is the exit status."""
    options = arguments()
    if options.command == "readme":
        if not options.check:
            write_readme()
            return 0
        differences = check_readme()
        print("\n".join(differences or ["README.md is up to date"]))
        return 1 if differences else 0

    start = time.perf_counter()
    site, rebuilt = build()
    done = f"built in {time.perf_counter() - start:.1f} s" if rebuilt else "up to date"
    print(f"{site}: {done}", flush=True)
    if options.command == "serve":
        serve(site, options.port)
    return 0


if __name__ == "__main__":  # nbdev starts worker processes, which import this file again
    try:
        sys.exit(main())
    except (DocsError, FormulaError) as error:
        sys.exit(f"docsite: {error}")
