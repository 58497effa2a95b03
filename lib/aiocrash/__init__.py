"""The last failures of tasks, in RAM and, kept over a reset, in a file.

    import aiocrash
    aiocrash.start("crashes.txt")

Then `aioctl.crashes()` prints them, `aioctl.boot_report()` what is known of the last reset.
"""

import gc
import sys

import aioctl
from aiocontrol import stuck
from aioplan.listen import hear_ends
from aiosupervisor.flush import open_files
from aiosupervisor.limits import Limited, deadlines, moment
from aiosupervisor.report import err_text

from . import store

_TEXT = 200  # longest text of an error; of a traceback three times as much
_DAYS = 1000000000  # ms, modulo which moments are counted
_NO_END = "; it did not end when cancelled"

history = None  # the `History` that `start` made
told = 0  # the path of the file that told already for whom the watchdog bit


class History:
    """The last `keep` failures; `entries` are dicts that json.dumps takes, the oldest first.

    name, error, trace: of the task and its exception. at: wall time, epoch seconds; up: seconds
    since the start of the program; both of the last of `times` failures alike in a row. starts:
    of the task. free: bytes of heap. cause: of the reset before. lost: failures for which there
    was no memory. head: what the file told of the program that wrote it last. Of a task that
    blocked the loop until the watchdog bit, up, starts and free are None.
    """

    def __init__(self, path, keep, every_ms, rtc):
        self.path = path
        self.keep = keep
        self.every_ms = every_ms
        self.cause = reset_cause()
        self.lost = 0
        self.open = True
        why_bitten()  # takes that out of the memory of the RTC
        self._rtc = _rtc_memory() if rtc else None
        self._t = self._queue = self._written = None  # place in the queue; moment of last write
        self._far = 0
        self._dirty = False
        self._stuck = None  # why the last one that was found to be stuck had to end
        self._bitten = None  # the entry of a task for which the watchdog bit, until it is written
        self.head, self.entries = store.load(path) if path else ({}, [])
        self.old = 0
        self._from_rtc()
        self._from_watchdog()
        del self.entries[: max(0, len(self.entries) - keep)]
        self.old = len(self.entries)  # so many are of earlier boots

    def _from_watchdog(self):
        # For whom the watchdog bit, unless the program could write that itself.
        global told
        found = None if told == self.path else why_bitten(self)
        if found:
            told = self.path
            name, text, hung = found
            last = self.entries[-1] if self.entries else None
            if not (hung and last and last["name"] == name and last["error"].endswith(_NO_END)):
                self._bitten = self._add(name, text)
                self._dirty = True
                self._soon(1000)  # until then the tasks are there that have the name

    def _from_rtc(self):
        # The last failure, if it did not come to the file.
        if self._rtc:
            e = store.unpack(bytes(self._rtc()))
            last = self.entries[-1] if self.entries else {}
            if e and any(e[k] != last.get(k) for k in ("name", "at", "up", "times")):
                if e["name"] == last.get("name") and e["up"] - e["times"] < (last["up"] or 0):
                    e["trace"] = last.get("trace")
                e.setdefault("trace", None)
                self.entries.append(e)
                self._dirty = True

    def __call__(self, rec):
        """Hear of the end of a run; True if there is no more to hear."""
        if self.open and rec.state in ("error", "timeout"):
            try:
                self._note(rec)
                self._dirty = True
                self._soon()
            except MemoryError:
                self.lost += 1
        return not self.open

    def _look_for_stuck(self):
        # They do not end, so that nobody tells of them, and the board may be reset for them.
        for r in aioctl.records():
            if isinstance(r, Limited) and r._why and r._why is not self._stuck and stuck(r):
                self._stuck = r._why
                self._dirty = True
                self._count(r, err_text(r._why)[:_TEXT] + _NO_END, None)

    def _note(self, rec):
        e = rec._exc or rec._r
        self._count(rec, err_text(e)[:_TEXT], e)

    def _add(self, name, error, trace=None):
        e = {"name": name, "error": error, "trace": trace, "times": 1, "cause": ""}
        e["at"] = aioctl.clock.wall()
        e["up"] = e["starts"] = e["free"] = None
        self.entries.append(e)
        if len(self.entries) > self.keep:
            self.entries.pop(0)
            self.old = max(0, self.old - 1)
        return e

    def _count(self, rec, error, e):
        last = self.entries[-1] if len(self.entries) > self.old else None
        if last and last["name"] == rec.name and last["error"] == error:
            last["times"] += 1
        else:
            last = self._add(rec.name, error, e and _trace(e, rec))
            last["cause"] = self.cause
        last["at"] = aioctl.clock.wall()
        last["up"] = aioctl.clock.s
        last["starts"] = rec.starts
        last["free"] = gc.mem_free()
        if self._rtc:
            self._rtc(store.pack(last))

    def _soon(self, ms=0):
        # Let it be written in the next turn, or as soon as the last write is long enough ago.
        queue = deadlines()
        if self.path and not (self._t and self._queue is queue):
            if self._written is not None:
                ms = max(0, self.every_ms - (moment() - self._written) % _DAYS)
            self._t = None
            self._queue = queue
            queue.insert(self, ms)

    def fire(self, sched, late):
        """It is time to write."""
        self._t = None
        self._written = moment()
        self.write()

    def write(self):
        """Write now what is not in the file yet; an error is printed."""
        try:
            self.flush()
        except (OSError, MemoryError) as e:
            # At the next failure it is tried again.
            print("aiocrash: %s not written: %s" % (self.path, err_text(e)))

    def flush(self):
        """Write now what is not in the file yet; OSError if it can't be."""
        e = self._bitten
        found = why_bitten(self) if e else None
        if e and found:
            e["name"] = found[0]
            self._bitten = None
        try:
            self._look_for_stuck()
        except MemoryError:
            self.lost += 1
        if self._dirty and self.path:
            ran = [r.name for r in aioctl.records() if r.live()]
            head = {"at": aioctl.clock.wall(), "up": aioctl.clock.now(), "ran": ran}
            store.save(self.path, head, self.entries)
            self._dirty = False

    def close(self):
        """Note no more failures."""
        self.open = False
        if self._t and self._queue is deadlines():
            self._queue.withdraw(self)
        if self in open_files:
            open_files.remove(self)


def start(path=None, keep=20, every=60, rtc=False):
    """Note the failures of tasks from now on; returns the `History`.

    path: of a file that keeps them over a reset, or None. keep: how many. every: write at most
    once in so many seconds. rtc: keep the last one in the memory of machine.RTC as well.
    """
    global history
    from aioschedule import seconds_ms

    if path is not None and (not isinstance(path, str) or not path):
        raise TypeError("path: expected the name of a file or None, got %r" % (path,))
    if isinstance(keep, bool) or not isinstance(keep, int) or not 1 <= keep <= 1000:
        raise ValueError("keep: expected 1 to 1000, got %r" % (keep,))
    ms = seconds_ms("every", every)
    if history and history.path:
        history.write()  # the new one reads what it knows
    new = History(path, keep, ms, rtc)
    if history:
        history.close()
    history = new
    hear_ends(new)
    open_files.append(new)
    count = _watchdog("count")
    if count:
        count.begin(new)  # for aioctl.top()
    return new


def _trace(e, rec):
    # The traceback, its middle left out if it is long; None if there is no memory for it.
    try:
        text = aioctl.trace(e, rec)
    except MemoryError:
        return None
    if len(text) > 3 * _TEXT:
        text = text[:_TEXT] + "\n  ...\n" + text[-2 * _TEXT :]
    return text


def reset_cause():
    """Return the cause of the last reset as text, such as "WDT_RESET"; "" if unknown."""
    machine = _machine()
    if not hasattr(machine, "reset_cause"):
        return ""
    n = machine.reset_cause()
    for name in ("PWRON", "HARD", "WDT", "DEEPSLEEP", "SOFT"):
        if getattr(machine, name + "_RESET", None) == n:
            return name + "_RESET"
    return "reset cause %s" % n


def _machine():
    return sys.modules.get("machine") or __import__("machine")


def _rtc_memory():
    # The function that reads and writes the memory of the RTC; None if the port has none.
    rtc = getattr(_machine(), "RTC", None)
    return rtc and getattr(rtc(), "memory", None)


def why_bitten(history=None):
    """Return (task, text, whether it was stuck) if the watchdog reset the board for one, or None.

    history: whose names complete one for which there was too little room.
    """
    if reset_cause() != "WDT_RESET" and "aiowatchdog.keep" not in sys.modules:
        return None
    keep = _watchdog("keep")
    if not keep:
        return None
    names = [r.name for r in aioctl.records()]
    if history:
        names += history.head.get("ran", [])
        names += [e["name"] for e in history.entries]
    return keep.report(names)


def _watchdog(part):
    # A part of aiowatchdog, or None: it is not on every board.
    try:
        return __import__("aiowatchdog." + part, None, None, (part,))
    except ImportError:
        return None


def crashes(name=None, n=None):
    """Print the last failures, the oldest first: all, or the last n, of a name or a pattern."""
    if not history:
        print("crashes are not noted: aiocrash.start() first")
        return
    from .show import lines

    if n is not None and (isinstance(n, bool) or not isinstance(n, int) or n < 0):
        raise ValueError("n: expected an int >= 0, got %r" % (n,))
    found = [e for e in history.entries if name is None or aioctl.matches(name, e["name"])]
    for e in found if n is None else found[-n:] if n else ():
        print(lines(e), end="")
    if history.lost:
        print("%d more, for which there was no memory" % history.lost)


def boot_report():
    """Print why the board last reset, what ran then, and the last failure before."""
    from .show import report

    print(report(boot_info()), end="")


def boot_info():
    """Return what `boot_report` prints as a dict that json.dumps takes.

    reset: the cause, "" if unknown; blamed, why: the task for which the watchdog bit, or None;
    last: an entry of the history of before the reset, or None; ran, ran_at: names of tasks, and
    when; failures: since the reset, None if they are not noted.
    """
    h = history
    found = why_bitten(h)
    return {
        "reset": reset_cause(),
        "blamed": found and found[0],
        "why": found and found[1],
        "last": h.entries[h.old - 1] if h and h.old else None,
        "ran": h.head.get("ran", []) if h else [],
        "ran_at": h.head.get("at") if h else None,
        "failures": sum(e["times"] for e in h.entries[h.old :]) + h.lost if h else None,
    }


for _f in (crashes, boot_report):
    setattr(aioctl, _f.__name__, _f)
