"""What differs from port to port: the limits of the watchdog, its registers, timers."""

import sys

from micropython import const

# Least and most ms of machine.WDT; the register of the RP2 chips has 24 bits.
_LIMITS = {"rp2": (100, 8388), "esp32": (1000, None)}
_MOST = const(0x1F000000)  # ms, 6 days: about as long as asyncio can sleep
_ENABLE = 1 << 30  # in the control register of the watchdog of an RP2040 or RP2350
_SET = const(0x2000)  # to an address: sets the bits that are written there
_CLEAR = const(0x3000)


def machine():
    """Return the module `machine`, or what stands for it."""
    return sys.modules.get("machine") or __import__("machine")


def base():
    """Return the address of the watchdog's registers, or None where they are not known."""
    chip = getattr(sys.implementation, "_machine", "")
    if hasattr(machine(), "mem32"):
        if chip.endswith("RP2040"):
            return 0x40058000
        if chip.endswith("RP2350"):
            return 0x400D8000
    return None


def timeout_ms(s, platform=sys.platform):
    """Return the timeout of a watchdog, given in seconds, as ms that this port can have."""
    if isinstance(s, bool) or not isinstance(s, (int, float)):
        raise TypeError("timeout: expected seconds, got %r" % (s,))
    least, most = _LIMITS.get(platform, (100, None))
    if not least <= s * 1000 <= (most or _MOST):
        text = "timeout: expected %s to %s s on %s, got %r"
        most = "%d.%03d" % (most // 1000, most % 1000) if most else _MOST // 1000
        raise ValueError(text % (least / 1000, most, platform, s))
    return int(s * 1000 + 0.5)


def wdt(ms):
    """Return the hardware watchdog, running from now on; ValueError if there is none."""
    WDT = getattr(machine(), "WDT", None)
    if WDT is None:
        raise ValueError("wdt: this port has no machine.WDT; give an object with feed()")
    try:
        return WDT(timeout=ms)
    except ValueError as e:
        raise ValueError("timeout: this port takes no %d ms: %s" % (ms, e))


def run(on):
    """Let the hardware watchdog stand still, or run again; False where nothing can stop it."""
    at = base()
    if at is None:
        return False
    machine().mem32[at + (_SET if on else _CLEAR)] = _ENABLE
    return True


def timer(asked, *ids):
    """Return a machine.Timer: of the number `asked`, or `asked` itself, or one of these numbers.

    Where there is no such thing, a thread does the same.
    """
    if hasattr(asked, "init"):
        return asked
    if asked is not None and (isinstance(asked, bool) or not isinstance(asked, int)):
        raise TypeError("timer: expected the number of a machine.Timer, got %r" % (asked,))
    Timer = getattr(machine(), "Timer", None)
    if Timer is None:
        from aiowatchdog.thread import ThreadTimer

        return ThreadTimer()
    for n in ids if asked is None else (asked,):
        try:
            return Timer(n)
        except ValueError:  # not on this port
            pass
    raise ValueError("timer: expected the number of a machine.Timer, got %r" % (asked,))
