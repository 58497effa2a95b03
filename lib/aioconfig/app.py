"""Starts the user's app.py, and lets nothing that it does end the program."""

import gc
import sys

import aioctl


def start(*args):
    """Import app.py and call its setup(*args); False if there is no app.py.

    What fails becomes the task "app", which `aioctl.status()` and `traceback("app")` show. A
    coroutine setup() runs as that task. To be called before a REPL takes the terminal: until
    then Ctrl-C ends an app.py that hangs.
    """
    app = None
    try:
        app = __import__("app")
        setup = getattr(app, "setup", None)
        coro = setup(*args) if setup else None
        if hasattr(coro, "send"):
            aioctl.add(_run(coro), name="app")
        else:
            _set_up()
    except ImportError as e:
        if not app and str(e) == "no module named 'app'":
            return False
        _fail(e)
    except KeyboardInterrupt as e:
        sys.print_exception(e)  # where it hung
        raise
    except (Exception, SystemExit) as e:  # noqa: BLE001 - a guard: recorded as a failed task
        _fail(e)
    return True


def _fail(e):
    # It may have filled the heap. A module whose import fails is taken out of sys.modules, but
    # MicroPython's tables keep the value of a key that is gone, until another takes its place.
    if "app" not in sys.modules:
        sys.modules["app"] = None  # pyright: ignore[reportArgumentType] - for a moment
        del sys.modules["app"]
    gc.collect()
    aioctl.add(_raise(_tell(e)), name="app")


def _tell(e):
    if isinstance(e, SystemExit):
        e = RuntimeError("sys.exit() in app.py ends nothing but setup()")
    print("app.py: %s; aioctl.traceback('app') shows where" % aioctl.err_text(e))
    return e


def _set_up():
    # Its tasks are there now, and what it schedules.
    plan = sys.modules.get("aioconfig.plan")
    if plan:
        plan.enter_again()


async def _raise(e):
    raise e


async def _run(coro):
    try:
        result = await coro
        _set_up()
        return result
    except (Exception, SystemExit) as e:  # noqa: BLE001 - told, then recorded
        raise _tell(e)
