"""The least asyncio program that starts, repeats, restarts, shows and logs: "bare" in the table.

One function for each thing that the supervisor does, without its promises: no states, no
limits, no wildcards, no clean-up.
"""

import asyncio
import io
import time

tasks = {}  # name: (Task, time of its start in s)
errors = {}  # name of a function: what it last failed of
log = io.StringIO(2000)


def add(coro, name=None):
    """Start coro() and list it, under a numbered name if none is given."""
    task = asyncio.create_task(coro())
    if name is None:
        name = "%s@%d" % (coro.__name__, len(tasks))
    tasks[name] = (task, time.time())
    return task


async def at(due, coro):
    """Run coro() once the wall clock shows `due` (s)."""
    while time.time() < due:  # a sleep may end a fraction of a millisecond early
        await asyncio.sleep_ms(max(1, int((due - time.time()) * 1000)))
    await coro()


async def after(delay_ms, coro):
    """Run coro() after delay_ms."""
    await asyncio.sleep_ms(delay_ms)
    await coro()


async def every(first_ms, period_ms, coro):
    """Run coro() first_ms from now and then each period_ms, keeping the phase."""
    due = time.ticks_add(time.ticks_ms(), first_ms)
    while True:
        await asyncio.sleep_ms(time.ticks_diff(due, time.ticks_ms()))
        await coro()
        due = time.ticks_add(due, period_ms)


async def keep(coro):
    """Run coro() again for as long as it fails."""
    while True:
        try:
            return await coro()
        except Exception as exc:  # noqa: BLE001
            errors[coro.__name__] = exc


def write(line):
    """Log a line; a full buffer starts over."""
    if log.tell() + len(line) > 2000:
        log.seek(0)
    return log.write(line)


def status(name=None):
    """Print one line for the named task, or for each."""
    if name is None:
        for each in sorted(tasks):
            status(each)
        return
    task, since = tasks[name]
    print(name, "done" if task.done() else "running", int(time.time() - since), "s")
