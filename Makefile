# ovsfleet. `make help` lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
# Prerequisites are steps in order: set up, build, lint, test.
.NOTPARALLEL:
# Hundreds of processes that tests start would compile whatever changed since the set-up.
unexport PYTHONDONTWRITEBYTECODE
PY := .venv/bin/python
AS_ROOT := $(if $(filter 0,$(shell id -u)),,sudo -E)
PYTEST := $(AS_ROOT) $(PY) -m pytest
# Processes that share the tests between them; JOBS=0 runs them in one, one after the other.
JOBS ?= 2

##@ The two commands

.PHONY: demo
demo: setup-run dashboard  ## Set up, then prove the main job on three real OVS hosts (KEEP=1 leaves it running)
	@$(AS_ROOT) $(PY) -m deploy.lab demo $(if $(KEEP),--keep)

.PHONY: test
test: setup-test  ## Set up, then lint and run every test
	@# The dashboard waits for the network while mypy waits for one processor.
	@deploy/dashboard.sh & built=$$!; $(MAKE) --no-print-directory lint; \
	  linted=$$?; wait $$built && exit $$linted
	@$(PYTEST) --numprocesses $(JOBS) --dist loadscope --no-loadscope-reorder

.PHONY: test-faults
test-faults: setup-test  ## Break the lab in every way and write docs/reliability.md (an hour; ROUNDS=200 SEED=1; ARGS=FILE goes on)
	@# What one run measured is not passed off as another's; with ARGS it goes on with that run.
	@$(if $(ARGS),,$(AS_ROOT) rm -rf build/faults)
	@# The page is written also where something was found, and says what.
	@ROUNDS=$(or $(ROUNDS),200) SEED=$(or $(SEED),1) $(PYTEST) -m faults -s $(or $(ARGS),tests/faults); \
	  tried=$$?; $(AS_ROOT) $(PY) -m tests.support.reliability_page && exit $$tried

.PHONY: test-large
test-large: setup-test dashboard  ## Measure the dashboard on 1,000 hosts and 100,000 ports, and walk all its pages as on a phone (two minutes)
	@$(PYTEST) -m large -s tests/browser

.PHONY: test-properties
test-properties: setup-test  ## Search for counterexamples among other examples than make test has (six minutes; EXAMPLES=640)
	@HYPOTHESIS_PROFILE=thorough EXAMPLES=$(or $(EXAMPLES),640) $(PYTEST) --numprocesses $(JOBS) --dist load \
	  tests/properties

.PHONY: test-long
test-long: test-faults test-large test-properties  ## That, and ask the live server 100 questions for each operation and way of asking (20 more minutes)
	@OVSFLEET_FUZZ_EXAMPLES=$(or $(EXAMPLES),100) $(PYTEST) --numprocesses 2 --dist load \
	  tests/integration/test_api_schema.py

##@ Demo and lab

.PHONY: demo-down
demo-down:  ## End whatever a demo left: processes, namespaces, files
	@$(AS_ROOT) $(PY) -m deploy.lab down

.PHONY: bench
bench: setup-run dashboard  ## Measure on real OVS hosts, beside raw JSON-RPC, ovs-vsctl and python-ovs (20 min; ARGS=--help)
	@$(AS_ROOT) $(PY) -m bench $(ARGS)

##@ Development

.PHONY: setup-run setup-test
setup-run setup-test:
	@deploy/setup/setup.sh $(@:setup-%=%)

.PHONY: dashboard
dashboard:  ## Build the dashboard if its sources are newer than its build
	@deploy/dashboard.sh

.PHONY: test-kernel
test-kernel: setup-test  ## Run tests/kernel alone, in a guest with the kernel's own OVS datapath (ARGS=-v)
	@$(AS_ROOT) deploy/guest/test $(ARGS)

.PHONY: conformance
conformance: setup-test  ## Write docs/conformance.md from what becomes of each field on hosts of each sort
	@$(AS_ROOT) $(PY) -m tests.support.conformance_page

.PHONY: screenshots
screenshots: setup-test dashboard  ## Draw every screen of the dashboard, light and dark, into docs/screenshots (ARGS="fleet host")
	@$(AS_ROOT) $(PY) -m tests.support.screenshots $(ARGS)

.PHONY: lint
lint: ruff types imports protos-check  ## ruff, mypy --strict, import-linter, generated code

.PHONY: ruff
ruff:
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .

.PHONY: types
types:  ## mypy --strict
	@.venv/bin/mypy controller agent bench deploy tests migrations

.PHONY: imports
imports:  ## Who may import whom
	@.venv/bin/lint-imports --no-cache

.PHONY: format
format:  ## Sort imports and format
	@.venv/bin/ruff check --fix . ; .venv/bin/ruff format .

.PHONY: protos protos-check
protos:  ## Generate ovsfleet/v1/*_pb2* from the .proto files
	@deploy/protos.sh generate
protos-check:  ## Lint the .proto files and verify that the generated code is theirs
	@deploy/protos.sh check

.PHONY: lock
lock:  ## Resolve the dependencies anew into requirements.lock
	@.tools/bin/uv pip compile -q --upgrade --universal --python-version 3.11 --all-extras --group dev \
	  --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.lock

.PHONY: help
help:  ## Show this
	@awk 'BEGIN {FS = ":.*##"} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z-]+:.*##/ {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
