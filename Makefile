# Everything starts here; `make help` lists it. Two commands set up a fresh machine that has
# Python 3.11 to 3.13 and nothing else: `make demo` and `make test`.
#
#   make PYTHON=/path/to/python3.12 test    another interpreter
#   make demo DEMO_SECONDS=600              a longer demo
# pip's own environment variables (PIP_EXTRA_INDEX_URL, ...) are honoured, for instance to
# prefer torch's CPU-only wheels.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c '$(SUPPORTED)' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
# Modules are compiled when they are first imported, not all of torch and Ray beforehand: once, for
# all processes, even where the environment forbids it: each would compile torch and Ray anew.
unexport PYTHONDONTWRITEBYTECODE
COMPILE := $(BIN)/python -c 'import raylab.cli, raylab.experiment.runner, raylab.frame'
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt
DEMO_SECONDS ?= 180
PEERS ?= sb3 cleanrl-style rllib
DEMO_RUNS := runs/demo-$(shell date +%Y%m%d-%H%M%S)

.PHONY: help demo install install-dev test test-slow lint types contracts pytest fix \
	faults load detection bench bench-ppo bench-levers bench-system bench-dqn bench-replay bench-tpch bench-frame \
	conformance bench-control constraints clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# --- set-up: stamps, so that a second call installs nothing --------------------------------

$(BIN)/python:
	@[ -n "$(PYTHON)" ] || { echo "No Python 3.11 to 3.13 found; try: make PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c '$(SUPPORTED)' || { echo "$(PYTHON) is not Python 3.11 to 3.13." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "Making $(VENV) failed; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing raylab into $(VENV) (some minutes the first time)"
	@$(PIP) -e .
	@$(COMPILE)
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing raylab and its development tools into $(VENV) (some minutes the first time)"
	@$(PIP) -e '.[dev]'
	@$(COMPILE)
	@touch $@ $(VENV)/.installed

install: $(VENV)/.installed ## raylab into .venv
install-dev: $(VENV)/.installed-dev ## raylab and the tools of its developers into .venv

# The published settings are made for millions of agent steps; these learn sooner.
demo: $(VENV)/.installed ## train PPO on Breakout for three minutes, then report it
	@$(BIN)/raylab train experiments/breakout_ppo.py --runs-dir $(DEMO_RUNS) \
	  --until.wall-time-s $(DEMO_SECONDS) --algorithm.learning-rate 1e-3 --algorithm.unroll-length 64
	@$(BIN)/raylab report $(DEMO_RUNS)

# --- checks --------------------------------------------------------------------------------

test: install-dev ## everything that CI runs
	@$(MAKE) --no-print-directory -j 2 --output-sync lint types contracts
	@$(MAKE) --no-print-directory pytest

test-slow: install-dev ## the long tests: learning, faults, searches for new counterexamples
	$(BIN)/python -m pytest -m slow --hypothesis-profile=search --timeout=3600

lint: install-dev ## style and docstrings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install-dev ## strict types on raylab/
	$(BIN)/mypy

contracts: install-dev ## the layers: imports point down only, ray in raylab/runtime only
	@$(BIN)/lint-imports

pytest: install-dev ## tests, doctests, README blocks, smoke runs of experiments/
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

fix: install-dev ## repair what can be repaired: style, import order, format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

faults: install-dev ## twenty random schedules of kills on three nodes; writes docs/cluster/faults.md
	$(BIN)/python -m tests.faults

load: install-dev ## nightly: a sweep of 200 runs, its driver killed; writes docs/cluster/load.json
	$(BIN)/python -m tests.cluster load

detection: install-dev ## when a lost node is noticed; writes docs/cluster/detection.json
	$(BIN)/python -m tests.cluster detection

# --- benchmarks: each writes benchmarks/results/<name>.json --------------------------------

bench: bench-ppo bench-levers bench-system bench-dqn bench-replay bench-tpch bench-frame ## all comparisons; wants a quiet machine for hours

bench-ppo: install-dev ## PPO on Pong beside its three peers (an hour); PEERS="sb3" for one
	$(BIN)/python -m benchmarks.bench_ppo --peers $(PEERS)

bench-levers: install-dev ## what each lever of the PPO loop gains
	$(BIN)/python -m benchmarks.bench_levers

bench-system: install-dev ## what Ray, the supervisor and recording cost
	$(BIN)/python -m benchmarks.bench_system

bench-dqn: install-dev ## DQN on Pong beside Stable-Baselines3
	$(BIN)/python -m benchmarks.bench_dqn

bench-replay: install-dev ## replay: memory and sampling rates beside Stable-Baselines3 and RLlib
	$(BIN)/python -m benchmarks.bench_replay

bench-control: install-dev ## workers that only sleep: what control costs
	$(BIN)/python -m benchmarks.bench_control

bench-tpch: install-dev ## 22 queries beside pandas, Polars, DuckDB and Modin
	$(BIN)/python -m benchmarks.bench_tpch

bench-frame: install-dev ## db-benchmark, metrics pipelines, functions, small frames
	$(BIN)/python -m benchmarks.bench_frame
	$(BIN)/python -m benchmarks.bench_frame --suites groupby join pipeline reductions \
	  --sources parquet --name frame_parquet

conformance: install-dev ## pandas' own tests with raylab.frame in its place
	$(BIN)/python -m tests.conformance

constraints: ## write constraints.txt anew from what is installed in .venv
	@{ sed -n '/^#/p' constraints.txt; $(BIN)/python -m pip freeze --exclude-editable \
	  | sed 's/+.*//'; } > constraints.tmp && mv constraints.tmp constraints.txt

clean: ## remove caches and builds; runs/ and .venv stay
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find raylab tests benchmarks experiments -name __pycache__ -type d -prune -exec rm -rf {} +
