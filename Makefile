# `make help` lists what there is. Needs python3 (3.11 or later), a package index and, for the tests, a C++ compiler.

PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= 2
PIP := $(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --constraint .ci/constraints.txt

# pip compiles nothing and Python keeps what it compiles on first use: that halves the time to the first answer.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help chromium tesseract demo test unit coverage lint docs outputs bench speed soak fuzz compare dist release-check clean

help:  ## Show these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/demo.stamp  ## Ask the tiny models about the handbook in docs/handbook
	$(BIN)/python tools/demo.py

test: .venv/test.stamp .engines/ollama/done .engines/models/done .engines/packages/done chromium tesseract  ## Run all tests, those with real engines too; PYTEST_ARGS adds options, WORKERS=0 runs one process instead of two
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

unit: .venv/test.stamp  ## Run the unit tests and the examples in docstrings: no server is started
	$(BIN)/python -m pytest langchain_localllm tests/unit_tests $(PYTEST_ARGS)

coverage: .venv/test.stamp .engines/ollama/done .engines/models/done  ## Run all tests and show which lines they reach; PYTEST_ARGS can name test files
	$(BIN)/python -m coverage run -m pytest $(PYTEST_ARGS)
	$(BIN)/python -m coverage report

lint: .venv/lint.stamp  ## Check style (ruff, every rule), types (mypy, strict) and words (codespell)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell --dictionary - --dictionary .ci/words.txt
	$(BIN)/python .ci/check_phrases.py

docs: .venv/docs.stamp  ## Build the documentation in docs/_build/html; a warning is an error
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html

outputs: .venv/test.stamp .engines/ollama/done  ## Write into the docs and notebooks what their code prints, after a change of the tiny models
	$(BIN)/python -m tools.capabilities
	$(BIN)/python -m tools.engines.pages
	$(BIN)/python -m tools.engines.notebooks

bench: .venv/test.stamp  ## Run every benchmark; XQUAD=xquad.en.json adds those on its questions
	set -e; for file in $(filter-out benchmarks/speed.py,$(wildcard benchmarks/[a-z]*.py)); do echo "== $$file"; questions=; \
	if grep -q '"xquad", type=Path)' "$$file"; then questions='$(XQUAD)'; [ -n "$$questions" ] || { echo "XQUAD is not set: left out"; continue; }; fi; \
	$(BIN)/python -m "benchmarks.$$(basename "$$file" .py)" $$questions; done
	$(MAKE) speed

speed: .venv/test.stamp .engines/ollama/done .engines/models/done  ## Measure real models against other packages; writes docs/speed.md; SPEED_ARGS=--busy does so on busy cores
	$(BIN)/python -m benchmarks.speed $(SPEED_ARGS)

soak: .venv/test.stamp  ## Run models for ten minutes while servers are killed, clients leave and the disk is full; SOAK_ARGS adds options
	$(BIN)/python -m tools.soak $(SOAK_ARGS)

fuzz: .venv/test.stamp  ## Damage model files and documents at random for a minute, and save those that do harm; FUZZ_ARGS adds options
	$(BIN)/python -m tools.fuzz $(FUZZ_ARGS)

compare: .venv/test.stamp .engines/ollama/done  ## Run the standard suite on what this package replaces; writes docs/comparison.md
	$(BIN)/python -m tools.comparison
	$(BIN)/python -m tools.comparison.ollama_suite

dist: .venv/release.stamp  ## Build the source archive and the wheel into dist/, and check their metadata
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist
	$(BIN)/python -m twine check --strict dist/*

release-check: .venv/release.stamp  ## Build sdist and wheel, and try the wheel with each extra alone in a clean environment
	$(BIN)/python -m tools.release_check

clean:  ## Remove what these targets made
	rm -rf .venv .engines .localllm docs/_build .mypy_cache .ruff_cache .pytest_cache .hypothesis dist

# A stamp says what is installed; it is made again when the requirements change.
.venv/python.stamp: .ci/constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(PIP) 'pip>=25.1' && $(PIP) hatchling editables # --group came with pip 25.1; Python 3.11 brings an older one
	@touch $@

.engines/ollama/done: .venv/test.stamp tools/engines/ollama.py
	$(BIN)/python -m tools.engines.ollama

.engines/models/done: .venv/test.stamp tools/engines/real_models.py
	$(BIN)/python -m tools.engines.real_models

# The page is tested in a browser. Where Chromium is missing and cannot be installed, those tests are skipped.
chromium:
	@command -v chromium || command -v chromium-browser || command -v google-chrome || .ci/apt_install chromium fonts-dejavu-core || echo "Chromium is not installed: the tests of the page are skipped."

# Scans are recognized by Tesseract. Where it is missing and cannot be installed, those tests are skipped.
tesseract:
	@command -v tesseract || .ci/apt_install tesseract-ocr tesseract-ocr-eng tesseract-ocr-osd || echo "Tesseract is not installed: the tests of OCR are skipped."

.engines/packages/done: .venv/test.stamp tools/engines/separate_packages.py
	$(BIN)/python -m tools.engines.separate_packages

# llama-cpp-python comes as source only: it compiles for a quarter of an hour on two cores, and pip keeps what came out.
.venv/llamacpp.stamp: .venv/python.stamp
	CMAKE_ARGS="$$CMAKE_ARGS '-DCMAKE_PROJECT_llama.cpp_INCLUDE=$(CURDIR)/.ci/llama_cpp_without_common.cmake'" $(PIP) llama-cpp-python
	@touch $@
.venv/test.stamp .venv/lint.stamp: .venv/llamacpp.stamp

# What each target installs: extras of the package, and a dependency group of pyproject.toml.
.venv/demo.stamp: EXTRAS := [ui,server]
.venv/test.stamp: EXTRAS := [all,llama-cpp-python]
.venv/test.stamp: GROUPS := test
.venv/lint.stamp: EXTRAS := [all,llama-cpp-python]
.venv/lint.stamp: GROUPS := lint test
.venv/docs.stamp: EXTRAS := [cli,rag]
.venv/docs.stamp: GROUPS := docs
.venv/release.stamp: GROUPS := release
.venv/%.stamp: .venv/python.stamp pyproject.toml
	$(PIP) --no-build-isolation --editable '.$(EXTRAS)' $(GROUPS:%=--group %)
	@touch $@
