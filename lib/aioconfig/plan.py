"""Enters what config.json says of schedules. It has the last word: over app.py's as well."""

import aioctl
import aioschedule

_given = {}  # {task: words}, as they were taken
_made = {}  # {task: its Schedule}


def enter(settings):
    """Set tz and defaults, enter the schedules; returns a line for each that is left out.

    To be called before the tasks are added: those that have a schedule then wait for it.
    """
    errors = [_configure(key, settings[key]) for key in ("tz", "defaults") if settings[key]]
    for name, words in settings["schedules"].items():
        error = _configure("schedules", {name: words})
        errors.append(error)
        if not error:
            _given[name] = words
            _made[name] = aioschedule.group()[name]
    return [e for e in errors if e]


def enter_again():
    """Enter those that the program has replaced since, and say which tasks it has not added."""
    tasks = getattr(aioctl.group(), "tasks", ())
    for name, words in _given.items():
        if aioschedule.group().get(name) is not _made[name]:
            error = _configure("schedules", {name: words})
            if error:
                print("config.json: " + error)
        if name not in tasks:
            print("config.json: scheduler.schedules: %s: there is no such task yet" % name)


def _configure(key, value):
    # What is wrong with it, or None.
    try:
        aioschedule.configure({key: value})
    except Exception as e:  # noqa: BLE001 - a guard: the board must start; it is told
        text = str(e) if isinstance(e, (TypeError, ValueError)) else aioctl.err_text(e)
        if not text.startswith(key):
            text = "%s: %s" % (key, text)
        return "scheduler.%s; not used" % text
    return None
