"""Syslog as a sink of a log, over UDP."""

import socket
import time

from aiolog import AioStream
from aiosink.syslog import Syslog


# A server, and what a sink with these options sends to it of a log with this text.
def server():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for port in range(20000, 60000, 7):
        try:
            s.bind(socket.getaddrinfo("127.0.0.1", port)[0][-1])
            s.settimeout(20)
            return s, port
        except OSError:
            pass
    raise OSError("no free port")


def sent(text, n, **options):
    s, port = server()
    log = AioStream(5000)
    log.write(text)
    Syslog("127.0.0.1", port, log=log, **options).flush()
    return [s.recv(5000) for _ in range(n)]


def test_syslog_gets_each_line_as_a_message_of_rfc_5424():
    text = (
        "[DEBUG] a\n[INFO] b h\u00e9\n[WARNING] c\n[ERROR] [pump] d\nTraceback (most recent call "
        'last):\n  File "x.py", line 1\nOSError: 5\nCRITICAL:x:e\nplain\n'
    )
    lines = text.split("\n")[:-1]
    for facility, severities in ((16, (7, 6, 4, 3, 3, 3, 3, 2, 6)), (0, (7, 6, 4))):
        before = time.gmtime()
        got = sent(text, len(severities), hostname="board-7", app="app", facility=facility)
        after = time.gmtime()
        for message, line, severity in zip(got, lines, severities):
            head, at, rest = message.decode().split(" ", 2)
            assert head == "<%d>1" % (facility * 8 + severity), message
            assert rest == "board-7 app - - - " + line, message
            times = ["%d-%02d-%02dT%02d:%02d:%02dZ" % t[:6] for t in (before, after)]
            assert times[0] <= at <= times[1], (at, times)


def test_syslog_says_nothing_of_a_time_or_name_that_it_does_not_know():
    real = time.gmtime

    class Clock:
        def gmtime(self):
            return real(0)

    import aiosink.syslog

    aiosink.syslog.time = Clock()
    assert sent("a\n", 1) == [b"<134>1 - - aioctl - - - a"]


def test_a_long_message_is_cut_at_a_character_and_says_so():
    for i in range(3):
        (message,) = sent("x" * i + "\u20ac" * 600 + "\n", 1)
        assert 1020 <= len(message) <= 1024
        assert message.decode().endswith("\u20ac[cut]")


def test_syslog_goes_on_after_the_network_came_back():
    s, port = server()
    log = AioStream(500)
    sink = Syslog("127.0.0.1", port, log=log)
    log.write("one\n")
    sink.flush()
    real = sink._socket

    class Down:
        def sendto(self, *_):
            raise OSError(101)

        def close(self):
            real.close()

    sink._socket = Down()
    log.write("two\n")
    try:
        sink.flush()
    except OSError as e:
        assert e.errno == 101
    else:
        raise AssertionError
    log.write("three\n")
    sink.flush()
    assert [s.recv(500).rsplit(b" ", 1)[1] for _ in range(3)] == [b"one", b"two", b"three"]


def test_a_syslog_with_bad_arguments_is_refused():
    for kind, words, bad in (
        (TypeError, ("host", "None"), {"host": None}),
        (ValueError, ("port", "65536"), {"host": "x", "port": 65536}),
        (ValueError, ("facility", "24"), {"host": "x", "facility": 24}),
        (ValueError, ("hostname", "a b"), {"host": "x", "hostname": "a b"}),
        (ValueError, ("app", "ASCII"), {"host": "x", "app": "h\u00e9"}),
        (ValueError, ("app", "48"), {"host": "x", "app": "a" * 49}),
    ):
        try:
            Syslog(**bad)
        except kind as e:
            for word in words:
                assert word in str(e), e
        else:
            raise AssertionError(bad)
