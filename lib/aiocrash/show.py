"""The history of failures as text."""

import time

import aioctl


def lines(e):
    """Return an entry of the history as lines: a head, and the traceback."""
    when = aioctl.get_datetime(time.localtime(e["at"]))
    text = "%s %s: %s" % (when, e["name"], e["error"])
    if e["times"] > 1:
        text += " (%d times)" % e["times"]
    up = aioctl.tmdelta_fmt(e["up"])
    text += "\n    start %d, up %s, %d bytes free" % (e["starts"], up, e["free"])
    if e["cause"]:
        text += ", after " + e["cause"]
    text += "\n"
    for line in (e["trace"] or "").split("\n"):
        if line:
            text += "    %s\n" % line
    return text


def report(history, cause):
    """Return what is known of the last reset, and of what was before."""
    text = "reset: %s\n" % (cause or "cause unknown")
    if not history:
        return text + "crashes are not noted: aiocrash.start() first\n"
    if history.old:
        text += "last failure before it:\n" + lines(history.entries[history.old - 1])
    else:
        text += "no failure is known from before it\n"
    ran = history.head.get("ran")
    if ran:
        when = aioctl.get_datetime(time.localtime(history.head["at"]))
        text += "tasks that ran @ %s: %s\n" % (when, ", ".join(ran))
    n = sum(e["times"] for e in history.entries[history.old :]) + history.lost
    text += "failures since: %d\n" % n
    return text
