# Waypost's verbs. Needs Python 3.11 or newer, make and the package registries; everything else goes into .venv.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
TRAIN := .venv-train
BIN := $(VENV)/bin
UV := $(BIN)/uv
INSTALL := $(UV) pip install --quiet --python $(BIN)/python
LOCK := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url
PYTEST := $(BIN)/python -m pytest

# A copy works on every file system and says nothing; hard links warn when cache and checkout lie on two.
export UV_LINK_MODE := copy
# A virtual environment the caller has active must not be taken for ours.
unexport VIRTUAL_ENV

##@ Use
.PHONY: demo
demo: $(VENV)/.base  ## Envoy, Waypost and five demo providers on loopback; prints what to try
	exec $(BIN)/waypost serve --demo

##@ Develop
.PHONY: check
check: $(VENV)/.dev  ## Format, lint, types, import layers, spelling, house rules
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/basedpyright
	$(BIN)/lint-imports --no-logo
	$(BIN)/typos
	$(PYTEST) -q tests/house

.PHONY: test
test: $(VENV)/.dev  ## The whole suite, real Envoy included
	$(PYTEST) -q

.PHONY: test-train
test-train: $(TRAIN)/.ready  ## Training and conversion on tiny models; installs torch beside the rest
	$(TRAIN)/bin/python -m pytest -q tests/unit/train

.PHONY: coverage
coverage: $(VENV)/.dev  ## Branch coverage of everything that runs in the test process
	$(PYTEST) -q --cov --cov-report=term-missing:skip-covered tests/unit tests/properties tests/scenarios

.PHONY: format
format: $(VENV)/.dev  ## Format and apply safe lint fixes
	$(BIN)/ruff format --quiet .
	$(BIN)/ruff check --quiet --fix .

.PHONY: docs
docs: $(VENV)/.dev  ## Write generated pages, and the outputs of example commands, again
	$(BIN)/python -m docs.generate
	$(BIN)/python -m tests.docs.examples

.PHONY: bench
bench: $(VENV)/.dev  ## Added latency, throughput and CPU against plain Envoy, in one run; takes minutes
	command -v wrk > /dev/null && command -v cc > /dev/null \
		|| { apt-get update -qq && apt-get install -y -qq wrk gcc libc6-dev; }
	$(BIN)/python -m bench.router $(BENCH)

.PHONY: bench-encoder
bench-encoder: $(VENV)/.dev  ## What classifying costs; TRAIN=python with the extra `train` compares with BERT
	$(BIN)/python -m bench.encoder $(if $(TRAIN),--train $(TRAIN)) $(BENCH)

##@ Maintain
.PHONY: lock
lock: $(VENV)/.tools  ## Resolve requirements/*.lock again (UPGRADE=1 takes newer releases)
	$(LOCK) $(if $(UPGRADE),--upgrade) -o requirements/bootstrap.lock requirements/bootstrap.in
	$(LOCK) $(if $(UPGRADE),--upgrade) -o requirements/base.lock pyproject.toml
	$(LOCK) $(if $(UPGRADE),--upgrade) -c requirements/base.lock -c requirements/bootstrap.lock \
		-o requirements/dev.lock pyproject.toml requirements/dev.in

.PHONY: proto
proto: $(VENV)/.tools  ## Generate transport/wire_pb2.py from wire.proto, for every protobuf we allow
	cd src/waypost/transport && $(CURDIR)/$(UV) run --quiet --no-project --with grpcio-tools==1.76.0 --with setuptools \
		python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. wire.proto

.PHONY: build
build: $(VENV)/.tools  ## Wheel and source distribution in dist/
	$(UV) build --quiet --python $(BIN)/python --no-build-isolation

.PHONY: clean
clean:  ## Remove .venv, caches and build results
	rm -rf $(VENV) $(TRAIN) dist build .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage*
	find src tests bench docs -name __pycache__ -type d -prune -exec rm -rf {} +

# pip, not uv: it finds the build of torch that needs no GPU.
$(TRAIN)/.ready: requirements/train.in pyproject.toml
	$(PYTHON) -m venv $(TRAIN)
	$(TRAIN)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements/train.in --editable . \
		hypothesis pytest pytest-timeout
	touch $@

.PHONY: help
help:  ## This list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Stamps: each is newer than what it was installed from, so an up-to-date .venv costs nothing.
$(VENV)/.tools: requirements/bootstrap.lock
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Waypost needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

$(VENV)/.base: $(VENV)/.tools requirements/base.lock pyproject.toml
	$(INSTALL) --require-hashes -r requirements/base.lock
	$(INSTALL) --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.base requirements/dev.lock
	$(INSTALL) --require-hashes -r requirements/dev.lock
	touch $@
