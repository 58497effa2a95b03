"""Runs before main.py on a board: says why it reset; leaves main.py out if that keeps failing.

A start has failed if asyncio did not run for `seconds` in it. The file boot.fails has a byte
for each failed start in a row. All that is ever written is one byte more, or the file removed,
so a power cut leaves the old number or the new one. docs/first-board.md has the rules.
"""


class SafeMode(Exception):
    """Why main.py is left out: MicroPython does that when boot.py raises."""

    def __repr__(self):
        return "safe mode: %s" % self


def boot_ok():
    """Forget the failed starts; to be called by a program that does not run on asyncio."""
    import os

    try:
        os.remove("boot.fails")
    except OSError:  # there are none
        pass


async def _boot_ok(seconds):
    from asyncio import sleep

    await sleep(seconds)
    boot_ok()


def _size(name):
    # Bytes in a file; None if there is none.
    import os

    try:
        return os.stat(name)[6]
    except OSError:
        return None


def _try(f, *args):
    # A guard: whatever goes wrong here, the board must start.
    try:
        return f(*args)
    except Exception as e:  # noqa: BLE001 - a guard: reports
        print("boot: %s: %s: %s" % (f.__name__, type(e).__name__, e))


def settings(s):
    # What config.json says under "boot", except what makes no sense: main.py reports that.
    import json

    with open("config.json") as f:
        got = json.load(f).get("boot") or s
    for k in s:
        v = got.get(k)
        if type(v) is int and 0 <= v <= 86400 or k == "pin" and isinstance(v, str):
            s[k] = v


def pulled(pin):
    # Whether the pin, a number or a name, is connected to ground.
    import time

    Pin = __import__("machine").Pin  # not by `import`: to type checkers unix has none
    pin = Pin(pin, Pin.IN, Pin.PULL_UP)
    time.sleep_ms(1)  # until the pull-up has charged the line
    return not pin.value()


def cause():
    # Name of the cause of the reset, or "soft reset".
    import time

    machine = __import__("machine")
    n = machine.reset_cause() if hasattr(machine, "reset_cause") else None
    ticks = time.ticks_ms()
    # Some ports have no such cause, others give it for machine.reset() as well, but then the
    # ticks begin anew. What soft resets this soon is the program: a start that failed.
    if n == getattr(machine, "SOFT_RESET", n) and ticks > 1000:  # pyright: ignore - ints
        return "soft reset"
    for name in ("PWRON", "HARD", "WDT", "DEEPSLEEP", "SOFT"):
        if getattr(machine, name + "_RESET", "none") == n:
            return name + "_RESET"
    return "reset cause %s" % n


def retry(seconds):
    # Reset after so many seconds in safe mode: the board may be where nobody looks after it.
    machine = __import__("machine")
    try:
        timer = machine.Timer(-1)
    except ValueError:  # an ESP32 has real ones, from 0
        timer = machine.Timer(0)
    timer.init(mode=timer.ONE_SHOT, period=seconds * 1000, callback=lambda t: machine.reset())


def count(s):
    # Count this start as failed, until it shows otherwise.
    import os

    if any(f[:5] == "main." or f[:4] == "app." for f in os.listdir()):
        with open("boot.fails", "a") as f:
            f.write("x")
        import asyncio

        asyncio.create_task(_boot_ok(s["seconds"]))


def why_safe():
    # Why main.py must not run, or None.
    reset = _try(cause)
    print("boot: %s" % reset)
    if _size("safe_mode") is not None:
        return "there is a file safe_mode; remove it, then press Ctrl-D"
    s = {"tries": 3, "seconds": 10, "retry": 3600, "pin": None}
    if _size("config.json"):
        _try(settings, s)
    if s["pin"] is not None and _try(pulled, s["pin"]):
        return "pin %s is low; let it go, then press Ctrl-D" % s["pin"]
    if reset == "soft reset":
        boot_ok()  # somebody is at work on the board
    elif s["tries"] and reset != "DEEPSLEEP_RESET":
        n = _size("boot.fails") or 0
        if n < s["tries"]:
            _try(count, s)
        else:
            boot_ok()  # the next start is a fresh try
            if s["retry"]:
                _try(retry, s["retry"])
            text = "%d starts in a row did not last %d s; mend the program, then press Ctrl-D"
            return text % (n, s["seconds"])
    return None


why = _try(why_safe)
if why:
    import sys

    why = SafeMode(why)
    sys.ps1 = "safe mode, type why >>> "
    raise why
for name in "SafeMode why why_safe settings pulled cause retry count _size _try name".split():
    globals().pop(name)  # the program needs the memory
