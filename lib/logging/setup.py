"""What a program does once: configure, parse a format, enter a logger. Loaded each time."""

import sys
import time

from . import Formatter, _classes, _levels, _loggers, root

Logger, Handler, StreamHandler = _classes


def basicConfig(
    filename=None,
    filemode="a",
    format="%(levelname)s:%(name)s:%(message)s",
    datefmt=None,
    level=None,
    stream=None,
    encoding=None,
    force=False,
    handlers=None,
):
    """Give the root handlers, unless it has some; `force` closes and replaces these."""
    if (filename, stream, handlers).count(None) < 2:
        raise ValueError("expected one of filename, stream and handlers, got more")
    least = root.level if level is None else number(level)
    if root.handlers and not force:
        return
    formatter = Formatter(format, datefmt)
    if filename is not None:
        from . import FileHandler

        handlers = (FileHandler(filename, filemode),)
    elif handlers is None:
        handlers = (StreamHandler(stream),)
    if root.handlers:
        from . import _close

        _close(root.handlers)
    root.handlers = list(handlers)
    for handler in handlers:
        if handler.formatter is None:
            handler.formatter = formatter  # pyright: ignore[reportAttributeAccessIssue]
    root.level = least
    arrange()


# What `StreamHandler()` does.
def attach(self, stream):
    if not hasattr(stream or sys.stderr, "write"):
        raise TypeError("stream: expected an object with write(), got %r" % (stream,))
    self.stream = stream or sys.stderr
    # An AioStream keeps nothing of what it gets. Others might, so each gets a new str.
    aiolog = sys.modules.get("aiolog")
    self._bytes = aiolog is not None and isinstance(stream, aiolog.AioStream)
    # A subclass may have its own. The class itself has none before `.more` is loaded.
    kind = type(self)
    sub = kind is not StreamHandler
    self._own = sub and kind.format is not Handler.format  # pyright: ignore


def number(level):
    """The number of a level, which is an int or a name."""
    if isinstance(level, int):
        return level
    for found, name in _levels.items():
        if name == level:
            return found
    raise ValueError("level: expected int or name of a level, got %r" % (level,))


def logger(name):
    """Enter a new logger."""
    if not isinstance(name, str):
        raise TypeError("name: expected str, got %r" % (name,))
    _loggers[name] = made = Logger(name)
    arrange()
    return made


def arrange():
    """Find parents and effective levels anew, at each new logger and each new level."""
    root._least = root.level
    for name, each in _loggers.items():
        each.parent = root
        while "." in name and each.parent is root:
            name = name.rsplit(".", 1)[0]
            each.parent = _loggers.get(name, root)
    for each in _loggers.values():
        above = each
        while not above.level and above.parent:
            above = above.parent
        each._least = above.level


# What `Formatter()` does.
def form(self, fmt, datefmt):
    self.datefmt = datefmt
    self._parts = parse(fmt or "%(message)s")
    self._dated = "%(asctime)" in (fmt or "")
    self._until = time.ticks_ms()
    if self._dated and datefmt != "%Y-%m-%d %H:%M:%S":
        from .more import get  # noqa: F401 - rather now than with the first record


# [(literal, field, spec), ...] of a format; no spec where the field is a str as it is.
def parse(fmt):
    fields = fmt.split("%(")
    literal = fields.pop(0)
    parts = []
    for part in fields:
        field, _, rest = part.partition(")")
        n = 1
        while rest[n - 1 : n] in tuple("-+ #.0123456789"):
            n += 1
        if not rest[n - 1 : n].isalpha():
            raise ValueError("format: expected %%(field)s, got %r" % ("%(" + part,))
        spec = "%" + rest[:n]
        if spec == "%s" and field in ("asctime", "levelname", "message", "name"):
            spec = None
        elif field in ("taskName", "created", "msecs"):
            from .more import get  # noqa: F401 - rather now than with the first record
        parts.append((literal.replace("%%", "%"), field, spec))
        literal = rest[n:]
    parts.append((literal.replace("%%", "%"), None, None))
    return parts


once = {
    "arrange": arrange,
    "attach": attach,
    "basicConfig": basicConfig,
    "form": form,
    "logger": logger,
    "number": number,
}
