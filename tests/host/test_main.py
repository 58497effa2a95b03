"""main.py with each config.json: what it starts, what it imports, what it says."""

import re

import pytest
from bootboard import Board

# An app.py that tells what there is when all has started, then ends the program.
TELLS = """
import asyncio, gc, sys
import aioctl
async def tells(args):
    await asyncio.sleep(0.1)
    print("\\nMODULES", *sorted(n for n in sys.modules if n not in ("board", "machine", "time")))
    print("\\nTASKS", *sorted(aioctl.group().tasks))
    print("\\nTHRESHOLD", gc.threshold())
    print("\\nARGS", repr(args))
    aioctl.stop("*")
def setup(*args):
    aioctl.add(tells, args)
"""


@pytest.fixture
def board(tmp_path):
    return Board(tmp_path, "main.py")


def told(board, config=None, app=TELLS):
    """What TELLS tells, as a dict, and the whole output, for a config.json."""
    board.write(app=app)
    if config is not None:
        board.write(config=config)
    text = board.start()
    found = dict(re.findall(r"^(MODULES|TASKS|THRESHOLD|ARGS) ?(.*)$", text, re.MULTILINE))
    assert len(found) == 4, text
    return found, text


OFF = {"log": False, "watcher": False, "scheduler": False, "repl": False}
PARTS = {  # what each brings; the names of tasks and the policies share a package
    "log": "aiolog logging",
    "watcher": "aioschedule aiosupervisor",
    "scheduler": "aioschedule",
    "repl": "aiorepl aioconsole aiosupervisor",
}


def packages(found):
    """The packages among the imported modules."""
    return {name for name in found["MODULES"].split() if "." not in name}


def test_with_everything_off_only_the_registry_is_imported(board):
    found, text = told(board, OFF)
    assert packages(found) == {"aioconfig", "aioctl", "app", "asyncio"}
    assert found["TASKS"] == "tells"
    assert "Traceback" not in text


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_is_on_is_imported_and_no_other(board, part):
    alone, _ = told(board, OFF)
    found, _ = told(board, {**OFF, part: True})
    assert packages(found) - packages(alone) == set(PARTS[part].split())


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_is_off_is_not_imported(board, part):
    others = " ".join(names for name, names in PARTS.items() if name != part)
    found, _ = told(board, {part: False})
    assert not packages(found) & (set(PARTS[part].split()) - set(others.split()))
    assert (part != "watcher") == ("aiosupervisor.policy" in found["MODULES"])


def test_without_a_config_nothing_that_reads_one_stays_and_no_plan_is_loaded(board):
    found, _ = told(board)
    assert found["TASKS"] == "repl schedule_loop tells watcher_loop"
    names = found["MODULES"].split()
    assert "aioconfig.app" in names
    for name in ("aioconfig.check", "aioconfig.plan", "aioplan", "aiotrigger"):
        assert name not in names


def test_the_threshold_of_the_heap_is_a_quarter_of_what_is_free(board):
    found, _ = told(board)
    assert 50_000 < int(found["THRESHOLD"]) < 100_000  # of 400 K, some of them taken


@pytest.mark.parametrize("threshold", [-1, 12352])
def test_the_threshold_of_the_heap_is_set_in_the_config(board, threshold):
    found, _ = told(board, {"gc": {"threshold": threshold}})
    assert int(found["THRESHOLD"]) == threshold


@pytest.mark.parametrize("entry", [{"led": 25}, [], None, False, 0])
def test_setup_gets_the_entry_for_app(board, entry):
    assert told(board, {"app": entry})[0]["ARGS"] == f"({entry!r},)"


def test_setup_gets_nothing_without_an_entry(board):
    assert told(board, {})[0]["ARGS"] == "()"


def test_each_error_is_told_on_the_console_and_in_the_log(board):
    board.write(
        app="",
        config={
            "log": {"size": 1},
            "wacher": {},
            "scheduler": {"tz": "x", "schedules": {"a": {"repeat": -1}}},
        },
    )
    lines = [
        "config.json: log.size: expected a whole number from 64 to 1000000, got 1; 2000 is used",
        "config.json: wacher: unknown, not used; known: "
        "app, boot, gc, log, repl, scheduler, watcher",
        "config.json: scheduler.tz: Zone: ",
        "config.json: scheduler.schedules: a: repeat: ",
    ]
    told, log = board.start(keys="aioctl.log()\n\4").split("Starting asyncio REPL")
    for line in lines:
        assert "\n" + line in told
        assert "[WARNING] [-] " + line in log


def test_without_a_log_errors_are_told_on_the_console(board):
    _, text = told(board, {"log": False, "gc": 7})
    assert "\nconfig.json: gc: expected an object { }, got 7; defaults are used\n" in text


def test_the_log_keeps_what_the_level_lets_through(board):
    app = (
        "import logging\n"
        "for f in ('debug', 'info', 'warning', 'error'):\n"
        "    getattr(logging.getLogger('mine'), f)('of ' + f)\n"
    )
    for level, kept in (("DEBUG", 4), ("INFO", 3), ("WARNING", 2), ("CRITICAL", 0)):
        board.write(app=app, config={"log": {"level": level}})
        assert board.start(keys="aioctl.log()\n\4").count("[mine]") == kept


def test_a_line_that_a_task_logs_is_one_of_its_own(board):
    board.write(
        app="import asyncio, logging, aioctl\n"
        "async def pump():\n"
        "    logging.getLogger('water').warning('dry')\n"
        "def setup(): aioctl.add(pump)\n"
    )
    keys = "await aioctl.join('pump'); aioctl.status('pump'); aioctl.log(task='pump')\n\4"
    text = board.start(keys=keys)
    assert text.count(" [water] [WARNING] [pump] dry\n") == 2, text


def test_the_log_has_the_size_of_the_config(board):
    board.write(app="import aiolog\nfor n in range(99): aiolog.streamlog.write('line %d\\n' % n)")
    assert board.start(keys="aioctl.log()\n\4").count("\nline ") == 99
    board.write(config={"log": {"size": 64}})
    text = board.start(keys="aioctl.log()\n\4")
    assert 5 < text.count("\nline ") < 9
    assert "\nline 98\n" in text


def test_the_prompt_is_that_of_the_config(board):
    board.write(app="", config={"repl": {"prompt": "lamp> "}})
    assert "\nlamp> 40 + 2\n42\n" in board.start(keys="40 + 2\n\4")


def test_the_history_is_kept_where_the_config_says(board, tmp_path):
    board.write(app="", config={"repl": {"history": "past"}})
    for command in ("40 + 2", "40 + 3"):
        board.start(keys=command + "\n\4")
    assert (tmp_path / "past").read_text() == "40 + 2\n40 + 3\n"
    board.write(config={})
    files = set(tmp_path.iterdir())
    board.start(keys="40 + 4\n\4")
    assert set(tmp_path.iterdir()) == files


FAILS = """
import asyncio
import aioctl
runs = []
async def fails():
    runs.append(1)
    raise OSError(5)
async def setup(times):
    aioctl.add(fails, restart="on-failure", backoff=(0, 1))
    for _ in range(20):
        await asyncio.sleep_ms(10)
    while len(runs) < times:
        await asyncio.sleep_ms(10)
    print("\\nRUNS", len(runs) > 1)
    aioctl.stop("*")
"""


@pytest.mark.parametrize("on", [True, False])
def test_the_watcher_restarts_what_fails_if_it_is_on(board, on):
    board.write(app=FAILS, config={"watcher": on, "app": 1 + on})
    assert f"\nRUNS {on}\n" in board.start()


def test_the_schedules_of_the_config_start_tasks(board):
    app = "import aioctl\nasync def job(): print('job')\ndef setup(): aioctl.add(job)\n"
    board.write(app=app, config={"scheduler": {"schedules": {"job": {"start_in": 0.2}}}})
    text = board.start(
        keys="import aioschedule\naioschedule.group()['job'].delay\nawait aioctl.join('job')\n"
        "aioctl.state('job')\n\4"
    )
    assert re.search("\n200\n(.*\n)*job\n(.*\n)*'done'\n", text)


def test_the_demonstration_keeps_a_schedule_of_the_config(board):
    board.write(config={"scheduler": {"schedules": {"health": {"start_in": 77}}}})
    text = board.start(keys="import aioschedule\naioschedule.group()['health'].delay\n\4")
    assert "\n77000\n" in text


def test_without_an_app_the_health_is_reported(board):
    keys = "import asyncio\nawait asyncio.sleep(1.2)\naioctl.log()\n\4"
    assert re.search(r"\[health\] \d+ bytes free, 4 tasks\n", board.start(keys=keys))
    board.write(config={"log": False})
    text = board.start(keys="import asyncio\nawait asyncio.sleep(1.2)\naioctl.state('health')\n\4")
    assert "\n'done'\n" in text


def test_with_nothing_to_do_the_program_ends(board):
    board.write(config=OFF)
    assert board.start().endswith(">>> 40 + 2\n42\n")
