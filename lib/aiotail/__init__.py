"""Reading a log of `aiolog`: what its `cat` and `follow` do, loaded when one is first used."""

import sys
from asyncio import TimeoutError, core, sleep, wait_for

from micropython import const

_CHUNK = const(512)  # bytes that a reader takes at once; more only for a longer line


def cat(s, grep="", file=None, **which):
    """Print the whole lines that the log `s` keeps, oldest first, blank ones left out.

    grep: a substring, a pattern with `*` that fits the whole line, or a list of these.
    file: a stream to print to, else standard output. which: level, since, last, task, as
    `aiotail.pick` has them. A line must fit all that are given.
    """
    pats = patterns(grep)
    if which:
        from .pick import Pick, pour

        pour(s, pats, file, Pick(**which))
    else:
        show(s, -1, pats, file)


async def follow(s, grep="", wait=0.05, **which):
    """Print the new lines until cancelled or interrupted; first the old ones of since and last.

    wait: pause in s after a write, so that a burst of lines wakes the loop once. What another
    thread or an interrupt writes is seen when the loop wakes next.
    """
    pats = patterns(grep)
    pick = None
    if which:
        from .pick import Pick, pour

        pick = Pick(**which)
    if pick and pick.looks_back:
        place = pour(s, pats, None, pick)
    else:
        place = show(s, -1, ())
    try:
        while True:
            end = s._buf[3]
            place = show(s, place, pats, None, pick)
            await written(s, end)
            await sleep(wait)
    except KeyboardInterrupt:
        pass


def since(s, place, grep=""):
    """Print the whole lines of `s` behind `place` (-1: all); return the place behind them.

    For a host that follows from outside, in steps: see `news`.
    """
    return show(s, place, patterns(grep))


async def news(s, end, wait):
    """Wait at most `wait` s for a write to `s` since this returned `end`; return the end now."""
    if s._buf[3] == end:
        try:
            await wait_for(written(s, end), wait)
        except TimeoutError:
            pass
    return s._buf[3]


async def written(s, end):
    """Wait until the end of `s` has moved on from `end`."""
    if not s._queue:
        s._queue = core.TaskQueue()
    await _written(s, end, core.cur_task)  # pyright: ignore[reportGeneralTypeIssues]


# async: not an Event, as this one waits first and looks then, so that a write from an
# interrupt or a thread is never overlooked.
def _written(s, end, task):
    def wake(_):
        _resume(s._queue)

    s._queue.push(task)
    task.data = s._queue  # where a cancel looks for it; push sets it to None
    with s._lock:  # a write is either seen here, or sees this
        s._buf[4] = wake
        now = s._buf[3]
    if now != end:
        s.write("")
    yield


# By `schedule`, since asyncio's queue may be touched in the thread of the loop only.
def _resume(queue):
    while queue.peek():
        core._task_queue.push(queue.pop())


def patterns(grep):
    """Return `grep` as `show` takes it: the pieces that must follow one another in a line."""
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


def fits(text, a, z, pats):
    """Tell whether what is from `a` to `z` in `text`, both included, fits one of the patterns."""
    for pieces in pats:
        i = a
        for piece in pieces:
            i = text.find(piece, i, z + 1)
            if i < 0:
                break
            i += len(piece)
        else:
            return True
    return False


def show(s, place, pats, file=None, pick=None):
    """Print the lines of `s` behind the newline at `place` (-1: all); return that of the last.

    pats: see `patterns`. pick: an object that is asked as well, see `aiotail.pick`.
    """
    text = bytearray(_CHUNK)
    file = file or sys.stdout
    left, lap = s._buf[:2]  # an end, even where a thread writes faster than this prints
    while left > 0:
        start, back, n = _take(s, place, text)
        a = text.find(b"\n", 0, n)
        e = z = text.rfind(b"\n", 0, n)
        first = start + a
        if a == e:  # no whole line
            if n < back:
                text = bytearray(n * 2)
                continue
            if not 0 < e == back - 1:
                return place if a < 0 or place >= 0 else first % lap
            # The newest line is longer than the ring: what is left, from a whole character.
            a = 0
            while text[a] & 0xC0 == 0x80:
                a += 1
            text[:a] = b"\n[cut] "
            e += 7 - a
            first = start + a - 1
            a = 0
        missed = (first - place) % lap
        if place >= 0 and missed:
            print("[missed %d bytes]\n" % missed, end="", file=file)
        _print(text, a, e, pats, file, pick, first - a)
        place = (start + z) % lap
        left -= z
    return place


# Print the lines that fit, of those between the newlines at `a` and at `e`.
# at: the place in the log of text[0].
def _print(text, a, e, pats, file, pick, at):
    run = 0  # where lines that follow one another begin: they are printed at once
    while True:
        fit = False
        z = text.find(b"\n", a + 1, e + 1)
        if z > a + 1 and (pick is None or pick.fits(text, a, z)) and fits(text, a, z, pats):
            fit = pick is None or pick.take(at + a)
        if fit:
            run = run or a + 1
        elif run:
            lines = memoryview(text)[run : a + 1]
            try:
                # A str on the way only where someone leads print() elsewhere, as a REPL does.
                if file is sys.stdout and type(print) is type(max):
                    file.write(lines)  # pyright: ignore[reportArgumentType]
                else:
                    print(str(lines, "utf-8"), end="", file=file)
            except UnicodeError:  # somebody wrote bytes that are no text
                file.write(lines)
            run = 0
        if a == e:
            return
        a = z


# Fill `text` from `place` on, or from the oldest byte; return the place of its first
# byte, how many bytes there are from that to the end, how many of them are in `text`.
def _take(s, place, text):
    view = memoryview(text)
    with s._lock:
        cap, lap, ring, end, _ = s._buf
        # at most what is in the ring
        back = min(ring.seek(0, 2), (end - place) % lap + lap * (place < 0))
        start = (end - back) % lap
        try:
            ring.seek(start % cap)
            n = ring.readinto(view, back)
            ring.seek(0)
            n += ring.readinto(view[n:], back - n)
        finally:  # also without memory for `view[n:]`
            ring.seek(end % cap)  # where `write` goes on
    return start, back, n
