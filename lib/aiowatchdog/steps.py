"""Whose step the loop is in, asked from a timer or a thread; the longest block that was seen."""

from asyncio import core
from time import ticks_diff, ticks_ms

import aioctl

_longest = None  # of the blocks: (ms, name of the task or "", wall time)


def current():
    """Return the asyncio task whose step the loop takes right now, or None if it waits.

    asyncio keeps the last one as `cur_task` while it waits: that one is in a queue by then.
    """
    t = core.cur_task
    if t is None or t.data is not None or not t.state:
        return None  # it waits for another task, an event or input; or it has ended
    now = ticks_ms()
    if ticks_diff(t.ph_key, now) > 0:
        return None  # it sleeps
    if isinstance(t.coro, aioctl.Taskctl):
        return t if t.coro.live() else None
    # What is no task of aioctl may wait in a way of its own: it blocks if another is overdue.
    head = core._task_queue.peek()
    return t if head and ticks_diff(head.ph_key, now) < 0 else None


def name_of(t):
    """Return the name of the task, or of its coroutine if it has no record; "" of None."""
    if t is None:
        return ""
    if isinstance(t.coro, aioctl.Taskctl):
        return t.coro.name
    return (str(t.coro) + "''").split("'")[1]


def seen(ms, name):
    """Note that the loop stood still for so long in a step of that task."""
    global _longest
    if not _longest or ms > _longest[0]:
        _longest = (ms, name, aioctl.clock.wall())


def blocked():
    """Return the longest block of the loop that was seen, or None.

    A dict: ms (at least so long), task (its name, "" if unknown), at (epoch seconds). Blocks are
    seen while the watchdog is open, when it is to be fed, and while `sample` runs.
    """
    if not _longest:
        return None
    ms, name, at = _longest
    return {"ms": ms, "task": name, "at": at}
