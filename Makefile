# Every target is a line or two; what they do is in toolchain/, local/ and the rooms themselves.
PYTHON = .venv/bin/python

.PHONY: help setup setup-tests up preview down env test test-unit storm chaos torture bench mutate generate certificates docs pictures lint format lock audit sbom
.DEFAULT_GOAL := help

help:           ## What can be typed
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):[^#]*##/make \1\t#/' | expand -t 18

setup:          ## Everything this project needs on this machine (servers, Python packages, the Pulumi engine)
	@python3 -m toolchain setup

setup-tests:    ## What the tests need as well (MariaDB, Node.js, Java)
	@python3 -m toolchain setup --tests

up: setup       ## The local stack under the policy pack, ending in a real invocation and its answer
	@$(PYTHON) -m local up

preview: setup  ## What `make up` would change, under the policy pack; starts nothing
	@lines=$$(python3 -m toolchain env) && eval "$$lines" && pulumi stack select --create local && \
	pulumi preview --stack local --policy-pack policies --non-interactive

down:           ## Destroys the local stack: no process, no port, no file left outside the cache
	@if [ -f .venv/.made-from ]; then $(PYTHON) -m local down; else python3 -m toolchain down; fi

env:            ## The lines that make a shell this checkout's: eval "$$(make -s env)"
	@python3 -m toolchain env

mutate:         ## Changes of the policies and of security-relevant modules that no test notices (docs/mutation.md)
	@$(PYTHON) -m tests.mutate $(FILES)

lint: setup     ## ruff, the contracts of imports in pyproject.toml, mypy, and the site built strictly
	@$(PYTHON) -m ruff check . && $(PYTHON) -m ruff format --check .
	@PYTHONPATH=components:components/lambda_rds_proxy/user/admin_function:policies:handler .venv/bin/lint-imports --no-logo --no-cache
	@$(PYTHON) -m mypy components/lambda_rds_proxy policies/rds_proxy_guard handler local ops toolchain tests bench docs
	@for main in __main__.py components/__main__.py policies/__main__.py; do $(PYTHON) -m mypy $$main || exit 1; done
	@NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build --strict

format:         ## Formats everything
	@$(PYTHON) -m ruff format . && $(PYTHON) -m ruff check --fix .

test: setup-tests lint  ## Lint, types, every test (real engine, real servers)
	@lines=$$(python3 -m toolchain env) && eval "$$lines" && $(PYTHON) -m pytest -n 2 --dist loadfile

test-unit:      ## The tests that need neither servers nor the engine
	@$(PYTHON) -m pytest -q -n auto -m "not servers and not engine"

storm:          ## The article's connection storm on the running local stack: direct, then through the proxy
	@lines=$$(python3 -m toolchain env) && eval "$$lines" && $(PYTHON) -m ops storm

chaos:          ## Faults at every moment, with every login, on servers of its own: each row is counted
	@lines=$$(python3 -m toolchain env) && eval "$$lines" && $(PYTHON) -m tests.chaos

torture:        ## `pulumi up` killed at 20 random moments, each mended by one `make up`
	@lines=$$(python3 -m toolchain env) && eval "$$lines" && $(PYTHON) -m tests.end_to_end.killed_ups

bench:          ## How fast: ratios against peers and floors in the same run (needs the local stack)
	@lines=$$(python3 -m toolchain env) && eval "$$lines" && $(PYTHON) -m bench.handler && $(PYTHON) -m bench.cold && $(PYTHON) -m bench.metrics && $(PYTHON) -m bench.policies && $(PYTHON) -m bench.preview && $(PYTHON) -m bench.pinning && $(PYTHON) -m bench.gate

generate:       ## Writes what is generated from args.py: Pulumi.yaml's config, pages of docs/, the schema of other languages
	@$(PYTHON) -m tests.generated

certificates:   ## Writes the shipped certificate authorities anew, from packages with a hash (handler/README.md)
	@$(PYTHON) -m tests.certificates

docs: setup     ## The site on loopback, with search, renewed while you write
	@NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs serve --strict

pictures:       ## Draws the pictures of the docs from the running local stack under load
	@lines=$$(python3 -m toolchain env) && eval "$$lines" && $(PYTHON) -m docs.pictures

lock:           ## Writes the hash-locked requirement lists anew
	@python3 -m toolchain lock

audit:          ## Known vulnerabilities of what the lists lock (asks osv.dev)
	@python3 -m toolchain audit

sbom: setup     ## The zips that Lambda gets, each with its bill of materials (CycloneDX), into sbom/
	@$(PYTHON) -m ops sbom handler components/lambda_rds_proxy/user/admin_function
