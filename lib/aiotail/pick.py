"""Which lines of a log are wanted: by level, age, task and number.

All this is read in the text of a line, as `logging` formats it. The lines of a traceback go
with the line before it.
"""

import time

from aiotail import fits, show

LEVELS = ((b"CRITICAL", 50), (b"ERROR", 40), (b"WARNING", 30), (b"INFO", 20), (b"DEBUG", 10))
_INFO = 20


def level_of(text, a, z):
    """Return the level, an int of `logging`, that a line names first; 0 if it names none.

    text: bytes in which the line stands between the newlines at `a` and `z`.
    """
    found = 0
    for name, number in LEVELS:
        i = text.find(name, a, z)
        k = i + len(name)
        while i >= 0 and (_in_word(text[i - 1]) or _in_word(text[k])):
            i = text.find(name, k, z)
            k = i + len(name)
        if i >= 0:
            found = number
            z = i
    return found


def _in_word(c):
    return 97 <= c <= 122 or 65 <= c <= 90 or 48 <= c <= 57 or c == 95


class Record:
    """Tells of one line after another whether it begins a record, and of the record its level."""

    level = 0  # 0: it names none
    _within = False  # does the last line lie within a traceback?

    def begins(self, text, a, z):
        """Tell whether the line between the newlines at `a` and `z` begins a record."""
        c = text[a + 1]
        if c == 32 or c == 9 or text.find(b"Traceback (", a + 1, a + 12) > 0:
            self._within = True
            return False
        level = level_of(text, a, z)
        if self._within:
            self._within = False
            # The last line of a traceback, `Class: message`, begins none.
            if not (c == 91 or 48 <= c <= 57 or level):
                return False
        self.level = level
        return True


class Pick(Record):
    """Tells of one line of a log after another whether it is wanted.

    level: at least this one, a name or a number of `logging`; a line that names none is INFO.
    since: written in the last so many seconds, by the date and time in the line or in one
    before it. last: only so many, the newest. task: has the name of a task in brackets, or one
    that fits a `*` pattern, or one of a list of these.
    """

    def __init__(self, level=None, since=None, last=None, task=None):
        self._level = _number(level)
        self._after = None if since is None else _time(since)
        if last is not None and (not isinstance(last, int) or last < 0):
            raise ValueError("last: expected int >= 0, got %r" % (last,))
        self.last = last
        self._task = None if task is None else _tags(task)
        self.looks_back = last is not None or since is not None
        self._new = False  # is the time that was told last recent enough?
        self._fit = level is since is task is None  # was the last record wanted?
        self.places = None  # of the newest lines that fit, where these are looked for

    def fits(self, text, a, z):
        """Tell whether the line between the newlines at `a` and `z` is wanted."""
        if self.begins(text, a, z):
            if self._after:
                self._new = _later(text, a, z, self._after, self._new)
            self._fit = (
                (self.level or _INFO) >= self._level
                and (self._new or not self._after)
                and (self._task is None or _tagged(text, a, z, self._task))
            )
        return self._fit

    def take(self, place):
        """Tell whether the line at `place`, which fits, is to be shown now."""
        places = self.places
        if places is None:
            return True
        places.append(place)
        if len(places) > (self.last or 0):
            places.pop(0)
        return False


def pour(s, pats, file, pick):
    """As `aiotail.show` does, print what the log `s` keeps; return the place behind it."""
    last = pick.last
    if last is not None:
        pick.places = places = []
        end = show(s, -1, pats, file, pick)
        pick.places = None
        if not places:
            return end
        pick._fit = pick._new = True
        return show(s, places[0] % s._buf[1], pats, file, pick)
    return show(s, -1, pats, file, pick)


def _number(level):
    if level is None:
        return 0
    if isinstance(level, int):
        return level
    for name, number in LEVELS:
        if isinstance(level, str) and level.upper().encode() == name:
            return number
    raise ValueError("level: expected int or name of a level, got %r" % (level,))


# The time so many seconds ago, as text.
def _time(since):
    if not isinstance(since, (int, float)) or not since >= 0:  # or NaN
        raise ValueError("since: expected seconds >= 0, got %r" % (since,))
    now = int(time.time())
    t = time.localtime(now - int(min(since, now)))  # before the epoch some ports crash
    return b"%04d-%02d-%02d %02d:%02d:%02d" % t[:6]


# Is the first date and time in the line at or after `after`? `before` if there is none.
def _later(text, a, z, after, before):
    i = text.find(b"-", a + 5, z) - 4
    while 0 < i <= z - 19:
        if text[i + 7] == 45 and text[i + 13] == 58 and text[i + 16] == 58:
            for k in range(19):
                if k != 10 and text[i + k] != after[k]:  # a blank or T in between
                    return text[i + k] > after[k]
            return True
        i = text.find(b"-", i + 5, z) - 4
    return before


def _tags(task):
    tags = []
    for t in task if isinstance(task, (list, tuple)) else (task,):
        if not isinstance(t, str):
            raise TypeError("task: expected str or list of str, got %r" % (t,))
        tags.append(("[%s]" % t).encode().split(b"*"))
    return tags


def _tagged(text, a, z, tags):
    i = text.find(b"[", a, z)
    while i >= 0:
        k = text.find(b"]", i, z)
        if k < 0:
            break
        if fits(text, i, k, tags):
            return True
        i = text.find(b"[", k, z)
    return False
