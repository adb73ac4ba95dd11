# Every command of this repository. `make help` lists them; the work is done by the scripts in deploy/local.
.DEFAULT_GOAL := help
.PHONY: help up test lint bench lock clean
SHELL := /bin/bash
ARGS ?=
NAME ?=

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' Makefile

up: ## Start Studiolo here, in the foreground (options: make up ARGS="--port 8123 --data DIR"; all of them: ARGS=--help)
	@deploy/local/bootstrap.sh up && exec .venv/bin/studiolo up $(ARGS)

test: ## Run every check: lint, types, import contracts, unit, integration and browser tests
	@deploy/local/bootstrap.sh test && exec deploy/local/check.sh test

lint: ## Run the checks that need no test: ruff, mypy, import contracts
	@deploy/local/bootstrap.sh test && exec deploy/local/check.sh lint

bench: ## Compare with the stock stack side by side (make bench NAME=start; results in bench/results)
	@deploy/local/bootstrap.sh test && exec deploy/local/bench.sh $(NAME)

lock: ## Resolve every lock file anew, for the hub and for each environment
	@deploy/local/bootstrap.sh test && exec images/lock.sh

clean: ## Remove what these commands made in the checkout (never the data directory)
	@rm -rf .venv node_modules build dist htmlcov .coverage coverage.xml .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
