"""How `status` shows trees of supervisors."""

import aioctl


def places(found):
    """Return the records in the order of the tree, and what stands before the lines of each.

    That is {name: (before its own, before those below it)}. A supervisor that is shown alone
    is shown with all that is below it.
    """
    found = list(found)
    if len(found) == 1:
        for r in found:  # while it grows
            if _team(r):
                found.extend(_children(r))
    listed = {r.name for r in found}
    order = []
    at = {}

    def walk(r, lead, below):
        order.append(r)
        at[r.name] = (lead, below)
        shown = [c for c in _children(r) if c.name in listed] if _team(r) else []
        for c in shown:
            last = c is shown[-1]
            walk(c, below + ("└─ " if last else "├─ "), below + ("   " if last else "│  "))

    for r in found:
        sup = None if type(r) is aioctl.Taskctl else r.sup
        if not sup or sup.rec.name not in listed or r not in _children(sup.rec):
            walk(r, "", "")
    return order, at


def _team(r):
    return None if type(r) is aioctl.Taskctl else r.team


def _children(r):
    tasks = aioctl.group().tasks
    return [c for c in r.team.children if tasks.get(c.name) is c]
