"""A scheduler as a whole: its life, its configuration, its clock, its list."""

import asyncio
from asyncio import core

from micropython import const

import aioctl
import aioschedule

from .listen import hear_again, hear_no_more
from .listen import listen as listen
from .listen import set_log as set_log
from .listen import unlisten as unlisten
from .when import KINDS

_MOST = const(16)  # schedulers that are known without a loop of theirs
_own = []  # see `know`
_queue = None  # of the loop of asyncio in which they are known


def __getattr__(name):
    if name == "set_store":
        from .keep import set_store

        return set_store
    from aiostatus import schedule

    return getattr(schedule, name)


def of_scheduler(sched, name):
    """Return an attribute of a `Scheduler` that is not in aioschedule."""
    if name == "fire":
        from .verbs import fire

        return lambda keyword: fire(keyword, sched)
    if name in ("listen", "unlisten", "set_log", "set_store"):
        f = globals().get(name) or __getattr__(name)
        return lambda *args, **kwargs: f(*args, sched=sched, **kwargs)
    f = _OF_SCHEDULER.get(name)
    if f:
        return lambda *args, **kwargs: f(sched, *args, **kwargs)
    if name == "paused":
        return False
    if name == "own":  # its record, from start() to shutdown()
        return None
    raise AttributeError(name)


def know(sched):
    """Let `sched`, not the default one, be heard by holds(), stop() and clock_changed().

    Until its shutdown(), or a new loop of asyncio, or while it has no schedules. Of those that
    do not run only the latest 16: nothing tells that a program has dropped one.
    """
    if sched is aioschedule.scheduler or sched in others():
        return
    for o in _own[:]:
        if not (o.table or _lives(o)):
            _own.remove(o)
    idle = [o for o in _own if not _lives(o)]
    if len(idle) >= _MOST:
        _own.remove(idle[0])
    _own.append(sched)
    if sched.heard:
        hear_again(sched)
    ask_all()


def others():
    """Return the schedulers that are known beside the default one."""
    global _queue
    if _queue is not core._task_queue:
        _queue = core._task_queue
        _own.clear()
    return _own


def holds(name):
    """Tell whether a start of the task is to come, on any scheduler."""
    found = _holds(aioschedule.scheduler, name)
    for o in others():
        if _holds(o, name):
            found = True
    return found


def _holds(sched, name):
    if sched.wall:
        sched.wall.expect(sched, name)
    return sched.holds(name)


def ask_all():
    """Let the other schedulers, and what watches the wall clock, be asked by `aioctl.holds`."""
    if aioctl.holds is aioschedule.holds:
        aioctl.holds = holds


def wake():
    """Let the other schedulers look at all their deadlines now."""
    for o in others():
        o.wake()


def _lives(sched):
    # Does its loop run, or is it about to?
    own = sched.own
    return sched.running() or own and own.live() and sched.own_queue is core._task_queue


def start(sched, paused=False, name="scheduler"):
    """Run this scheduler as a task of the registry; False if it runs. paused: until resume()."""
    if _lives(sched):
        return False
    if paused:
        pause(sched)
    else:
        resume(sched)
    for r in aioctl.records():  # of earlier starts
        if (r.name == name or r.name.startswith(name + "@")) and _over(r):
            aioctl.group().remove(r.name)  # pyright: ignore[reportCallIssue]

    async def scheduler():
        await sched.loop()

    sched.own = aioctl.add(scheduler, name=name)
    sched.own_queue = core._task_queue  # of the loop in which that is its record
    sched.own.sched = sched  # pyright: ignore[reportAttributeAccessIssue]
    know(sched)
    return True


def _over(r):
    # Is this the record of a scheduler that does not run?
    sched = r.__dict__.get("sched")
    return sched and not (r.live() and (sched.own is r or sched.running()))


def pause(sched):
    """Start nothing until `resume`; schedules can still be made."""

    def run_pending():
        sched.clock.now()  # read now and then, else a wrap of the ticks is lost

    sched.paused = True
    sched.run_pending = run_pending


def resume(sched):
    """Go on: what was due meanwhile is late, as after a block of the loop."""
    if sched.paused:
        sched.paused = False
        del sched.run_pending
        sched.wake()


async def shutdown(sched, wait=True, timeout=None):
    """Stop the scheduler; wait: for the runs it started, at most `timeout` seconds.

    Runs that have not ended by then are stopped; what is queued, or to be tried again, does not
    start. Its schedules stay, for another start.
    """
    from . import verbs

    if timeout is not None:
        aioschedule.seconds_ms("timeout", timeout, 0, 6 * 86400)
    me = asyncio.current_task()
    own = _lives(sched) and (sched._task if sched.running() else sched.own.task)
    if own and own is not me:
        own.cancel()
        sched._asleep = False
        sched._task = sched.own = None
    for s in sched.table.values():
        if s.owed:
            s.owed = 0
        verbs.try_no_more(sched, s)
        rec = sched.record(s.name)
        if s.retries and rec and rec.live() and rec._again is None:
            rec._again = -1  # the run that goes on is not made again
    if wait:
        await _runs_end(sched, timeout)
    if not _lives(sched) and sched in _own:
        _own.remove(sched)
        if sched.heard and not any(verbs.runs(sched, s) for s in sched.table.values()):
            hear_no_more(sched)


async def _runs_end(sched, timeout):
    from . import verbs

    me = asyncio.current_task()
    plans = sched.table.values()
    recs = [r for s in plans for r in verbs.runs(sched, s) if r.task is not me]
    endings = [aioctl.ending(r) for r in recs if r.state != "backoff"]
    try:
        await asyncio.wait_for(verbs.all_set(endings), timeout)
    except asyncio.TimeoutError:
        for r in recs:
            if r.live():
                aioctl.stop(r.name, stop_sch=False)


def jobs(sched):
    """Return [{name, pending, paused, next, last, runs, ...}] of all schedules, by name."""
    from aiostatus.schedule import facts

    return [dict(facts(sched.table[n]), name=n) for n in sorted(sched.table)]


def unschedule(sched, name):
    """Forget the schedule of the task of that name, in its store as well; False if it has none."""
    from . import verbs

    return verbs.unschedule(sched.table.get(name, name), sched)


def set_zone(zone=None, sched=None):
    """Set the place in whose local time schedules are meant; the clock then is in UTC.

    zone: a POSIX TZ string such as "CET-1CEST,M3.5.0,M10.5.0/3", an `aiotrigger.Zone`, or None:
    the clock itself shows local time.
    """
    from .wall import replan

    zone = _zone(zone)
    sched = sched or aioschedule.scheduler
    sched.zone = zone  # pyright: ignore[reportAttributeAccessIssue] - None by default
    replan(sched)
    if sched.wall:
        sched.wall.ask(sched)


def _zone(tz):
    # What `set_zone` takes, as what a scheduler needs.
    if isinstance(tz, str):
        from aiotrigger.zone import Zone

        return Zone(tz)
    if tz is None or hasattr(tz, "next") and hasattr(tz, "utc"):
        return tz
    want = "a POSIX TZ string, an object with next and utc as aiotrigger.Zone, or None"
    raise TypeError("tz: expected %s, got %r" % (want, tz))


def hook_clock():
    """Let `ntptime.settime()` call `clock_changed`, so that what it sets is seen at once.

    Who sets `machine.RTC` himself calls `clock_changed()`: built-in types take no hook.
    """
    import ntptime  # pyright: ignore[reportMissingImports] - of boards

    settime = ntptime.settime
    if getattr(settime, "__name__", "") == "settime":  # not hooked yet

        def hooked(*args, **kwargs):
            try:
                return settime(*args, **kwargs)
            finally:
                aioschedule.clock_changed()

        ntptime.settime = hooked


def configure(config, sched=None):
    """Set up a scheduler from a dict or a JSON file: tz, defaults, schedules.

    tz: as `set_zone` takes; defaults: words for new schedules; schedules: {name: {words}}. All
    is checked before anything changes: ValueError, TypeError name the schedule.
    """
    sched = sched or aioschedule.scheduler
    if isinstance(config, str):
        config = _load(config)
    if not isinstance(config, dict):
        raise TypeError("configure: expected a dict or the name of a file, got %r" % (config,))
    for key in config:
        if key not in ("tz", "defaults", "schedules"):
            raise ValueError("configure: unexpected %r; takes tz, defaults, schedules" % (key,))
    defaults = _dict("defaults", config.get("defaults", sched.defaults or {}))
    plans = _dict("schedules", config.get("schedules", {}))
    new = [(n, _dict(n, w)) for n, w in plans.items()]
    zone = _zone(config.get("tz", sched.zone))
    old, before = sched.zone, sched.defaults
    try:
        # make() adds the defaults.
        sched.zone = zone  # pyright: ignore[reportAttributeAccessIssue] - None by default
        sched.defaults = defaults or None  # pyright: ignore[reportAttributeAccessIssue]
        aioschedule.make(sched, "", {"start_in": 0})
        for n, w in new:
            try:
                aioschedule.make(sched, n, w)
            except (TypeError, ValueError) as e:
                raise type(e)("schedules: %s: %s" % (n, e))
    finally:
        sched.zone = old
        sched.defaults = before
    if zone is not old:
        set_zone(zone, sched)
    sched.defaults = defaults or None  # pyright: ignore[reportAttributeAccessIssue] - None by default
    for n, w in new:
        sched.schedule(n, **w)


def with_defaults(defaults, when):
    """Return `when` with the words that it lacks; when it says what it is due at, not those."""
    times = KINDS + ("repeat",)
    if any(when.get(w) is not None for w in times):
        defaults = {w: v for w, v in defaults.items() if w not in times}
    else:
        when = {w: v for w, v in when.items() if w not in times}
    return dict(defaults, **when)


def _load(path):
    # Return what a JSON file holds; errors name it.
    import json

    try:
        with open(path) as f:
            return json.load(f)
    except OSError as e:
        raise OSError(e.errno, path)
    except ValueError as e:
        raise ValueError("configure: %s: %s" % (path, e))


def _dict(word, v):
    if not isinstance(v, dict):
        raise TypeError("%s: expected a dict, got %r" % (word, v))
    return v


_OF_SCHEDULER = {
    "start": start,
    "pause": pause,
    "resume": resume,
    "shutdown": shutdown,
    "jobs": jobs,
    "unschedule": unschedule,
    "configure": lambda sched, config: configure(config, sched),
    "set_zone": lambda sched, zone=None: set_zone(zone, sched),
}
