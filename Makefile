# Everything a developer runs, by name: `make help`. Needs Python 3.11-3.13 and make; the rest goes into .venv.

VENV := .venv
PY := $(VENV)/bin/python
ALMANAC := $(PY) -m almanac
UV := $(VENV)/bin/uv
UV_VERSION := 0.13.8
DBT_CHECK := target/check
WORKERS ?= 4

# Without compiled bytecode every start of dbt or Dagster costs seconds more.
unexport PYTHONDONTWRITEBYTECODE
export UV_COMPILE_BYTECODE := 1
export UV_NO_PROGRESS := 1
export DO_NOT_TRACK := 1
export DAGSTER_DISABLE_TELEMETRY := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo demo-break demo-fix demo-replay dagster test test-fast test-deep clients check check-python check-types check-imports check-sql \
        check-models check-almanac format parse lock docs questions bench bench-collector bench-dagster bench-landing bench-freshness bench-lake bench-pending clean distclean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

# --- environment -----------------------------------------------------------------------------------------------------
# One environment. The development lock holds everything the other one holds, so `make demo` never takes anything away
# from an environment that `make test` has filled.

setup: $(VENV)/.ready ## Make the environment that runs Almanac (.venv)

setup-dev: $(VENV)/.ready-dev ## Make the environment that also tests and checks it

# The first Python of a supported version that can make an environment; PYTHON=... chooses another. The distribution's own
# comes first: it is compiled with a profile of what programs do (docs/decisions.md).
PYTHONS := /usr/bin/python3 python3 python3.13 python3.12 python3.11 python
$(VENV)/.made:
	@for python in $(PYTHON) $(PYTHONS); do \
	  "$$python" -c 'import sys, venv, ensurepip, sqlite3, ssl; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	    >/dev/null 2>&1 && found="$$python" && break; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "Almanac needs Python 3.11, 3.12 or 3.13 with venv, and found none of these on PATH." >&2; \
	  echo "Install one (Debian or Ubuntu: apt install python3 python3-venv) or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; \
	  exit 1; \
	fi; \
	echo "Environment: .venv with $$("$$found" --version), about 350 MB to fetch and 1.1 GB on disk"; \
	"$$found" -m venv $$($(PY) -c '' >/dev/null 2>&1 || echo --clear) $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

# An environment that holds the development tools keeps them. (No recursive make here: it would run even under
# `make -n`.) The project itself goes in with the lock, because `uv pip sync` removes what it is not told to keep.
$(VENV)/.ready: requirements.lock pyproject.toml $(VENV)/.made
	@lock=requirements.lock; if [ -f $(VENV)/.ready-dev ]; then lock=requirements-dev.lock; fi; \
	echo "--editable ." | $(UV) pip sync --quiet --python $(PY) $$lock -
	@if [ -f $(VENV)/.ready-dev ]; then touch $(VENV)/.ready-dev; fi
	@touch $@

$(VENV)/.ready-dev: requirements-dev.lock requirements.lock pyproject.toml $(VENV)/.made
	@echo "Environment: .venv with the tools for tests and checks, about 230 MB more to fetch and 0.5 GB on disk"
	@echo "--editable ." | $(UV) pip sync --quiet --python $(PY) requirements-dev.lock -
	@touch $(VENV)/.ready $@

# --- run -------------------------------------------------------------------------------------------------------------

demo: $(VENV)/.ready ## Simulated events to a page of KPIs, all on this machine (DAYS=90 USERS=... DEMO_ONCE=1)
	@$(PY) -m orchestration.demo $(if $(DAYS),--days $(DAYS)) $(if $(USERS),--users $(USERS)) $(if $(filter-out 0,$(DEMO_ONCE)),--once)

demo-break: $(VENV)/.ready ## Deliver a day of the demo twice: the checks refuse it, and readers keep their numbers
	@$(PY) -m orchestration.demo_trouble break

demo-fix: $(VENV)/.ready ## Take that back and publish again
	@$(PY) -m orchestration.demo_trouble fix

demo-replay: $(VENV)/.ready ## Delete the warehouse, build it from the lake again, and compare every row
	@$(PY) -m orchestration.demo_trouble replay

dagster: $(VENV)/.ready ## Dagster's page: the graph from the lake to the published numbers, runs and schedules
	@$(PY) -m orchestration.ui $(ARGS)

# --- test ------------------------------------------------------------------------------------------------------------

# Client libraries of other languages, which the tests send with. Without Node, or without a way to get them, those tests
# are skipped and say so.
CLIENTS := tests/clients/node_modules/.ready

$(CLIENTS): tests/clients/package-lock.json
	@if command -v npm >/dev/null; then \
	  echo "Client libraries for the tests: tests/clients/node_modules, about 80 MB"; \
	  (cd tests/clients && npm ci --silent --no-audit --no-fund --ignore-scripts && touch node_modules/.ready) \
	    || echo "npm could not install them: tests that send with them will be skipped" >&2; \
	fi

clients: $(CLIENTS) ## Install the client libraries that the tests send with (needs Node)

test: $(VENV)/.ready-dev $(CLIENTS) ## Run the ordinary tests (ARGS="-k name" chooses some)
	@$(PY) -m pytest -n $(WORKERS) --dist loadgroup -m "not deep" $(ARGS)

test-fast: $(VENV)/.ready-dev ## Run the unit tests alone
	@$(PY) -m pytest -n $(WORKERS) --dist loadgroup -m "not deep" tests/unit $(ARGS)

test-deep: $(VENV)/.ready-dev $(CLIENTS) ## Run the long tests (hours) and write their result to tests/DEEP.md
	@$(PY) -m tests.deep -n $(WORKERS) --dist loadgroup $(ARGS)

# --- check -----------------------------------------------------------------------------------------------------------

check: check-python check-imports check-almanac check-sql check-models check-types ## Run every check below (half a minute; changes nothing)
	@echo "All checks passed."

check-python: $(VENV)/.ready-dev ## Format and lint of the Python code
	@$(PY) -m ruff format --check --quiet . || { echo "Some files are not formatted: make format"; exit 1; }
	@$(PY) -m ruff check --quiet .

check-types: $(VENV)/.ready-dev ## Strict types
	@$(PY) -m mypy --no-error-summary

check-imports: $(VENV)/.ready-dev ## Which package may import which
	@$(VENV)/bin/lint-imports --no-logo > $(VENV)/.imports || { cat $(VENV)/.imports; exit 1; }

# sqlfmt silently changes what some operators mean, so the search for these comes first, here and before formatting.
check-sql: $(VENV)/.ready-dev ## Format of the SQL models and macros
	@$(ALMANAC) check sql --quiet
	@$(VENV)/bin/sqlfmt --check --quiet --no-progressbar dbt_project || { echo "Some SQL is not formatted: make format"; exit 1; }

EXPLAIN = import json; [print(f["file_path"] + ": " + f["failure_message"]) for f in json.load(open("$(DBT_CHECK)/models.json"))]

check-models: parse ## Layers, names, tests, contracts and descriptions of the dbt models
	@rm -f $(DBT_CHECK)/models.json
	@$(VENV)/bin/dbt-bouncer run --output-file $(DBT_CHECK)/models.json --output-only-failures > $(DBT_CHECK)/models.log 2>&1 \
	  || { $(PY) -c '$(EXPLAIN)' 2>/dev/null || cat $(DBT_CHECK)/models.log; exit 1; }

check-almanac: $(VENV)/.ready-dev ## Tracking plan, KPIs, dashboards, SQL, pages, stray words
	@$(ALMANAC) check --quiet

parse: $(VENV)/.ready-dev ## Parse the dbt project
	@mkdir -p $(DBT_CHECK)
	@$(VENV)/bin/python -m almanac.readers
	@$(VENV)/bin/dbt parse --target-path $(DBT_CHECK) --log-path $(DBT_CHECK)/logs > $(DBT_CHECK)/parse.log 2>&1 \
	  || { cat $(DBT_CHECK)/parse.log; exit 1; }

# --- maintain --------------------------------------------------------------------------------------------------------

format: $(VENV)/.ready-dev ## Format Python and SQL, write the KPI dictionary and the map of the warehouse
	@$(PY) -m ruff check --quiet --fix-only .
	@$(PY) -m ruff format --quiet .
	@$(ALMANAC) check sql --quiet
	@$(VENV)/bin/sqlfmt --quiet --no-progressbar dbt_project
	@$(ALMANAC) kpis docs
	@$(ALMANAC) models docs

# What a production of several services needs is in the locks too: an image is made from them.
LOCK = $(UV) pip compile --quiet --extra postgres --universal --generate-hashes --no-emit-index-url --override overrides.txt --custom-compile-command "make lock"

lock: $(VENV)/.made ## Resolve the dependencies again (both locks)
	@$(LOCK) pyproject.toml -o requirements.lock
	@$(LOCK) pyproject.toml --group dev -o requirements-dev.lock

docs: $(VENV)/.ready ## Write the dictionaries of events and KPIs to target/docs, with examples that are published
	@$(ALMANAC) events docs --output target/docs/events.md
	@$(ALMANAC) kpis docs --published

questions: $(VENV)/.ready-dev ## Ask the ten questions of the README again and write the answers there
	@$(PY) -m tests.questions $(ARGS)

bench-collector: $(VENV)/.ready-dev ## Compare the collector with nginx and a FastAPI twin (needs wrk)
	@$(PY) -m benchmarks.collector $(ARGS)

bench: $(VENV)/.ready-dev ## Compare a full build with hand-written SQL (1 million events)
	@$(PY) -m benchmarks.build $(ARGS)

bench-dagster: $(VENV)/.ready-dev ## What Dagster costs an asset, and the time from a landing to readers
	@$(PY) -m benchmarks.dagster_overhead $(ARGS)

bench-landing: $(VENV)/.ready-dev ## Landing: events per CPU second from the log to Parquet, and of DuckDB's JSON reader
	@$(PY) -m benchmarks.landing $(ARGS)

bench-freshness: $(VENV)/.ready-dev ## From the acknowledgement of an event to a query that sees it
	@$(PY) -m benchmarks.freshness $(ARGS)

bench-pending: $(VENV)/.ready-dev ## Finding what is pending among 30,000 landings, with checkpoints and without
	@$(PY) -m benchmarks.pending $(ARGS)

bench-lake: $(VENV)/.ready-dev ## Compare the lake's manifest with DuckLake (fetches DuckLake's extension once, 13 MB)
	@$(UV) pip install --quiet --python $(PY) duckdb-extension-ducklake==1.5.5
	@$(PY) -m benchmarks.lake_formats $(ARGS)

clean: ## Remove caches and what tools left behind; keep .venv and data
	@rm -rf target logs build almanac.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +

distclean: clean ## Remove .venv and .almanac too (the local lake with all its events)
	@rm -rf $(VENV) .almanac tests/clients/node_modules
