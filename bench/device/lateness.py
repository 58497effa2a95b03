"""How late tasks start that are due at whole seconds, at fractions, at time tuples, set late.

Options: instants for each way, tasks for each instant; cron=1: cron instead of tuples. Reports a
list of lateness in microseconds for each way (null: never started), and how many ran when they
were added.
"""

import asyncio
import time

import gauge

if gauge.SIDE == "bare":
    import bare
else:
    import aioctl
    import aioschedule

LATE_S = 2.5  # age of the loop when the late ones are set
starts = {}  # name: wall clock times of its starts
plan = []  # (way, name, due on the wall clock or None, s after the loop's start, time added)
began = []  # wall clock at the start of the schedule loop


def worker(name):
    starts[name] = []

    async def run():
        starts[name].append(time.time())

    return run


def at_tuple(way, name, delay_s):
    when = time.localtime(int(time.time()) + delay_s)
    due = time.mktime(when)
    plan.append((way, name, due, None, time.time()))
    if gauge.SIDE == "bare":
        asyncio.create_task(bare.at(due, worker(name)))
    else:
        aioschedule.schedule(name, start_in=when)
        aioctl.add(aioctl.aiotask(worker(name)), name=name)


def at_cron(way, name, delay_s):
    due = int(time.time()) + delay_s
    plan.append((way, name, due, None, time.time()))
    if gauge.SIDE == "bare":
        asyncio.create_task(bare.at(due, worker(name)))
    else:
        hour, minute, second = time.gmtime(due)[3:6]
        aioschedule.schedule(name, cron="%d %d %d * * *" % (second, minute, hour))
        aioctl.add(aioctl.aiotask(worker(name)), name=name)


def after(way, name, delay_s):
    plan.append((way, name, None, delay_s, time.time()))
    if gauge.SIDE == "bare":
        asyncio.create_task(bare.after(round(delay_s * 1000), worker(name)))
    else:
        aioschedule.schedule(name, start_in=delay_s)
        aioctl.add(aioctl.aiotask(worker(name)), name=name)


async def mark():
    began.append(time.time())


def lateness():
    ways = {"whole": [], "fraction": [], "tuple": [], "late": []}
    at_boot = 0
    for way, name, due, delay_s, added in plan:
        times = starts[name]
        if times and times[0] - added < 0.2:  # nothing is due that soon
            at_boot += 1
            times = times[1:]
        if due is None:
            due = began[0] + delay_s
        ways[way].append(round((times[0] - due) * 1000000) if times else None)
    return ways, at_boot


async def main():
    instants = range(gauge.option("instants"))
    each = range(gauge.option("tasks"))
    at = at_cron if gauge.option("cron") else at_tuple
    if gauge.SIDE == "bare":
        asyncio.create_task(mark())  # has its turn right before those that are measured
    for i in instants:
        for j in each:
            after("whole", "whole%d_%d" % (i, j), i + 1)
            after("fraction", "fraction%d_%d" % (i, j), i * 0.87 + 0.43)
            at("tuple", "tuple%d_%d" % (i, j), i + 2)
    if gauge.SIDE != "bare":
        asyncio.create_task(mark())  # right before the loop that is measured
        aioctl.add(aioschedule.schedule_loop)
    await asyncio.sleep_ms(int(LATE_S * 1000))
    for i in instants:
        for j in each:
            at("late", "late%d_%d" % (i, j), i + 2)
    await asyncio.sleep_ms(len(instants) * 1000 + 2500)
    ways, at_boot = lateness()
    gauge.report(at_boot=at_boot, **ways)


asyncio.run(main())
