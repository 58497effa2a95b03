# What boot.py and main.py need of a board's `machine`. BOARD=rp2, esp32 or bare: whose constants
# it has; CAUSE: name of the cause of this start; LOW: a pin that is connected to ground.
import os

_KINDS = {
    "rp2": {"PWRON_RESET": 1, "WDT_RESET": 3},
    "esp32": {
        "PWRON_RESET": 1,
        "HARD_RESET": 2,
        "WDT_RESET": 3,
        "DEEPSLEEP_RESET": 4,
        "SOFT_RESET": 5,
    },
    "bare": {},
}
_causes = _KINDS[os.getenv("BOARD")]
globals().update(_causes)

if _causes:

    def reset_cause():
        return _causes.get(os.getenv("CAUSE"), 0)


def reset():
    print("RESET")
    os.system("kill -9 $PPID")


def soft_reset():
    raise SystemExit


class Pin:
    IN = 0
    PULL_UP = 1

    def __init__(self, pin, mode, pull):
        if pin == "absent":
            raise ValueError("invalid pin")
        assert (mode, pull) == (self.IN, self.PULL_UP)
        self.pin = pin

    def value(self):
        return int(str(self.pin) != os.getenv("LOW"))


class Timer:
    ONE_SHOT = 0

    def __init__(self, n):
        # A Pico has virtual timers alone, an ESP32 has these four.
        there = range(4) if os.getenv("BOARD") == "esp32" else (-1,)
        if n not in there or os.getenv("NO_TIMER"):
            raise ValueError("no timer")

    def init(self, mode, period, callback):
        assert mode == self.ONE_SHOT
        print("timer of %d ms" % period)
        if os.getenv("FIRE"):
            callback(self)
