# Every command of the project; CI runs the same ones. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# The first of these that runs here; a version manager may have a name on the path that does not.
PYTHON ?= $(shell for p in python3.12 python3.11 python3; do $$p -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null && echo $$p && break; done || echo python3)
VENV ?= .venv
OLDEST_VENV ?= .venv-oldest
OTHER_VENV ?= .venv-other
OTHER_PYTHON ?= python3.11
NAME ?=
TIMEOUT ?=
# Processes that share the tests; each makes its own servers and models, so more than a few do not pay.
WORKERS ?= $(shell n=$$(nproc 2>/dev/null || echo 2); echo $$(( n < 4 ? n : 4 )))
export AIRFLOW_HOME := $(CURDIR)/build/airflow
# Downloads stay in the checkout too, unless the user keeps a cache of their own.
export UV_CACHE_DIR ?= $(CURDIR)/build/uv-cache
export GX_ANALYTICS_ENABLED = false
export MLFLOW_DISABLE_TELEMETRY = true
BIN := $(VENV)/bin
RUN := $(BIN)/python -m
# Tests of one file share what is dear to make, so a file stays with one worker.
SHARED = --numprocesses $(WORKERS) --dist loadfile

.PHONY: help install demo up down status test test-unit test-e2e test-across test-oldest lint type format bench docs build lock clean

help: ## list the commands
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: $(VENV)/.installed ## make the environment from the lock file

# uv comes from the lock too: version and hashes in one place.
define make-venv
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if v in ((3, 11), (3, 12)) else f"Python {v[0]}.{v[1]} is not supported here: set PYTHON=python3.11 or python3.12")'
	test -x $(1)/bin/python || $(PYTHON) -m venv $(1)
	awk '/^[a-z]/{keep = /^uv==/} keep' $(2) > $(1)/uv.txt
	$(1)/bin/python -m pip install --quiet --no-cache-dir --disable-pip-version-check --require-hashes --no-deps -r $(1)/uv.txt
	$(1)/bin/uv pip sync --quiet --python $(1)/bin/python --require-hashes --compile-bytecode $(2)
	$(1)/bin/uv pip install --quiet --python $(1)/bin/python --no-deps --editable .
	@touch $(1)/.installed
endef

$(VENV)/.installed: requirements.lock pyproject.toml
	$(call make-venv,$(VENV),requirements.lock)

$(OLDEST_VENV)/.installed: requirements-oldest.lock pyproject.toml
	$(call make-venv,$(OLDEST_VENV),requirements-oldest.lock)

$(OTHER_VENV)/.installed: PYTHON = $(OTHER_PYTHON)
$(OTHER_VENV)/.installed: requirements.lock pyproject.toml
	$(call make-venv,$(OTHER_VENV),requirements.lock)

demo: install ## run the lifecycle on real flights through a real Airflow, and tell its story
	$(RUN) airflow_provider_mlops.embedded demo $(if $(TIMEOUT),--timeout $(TIMEOUT),)

up: install ## start the same Airflow and leave it running
	$(RUN) airflow_provider_mlops.embedded up

down: install ## end all that `make demo` and `make up` started
	$(RUN) airflow_provider_mlops.embedded down

status: install ## say what runs
	$(RUN) airflow_provider_mlops.embedded status

test: install ## all tests: unit, integration, Dags, and end to end through the real scheduler
	$(RUN) pytest tests --ignore tests/benchmarks --ignore tests/e2e $(SHARED)
	$(RUN) pytest tests/e2e

test-unit: install ## the quick tests
	$(RUN) pytest tests/unit $(SHARED)

test-e2e: install ## the tests through the real scheduler
	$(RUN) pytest tests/e2e

test-across: install $(OTHER_VENV)/.installed ## what one Python trains, another replays: set OTHER_PYTHON
	MLOPS_OTHER_PYTHON=$(abspath $(OTHER_VENV))/bin/python $(RUN) pytest tests/integration/test_flights_year.py

test-oldest: $(OLDEST_VENV)/.installed ## unit and contract tests on the oldest supported Airflow
	$(OLDEST_VENV)/bin/python -m pytest tests/unit tests/dags tests/packaging tests/integration $(SHARED)

lint: install ## style, imports, layers, spelling, build file
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/codespell .
	$(BIN)/validate-pyproject pyproject.toml

type: install ## types
	$(BIN)/mypy

format: install ## put the style right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install ## the figures, as ratios against a peer; NAME=drift runs a group
	$(RUN) pytest tests/benchmarks -m bench -p no:randomly -q -s $(if $(NAME),-k "$(NAME)",)

docs: install ## the documentation, warnings are errors
	$(RUN) sphinx -n -W --keep-going -b html docs docs/_build/html

build: install ## the wheel and the source archive
	$(RUN) build --installer uv --outdir dist

LOCK = $(BIN)/uv pip compile --quiet pyproject.toml --all-extras --group dev --universal --generate-hashes --no-header --no-annotate --python-version 3.11

lock: install ## resolve the versions again (names, versions and hashes; no addresses)
	$(LOCK) --constraint .ci/latest.txt --output-file requirements.lock
	$(LOCK) --constraint .ci/oldest.txt --output-file requirements-oldest.lock

clean: ## remove what the commands made
	rm -rf build dist docs/_build .embedded .venv .venv-oldest .pytest_cache .mypy_cache .ruff_cache
