# `make demo` and `make test` do all set-up by themselves; `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
INPUTS := pyproject.toml constraints.txt
REPORT ?= $(VENV)/junit.xml
PYTEST_FLAGS ?=
CHART := charts/penstock
REGISTRY ?= penstock
VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' platform/penstock/__init__.py)
TAG ?= $(VERSION)
REVISION ?= $(shell git rev-parse HEAD)
IMAGES := image-operator image-gateway image-ray image-quickstart
# Called with: TAG -f FILE DIR.
BUILD ?= docker build --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) \
	--build-arg RAY=$(REGISTRY)/ray:$(TAG) -t

.DEFAULT_GOAL := help
.PHONY: help demo test lint generate images $(IMAGES) tag clean
.DELETE_ON_ERROR:

help: ## List the targets.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/.examples ## Carry examples/digits from training to serving on a local stack; then ask, retrain, roll back.
	$(BIN)/penstock run -f examples/digits
	$(BIN)/python examples/digits/demo.py

test: lint ## Every check and every test.
	$(BIN)/python -m pytest --junit-xml=$(REPORT) $(PYTEST_FLAGS)

lint: $(VENV)/.dev ## Style, types, import contracts, generated files.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy --strict charts/values.py
	$(BIN)/python -m penstock.crds check crds --docs docs --chart $(CHART)/templates/crds --policies $(CHART)/templates/admission
	$(BIN)/python charts/values.py check $(CHART)

generate: $(VENV)/.examples ## Write crds/, the generated pages of docs/, and the chart's CRDs, schema and README.
	$(BIN)/python -m penstock.crds write crds --docs docs --chart $(CHART)/templates/crds --policies $(CHART)/templates/admission
	$(BIN)/python charts/values.py write $(CHART)

images: $(IMAGES) ## Build the container images: REGISTRY, TAG, and BUILD for another tool than docker.

image-quickstart: image-ray

tag:
	@echo $(TAG)

$(IMAGES): image-%:
	$(BUILD) $(REGISTRY)/$*:$(TAG) -f images/$*/Dockerfile .

clean: ## Stop the local stack; remove its folder, the environment and the caches.
	-test ! -x $(BIN)/penstock || $(BIN)/penstock down
	rm -rf $(VENV) .penstock dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

# torch goes first and by itself, so that no other requirement chooses its build.
$(VENV)/.base: $(INPUTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	@echo "Setting up $(VENV); the first time takes some minutes"
	$(PYTHON) -m venv $(VENV)
	$(PIP) torch==2.13.0
	@touch $@

$(VENV)/.examples: $(VENV)/.base
	$(PIP) -e '.[examples]'
	@touch $@

$(VENV)/.dev: $(VENV)/.base
	$(PIP) -e '.[dev]'
	@touch $@ $(VENV)/.examples
