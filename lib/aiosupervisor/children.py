"""The verbs of OTP's supervisors; loaded when one of them is first used.

Each acts on a `Supervisor`. KeyError(name) if it has no such child.
"""

import asyncio

import aioctl


def of_supervisor(sup, name):
    """Return a verb of a `Supervisor`."""
    f = _VERBS.get(name)
    if not f:
        raise AttributeError(name)
    return lambda *args, **kwargs: f(sup, *args, **kwargs)


async def start_child(sup, coro, *args, **words):
    """Add a child and wait until it has started; return its record.

    Arguments as of `add`. If it fails before it is ready that raises its exception, and the
    child is forgotten.
    """
    _must_run(sup)
    rec = sup.add(coro, *args, **words)
    try:
        await _started(sup, rec)
    except Exception:
        aioctl.delete(rec.name)
        raise
    return rec


async def restart_child(sup, name):
    """Start a child that does not run, and wait until it has started; return its record.

    ValueError if it runs. If it fails before it is ready that raises its exception.
    """
    _must_run(sup)
    rec = sup.child(name)
    if rec.live():
        raise ValueError("%s: it is %s already" % (name, rec.state))
    if rec.state == "gave-up":
        rec._ring = rec._delay = None
    rec.launch()
    await _started(sup, rec)
    return rec


async def terminate_child(sup, name):
    """Stop a child, which stays stopped, and wait for its end.

    Returns True; "stuck" if it has not ended when its grace was over; False if it is the caller.
    """
    rec = sup.child(name)
    if not aioctl.stop(name):
        return False
    await _until(sup, lambda: not rec.live() or rec.stuck)
    return "stuck" if rec.live() else True


def delete_child(sup, name):
    """Forget a child; ValueError if it runs."""
    rec = sup.child(name)
    if rec.live():
        raise ValueError("%s: it is %s: stop it first" % (name, rec.state))
    aioctl.delete(name)


def which_children(sup):
    """Return [(name, state, "supervisor" or "worker")] in the order of start."""
    return [(c.name, c.state, "supervisor" if c.team else "worker") for c in _listed(sup)]


def count_children(sup):
    """Return {"specs", "active", "supervisors", "workers"}: how many there are."""
    listed = _listed(sup)
    teams = sum(1 for c in listed if c.team)
    active = sum(1 for c in listed if c._c)
    counts = (len(listed), active, teams, len(listed) - teams)
    return dict(zip(("specs", "active", "supervisors", "workers"), counts))


def _listed(sup):
    g = aioctl.group()
    return [c for c in sup.children if g and g.tasks.get(c.name) is c]


def _must_run(sup):
    if not sup.rec._c:
        raise ValueError("%s: it does not run" % sup.rec.name)


async def _started(sup, rec):
    # Wait until a child has started; raise its exception if it has failed before.
    first = rec.starts
    rec.first = rec.declares()
    try:
        await _until(sup, lambda: _has_begun(rec, first))
    finally:
        rec.first = False
    if rec.declares() and rec.state in ("error", "timeout"):
        await aioctl.join(rec.name)  # raises it


def _has_begun(rec, first):
    if not rec.live():
        return True
    if rec.state == "scheduled":
        return bool(next(rec.blocks(), None))  # it waits for others, maybe for long
    return rec.up if rec.declares() else rec.starts != first


async def _until(sup, done):
    ev = asyncio.Event()
    sup.calls.append(ev)
    try:
        while not done():
            ev.clear()
            await ev.wait()
    finally:
        sup.calls.remove(ev)


_VERBS = {
    "start_child": start_child,
    "restart_child": restart_child,
    "terminate_child": terminate_child,
    "delete_child": delete_child,
    "which_children": which_children,
    "count_children": count_children,
}
