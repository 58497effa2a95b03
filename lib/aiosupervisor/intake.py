"""What `aioctl.add` takes beyond a plain coroutine function, its arguments and a name."""

import aioctl

_WORDS = ("_id", "on_stop", "on_error")
_LIMITS = (  # a record that has one of them is a `Limited`
    "timeout",
    "watchdog",
    "shutdown",
    "on_giveup",
    "restart_on",
    "no_restart_on",
    "shield",
)
_NODE = ("ready", "after", "needs", "binds", "_place")  # one that has one of these is a `Node`
_POLICY = ("restart", "backoff", "intensity")


def record(coro, args, kwargs, name):
    """Return the `Taskctl` of what was given to `add`; TypeError, ValueError if it is wrong."""
    if name is not None and not isinstance(name, str):
        raise TypeError("name: expected str, got %r" % (name,))
    words = {w: kwargs.pop(w) for w in _WORDS if w in kwargs}
    policy = {w: kwargs.pop(w) for w in _POLICY + _LIMITS + _NODE if w in kwargs}
    place = policy.pop("_place", None)
    if "executor" in kwargs:
        coro = _threaded(coro, kwargs.pop("executor"))
    name, mark = _trial(coro, args, kwargs, name)
    once = hasattr(coro, "send")
    if once:
        if policy.pop("restart", "no") not in ("no", False):
            raise ValueError("restart: a coroutine runs once; add its function instead")
        policy["restart"] = "no"
    if policy or mark and mark[2]:
        from .words import merge

        policy = merge(policy, mark and mark[2])
    node = place or any(w in policy for w in _NODE)
    if node:
        from .node import Node as kind
    elif any(w in policy for w in _LIMITS):
        from .limits import Limited as kind
    else:
        kind = aioctl.Taskctl
    rec = kind()
    rec.coro = coro
    rec.name = name
    rec.kwargs = kwargs
    if args:
        rec.args = args
    for given in (policy, words):
        for w, v in given.items():
            setattr(rec, w, v)
    if node:
        rec.enter(*place or (None, None))  # pyright: ignore - a `Node`
    return rec


def _threaded(coro, executor):
    if executor == "loop":
        return coro
    from aiothread import threaded

    return threaded(coro, executor)


def _trial(coro, args, kwargs, name):
    # Make the coroutine once, which shows a wrong function or wrong arguments at once. Returns
    # the name, and the mark that a wrapper of aiotask leaves when it is called.
    aioctl.mark = None
    if hasattr(coro, "throw"):
        if args or kwargs or any(r.coro is coro or r._c is coro for r in aioctl.records()):
            raise ValueError("coro: %r is in use or has its arguments: add its function" % (coro,))
        return name or (str(coro) + "'coroutine").split("'")[1], None
    # A plain function is not even tried, since it might act.
    if (
        type(coro) is type(_trial)
        or not callable(coro)
        or not hasattr(coro(*args, **kwargs), "send")
    ):
        raise TypeError("coro: expected a coroutine function, got %r" % (coro,))
    mark = aioctl.mark
    return name or (mark[1] if mark else aioctl.name_of(coro)), mark
