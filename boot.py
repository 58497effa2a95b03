"""Runs before main.py on a board: says why the board reset."""

import machine

_CAUSES = ("PWRON_RESET", "HARD_RESET", "WDT_RESET", "DEEPSLEEP_RESET", "SOFT_RESET")

reset_cause = getattr(machine, "reset_cause", None)  # the unix port has none
if reset_cause:
    names = [n for n in _CAUSES if getattr(machine, n, None) == reset_cause()]
    print("boot: %s" % (names[0] if names else "reset cause %s" % reset_cause()))
