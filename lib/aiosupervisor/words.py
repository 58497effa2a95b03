"""The words of a policy, as `aioctl.add` and `aioctl.aiotask` take them.

Source: systemd.service (Restart=, RestartSec=, StartLimitBurst=, RuntimeMaxSec=, WatchdogSec=).
"""

import aioctl

_RESTART = ("no", "on-failure", "always")
_OTP = ("temporary", "transient", "permanent")


def _restart(v):
    if v in _RESTART and v is not True and v is not False:
        return v
    if v is True or v is False or v is None:
        return "on-failure" if v else "no"
    if v in _OTP:
        return _RESTART[_OTP.index(v)]
    raise ValueError("restart: expected one of %s or a bool, got %r" % (_RESTART, v))


def _tuple(word, v, *sizes):
    if not isinstance(v, (tuple, list)) or len(v) not in sizes:
        raise ValueError("%s: expected %d numbers, got %r" % (word, sizes[0], v))
    return v


def _seconds(word, v, least=0.0):
    # As ms, 6 days at most.
    from aioschedule import seconds_ms

    return seconds_ms(word, v, least, 6 * 86400)


def _backoff(v):
    v = _tuple("backoff", v, 2, 3)
    first = _seconds("backoff", v[0])
    most = _seconds("backoff", v[1])
    if first > most:
        raise ValueError("backoff: expected (first, max), first <= max, got %r" % (v,))
    factor = v[2] if len(v) == 3 else 2
    if isinstance(factor, bool) or not isinstance(factor, (int, float)) or not 1 <= factor <= 1000:
        raise ValueError("backoff: expected a factor of 1 to 1000, got %r" % (factor,))
    return first, most, factor


def _intensity(v):
    from aioschedule import seconds_ms

    n, period = _tuple("intensity", v, 2)
    if isinstance(n, bool) or not isinstance(n, int) or not 0 <= n <= 1000:
        raise ValueError("intensity: expected 0 to 1000 restarts, got %r" % (n,))
    return n, seconds_ms("intensity", period, 1) // 1000


def limit(word):
    """Return what validates a limit in seconds; None: no limit."""
    return lambda v: None if v is None else _seconds(word, v, 0.001)


def _shutdown(v):
    return None if v is None else _seconds("shutdown", v)


def _shield(v):
    if v is True or v is False:
        return v
    raise TypeError("shield: expected a bool, got %r" % (v,))


def _on_giveup(v):
    if callable(v) or v in _GIVEUP:
        if v != "ignore":
            # What gives up may do so for want of memory: then it is too late to load that.
            __import__("aiosupervisor.giveup")
        return v
    raise ValueError("on_giveup: expected one of %s or a function, got %r" % (_GIVEUP, v))


def _exceptions(word):
    def valid(v):
        found = tuple(v) if isinstance(v, (tuple, list)) else (v,)
        for e in found:
            if not isinstance(e, type) or not issubclass(e, BaseException):
                raise TypeError("%s: expected exception classes, got %r" % (word, v))
        return found

    return valid


_GIVEUP = ("ignore", "escalate", "stop-all", "soft-reset", "reset")
_WORDS = {
    "restart": _restart,
    "backoff": _backoff,
    "intensity": _intensity,
    "timeout": limit("timeout"),
    "watchdog": limit("watchdog"),
    "shutdown": _shutdown,
    "on_giveup": _on_giveup,
    "restart_on": _exceptions("restart_on"),
    "no_restart_on": _exceptions("no_restart_on"),
    "shield": _shield,
}
_OF_NODE = ("ready", "after", "needs", "binds")


def merge(words, more=None):
    """Return the policy `words`, validated; `more`, a valid policy, fills the gaps."""
    new = more.copy() if more else {}
    for w, v in words.items():
        if w in _WORDS:
            new[w] = _WORDS[w](v)
        else:
            from .node import valid

            new[w] = valid(w, v)
    if new.get("shield"):
        new.setdefault("shutdown", None)
    return new


def decorate(policy):
    """Return a decorator that gives the tasks made of a function this policy."""
    for w in policy:
        if w not in _WORDS and w not in _OF_NODE:
            words = sorted(tuple(_WORDS) + _OF_NODE)
            raise TypeError("aiotask: unexpected %r; takes %s" % (w, words))
    policy = merge(policy)

    def deco(f):
        name = aioctl.name_of(f)

        # Functions have no attributes here: this one says whose it is when it is called.
        def _with_policy(*args, **kwargs):
            aioctl.mark = (None, name, policy)
            return f(*args, **kwargs)

        aioctl.mark = (_with_policy, name, policy)
        return _with_policy

    return deco
