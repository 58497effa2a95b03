"""The serial line to a board: mpremote's transport, made to live beside running tasks.

mpremote takes every byte for an answer to itself. Here other tasks may print at any moment, so
that only control bytes count, which no text holds; and the raw REPL is entered without an
interrupt, which would end a program that has no REPL of its own.
"""

import errno
import os
import re
import time

import serial
from mpremote.transport import TransportError
from mpremote.transport_serial import SerialTransport

from aioctl_host.errors import NO_BOARD, Failure

HEAD_PATTERN = rb"raw REPL; CTRL-B to exit\r*\n>"
ECHO = b"qzjxkv"  # typed to see whether there is a line editor; no task prints it by chance
WINDOW = 128  # bytes at most that a board takes in raw paste mode before it says so
ANSWER_S = 20  # a board that is silent so long in the middle of an exchange is gone
WRITE_S = 5


class Link(SerialTransport):
    """A connection to `device`: a serial port, a pseudo-terminal, or socket://host:port."""

    def __init__(self, device):
        self.held = b""  # read from the line, and not used yet
        self.serial: serial.Serial
        try:
            super().__init__(device, timeout=0.05)
        except TransportError:
            raise Failure(NO_BOARD, "%s: %s" % (device, _why_not(device))) from None
        except ValueError as e:  # an unknown kind of URL
            raise Failure(NO_BOARD, "%s: %s" % (device, e)) from None
        self.serial.write_timeout = WRITE_S

    def close(self):
        """Close the port; what is gone already is no error."""
        try:
            super().close()
        except (OSError, serial.SerialException):
            self.serial.close()

    # Bytes

    def _more(self):
        data = self.serial.read(max(1, self.serial.in_waiting))
        self.held += data
        return data

    def _take(self, n):
        data, self.held = self.held[:n], self.held[n:]
        return data

    def read_until(
        self, min_num_bytes, ending, timeout=10, data_consumer=None, timeout_overall=None
    ):
        """See SerialTransport: what comes, up to `ending`; without it if time ran out."""
        data = b""
        last = begin = time.monotonic()
        while True:
            at = self.held.find(ending)
            # A part of the ending may be the last that came.
            part = max(0, len(self.held) - len(ending) + 1)
            new = self._take(at + len(ending) if at >= 0 else part)
            if data_consumer and new:
                data_consumer(new)
            data += new
            if at >= 0:
                return data
            now = time.monotonic()
            if self._more():
                last = now
            elif timeout is not None and now - last >= timeout:
                break
            if timeout_overall is not None and now - begin >= timeout_overall:
                break
        return data + self._take(len(self.held))

    def _match(self, pattern, timeout=None):
        # Read until `pattern` matches, drop all up to its end; returns the match, or None.
        until = time.monotonic() + (ANSWER_S if timeout is None else timeout)
        while True:
            found = re.search(pattern, self.held, re.DOTALL)
            if found:
                self._take(found.end())
                return found
            if not self._more() and time.monotonic() > until:
                return None

    # The raw REPL

    def enter(self, timeout, interrupt=False):
        """Enter the raw REPL; True if something answered within `timeout` seconds.

        Types nothing that acts on a running program, unless `interrupt`: then Ctrl-C.
        """
        until = time.monotonic() + timeout
        ahead = 0  # times that it typed what nobody has read yet
        while True:
            if interrupt:
                self.serial.write(b"\r\x03")
            self.serial.write(b"\x01")
            if self._match(HEAD_PATTERN, 0.6):
                break
            # Somebody's half-typed line, or paste mode? What types it back takes Ctrl-C for
            # "forget that"; in a program that does not read, Ctrl-C would end it. Raw paste mode,
            # in which a host died, types nothing back, but says when its window is full.
            self.serial.write(ECHO if ahead != 1 else ECHO * (WINDOW // len(ECHO) + 1))
            if self._match(ECHO + rb"|\x01", 0.4):
                self.serial.write(b"\x03")
            elif time.monotonic() > until:
                return False
            else:
                ahead += 1
        if ahead:
            self._match(b"\x04", 0.3)
            self._take(len(self.held))
            self.serial.write(b"\x01")
            self._match(HEAD_PATTERN, 1)
        self.in_raw_repl = True
        return True

    def enter_raw_repl(self, soft_reset=False, timeout_overall=ANSWER_S):
        """See SerialTransport; never a soft reset."""
        if not self.enter(timeout_overall):
            raise TransportError("could not enter raw repl")

    def leave(self, prompt=b"> ", timeout=0.5):
        """Leave the raw REPL, and wait for the prompt: the next one shall find a quiet line."""
        self.exit_raw_repl()
        self._match(prompt, timeout)

    def interrupt(self):
        """End the command that may be running in the raw REPL."""
        self.serial.write(b"\x03")
        self._match(b"\x04>", 1)

    def exec_raw_no_follow(self, command):
        """See SerialTransport. Returns when the board has all of it and begins to run it."""
        data = command if isinstance(command, bytes) else command.encode()
        if self.use_raw_paste:
            self.serial.write(b"\x05A\x01")
            found = self._match(rb"R\x01(..)|R\x00")
            if found is None:
                raise TransportError("no answer")
            if found[1]:
                return self._paste(data, int.from_bytes(found[1], "little"))
            self.use_raw_paste = False
        for i in range(0, len(data), 256):  # as mpremote does: 256 bytes every 10 ms
            self.serial.write(data[i : i + 256])
            time.sleep(0.01)
        self.serial.write(b"\x04")
        if not self._match(b"OK"):
            raise TransportError("no answer")

    def send_after(self, mark, data):
        """Write `data` when the command that runs has printed `mark`; not if it ends before."""
        found = self._match(re.escape(mark) + rb"|(?=\x04)")
        if found is None:
            raise TransportError("no answer")
        if found[0]:
            self.serial.write(data)

    def _paste(self, data, window):
        # The board grants `window` bytes more with each \x01, and ends with \x04.
        room = window
        while data:
            end = False
            for c in self._take(len(self.held)):
                room += window * (c == 1)
                end = end or c == 4
            if end:
                break
            if room:
                self.serial.write(data[:room])
                data, room = data[room:], max(0, room - len(data))
            elif not self._match(rb"(?=[\x01\x04])"):
                raise TransportError("no answer")
        self.serial.write(b"\x04")
        if not self._match(b"\x04"):
            raise TransportError("no answer")


def _why_not(device):
    # pyserial's own words for why `device` does not open.
    if "://" not in device and os.name == "posix" and not os.path.exists(device):
        return "there is no such port"
    try:
        serial.serial_for_url(device, exclusive=True).close()
    except serial.SerialException as e:
        code = getattr(e, "errno", None)
        text = str(e)
        if code == errno.EACCES or "ermission" in text:
            return "no permission (on Linux: add yourself to the group that owns the port)"
        if code in (errno.EBUSY, errno.EAGAIN) or "lock" in text:
            return "in use by another program"
        return text.replace("\n", " ")
    except OSError as e:
        return str(e)
    return "could not be opened, try again"
