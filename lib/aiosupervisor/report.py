"""How the end of a task is told, and its callbacks are called; loaded at the first of them."""

import aioctl


async def _async():
    pass


COROUTINE = type(_async())


def err_text(e):
    """Return "Class: message" of an exception, whatever its str() does."""
    s = type(e).__name__
    try:
        m = str(e)
    except Exception:  # noqa: BLE001 - whatever a str() raises
        m = "?"
    return s + ": " + m if m else s


def tell(rec, what, e):
    """Report an exception to the task's `log`, else the log stream, else the console."""
    log = rec.kwargs.get("log")
    line = "[%s] %s%s" % (rec._id or rec.name, what, err_text(e))
    try:
        if hasattr(log, "error"):
            log.error(line)
        elif aioctl._AIOCTL_LOG:
            aioctl._AIOCTL_LOG.write("[ERROR] %s\n" % line)
        elif what:
            print(line)
    except Exception as x:  # noqa: BLE001 - a guard: reports
        print("%s (log failed: %s)" % (line, err_text(x)))


def call(rec, f, *lead):
    """Run an on_stop or on_error of the record; return the coroutine that it may be."""
    if callable(f):
        try:
            f = f(*lead, *rec.args, **rec.kwargs)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as e:  # noqa: BLE001 - a guard: reports
            tell(rec, "on_error failed: " if lead else "on_stop failed: ", e)
            return None
    if type(f) is COROUTINE:
        return f
    rec._r = f
    return None
