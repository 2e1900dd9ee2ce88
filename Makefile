# Needs a Python from 3.11, make and a package index. VENV names another environment to use.
VENV ?= .venv
BIN := $(VENV)/bin
SHELL := /bin/sh

.PHONY: demo test check bench clean
.DELETE_ON_ERROR:

demo: $(VENV)/.run
	@$(BIN)/torchsolve resolve trellis2 -o build/demo

test: $(VENV)/.dev
	$(BIN)/python -m pytest -q -n auto

# Every check runs, whatever the others say.
CHECKS := 'ruff check .' 'ruff format --check .' 'mypy' 'lint-imports' \
  'python -m pytest -q tests/unit/test_house_docs.py'

check: $(VENV)/.dev
	@failed=; for check in $(CHECKS); do \
	  echo "$$ $$check"; $(BIN)/$$check || failed="$$failed, $$check"; \
	done; \
	[ -z "$$failed" ] || { echo "failed: $${failed#, }" >&2; exit 1; }

bench: $(VENV)/.dev
	$(BIN)/python tests/bench/figures.py

clean:
	rm -rf build dist

# The environment is made again only when what it is made from has changed.
$(VENV)/.run: pyproject.toml
	@$(MAKE) --no-print-directory $(BIN)/pip
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.run
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group dev
	@touch $@

$(BIN)/pip:
	@for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	  if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	  then exec "$$python" -m venv $(VENV); fi; \
	done; \
	echo "error: no-python  Python 3.11 or newer with its venv module is needed" >&2; \
	echo "hint: make demo PYTHON=/path/to/python3" >&2; exit 1
