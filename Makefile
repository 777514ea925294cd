# Two commands are enough: `make up` and `make test`. Both install what is missing first.
# ARGS are handed on: make up ARGS="--port 8900", make test ARGS="tests/unit -x"

ARGS ?=
BIN := .venv/bin
NOT_SLOW := not wordpress and not chaos

.DEFAULT_GOAL := help
.PHONY: help setup up down status test test-browser test-wordpress chaos chaos-short bench bench-check lint format

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## the locked environment in .venv, and system packages where they can be installed
	@deployments/bootstrap.sh

up: setup ## the whole stack, the demo review, and where to find things
	@$(BIN)/millrace up $(ARGS)

down: ## stop the stack; its state stays
	@if [ -x $(BIN)/millrace ]; then $(BIN)/millrace down; else echo "Nothing is set up here, so nothing runs."; fi

status: setup ## parts, lanes, queues
	@$(BIN)/millrace status $(ARGS)

test: setup ## every test but the slow groups
	@$(BIN)/pytest -m "$(NOT_SLOW)" -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

test-browser: setup ## tests that drive a real Chromium
	@$(BIN)/pytest -m browser $(ARGS)

test-wordpress: setup ## tests that drive a real WordPress
	@$(BIN)/python -m tests.wordpress.debian_wordpress
	@$(BIN)/pytest -m wordpress $(ARGS)

chaos: setup ## faults on a whole stack under load (docs/reliability.md), then the tests that kill processes: 30 min
	@$(BIN)/python -m tests.chaos --minutes 23 --write $(ARGS)
	@$(BIN)/pytest -m chaos -n 2 --dist loadfile

chaos-short: setup ## the same in three minutes, for CI
	@$(BIN)/python -m tests.chaos --minutes 3 $(ARGS)

bench: ## figures beside those of others: docs/benchmarks.md, an hour or two on an idle machine
	@deployments/bootstrap.sh bench
	@$(BIN)/python -m benchmarks $(ARGS)

bench-check: ## the same run, which fails when a ratio misses its target
	@deployments/bootstrap.sh bench
	@$(BIN)/python -m benchmarks --check $(ARGS)

lint: setup ## style, format, types, licences and known vulnerabilities of what is locked
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyright
	@$(BIN)/python -m deployments.dependencies

format: setup ## make the style right where a machine can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
