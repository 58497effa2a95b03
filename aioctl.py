"""Registry of asyncio tasks: names, guards and starts every one of them.

Its verbs (`stop`, `restart`, `join`, ...) are in lib/aiocontrol, what it shows to people
(`status`, `traceback`, ...) in lib/aiostatus, restart policies in lib/aiosupervisor; each is
loaded at first use.
"""

import time
from asyncio import CancelledError, core
from time import ticks_add, ticks_diff, ticks_ms

_AIOCTL_GROUP = None  # a TaskGroup from the first add() on
# The context that asyncio wants to hear of with each task; _core[name] is faster than core.name.
_core = core.__dict__
del core  # a name costs memory
_queue = _core["_task_queue"]  # of the loop in which the tasks live
_AIOCTL_LOG = None  # stream that log(), follow() and status() read

color = None  # True, False, or None: colours if the output is a terminal
mark = None  # (function, name, policy) of the last aiotask wrapper made or called
watcher = None  # watcher(record) is asked at each end for the ms until its restart, or None
ended = None  # ended(record) is called at each end of a run; it must not raise
holds = None  # set by aioschedule: holds(name) tells whether a start of the task is to come
_FATAL = (SystemExit, KeyboardInterrupt)  # recorded, then the loop's affair
_USED = (0 for _ in ())  # in place of a coroutine that has run
_READY = False  # in place of a coroutine: the first step is still to come

# On a full heap MicroPython makes every exception in one and the same static object.
_Full = MemoryError
_NO_MEMORY = _Full("no memory")

# What each add, crash and restart asks for: builtins are looked up in a long list, one by one.
_isinstance = isinstance
_type = type
_int = int
_hasattr = hasattr
_Stop = StopIteration
_Any = BaseException


def __getattr__(name):
    # A verb, or a name for people. Kept, so that it comes here once.
    import aiocontrol

    value = globals()[name] = getattr(aiocontrol, name)
    return value


class Clock:
    """Time in small ints beyond the wrap of `ticks_ms`, and the wall clock.

    To be read at least every 2**29 ms (6.2 days), else a wrap is lost.
    """

    def __init__(self):
        self.s = 0  # whole seconds since import, and `ms`, 0..999
        # In step with the wall clock, so that a second told of an event is the one in the log.
        self.wall()
        self.ms = self.wall_ms
        self._last = ticks_ms()

    def now(self):
        """Bring `s` and `ms` up to date; return `s`."""
        t = ticks_ms()
        if t != self._last:
            ms = self.ms + ticks_diff(t, self._last)
            self._last = t
            if ms > 999:
                self.s += ms // 1000
                ms %= 1000
            self.ms = ms
        return self.s

    def wall(self):
        """Bring `wall_s`, the wall clock in the port's own epoch, and `wall_ms` up to date;
        return `wall_s`.
        """
        while True:
            self.wall_s = s = int(time.time())
            self.wall_ms = time.time_ns() % 1000000000 // 1000000  # in this order: small ints
            if s == int(time.time()):
                return s


clock = Clock()


def _sleep(task, ms):
    # As asyncio.sleep_ms() does, without a coroutine.
    q = _core["_task_queue"]
    if ms:
        q.push(task, ticks_add(ticks_ms(), ms))
    else:
        q.push(task)


class Taskctl:
    """The record of one task, and the guard under which its coroutine runs.

    state: "scheduled", "running", "done", "stopped", "error", "timeout", "backoff",
    "suspended" or "gave-up". starts: how often it was started. since, done_at: wall time of
    the last start and end, epoch seconds. result: of the last run. exc: its exception, or None.
    """

    name: str
    coro: object  # what `add` was given: mostly a function
    # A record holds only what differs from these: an entry of its own costs 8 bytes, and time.
    args = ()
    kwargs = {}  # each has its own
    state = "running"
    starts = 0
    task = schedule = service = _id = _exc = _ev = None
    _c = _READY  # what runs now: the task's coroutine, a callback's, _READY, or nothing
    _t0 = 0  # clock time of the last start, s
    _t1 = None  # of the last end
    _r = None  # result of the last run, or its exception
    _asked = None  # clock time of the first stop() that it has not followed yet
    _again = None  # ms until it starts again after this run, < 0: never; None: ask the watcher
    _is_service = False
    on_stop = on_error = _FATAL  # not given; None is a value
    restart = "on-failure"
    backoff = intensity = _ring = _tb = None
    _delay = None  # ms of the next back-off; None: the first

    # asyncio drives the record itself as the task's coroutine (send, throw): that saves the
    # frame of a guard coroutine, and makes current_task().coro the record.

    def __getattr__(self, name):
        import aiocontrol

        return aiocontrol.field(self, name)

    def live(self):
        """Tell whether its asyncio task lives: it runs, ends, or waits for its restart."""
        return self._c is not None

    def launch(self, ms=0):
        """Start it in the next turn of the loop or, after a `backoff`, in `ms` milliseconds."""
        if self.starts and hasattr(self.coro, "send"):
            raise ValueError(self.name + ": a coroutine runs once; add its function instead")
        self.task = t = _core["Task"](self, _core)  # pyright: ignore - drives send and throw
        self._c = _READY
        if ms:
            self.state = "backoff"
            _sleep(t, ms)
        else:
            if self.state != "running":
                self.state = "running"
            _core["_task_queue"].push(t)

    def hold(self):
        """Take back a launch before its first step; False if it has run too far for that."""
        if self.live():
            if self._c is not _READY or self.task.state is not True:
                return False  # begun, or somebody waits for it
            _core["_task_queue"].remove(self.task)
            self._c = self.task = self._asked = self._again = None
        if self.state == "backoff":
            self.state = "error"
        elif self.state == "running" or self.state == "stopped" and not self.starts:
            self.state = "scheduled"
            self._t0 = clock.now()
        return True

    # `except ... as` here would need a frame on the heap at each step; `with` needs none.

    def send(self, v):
        with self:  # pyright: ignore[reportGeneralTypeIssues] - see __enter__
            (self._c or self._first()).send(v)  # pyright: ignore[reportAttributeAccessIssue]

    def throw(self, e):
        with self:  # pyright: ignore[reportGeneralTypeIssues]
            if not self._c:
                raise e
            self._c.throw(e)  # pyright: ignore[reportAttributeAccessIssue]

    __enter__ = bool  # a type is called without self, and this does nothing

    def __exit__(self, kind, e, _):
        if e is not None:
            self._next(e)
            return True

    def _first(self):
        # Its first step is due: record the start, and return its coroutine. Each of these gets
        # its place in memory now, so that the end needs none.
        self.state = "running"
        self._t0 = clock.now()
        self._t1 = self._r = None
        self.starts += 1
        self._c = None
        if self._exc:
            self._exc = None
        c = self.coro
        if _hasattr(c, "send"):
            self.coro = _USED  # keeps no frame alive
        elif self.args or self.kwargs:
            c = c(*self.args, **self.kwargs)  # pyright: ignore[reportCallIssue]
        else:
            c = c()  # pyright: ignore[reportCallIssue]
        self._c = c
        return c

    def _next(self, e):
        # What ran has ended with `e`: go to the next wait of this task, or its end.
        if self._c is _READY and _isinstance(e, _Full):
            print(self.name, "cannot start, no memory")  # takes none
            _sleep(_core["cur_task"], 1000)  # there may be room by then
            return
        while True:
            try:
                c = self._end(e)
            except _Any as x:
                # An exit, of a callback or a log; or the end could not be told.
                e = x if _isinstance(x, _FATAL) else self._mute(e, x)
                c = self._after(e)
            if c is None:
                self._c = None
                raise e if _isinstance(e, _FATAL) else _Stop(self._r)
            if _isinstance(c, _int):
                self.state = "backoff"
                self._c = _READY
                _sleep(_core["cur_task"], c)
                return
            try:
                self._c = c
                return c.send(None)  # pyright: ignore[reportAttributeAccessIssue] - a coroutine
            except _Any as x:
                e = x

    def _mute(self, e, x):
        # There was no memory to tell of it, or what tells is not installed. Takes no memory.
        print(self.name, "failed, and cannot say why:", x)
        return e

    def _end(self, e):
        # Record the end `e`. Return the coroutine of a callback, the ms until the next start,
        # or None.
        ok = _isinstance(e, _Stop)
        if self._t1 is None or not self._c:
            self._t1 = clock.now()
            c = None
            if ok:
                # Asked to stop it may end by itself.
                self.state = "done" if self._asked is None else "stopped"
                self._r = e.value
            elif _isinstance(e, CancelledError):
                self.state = "stopped"
                self._r = None
                if self._exc:
                    self._exc = None
                if self._c and self.on_stop is not _FATAL:
                    c = self._call(self.on_stop)
            else:
                self.state = "error"
                if _type(e) is _Full and _Full() is e:
                    e = _NO_MEMORY
                self._r = e
                if self.kwargs or _AIOCTL_LOG:
                    self.tell("", e)
                if self.on_error is not _FATAL:
                    self._exc = e
                    c = self._call(self.on_error, e)
            if c:
                return c
        elif ok:
            self._r = e.value  # of a coroutine on_stop or on_error
        else:
            self.tell("callback failed: ", e)
        return self._after(e)

    def _after(self, e):
        # The run is over: tell who waits, and ask whether to start again.
        if self._ev:
            failed = self.state == "error"
            self._ev.end[0] = self._exc or self._r if failed else None
            self._ev.end[1] = self._r
            self._ev.set()
            self._ev = None
        if ended:
            ended(self)
        asked = self._asked is not None
        if asked:
            self._asked = None
        fatal = _isinstance(e, _FATAL)
        ms = self._again
        if ms is not None:
            self._again = None
            return None if fatal or ms < 0 else ms
        if watcher and not asked and not fatal:
            try:
                ms = watcher(self)
                if ms is None or _isinstance(ms, _int):
                    return ms
                raise TypeError("expected ms or None, got %r" % (ms,))
            except Exception as x:  # noqa: BLE001 - a guard: reports
                try:
                    self.tell("watcher failed: ", x)
                except MemoryError:
                    pass
                if _isinstance(x, _Full) and self.restart != "no" and self.state != "stopped":
                    if self.state != "done" or self.restart == "always":
                        return 1000  # it could not say; there may be room by then
        return None

    def _call(self, f, *lead):
        from aiosupervisor import report

        return report.call(self, f, *lead)

    def tell(self, what, e):
        """Report an exception to the task's `log`, else the log stream, else the console."""
        from aiosupervisor import report

        report.tell(self, what, e)


class TaskGroup:
    """The records of a set of tasks, by name."""

    def __init__(self, tasks=()):
        self.tasks = {}
        self.order = []  # the records in the order of adding: a dict has none
        self._at = {}  # name -> the next @n to try, so that n tasks of one name cost O(n)
        for t in tasks:
            self.add_task(t)

    def add_task(self, rec):
        """Enter the record; a taken name becomes name@1, name@2, ..."""
        name = base = rec.name
        # One look at the dict, which for a name that is not there may have to see all of it.
        tasks = self.tasks
        while tasks.setdefault(name, rec) is not rec:
            at = self._at
            n = at.get(base, 1)
            at[base] = n + 1
            rec.name = name = "%s@%d" % (base, n)
        self.order.append(rec)

    def __getattr__(self, name):
        import aiocontrol

        return aiocontrol.of_group(self, name)


def aiotask(f=None, **policy):
    """Decorate a coroutine function, bare or with a policy for the tasks made of it.

    restart: "no", "on-failure" or "always"; backoff: (first, max[, factor]) seconds; intensity:
    (restarts, seconds); timeout, watchdog, shutdown: seconds; more in docs/supervision.md.
    The function stays what it was: call it, await it, use it as a method.
    """
    if policy or f is None:
        from aiosupervisor.words import decorate

        return decorate(policy)
    name_of(f)
    return f


def name_of(f):
    """Return the name of a task of this function; TypeError if it is none."""
    if mark and mark[0] is f:
        return mark[1]
    name = getattr(f, "__name__", None) if callable(f) else None
    if not name or name == "_with_policy":  # an aiotask wrapper, but not the last
        raise TypeError("expected a coroutine function, or directly above @aiotask; got %r" % (f,))
    return name


async def tried():  # the last function that `add` tried: a pool of workers is tried once
    pass


_ASYNC = type(tried)


def create_task(coro, *args, **kwargs):
    """Start `coro` under the guard, outside the registry; return its `Taskctl` (see `add`)."""
    rec = _record(coro, args, kwargs)
    rec.launch()
    return rec


def add(coro, *args, **kwargs):
    """Enter a task in the registry and start it, or hold it if its name has a schedule.

    coro: a coroutine function, plain, decorated or a bound method; or a coroutine, which runs
    only once. name, _id (how callbacks and logs call it), on_stop(*args, **kwargs) and
    on_error(exc, *args, **kwargs) (functions, coroutine functions or values that become the
    result) and the policy words of `aiotask` are taken here; all else goes to the task.
    Returns the `Taskctl`. TypeError or ValueError name what is wrong; then nothing is added.
    """
    global _queue, _AIOCTL_GROUP
    rec = _record(coro, args, kwargs)
    q = _core["_task_queue"]
    if _queue is not q:
        _queue = q
        __getattr__("forget_loop")()
    # First what may want for memory: then nothing is added. No `try` here: it would put the
    # frame of this function on the heap.
    rec.task = t = _core["Task"](rec, _core)  # pyright: ignore - drives send and throw
    g = _AIOCTL_GROUP
    if g is None:  # `not` would look for a __bool__
        _AIOCTL_GROUP = g = TaskGroup()
    g.add_task(rec)
    q.push(t)
    if holds and holds(rec.name):
        rec.hold()
    return rec


def _record(coro, args, kwargs):
    # Validates all, and changes nothing.
    global tried
    name = kwargs.pop("name", None) if kwargs else None
    # _type(""), as `str` is a builtin; what derives from it is for `intake`.
    if (
        kwargs
        or coro is not tried
        and _type(coro) is not _ASYNC
        or not (name is None or _type(name) is _type(""))
    ):
        from aiosupervisor.intake import record

        return record(coro, args, kwargs, name)
    rec = Taskctl()
    if args:
        coro(*args)  # arguments that do not fit show at once
        rec.args = args
    elif coro is not tried:
        coro()
        tried = coro
    rec.coro = coro
    rec.name = name or coro.__name__
    rec.kwargs = kwargs
    return rec


def group():
    """Return the `TaskGroup`, or None before the first `add`."""
    return _AIOCTL_GROUP


def set_group(taskgroup):
    """Make `taskgroup` the registry."""
    global _AIOCTL_GROUP
    _AIOCTL_GROUP = taskgroup


def set_log(log):
    """Set the stream (an `aiolog.AioStream`) that log(), follow() and status() read."""
    global _AIOCTL_LOG
    _AIOCTL_LOG = log


def records():
    """Return all records, in the order of adding."""
    return _AIOCTL_GROUP.order[:] if _AIOCTL_GROUP else []


def tasks():
    """Return the asyncio tasks that live, for `asyncio.gather`, in the order of adding."""
    return [r.task for r in records() if r.live()]
