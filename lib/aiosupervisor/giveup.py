"""What follows when a task gave up, or is stuck: the word `on_giveup`."""

import sys
from asyncio import core

import aioctl

from .report import err_text

before_reset = []  # called before the board is reset: what writes to flash


def act(rec, why):
    """Do as `on_giveup` of the record says; why: "gave up" or "stuck"."""
    word = rec.on_giveup
    if callable(word):
        _call(rec, word)
    elif word == "stop-all":
        print("%s: %s: stops all tasks" % (rec.name, why))
        _stop_all()
    elif word == "reset" or word == "escalate":
        # What has nobody above it ends the system, as in OTP.
        print("%s: %s: resets the board" % (rec.name, why))
        reset()


def _call(rec, f):
    try:
        c = f(rec)
        if hasattr(c, "send"):
            aioctl.create_task(c, name=rec.name + ".on_giveup")
    except Exception as e:  # noqa: BLE001 - a guard: reports
        rec.tell("on_giveup failed: ", e)


def _stop_all():
    # All but the caller, which is at its end, and cannot cancel itself.
    for r in aioctl.records():
        if r.task is not core.cur_task:
            try:
                aioctl.stop(r.name)
            except Exception as e:  # noqa: BLE001 - a guard: the others are stopped
                print("%s: stop failed: %s" % (r.name, err_text(e)))


def reset():
    """Reset the board; where there is none, end the program."""
    for f in before_reset:
        try:
            f()
        except Exception as e:  # noqa: BLE001 - a guard: the reset must come
            print("before the reset: " + err_text(e))
    machine = sys.modules.get("machine") or __import__("machine")
    if hasattr(machine, "reset"):
        machine.reset()
    raise SystemExit(1)
