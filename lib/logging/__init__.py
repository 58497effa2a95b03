"""The part of CPython's `logging` that programs on a board use.

A record that goes to an `aiolog.AioStream` leaves no garbage beyond its message: one record
and its buffer serve all loggers, so a handler must not keep a record. A handler or stream
that fails is reported on stderr, once, and never raises to the caller.

Here is what each record needs. What sets up is in `.setup`, loaded for it and then
forgotten; what few programs need is in `.more`, loaded when one of its names is first used.
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
_levels = {
    CRITICAL: "CRITICAL",
    ERROR: "ERROR",
    WARNING: "WARNING",
    INFO: "INFO",
    DEBUG: "DEBUG",
    NOTSET: "NOTSET",
}
_loggers = {}


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


_ns = getattr(time, "time_ns", int)
sys.modules.pop(__name__ + ".more", None)  # of an earlier import of this module


# Also used here for what `.more` has: the second time it is in `globals()`.
def __getattr__(name):
    if name == "basicConfig":
        return _once(name)
    if name not in globals():
        from .more import get

        globals()[name] = get(name)
    return globals()[name]


# A function of `.setup`, which goes when that has returned.
def _once(name):
    from .setup import once

    sys.modules.pop(__name__ + ".setup", None)
    globals().pop("setup", None)
    return once[name]


# The `__getattr__` of classes of which `.more` has the rest: it puts that into them, and
# another `__getattr__` in the place of this one.
def _rest(self, name):
    from .more import get  # noqa: F401

    return getattr(self, name)


class LogRecord:
    """One thing that is logged. exc_info: an exception or None."""

    message = asctime = None  # set by a Formatter
    __getattr__ = _rest

    def __init__(self, name, level, msg, args=(), exc_info=None):
        self._buf = bytearray()
        self._set(name, level, msg, args, exc_info)

    def _set(self, name, level, msg, args, exc_info):
        self.name = name
        self.levelno = level
        self.levelname = _levels.get(level) or "Level %s" % level
        self.msg = msg
        self.args = args
        self.exc_info = exc_info

    def getMessage(self):
        """The message with its arguments."""
        msg = self.msg if isinstance(self.msg, str) else str(self.msg)
        args = self.args
        if not args:
            return msg
        return msg % (args[0] if len(args) == 1 and isinstance(args[0], dict) else args)


class Formatter:
    """Makes text of a record. fmt: with `%(field)s`, where a field is what a record has.

    `taskName` is the task that logs, by its name in aioctl.
    datefmt: with %Y %y %m %d %H %M %S %j %a %b %%; without it, ISO with milliseconds.
    """

    datefmt = None
    _dated = False  # has `%(asctime)s`
    _text = ""  # the time up to the second, which ends at tick `_until`

    def __init__(self, fmt=None, datefmt=None):
        _once("form")(self, fmt, datefmt)

    def formatTime(self, record, datefmt=None):
        """Local time of a record. After a step of the clock it may lag by a second."""
        now = time.ticks_ms()
        if record is not _record or not 0 < time.ticks_diff(self._until, now) < 1000:
            # In this order, and a millisecond less: rather make the text anew once too often.
            left = 999 - _ns() // 1000000 % 1000 if record is _record else 0
            t = time.localtime(int(time.time() if record is _record else record.created))
            if (datefmt or "%Y-%m-%d %H:%M:%S") == "%Y-%m-%d %H:%M:%S":
                self._text = "%d-%02d-%02d %02d:%02d:%02d" % t[:6]
            else:
                self._text = __getattr__("_strftime")(datefmt, t)
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
        for literal, field, spec in self._parts:  # pyright: ignore[reportAttributeAccessIssue]
            buf.extend(literal)
            if field:
                value = getattr(record, field)
                buf.extend(spec % value if spec else value)
        if record.exc_info:
            out = io.StringIO()
            sys.print_exception(record.exc_info, out)
            buf.extend("\n")
            buf.extend(out.getvalue().rstrip())


class Handler:
    """Base of all handlers; a subclass defines `emit(record)`."""

    level = NOTSET
    formatter = None
    _failed = False
    __getattr__ = _rest

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


class StreamHandler(Handler):
    """Writes each record to a stream, in one piece: str, but bytes to an AioStream."""

    terminator = "\n"

    def __init__(self, stream=None):
        _once("attach")(self, stream)

    def emit(self, record):
        formatter = self.formatter or __getattr__("_plain")
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


# A method of Logger that logs at `level`. Where that is off it costs one comparison.
def _at(level):
    def log(self, msg, *args, exc_info=None):
        if self._least <= level:
            self._log(level, msg, args, exc_info)

    return log


class Logger:
    """A named logger; `a.b` hands its records on to `a`, and that to the root."""

    error = _at(ERROR)
    parent = None
    propagate = True

    def __init__(self, name, level=NOTSET):
        self.name = name
        self.level = self._least = level  # the own level and the effective one
        self.handlers = []

    # `info` and the like are made when first used, for each takes 120 bytes; but `error` is
    # there when the memory is used up.
    def __getattr__(self, name):
        level = globals().get(name.upper())
        if not (level and isinstance(level, int)):
            return _rest(self, name)
        setattr(_classes[0], name, _at(level))
        return getattr(self, name)

    def exception(self, msg, *args, exc_info=True):
        """Log an error with the traceback of the exception that is being handled.

        Most boards cannot name that: there, pass it as `exc_info`, message or argument.
        """
        self.error(msg, *args, exc_info=exc_info)

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
                record.created = time.time()  # pyright: ignore[reportAttributeAccessIssue]
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
            __getattr__("lastResort").handle(record)


def _exception(exc_info, msg, args):
    if exc_info is True and hasattr(sys, "exc_info"):
        exc_info = sys.exc_info()
    if isinstance(exc_info, tuple):
        exc_info = exc_info[1]
    for value in (exc_info, msg) + args:
        if isinstance(value, BaseException):
            return value
    return None


def getLogger(name=None):
    """The logger of that name, always the same one; the root without a name."""
    if not name or name == "root":
        return root
    return _loggers.get(name) or _once("logger")(name)


_home = _thread_id()  # the thread of the loop, where tasks are
_lock = _Lock()  # of the one record
_record = LogRecord("", NOTSET, "")
root = Logger("root", WARNING)
# Out of reach until `.more` has made them whole: `logging.Handler` goes by `__getattr__`.
_classes = (Logger, Handler, StreamHandler)
del Logger, Handler, StreamHandler
