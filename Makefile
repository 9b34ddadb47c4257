# Two commands do everything: `make docs` builds the site, `make test` runs all tests.
# Each makes its environment first and installs the project into it. CONTRIBUTING.md has the same
# without make.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
# The scripts of an environment hold its path, so a repository that was moved gets a new one.
READY := $(VENV)/ready-$(shell pwd | cksum | cut -d' ' -f1)

TORCH_SIZE := the CPU build is a download of about 190 MB; where the package index offers only the \
	CUDA build (Linux), it is several GB. Ctrl-C stops it.

# tests of the house around the package: the site, what is generated, the wheel, types (see check)
HOUSE := $(wildcard tests/test_site*.py) \
	$(addprefix tests/test_, website.py quarto.py generated.py wheel.py types.py)

.PHONY: help env docs serve test quick installed check hooks notebooks parity mutants alarms bench package clean

help: ## this list
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(READY): pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

env: $(READY) ## the environment alone

docs: $(READY) ## environment, install, export, site in _docs/
	$(BIN)/nbdev_export
	@if command -v quarto >/dev/null; then rm -rf _proc && PATH="$(CURDIR)/$(BIN):$$PATH" nbdev_docs && \
		echo "The site is built, and its search needs a server: python3 -m http.server --directory _docs"; \
	else $(BIN)/python -m docsite && echo "The site is built: open _docs/index.html"; fi

serve: $(READY) ## the site on localhost
	$(BIN)/nbdev_export
	$(BIN)/python -m docsite serve

test: $(READY) ## environment, install, all notebooks, all other tests
	$(BIN)/nbdev_test
	$(BIN)/python -m pytest

quick: $(READY) ## the package's own tests: half a minute
	$(BIN)/python -m pytest --quiet $(addprefix --ignore=, $(HOUSE))

installed: $(READY) ## the same tests on the installed wheel, and from the sdist
	$(BIN)/python -m pytest --quiet tests/test_wheel.py -k suite

check: $(READY) ## format, lint, types
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy -p rnn_stepwise -p tools

hooks: $(READY) ## from now on git stops a commit that is not clean, exported or formatted
	$(BIN)/pre-commit install

notebooks: $(READY) ## execute all notebooks in place, leave them clean, renew what is made from them
	$(BIN)/nbdev_export
	$(BIN)/python -m tools.refusals
	$(BIN)/python -m tools.lists
	$(BIN)/python -m tools.notebooks
	$(BIN)/python -m docsite readme

parity: $(READY) ## agreement with PyTorch, which is a large download
	@$(BIN)/python -c 'import torch' 2>/dev/null || echo "Installing PyTorch 2.13.0: $(TORCH_SIZE)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[parity]'
	$(BIN)/python tests/test_parity.py

mutants: $(READY) ## break the code in every place, one at a time; prints what no test notices: an hour
	$(BIN)/python -m tools.mutants

alarms: $(READY) ## how often the checkers call a right gradient wrong, and a wrong one right
	$(BIN)/python -m tools.alarms

bench: $(READY) ## what the readable functions and their import cost, as ratios
	$(BIN)/python -m tools.bench

package: $(READY) ## wheel and sdist in dist/
	$(BIN)/nbdev_export
	$(BIN)/python -m build

clean: ## remove everything that is made and not committed
	rm -rf $(VENV) _docs _proc .docsite build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
