"""What few programs need of `logging`, loaded when one of its names is first used."""

import sys
import time

from . import (
    CRITICAL,
    DEBUG,
    INFO,
    WARNING,
    Formatter,
    LogRecord,
    _at,
    _classes,
    _home,
    _levels,
    _loggers,
    _once,
    _thread_id,
    root,
)

_DAYS = "MonTueWedThuFriSatSun"
_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"
_PUBLIC = (
    "CRITICAL",
    "DEBUG",
    "ERROR",
    "INFO",
    "NOTSET",
    "WARNING",
    "FileHandler",
    "Formatter",
    "Handler",
    "LogRecord",
    "Logger",
    "StreamHandler",
    "addLevelName",
    "basicConfig",
    "critical",
    "debug",
    "error",
    "exception",
    "getLevelName",
    "getLogger",
    "info",
    "lastResort",
    "log",
    "root",
    "shutdown",
    "warning",
)
Logger, Handler, StreamHandler = _classes


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


# The rest of the classes


class _OfRecord:
    # The time is read when asked for: on some ports it is a float, which is allocated.
    def __getattr__(self, name):
        if name == "created":
            return time.time()
        if name == "msecs":
            return time.time_ns() // 1000000 % 1000 if hasattr(time, "time_ns") else 0
        if name == "taskName":
            return _task_name()
        raise AttributeError(name)


class _OfHandler:
    def __init__(self, level=0):
        self.level = _once("number")(level)

    def __getattr__(self, name):
        raise AttributeError(name)

    def setLevel(self, level):
        self.level = _once("number")(level)

    def setFormatter(self, fmt):
        self.formatter = fmt

    def format(self, record):
        return (self.formatter or _plain).format(record)

    def flush(self):
        pass

    def close(self):
        pass


class _OfLogger:
    debug = _at(DEBUG)
    info = _at(INFO)
    warning = _at(WARNING)
    critical = _at(CRITICAL)

    def __init__(self, name, level=0):
        self.name = name
        self.level = self._least = _once("number")(level)
        self.handlers = []

    def __getattr__(self, name):
        raise AttributeError(name)

    def setLevel(self, level):
        self.level = _once("number")(level)
        _once("arrange")()

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

    def log(self, level, msg, *args, exc_info=None):
        if not isinstance(level, int):
            raise TypeError("level: expected int, got %r" % (level,))
        if self._least <= level:
            self._log(level, msg, args, exc_info)


def complete():
    """Put the rest into the classes, in place of the `__getattr__` that asks for it."""
    for kind, rest in ((LogRecord, _OfRecord), (Handler, _OfHandler), (Logger, _OfLogger)):
        for name, value in rest.__dict__.items():
            if name not in ("__module__", "__qualname__"):
                setattr(kind, name, value)


complete()


class FileHandler(StreamHandler):
    """Writes to a file, and flushes it after each record."""

    def __init__(self, filename, mode="a", encoding=None):
        super().__init__(open(filename, mode))

    def close(self):
        if self.stream:
            self.stream.close()
            self.stream = None


# Parts of records


# The name in aioctl of the task that logs, else that of its function, else "-".
def _task_name():
    core = sys.modules.get("asyncio.core")
    if not (core and core.cur_task) or _thread_id() != _home:
        return "-"
    c = core.cur_task.coro
    name = getattr(c, "_id", None) or getattr(c, "name", None)
    return name or (str(c) + "'-'").split("'")[1]  # <generator object 'f' at ...>


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


_plain = Formatter()
lastResort = StreamHandler()


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
            _once("basicConfig")()
        getattr(root, name)(*args, **kwargs)

    return log


def get(name):
    """What `logging` has under this name; it keeps that."""
    if name == "__all__":  # from logging import *
        name = "_PUBLIC"
    if name in ("debug", "info", "warning", "error", "critical", "exception", "log"):
        return _of_root(name)
    if name not in globals():
        raise AttributeError(name)
    return globals()[name]
