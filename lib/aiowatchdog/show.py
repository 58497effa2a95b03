"""`aioctl.top()`: what each task does, as a table."""

import asyncio

import aioctl
from aiocontrol import stuck
from aiowatchdog import count, sampler, steps


def top(seconds=None, name=None, hz=50, timer=None):
    """Print what each task does, the busiest first; `await aioctl.top(5)` samples for 5 s before.

    name: of a task, or a `*` pattern. hz, timer: as for `aiowatchdog.sample`.
    """
    if seconds is not None:
        sampler.sample(seconds, hz, timer)
        return _later(seconds, name)
    if aioctl.find(name) or not name:
        print(format_top(top_info(name)), end="")


async def _later(seconds, name):
    s = sampler.sampler
    try:
        await asyncio.sleep(seconds)
    finally:
        s.stop()
    top(None, name)


def top_info(name=None):
    """Return what `top` prints as a dict that json.dumps takes; KeyError if no task fits.

    That of `summary`, and tasks: the list of `rows`, the busiest first.
    """
    i = summary()
    order = [(-(r["share"] or 0), n, r) for n, r in enumerate(rows(aioctl.find(name, True)))]
    i["tasks"] = [r for _, _, r in sorted(order)]
    return i


def summary():
    """Return what is known of no task alone; idle, other, sampled, period, samples may be None.

    idle, other: per cent of the time, in no step and in steps of what is no task. sampled, period:
    ms in all, and between samples. failures_for: s since failures are counted. blocked: see
    `aiowatchdog.blocked`.
    """
    s = sampler.sampler
    of = s and max(1, s.ms)
    return {
        "idle": s and _per_cent(s.idle, of),
        "other": s and _per_cent(s.spent[-1], of),
        "sampled": s and s.ms,
        "period": s and s.period,
        "samples": s and s.count,
        "failures_for": count.begin(),
        "blocked": steps.blocked(),
    }


def rows(found):
    """Return a dict for each of these records.

    up: seconds since the last start, None if it does not run. share (per cent of the time) and
    longest (ms) are None without samples.
    """
    return [_row(sampler.sampler, r) for r in found]


def _row(s, r):
    up = aioctl.clock.now() - r._t0 if r.live() and r._c and r._t1 is None else None
    row = {
        "name": r.name,
        "state": "stuck" if stuck(r) else r.state,
        "starts": r.starts,
        "failures": count.failures(r),
        "up": up,
        "share": None,
        "longest": None,
    }
    if s:
        i = s.rows.index(r) if r in s.rows else None
        row["share"] = 0.0 if i is None else _per_cent(s.spent[i], max(1, s.ms))
        row["longest"] = 0 if i is None else s.longest[i]
    return row


def _per_cent(ms, of):
    return ms * 1000 // of / 10


def format_top(i):
    """Return a dict of `top_info` as the lines of a table."""
    sampled = i["sampled"] is not None
    wide = max([len(t["name"]) for t in i["tasks"]] + [7])
    form = "%%-%ds  %%-9s  %%6s  %%8s  %%16s" % wide
    head = ("task", "state", "starts", "failures", "up")
    if sampled:
        form += "  %6s  %12s"
        head += ("share", "longest step")
    text = form % head
    for t in i["tasks"]:
        up = "-" if t["up"] is None else aioctl.tmdelta_fmt(t["up"])
        row = (t["name"], t["state"], t["starts"], t["failures"], up)
        if sampled:
            row += ("%s %%" % t["share"], _longest(t["longest"], i["period"]))
        text += "\n" + form % row
    if sampled:
        for word in ("other", "idle"):
            text += "\n" + form % ("(%s)" % word, "", "", "", "", "%s %%" % i[word], "")
    return "\n".join(line.rstrip() for line in text.split("\n")) + "\n" + _notes(i)


def _longest(ms, period):
    return "%d ms" % ms if ms > period else "under %d ms" % (2 * period)


def _notes(i):
    text = "failures: of the last %s\n" % aioctl.tmdelta_fmt(i["failures_for"])
    if i["sampled"] is None:
        text += "`await aioctl.top(5)` samples for 5 s whose steps the time of the loop goes to\n"
    else:
        what = (i["sampled"] // 1000, i["sampled"] // 100 % 10, i["samples"], i["period"])
        text += "share: of %d.%d s, in %d samples, one in %d ms\n" % what
    b = i["blocked"]
    if b:
        ago = aioctl.tmdelta_fmt(aioctl.clock.wall() - b["at"])
        text += "longest block: %d ms, %s, %s ago\n" % (b["ms"], b["task"] or "task unknown", ago)
    return text
