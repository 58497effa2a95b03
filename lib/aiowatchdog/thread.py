"""A timer for ports that have none, as the unix port: a thread that sleeps."""

import _thread
from time import sleep_ms, ticks_add, ticks_diff, ticks_ms


class ThreadTimer:
    """As machine.Timer; the callback runs in a thread of its own."""

    ONE_SHOT = 0
    PERIODIC = 1
    is_thread = True

    def __init__(self):
        self._lock = _thread.allocate_lock()
        self._due = None  # ticks; None: it is off
        self._runs = False

    def init(self, mode, period, callback):
        """Call callback(self) in `period` ms, and again and again if mode is PERIODIC."""
        with self._lock:
            self._period = period if mode else 0
            self._callback = callback
            self._due = ticks_add(ticks_ms(), period)
            if not self._runs:
                self._runs = True
                _thread.start_new_thread(self._run, ())

    def deinit(self):
        """Call nothing any more."""
        with self._lock:
            self._due = None

    def _next(self):
        # The ms to sleep, 0 if the time has come, None if there is nothing to do.
        with self._lock:
            if self._due is None:
                self._runs = False
                return None
            ms = ticks_diff(self._due, ticks_ms())
            if ms > 0:
                return ms
            self._due = ticks_add(self._due, max(self._period, -ms)) if self._period else None
            return 0

    def _run(self):
        while True:
            ms = self._next()
            if ms is None:
                return
            if ms:
                sleep_ms(ms)
            else:
                self._callback(self)
