"""A log in a fixed piece of RAM: written like a file, read with `cat` and `follow`.

The text lies in one ring of bytes, made once. Places in it count all bytes ever written,
modulo `_lap`, so that a reader sees when the writer has overtaken it.
"""

import io
import sys

from micropython import const, schedule

try:
    from _thread import allocate_lock as _Lock  # pyright: ignore[reportAssignmentType]
except ImportError:
    # Without threads only a soft interrupt can come in between, and that one never waits.
    class _Lock:
        on = False

        def locked(self):
            return self.on

        def __enter__(self):
            self.on = True

        def __exit__(self, *_):
            self.on = False


_CHUNK = const(512)  # bytes that a reader takes at once; more only for a longer line
_SPIN = const(99)  # looks at a taken lock; another thread has done its write by then
_MAX = const(0x10000000)  # places stay small ints on 32-bit boards


# Each pattern as the pieces that must follow one another within "\nline\n".
def _compile(grep):
    found = []
    for g in grep if grep and isinstance(grep, (list, tuple)) else (grep or "",):
        if not isinstance(g, str):
            raise TypeError("grep: expected str or list of str, got %r" % (g,))
        if "*" in g:
            # The newlines anchor both ends. Earlier versions took a regex: "\[" is "[".
            g = "\n%s\n" % g.replace("\\[", "[").replace("\\]", "]")
            g = g.replace("\n*", "").replace("*\n", "")
        found.append(g.encode().split(b"*"))
    return found


# Print the lines that fit, of those between the newlines at `a` and at `e`.
def _print(text, a, e, pats, file):
    run = 0  # where lines that follow one another begin: they are printed at once
    while True:
        fits = False
        z = text.find(b"\n", a + 1, e + 1)
        if z > a + 1:
            for pieces in pats:
                i = a
                for piece in pieces:
                    i = text.find(piece, i, z + 1)
                    if i < 0:
                        break
                    i += len(piece)
                else:
                    fits = True
                    break
        if fits:
            run = run or a + 1
        elif run:
            line = memoryview(text)[run : a + 1]
            try:
                print(str(line, "utf-8"), end="", file=file)
            except UnicodeError:  # somebody wrote bytes that are no text
                file.write(line)
            run = 0
        if a == e:
            return
        a = z


class AioStream(io.IOBase):
    """A stream that keeps the newest `alloc_size` bytes of what is written to it.

    alloc_size: bytes, int > 0.
    """

    def __init__(self, alloc_size):
        if not isinstance(alloc_size, int) or not 0 < alloc_size < _MAX:
            raise ValueError("alloc_size: expected int > 0, got %r" % (alloc_size,))
        # One byte more: the newline before the oldest line tells that it is whole.
        self._cap = cap = alloc_size + 1
        self._lap = _MAX // cap * cap
        self._ring = io.BytesIO(cap)
        self._end = 0
        self._lock = _Lock()
        self._late = b""  # what an interrupt wrote in the middle of another write
        self._wake = self._queue = None  # what a write schedules; the followers that wait
        self.write("\n")

    def write(self, s):
        """Append str or bytes, in pieces of any size; return its length, as streams do.

        Tasks, threads and soft interrupts (not hard ones) may call it. An interrupt in the
        middle of another write is put off by `micropython.schedule`, and raises its
        RuntimeError when that has no place left.
        """
        lock = self._lock
        n = _SPIN
        while lock.locked():
            n -= 1
            if not n:
                # The write or read in progress goes on only when this one has returned.
                if not self._late:
                    schedule(self._flush, 0)
                self._late += s.encode() if isinstance(s, str) else s
                return len(s)
        with lock:
            cap = self._cap
            end = self._end
            n = 0
            while True:
                room = end % cap
                if not room:
                    self._ring.seek(0)
                    if end >= _MAX:
                        end -= self._lap
                room = cap - room
                # Neither str.encode nor a slice: both allocate. No jump between these two
                # lines: a Ctrl-C there would part the ring's own place from ours.
                k = self._ring.write(s, n, room)
                self._end = end = end + k
                n += k
                if k < room:
                    break
        if self._wake:
            wake = self._wake
            self._wake = None
            try:
                schedule(wake, 0)
            except RuntimeError:
                self._wake = wake  # too many are pending: the next write tries again
        return n

    def _flush(self, _):
        s = self._late
        self._late = b""
        self.write(s)

    def cat(self, grep="", file=None):
        """Print the whole lines that are kept, oldest first, blank ones left out.

        grep: a substring, a pattern with `*` that fits the whole line, or a list of these.
        file: a stream to print to, else standard output.
        For tasks and threads: an interrupt in the middle of a write would wait for ever.
        """
        self._show(-1, _compile(grep), file)

    async def follow(self, grep="", wait=0.05):
        """Print the new lines until cancelled or interrupted. Sleeps while there are none.

        wait: pause in s after a write, so that a burst of lines wakes the loop once.
        What another thread or an interrupt writes is seen when the loop wakes next.
        """
        from asyncio import core, sleep

        pats = _compile(grep)
        if not self._queue:
            self._queue = core.TaskQueue()
        place = self._show(-1, ())
        try:
            while True:
                end = self._end
                place = self._show(place, pats)
                await self._news(end, core.cur_task)  # pyright: ignore[reportGeneralTypeIssues]
                await sleep(wait)
        except KeyboardInterrupt:
            pass

    # async: wait until the end has moved on from `end`. Not an Event: this one waits first
    # and looks then, so that a write from an interrupt or a thread is never overlooked.
    def _news(self, end, task):
        self._queue.push(task)
        task.data = self._queue  # where a cancel looks for it; push sets it to None
        self._wake = self._resume
        if self._end != end:
            self.write("")
        yield

    # By `schedule`, since asyncio's queue may be touched in the thread of the loop only.
    def _resume(self, _):
        from asyncio import core

        while self._queue.peek():
            core._task_queue.push(self._queue.pop())

    # Print the whole lines behind the newline at `place` (-1: all); return that of the last.
    def _show(self, place, pats, file=None):
        text = bytearray(_CHUNK)
        left = self._cap  # an end, even where a thread writes faster than this prints
        while left > 0:
            start, back, n = self._take(place, text)
            a = text.find(b"\n", 0, n)
            e = z = text.rfind(b"\n", 0, n)
            first = start + a
            if a == e:  # no whole line
                if n < back:
                    text = bytearray(n * 2)
                    continue
                if not 0 < e == back - 1:
                    return place if a < 0 or place >= 0 else first % self._lap
                # The newest line is longer than the ring: what is left, from a whole character.
                a = 0
                while text[a] & 0xC0 == 0x80:
                    a += 1
                text[:a] = b"\n[cut] "
                e += 7 - a
                first = start + a - 1
                a = 0
            if 0 <= place != start:
                print("[missed %d bytes]" % ((first - place) % self._lap))
            _print(text, a, e, pats, file or sys.stdout)
            place = (start + z) % self._lap
            left -= z
        return place

    # Fill `text` from `place` on, or from the oldest byte; return the place of its first
    # byte, how many bytes there are from that to the end, how many of them are in `text`.
    def _take(self, place, text):
        ring = self._ring
        with self._lock:
            end = self._end
            try:
                n = ring.seek(0, 2)  # bytes in the ring
                back = (end - place) % self._lap
                if place < 0 or back > n:
                    back = n
                start = (end - back) % self._lap
                ring.seek(start % self._cap)
                n = ring.readinto(text, back)
                if n < len(text) and n < back:
                    ring.seek(0)
                    n += ring.readinto(memoryview(text)[n:], back - n)
            finally:
                ring.seek(end % self._cap)
        return start, back, n


streamlog = AioStream(2000)
