# Starts the current folder as a board does: boot.py, main.py unless boot.py raised, then its own
# REPL, which is given one command: TYPED. TICKS: ms since the chip was reset, while boot.py runs.
import asyncio
import os
import sys
import time


class Time:
    sleep_ms = time.sleep_ms

    def ticks_ms(self):
        return int(os.getenv("TICKS"))


def run(name, space):
    """As MicroPython's ports do; False if it raised."""
    try:
        os.stat(name)
    except OSError:
        return True
    try:
        with open(name) as f:
            exec(compile(f.read(), name, "exec"), space)
    except SystemExit:
        print("MPY: soft reboot")
        sys.exit(0)
    except BaseException as e:  # noqa: BLE001 - as MicroPython does
        sys.print_exception(e)
        return False
    return True


def start(space):
    """Do all that from power-on to the REPL's first answer, in the globals `space`."""
    assert asyncio.sleep  # loads what takes its ticks from the real clock
    sys.modules["time"] = Time()
    whole = run("boot.py", space)
    sys.modules["time"] = time
    if whole:
        run("main.py", space)
    print(sys.ps1 + os.getenv("TYPED"))
    print(repr(eval(os.getenv("TYPED"), space)))
