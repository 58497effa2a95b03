"""What `aioctl` shows to people: status, results, tracebacks, the log.

Loaded by `aioctl` and `aioschedule` when one of these names is first used there.
"""

import io
import sys
import time
from time import ticks_diff, ticks_ms

import aioctl
from aiocontrol import exc, find, show, stuck, trace
from aiosupervisor.report import err_text

_PLAIN = aioctl.Taskctl
_type = type  # a builtin is looked up in a long list
_SEPARATOR = "<" + "-" * 80 + ">"
_COLOR = {  # of the state
    "scheduled": "",
    "stopped": "33;1",
    "backoff": "33;1",
    "suspended": "36",
    "error": "31;1",
    "timeout": "31;1",
    "gave-up": "31;1",
}
_RUNNING = "● %s: status: running since"
_RUNNING_COLOR = "\x1b[92m●\x1b[0m %s: status: \x1b[32;1mrunning\x1b[0m since"

_last = (None, None, "")  # start, now, and the text of that
_debug = False
_env = None


def info(name=None):
    """Return what is known of a task as a dict that json.dumps takes.

    Without a name, or with a pattern: {name: dict}. Times are epoch seconds (`now` is that of
    the call); runtime is in seconds. KeyError if there is no such task.
    """
    found = find(name, True)
    if found and found[0].name == name:
        return _info(found[0], True)
    return {r.name: _info(r, True) for r in found}


def _info(r, all):
    state = r.state
    live = r.live()
    e = exc(r)
    v = None if state == "running" else r._r
    if not (v is None or isinstance(v, (bool, int, float, str))):
        v = show(v)
    now = aioctl.clock.wall()
    off = now - aioctl.clock.now()
    over = not live and state != "scheduled" and r._t1 is not None
    i = {
        "name": r.name,
        "state": state,
        "now": now,
        "starts": r.starts,
        # Before its first step a task has just been started.
        "since": now if live and not r._c else off + r._t0,
        "done_at": None if r._t1 is None else off + r._t1,
        "runtime": r._t1 - r._t0 if over else None,
        "stopping": None if not live or r._asked is None else now - off - r._asked,
        "stuck": r._asked is not None and stuck(r),
        "restart_in": _restart_s(r) if state == "backoff" else None,
        "result": v,
        "error": None if e is None else err_text(e),
        "schedule": None,
        "parent": None,
        "children": None,
        "ready": None,
        "waits_for": None,
    }
    if type(r) is not _PLAIN:
        r.facts(i)
    if aioctl.holds:  # aioschedule is there
        i["schedule"] = _schedule().info(r.name)
    if all:
        i["args"] = show(r.args)
        i["kwargs"] = show(r.kwargs)
        i["traceback"] = None if e is None else trace(e, r)
    return i


def _restart_s(r):
    # Seconds until the end of a back-off; None if it is being cancelled.
    ms = ticks_diff(r.task.ph_key, ticks_ms())
    return max(0, ms + 500) // 1000 if r.live() else None


def _schedule():
    # The part of this package that knows schedules: loaded once there can be any.
    from . import schedule

    return schedule


def traceback(name=None, rtn=False, indent="", file=None):
    """Print the traceback of a failed task; with rtn=True only tell if there is one."""
    for r in find(name):
        e = r.exc
        if rtn:
            return e is not None
        if e is not None:
            print("%s: Traceback" % r.name, file=file or sys.stdout)
            for line in trace(e, r).split("\n")[:-1]:
                print(indent + line, file=file or sys.stdout)
    return False if rtn else None


def traceback_all():
    """Print the tracebacks of all failed tasks."""
    traceback()


# status()


def format_status(i, color=False):
    """Return the head line of `status` for a dict of `info`."""
    st = i["state"]
    if st == "running":
        text = "%s %s" % (_running(i["name"], color), _since(i["since"], i["now"]))
        if i["ready"] is False:
            text += ", not ready"
        if i["stopping"] is None:
            return text
        word = "stuck" if i["stuck"] else "stopping"
        return "%s, %s for %s" % (text, word, tmdelta_fmt(i["stopping"]))
    dot = c = _COLOR.get(st, "")
    word = "ERROR" if st == "error" else st
    if i["waits_for"]:
        word += ", waits for " + ", ".join(i["waits_for"])
    word = _paint(c, word) if color else word
    sched = i["schedule"]
    if st == "scheduled":
        dot = "36"
        when = _dt(i["since"])
    else:
        at = i["done_at"]
        when = at and "%s; %s ago" % (_dt(at), tmdelta_fmt(i["now"] - at))
        if i["restart_in"] is not None:
            when += ", restart in " + tmdelta_fmt(i["restart_in"])
        if sched and sched["pending"] and (st == "done" or st == "stopped"):
            dot = "36"
            word = "scheduled - " + word
    v = i["error"]
    if v:
        kind, colon, text = v.partition(":")
        v = (_paint(c, kind) if color else kind) + colon + text
    else:
        v = i["result"]
        v = "" if v is None else v
    dot = _paint(dot, "●") if color else "●"
    return "%s %s: status: %s @ %s --> result: %s" % (dot, i["name"], word, when, v)


def _running(name, color):
    return (_RUNNING_COLOR if color else _RUNNING) % name


def _since(t, now):
    global _last
    # To make text takes time: what started in the same second shares it.
    if _last[0] != t or _last[1] != now:
        _last = (t, now, "%s; %s ago" % (_dt(t), tmdelta_fmt(now - t)))
    return _last[2]


def _paint(code, s):
    return "\x1b[%sm%s\x1b[0m" % (code, s) if code else s


def _terminal():
    # Are colours wanted? A board's output is a terminal; the unix port can tell.
    try:
        import os
        import termios

        termios.tcgetattr(1)
        return not os.getenv("NO_COLOR")
    except ImportError:
        return True
    except OSError:
        return False


def status(name=None, log=True, debug=False, indent="    "):
    """Print the status of a task, of those that match a `*` pattern, or of all, by name.

    Children stand below their supervisor, in the order of their start. log: its lines of the
    log as well. debug: arguments, schedule and traceback. Never raises.
    """
    found = find(name)
    if len(found) > 1:
        # From a dict, which shuffles: for names in order, the usual case, sort() takes n**2.
        by_name = {r.name: r for r in found} if name else aioctl.group().tasks
        found = [by_name[n] for n in sorted(by_name)]
    places = None
    if "aiosupervisor.tree" in sys.modules:
        from .tree import places as places_of

        found, places = places_of(found)
    lines = _log_lines(found) if log and aioctl._AIOCTL_LOG else None
    if aioctl.color is None:
        aioctl.color = _terminal()
    below = ""
    for r in found:
        try:
            if places:
                lead, below = places[r.name]
                print(lead, end="")
            if debug or _debug:
                i = _info(r, True)
                print(format_status(i, aioctl.color))
                _print_detail(r, i, indent, below)
            else:
                sched = _print_short(r, aioctl.color)
                if sched:
                    print(_below(below, _schedule().format(sched)), end="")
        except Exception as e:  # noqa: BLE001 - status() never raises
            print("● %s: status: %s (%s)" % (r.name, r.state, err_text(e)))
        if lines is not None:
            mark, _id = _marks(r)
            for line in lines:
                if mark in line or _id in line:
                    print(line)
            print(_SEPARATOR)


def _print_short(r, color):
    # Returns its schedule. (A longer frame would need the heap.)
    if (
        r.state == "running"
        and r._asked is None
        and (_type(r) is _PLAIN or not (r.ready or r.team))
    ):
        # The usual case: without the dict of all that is known, which costs more than the text.
        now = aioctl.clock.wall()
        since = now if r.live() and not r._c else now - aioctl.clock.now() + r._t0
        print(_running(r.name, color), _since(since, now))
        return _schedule().info(r.name) if aioctl.holds else None
    i = _info(r, False)
    print(format_status(i, color))
    return i["schedule"]


def _below(below, text):
    # The lines of a text as they stand in a tree.
    return "".join(below + line + "\n" for line in text.split("\n")[:-1]) if below else text


# What the lines of a record's task have in them.
def _marks(r):
    return "[%s]" % r.name, "[%s]" % (r._id or r.name)


def _log_lines(found):
    # Read once, however many tasks are shown.
    f = io.StringIO()
    try:
        grep = _marks(found[0]) if len(found) == 1 else ""
        aioctl._AIOCTL_LOG.cat(grep=grep, file=f)
    except Exception as e:  # noqa: BLE001 - a guard: reports
        print("log failed: " + err_text(e))
    return f.getvalue().split("\n")


def _print_detail(r, i, indent, below=""):
    indent = below + indent
    b = indent + "┗━► "
    text = "%sTask: %r\n" % (indent, r)
    if i["runtime"] is not None:
        text += "%sruntime: %s\n" % (b, tmdelta_fmt(i["runtime"]))
    if i["schedule"]:
        text += _below(below, _schedule().format(i["schedule"], True))
    print("%s%sargs: %s\n%skwargs:" % (text, b, i["args"], b), end="")
    pprint_dict(r.kwargs, ind=len(b) + 8)
    if i["traceback"]:
        print(b + "traceback: ", end="")
        traceback(r.name, indent=indent + " " * 14)
        print()


def status_all(log=True, debug=False):
    """Print the status of all tasks."""
    status(None, log, debug)


def debug():
    """Switch debug mode, in which `status` shows all."""
    global _debug
    _debug = not _debug
    print("debug mode: %s" % _debug)


# The log


def log(grep="", **which):
    """Print the log, or its lines that match `grep`: in whole, or with the name of a task.

    which: level=, since=, last=, task=, as `aiotail.pick` has them.
    """
    if aioctl._AIOCTL_LOG:
        return aioctl._AIOCTL_LOG.cat(grep=_or_tasks(grep), **which)


async def follow(grep="", wait=0.05, **which):
    """Print the log as it is written, until cancelled. Arguments as for `log`."""
    if aioctl._AIOCTL_LOG:
        return await aioctl._AIOCTL_LOG.follow(grep=_or_tasks(grep), wait=wait, **which)


# "sensor*" is also what stands in brackets in the lines of tasks.
def _or_tasks(grep):
    return [grep, "*[%s]*" % grep] if isinstance(grep, str) and "*" in grep else grep


# Texts


def _dt(t):
    return get_datetime(time.localtime(t))


def get_datetime(t):
    """Return "YYYY-MM-DD HH:MM:SS" of a time tuple."""
    return "%d-%02d-%02d %02d:%02d:%02d" % tuple(t[:6])


def time_str(t):
    """Return the duration (days, hours, minutes, seconds) as text."""
    d, h, m, s = (int(x) for x in t)
    if not (d or h or m):
        return "%d s" % s
    text = "%02d:%02d:%02d" % (h, m, s)
    return "%d days, %s" % (d, text) if d else text


def tmdelta_fmt(dt):
    """Return a duration in seconds as text: `5 s`, `00:01:05`, `2 days, 00:00:00`."""
    if dt < 0:
        return "the past by " + tmdelta_fmt(-dt)
    s = int(dt)
    if s < 60:
        return "%d s" % s
    m = s // 60
    return time_str((m // 1440, m // 60 % 24, m % 60, s % 60))


def pprint_dict(kw, sep=" ", ind=1, fl=True, ls=",", lev=0):
    """Print a dict one key a line, indented by `ind` + 2, nested dicts further."""
    print(sep + _pretty(kw, sep, ind + 2))


def _pretty(d, sep, ind):
    if not isinstance(d, dict) or not d:
        return repr(d)
    rows = []
    for k, v in d.items():
        k = repr(k) + ": "
        rows.append(k + _pretty(v, sep, ind + len(k) + 2))
    return "{ " + (",\n" + sep * ind).join(rows) + " }"


def setenv(env):
    """Set the dict that `getenv` reads."""
    global _env
    _env = env


def getenv(var, alt=None, envfile=".env", debug=False):
    """Return a variable of `setenv`, or of the file (KEY=VALUE lines), else `alt`.

    debug: read the file anew.
    """
    if debug or not _env:
        env = {}
        try:
            with open(envfile) as f:
                for line in f:
                    k, eq, v = line.partition("=")
                    if eq and not k.startswith("#"):
                        env[k.strip()] = v.strip().strip("\"'")
        except OSError:
            pass  # no file, no variables
        setenv(env)
    return _env.get(var, alt)
