"""What `aioctl.add` takes beyond a plain coroutine function, its arguments and a name."""

import aioctl

_WORDS = ("_id", "on_stop", "on_error")
_POLICY = ("restart", "backoff", "intensity")
_LIMITS = (  # a record that has one of them is a `Limited`
    "timeout",
    "watchdog",
    "shutdown",
    "on_giveup",
    "restart_on",
    "no_restart_on",
    "shield",
)


def record(coro, args, kwargs, name):
    """Return the `Taskctl` of what was given to `add`; TypeError, ValueError if it is wrong."""
    if name is not None and not isinstance(name, str):
        raise TypeError("name: expected str, got %r" % (name,))
    words = {w: kwargs.pop(w) for w in _WORDS if w in kwargs}
    policy = {w: kwargs.pop(w) for w in _POLICY + _LIMITS if w in kwargs}
    executor = kwargs.pop("executor", "loop")
    if executor != "loop":
        from aiothread import threaded

        coro = threaded(coro, executor)
    name, mark = _trial(coro, args, kwargs, name)
    once = hasattr(coro, "send")
    if once:
        if policy.pop("restart", "no") not in ("no", False):
            raise ValueError("restart: a coroutine runs once; add its function instead")
        policy["restart"] = "no"
    if policy or mark and mark[2]:
        from .words import merge

        policy = merge(policy, mark and mark[2])
        if policy.get("shield"):
            policy.setdefault("shutdown", None)
    make = aioctl.Taskctl
    if any(w in policy for w in _LIMITS):
        from .limits import Limited as make
    rec = make(coro, name, kwargs)
    if args:
        rec.args = args
    for given in (policy, words):
        for w, v in given.items():
            setattr(rec, w, v)
    return rec


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
