"""The hardware watchdog of the emulated Pico: whom it bites, and who is named afterwards."""

import shutil

import pytest
from board import Board

PROGRAM = """
import asyncio, machine, time
import aiocrash, aioctl, aiowatchdog

bitten = machine.reset_cause() == machine.WDT_RESET
with open("starts", "a") as f:
    f.write("x")
aiocrash.start("crashes.txt")

async def beats():
    while True:
        await asyncio.sleep(1)
        aioctl.alive()

async def report():
    while True:
        aioctl.boot_report()
        print("starts:", len(open("starts").read()))
        await asyncio.sleep(5)

async def main():
    aioctl.add(beats, watchdog=3)
    if bitten:
        aioctl.add(report)
    %s
    await asyncio.gather(*aioctl.tasks())

%s

asyncio.run(main())
"""

SLEEPS = """
async def temperature_hog():
    await asyncio.sleep(1000 if bitten else 3)
    time.sleep(60)
"""
SPINS = """
async def temperature_hog():
    await asyncio.sleep(1000 if bitten else 3)
    while True:
        pass
"""
HANGS = """
async def uplink():
    while not bitten:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            pass
"""
HEALTHY = """
async def busy():
    for n in range(60):
        time.sleep_ms(400)
        await asyncio.sleep_ms(600)
    print("healthy", aiowatchdog.blocked(), len(open("starts").read()))
"""
STANDS_STILL = """
async def busy():
    print("paused", aiowatchdog.pause())
    time.sleep(20)
    aiowatchdog.resume()
    await asyncio.sleep(10)
    print("closed", aiowatchdog.stop())
    time.sleep(20)
    print("whole", len(open("starts").read()))
"""
TOP = """
async def hog():
    while True:
        time.sleep_ms(130)
        await asyncio.sleep_ms(70)

async def shows():
    await aioctl.top(3)
    print("shown")
"""
SOFT_RESET = """
import asyncio, aiowatchdog
class Wdt:
    def feed(self):
        pass
async def main():
    aiowatchdog.start(1, Wdt())
    aiowatchdog.sample(60)
    await asyncio.sleep(2)
asyncio.run(main())
"""


@pytest.fixture
def pico(image, tmp_path):
    """A board with aioctl on it, switched off."""
    flash = tmp_path / "flash"
    shutil.copy(image, flash)
    board = Board(flash=flash, speed=10)
    yield board
    board.cut_power()


def run(board, folder, functions, start):
    """Run the program with these functions; boot.py takes no start before for a failed one."""
    run_main(board, folder, PROGRAM % (start, functions))


def run_main(board, folder, program):
    """Put a main.py on the board, and switch it on anew."""
    files = folder / "files"
    files.mkdir()
    (files / "main.py").write_text(program)
    board.start()
    board.put(files)
    board.run("import os; 'boot.fails' in os.listdir() and os.remove('boot.fails')")
    board.cut_power()
    board.start()


@pytest.mark.parametrize("hog, timeout", [(SLEEPS, 8), (SPINS, 2)], ids=["sleeps", "spins"])
def test_a_task_that_blocks_the_loop_resets_the_board_and_is_named(pico, tmp_path, hog, timeout):
    run(pico, tmp_path, hog, f"aioctl.add(temperature_hog); aiowatchdog.start({timeout})")
    with pico.console() as console:
        console.expect("the loop is blocked by temperature_hog")
        console.expect("reset: WDT_RESET\r\n")
        assert console.expect("\r\n").startswith(b"because: temperature_hog blocked the loop for ")
        console.expect("temperature_hog: blocked the loop for ")
        console.expect("starts: 2\r\n")
        console.expect("starts: 2\r\n")
    pico.cut_power()
    pico.start()
    crashes = "import aiocrash; aiocrash.start('crashes.txt'); aiocrash.crashes()"
    assert "temperature_hog: blocked the loop for" in pico.run(crashes), "it is in the file"


def test_a_task_that_misses_its_deadline_and_will_not_end_resets_the_board(pico, tmp_path):
    start = "aioctl.add(uplink, watchdog=5, shutdown=2); aiowatchdog.start(8)"
    run(pico, tmp_path, HANGS, start)
    with pico.console() as console:
        console.expect("uplink does not end: the board will reset")
        console.expect(
            "reset: WDT_RESET\r\nbecause: uplink missed its deadline and did not end\r\n"
        )
        console.expect(
            "uplink: WatchdogError: no sign of life for 5 s; it did not end when cancelled"
        )
        console.expect("starts: 2\r\n")


def test_a_healthy_program_is_not_reset(pico, tmp_path):
    run(pico, tmp_path, HEALTHY, "aioctl.add(busy); aiowatchdog.start(4)")
    with pico.console() as console:
        console.expect("healthy ")
        assert console.expect("\r\n").endswith(b" 1")


def test_it_stands_still_when_it_is_told_to(pico, tmp_path):
    run(pico, tmp_path, STANDS_STILL, "aioctl.add(busy); aiowatchdog.start(2)")
    with pico.console() as console:
        console.expect("paused True\r\n")
        console.expect("closed True\r\n")
        console.expect("whole 1\r\n")


def test_a_soft_reset_stops_the_timers(pico, tmp_path):
    run_main(pico, tmp_path, "")
    pico.prompt()
    pico.run(SOFT_RESET)
    assert pico.run("import time; time.sleep(10); print('lives')") == "lives\n"


def test_top_shows_whose_steps_the_time_goes_to(pico, tmp_path):
    run(pico, tmp_path, TOP, "aioctl.add(hog); aioctl.add(shows)")
    with pico.console() as console:
        console.expect("longest step\r\n")
        assert console.expect("\r\n").split()[:2] == [b"hog", b"running"]
        console.expect("shown\r\n")
