"""boot.py and main.py on an emulated Pico: whatever the program does, there is a way in."""

import pathlib
import re
import shutil
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "firmware"))

import board as emulated  # noqa: E402 - tools/firmware/board.py

SAFE = "safe mode, type why >>> "
COUNT = "import os; print('boot.fails' in os.listdir() and os.stat('boot.fails')[6])"

RESETS = "import machine\nmachine.reset()\n"
BITTEN = "import machine\nmachine.WDT(timeout=100)\nwhile True: pass\n"
HANGS = "import time\nwhile True:\n  print('hangs')\n  time.sleep_ms(100)\n"
SHUTS_OUT = "import micropython\nmicropython.kbd_intr(-1)\n" + HANGS
FILLS = """
keep = []
def fill(n):
    try:
        while True:
            keep.append(bytearray(n))
    except MemoryError:
        pass
for n in (10000, 1000, 100, 10):
    fill(n)
"""
SOFT_RESETS = "import machine\nmachine.soft_reset()\n"
ENDS = "import sys\nsys.exit()\n"
WAITS = """
import asyncio
async def main():
    print('up')
    await asyncio.sleep(60)
asyncio.run(main())
"""


class Pico(emulated.Board):
    """A board with aioctl and its boot.py on it."""

    def install(self, folder, **files):
        """Write main, app and the like to it, and switch it off; nothing counts as failed."""
        for name, text in files.items():
            (folder / ("config.json" if name == "config" else name + ".py")).write_text(text)
        self.start()
        self.put(folder)
        self.run("import os; 'boot.fails' in os.listdir() and os.remove('boot.fails')")
        self.cut_power()

    def look(self, code):
        """What the code prints; the program goes on, if it has aiorepl."""
        return self.mpremote("resume", "exec", code).stdout.strip()

    def fails(self):
        return int(self.look(COUNT).replace("False", "0"))

    def prompt(self, mark=SAFE):
        """Press Enter until the board shows this prompt."""
        with self.console() as console:
            for _ in range(180):
                console.send("\r")
                try:
                    return console.expect("\n" + mark, timeout=1)
                except emulated.BoardTimeout:
                    pass
            raise AssertionError(f"no prompt {mark}: {console.unread}")

    def wait_up(self, mark="up"):
        """Wait until the program has said so."""
        with self.console() as console:
            console.expect(mark)

    def why(self):
        """The answer to `why` in safe mode, which must be on."""
        self.prompt()
        with self.console() as console:
            console.send("why\r")
            console.expect("why\r\n")
            why = console.expect("\r\n").decode()
            # A person takes longer than this: what soft resets within a second is the program.
            console.send("import time; time.sleep(1)\r")
            console.expect("\n" + SAFE)
        return why


@pytest.fixture
def pico(image, tmp_path):
    """A board that is switched off."""
    flash = tmp_path / "flash"
    shutil.copy(image, flash)
    board = Pico(flash=flash, speed=10)  # an hour in safe mode is six minutes
    yield board
    board.cut_power()


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    return folder


# ---- programs that never let anybody in


RESTARTS = {
    "resets": RESETS,
    "hangs and is bitten": BITTEN,
    "fills the heap": FILLS + RESETS,
    "soft resets": SOFT_RESETS,
    "ends": ENDS,
}
CASES = [("main", n) for n in RESTARTS] + [("app", n) for n in list(RESTARTS)[:3]]


@pytest.mark.parametrize("name, program", CASES)
def test_a_program_that_starts_again_and_again_ends_in_safe_mode(pico, files, name, program):
    pico.install(files, **{name: RESTARTS[program]})
    pico.start()
    assert pico.why() == (
        "safe mode: 3 starts in a row did not last 10 s; mend the program, then press Ctrl-D"
    )
    # It can be mended, and Ctrl-D tries it.
    (files / f"{name}.py").write_text("print('mended')\n")
    pico.put(files)
    with pico.console() as console:
        console.send("\x02\x04")
        console.expect("mended")
    assert pico.fails() == 0


@pytest.mark.parametrize("name", ["main", "app"])
def test_a_program_that_shuts_out_ctrl_c_is_caught_by_power(pico, files, name):
    pico.install(files, **{name: SHUTS_OUT})
    for _ in range(3):
        pico.start()
        with pico.console() as console:
            console.expect("hangs")
            console.send("\x03")
            console.expect("hangs\r\nhangs\r\n")
        pico.cut_power()
    pico.start()
    assert "3 starts in a row" in pico.why()
    assert pico.mpremote("rm", f":{name}.py").returncode == 0


@pytest.mark.parametrize("name", ["main", "app"])
def test_a_program_that_hangs_is_ended_by_ctrl_c(pico, files, name):
    pico.install(files, **{name: HANGS})
    pico.start()
    with pico.console() as console:
        console.expect("hangs")
        console.send("\x03")
        console.expect("KeyboardInterrupt: \r\n")
        console.expect(">>> ")


def test_a_main_that_raises_leads_to_the_repl_and_in_the_end_to_safe_mode(pico, files):
    pico.install(files, main="1 / 0\n")
    for n in range(3):
        pico.start()
        pico.prompt(">>> ")
        assert pico.fails() == n + 1
        pico.cut_power()
    pico.start()
    assert "3 starts in a row" in pico.why()


@pytest.mark.parametrize("name", ["main", "app"])
def test_a_program_that_keeps_all_memory_lets_mpremote_in(pico, files, name):
    more = "print('full')\nwhile True: pass\n" if name == "main" else "print('full')\n"
    pico.install(files, **{name: FILLS + more})
    pico.start()
    pico.wait_up("full")
    assert pico.mpremote("exec", "print(6 * 7)").stdout == "42\n"
    assert pico.mpremote("rm", f":{name}.py").returncode == 0


@pytest.mark.parametrize(
    "app, error",
    [
        ("1 / 0\n", "ZeroDivisionError: divide by zero"),
        (FILLS + "raise MemoryError\n", "MemoryError:"),
        (SOFT_RESETS, "RuntimeError: sys.exit() in app.py"),
        (ENDS, "RuntimeError: sys.exit() in app.py"),
        ("async def setup(): 1 / 0\n", "ZeroDivisionError: divide by zero"),
    ],
    ids=["raises", "fills the heap and raises", "soft resets", "ends", "setup raises"],
)
def test_a_failing_app_leaves_the_supervisor_and_the_repl(pico, files, app, error):
    pico.install(files, app=app)
    pico.start()
    pico.prompt("--> ")
    assert pico.look("print(aioctl.state('app'), aioctl.state('repl'))") == "error running"
    assert error in pico.look("aioctl.traceback('app')")


# ---- what counts, and what is written


def test_a_start_that_lasts_counts_no_more(pico, files):
    pico.install(files, main=WAITS)
    for _ in range(5):
        pico.start()
        pico.wait_up()
        while pico.fails():
            pass
        pico.cut_power()


def test_the_default_program_lasts(pico, files):
    pico.install(files)
    pico.start()
    pico.prompt("--> ")
    while pico.fails():
        pass
    assert pico.look("print(aioctl.state('health'))") == "done"


def test_power_cut_in_any_write_leaves_a_board_that_starts(pico, files):
    pico.install(files, main=WAITS)
    flash = pico.flash.read_bytes()
    pico.start()
    pico.wait_up()
    while pico.fails():
        pass
    writes = int(pico.stop()["flash_ops"])
    assert writes > 1  # the count, and that it was for nothing
    for write in range(1, writes + 1):
        pico.flash.write_bytes(flash)
        try:
            pico.start(cut=write)
        except emulated.BoardError as e:
            assert "CUT" in str(e)  # before USB was there
        else:
            pico.wait_cut()
        pico.start()
        pico.wait_up()
        assert pico.fails() <= 2
        pico.cut_power()


def test_a_full_flash_does_not_stop_the_count(pico, files):
    pico.install(files, main=RESETS)
    pico.start()
    pico.prompt(SAFE)
    pico.run(
        "import os\n"
        "n = 4096\n"
        "f = open('filler', 'wb')\n"
        "try:\n"
        "  while True: f.write(b'x' * n)\n"
        "except OSError as e: print(e)\n"
        "try: f.close()\n"
        "except OSError: pass\n"
    )
    pico.mpremote("reset")
    assert "3 starts in a row" in pico.why()


# ---- safe mode on demand, and its end


def test_a_file_means_safe_mode(pico, files):
    pico.install(files, main=WAITS)
    pico.start()
    pico.mpremote("touch", ":safe_mode")
    pico.cut_power()
    pico.start()
    assert pico.why() == "safe mode: there is a file safe_mode; remove it, then press Ctrl-D"
    pico.mpremote("rm", ":safe_mode")
    with pico.console() as console:
        console.send("\r\x04")
        console.expect("up")


WIRED = """
import sys
sys.path.insert(0, {tools!r})
import emulator
make = emulator.MicroPythonDevice
def wired(*args, **keywords):
    device = make(*args, **keywords)
    device.mcu.gpio[15].set_input_value(False)
    return device
emulator.MicroPythonDevice = wired
sys.exit(emulator.main())
"""


def test_a_pin_means_safe_mode_while_it_is_low(pico, files, tmp_path, monkeypatch):
    pico.install(files, main=WAITS, config='{"boot": {"pin": 15}}')
    pico.start()
    pico.wait_up()
    pico.cut_power()
    wired = tmp_path / "wired.py"
    wired.write_text(WIRED.format(tools=str(ROOT / "tools" / "firmware")))
    monkeypatch.setattr(emulated, "EMULATOR", wired)
    pico.start()
    assert pico.why() == "safe mode: pin 15 is low; let it go, then press Ctrl-D"


def test_safe_mode_ends_by_itself(pico, files):
    main = "import time\nprint('tries')\ntime.sleep_ms(50)\n" + RESETS  # until USB has sent it
    pico.install(files, main=main, config='{"boot": {"retry": 20}}')
    pico.start()
    pico.prompt(SAFE)
    pico.wait_up("tries")


# ---- the program of the docs


def test_the_blink_of_the_docs_is_supervised(pico, files):
    text = (ROOT / "docs" / "first-board.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    app = next(b for b in blocks if "def setup" in b)
    assert len([line for line in app.splitlines() if line]) <= 10
    pico.install(files, app=app)
    pico.start()
    pico.prompt("--> ")
    assert pico.look("print(aioctl.state('blink'))") == "running"
    pico.look("aioctl.stop('blink')")
    assert pico.look("print(aioctl.state('blink'))") == "stopped"
    pico.look("aioctl.start('blink')")
    assert pico.look("print(aioctl.state('blink'))") == "running"


LED_IS_ON = "import machine; print(machine.mem32[0xD0000010] >> 25 & 1)"  # GPIO_OUT


def test_the_blink_of_the_examples_blinks_and_reports(pico, files):
    pico.install(files, main=(ROOT / "examples" / "blink.py").read_text())
    pico.start()
    pico.prompt("--> ")
    seen = set()
    for _ in range(60):
        seen.add(pico.look(LED_IS_ON))
        if seen == {"0", "1"}:
            break
    assert seen == {"0", "1"}
    text = pico.look("import aioschedule; aioctl.start('report'); print(aioctl.state('blink'))")
    assert text.endswith("running")
    assert re.search(r"report: .*--> result: \d+ blinks", pico.look("aioctl.status('report')"))
