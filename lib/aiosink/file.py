"""The lines of a log in files on the flash, bounded in size, number and wear."""

import os
from asyncio import sleep, sleep_ms
from time import ticks_diff, ticks_ms

from micropython import const

from aiosink import Sink

_AT_ONCE = const(10)  # writes that may follow one another, if there were none for long
_ENOENT = const(2)
_ENOSPC = const(28)


class File(Sink):
    """Keeps the lines in `path`, and what was there before in `path.1`, `path.2`, ...

    size: bytes of each file at most. count: files at most. every: s between two writes to the
    flash, on average; meanwhile the lines wait in the log, and only what it keeps is written.
    The file is closed after each write, with whole lines: so a power cut leaves it.
    """

    wait = 0.2

    def __init__(self, path, size=16384, count=4, every=30, **which):
        if not isinstance(path, str) or not path:
            raise TypeError("path: expected str, got %r" % (path,))
        for name, value, least in (("size", size, 256), ("count", count, 1)):
            if not isinstance(value, int) or value < least:
                raise ValueError("%s: expected int >= %d, got %r" % (name, least, value))
        if not isinstance(every, (int, float)) or not 0 <= every <= 3600:
            raise ValueError("every: expected 0 to 3600 s, got %r" % (every,))
        super().__init__(**which)
        self._path = path
        self._size = size
        self._count = count
        self._every = int(every * 1000)
        self._credit = self._every * _AT_ONCE  # ms, as of tick `_t`
        self._t = ticks_ms()
        self._f = None
        self._n = 0  # bytes in the open file
        self._whole = False  # does the file end with a whole line?

    def name(self):
        return self._path

    async def rest(self):
        await sleep(self.wait)
        t = ticks_ms()
        most = self._every * _AT_ONCE
        gone = ticks_diff(t, self._t)
        self._t = t
        # Negative after many days without a write.
        self._credit = most if not 0 <= gone < most else min(most, self._credit + gone)
        if self._credit < self._every:
            await sleep_ms(self._every - self._credit)
        self._credit -= self._every

    def flush(self):
        try:
            super().flush()
        except OSError as e:
            self._whole = False
            try:
                self.commit()
            except OSError:
                pass  # the first error is told
            if e.errno == _ENOSPC:
                self._drop()
            raise

    def commit(self):
        f = self._f
        if f:
            self._f = None
            f.close()

    def write(self, b):
        n = len(b)
        self._open()
        room = max(0, self._size - self._n)
        i = 0
        if n > room:
            b = bytes(b)
        while n - i > room:
            k = b.rfind(b"\n", i, i + room) + 1
            if k > i:
                self._put(b[i:k])
                i = k
            elif not self._n:
                # A line longer than a file: its beginning, to a whole character.
                k = i + room - 6
                while b[k] & 0xC0 == 0x80:
                    k -= 1
                self._put(b[i:k] + b"[cut]\n")
                i = b.find(b"\n", i) + 1
                if i == n:
                    return n
            self._rotate()
            room = self._size
        self._put(b[i:] if i else b)
        return n

    def _put(self, b):
        self._f.write(b)
        self._n += len(b)

    def _open(self):
        if not self._f:
            self._f = f = open(self._path, "ab")
            self._n = f.seek(0, 2)
            if self._n and not self._whole:
                # Left by a power cut on a file system without a journal, or by somebody else.
                with open(self._path, "rb") as old:
                    old.seek(self._n - 1)
                    if old.read(1) != b"\n":
                        self._put(b"[cut]\n")
            self._whole = True

    def _name(self, i):
        return "%s.%d" % (self._path, i) if i else self._path

    # Free `path`: each file takes the next name, up to one that is not there, as after a cut
    # in the middle of this.
    def _rotate(self):
        self.commit()
        i = 1
        while i < self._count and _exists(self._name(i)):
            i += 1
        if i == self._count:
            i -= 1
            os.remove(self._name(i))
        while i:
            os.rename(self._name(i - 1), self._name(i))
            i -= 1
        self._open()

    # The flash is full: give back the oldest file.
    def _drop(self):
        i = self._count - 1
        while i and not _exists(self._name(i)):
            i -= 1
        if i:
            os.remove(self._name(i))


def _exists(path):
    try:
        os.stat(path)
    except OSError as e:
        if e.errno != _ENOENT:
            raise
        return False
    return True
