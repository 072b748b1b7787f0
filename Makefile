# Every target works on a fresh clone: the environment is made when it is missing.
PYTHON ?= $(firstword $(foreach p,python3 python3.13 python3.12 python3.11,\
	$(shell $(p) -c 'import sys; print("$(p)" if sys.version_info >= (3, 11) else "")' 2>/dev/null)))
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
export OMP_NUM_THREADS ?= 1

.PHONY: demo test test-slow smoke check docs bench peers clean
.DELETE_ON_ERROR:

demo: .venv/core
	$(BIN)/neurarium run hopular --part main --preset quick
	$(BIN)/neurarium report

test: .venv/dev
	$(BIN)/pytest -n auto -m "not slow"

test-slow: .venv/dev
	$(BIN)/pytest -n auto

smoke: .venv/dev
	$(BIN)/python -m neurarium.cli.every --preset smoke

check: .venv/dev
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m neurarium.report.readme --check

docs: .venv/dev
	$(BIN)/mkdocs build --strict

bench: .venv/dev
	$(BIN)/python -m benchmarks

peers: .venv/peers

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "neurarium needs Python 3.11 or newer on the PATH; or set PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/core: pyproject.toml constraints.txt | .venv/bin/python
	$(INSTALL) -e .
	@touch $@

.venv/dev: pyproject.toml constraints.txt | .venv/bin/python
	$(INSTALL) -e '.[dev]'
	@touch $@ .venv/core

.venv/peers: .venv/dev
	$(INSTALL) -e '.[dev,peers]'
	@touch $@

clean:
	rm -rf .venv runs report site
