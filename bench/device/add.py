"""Add tasks, for the driver to count the instructions.

Options: n tasks that are there, more to add then, same=1 for one function without names.
"""

import asyncio

import gauge

if gauge.SIDE == "bare":
    import bare

    add = bare.add
    numbered = False
else:
    import aioctl

    add = aioctl.add
    # Where numbering a name means looking at all of them, the n are named outright: the same
    # state, minutes sooner.
    numbered = not hasattr(aioctl, "join")

NAMES = ["task%d" % i for i in range(1100)]


async def worker():
    await asyncio.sleep_ms(3600000)


if gauge.SIDE != "bare":
    worker = aioctl.aiotask(worker)


async def main():
    n = gauge.option("n")
    more = gauge.option("more")
    same = gauge.option("same")
    for i in range(n):
        if same and numbered:
            add(worker, name="worker@%d" % i if i else "worker")
        elif same:
            add(worker)
        else:
            add(worker, name=NAMES[i])
    for i in range(n, n + more):
        if same:
            add(worker)
        else:
            add(worker, name=NAMES[i])


asyncio.run(main())
