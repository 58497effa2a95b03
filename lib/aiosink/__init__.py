"""Where the lines of a log go besides its RAM. A sink is a task that follows the log:

    aioctl.add(aiosink.Output().run, name="console")

A file on the flash is in `aiosink.file`, syslog in `aiosink.syslog`.
"""

import io
import sys
from asyncio import CancelledError, sleep

from micropython import const

from aiosupervisor.flush import open_files
from aiotail import patterns, show, written

_RETRY_S = const(60)  # the longest wait after an error


class Sink(io.IOBase):
    """Base of all sinks; a subclass defines `write(b)`, which gets whole lines as bytes.

    log: an `aiolog.AioStream`, else `streamlog`. grep, level=, task=: which lines, as for `cat`.
    """

    wait = 0.05  # s after a write to the log, so that a burst of lines makes one batch

    def __init__(self, log=None, grep="", **which):
        if log is None:
            from aiolog import streamlog as log
        self._pick = None
        if which:
            from aiotail.pick import Pick

            self._pick = Pick(**which)
        self._pats = patterns(grep)
        self._log = log
        self._place = -1  # behind the last line that was passed on

    async def run(self):
        """Pass on what the log keeps and what comes, until cancelled. To be added as a task."""
        s = self._log
        pause = 0
        open_files.append(self)
        try:
            while True:
                end = s._buf[3]
                try:
                    self.flush()
                    pause = 0
                except OSError as e:
                    if not pause:
                        s.write("[WARNING] [%s] OSError: %s\n" % (self.name(), e))
                    pause = min(pause * 2 or 1, _RETRY_S)
                    await sleep(pause)
                    continue
                await written(s, end)
                await self.rest()
        except CancelledError:
            try:
                self.flush()
            except OSError:
                pass  # it was told, or nobody could be told any more
            raise
        finally:
            open_files.remove(self)

    def flush(self):
        """Pass on now what is new. OSError if it cannot; then it is tried again later."""
        place = show(self._log, self._place, self._pats, self, self._pick)
        self.commit()
        self._place = place

    def name(self):
        """What an error is told of."""
        return type(self).__name__

    async def rest(self):
        """Wait between a write to the log and the next flush."""
        await sleep(self.wait)

    def commit(self):
        """Called when the lines of a flush have been written."""


class Output(Sink):
    """Prints the lines. file: a stream, else standard output."""

    def __init__(self, file=None, **which):
        super().__init__(**which)
        self._file = file

    def write(self, b):
        file = self._file or sys.stdout
        try:
            print(str(b, "utf-8"), end="", file=file)
        except UnicodeError:  # somebody wrote bytes that are no text
            file.write(b)
        return len(b)
