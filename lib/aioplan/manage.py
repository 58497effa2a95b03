"""A scheduler as a whole: its life, its configuration, its clock, its list."""

import asyncio

import aioctl
import aioschedule

from .listen import listen as listen
from .listen import set_log as set_log
from .listen import unlisten as unlisten


def __getattr__(name):
    from aiostatus import schedule

    return getattr(schedule, name)


def of_scheduler(sched, name):
    """Return an attribute of a `Scheduler` that is not in aioschedule."""
    if name in ("listen", "unlisten", "set_log"):
        f = globals()[name]
        return lambda *args, **kwargs: f(*args, sched=sched, **kwargs)
    f = _OF_SCHEDULER.get(name)
    if f:
        return lambda *args, **kwargs: f(sched, *args, **kwargs)
    if name == "paused":
        return False
    raise AttributeError(name)


def start(sched, paused=False, name="scheduler"):
    """Run this scheduler as a task of the registry; False if it runs. paused: until resume()."""
    if sched.running():
        return False
    if paused:
        pause(sched)

    async def scheduler():
        await sched.loop()

    sched.own = aioctl.add(scheduler, name=name)
    return True


def pause(sched):
    """Start nothing until `resume`; schedules can still be made."""
    sched.paused = True
    sched.run_pending = lambda: None


def resume(sched):
    """Go on: of what was due meanwhile each task is started once."""
    if sched.paused:
        sched.paused = False
        del sched.run_pending
        sched.wake()


async def shutdown(sched, wait=True, timeout=None):
    """Stop the scheduler; wait: for the runs it started, at most `timeout` seconds.

    Runs that have not ended by then are stopped. Its schedules stay, for another start.
    """
    me = asyncio.current_task()
    own = sched._task
    if own and sched.running() and own is not me:
        own.cancel()
        sched._asleep = False
        sched._task = None
    recs = [r for r in map(sched.record, sched.table) if r and r.live() and r.task is not me]
    if wait and recs:

        async def ends():
            for ev in [aioctl.ending(r) for r in recs if r.state != "backoff"]:
                await ev.wait()

        try:
            await asyncio.wait_for(ends(), timeout)
        except asyncio.TimeoutError:
            for r in recs:
                if r.live():
                    aioctl.stop(r.name, stop_sch=False)


def jobs(sched):
    """Return [{name, pending, paused, next, last, runs, ...}] of all schedules, by name."""
    from aiostatus.schedule import facts

    return [dict(facts(sched.table[n]), name=n) for n in sorted(sched.table)]


def set_zone(zone=None, sched=None):
    """Set the place in whose local time schedules are meant; the clock then is in UTC.

    zone: a POSIX TZ string such as "CET-1CEST,M3.5.0,M10.5.0/3", an `aiotrigger.Zone`, or None:
    the clock itself shows local time.
    """
    from .when import replan

    if isinstance(zone, str):
        from aiotrigger.zone import Zone

        zone = Zone(zone)
    sched = sched or aioschedule.scheduler
    sched.zone = zone  # pyright: ignore[reportAttributeAccessIssue] - None by default
    sched.clock.wall()
    replan(sched)


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
        import json

        with open(config) as f:
            config = json.load(f)
    if not isinstance(config, dict):
        raise TypeError("configure: expected a dict or the name of a file, got %r" % (config,))
    for key in config:
        if key not in ("tz", "defaults", "schedules"):
            raise ValueError("configure: unexpected %r; takes tz, defaults, schedules" % (key,))
    defaults = _dict("defaults", config.get("defaults", sched.defaults or {}))
    plans = _dict("schedules", config.get("schedules", {}))
    new = [(n, dict(defaults, **_dict(n, w))) for n, w in plans.items()]
    zone = config.get("tz", sched.zone)
    if isinstance(zone, str):
        from aiotrigger.zone import Zone

        zone = Zone(zone)
    old = sched.zone
    try:
        sched.zone = zone  # pyright: ignore[reportAttributeAccessIssue] - None by default
        aioschedule.make(sched, "", dict(defaults, start_in=0))
        for n, w in new:
            try:
                aioschedule.make(sched, n, w)
            except (TypeError, ValueError) as e:
                raise type(e)("schedules: %s: %s" % (n, e))
    finally:
        sched.zone = old
    if zone is not old:
        set_zone(zone, sched)
    sched.defaults = defaults or None  # pyright: ignore[reportAttributeAccessIssue] - None by default
    for n, w in new:
        sched.schedule(n, **w)


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
    "configure": lambda sched, config: configure(config, sched),
    "set_zone": lambda sched, zone=None: set_zone(zone, sched),
}
