"""Output beside a REPL: each text goes to the console that it belongs to."""

import builtins
import io
import sys
from asyncio import core

from aioconsole import Console

_print = builtins.print
_tell = core.Loop.default_exception_handler
_show = getattr(builtins, "__repl_print__", _print)


def hook(s):
    """Lead print(), and what asyncio tells of a failed task, through here from now on.

    For the sake of the Console `s`.
    """
    global _print, _tell
    if s.remote and getattr(builtins, "__repl_print__", None) is not _lead_value:
        builtins.__repl_print__ = _lead_value  # pyright: ignore[reportAttributeAccessIssue]
    if builtins.print is not _lead:
        _print = builtins.print
        builtins.print = _lead
    if core.Loop.default_exception_handler is not _failed:
        _tell = core.Loop.default_exception_handler
        core.Loop.default_exception_handler = _failed


# print(): of a command to its own console; of other tasks to the terminal, above a line that is
# being edited there.
def _lead(*args, **kw):
    s = Console.now
    to = (s.remote and s.write) if s else (Console.local and Console.local.above)
    if to and kw.get("file") in (None, sys.stdout, sys.stderr):
        f = kw["file"] = io.StringIO()
        _print(*args, **kw)
        try:
            return to(f.getvalue())
        except MemoryError:
            kw["file"] = sys.stdout
    _print(*args, **kw)


# Beside a line that is being edited: as text, since print_exception() would write into it.
def _failed(loop, context):
    if not (Console.local and Console.local.above):
        return _tell(loop, context)
    f = io.StringIO()
    sys.print_exception(context["exception"], f)
    task = context["future"]
    text = "%s\nfuture: %s coro= %s\n%s" % (context["message"], task, task.coro, f.getvalue())
    print(text, end="")


# What the compiler does with the value of a command.
def _lead_value(value):
    s = Console.now
    if s and s.remote:
        s.show(value)
    else:
        _show(value)
