"""The history of failures as text."""

import time

import aioctl


def lines(e):
    """Return an entry of the history as lines: a head, and the traceback."""
    when = aioctl.get_datetime(time.localtime(e["at"]))
    text = "%s %s: %s" % (when, e["name"], e["error"])
    if e["times"] > 1:
        text += " (%d times)" % e["times"]
    if e["up"] is not None:
        up = aioctl.tmdelta_fmt(e["up"])
        text += "\n    start %d, up %s, %d bytes free" % (e["starts"], up, e["free"])
        if e["cause"]:
            text += ", after " + e["cause"]
    text += "\n"
    for line in (e["trace"] or "").split("\n"):
        if line:
            text += "    %s\n" % line
    return text


def report(i):
    """Return a dict of `boot_info` as lines: the last reset, and what was before."""
    text = "reset: %s\n" % (i["reset"] or "cause unknown")
    if i["blamed"]:
        text += "because: %s %s\n" % (i["blamed"], i["why"])
    if i["failures"] is None:
        return text + "crashes are not noted: aiocrash.start() first\n"
    if i["last"]:
        text += "last failure before it:\n" + lines(i["last"])
    else:
        text += "no failure is known from before it\n"
    if i["ran"]:
        when = aioctl.get_datetime(time.localtime(i["ran_at"]))
        text += "tasks that ran @ %s: %s\n" % (when, ", ".join(i["ran"]))
    return text + "failures since: %d\n" % i["failures"]
