"""The verbs of `aioctl`: start, stop, restart, delete, join, result.

Loaded by `aioctl` when one of these names is first used there.
"""

import asyncio
import io
import sys
from asyncio import core

import aioctl
from aiosupervisor.report import err_text

_SCHEDULE = True  # aioschedule can be had: the earlier program's tools ask
_STUCK_MS = 5000  # a task still there so long after stop() is stuck (OTP's shutdown time)
FAILED = ("error", "timeout", "backoff", "gave-up")


def __getattr__(name):
    if name in ("alive", "ready", "WatchdogError"):
        from aiosupervisor import limits as part
    elif name == "shutdown":
        from aiosupervisor import shutdown as part
    elif name in ("top", "top_info", "crashes", "boot_report"):
        # Not on every board: nothing here requires them.
        part = __import__("aiowatchdog" if name[0] == "t" else "aiocrash")
    else:
        import aiostatus as part
    return getattr(part, name)


# Finding


def find(name, must=False):
    """Return the records of a name, of a `*` pattern, or of all (None), in the order of adding.

    Where there are none, tells a person so, or with must=True raises KeyError(name).
    """
    g = aioctl.group()
    if not isinstance(name or "", str):
        name = str(name)
    if name and g and name in g.tasks:
        return [g.tasks[name]]
    found = aioctl.records()
    if name:
        names = [r.name for r in found]
        found = [r for r in found if "*" in name and matches(name, r.name)]
        if not found:
            if must:
                raise KeyError(name)
            print("Task %s not found in %s" % (name, names))
    return found


def of_group(g, name):
    """Return an attribute of a `TaskGroup` that is not in aioctl: results, remove."""
    if name == "results":
        return {r.name: r.result for r in g.order}
    if name == "remove":
        return lambda name: _remove(g, name)
    raise AttributeError(name)


async def _none():
    pass


def _remove(g, name):
    # Forget the record of that name.
    rec = g.tasks.pop(name)
    g.order.remove(rec)
    if aioctl.tried is rec.coro:
        aioctl.tried = _none
    g._at.pop(name, None)
    base, at, n = name.rpartition("@")
    if n.isdigit():
        g._at.pop(base, None)
    if type(rec) is not aioctl.Taskctl:
        rec.removed()


def forget_loop():
    """Take what lived in an earlier loop of asyncio as stopped."""
    for r in aioctl.records():
        if r.live():
            r._c = None
            r.state = "stopped"
            r._t1 = aioctl.clock.now()
            r._asked = None
            r._again = None


def tasks_match(patt):
    """Return the names that match: `*` is any run of characters, all else itself."""
    return [r.name for r in aioctl.records() if matches(patt, r.name)]


def matches(p, s):
    """Tell whether the name `s` matches the pattern `p`."""
    p = p.split("*")
    i = len(p[0])
    end = len(s) - len(p[-1])
    if len(p) == 1 or end < i or not s.startswith(p[0]) or not s.endswith(p[-1]):
        return len(p) == 1 and s == p[0]
    for m in p[1:-1]:
        i = s.find(m, i, end)
        if i < 0:
            return False
        i += len(m)
    return True


def field(rec, name):
    """Return a derived field of a `Taskctl`: since, done_at, cancelled, result, exc."""
    if name == "result":
        return None if rec.state == "running" else rec._r
    if name == "exc":
        return exc(rec)
    if name == "since":
        # Before its first step a task has just been started.
        return wall(aioctl.clock.now() if rec.live() and not rec._c else rec._t0)
    if name == "done_at":
        return wall(rec._t1)
    if name == "cancelled":
        return rec.state == "stopped"
    if name == "shutdown":
        return _STUCK_MS
    if name in ("_is_parent", "_is_child"):
        return False
    raise AttributeError(name)


def exc(rec):
    """Return the exception of the last run of `rec`, or None."""
    # In a back-off after a success (restart="always") the result is a value.
    failed = rec.state in FAILED and isinstance(rec._r, BaseException)
    return rec._exc or (rec._r if failed else None)


def wall(t, clock=None):
    """Return the wall time, epoch seconds, of a moment `t` of the clock; None of None.

    Derived, so that it is right as soon as the wall clock is set, and an age never jumps.
    """
    clock = clock or aioctl.clock
    return None if t is None else clock.wall() - clock.now() + t


# Starting and stopping


def start(name=None):
    """Start what does not run; put back a schedule that `stop` took away. False if it can't."""
    found = find(name)
    ok = not name or bool(found)
    for r in found:
        plans = r.schedule
        if r.state == "gave-up":
            r._ring = None  # a fresh start
            r._delay = None
        try:
            if plans:
                _put_back(r, plans)
                r.schedule = None
            elif not r.live():
                if name == r.name or r.state != "scheduled":
                    r.launch()
            elif r.state == "backoff":
                _once_more(r)
                _cancel(r)
            elif r._asked is not None or r.state != "running":
                _once_more(r)  # stopped a moment ago, and not yet at its end
        except ValueError as e:  # a coroutine that has run
            print("%s: %s" % (r.name, err_text(e)))
            ok = False
    return ok


def _put_back(r, plans):
    # As planned before; due at once if its time has passed since.
    sched = sys.modules["aioschedule"]
    state = r.state
    if not r.starts:
        r.state = "scheduled"  # first: whose time is over, or whom a listener takes out, stops it
    try:
        for s in plans:
            if not (s.sched or sched.scheduler).holds(s.name):
                sched.put_back(s)
    except MemoryError:
        r.state = state
        raise


def restart(name):
    """Stop and start again, at once; KeyError if there is no such task."""
    for r in find(name, True):
        if not r.live():
            r.launch()
        else:
            _once_more(r)
            if not _cancel(r):
                r._again = None


def _once_more(r):
    if hasattr(r.coro, "send"):
        raise ValueError(r.name + ": a coroutine runs once; add its function instead")
    r._again = 0


def _shielded(r):
    # A run of a task with shield=True goes on.
    return type(r) is not aioctl.Taskctl and r.shield and r._c and r._t1 is None


def _cancel(r):
    # False if it would have to cancel itself.
    if _shielded(r):
        pass  # it ends by itself, or is cancelled when its grace is over
    elif not cancel(r):
        return False
    if r._asked is None:
        r._asked = aioctl.clock.now()
    if type(r) is not aioctl.Taskctl:
        r.told()  # its grace begins
    return True


def cancel(r):
    """Cancel the run of a record, and nothing that it awaits; False if that is the caller."""
    t = r.task
    d = t.data
    try:
        if r._c and r._t1 is not None and not stuck(r):
            pass  # it has ended: a callback cleans up
        elif isinstance(d, core.Task) and isinstance(d.coro, aioctl.Taskctl):
            # It awaits the task of another record, to which asyncio would pass the cancel on.
            d.state.remove(t)  # pyright: ignore[reportAttributeAccessIssue] - a queue
            core._task_queue.push(t)
            t.data = core.CancelledError
        else:
            t.cancel()
    except RuntimeError as e:
        print("%s, %s" % (e, r.name))
        return False
    return True


def stuck(r):
    """Tell whether `r` goes on although it was told to end `shutdown` (5 s) ago or earlier."""
    if r._asked is None or not r.live():
        return False
    ms = r.shutdown
    return ms is not None and (aioctl.clock.now() - r._asked) * 1000 >= ms


def reset_failed(name=None):
    """Forget the failures of tasks that gave up: the next start has its full intensity.

    Starts nothing: what gave up is an `error` as before it did.
    """
    for r in find(name):
        r._ring = r._delay = None
        if r.state == "gave-up":
            r.state = "error"


def stop(name=None, stop_sch=True):
    """Cancel the tasks of that name and, unless stop_sch=False, take their schedules away.

    Returns True; "stuck" if one has not ended 5 s after an earlier `stop`; False if there is
    none, or if a task would have to stop itself.
    """
    found = find(name)
    ok = not name or bool(found)
    for r in found:
        s = _put_away(r.name) if stop_sch else None
        if s:  # what an earlier stop took from other schedulers stays with it
            kept = [o for o in r.schedule or () if o.sched not in [n.sched for n in s]]
            r.schedule = s + kept
        r._again = None
        if not r.live():
            if s and r.state == "done" or r.state == "scheduled":
                settle(r)
        elif stuck(r):
            _cancel(r)
            ok = ok and "stuck"
        elif not _cancel(r):
            ok = False
    return ok


def _put_away(name):
    # Return the schedules that had a start to come.
    found = schedules(name)
    return found and list(filter(sys.modules["aioschedule"].put_away, found))


def schedules(name=None):
    """Return the `Schedule`s of a task, one a scheduler at most; or of all."""
    sched = sys.modules.get("aioschedule")
    if not sched:
        return ()
    tables = [sched.scheduler.table]
    part = sys.modules.get("aioplan.manage")  # it knows the other schedulers, if there are any
    if part:
        tables.extend(o.table for o in part.others())
    if name is None:
        return [s for t in tables for s in t.values()]
    return [t[name] for t in tables if name in t]


def settle(r):
    """Take a task that waits for its schedule as stopped, and tell whoever joins it."""
    r.state = "stopped"
    if r._t1 is None:
        r._t1 = aioctl.clock.now()
    if r._ev:
        r._ev.end[1] = r._r
        r._ev.set()
        r._ev = None


def stop_all():
    """Stop every task."""
    return stop()


def delete(*names):
    """Stop and forget tasks; `*` patterns."""
    for name in names:
        for r in find(name) if name else ():
            # Unless it would be itself, or went with its supervisor.
            if aioctl.group().tasks.get(r.name) is r and stop(r.name):
                aioctl.group().remove(r.name)  # pyright: ignore[reportCallIssue]


def reset(group=True, log=False):
    """Stop and forget all tasks; with log=True the log as well."""
    if group:
        stop(stop_sch=False)
        aioctl.set_group(None)
    if log:
        aioctl.set_log(None)


def run():
    """Start what was added and does not run yet, and run until all of it has ended."""
    for r in aioctl.records():
        if not (r.live() or aioctl.holds and aioctl.holds(r.name)):
            r.launch()

    async def main():
        await asyncio.gather(*aioctl.tasks())

    asyncio.run(main())


# Results


def state(name):
    """Return the state of a task, one word; KeyError if there is no such task."""
    return find(name, True)[0].state


def result(name=None):
    """Return the result of a task, or its exception; None while it runs.

    A pattern, or no name, prints `NAME --> RESULT` for each.
    """
    found = find(name)
    if found and found[0].name == name:
        return found[0].result
    for r in found:
        print("%s --> %s" % (r.name, show(r.result)))


def result_all(as_dict=False):
    """Print all results, or return them as {name: result}."""
    if as_dict:
        return {r.name: r.result for r in aioctl.records()}
    result()


def show(v):
    """Return str() of a result or "Class: message" of an exception, whatever its str() does."""
    if isinstance(v, BaseException):
        return err_text(v)
    try:
        return str(v)
    except Exception as e:  # noqa: BLE001 - a guard: told in its place
        return "<%s: str() failed: %s>" % (type(v).__name__, err_text(e))


def ending(r):
    """Return the event that is set at the end of the run of a record that lives, or waits."""
    ev = r._ev
    if not ev:
        ev = r._ev = asyncio.Event()
        # Exception and result: the end itself needs no memory for them.
        ev.end = [None, None]  # pyright: ignore[reportAttributeAccessIssue]
    return ev


async def join(name, timeout=None):
    """Wait for the end of a task's run; return its result or raise its exception.

    A stopped task gives what its on_stop gave, else None. timeout: seconds, then
    asyncio.TimeoutError, and the task runs on. KeyError if there is no such task.
    """
    r = find(name, True)[0]
    if r.task is core.cur_task and r.live():
        raise RuntimeError("can't join self, " + r.name)
    if r.live() and r.state != "backoff" or r.state == "scheduled":
        ev = ending(r)
        await asyncio.wait_for(ev.wait(), timeout)
        e, v = ev.end  # pyright: ignore[reportAttributeAccessIssue] - set by the record
    else:
        e, v = r.exc, r._r
    if e is None:
        return v
    # Each raise lengthens the traceback of an exception: keep the one of its origin as text,
    # and let only the first waiter add to it.
    if r._tb and r._tb[0] is e:
        e.__traceback__ = None
    else:
        r._tb = (e, trace(e))
    raise e


def trace(e, rec=None):
    """Return the text of the traceback of `e`, an exception of `rec`."""
    if rec and rec._tb and rec._tb[0] is e:
        return rec._tb[1]
    f = io.StringIO()
    try:
        sys.print_exception(e, f)
    except Exception:  # noqa: BLE001 - a guard: its str() failed, which err_text tells
        f.write(err_text(e) + "\n")
    # The frames of the guard say nothing about the task.
    return "\n".join(line for line in f.getvalue().split("\n") if not _of_guard(line))


def _of_guard(line):
    for module in ("aioctl", "aiosupervisor/limits", "aiosupervisor/node"):
        head, at, tail = line.partition(module + '.py", line ')
        if at and head.endswith(('"', "/")):
            return tail.split(" in ")[-1] in ("send", "throw", "__exit__", "_first", "_next")
    return False
