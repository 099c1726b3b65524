# Everything a person or a CI machine does here. `make help` lists it.

VENV := .venv
PYTHON_BIN := $(VENV)/bin/python
NODE_BIN := node_modules/.bin
STAGE := tools/stage.sh
PYTEST := $(PYTHON_BIN) -m pytest --durations=5 --durations-min=2
JS := frontend tests/frontend eslint.config.js stylelint.config.js

# npm and pip write nothing of ours to the terminal unless something is wrong.
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export npm_config_update_notifier := false

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-16s %s\n", $$1, $$2}'

# ---- run

.PHONY: run
run: $(VENV)/.runtime ## Start Sealroom on http://localhost:8888 (ARGS="--check" and the like are passed on)
	@exec $(PYTHON_BIN) server.py $(ARGS)

.PHONY: dev
dev: $(VENV)/.runtime ## The same, started again whenever a Python file changes
	@exec $(PYTHON_BIN) -m tornado.autoreload server.py $(ARGS)

.PHONY: cluster
cluster: $(VENV)/.runtime ## Start a bus, three workers and the balancer on http://localhost:8000 (ARGS="--workers 2" and the like)
	@exec $(PYTHON_BIN) -m lb cluster $(ARGS)

.PHONY: lan
lan: $(VENV)/.runtime ## One server over https, for phones on this network
	@exec $(PYTHON_BIN) -m tools.lan $(ARGS)

# ---- test

.PHONY: test
test: setup ## Install what is needed, then run every check and every test
	@$(STAGE) --live "everything" $(MAKE) --no-print-directory --keep-going checks tests-python tests-browsers

.PHONY: check
check: setup-quick ## The fast half: format, lint, types, imports, rules, quick tests (under a minute)
	@$(STAGE) --live "check" $(MAKE) --no-print-directory --keep-going -j2 $(CHECKS) check-quick-tests

.PHONY: e2e
e2e: setup ## Only the browser tests (ARGS="-k offline" and the like are passed to pytest)
	@$(MAKE) --no-print-directory tests-browsers

.PHONY: coverage
coverage: setup-quick ## Branch coverage of the Python packages by every test but the browsers'
	@mkdir -p build
	@$(PYTHON_BIN) -m coverage run -m pytest -q --ignore=tests/e2e $(ARGS) && $(PYTHON_BIN) -m coverage report

.PHONY: bench
bench: $(VENV)/.dev ## Measure the relay beside the bare loop and print the ratio
	@exec $(PYTHON_BIN) -m bench $(ARGS)

.PHONY: bench-cluster
bench-cluster: $(VENV)/.dev ## Measure the balancer beside others, and clusters of one to three workers
	@exec $(PYTHON_BIN) -m bench.cluster $(ARGS)

.PHONY: bench-files
bench-files: $(VENV)/.dev ## Measure files through the Python client and a page beside plain HTTP (ARGS="--mib 64 --no-browser" and the like)
	@exec $(PYTHON_BIN) -m bench.files $(ARGS)

# Two at a time, one for each core, and on to the end, so that one run shows all that is wrong.
CHECKS := check-format check-lint check-types check-imports \
	check-js-format check-js-lint check-js-types check-worker-types check-styles check-js-tests

# Tests that start no server, no other process and no browser.
QUICK_TESTS := $(addprefix tests/,config contracts models protocol realtime rules services)

.PHONY: checks check-quick-tests $(CHECKS)
checks:
	@$(MAKE) --no-print-directory --keep-going -j2 $(CHECKS)

check-format:
	@$(STAGE) "ruff format" $(PYTHON_BIN) -m ruff format --check .
check-lint:
	@$(STAGE) "ruff check" $(PYTHON_BIN) -m ruff check --quiet .
check-types:
	@$(STAGE) "mypy" $(PYTHON_BIN) -m mypy
check-imports:
	@$(STAGE) "import-linter" $(VENV)/bin/lint-imports --no-cache
check-js-format:
	@$(STAGE) "prettier" $(NODE_BIN)/prettier --check $(JS)
check-js-lint:
	@$(STAGE) "eslint" $(NODE_BIN)/eslint --quiet $(JS)
check-js-types:
	@$(STAGE) "tsc" $(NODE_BIN)/tsc -p frontend
check-worker-types:
	@$(STAGE) "tsc, workers" $(NODE_BIN)/tsc -p frontend/tsconfig.worker.json
check-styles:
	@$(STAGE) "stylelint" $(NODE_BIN)/stylelint "frontend/**/*.css"
check-js-tests:
	@$(STAGE) "node --test" node --test $$(find tests/frontend -name "*.test.js")
check-quick-tests:
	@$(STAGE) "pytest, quick" $(PYTEST) -m "not slow" $(QUICK_TESTS)

# What draws in a browser is timed by frames, so it gets the machine for itself.
BROWSER_TESTS := tests/e2e tests/frontend

# Five thousand tests drive real servers and browsers: what failed beside the others is tried once
# by itself, so that a fault of every day stops a change and one in a thousand is told. Both are mended.
ONCE_MORE := $(PYTEST) --last-failed --last-failed-no-failures=none --maxfail=1

.PHONY: tests-python tests-browsers
tests-python:
	@$(STAGE) --live "pytest" $(PYTEST) --numprocesses=2 --dist=loadfile $(addprefix --ignore=,$(BROWSER_TESTS)) \
		|| $(STAGE) --live "pytest, what failed once more" $(ONCE_MORE) $(addprefix --ignore=,$(BROWSER_TESTS))
tests-browsers:
	@$(STAGE) --live "pytest, browsers" $(PYTEST) $(BROWSER_TESTS) $(ARGS) \
		|| $(STAGE) --live "pytest, browsers, what failed once more" $(ONCE_MORE) $(BROWSER_TESTS) $(ARGS)

.PHONY: format
format: setup-quick ## Format Python, JavaScript, CSS and JSON
	@$(PYTHON_BIN) -m ruff format --quiet . && $(PYTHON_BIN) -m ruff check --quiet --fix-only .
	@$(NODE_BIN)/prettier --write --log-level=warn $(JS)

# ---- set-up

.PHONY: setup
setup: setup-quick
	@$(STAGE) "browsers" tools/system_packages.sh browsers

.PHONY: setup-quick
setup-quick: $(VENV)/.dev node_modules/.package-lock.json

$(VENV)/.runtime: requirements.txt
	@$(STAGE) "python packages" tools/make_venv.sh $(VENV) $<
	@touch $@

$(VENV)/.dev: requirements-dev.txt requirements.txt
	@$(STAGE) "python packages" tools/make_venv.sh $(VENV) $<
	@touch $@ $(VENV)/.runtime

node_modules/.package-lock.json: package-lock.json
	@tools/system_packages.sh node
	@$(STAGE) "node packages" npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

# uv reads the public index whatever this machine's pip is configured for; nothing of either stays in the files.
.PHONY: lock
lock: ## Compile requirements*.txt and package-lock.json anew from their sources
	@python3 -m venv build/lock && build/lock/bin/python -m pip install --quiet uv==0.13.8
	@for part in requirements requirements-dev; do \
		build/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
			$$part.in -o $$part.txt || exit 1; \
	done
	@npm install --package-lock-only --omit-lockfile-registry-resolved --no-audit --no-fund

.PHONY: vendor
vendor: node_modules/.package-lock.json ## Copy the vendored browser libraries from node_modules and record their hashes
	@$(PYTHON_BIN) tools/vendor.py

.PHONY: clean
clean: ## Remove everything that can be made again (never ./data)
	rm -rf $(VENV) node_modules build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
