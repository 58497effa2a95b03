"""Reading a log of `aiolog`: what its `cat` and `follow` do, loaded when one is first used."""

import sys
from asyncio import core, sleep

from micropython import const

_CHUNK = const(512)  # bytes that a reader takes at once; more only for a longer line


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


def cat(s, grep, file):
    """See `aiolog.AioStream.cat`."""
    _show(s, -1, _compile(grep), file)


async def follow(s, grep, wait):
    """See `aiolog.AioStream.follow`."""
    pats = _compile(grep)
    if not s._queue:
        s._queue = core.TaskQueue()
    place = _show(s, -1, ())
    try:
        while True:
            end = s._end
            place = _show(s, place, pats)
            await _news(s, end, core.cur_task)  # pyright: ignore[reportGeneralTypeIssues]
            await sleep(wait)
    except KeyboardInterrupt:
        pass


# async: wait until the end has moved on from `end`. Not an Event: this one waits first and
# looks then, so that a write from an interrupt or a thread is never overlooked.
def _news(s, end, task):
    s._queue.push(task)
    task.data = s._queue  # where a cancel looks for it; push sets it to None
    s._wake = lambda _: _resume(s._queue)
    if s._end != end:
        s.write("")
    yield


# By `schedule`, since asyncio's queue may be touched in the thread of the loop only.
def _resume(queue):
    while queue.peek():
        core._task_queue.push(queue.pop())


# Print the whole lines behind the newline at `place` (-1: all); return that of the last.
def _show(s, place, pats, file=None):
    text = bytearray(_CHUNK)
    left = s._cap  # an end, even where a thread writes faster than this prints
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
                return place if a < 0 or place >= 0 else first % s._lap
            # The newest line is longer than the ring: what is left, from a whole character.
            a = 0
            while text[a] & 0xC0 == 0x80:
                a += 1
            text[:a] = b"\n[cut] "
            e += 7 - a
            first = start + a - 1
            a = 0
        if 0 <= place != start:
            print("[missed %d bytes]" % ((first - place) % s._lap))
        _print(text, a, e, pats, file or sys.stdout)
        place = (start + z) % s._lap
        left -= z
    return place


# Fill `text` from `place` on, or from the oldest byte; return the place of its first
# byte, how many bytes there are from that to the end, how many of them are in `text`.
def _take(s, place, text):
    ring = s._ring
    lap = s._lap
    view = memoryview(text)
    with s._lock:
        end = s._end
        # at most what is in the ring
        back = min(ring.seek(0, 2), (end - place) % lap + lap * (place < 0))
        start = (end - back) % lap
        ring.seek(start % s._cap)
        n = ring.readinto(view, back)
        ring.seek(0)
        n += ring.readinto(view[n:], back - n)
    return start, back, n
