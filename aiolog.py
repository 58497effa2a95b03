"""A log in a fixed piece of RAM: written like a file, read with `cat` and `follow`.

Reading is in lib/aiotail, loaded when somebody first reads.

The text lies in one ring of bytes, made once. Places in it count all bytes ever written,
modulo a lap, so that a reader sees when the writer has overtaken it.
"""

import io

from micropython import const, schedule

# No branch stands in a `with self._lock:`, here or in lib/aiotail. MicroPython runs callbacks,
# raises Ctrl-C and changes threads at branches only, so that an interrupt never finds the lock
# taken by the very code that it interrupts: whoever has to wait for it waits for another thread.
try:
    from _thread import allocate_lock as _Lock  # pyright: ignore[reportAssignmentType]
except ImportError:

    class _Lock:
        def __enter__(self):
            pass

        def __exit__(self, *_):
            pass


_MAX = const(0x10000000)  # places stay small ints on 32-bit boards


class AioStream(io.IOBase):
    """A stream that keeps the newest `alloc_size` bytes of what is written to it.

    alloc_size: bytes, int > 0.
    """

    def __init__(self, alloc_size):
        if not isinstance(alloc_size, int) or not 0 < alloc_size < _MAX:
            raise ValueError("alloc_size: expected int > 0, got %r" % (alloc_size,))
        # One byte more: the newline before the oldest line tells that it is whole.
        cap = alloc_size + 1
        # In a list, since to look up five attributes takes long: size, lap, text, the end of the
        # text, and what a write schedules.
        self._buf = [cap, _MAX // cap * cap, io.BytesIO(cap), 0, None]
        self._lock = _Lock()
        self._queue = None  # the followers that wait
        self.write("\n")

    def write(self, s):
        """Append str or bytes, in pieces of any size; return its length, as streams do.

        Tasks, threads and soft interrupts (not hard ones) may call it. What comes in one
        call stays together, up to the size of the log.
        """
        with self._lock:
            cap, lap, ring, end, wake = buf = self._buf
            k = end % cap  # where the ring stands
            # Neither str.encode nor a slice: both allocate. First up to the end of the ring,
            # then what is left, mostly nothing, from its beginning.
            n = ring.write(s, 0, cap - k)
            ring.seek((k + n) % cap)
            n += ring.write(s, n, k)
            buf[3] = (end + n) % lap
        if n == cap:  # as much as goes in at once
            n = self._rest(s, n)
        if wake:
            buf[4] = None
            try:
                schedule(wake, 0)
            except RuntimeError:
                buf[4] = wake  # too many are pending: the next write tries again
        return n

    def _rest(self, s, n):
        # Write the bytes of `s` from the n-th on; returns how many it has.
        cap = m = self._buf[0]
        while m == cap:
            with self._lock:
                cap, lap, ring, end, _ = buf = self._buf
                k = end % cap
                m = ring.write(s, n, cap - k)
                ring.seek((k + m) % cap)
                m += ring.write(s, n + m, k)
                buf[3] = (end + m) % lap
            n += m
        return n

    def cat(self, *args, **which):
        """Print the whole lines that are kept, oldest first, blank ones left out.

        grep="": a substring, a pattern with `*` that fits the whole line, or a list of these.
        file=: a stream to print to, else standard output. level=, since=, last=, task=: see
        `aiotail.cat`.
        """
        from aiotail import cat

        cat(self, *args, **which)

    async def follow(self, *args, **which):
        """Print the new lines until cancelled or interrupted. Sleeps while there are none.

        grep="", level=, since=, last=, task=: as for `cat`. wait=0.05: pause in s after a write,
        so that a burst of lines wakes the loop once.
        """
        from aiotail import follow

        await follow(self, *args, **which)


streamlog: AioStream


def __getattr__(name):
    # The log that all parts of a program share takes its memory when somebody asks for it.
    if name == "streamlog":
        log = globals()[name] = AioStream(2000)
        return log
    raise AttributeError(name)
