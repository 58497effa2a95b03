"""MicroPython on a pseudo-terminal: as a person sees it, and as a serial board for host tools."""

import fcntl
import os
import pathlib
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
import tty

import pyte
from mpremote.transport_serial import SerialTransport

ROOT = pathlib.Path(__file__).resolve().parents[2]
MICROPYTHON = os.environ.get("MICROPYTHON") or str(ROOT / ".venv" / "bin" / "micropython")
TIMEOUT = 90  # seconds; only a failing test waits that long


def environment():
    """The environment of a program under test."""
    return dict(os.environ, MICROPYPATH=f"{ROOT}:{ROOT / 'lib'}:.frozen", TERM="xterm")


def run_piped(path, data, heap="2M", **keywords):
    """Run a program with `data` on a pipe as its input; its output is in `.stdout`."""
    return subprocess.run(
        [MICROPYTHON, "-X", f"heapsize={heap}", str(path)],
        input=data,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment(),
        timeout=TIMEOUT,
        **keywords,
    )


class Terminal:
    """A command on a terminal of its own, with pyte as the screen."""

    def __init__(self, command, controlling=True, columns=80, lines=24, env=None):
        """controlling: keys may raise signals, as at a real terminal; False: a mere line.

        env: more of the environment.
        """
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        self.screen = pyte.Screen(columns, lines)
        self.screen.write_process_input = self.send  # a terminal answers when it is asked
        self.stream = pyte.ByteStream(self.screen)
        self.output = b""  # all that was written
        self.process = subprocess.Popen(
            command,
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            env=environment() | (env or {}),
            start_new_session=True,
            preexec_fn=_take_terminal if controlling else None,
        )

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        self.process.wait()
        os.close(self.slave)
        if self.master >= 0:
            os.close(self.master)

    def send(self, keys):
        """Type `keys`, str or bytes."""
        keys = keys.encode() if isinstance(keys, str) else keys
        while keys:
            keys = keys[os.write(self.master, keys) :]

    def wait(self, condition, what):
        """Show the output until condition() is true; AssertionError(what) if it never is."""
        deadline = time.monotonic() + TIMEOUT
        while not condition():
            left = deadline - time.monotonic()
            assert left > 0, f"{what}; the screen:\n" + "\n".join(self.lines())
            if select.select([self.master], [], [], min(left, 0.05))[0]:
                data = os.read(self.master, 65536)
                self.output += data
                self.stream.feed(data)

    def lines(self):
        """The screen down to the cursor, without trailing blanks."""
        return [row.rstrip() for row in self.screen.display[: self.screen.cursor.y + 1]]

    def shows(self, *last, column=None):
        """Wait until these are the last lines, and the cursor stands in `column`."""

        def there():
            same = self.lines()[-len(last) :] == list(last)
            return same and column in (None, self.screen.cursor.x)

        self.wait(there, f"expected {last}, column {column}")

    def writes(self, text):
        """Wait until `text` was written anywhere, after what was waited for before."""
        text = text.encode()
        self.wait(lambda: text in self.output, f"expected {text}")
        self.output = self.output.partition(text)[2]

    def attributes(self):
        """The terminal's attributes, as termios.tcgetattr() gives them."""
        return termios.tcgetattr(self.slave)

    def exit_code(self):
        """Wait for the end of the command."""
        self.wait(lambda: self.process.poll() is not None, "expected the end of the program")
        return self.process.returncode

    def hang_up(self):
        """Unplug the terminal."""
        os.close(self.master)
        self.master = -1


def _take_terminal():
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class SerialBoard:
    """A program on the unix port behind what looks like a serial port: `with … as port`.

    Two pseudo-terminals with a relay between them: the tool's one outlives its reconnects.
    """

    def __init__(self, path):
        self.board, slave = pty.openpty()
        tty.setraw(slave)
        attributes = termios.tcgetattr(slave)
        attributes[1] |= termios.OPOST | termios.ONLCR  # "\n" becomes "\r\n", as on a board
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        self.host, self.port_fd = pty.openpty()
        tty.setraw(self.port_fd)
        self.port = os.ttyname(self.port_fd)
        self.ended, self.end = os.pipe()
        self.process = subprocess.Popen(
            [MICROPYTHON, str(path)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment(),
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(slave)
        self.relay = threading.Thread(target=self._relay)

    def __enter__(self):
        self.relay.start()
        return self

    def __exit__(self, *exc):
        os.write(self.end, b"x")
        self.relay.join()
        self.process.kill()
        self.process.wait()
        for fd in (self.board, self.host, self.port_fd, self.ended, self.end):
            os.close(fd)

    def _relay(self):
        other = {self.board: self.host, self.host: self.board}
        while True:
            for fd in select.select([*other, self.ended], [], [])[0]:
                if fd == self.ended:
                    return
                try:
                    data = os.read(fd, 4096)
                except OSError:  # the program ended
                    return
                os.write(other[fd], data)

    def transport(self):
        """What mpremote itself talks through; its reads end after TIMEOUT at the latest."""
        return SerialTransport(self.port, timeout=TIMEOUT)

    def mpremote(self, *arguments, timeout=TIMEOUT, **keywords):
        """Run mpremote on this board; returns the finished process, output in `.stdout`."""
        command = [sys.executable, "-m", "mpremote", "connect", self.port, *arguments]
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            **keywords,
        )
