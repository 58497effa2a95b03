"""The lines of a log to a syslog server over UDP (RFC 5424, RFC 5426)."""

import socket
import sys
import time

from micropython import const

from aiosink import Sink
from aiotail.pick import Record

_MOST = const(1024)  # bytes of a message; every server takes 480, and should take 2048


class Syslog(Sink):
    """Sends each line as a message; its severity is the level that the line names, else info.

    hostname: of this board, else that of `network`; app: the APP-NAME; facility: 0 to 23, 16 is
    local0. The time is that of the sending, in UTC. The name of the server is looked up at the
    first line and after each error, which stops the loop as long as that takes.
    """

    def __init__(self, host, port=514, hostname=None, app="aioctl", facility=16, **which):
        if not isinstance(host, str) or not host:
            raise TypeError("host: expected str, got %r" % (host,))
        for name, value, most in (("port", port, 65535), ("facility", facility, 23)):
            if not isinstance(value, int) or not 0 <= value <= most:
                raise ValueError("%s: expected int, 0 to %d, got %r" % (name, most, value))
        self._head = " %s %s - - - " % (
            _word("hostname", hostname or _hostname(), 255),
            _word("app", app, 48),
        )
        super().__init__(**which)
        self._to = (host, port)
        self._facility = facility * 8
        self._socket = self._address = None
        self._record = Record()

    def name(self):
        return "syslog %s:%d" % self._to

    def write(self, b):
        try:
            if not self._socket:
                info = socket.getaddrinfo(self._to[0], self._to[1], 0, socket.SOCK_DGRAM)[0]
                self._address = info[-1]
                self._socket = socket.socket(info[0], socket.SOCK_DGRAM)
            text = b"\n" + b
            a = 0
            z = text.find(b"\n", 1)
            while z > 0:
                self._send(text, a, z)
                a = z
                z = text.find(b"\n", a + 1)
        except OSError:
            if self._socket:
                self._socket.close()
                self._socket = None
            raise
        return len(b)

    def _send(self, text, a, z):
        self._record.begins(text, a, z)
        t = time.gmtime()
        at = "-" if t[0] < 2021 else "%d-%02d-%02dT%02d:%02d:%02dZ" % t[:6]
        head = "<%d>1 %s%s" % (self._facility + _severity(self._record.level), at, self._head)
        line = text[a + 1 : z]
        room = _MOST - len(head)
        if len(line) > room:
            k = room - 5
            while line[k] & 0xC0 == 0x80:
                k -= 1
            line = line[:k] + b"[cut]"
        self._socket.sendto(head.encode() + line, self._address)  # pyright: ignore[reportArgumentType]


def _severity(level):
    if level >= 40:
        return 2 if level >= 50 else 3
    return 4 if level >= 30 else 7 if 0 < level < 20 else 6


def _hostname():
    network = sys.modules.get("network")
    return network.hostname() if hasattr(network, "hostname") else "-"


def _word(name, value, most):
    if not isinstance(value, str) or not 0 < len(value) <= most:
        raise ValueError("%s: expected 1 to %d characters, got %r" % (name, most, value))
    for c in value:
        if not "!" <= c <= "~":
            raise ValueError("%s: expected ASCII without blanks, got %r" % (name, value))
    return value
