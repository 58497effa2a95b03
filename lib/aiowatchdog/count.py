"""How often each task failed, since somebody asked for it."""

import aioctl
from aioplan.listen import hear_ends

_since = None  # clock time at which the counting began, s
_wanted_by = []  # what is `open` as long as it wants that; None: somebody for ever


def begin(by=None):
    """Count the failures of each task, as long as `by` is open; return the seconds since then."""
    global _since
    if by not in _wanted_by:
        _wanted_by.append(by)
    now = aioctl.clock.now()
    if _since is None:
        _since = now
        hear_ends(_ended)
    return now - _since


def _ended(rec):
    global _since
    if rec.state in ("error", "timeout"):
        rec.failures = failures(rec) + 1
    for by in _wanted_by:
        if by is None or by.open:
            return False
    _since = None
    _wanted_by.clear()
    return True


def failures(rec):
    """Return how often the task failed since then."""
    return getattr(rec, "failures", 0)
