"""The device tests on an emulated RP2040: what runs them, and what stays on the unix port.

`pytest --board tests/device` (tests/conftest.py) runs each test function here instead of in a
process: after a reset of the interpreter, with the board's own heap, in virtual time. The
modules are on the flash as a board gets them, cross-compiled without asserts and line numbers;
the tests are cross-compiled too, with both.
"""

import pathlib
import shutil
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEVICE = ROOT / "tests" / "device"
sys.path.insert(0, str(ROOT / "tools" / "firmware"))

from board import (  # noqa: E402
    Board,
    BoardError,
    BoardTimeout,
    compile_file,
    compile_modules,
    missing,
)

__all__ = ["Suite", "missing"]

SLOWER = 10  # a test may take this many times longer than on the unix port
PASSED = "\x05 passed"
FOLDER = "/tmp"  # support.folder(): empty before each test
BEFORE = f"""
import gc, os, sys
gc.enable()  # on this port a soft reset does not
def _empty(path):
    for name, kind, *_ in os.ilistdir(path):
        name = path + "/" + name
        if kind == 0x4000:
            _empty(name)
            os.rmdir(name)
        else:
            os.remove(name)
try:
    os.mkdir({FOLDER!r})
except OSError:
    _empty({FOLDER!r})
del _empty
sys.path[:] = ["", "/test", ".frozen", "/lib"]
"""

# Tests that the emulated board cannot run, by file and name, with the reason.
THREADS = "the emulator has one core, and a thread of this port needs the second"
TERMINAL = "a board's output is always taken for a terminal"
GIGABYTE = "it writes hundreds of megabytes into a log, which takes minutes here"
SLOW = "it would take minutes"
MODEL = "the model that it compares with does not fit beside what it tests"
UNIX_ONLY = {
    "test_aioctl.py::test_colours_are_off_where_the_output_is_no_terminal": TERMINAL,
    "test_aiolog.py::test_places_start_over_after_many_bytes": GIGABYTE,
    "test_aiolog.py::test_a_follower_goes_on_over_the_place_where_counting_starts_anew": GIGABYTE,
    "test_aiolog.py::test_readers_at_their_own_places_against_a_model": MODEL,
    "test_aiolog.py::test_threads_write_at_once": THREADS,
    "test_aiolog.py::test_no_line_of_a_thread_is_lost_or_doubled": THREADS,
    "test_aiolog.py::test_a_thread_writes_while_others_read": THREADS,
    "test_aiolog.py::test_a_follower_sees_what_a_thread_wrote": THREADS,
    "test_logging.py::test_threads_log_at_once": THREADS,
    "test_plan_under_stress.py::test_a_thread_of_an_earlier_loop_gives_its_place_back": THREADS,
    "test_logging.py::test_a_line_of_a_thread_is_of_no_task": THREADS,
    "test_aiosink.py::test_a_full_flash_costs_the_oldest_files_and_no_line_that_is_new": SLOW,
    "test_aiosink.py::test_each_write_to_the_flash_costs_few_blocks": SLOW,
    "test_aiosink.py::test_files_are_bounded_in_size_and_number": SLOW,
    "test_aiosink.py::test_a_power_cut_at_any_operation_leaves_whole_lines": SLOW,
    "test_crash.py::test_ten_thousand_failures_leave_the_heap_as_it_was": SLOW,
    "test_soak.py": SLOW,
    "test_tree_soak.py": SLOW,
    "test_syslog.py": "a Pico has no network",
    "test_aiothread.py": THREADS,  # all of it
    "test_watchdog_thread.py": THREADS,
}


class Suite:
    """One board for all device tests of a session; it is switched on by the first."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="board-"))
        self.board = None

    def close(self):
        """Switch the board off and forget its files."""
        if self.board:
            self.board.cut_power()
        shutil.rmtree(self.folder)

    def select(self, items):
        """Split the collected tests into those for the board and the others."""
        names = {f"{item.path.name}::{item.name}": item for item in items}
        left = [
            item
            for name, item in names.items()
            if name in UNIX_ONLY or item.path.name in UNIX_ONLY
        ]
        return [item for item in items if item not in left], left

    def run(self, script, timeout):
        """Run a script; returns its output, and None, or why it failed ("": see the output)."""
        try:
            if self.board is None:
                self._switch_on()
            with self.board.console() as console:
                console.enter_raw()
                console.run(BEFORE)
                output = console.run(f"{script}\nprint({PASSED!r})", timeout * SLOWER)
        except BoardTimeout as e:
            self.board.cut_power()  # what hangs may not listen to Ctrl-C
            self.board = None
            return e.output, str(e).partition(";")[0]
        except BoardError as e:
            return str(e), ""
        if not output.endswith(f"{PASSED}\n"):
            return output, "the test ended the program"
        return output[: -len(PASSED) - 1], None

    def _switch_on(self):
        flash = self.folder / "flash.img"
        if not flash.exists():
            self._prepare(flash)
        self.board = Board(flash=flash, speed=0)
        self.board.start()

    def _prepare(self, flash):
        staged = self.folder / "staged"
        compile_modules(staged)
        for path in DEVICE.glob("*.py"):
            compile_file(path, (staged / "test" / path.name).with_suffix(".mpy"))
        source = DEVICE / "test_deaths.py"  # it looks for its own lines
        shutil.copy(source, (staged / "test" / source.name).with_suffix(".txt"))
        part = self.folder / "part.img"
        with Board(flash=part, speed=0) as board:
            board.put(staged)
        part.rename(flash)
