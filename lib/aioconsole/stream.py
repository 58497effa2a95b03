"""A REPL on a stream of its own: a socket, a second UART."""

import select

from micropython import const

from aioconsole import Console, output

_WAIT_MS = const(1000)  # for somebody who does not read; then he is taken as gone


class StreamConsole(Console):
    """The Console on a stream, of a person or a tool elsewhere; Ctrl-D ends it alone."""

    remote = True
    gone = False  # it did not read; code that ran may have caught the error
    last = 13  # a first LF belongs to what was typed before

    def __init__(self, stream):
        """stream: bytes to read and write, with poll; or a stream of asyncio around that."""
        super().__init__(getattr(stream, "s", stream))
        self.owner = getattr(stream, "owner", None)  # the task that serves it, if not this one
        poll = select.poll()
        poll.register(self.s, 4)  # POLLOUT
        self.room = poll.poll
        output.hook(self)

    def write(self, text):
        b = text if isinstance(text, bytes) else text.encode()
        b = memoryview(b.replace(b"\n", b"\r\n"))
        while b:
            if self.gone or not self.room(_WAIT_MS):
                self.gone = True
                raise OSError(110)  # ETIMEDOUT
            n = self.s.write(b)  # pyright: ignore[reportAttributeAccessIssue]
            b = b[n or 0 :]

    # Ctrl-C at the terminal of the program helps out of a command that blocks.
    def mode(self, m):
        if Console.local:
            Console.local.mode(m)

    def close(self):
        """Nothing: the stream is its owner's."""

    def show(self, value):
        if value is not None:
            self.g["_"] = value
            self.write(repr(value) + "\n")
