# Everything here sets itself up: `make demo` needs Debian, Python 3.11+ and make, nothing else.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.SILENT:
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
# The core's tests run in this many processes.
WORKERS ?= 2
BIN := .venv/bin
# pip compiles modules one by one, the tests of every library among them: that is done after it, on all cores.
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-compile
COMPILE := $(BIN)/python -m compileall -q -j 0 -x '/tests?/' .venv/lib
PLUGIN := plugins/napari-bmetk

# What Qt 6 and a virtual screen need beyond Debian's base system; dicom3tools checks written DICOM.
APT_PACKAGES := xvfb xauth libegl1 libgl1 libxkbcommon-x11-0 libdbus-1-3 libxcb-cursor0 libxcb-icccm4 \
  libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 libxcb-shape0 libxcb-xinerama0 dicom3tools

.PHONY: help demo test review lint format sample clean

help: ## Say what can be made
	grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/'

demo: .venv/.core ## Track the sample patient into demo-out/ (sets up the core alone)
	$(BIN)/bmetk demo --out demo-out

test: .venv/.test .venv/.apt ## Lint, check types and imports, run every test (sets up everything)
	$(MAKE) --no-print-directory lint
	$(MAKE) --no-print-directory test-plugin
	$(MAKE) --no-print-directory test-core

.PHONY: test-core test-plugin
test-core: .venv/.test
	$(BIN)/pytest -n $(WORKERS) --cov --cov-report=term

# Under CI a window that cannot open is a failure; elsewhere the reason is said.
test-plugin: .venv/.test .venv/.apt
	cd $(PLUGIN)
	if command -v xvfb-run >/dev/null; then
	  xvfb-run -a -s "-screen 0 1600x1000x24" ../../$(BIN)/pytest --cov --cov-report=term
	elif [ -n "$${CI:-}" ]; then
	  echo "xvfb is missing: the plugin's window cannot be tested; apt-get install xvfb xauth" >&2
	  exit 1
	else
	  echo "xvfb is missing: the plugin's tests are left out; apt-get install xvfb xauth" >&2
	fi

lint: .venv/.test ## Check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/npe2 validate --imports napari-bmetk

format: .venv/.test ## Lay the code out and mend what can be mended by machine
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

review: .venv/.review ## Open the demo's result in napari
	[ -f demo-out/timeline.json ] || $(BIN)/bmetk demo --out demo-out
	$(BIN)/bmetk view demo-out

sample: .venv/.core ## Simulate the shipped patient anew from its recipe
	$(BIN)/python sample_data/make.py

clean: ## Remove what was built
	rm -rf .venv demo-out build dist .coverage .coverage.* htmlcov .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A virtual environment; Debian keeps its maker in a package of its own, which root can install.
$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
	  echo "bmetk needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>/dev/null || echo missing)." \
	       "Name another one with: make PYTHON=/path/to/python3 ..." >&2
	  exit 3
	}
	if ! $(PYTHON) -m venv .venv >/dev/null 2>&1; then
	  rm -rf .venv
	  if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	    echo "$(PYTHON) cannot make a virtual environment: install it (sudo apt-get install python3-venv) and try again" >&2
	    exit 3
	  fi
	  apt-get update -qq
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
	  $(PYTHON) -m venv .venv || { rm -rf .venv; exit 3; }
	fi

.venv/.core: pyproject.toml | $(BIN)/python
	echo "Setting up bmetk in .venv ..."
	$(PIP) -e .
	$(COMPILE) || true
	touch $@

.venv/.review: $(PLUGIN)/pyproject.toml .venv/.core
	$(PIP) -e . -e './$(PLUGIN)[qt]'
	$(COMPILE) || true
	touch $@

.venv/.test: pyproject.toml $(PLUGIN)/pyproject.toml $(PLUGIN)/src/napari_bmetk/napari.yaml | $(BIN)/python
	echo "Setting up bmetk, its plugin and the test tools in .venv ..."
	$(PIP) -e '.[dev]' -e './$(PLUGIN)[test]'
	$(COMPILE) || true
	touch .venv/.core .venv/.review $@

.venv/.apt: Makefile | $(BIN)/python
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	  if ! dpkg -s $(APT_PACKAGES) >/dev/null 2>&1; then
	    echo "Installing what the tests need from Debian ..."
	    apt-get update -qq
	    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(APT_PACKAGES) >/dev/null
	  fi
	else
	  echo "Not root: system packages are taken as they are ($(APT_PACKAGES))" >&2
	fi
	touch $@
