# make run   all four notebooks on the default recipe, quickly      make check what to run after each change
# make lab   JupyterLab                                             make test  everything that can be checked
# make help  the rest
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
ARGS ?=
PYTEST := $(BIN)/python -m pytest -n 2
REVEAL := build/npm/node_modules/reveal.js
ONNX := build/npm-playground/node_modules/onnxruntime-web
FETCH = if command -v npm > /dev/null; then $(MAKE) -s $(ONNX) || true; fi
NPM := npm install --silent --no-save --no-package-lock --ignore-scripts --fetch-retries=1 --fetch-retry-maxtimeout=2000 \
       --fetch-retry-mintimeout=1000 --prefix

.PHONY: help venv run check test lab slides site refresh bench clean
.DEFAULT_GOAL := help

help:  ## this list
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 10

venv: $(READY)  ## set up .venv from requirements.txt, if it is missing or out of date

# the file is written last, so an installation that was interrupted is done again
$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "clockodile: Python 3.11 or newer is needed; name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@rm -f $(READY)
	@echo "setting up .venv: once, a few minutes, about 6 GB on Linux (README.md tells how to make it 1.5)"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip setuptools
	$(BIN)/python -m pip install --quiet -r requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps -e .
	@touch $(READY)

run: venv  ## run the four notebooks: make run ARGS="--data-dir my_photos"
	@$(BIN)/clockodile run $(ARGS)

check: venv  ## style and every quick test: 4 minutes on two cores
	@$(BIN)/ruff check
	@$(PYTEST) -m "not slow" $(ARGS)

test: venv  ## everything: also the notebooks, their solutions and printed facts, the wheel, the site in a browser
	@$(BIN)/ruff check
	@$(FETCH)
	@$(PYTEST) $(ARGS)

lab: venv  ## open the notebooks in JupyterLab
	$(BIN)/jupyter lab notebooks

slides: venv $(REVEAL)  ## build/slides: a deck for each notebook, offline (npm fetches reveal.js once)
	@$(BIN)/python teaching/slides.py $(REVEAL) build/slides
	@ls build/slides/*.html

site: venv  ## build/site: every page, and the playground (npm fetches onnxruntime-web once); takes the decks along
	@$(FETCH)
	@$(BIN)/python teaching/site/build.py $(ONNX)

$(ONNX):
	@$(NPM) build/npm-playground onnxruntime-web@1.30.0 axe-core@4.14.1

$(REVEAL):
	@command -v npm > /dev/null || { echo "clockodile: slides need npm, once, to fetch reveal.js: nodejs.org" >&2; exit 2; }
	@$(NPM) build/npm reveal.js@5.2.1

refresh: venv  ## rewrites the committed notebooks, figures and README tables from a quick run (needs the photographs)
	$(BIN)/clockodile refresh

bench: venv  ## measure side by side against what one would pick instead
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit; done

clean:  ## remove .venv and everything that can be made again, but no results in runs/
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis src/*.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +
