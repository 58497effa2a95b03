"""Whom the watchdog bit for, kept over the reset in 16 bytes that need no flash.

A timer writes them in the midst of whatever the loop stands still in, and that may be the
flash. RP2040, RP2350: scratch registers 0 to 3 of the watchdog; the boot ROM has the others.
Where machine.RTC has memory: behind what is there.
"""

import struct

from micropython import const

from aiowatchdog import port

BLOCKED = const(0)  # the loop stood still in a step of the task
STUCK = const(1)  # the task missed its deadline, and did not end when cancelled

_MAGIC = const(0xA7)
_FORM = "<BBH12s"  # magic, checksum of the rest, what and tenths of a second, name
_SIZE = const(16)
_NAME = const(12)  # bytes of a name for which there is room
_TENTHS = const(0x7FFF)

last = None  # what was found of the program before, as `unpack` returns it, or None


class Registers:
    """The scratch registers at `base` of `mem`, words of 32 bits."""

    def __init__(self, mem, base):
        self._mem = mem
        self._at = base + 0x0C

    def get(self):
        """Return the 16 bytes."""
        return struct.pack("<4I", *[self._mem[self._at + i] for i in (0, 4, 8, 12)])

    def put(self, data):
        """Write 16 bytes; of none, zeros."""
        for i, word in enumerate(struct.unpack("<4I", data or bytes(_SIZE))):
            self._mem[self._at + 4 * i] = word


class Behind:
    """The end of a memory that `memory()` returns and `memory(data)` sets, as of machine.RTC."""

    def __init__(self, memory):
        self._memory = memory

    def get(self):
        """Return the last 16 bytes."""
        return bytes(self._memory())[-_SIZE:]

    def put(self, data):
        """Write 16 bytes behind what others have there; of none, take them away."""
        rest = bytes(self._memory())
        if unpack(rest[-_SIZE:]):
            rest = rest[:-_SIZE]
        self._memory(rest + data)


def pack(what, ms, name):
    """Return a note as 16 bytes."""
    tenths = min(ms // 100, _TENTHS)
    data = struct.pack(_FORM, _MAGIC, 0, what << 15 | tenths, name)
    return struct.pack(_FORM, _MAGIC, sum(data[2:]) & 255, what << 15 | tenths, name)


def unpack(data):
    """Return (what, tenths of a second, name, whether that may have been cut), or None."""
    if len(data) != _SIZE or data[0] != _MAGIC or data[1] != sum(data[2:]) & 255:
        return None
    n = struct.unpack(_FORM, data)[2]
    name = data[4:].rstrip(b"\0")
    cut = len(name) == _NAME
    if cut:  # in the midst of a character?
        i = _NAME - 1
        while i and name[i] & 0xC0 == 0x80:
            i -= 1
        if name[i] >= 0xC0 and name[i] << (_NAME - i) & 0x80:
            name = name[:i]
    return n >> 15, n & _TENTHS, str(name, "utf-8"), cut


def find():
    """Return the place of this board, or None if it has none."""
    at = port.base()
    if at is not None:
        return Registers(port.machine().mem32, at)
    rtc = getattr(port.machine(), "RTC", None)
    memory = rtc and getattr(rtc(), "memory", None)
    return Behind(memory) if memory else None


def use(new):
    """Make `new` the place, or None; what was in it is `last` then, and it is empty."""
    global place, last
    place = new
    last = unpack(new.get()) if new else None
    if last:
        new.put(b"")


def write(what, ms, name):
    """Keep this over the next reset; False if there is no place for it."""
    if not place:
        return False
    place.put(pack(what, ms, name))
    return True


def clear():
    """Keep nothing."""
    if place:
        place.put(b"")


def report(names=()):
    """Return `last` as (name, text, whether it was stuck), or None.

    names: of tasks; a name that was cut is completed from these.
    """
    if not last:
        return None
    what, tenths, name, cut = last
    if what == STUCK:
        text = "missed its deadline and did not end"
    else:
        text = "blocked the loop for %d.%d s or more" % (tenths // 10, tenths % 10)
    if cut and name not in names:
        cut = name + "..."
        found = {n for n in names if n.startswith(name) and n != cut}
        name = found.pop() if len(found) == 1 else cut
    return name or "what is no task", text, what == STUCK


use(find())
