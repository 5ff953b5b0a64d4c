# `make demo` and `make test` set up what they need; nothing else has to be installed but Python 3.10+ and make.

PYTHON ?= python3
VENV ?= .venv
# Another Hydra than the latest release, for example HYDRA='hydra-core==1.4.0rc3'.
HYDRA ?=
# Further requirements, for example PINS='-r .ci/oldest.txt'.
PINS ?=
# Further arguments of pytest, and what it runs.
ARGS ?=
TESTS ?= tests
BIN := $(VENV)/bin
# Editable in the way that every Hydra 1.3 sees (a namespace package behind a plain path entry).
# Where the demonstration's sweep is kept; a new one each time.
DEMO := multirun/demo-$(shell date +%Y%m%d-%H%M%S)
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --config-settings editable_mode=compat

.PHONY: demo test hydra-grammar coverage check lint types clean

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(BIN)/python pyproject.toml setup.py
	$(INSTALL) -e '.[demo]'
	touch $@

$(VENV)/.test: $(BIN)/python pyproject.toml setup.py
	$(INSTALL) -e '.[test]' $(PINS)
	test -z "$(HYDRA)" || $(INSTALL) --pre "$(HYDRA)"
	touch $@

$(VENV)/.lint: $(VENV)/.test
	$(INSTALL) -e '.[lint]'
	touch $@

demo: $(VENV)/.demo
	@echo "The untuned model:"
	cd example_configs/digits && $(abspath $(BIN))/python train.py
	@echo "The sweep:"
	cd example_configs/digits && $(abspath $(BIN))/python train.py --multirun hydra/sweeper=hpo hydra.sweep.dir=$(DEMO)
	@echo "The tuned model:"
	cd example_configs/digits && $(abspath $(BIN))/python train.py $$($(abspath $(BIN))/hpo best --overrides $(DEMO))
	@echo "Untuned against tuned: the two accuracies above."
	@echo "Why: open example_configs/digits/$(DEMO)/report.html, or run $(BIN)/hpo show example_configs/digits/$(DEMO)"
	@echo "Next: your own script, python train.py --multirun hydra/sweeper=hpo 'lr=interval(1e-5,1e-1,log=true)'"

# Tests run beside one another: each with one thread of BLAS and OpenMP.
test: export OMP_NUM_THREADS ?= 1
# They start hundreds of processes, which shall not compile the project anew.
test: export PYTHONDONTWRITEBYTECODE =
test: $(VENV)/.test
	$(BIN)/python -m pytest -q -n auto --maxprocesses 8 -m 'not server and not slurm and not launcher and not browser and not training and not storm and not slow' $(ARGS) $(TESTS)

# Which statements the core tests reach; fails under the share that pyproject.toml names.
coverage:
	$(MAKE) test ARGS="$(ARGS) --cov --cov-report=term-missing"

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.lint
	$(BIN)/mypy
	$(BIN)/mypy --python-version 3.14

check: lint types test

# Hydra's own tests of its grammar beside our functions, from the source distribution of the installed version.
hydra-grammar: $(VENV)/.test
	$(BIN)/python tests/hydra_grammar.py

clean:
	rm -rf $(VENV) build *.egg-info
