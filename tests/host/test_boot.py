"""boot.py, started as a board does, before programs that never let anybody in."""

import os
import re
import shutil
import signal
import subprocess
import time

import pytest
from bootboard import Board
from ptyboard import MICROPYTHON, ROOT

SAFE = "safe mode, type why >>> why\n"


@pytest.fixture
def board(tmp_path):
    return Board(tmp_path)


def hang(board, cause="WDT_RESET"):
    """Start a program that prints "hangs" and never ends; bite as a watchdog does."""
    with board.begin(cause) as process:
        text = ""
        while "hangs" not in text:
            line = process.stdout.readline()
            assert line, text
            text += line
        process.send_signal(signal.SIGKILL)
    return text


# ---- programs that never let anybody in

RESETS = "import machine\nprint('main')\nmachine.reset()\n"
HANGS = "print('hangs')\nwhile True: pass\n"
RAISES = "print('main')\n1 / 0\n"
FILLS = """
print('main')
keep = []
def fill(n):
    try:
        while True:
            keep.append(bytearray(n))
    except MemoryError:
        pass
for n in (10000, 1000, 100, 10, 1):
    fill(n)
import machine
machine.reset()
"""


@pytest.mark.parametrize("name", ["main", "app"])
@pytest.mark.parametrize("program", [RESETS, FILLS], ids=["resets", "fills the heap"])
def test_a_program_that_resets_is_left_out_after_three_starts(board, name, program):
    if name == "app":
        shutil.copy(ROOT / "main.py", board.folder)
    board.write(**{name: program})
    for n in range(3):
        assert "main\nRESET\n" in board.start("WDT_RESET" if n else "PWRON_RESET")
        assert board.fails() == n + 1
    text = board.start("WDT_RESET", typed="why")
    assert "main\n" not in text
    why = "3 starts in a row did not last 10 s; mend the program, then press Ctrl-D\n"
    assert text.endswith("safe mode: " + why + SAFE + "safe mode: " + why)


@pytest.mark.parametrize("name", ["main", "app"])
def test_a_program_that_hangs_is_left_out_after_three_starts(board, name):
    if name == "app":
        shutil.copy(ROOT / "main.py", board.folder)
    board.write(**{name: HANGS})
    for _ in range(3):
        hang(board)
    text = board.start("WDT_RESET", typed="why")
    assert "hangs" not in text
    assert SAFE in text


def test_a_main_that_raises_leads_to_the_repl_each_time_and_then_is_left_out(board):
    board.write(main=RAISES)
    for _ in range(3):
        text = board.start()
        assert "main\nTraceback" in text
        assert text.endswith(">>> 40 + 2\n42\n")
    assert "main\n" not in board.start()


@pytest.mark.parametrize("end", ["import sys; sys.exit()", "import machine; machine.soft_reset()"])
def test_a_program_that_soft_resets_as_soon_as_it_starts_is_left_out(board, end):
    board.kind = "esp32"
    board.write(main=end)
    assert board.start("PWRON_RESET").endswith("MPY: soft reboot\n")
    for _ in range(2):
        assert board.start("SOFT_RESET", 900).endswith("MPY: soft reboot\n")
    assert SAFE in board.start("SOFT_RESET", 900, typed="why")


def test_the_start_after_safe_mode_tries_the_program_again(board):
    board.write(main=RESETS)
    for _ in range(2):
        for _ in range(3):
            assert "RESET" in board.start("WDT_RESET")
        assert SAFE in board.start("WDT_RESET", typed="why")
    board.write(main="print('mended')")
    assert "mended\n" in board.start("WDT_RESET", 5000)


@pytest.mark.parametrize("kind", ["rp2", "esp32"])
def test_safe_mode_is_left_after_an_hour_by_itself(board, kind):
    board.kind = kind
    board.write(main=RESETS)
    for _ in range(3):
        board.start()
    assert board.start(FIRE="yes").endswith("timer of 3600000 ms\nRESET\n")


def test_no_retry_means_that_safe_mode_lasts(board):
    board.write(main=RESETS, config={"boot": {"retry": 0}})
    for _ in range(3):
        board.start()
    text = board.start(typed="why")
    assert "timer" not in text
    assert SAFE in text


def test_safe_mode_needs_no_timer(board):
    board.write(main=RESETS)
    for _ in range(3):
        board.start()
    text = board.start(typed="why", NO_TIMER="yes")
    assert "boot: retry: ValueError: no timer\n" in text
    assert SAFE in text


# ---- what counts

LASTS = """
import asyncio
async def main():
    await asyncio.sleep(0.2)
asyncio.run(main())
"""


def test_a_program_that_lasts_has_not_failed(board):
    board.write(main=LASTS, config={"boot": {"seconds": 0}})
    for _ in range(5):
        assert SAFE not in board.start()
        assert board.fails() == 0


def test_a_program_that_does_not_last_has_failed(board):
    board.write(main=LASTS)
    board.start()
    assert board.fails() == 1


def test_the_default_program_lasts(board):
    shutil.copy(ROOT / "main.py", board.folder)
    board.write(config={"boot": {"seconds": 1}})
    with board.begin() as process:
        deadline = time.monotonic() + 60
        while not board.fails():
            assert time.monotonic() < deadline
        while board.fails():
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.05)
        process.kill()


def test_a_program_without_asyncio_says_itself_that_it_lasts(board):
    board.write(main="boot_ok()\nprint('up')")
    assert "up\n" in board.start()
    assert board.fails() == 0


def test_somebody_who_soft_resets_is_no_failure(board):
    board.write(main=RAISES)
    board.start()
    board.start()
    for _ in range(5):
        text = board.start("PWRON_RESET", 30000)  # the port keeps the last cause
        assert text.startswith("boot: soft reset\nmain\n")
        assert board.fails() == 0


@pytest.mark.parametrize("cause", ["SOFT_RESET", "DEEPSLEEP_RESET"])
def test_a_soft_reset_and_a_wake_up_are_not_counted(board, cause):
    board.kind = "esp32"
    board.write(main=RAISES)
    for _ in range(5):
        board.start(cause, 5000)
    assert board.fails() == 0


def test_a_wake_up_does_not_hide_the_failures_before(board):
    board.kind = "esp32"
    board.write(main=RESETS)
    board.start("PWRON_RESET")
    board.start("DEEPSLEEP_RESET")
    assert board.fails() == 1


def test_a_board_without_a_program_has_nothing_to_count(board):
    for _ in range(5):
        assert board.start().endswith(">>> 40 + 2\n42\n")
    assert board.fails() == 0


# ---- why it reset


@pytest.mark.parametrize(
    "kind, cause, ticks, said",
    [
        ("rp2", "PWRON_RESET", 100, "PWRON_RESET"),
        ("rp2", "WDT_RESET", 100, "WDT_RESET"),
        ("rp2", "WDT_RESET", 5000, "soft reset"),
        ("esp32", "PWRON_RESET", 5000, "PWRON_RESET"),
        ("esp32", "HARD_RESET", 100, "HARD_RESET"),
        ("esp32", "DEEPSLEEP_RESET", 100, "DEEPSLEEP_RESET"),
        ("esp32", "SOFT_RESET", 5000, "soft reset"),
        ("esp32", "SOFT_RESET", 100, "SOFT_RESET"),
        ("esp32", "", 100, "reset cause 0"),
        ("bare", "", 100, "reset cause None"),
    ],
)
def test_the_cause_is_said(board, kind, cause, ticks, said):
    board.kind = kind
    assert board.start(cause, ticks).startswith(f"boot: {said}\n")


# ---- safe mode on demand


def test_a_file_keeps_the_board_in_safe_mode(board):
    board.write(main=RAISES)
    (board.folder / "safe_mode").touch()
    for cause, ticks in (("PWRON_RESET", 100), ("WDT_RESET", 100), ("PWRON_RESET", 9000)):
        text = board.start(cause, ticks, typed="why")
        assert "main\n" not in text
        assert text.endswith(
            "safe mode: there is a file safe_mode; remove it, then press Ctrl-D\n"
        )
    assert board.fails() == 0
    (board.folder / "safe_mode").unlink()
    assert "main\n" in board.start()


@pytest.mark.parametrize("pin", [15, "GP15"])
def test_a_pin_keeps_the_board_in_safe_mode(board, pin):
    board.write(main="print('main')", config={"boot": {"pin": pin}})
    assert "main\n" in board.start()
    text = board.start(LOW=str(pin), typed="why")
    assert "main\n" not in text
    assert text.endswith(f"safe mode: pin {pin} is low; let it go, then press Ctrl-D\n")
    assert "main\n" in board.start(LOW="14")


def test_a_pin_that_is_not_there_is_said_and_failures_count_all_the_same(board):
    board.write(main=RESETS, config={"boot": {"pin": "absent", "tries": 1}})
    text = board.start()
    assert "boot: pulled: ValueError: invalid pin\nmain\n" in text
    assert SAFE in board.start(typed="why")


# ---- settings


def test_tries_and_seconds_are_set_in_the_config(board):
    board.write(main=RESETS, config={"boot": {"tries": 1, "seconds": 77}})
    board.start()
    text = board.start(typed="why")
    assert "1 starts in a row did not last 77 s" in text


def test_no_tries_means_no_safe_mode_and_no_writes(board):
    board.write(main=RESETS, config={"boot": {"tries": 0}})
    for _ in range(5):
        assert "RESET" in board.start()
        assert not (board.folder / "boot.fails").exists()


@pytest.mark.parametrize(
    "config",
    [
        "",
        "{",
        "[1]",
        "null",
        '{"boot": 7}',
        '{"boot": null}',
        '{"boot": {"tries": "x", "seconds": -1, "pin": [1], "retry": 1.5}}',
        '{"boot": {"tries": true}}',
        '{"boot": {"tries": 99999999999999999999}}',
        "\0" * 4000,
        b"\xff\xfe".decode("latin-1"),
    ],
    ids=range(11),
)
def test_a_broken_config_leaves_the_defaults(board, config):
    (board.folder / "config.json").write_text(config, encoding="latin-1")
    board.write(main=RESETS)
    for _ in range(3):
        assert "RESET" in board.start()
    assert "3 starts in a row did not last 10 s" in board.start()


def test_the_defaults_are_those_of_the_config(board):
    code = "import aioconfig; print(aioconfig.load()[0]['boot'])"
    env = dict(os.environ, MICROPYPATH=f"{ROOT / 'lib'}:.frozen")
    out = subprocess.run(
        [MICROPYTHON, "-c", code], cwd=board.folder, env=env, capture_output=True, text=True
    )
    found = dict(re.findall(r"'(\w+)': (\w+)", out.stdout))
    source = (ROOT / "boot.py").read_text()
    boot = dict(re.findall(r'"(\w+)": (\w+)', re.search(r"s = (\{.*\})", source).group(1)))
    assert boot == found != {}


# ---- nothing may stop boot.py


def test_a_file_system_that_takes_nothing_is_said_and_the_program_runs(board):
    board.write(main="print('main')")
    (board.folder / "boot.fails").symlink_to("/dev/full")
    text = board.start()
    assert "boot: count: OSError: " in text
    assert "main\n" in text


def test_a_board_without_machine_runs_its_program(board):
    board.kind = "bare"
    board.write(main="print('main')", config={"boot": {"pin": 3}})
    assert "main\n" in board.start()


def test_nothing_of_boot_but_what_the_program_may_call_stays(board):
    board.write(main="print(sorted(globals()))")
    assert "['__file__', '__name__', '_boot_ok', 'boot_ok']\n" in board.start()


# ---- a failing app.py under main.py


APPS = {
    "import raises": ("raise ValueError('no LED')", "ValueError: no LED"),
    "syntax": ("def f(:\n", "SyntaxError: invalid syntax"),
    "imports what is not there": ("import nosuch", "ImportError: no module named 'nosuch'"),
    "setup raises": ("def setup(): 1 / 0", "ZeroDivisionError: divide by zero"),
    "setup raises later": (
        "import asyncio\nasync def setup():\n await asyncio.sleep_ms(1)\n 1 / 0",
        "ZeroDivisionError: divide by zero",
    ),
    "fills the heap": ("keep = [0]\nwhile True: keep += keep", "MemoryError: "),
    "setup takes what config.json has not": ("def setup(config): pass", "TypeError: "),
    "exit": ("import sys\nsys.exit(3)", "RuntimeError: sys.exit() in app.py ends nothing"),
    "exit in setup": (
        "import sys\nasync def setup(): sys.exit(3)",
        "RuntimeError: sys.exit() in app.py ends nothing",
    ),
    "setup is no function": ("setup = 7", "TypeError: "),
}


@pytest.mark.parametrize("app, said", APPS.values(), ids=APPS)
def test_a_failing_app_leaves_the_supervisor_and_the_repl(board, app, said):
    shutil.copy(ROOT / "main.py", board.folder)
    board.write(app=app)
    keys = (
        "import asyncio\nawait asyncio.sleep_ms(50)\n"
        "[aioctl.state(n) for n in ('app', 'repl', 'watcher_loop', 'schedule_loop')]\n"
        "aioctl.traceback('app')\naioctl.log()\n\4"
    )
    text = board.start(keys=keys)
    assert "app.py: " + said in text
    assert "aioctl.traceback('app') shows where\n" in text
    assert "\n['error', 'running', 'running', 'running']\n" in text
    assert re.search(r"app: Traceback\n.*\n(  File .*\n)+" + re.escape(said), text)
    assert "[app] " + said in text
