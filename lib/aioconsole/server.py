"""The REPL over TCP, for several at a time: `aioctl.add(serve, 2323, password="...")`.

To be reached with `telnet`, or without a password `mpremote connect socket://host:port`.
"""

import asyncio
import hashlib
import os
import time
from binascii import hexlify, unhexlify

from micropython import const

from aioconsole import repl

_ROUNDS = const(1000)  # of the hash
_TURN = const(50)  # rounds after which the other tasks go on
_YIELD_MS = const(0)  # no wait: a turn for the others
_LONGEST = const(64)  # bytes of a password
_TRIES = const(3)  # of one connection
_LOGIN_S = const(30)  # to type a password
_DELAY_S = const(32)  # at most, after failures

_HERE = ("127.0.0.1", "localhost", "::1")
_TELNET = b"\xff\xfb\1\xff\xfb\3"  # this end echoes, and characters go one by one
_IAC = const(255)


async def hashed(password):
    """Return a salted hash of `password`, str: what serve() takes in place of it."""
    if not isinstance(password, str) or not 0 < len(password.encode()) <= _LONGEST:
        raise ValueError("password: expected a str of 1 to %d bytes" % _LONGEST)
    # The clock as well: not each board's random numbers are random.
    salt = hashlib.sha256(os.urandom(16) + b"%d" % time.ticks_us()).digest()[:12]
    h = await _hash(password.encode(), salt, _ROUNDS)
    return "%d$%s$%s" % (_ROUNDS, str(hexlify(salt), "utf-8"), str(hexlify(h), "utf-8"))


async def serve(port, password=None, host="127.0.0.1", g=None, prompt="--> ", limit=3):
    """Serve the REPL at TCP port `port` until cancelled.

    password: asked for, or what hashed() made of it; None only on this machine itself. host:
    the address to listen at; "0.0.0.0" is all. g: what each session gets a copy of, the names
    of __main__ if None. limit: of sessions; the oldest makes room for one more.
    """
    if not isinstance(port, int) or not 0 < port < 65536:
        raise ValueError("port: expected 1 to 65535, got %r" % (port,))
    if not isinstance(limit, int) or limit < 1:
        raise ValueError("limit: expected an int of 1 or more, got %r" % (limit,))
    if password is None and host not in _HERE:
        raise ValueError("password: None is for 127.0.0.1 only, not %r" % (host,))
    door = Door(g, prompt, limit)
    if password is not None:
        await door.lock(password)
    server = await asyncio.start_server(door.enter, host, port)
    try:
        await server.wait_closed()
    finally:
        server.close()
        for t in door.sessions + door.callers:
            t.cancel()


# Rounds, salt and hash; None of what is no hash.
def _parsed(password):
    parts = password.split("$") if isinstance(password, str) else ()
    if len(parts) != 3 or not parts[0].isdigit() or len(parts[2]) != 64:
        return None
    try:
        return int(parts[0]), unhexlify(parts[1]), unhexlify(parts[2])
    except ValueError:  # not hexadecimal
        return None


async def _hash(password, salt, rounds):
    h = b""
    for i in range(rounds):
        h = hashlib.sha256(h + salt + password).digest()
        if i % _TURN == 0:
            await asyncio.sleep_ms(_YIELD_MS)
    return h


class Door:
    """Where connections come in: asks for the password, and keeps the sessions."""

    secret = None  # rounds, salt, hash
    fails = 0  # in a row, of all connections

    def __init__(self, g, prompt, limit):
        self.g = g
        self.prompt = prompt
        self.limit = limit
        self.callers = []  # the tasks of those who have not said the password yet
        self.sessions = []
        self.turn = asyncio.Lock()
        self.owner = asyncio.current_task()

    async def lock(self, password):
        """Ask for `password`, or for the one that hashed() made it of, from now on."""
        self.secret = _parsed(password) or _parsed(await hashed(password))

    async def enter(self, stream, _):
        """Serve one connection."""
        task = asyncio.current_task()
        try:
            stream.s.setsockopt(6, 1, 1)  # TCP_NODELAY: each key is answered at once
        except OSError:  # not on each port
            pass
        try:
            if self.secret:
                if len(self.callers) >= self.limit:
                    stream.write(b"busy\r\n")
                    await stream.drain()
                    return
                self.callers.append(task)
                try:
                    if not await self.login(stream):
                        return
                finally:
                    self.callers.remove(task)
            while len(self.sessions) >= self.limit:
                self.sessions.pop(0).cancel()
            self.sessions.append(task)
            stream.owner = self.owner
            await repl(None if self.g is None else dict(self.g), self.prompt, stream)
        except (OSError, EOFError, asyncio.TimeoutError):
            pass
        except MemoryError:  # not for one session more
            print("aioconsole.server: no memory")
        finally:
            if task in self.sessions:
                self.sessions.remove(task)
            stream.close()
            await stream.wait_closed()

    async def login(self, stream):
        """Ask for the password; tells whether it was said."""
        stream.write(_TELNET)
        for _ in range(_TRIES):
            stream.write(b"Password: ")
            await stream.drain()
            said = await asyncio.wait_for(_line(stream), _LOGIN_S)
            # One at a time, so that many connections try no faster than one.
            async with self.turn:
                if self.fails:
                    await asyncio.sleep(min(1 << self.fails - 1, _DELAY_S))
                rounds, salt, right = self.secret  # pyright: ignore[reportGeneralTypeIssues]
                if same(await _hash(said, salt, rounds), right):
                    self.fails = 0
                    stream.write(b"\r\n")
                    await stream.drain()
                    return True
                self.fails = min(self.fails + 1, 6)
            stream.write(b"\r\nwrong\r\n")
        await stream.drain()
        return False


# A line that somebody types, unseen.
async def _line(stream):
    said = b""
    while True:
        c = (await stream.read(1) or b"\4")[0]
        if c == _IAC:  # an answer of telnet
            await stream.read(1)
            await stream.read(1)
        elif c == 8 or c == 127:
            said = said[:-1]
        elif c == 3 or c == 4:
            raise EOFError
        elif c == 13 or c == 10 and said:
            return said
        elif c != 10 and c:
            said = (said + bytes((c,)))[: _LONGEST + 1]


def same(a, b):
    """Tell whether two digests are equal, in a time that does not tell how much of them is."""
    d = len(a) ^ len(b)
    for i in range(len(a)):
        d |= a[i] ^ b[i]
    return not d
