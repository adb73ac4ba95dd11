# Every command of this repository. `make help` lists them; the work is done by the scripts in deploy/local.
.DEFAULT_GOAL := help
.PHONY: help up test lint bench lock clean cluster cluster-down cluster-status cluster-hold cluster-release cluster-nodes cluster-conformance images deploy test-cluster test-long
SHELL := /bin/bash
# Where it is set, each process of a test would compile all that it imports: 6 s of processor for a hub instead of 2.
unexport PYTHONDONTWRITEBYTECODE
ARGS ?=
CLUSTER = deploy/local/bootstrap.sh test && exec .venv/bin/python -P -m deploy.cluster.commands
# What of this checkout is in every environment, made ahead of the first workspace that would wait for it.
WHEELS = .venv/bin/python -P -m spawner.environment_studiolo >/dev/null
NAME ?=
ONLY ?=

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile

up: ## Start Studiolo here, in the foreground (options: make up ARGS="--port 8123 --data DIR"; all of them: ARGS=--help)
	@deploy/local/bootstrap.sh up && $(WHEELS) && exec .venv/bin/studiolo up $(ARGS)

test: ## Run every check: lint, types, import contracts, unit, integration and browser tests
	@deploy/local/bootstrap.sh test && $(WHEELS) && exec deploy/local/check.sh test

lint: ## Run the checks that need no test: ruff, mypy, import contracts
	@deploy/local/bootstrap.sh test && exec deploy/local/check.sh lint

bench: ## Compare with the stock stack side by side (make bench NAME=start; results in bench/results)
	@deploy/local/bootstrap.sh test && exec deploy/local/bench.sh $(NAME)

cluster: ## A real Kubernetes on this machine, for development only (NODES=2: two real nodes; GPUS=N: GPUs in name)
	@$(CLUSTER) up $(if $(NODES),--nodes $(NODES)) $(if $(GPUS),--gpus $(GPUS))

cluster-down: ## End it and leave the machine as it was
	@$(CLUSTER) down

cluster-status: ## Each of its components: healthy or why not, and its last log lines
	@$(CLUSTER) status

cluster-hold: ## Keep a component from being started again (C=NAME; SIGNAL=KILL ends it now)
	@$(CLUSTER) hold $(C) $(if $(SIGNAL),--signal $(SIGNAL))

cluster-release: ## Let it be started again (C=NAME)
	@$(CLUSTER) release $(C)

cluster-nodes: ## Exactly N simulated nodes beside the real ones (N=200 GPUS=8)
	@$(CLUSTER) nodes $(if $(N),$(N),0) $(if $(GPUS),--gpus $(GPUS))

cluster-conformance: ## Kubernetes' own tests of NetworkPolicies against it, 20 minutes (FOCUS="deny all" for some)
	@$(CLUSTER) conformance $(if $(FOCUS),--focus "$(FOCUS)")

test-cluster: ## Run the tests on it, or on the cluster of STUDIOLO_KUBECONFIG (ARGS="-k network_policy" for some)
	@deploy/local/bootstrap.sh test && exec deploy/cluster/test.sh $(ARGS)

test-long: ## Run the tests that take minutes: outages, soaks, Kubernetes' own tests, images made twice
	@deploy/local/bootstrap.sh test && exec deploy/cluster/test.sh --long $(ARGS)

images: ## Build the container images that changed, push them to the cluster (ONLY="name …" for some; pytorch only so)
	@deploy/local/bootstrap.sh test && deploy/images/tools.sh && \
	  exec .venv/bin/python -P -m deploy.images build $(foreach name,$(ONLY),--only $(name))

deploy: ## Install Studiolo on the cluster by its chart (after make cluster images); prints how to open it
	@$(CLUSTER) deploy

lock: ## Resolve every lock file anew, for the hub and for each environment
	@deploy/local/bootstrap.sh test && exec images/lock.sh

clean: ## Remove what these commands made in the checkout (never the data directory)
	@rm -rf .venv node_modules build dist htmlcov .coverage coverage.xml .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
