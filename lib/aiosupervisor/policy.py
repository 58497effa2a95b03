"""What decides on restarts: `watcher_loop`.

Source: systemd.service (Restart=, RestartSec=, StartLimitBurst=); Erlang/OTP, supervisor,
"Restart intensity and period".
"""

import asyncio
import random
from asyncio import core

from micropython import const

import aioctl

from .report import err_text

_FOR_LONG = const(0x1F000000)  # ms, 6 days: about as long as asyncio can sleep
_FIRST_MS = const(1000)  # default back-off before the first restart
_PLAIN = aioctl.Taskctl  # a record without limits
_type = type  # a builtin is looked up in a long list
_queue = None  # of the loop in which watcher_loop() runs


class Watcher:
    """Decides on the restart of what has ended; `aioctl.watcher` is its `decide`.

    most: the longest back-off of tasks that name none, seconds. alog: a logger, or None.
    """

    def __init__(self, most=30, alog=None):
        from aioschedule import seconds_ms

        ms = min(seconds_ms("sleep", most), _FOR_LONG)
        self._backoff = (min(_FIRST_MS, ms), ms, 2)
        self._alog = alog

    def decide(self, rec):
        """Return the milliseconds until `rec` is to start again, or None."""
        # (A longer frame, of this or of `_pause`, would need the heap.)
        failed = rec.state == "error" or rec.state == "timeout"
        if failed and self._alog:
            self._say_error(rec)
        policy = rec.rule(failed) if _type(rec) is not _PLAIN else rec.restart
        if policy == "no" or not (failed or policy == "always" and rec.state == "done"):
            return None
        g = aioctl._AIOCTL_GROUP  # not group(): this is asked at each crash
        if g is None or g.tasks.get(rec.name) is not rec:
            return None
        if aioctl.holds and aioctl.holds(rec.name):
            return None  # its schedule will start it
        if rec.intensity and not allowed(rec, aioctl.clock.s):
            rec.state = "gave-up"
            self._say("Giving up Task %s", rec.name)
            if _type(rec) is not _PLAIN:
                rec.give_up("gave up")  # pyright: ignore - a `Limited`
            return None
        ms = (rec.backoff or self._backoff)[1] and self._pause(rec, failed)
        if self._alog:
            self._say("Restarting Task %s in %d ms", rec.name, ms)
        return ms

    def _pause(self, rec, failed):
        # The back-off of this restart, ms; plans the next one.
        ms, most, factor = rec.backoff or self._backoff
        # A run that lasted longer than the longest back-off was a healthy one.
        delay = rec._delay
        if failed and delay is not None and (rec._t1 - rec._t0) * 1000 <= most:
            ms = delay
        if factor == 1:
            delay = ms
        elif ms:
            delay = int(ms * factor)
            if delay <= ms:
                delay = ms + 1
        else:
            delay = _FIRST_MS
        rec._delay = min(delay, most)
        if ms > 3:
            # Jitter, so that what failed together does not come back together.
            ms -= random.getrandbits(28) % (ms // 4)
        return ms

    def _say_error(self, rec):
        self._say("Error @ Task %s %s", rec.name, err_text(rec._exc or rec._r))

    def _say(self, text, *words):
        if self._alog:
            try:
                self._alog.info("[watcher_loop] %s", text % words)
            except Exception as e:  # noqa: BLE001 - a guard: reports
                print("watcher_loop: log failed: " + err_text(e))


def allowed(rec, now):
    """Tell whether one more restart at `now`, s, is within the `intensity`."""
    # The edge of the period counts, as in OTP.
    n, period = rec.intensity
    if not rec._ring:
        rec._ring = [None] * (n + 1)  # times of the last restarts, s
        rec._i = 0  # index in _ring of the oldest one
    rec._ring[rec._i] = now
    rec._i = (rec._i + 1) % (n + 1)
    oldest = rec._ring[rec._i]
    return oldest is None or now - oldest > period


async def watcher_loop(alog=None, sleep=30):
    """Restart what fails as its policy says; to be added as a task.

    alog: a logger, or None. sleep: the longest back-off of tasks that name none, seconds.
    """
    global _queue
    watcher = Watcher(sleep, alog)
    if aioctl.watcher and _queue is core._task_queue:
        text = "watcher_loop: runs already, nothing changed"
        print(text)
        return text
    aioctl.watcher = watcher.decide
    _queue = core._task_queue  # a new loop of asyncio drops what was in the old one
    try:
        for rec in aioctl.records():
            if not rec.live():
                ms = watcher.decide(rec)
                if ms is not None:
                    rec.launch(ms)
        while True:
            # The hook does the work. A task without a deadline would make asyncio poll.
            await asyncio.sleep_ms(_FOR_LONG)
            aioctl.clock.now()  # or it would lose a wrap of the ticks
    finally:
        aioctl.watcher = None
