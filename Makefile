# The commands of a developer; `make help` lists them. Needs Python 3.10 or later, no more.

PYTHON ?= python3
HEAP ?= 2M
APP ?= main.py
BIN := .venv/bin
STAMP := .venv/.stamp

.DEFAULT_GOAL := help
.PHONY: help run test check format bench lock clean

help:
	@echo "make run            start main.py on MicroPython, with the REPL beside it"
	@echo "make run APP=x.py   start another program (HEAP=64K: with less memory)"
	@echo "make test           run all tests (K=name: those that match; J=2: two at a time)"
	@echo "make check          lint, format, spelling, import directions, types"
	@echo "make format         put imports and layout in order, as check wants them"
	@echo "make bench          measure (JSON=1, PEER=folder, ARGS=...)"
	@echo "make lock           write requirements/*.lock anew (needs uv)"
	@echo "make clean          remove what the others made"

run: $(STAMP)-run
	@HEAP="$(HEAP)" $(BIN)/python tools/run.py "$(APP)"

test: $(STAMP)-test
	@$(BIN)/python -m pytest $(if $(K),-k "$(K)") $(if $(J),-n $(J)) $(ARGS)

check: $(STAMP)-check
	@$(BIN)/python tools/check.py

format: $(STAMP)-check
	@$(BIN)/ruff check -q --fix . || true
	@$(BIN)/ruff format .

bench: $(STAMP)-test
	@$(BIN)/python bench/run.py $(if $(JSON),--json) $(if $(PEER),--peer "$(PEER)") $(ARGS)

# A copied folder or an upgraded Python leaves an environment that does not work any more.
INTACT := $(shell test -x $(BIN)/python && grep -qxF '$(CURDIR)/.venv' $(STAMP)-run 2>/dev/null && echo yes)
REDO := $(if $(INTACT),,redo)
.PHONY: redo
redo: ;

# Each step includes those before it.
RUN_LOCKS := tools/bootstrap.py requirements/run.lock
TEST_LOCKS := $(RUN_LOCKS) requirements/test.lock
CHECK_LOCKS := $(TEST_LOCKS) requirements/check.lock requirements/typings.lock \
	tools/stubs/asyncio/core.pyi

$(STAMP)-run: $(RUN_LOCKS) $(REDO)
	@$(PYTHON) tools/bootstrap.py run

$(STAMP)-test: $(TEST_LOCKS) $(REDO)
	@$(PYTHON) tools/bootstrap.py test

$(STAMP)-check: $(CHECK_LOCKS) $(REDO)
	@$(PYTHON) tools/bootstrap.py check

LOCK := uv pip compile -q --universal --python-version 3.10 --generate-hashes \
	--no-emit-index-url --no-header

lock:
	$(LOCK) --no-deps requirements/run.in -o requirements/run.lock
	$(LOCK) requirements/test.in -o requirements/test.lock
	$(LOCK) requirements/check.in -o requirements/check.lock
	$(LOCK) requirements/typings.in -o requirements/typings.lock

clean:
	rm -rf .venv typings build .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
