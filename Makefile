# The two commands of the README: make render SITE=NAME, make test. Everything else is below.
PYTHON ?= python3
SITE ?= maas280
VENV := .venv
BIN := $(VENV)/bin
LOCK := .ci/requirements.txt
READY := $(VENV)/.ready
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -qq

.PHONY: help render test ci check check-generated lint unit bench mutants format lock clean
.DEFAULT_GOAL := help

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 18

$(READY): $(LOCK) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	@echo "making the environment in $(VENV)" >&2
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP) install --require-hashes -r $(LOCK)
	@$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

render: $(READY) ## write generated/$(SITE)
	$(BIN)/gpuaas-gen render --site $(SITE)

test: $(READY) ## install what the tests need, and run them all
	sh .ci/packages
	$(BIN)/python -m pytest tests -n "$$(nproc)" --dist loadfile

ci: export GPUAAS_TEST_SHELLS = all
ci: check check-generated lint test ## what continuous integration runs

check: $(READY) ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check-generated: $(READY) ## generated/ is what the sources say, and every site is valid
	$(BIN)/gpuaas-gen validate --all --quiet
	@for file in site-configs/sites/*.yaml; do \
		$(BIN)/gpuaas-gen render --check --site "$$(basename "$$file" .yaml)" || exit; \
	done

lint: $(READY) ## check what every site renders, with all tools that are there
	$(BIN)/gpuaas-gen lint

unit: $(READY) ## the quick tests: no processes, no containers
	$(BIN)/python -m pytest tests/unit -m 'not process and not container and not slow'

bench: $(READY) ## print how long things take, as ratios
	$(BIN)/python tests/bench/bench.py

mutants: $(READY) ## change each check and guard of a script, list what no test notices (MUTANTS="NAME --sample 20")
	$(BIN)/python tests/mutants/mutants.py $(MUTANTS)

format: $(READY) ## format Python and shell sources
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/shfmt -ln posix -i 2 -w templates

lock: ## make $(LOCK) anew (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet \
		--extra maas --extra redfish --extra dev --output-file $(LOCK) pyproject.toml

clean: ## remove the environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
