"""The verbs of `aioschedule`, of a `Scheduler` and of a `Schedule`; loaded at first use.

Each takes the name of a task, which means its schedule on the default scheduler, or the
`Schedule`; KeyError if there is none. What only shows something is in `aiostatus.schedule`.
"""

import asyncio
from time import ticks_diff

from micropython import const

import aioctl
import aioschedule

from . import fault, forget, held, note, phase, settle

_MOST = const(50)  # starts that preview() looks ahead
_LATER_MS = const(1000)  # until it is tried again for which there was no memory
# What a plain interval does not have is 0 or None.
_ZERO = "missed holders paused owed retried retries jitter _late".split()
_NONE = "wall trigger on due calendar unset left start finish heir overlap _grid".split()


def __getattr__(name):
    # Those of a whole scheduler; who listens; what people look at.
    from . import manage

    return getattr(manage, name)


def of_schedule(s, name):
    """Return an attribute of a `Schedule` that is not in aioschedule."""
    verb = _OF_SCHEDULE.get(name)
    if verb:
        return lambda *args, **kwargs: verb(s, *args, **kwargs)
    if name == "when":  # as given; True and the like as what they mean
        if s.trigger:
            return {"cron": s.trigger.expr}
        when = {}
        if s.delay != s.period or not s.period:
            when["start_in"] = _seconds(s.delay)
        if s.period:
            when["repeat"] = _seconds(s.period)
        return when
    if name in _ZERO:
        return 0
    if name in _NONE:
        return None  # it knows no such thing
    raise AttributeError(name)


def of_scheduler(sched, name):
    """Return an attribute of a `Scheduler` that is not in aioschedule."""
    from . import manage

    return manage.of_scheduler(sched, name)


def _seconds(ms):
    return ms / 1000 if ms % 1000 else ms // 1000


def find(s):
    """Return (scheduler, schedule) of a name or a `Schedule`."""
    sched = aioschedule.scheduler
    if isinstance(s, str):
        if s not in sched.table:
            raise KeyError(s)
        return sched, sched.table[s]
    if not issubclass(type(s), aioschedule.Schedule):
        raise TypeError("expected the name of a task or its schedule, got %r" % (s,))
    if s.heir:  # it was modified
        s = s.heir[0]
    return s.sched or sched, s


def left_in(sched, s):
    """Return the ms until its next start; negative if that is late."""
    ms = ticks_diff(s._t.ph_key, sched._key) + s._far * aioschedule.LAP
    return ms - sched._ahead - sched.since()


def next_due(s):
    """Return the next start, its jitter included, epoch seconds; None if there is none, or
    schedule_loop is off."""
    try:
        sched, s = find(s)
    except KeyError:
        return None
    if not s._t:
        return None
    if s.wall is not None:
        return s.wall + s._late // 1000
    if sched._s is None:
        return None
    ms = left_in(sched, s)
    return sched.clock.wall() + (sched.clock.wall_ms + ms) // 1000


def last(s):
    """Return its last start, epoch seconds, or None."""
    from aiocontrol import wall

    sched, s = find(s)
    return wall(s.last, sched.clock)


def missed(s):
    """Return how many due times were missed, being later than `grace`."""
    return find(s)[1].missed


def preview(s, n=5):
    """Return up to `n` (1 to 50) of the next starts, epoch seconds, without their jitter."""
    if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= _MOST:
        raise ValueError("n: expected an int, 1 to %d, got %r" % (_MOST, n))
    sched, s = find(s)
    if s.left is not None:
        n = min(n, s.left)
    first = next_due(s)
    if first is None:
        return []
    times = [first if s.wall is None else s.wall]
    if s.trigger:
        while len(times) < n:
            t = s.following(sched, times[-1])
            if t is None:
                break
            times.append(t)
        return times
    # In whole ms, so that periods of a fraction do not drift.
    sched.clock.wall()
    base = 0
    if s.wall is not None:
        first = s.wall
    else:
        base = sched.clock.wall_ms + left_in(sched, s) - s._late
        first = sched.clock.wall_s + base // 1000
    times = [first + (base % 1000 + k * s.period) // 1000 for k in range(n if s.period else 1)]
    end = s.finish
    return [t for t in times if end is None or t <= end]


# Taking out and putting back


def _keep(sched, s):
    # Remember when it is due, and take it out of the queue.
    _note_due(sched, s, left_in(sched, s) if s._t else None)
    sched.withdraw(s)


def _note_due(sched, s, ms):
    # Remember that it is due `ms` after the clock was last read: read once more it shifts.
    if s.wall is not None:
        s.due = (_ahead(sched), sched.zone)
    elif ms is not None and sched._s is not None:
        ms += sched.clock.ms
        s.due = (sched.clock.s + ms // 1000, ms % 1000)


def _ahead(sched):
    # The wall clock minus the clock, s: what it changes by, the wall clock was set.
    return sched.clock.wall() - sched.clock.now()


def again_in(sched, s, leave_out=False):
    """Return the ms to its start as it was planned, or None; negative if that has passed."""
    if s.on is not None:
        return None
    if s.calendar:
        try:
            return _calendar(sched, s, leave_out)
        except MemoryError:
            raise
        except Exception as e:  # noqa: BLE001 - a guard: reports
            s.pending = False
            fault(sched, s.name, "trigger failed: ", e)
            return None
    ms = s.delay
    if s.due:
        ms = (s.due[0] - sched.clock.now()) * 1000 + s.due[1] - sched.clock.ms
    if s.start is None and s.finish is None:
        return ms % s.period if leave_out and ms < 0 and s.period else ms
    # Its grid may have to move into the window, or has left it.
    sched.wall.look()
    ms -= s._late
    if ms < 0 and (leave_out or not s.within(sched.wall.s)):
        ms = ms % s.period if s.period else 0
    return ms if ms < 0 else s.windowed(sched, ms)


def _calendar(sched, s, leave_out):
    if s.due and s.wall is not None:
        from .wall import outdate

        sched.wall.look()
        back = (s.due[0] - _ahead(sched)) * 1000
        outdate(s, sched, back if s.due[1] is sched.zone else None)
    if leave_out and s.trigger and s.wall is not None and s.wall <= sched.clock.wall():
        t = s.following(sched, sched.clock.wall_s)
        if t is None and s.finish is not None:
            s.end()
            return None
        s.wall = s.wall if t is None else t
    if leave_out and s.period and s.wall is not None:
        # The first start of an interval, which then goes on by the clock.
        sched.wall.look()
        since = (sched.wall.s - s.wall) * 1000 + sched.wall.ms
        if since >= 0:
            s.wall = s.due = None
            return s.first(sched, s.period - since % s.period)
    return s.planned(sched)


def put_away(name):
    """Take out the schedule of a task for `put_back`; None if it has no start to come."""
    sched, s = find(name)
    if not s.holders:
        _keep(sched, s)
    sched.drop(s.name)
    return s if s.pending else None


def put_back(s):
    """Enter it again as it was planned; due at once if its time has passed since."""
    sched = s.sched or aioschedule.scheduler
    ms = None if s.holders or held(s) else again_in(sched, s)
    sched.enter(s, None if ms is None else phase(s, ms))
    if held(s):
        sched.wall.ask(sched)
    elif not s.pending:
        settle(sched, s)
    sched.say("added", s)


def unschedule(s, sched=None):
    """Forget the schedule of a task, in its store as well; a run that goes on is let go on. False
    if it has none."""
    sched = sched or aioschedule.scheduler
    if isinstance(s, str) and s not in sched.table:
        print("Task %s not found in %s" % (s, sorted(sched.table)))
        forget(sched, s)
        return False
    sched, s = find(s)
    there = sched.table.get(s.name)
    if there is s:
        sched.drop(s.name)
        settle(sched, s)
    if there is None or there is s:
        forget(sched, s.name)
    return there is s


def pause(s):
    """Start nothing more until `resume`; a run that goes on is let go on."""
    sched, s = find(s)
    if not s.paused:
        hold(sched, s)
        s.paused = True
        note(sched, s)


def resume(s):
    """Go on after `pause`, at the next time in phase. What was due meanwhile is left out, but
    for the only start of a one-shot: that happens now."""
    sched, s = find(s)
    if sched.wall and sched.wall.keeper:
        sched.wall.keeper.resumed(s)
    if s.paused:
        _release(sched, s)
        s.paused = False
        note(sched, s)


def suspended(s):
    """Tell whether somebody is within `suspend(s)`: then nothing starts."""
    return s.holders > s.paused


def hold(sched, s):
    """Take it out until somebody releases it; several may hold it."""
    s.holders += 1
    if s.holders == 1:
        try:
            _keep(sched, s)
        except MemoryError:
            s.holders = 0
            raise


def _release(sched, s):
    ms = None
    if s.holders == 1 and s.pending and not held(s) and sched.table.get(s.name) is s:
        ms = again_in(sched, s, True)  # without the memory for it, it is held still
    if ms is not None:
        sched.put(s, max(ms, 0) + sched.since())
        sched.wake()
    s.holders -= 1
    if not s.pending:
        settle(sched, s)


async def _released(s):
    # As `_release`, once there is the memory for it.
    while True:
        try:
            return _release(*find(s))
        except MemoryError:
            await asyncio.sleep_ms(_LATER_MS)


class suspend:
    """`async with suspend(name):` waits for a run that goes on, and starts none until it exits.

    May be nested, and used by several at a time: the last exit lets the schedule go on. timeout:
    seconds to wait for the run, then asyncio.TimeoutError, and the schedule goes on.
    """

    def __init__(self, s, timeout=None):
        self._s = find(s)[1]
        if timeout is not None:
            aioschedule.seconds_ms("timeout", timeout, 0, 6 * 86400)
        self._timeout = timeout

    async def __aenter__(self):
        sched, s = find(self._s)
        hold(sched, s)
        try_no_more(sched, s)
        entered = False
        try:
            me = asyncio.current_task()
            recs = [r for r in runs(sched, s) if r.state != "backoff" and r.task is not me]
            if recs:
                # Now: a run may end before the wait begins.
                endings = [aioctl.ending(r) for r in recs]
                await asyncio.wait_for(all_set(endings), self._timeout)
            entered = True
        finally:
            if not entered:
                await _released(s)
        return s

    async def __aexit__(self, *_):
        await _released(self._s)


def runs(sched, s):
    """Return the records of its runs that go on; several with overlap=n."""
    rec = sched.record(s.name)
    if not rec:
        return []
    return [r for r in aioctl.records() if r.live() and (r is rec or r.__dict__.get("_of") is rec)]


def try_no_more(sched, s):
    """Take back the start of a run that failed and is to be made again, or that is replaced."""
    rec = sched.record(s.name)
    if rec and s.retries and rec.state == "backoff":
        if not rec.hold():  # somebody waits for it
            aioctl.stop(s.name, stop_sch=False)
    elif rec and s.overlap == "replace" and rec.live() and rec._again is not None:
        rec._again = -1


async def all_set(events):
    """Wait for all of these events."""
    for ev in events:
        await ev.wait()


# Other times


def modify(s, **when):
    """Give a task another schedule, its next start counted from now; returns the new one.

    What it takes is what `schedule` takes. Its counters and a pause go on.
    """
    sched, s = find(s)
    if sched.table.get(s.name) is not s:
        raise KeyError(s.name)
    new = aioschedule.make(sched, s.name, when)
    for word in "last runs skipped coalesced missed retried holders paused".split():
        if word in s.__dict__:
            setattr(new, word, s.__dict__[word])
    ms = new.wait(sched)
    if new.over:
        raise ValueError("modify: never due: %r" % (when,))
    heir = s.heir or [s]  # all that it was leads to what it is
    for each in (s, new):
        each.heir = heir  # pyright: ignore[reportAttributeAccessIssue]
    was_paused = sched.wall and sched.wall.keeper and sched.wall.keeper.anew(s.name)
    if was_paused and not new.paused:
        hold(sched, new)
        new.paused = True  # pyright: ignore[reportAttributeAccessIssue]
    if new.holders:
        sched.clock.now()
        _note_due(sched, new, ms)
        ms = None
    sched.enter(new, ms)
    heir[0] = new
    sched.say("added", new)
    return new


def run_now(s):
    """Start the task now, as its overlap rule says; its schedule and its count stay. False if it
    is neither started nor queued."""
    sched, s = find(s)
    sched.clock.now()
    runs = s.runs + s.owed
    if hasattr(s, "begin"):
        s.begin(sched, by_hand=True)
    else:
        sched.launch(s)
    return s.runs + s.owed > runs


def fire(keyword, sched=None):
    """Start the tasks that are scheduled with on=keyword; returns how many there are."""
    if not isinstance(keyword, str):
        raise TypeError("keyword: expected str, got %r" % (keyword,))
    sched = sched or aioschedule.scheduler
    if sched.paused:
        return 0
    n = 0
    sched.clock.now()
    now = sched.clock.wall()
    for s in list(sched.table.values()):
        due = s.on == keyword and s.pending and not held(s)
        if due and not s.holders and s.within(now):
            if sched.table.get(s.name) is s:  # a listener may have taken it out meanwhile
                try:
                    s.begin(sched)
                except Exception as e:  # noqa: BLE001 - a guard: reports
                    fault(sched, s.name, "start failed: ", e)
                n += 1
    return n


def group():
    """Return the schedules, {name: Schedule}."""
    return aioschedule.scheduler.table


def set_group(schedules):
    """Replace all schedules by {name: {start_in=, repeat=}}, or by what `group` returned."""
    new = [(n, getattr(w, "when", w)) for n, w in schedules.items() if getattr(w, "pending", True)]
    for n, w in new:
        aioschedule.make(aioschedule.scheduler, n, w)  # refuses what is wrong, changes nothing
    reset()
    for n, w in new:
        aioschedule.schedule(n, **w)


def reset(group=True, log=False):
    """Forget all schedules; with log=True the logger as well."""
    if group:
        for n in list(aioschedule.scheduler.table):
            unschedule(n)
    if log:
        from .listen import set_log

        set_log(None)


_OF_SCHEDULE = {
    "pause": pause,
    "resume": resume,
    "suspend": suspend,
    "modify": modify,
    "run_now": run_now,
    "preview": preview,
    "next_due": next_due,
    "unschedule": unschedule,
}
