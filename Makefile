# The commands of a checkout. `make` alone lists them.
# The first one that needs an environment makes `.venv` and installs the locked packages, checked by hash;
# from then on that step does nothing until a lock file or pyproject.toml changes.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test servers servers-down chaos check bench fuzz schemas lock clean

PORT = 8765
DATA = .faultline
PYTHON ?=
TESTS =
PYTEST_OPTIONS = -n auto --dist loadgroup
UPGRADE =

BIN = .venv/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check --no-input
CHECKED = --quiet --require-hashes --no-deps --no-compile

help:  ## this list
	@echo 'make TARGET, where TARGET is one of'
	@sed -n 's/^\([a-z-]*\):.*##  *\(.*\)/  \1|\2/p' Makefile | awk -F'|' '{ printf "%-12s %s\n", $$1, $$2 }'

run: .venv/.runtime  ## the whole path on this machine, with a page on localhost (PORT=8765 DATA=.faultline)
	@exec $(BIN)/faultline run --port '$(PORT)' --data '$(DATA)' --demo deploy/demo

test: .venv/.development  ## every test that can run here (TESTS=tests/unit for some of them)
	@$(BIN)/pytest $(PYTEST_OPTIONS) $(TESTS)

servers: .venv/.development  ## real Kafka, MongoDB and OpenSearch under .srv/, for tests and for trying out
	@PYTHONPATH=deploy $(BIN)/python -m testservers.servers up

servers-down: .venv/.development  ## stop those, and no others
	@PYTHONPATH=deploy $(BIN)/python -m testservers.servers down

chaos: .venv/.development  ## the long form of tests/chaos: 30 seeds of kills, servers away for a minute (two hours)
	@FAULTLINE_CHAOS_KILLS=30 FAULTLINE_CHAOS_FAILURES=10000 FAULTLINE_CHAOS_WORK_S=1200 FAULTLINE_CHAOS_SEEDS=30 \
	  FAULTLINE_CHAOS_FAULT_S=90 FAULTLINE_CHAOS_AWAY_S=60 $(BIN)/pytest --timeout 3000 tests/chaos

check: .venv/.development  ## format, lint, types, who imports whom, generated files
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	$(BIN)/python -m streams.contract.schema --check
	$(BIN)/python -m streams.contract.mappings --check

bench: .venv/.development  ## what the README's figures are measured with
	@for script in tests/bench/*.py; do echo "== $$script"; $(BIN)/python "$$script" || exit 1; done

SECONDS = 600
fuzz: .venv/.development  ## every reader of texts, SECONDS=600 each, guided by coverage (wants atheris)
	@for target in redaction fingerprint stage frames log report; do \
	  $(BIN)/python tests/fuzz/fuzz.py $$target --seconds $(SECONDS) || exit 1; done

schemas: .venv/.development  ## write the JSON Schemas of the records anew
	@$(BIN)/python -m streams.contract.schema
	@$(BIN)/python -m streams.contract.mappings

lock: .venv/.development  ## resolve pyproject.toml into the three lock files (UPGRADE=--upgrade for newer versions)
	$(RESOLVE) $(RUNTIME) --output-file requirements.lock
	$(RESOLVE) $(RUNTIME) --group dev --constraint requirements.lock --output-file requirements-dev.lock
	$(RESOLVE) --group servers --output-file requirements-servers.lock

RUNTIME = pyproject.toml --extra dashboard --extra demo --group build
RESOLVE = $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-emit-find-links --custom-compile-command 'make lock' --quiet $(UPGRADE)

clean:  ## remove what make and the tools made; collected data (.faultline) stays
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find streams agents tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The development lock holds everything of the runtime lock in the same versions, so the second adds to the first.
.venv/.development: requirements-dev.lock .venv/.runtime
	@echo 'installing what tests and checks need (once)'
	@$(PIP) install $(CHECKED) -r requirements-dev.lock
	@touch $@

# No build isolation: the build backend comes from the lock as well.
.venv/.runtime: requirements.lock pyproject.toml $(BIN)/python
	@echo 'installing what faultline runs on (once)'
	@$(PIP) install $(CHECKED) -r requirements.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# A name on the PATH may be a shim without a Python behind it, and Debian's own comes without ensurepip:
# each candidate is asked, and the first that answers is taken.
SUITABLE = import sys; v = sys.version_info[:2]; v < (3, 11) and sys.exit("is older than 3.11"); \
  v > (3, 14) and sys.exit("is newer than 3.14"); import venv, ensurepip, ssl, sqlite3

$(BIN)/python:
	@refused=; \
	for candidate in $(if $(PYTHON),'$(PYTHON)',python3.14 python3.13 python3.12 python3.11 python3 python); do \
	  command -v "$$candidate" >/dev/null 2>&1 || { refused="$$refused\n  $$candidate: not found"; continue; }; \
	  if why=$$("$$candidate" -c '$(SUITABLE)' 2>&1); then \
	    echo "making .venv with $$("$$candidate" --version) ($$(command -v "$$candidate"))"; \
	    rm -rf .venv && "$$candidate" -m venv .venv && exit 0; \
	    echo "$$candidate -m venv failed; see above" >&2; rm -rf .venv; exit 1; \
	  fi; \
	  refused="$$refused\n  $$candidate: $$(printf '%s\n' "$$why" | sed -n '$$p')"; \
	done; \
	{ echo 'faultline needs Python 3.11, 3.12, 3.13 or 3.14 with its modules venv, ensurepip, ssl and sqlite3.'; \
	  printf 'None of these is one:%b\n' "$$refused"; \
	  echo 'Ways out:'; \
	  echo '  Debian, Ubuntu:  apt-get install python3 python3-venv'; \
	  echo '  Fedora:          dnf install python3'; \
	  echo '  macOS:           brew install python'; \
	  echo '  elsewhere:       install one, then name it: make run PYTHON=/path/to/python3.12'; } >&2; \
	exit 1
