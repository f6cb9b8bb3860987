# Every target that needs an environment makes one in .venv, from the pins in constraints.txt, and installs again
# only when pyproject.toml or constraints.txt has changed. `make` alone lists the targets.
# On Linux without a GPU, PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu saves the CUDA build of PyTorch.

SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
ARGS ?=
COMMA := ,

VENV := .venv
BIN := $(VENV)/bin
DEFINITION := pyproject.toml constraints.txt

# One stamp for each set of extras that has been installed.
WITH_BASELINES := $(VENV)/.installed-baselines
WITH_DEV := $(VENV)/.installed-dev
WITH_DOCS := $(VENV)/.installed-docs

# pip's own output is long: of it, keep the large downloads and the last stage. Errors go to stderr and are all shown.
define install
@echo "Installing imgedit-gym[$(1)] into $(VENV) (the first time takes a few minutes) ..."
@set -o pipefail; $(BIN)/python -m pip install --disable-pip-version-check --no-input --progress-bar off \
    -c constraints.txt -e ".[$(1)]" | while read -r line; do case "$$line" in \
    *" MB)" | *" GB)") echo "  $$line" ;; \
    "Installing collected"*) echo "  Installing what was collected" ;; esac; done
@echo "Installed."
endef

.PHONY: help
help: ## list the targets
	@echo "Usage: make TARGET [ARGS='...'] [PYTHON=python3.12]"
	@grep -E '^[a-z-]+:.*## ' Makefile | awk -F ':.*## ' '{ printf "  %-10s %s\n", $$1, $$2 }'

.PHONY: run
run: $(WITH_BASELINES) ## run the baselines: python -m baselines.run $(ARGS)
	$(BIN)/python -m baselines.run $(ARGS)

.PHONY: test
test: $(WITH_DEV) ## run the tests, all but the slow ones: pytest $(ARGS)
	$(BIN)/python -m pytest $(ARGS)

# pytest ends with 5 where it finds no test.
.PHONY: test-slow
test-slow: $(WITH_DEV) ## run the slow tests: pytest -m slow $(ARGS)
	$(BIN)/python -m pytest -m "slow and not gpu and not network" $(ARGS) || [ $$? -eq 5 ]

.PHONY: lint
lint: $(WITH_DEV) ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.PHONY: format
format: $(WITH_DEV) ## format the code and fix what can be fixed by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: docs
docs: $(WITH_DOCS) ## build the documentation into docs/_build/html
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html
	@echo "Open docs/_build/html/index.html"

.PHONY: clean
clean: ## remove builds and caches, but not .venv
	rm -rf build dist docs/_build docs/generated .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find imgedit_gym baselines benchmarks tests docs -name __pycache__ -type d -prune -exec rm -rf {} +

# pip is what `python -m venv` installs last, so an interrupted one is made again.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	    { echo "imgedit-gym needs Python 3.10 or newer; name one with: make PYTHON=/path/to/python" >&2; exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) --version) ..."
	@$(PYTHON) -m venv $(VENV)

$(WITH_BASELINES): $(DEFINITION) | $(BIN)/pip
	$(call install,baselines)
	@touch $@

$(WITH_DEV): $(DEFINITION) | $(BIN)/pip
	$(call install,baselines$(COMMA)dev)
	@touch $(WITH_BASELINES) $@

$(WITH_DOCS): $(DEFINITION) | $(BIN)/pip
	$(call install,baselines$(COMMA)docs)
	@touch $(WITH_BASELINES) $@
