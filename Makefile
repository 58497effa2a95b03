# The commands of a developer; `make help` lists them. Needs Python 3.10 or later, no more.

PYTHON ?= python3
HEAP ?= 2M
APP ?= main.py
BIN := .venv/bin
STAMP := .venv/.stamp

.DEFAULT_GOAL := help
.PHONY: help run test test-32 test-board check format bench bench-board size firmware
.PHONY: deploy flash packages lock clean

help:
	@echo "make run            start main.py on MicroPython, with the REPL beside it"
	@echo "make run APP=x.py   start another program (HEAP=64K: with less memory)"
	@echo "make test           run all tests (K=name: those that match; J=1: one at a time)"
	@echo "make test-32        the device tests on MicroPython with 32-bit words and a board's heap"
	@echo "make test-board     the board tests and the device tests on an emulated Raspberry Pi Pico"
	@echo "make check          lint, format, spelling, import directions, types"
	@echo "make format         put imports and layout in order, as check wants them"
	@echo "make bench          measure (JSON=1, PEER=folder, ARGS=...)"
	@echo "make bench-board    measure on the emulated Pico (JSON=1)"
	@echo "make size           bytes of each module, in files and in RAM, here and on the Pico (JSON=1)"
	@echo "make firmware       build the firmware of that Pico, build/firmware/pico.uf2"
	@echo "make deploy         put it on a board (PORT=..., CORE=1, LIB=\"triggers store\", APP=app.py,"
	@echo "                    CONFIG=config.json, DRYRUN=1)"
	@echo "make flash          put a firmware on a board (FIRMWARE=x.uf2 or x.bin, PORT=...)"
	@echo "make packages       write package.json anew, after a file of lib/ came or went"
	@echo "make lock           write requirements/*.lock anew (needs uv)"
	@echo "make clean          remove what the others made"

run: $(STAMP)-run
	@HEAP="$(HEAP)" $(BIN)/python tools/run.py "$(APP)"

test: $(STAMP)-test
	@$(BIN)/python -m pytest $(if $(K),-k "$(K)") -n $(or $(J),2) $(ARGS)

FIRMWARE_FOR = $(PYTHON) tools/firmware/build.py
MICROPYTHON_32 := $(CURDIR)/build/firmware/micropython32

# They get 200 KiB, a little less than a Pico has, unless a file says why it takes more.
test-32: $(STAMP)-test
	@$(FIRMWARE_FOR) unix32
	@MICROPYTHON=$(MICROPYTHON_32) $(BIN)/python -m pytest tests/device tests/compat \
		tests/host/test_seed.py $(if $(K),-k "$(K)") -n $(or $(J),2) $(ARGS)

# One emulator keeps one core busy.
test-board: $(STAMP)-board
	@$(FIRMWARE_FOR) pico frozen
	@$(BIN)/python -m pytest --board -n $(or $(J),2) $(if $(K),-k "$(K)") $(ARGS)

firmware:
	@$(FIRMWARE_FOR) pico

bench-board: $(STAMP)-board
	@$(FIRMWARE_FOR) pico frozen
	@$(BIN)/python bench/pico.py $(if $(JSON),--json)

size: $(STAMP)-board
	@$(FIRMWARE_FOR) pico frozen unix32
	@$(BIN)/python tools/size.py $(if $(JSON),--json)

check: $(STAMP)-check
	@$(BIN)/python tools/check.py

format: $(STAMP)-check
	@$(BIN)/ruff check -q --fix . || true
	@$(BIN)/ruff format .

bench: $(STAMP)-test
	@$(BIN)/python bench/run.py $(if $(JSON),--json) $(if $(PEER),--peer "$(PEER)") $(ARGS)

HOST := PYTHONPATH=host $(BIN)/python -m aioctl_host

deploy: $(STAMP)-test
	@$(HOST) deploy $(if $(PORT),--port "$(PORT)") $(if $(CORE),--core) \
		$(if $(LIB),--lib "$(LIB)") $(if $(filter file,$(origin APP)),,--app "$(APP)") \
		$(if $(CONFIG),--config "$(CONFIG)") $(if $(DRYRUN),--dry-run) $(ARGS)

flash: $(STAMP)-test
	@$(HOST) flash "$(FIRMWARE)" $(if $(PORT),--port "$(PORT)") $(ARGS)

packages:
	@$(PYTHON) tools/packages.py

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

BOARD_LOCKS := $(TEST_LOCKS) requirements/board.lock

$(STAMP)-run: $(RUN_LOCKS) $(REDO)
	@$(PYTHON) tools/bootstrap.py run

$(STAMP)-test: $(TEST_LOCKS) $(REDO)
	@$(PYTHON) tools/bootstrap.py test

$(STAMP)-check: $(CHECK_LOCKS) $(REDO)
	@$(PYTHON) tools/bootstrap.py check

$(STAMP)-board: $(BOARD_LOCKS) $(REDO)
	@$(PYTHON) tools/bootstrap.py board

LOCK := uv pip compile -q --universal --python-version 3.10 --generate-hashes \
	--no-emit-index-url --no-header

lock:
	$(LOCK) --no-deps requirements/run.in -o requirements/run.lock
	$(LOCK) requirements/test.in -o requirements/test.lock
	$(LOCK) requirements/check.in -o requirements/check.lock
	$(LOCK) requirements/board.in -o requirements/board.lock
	$(LOCK) requirements/typings.in -o requirements/typings.lock

clean:
	rm -rf .venv typings build .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
