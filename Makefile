# What is checked, and how. `make` lists the targets; `make test` is all of them, as CI runs them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# The order of the steps is one of cost, and two builds at once would only wait for each other.
.NOTPARALLEL:

export PYTHON ?= python3
# The one release build that the steps below `unit` run, as a user would.
export LOADONCE := $(abspath $(or $(CARGO_TARGET_DIR),target))/release/loadonce

# Every feature of crates/engines but the default: each must build alone.
ENGINES := $(shell sed -n '/^\[features\]/,/^\[dep/s/^\([a-z0-9_-]*\) = .*/\1/p' crates/engines/Cargo.toml \
	| grep -vx default)
CLIPPY := cargo clippy --quiet --locked --all-targets
DENY_WARNINGS := -- -D warnings

# The cheapest first.
STEPS := style fences deny lint doc unit python operators conformance onnxruntime interop examples-check examples-python newuser openapi browser

.PHONY: help test ci fmt release advisories fuzz bench bench-memory bench-load $(STEPS)

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

test: ## Run every check below, the cheapest first; installs what they need
	+@tests/all.sh $(STEPS)

ci: ## Run what CI runs
	@.ci/run

fmt: ## Format Rust and Python
	cargo fmt --all
	source tests/tools.sh; ruff check --fix-only --quiet; ruff format --quiet

style: ## Check the format of Rust and Python, and Python's lints
	cargo fmt --all --check
	source tests/tools.sh; ruff format --check --quiet; ruff check --quiet

fences: ## Prove what each crate must never know
	@tests/fences.sh

deny: ## Check licences, bans and sources of all dependencies
	source tests/tools.sh; cargo_deny check --hide-inclusion-graph licenses bans sources

# No part of `test`: it downloads the advisory database, so it fails where that host is not reached, and the same
# commit turns red on the day that somebody finds something. Run it before a release.
advisories: ## Check the dependencies for known vulnerabilities (needs the internet)
	source tests/tools.sh; cargo_deny check advisories

lint: ## Run clippy on everything, then on each engine alone and on none
	$(CLIPPY) --workspace $(DENY_WARNINGS)
	$(CLIPPY) -p loadonce-engines --no-default-features $(DENY_WARNINGS)
	$(CLIPPY) -p loadonce --no-default-features $(DENY_WARNINGS)
	$(CLIPPY) -p loadonce --no-default-features --features cli $(DENY_WARNINGS)
	for engine in $(ENGINES); do \
		$(CLIPPY) -p loadonce-engines --no-default-features --features $$engine $(DENY_WARNINGS); \
		$(CLIPPY) -p loadonce --no-default-features --features cli,$$engine $(DENY_WARNINGS); \
	done

doc: ## Build the documentation, private items too, without a warning
	RUSTDOCFLAGS="-D warnings" cargo doc --quiet --workspace --locked --no-deps --document-private-items

unit: ## Run the tests of the crates, doc tests too, and of the benchmark's arithmetic
	cargo test --workspace --locked --no-fail-fast
	# Without what happens to be installed beside this Python.
	"$$PYTHON" -S -m unittest discover --quiet --start-directory bench/side

python: release ## Test the Python side of models in Python, with real processes
	@tests/python.sh

release: ## Build the program as users do
	cargo build --release --locked -p loadonce

operators: release ## Compare every tabular operator with ONNX Runtime
	@tests/operators.sh

conformance: ## Have every engine answer the conformance cases, and check the README's table of engines
	@tests/conformance.sh

onnxruntime: release ## Test the engine with the ONNX Runtime library, and that it connects to nobody
	@tests/onnxruntime.sh

interop: release ## Have foreign clients, unmodified, ask the server, and check the README's table of clients
	@tests/interop.sh

examples-check: release ## Train the examples again, compare, and check them
	@tests/examples.sh

examples-python: release ## Serve the example models in Python, and hold the page for users of FastAPI to its services
	@tests/examples_python.sh

newuser: release ## Probe a starting server as a new user would
	@source tests/tools.sh; "$$PYTHON" tests/newuser.py

openapi: release ## Validate the server's OpenAPI document, and hold its answers against it
	@tests/openapi.sh

browser: release ## Use the server's page with a real browser
	@tests/browser.sh

fuzz: ## Give the parsers of model files and requests arbitrary bytes, each for FUZZ_SECONDS (600)
	@fuzz/run.sh

bench: ## Measure the server beside a hand-written one and others, half an hour; see bench/README.md
	@bench/side.sh --write

bench-memory: ## Measure the memory of 1 to 8 workers of large models beside FastAPI's; see bench/README.md
	@bench/memory.sh --write

bench-load: ## Measure cold and warm loads of a model of 403 MB, in one file and optimized; see bench/README.md
	@bench/load.sh --write
