"""The part of CPython's `logging` that programs on a board use.

A record that goes to an `aiolog.AioStream` leaves no garbage beyond its message: one record
and its buffer serve all loggers, so a handler must not keep a record. A handler or stream
that fails is reported on stderr, once, and never raises to the caller.
"""

import io
import sys
import time

from micropython import const

CRITICAL = 50
ERROR = 40
WARNING = 30
INFO = 20
DEBUG = 10
NOTSET = 0

_KEEP = const(512)  # bytes; the longer buffer of a longer record is given back
_DAYS = "MonTueWedThuFriSatSun"
_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"
_levels = {
    CRITICAL: "CRITICAL",
    ERROR: "ERROR",
    WARNING: "WARNING",
    INFO: "INFO",
    DEBUG: "DEBUG",
    NOTSET: "NOTSET",
}


# The object behind `[:]`, made once: written out, older versions allocate it at each use.
_ALL = type("", (), {"__getitem__": lambda _, i: i})()[:]  # pyright: ignore[reportIndexIssue]

try:
    from _thread import allocate_lock as _Lock  # pyright: ignore[reportAssignmentType]
    from _thread import get_ident as _thread_id
except ImportError:
    _thread_id = int  # 0

    class _Lock:
        on = False

        def acquire(self, _):
            free = not self.on
            self.on = True
            return free

        def release(self):
            self.on = False


def getLevelName(level):
    """The name of a level, or the level of a name."""
    for number, name in _levels.items():
        if level == number:
            return name
        if level == name:
            return number
    return "Level %s" % level


def addLevelName(level, levelName):
    """Give a level, int, a name."""
    _levels[level] = levelName


def _number(level):
    number = level if isinstance(level, int) else getLevelName(level)
    if not isinstance(number, int):
        raise ValueError("level: expected int or name of a level, got %r" % (level,))
    return number


class LogRecord:
    """One thing that is logged. exc_info: an exception or None."""

    def __init__(self, name, level, msg, args=(), exc_info=None):
        self.message = self.asctime = None  # set by a Formatter
        self._buf = bytearray()
        self._set(name, level, msg, args, exc_info)

    def _set(self, name, level, msg, args, exc_info):
        self.name = name
        self.levelno = level
        self.levelname = _levels.get(level) or getLevelName(level)
        self.msg = msg
        self.args = args
        self.exc_info = exc_info

    # The time is read when asked for: on some ports it is a float, which is allocated.
    def __getattr__(self, name):
        if name == "created":
            return time.time()
        if name == "msecs":
            return time.time_ns() // 1000000 % 1000 if hasattr(time, "time_ns") else 0
        if name == "taskName":
            return _task_name()
        raise AttributeError(name)

    def getMessage(self):
        """The message with its arguments."""
        msg = self.msg if isinstance(self.msg, str) else str(self.msg)
        args = self.args
        if not args:
            return msg
        return msg % (args[0] if len(args) == 1 and isinstance(args[0], dict) else args)


# The name in aioctl of the task that logs, else that of its function, else "-".
def _task_name():
    core = sys.modules.get("asyncio.core")
    if not (core and core.cur_task) or _thread_id() != _home:
        return "-"
    c = core.cur_task.coro
    name = getattr(c, "_id", None) or getattr(c, "name", None)
    return name or (str(c) + "'-'").split("'")[1]  # <generator object 'f' at ...>


class Formatter:
    """Makes text of a record. fmt: with `%(field)s`, where a field is what a record has.

    `taskName` is the task that logs, by its name in aioctl.
    datefmt: with %Y %y %m %d %H %M %S %j %a %b %%; without it, ISO with milliseconds.
    """

    def __init__(self, fmt=None, datefmt=None):
        self.datefmt = datefmt
        self._parts = _parse(fmt or "%(message)s")
        self._dated = "%(asctime)" in (fmt or "")
        self._text = ""  # the time up to the second, which ends at tick `_until`
        self._until = time.ticks_ms()

    def formatTime(self, record, datefmt=None):
        """Local time of a record. After a step of the clock it may lag by a second."""
        now = time.ticks_ms()
        if record is not _record or not 0 < time.ticks_diff(self._until, now) < 1000:
            # In this order, and a millisecond less: rather make the text anew once too often.
            left = 999 - record.msecs if record is _record else 0
            t = time.localtime(int(record.created))
            self._text = _strftime(datefmt or "%Y-%m-%d %H:%M:%S", t)
            self._until = time.ticks_add(now, left)
        return self._text if datefmt else "%s,%03d" % (self._text, record.msecs)

    def format(self, record):
        """The text of a record, without an end of line."""
        buf = bytearray()
        self._render(record, buf)
        return str(buf, "utf-8")

    def _render(self, record, buf):
        record.message = record.getMessage()
        if self._dated:
            record.asctime = self.formatTime(record, self.datefmt)
        # On MicroPython extend() takes str, and a bytearray keeps the room it once had.
        for literal, field, spec in self._parts:
            buf.extend(literal)
            if field:
                value = getattr(record, field)
                buf.extend(spec % value if spec else value)
        if record.exc_info:
            out = io.StringIO()
            sys.print_exception(record.exc_info, out)
            buf.extend("\n")
            buf.extend(out.getvalue().rstrip())


# [(literal, field, spec), ...] of a format; no spec where the field is a str as it is.
def _parse(fmt):
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
        parts.append((literal.replace("%%", "%"), field, spec))
        literal = rest[n:]
    parts.append((literal.replace("%%", "%"), None, None))
    return parts


def _strftime(fmt, t):
    text = ""
    while fmt:
        c = fmt[:2]
        i = "%Y%m%d%H%M%S".find(c) if len(c) == 2 else -1
        if c[0] != "%":
            c = fmt[0]
            text += c
        elif i >= 0:
            text += "%02d" % t[i // 2]
        elif c in ("%y", "%j"):
            text += "%02d" % (t[0] % 100) if c == "%y" else "%03d" % t[7]
        elif c in ("%a", "%b"):
            text += _DAYS[t[6] * 3 :][:3] if c == "%a" else _MONTHS[t[1] * 3 - 3 :][:3]
        else:
            text += "%" if c == "%%" else c
        fmt = fmt[len(c) :]
    return text


class Handler:
    """Base of all handlers; a subclass defines `emit(record)`."""

    def __init__(self, level=NOTSET):
        self.level = _number(level)
        self.formatter = None
        self._failed = False

    def setLevel(self, level):
        self.level = _number(level)

    def setFormatter(self, fmt):
        self.formatter = fmt

    def format(self, record):
        return (self.formatter or _plain).format(record)

    def handle(self, record):
        """Emit a record; if that fails, report it, but not again until one gets through."""
        try:
            self.emit(record)
            self._failed = False
        except Exception as e:  # noqa: BLE001 - a guard: reports
            if not self._failed:
                self._failed = True
                print("--- Logging error ---", record.name, record.msg, file=sys.stderr)
                sys.print_exception(e, sys.stderr)  # pyright: ignore[reportArgumentType]

    def emit(self, record):
        """To be defined by each kind of handler, as in CPython."""
        raise NotImplementedError("emit")

    def flush(self):
        pass

    def close(self):
        pass


class StreamHandler(Handler):
    """Writes each record to a stream, in one piece: str, but bytes to an AioStream."""

    terminator = "\n"

    def __init__(self, stream=None):
        super().__init__()
        if not hasattr(stream or sys.stderr, "write"):
            raise TypeError("stream: expected an object with write(), got %r" % (stream,))
        self.stream = stream or sys.stderr
        # An AioStream keeps nothing of what it gets. Others might, so each gets a new str.
        aiolog = sys.modules.get("aiolog")
        self._bytes = aiolog is not None and isinstance(stream, aiolog.AioStream)
        self._own = type(self).format is not Handler.format  # a subclass has its own

    def emit(self, record):
        formatter = self.formatter or _plain
        if type(formatter) is Formatter and not self._own:
            buf = record._buf
            buf[_ALL] = b""
            formatter._render(record, buf)
            buf.extend(self.terminator)
            self.stream.write(buf if self._bytes else str(buf, "utf-8"))
            if len(buf) > _KEEP:
                record._buf = bytearray()
        else:
            self.stream.write(self.format(record) + self.terminator)
        if not self._bytes:
            self.flush()

    def flush(self):
        if hasattr(self.stream, "flush"):
            self.stream.flush()


class FileHandler(StreamHandler):
    """Writes to a file, and flushes it after each record."""

    def __init__(self, filename, mode="a", encoding=None):
        super().__init__(open(filename, mode))

    def close(self):
        if self.stream:
            self.stream.close()
            self.stream = None


# A method of Logger that logs at `level`. Where that is off it costs one comparison.
def _at(level):
    def log(self, msg, *args, exc_info=None):
        if self._least <= level:
            self._log(level, msg, args, exc_info)

    return log


class Logger:
    """A named logger; `a.b` hands its records on to `a`, and that to the root."""

    debug = _at(DEBUG)
    info = _at(INFO)
    warning = _at(WARNING)
    error = _at(ERROR)
    critical = _at(CRITICAL)

    def __init__(self, name, level=NOTSET):
        self.name = name
        self.level = self._least = _number(level)  # the own level and the effective one
        self.parent = None
        self.propagate = True
        self.handlers = []

    def setLevel(self, level):
        self.level = _number(level)
        _arrange()

    def getEffectiveLevel(self):
        return self._least

    def isEnabledFor(self, level):
        return self._least <= level

    def addHandler(self, hdlr):
        if hdlr not in self.handlers:
            self.handlers.append(hdlr)

    def removeHandler(self, hdlr):
        if hdlr in self.handlers:
            self.handlers.remove(hdlr)

    def hasHandlers(self):
        """True if there is a handler here or where the records are handed on to."""
        logger = self
        while logger and not logger.handlers:
            logger = logger.parent if logger.propagate else None
        return logger is not None

    def exception(self, msg, *args, exc_info=True):
        """Log an error with the traceback of the exception that is being handled.

        Most boards cannot name that: there, pass it as `exc_info`, message or argument.
        """
        self.error(msg, *args, exc_info=exc_info)

    def log(self, level, msg, *args, exc_info=None):
        if not isinstance(level, int):
            raise TypeError("level: expected int, got %r" % (level,))
        if self._least <= level:
            self._log(level, msg, args, exc_info)

    def _log(self, level, msg, args, exc_info):
        if exc_info:
            exc_info = _exception(exc_info, msg, args)
        # What logs in the middle of this, an interrupt, a thread or a handler, has its own.
        shared = _lock.acquire(0)
        try:
            if shared:
                record = _record
                record._set(self.name, level, msg, args, exc_info)
            else:
                record = LogRecord(self.name, level, msg, args, exc_info)
            self.handle(record)
        finally:
            if shared:
                # It holds nothing of the caller's until the next one comes.
                _record.msg = _record.message = _record.args = _record.exc_info = None
                _lock.release()

    def handle(self, record):
        """Pass a record to all handlers that it concerns."""
        found = False
        logger = self
        while logger:
            for handler in logger.handlers:
                found = True
                if record.levelno >= handler.level:
                    handler.handle(record)
            logger = logger.parent if logger.propagate else None
        if not found and record.levelno >= WARNING:
            lastResort.handle(record)


def _exception(exc_info, msg, args):
    if exc_info is True and hasattr(sys, "exc_info"):
        exc_info = sys.exc_info()
    if isinstance(exc_info, tuple):
        exc_info = exc_info[1]
    for value in (exc_info, msg) + args:
        if isinstance(value, BaseException):
            return value
    return None


# Find parents and effective levels anew, at each new logger and each new level.
def _arrange():
    root._least = root.level
    for name, logger in _loggers.items():
        logger.parent = root
        while "." in name and logger.parent is root:
            name = name.rsplit(".", 1)[0]
            logger.parent = _loggers.get(name, root)
    for logger in _loggers.values():
        above = logger
        while not above.level and above.parent:
            above = above.parent
        logger._least = above.level


_home = _thread_id()  # the thread of the loop, where tasks are
_lock = _Lock()  # of the one record
_record = LogRecord("", NOTSET, "")
_plain = Formatter()
lastResort = StreamHandler()
_loggers = {}
root = Logger("root", WARNING)


def getLogger(name=None):
    """The logger of that name, always the same one; the root without a name."""
    if not name or name == "root":
        return root
    if name not in _loggers:
        if not isinstance(name, str):
            raise TypeError("name: expected str, got %r" % (name,))
        _loggers[name] = Logger(name)
        _arrange()
    return _loggers[name]


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
    least = root.level if level is None else _number(level)
    if root.handlers and not force:
        return
    formatter = Formatter(format, datefmt)
    if filename is not None:
        handlers = (FileHandler(filename, filemode),)
    elif handlers is None:
        handlers = (StreamHandler(stream),)
    _close(root.handlers)
    root.handlers = list(handlers)
    for handler in handlers:
        if handler.formatter is None:
            handler.setFormatter(formatter)
    root.setLevel(least)


def _close(handlers):
    for handler in handlers:
        try:
            handler.flush()
            handler.close()
        except Exception as e:  # noqa: BLE001
            sys.print_exception(e, sys.stderr)  # pyright: ignore[reportArgumentType]


def shutdown():
    """Flush and close all handlers; call it at the end of a program."""
    for logger in [root] + list(_loggers.values()):
        _close(logger.handlers)


# A function that calls the root's method of that name.
def _of_root(name):
    def log(*args, **kwargs):
        if not root.handlers:
            basicConfig()
        getattr(root, name)(*args, **kwargs)

    return log


debug = _of_root("debug")
info = _of_root("info")
warning = _of_root("warning")
error = _of_root("error")
critical = _of_root("critical")
exception = _of_root("exception")
log = _of_root("log")
