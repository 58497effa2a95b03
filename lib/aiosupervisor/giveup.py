"""What follows when a task gave up, or is stuck: the word `on_giveup`."""

import sys
from asyncio import core

from micropython import const

import aioctl

from .flush import flush
from .report import err_text

_LEAST_S = const(60)  # from the start of the program to the reset by a supervisor
_TEXTS = ("resets the board", "restarts the interpreter")


def act(rec, why):
    """Do as `on_giveup` of the record says; why: "gave up" or "stuck"."""
    word = rec.on_giveup
    if callable(word):
        _call(rec, word)
    elif word == "stop-all":
        print("%s: %s: stops all tasks" % (rec.name, why))
        _stop_all()
    elif word == "escalate" and rec.sup:
        rec.sup.escalate(rec, why)
    elif word != "ignore":
        _reset(rec, why, word == "soft-reset")


def _reset(rec, why, soft):
    # What has nobody above it ends the system, as in OTP.
    act = soft_reset if soft else reset
    s = _LEAST_S - aioctl.clock.now() if rec.team else 0
    if s <= 0:
        print(rec.name, why, _TEXTS[soft], sep=": ")  # takes no memory, of which there may be none
        act()
    else:
        # A tree that fails at once leaves time to look at it, and to put it right.
        from .limits import deadlines

        print("%s: %s: %s in %d s" % (rec.name, why, _TEXTS[soft], s))
        deadlines().insert(_Later(rec, act), s * 1000)


class _Later:
    # A reset to come, unless its supervisor is started meanwhile.

    _t = None  # its place in the queue
    _far = 0

    def __init__(self, rec, act):
        self.rec = rec
        self.act = act

    def fire(self, sched, late):
        """Its time has come."""
        self._t = None
        if self.rec.state == "gave-up" and self.rec in aioctl.records():
            self.act()


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
    _by_machine("reset")


def soft_reset():
    """Start the interpreter of the board anew; where there is none, end the program."""
    _by_machine("soft_reset")


def _by_machine(name):
    try:
        flush()
    except MemoryError:
        pass
    machine = sys.modules.get("machine") or __import__("machine")
    if hasattr(machine, name):
        getattr(machine, name)()
    raise SystemExit(1)
