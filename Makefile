# Each target sets up what it needs in a virtual environment of its own; a second run finds all of it there.
#   make demo    a whole space of three factories on this computer, for a minute
#   make test    every check and every test
#   make test-dirac   machines that pull jobs from a real DIRAC server, and a real DiracX; it sets up both
#   make bench   the benchmarks' table
#   make docs    the documentation, in build/docs

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install
DEMO_ARGS ?=
PYTEST_ARGS ?=
PLUGIN_PATH := plugins/apptainer:plugins/boinc:plugins/docker:plugins/grid:plugins/lhcb:plugins/libvirt
DISTRIBUTIONS := setup.cfg pyproject.toml $(wildcard plugins/*/setup.cfg)

.PHONY: demo test test-dirac lint bench docs clean

demo: $(VENV)/.demo
	$(BIN)/python -m demo $(DEMO_ARGS)

test: lint
	$(BIN)/python -m pytest $(PYTEST_ARGS)

# In a network of its own, so that the server's ports are nobody else's.
DIRAC_TESTS := plugins/lhcb/tests/dirac
test-dirac: $(VENV)/.dev
	PYTHONPATH=tests:plugins/docker/tests $(BIN)/python $(DIRAC_TESTS)/dirac_image.py
	PYTHONPATH=tests $(BIN)/python $(DIRAC_TESTS)/diracx_server.py
	XDG_CACHE_HOME=$${XDG_CACHE_HOME:-$(if $(filter 0,$(shell id -u)),/var/cache,$$HOME/.cache)} \
	unshare --net $(if $(filter 0,$(shell id -u)),,--map-root-user) sh -c 'ip link set lo up && exec "$$@"' sh \
	  $(BIN)/python -m pytest -o pythonpath='tests plugins/docker/tests $(DIRAC_TESTS)' $(PYTEST_ARGS) $(DIRAC_TESTS)/check_dirac.py $(DIRAC_TESTS)/check_diracx.py

lint: $(VENV)/.dev $(VENV)/.libvirt $(VENV)/.demo $(VENV)/.docs
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	PYTHONPATH=$(PLUGIN_PATH) $(BIN)/lint-imports
	@if command -v shellcheck >/dev/null; then shellcheck .ci/run .ci/dirac vac_core/supervision/*.sh $(wildcard plugins/*/vac_*/*.sh plugins/*/vac_*/*/*.sh); \
	elif [ "$$CI" = true ]; then echo "shellcheck is not installed, and this is CI" >&2; exit 1; fi

bench: $(VENV)/.demo $(VENV)/.libvirt
	$(BIN)/python -m benchmarks

docs: $(VENV)/.docs
	$(BIN)/mkdocs build --strict --quiet
	@echo "the documentation is in build/docs/index.html"

clean:
	rm -rf $(VENV) demo-output build dist

$(VENV)/.venv:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Vac needs Python 3.11: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	touch $@

# The demo's machines are processes, or containers with DEMO_ARGS='--hypervisor docker'.
$(VENV)/.demo: $(DISTRIBUTIONS) $(VENV)/.venv
	$(PIP) -e '.[demo]' -e plugins/docker
	touch $@

$(VENV)/.dev: requirements-dev.txt $(DISTRIBUTIONS) $(VENV)/.venv
	$(PIP) -r requirements-dev.txt
	touch $@

# libvirt-python comes as source only: it is built against the host's libvirt.
$(VENV)/.libvirt: requirements-libvirt.txt $(DISTRIBUTIONS) $(VENV)/.dev
	@if pkg-config --exists libvirt 2>/dev/null; then $(PIP) -r requirements-libvirt.txt && touch $@; \
	elif [ "$$CI" = true ]; then echo "libvirt-dev and pkg-config are not installed, and this is CI" >&2; exit 1; \
	else echo "vac-libvirt is not tested: install libvirt-dev, pkg-config and gcc to have it built"; fi

$(VENV)/.docs: requirements-docs.txt setup.cfg pyproject.toml $(VENV)/.venv
	$(PIP) -e . -r requirements-docs.txt
	touch $@
