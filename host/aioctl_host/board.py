"""A board: finding its port, and asking it things while its tasks go on."""

import json
import os
import re

import serial.tools.list_ports
from mpremote.transport import TransportError

from aioctl_host import snippets
from aioctl_host.errors import NO_BOARD, NO_PROGRAM, REFUSED, Failure, NoAnswer
from aioctl_host.link import ANSWER_S, Link

CONNECT_S = 8  # longer than snippets.WAIT_S: a `log -f` that was killed is over by then
AT_A_TIME = 8  # tasks asked for in one go: the loop of the board stands still meanwhile


def find_port(asked):
    """The port that `asked` or AIOCTL_PORT names, else the only board's; Failure otherwise."""
    asked = asked or os.environ.get("AIOCTL_PORT")
    if asked:
        return asked
    ports = sorted(p.device for p in serial.tools.list_ports.comports() if p.vid is not None)
    if len(ports) == 1:
        return ports[0]
    how = "name one with --port or AIOCTL_PORT"
    if ports:
        raise Failure(NO_BOARD, "%d boards found: %s; %s" % (len(ports), ", ".join(ports), how))
    raise Failure(NO_BOARD, "no board found at any USB port; %s" % how)


class Board:
    """The board at `port`, in its raw REPL: `with Board(port) as board`.

    interrupt: end a program that has no REPL. program: refuse a board on which none runs.
    """

    def __init__(self, port, interrupt=False, program=True, timeout=CONNECT_S):
        self.port = port
        self.known = set()  # functions of `snippets` that are there
        self.said = []  # lines that a snippet printed besides its answer
        self.link = Link(port)
        self.in_program = False  # else it is the built-in REPL that answers
        try:
            with self.guard():
                answered = self.link.enter(timeout, interrupt)
            if not answered:
                raise NoAnswer(
                    NO_BOARD,
                    f"{port}: the board does not answer: it is off or busy, or runs a program "
                    "without a REPL (--interrupt ends that)",
                )
            self.in_program = self._awaits()
            if program:
                self._need_program()
        except BaseException:
            self.__exit__(True)
            raise

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if self.link.in_raw_repl:
                if kind:
                    self.link.interrupt()
                if self.known:
                    self.link.exec_raw(snippets.END)
                self.link.leave()
        except (OSError, TransportError):  # the port is gone, or it is silent
            pass
        self.link.close()

    def reset(self):
        """Reset the board; the connection ends with that."""
        self._last_word(snippets.RESET)

    def start_over(self, timeout):
        """Soft reset at the built-in REPL; returns what the board prints up to its prompt.

        timeout: seconds of silence after which it is taken for a program that runs. The
        connection is of no use after that.
        """
        with self.guard():
            self.link.leave(b">>> ", timeout)
            self.link.serial.write(b"\x04")
            data = self.link.read_until(1, b">>> ", timeout=timeout)
        return [line for line in data.decode("utf-8", "replace").splitlines() if line.strip("> ")]

    def boot_loader(self):
        """Start the boot loader, which waits for a firmware; the connection ends with that."""
        self._last_word(snippets.BOOT_LOADER)

    def _last_word(self, code):
        with self.guard():
            self.link.exec_raw_no_follow(code)
        self.link.in_raw_repl = False  # nobody is there to be told goodbye

    def guard(self):
        """A context that turns the errors of the line into a Failure."""
        return _Guard(self.port)

    def _awaits(self):
        # Only a REPL in the loop takes a top-level `await`.
        with self.guard():
            return not self.link.exec_raw(snippets.AWAIT)[1]

    def _need_program(self):
        if not self.in_program:
            raise Failure(
                NO_PROGRAM,
                f"{self.port}: the board is at its own REPL: no program with aiorepl is running",
            )
        if self.ask("names") is None:
            raise Failure(NO_PROGRAM, f"{self.port}: the program there does not use aioctl")

    # Asking

    def ask(self, name, *args, data=b"", timeout=None):
        """Call a function of `snippets` with these arguments; returns its value.

        data: bytes that it reads from the line, after it printed MARK. timeout: seconds, where it
        may take long. What it raises on the board becomes a Failure.
        """
        code = "" if self.known else snippets.BEGIN
        if name in snippets.FUNCTIONS and name not in self.known:
            code += snippets.define(name)
        with self.guard():
            self.link.exec_raw_no_follow(code + snippets.call(name, args))
            self.known.add(name)
            if data:
                self.link.send_after(snippets.MARK.encode(), data)
            out, error = self.link.follow(timeout or ANSWER_S)
        _check(error)
        said, _, value = out.decode("utf-8", "replace").rpartition(snippets.MARK)
        self.said += [line for line in said.splitlines() if line]
        return parse(value)

    def wait_news(self, end):
        """Wait some seconds for a write to the log since this returned `end`."""
        code = snippets.NEWS.format(end=end, wait=snippets.WAIT_S)
        with self.guard():
            out, error = self.link.exec_raw(code, timeout=snippets.WAIT_S + ANSWER_S)
        _check(error)
        # While it waited, other tasks may have printed: before the mark, or behind the number.
        found = re.search(rb"\x1e(\d+)", out)
        return int(found[1]) if found else end

    # Tasks

    def names(self, name=None):
        """The names that fit `name` (exactly, a `*` pattern, or None: all); Failure if none."""
        names = self.ask("names")
        if name is None or name in names:
            return sorted(names) if name is None else [name]
        pattern = ".*".join(map(re.escape, name.split("*")))
        found = [n for n in names if "*" in name and re.fullmatch(pattern, n, re.DOTALL)]
        if not found:
            known = ", ".join(sorted(names)) or "none"
            raise Failure(REFUSED, f"there is no task {name!r}; known: {known}")
        return sorted(found)

    def info(self, names):
        """What `aioctl.info` says of these tasks, {name: dict}; one that went away is left out."""
        found = {}
        for some in _parts(names):
            found.update(self.ask("info", some))
        return {n: found[n] for n in names if n in found}

    def top(self, names):
        """What `aioctl.top_info` says, of these tasks."""
        found = self.ask("top", None)
        rows = [row for some in _parts(names) for row in self.ask("top", some)]
        rows.sort(key=lambda row: (-(row["share"] or 0), names.index(row["name"])))
        return dict(found, tasks=rows)


def _parts(names):
    return [names[i : i + AT_A_TIME] for i in range(0, len(names), AT_A_TIME)]


def _check(error):
    if error.strip():
        last = error.decode("utf-8", "replace").strip().splitlines()[-1]
        raise Failure(REFUSED, "the board: " + last)


class _Guard:
    def __init__(self, port):
        self.port = port

    def __enter__(self):
        pass

    def __exit__(self, kind, e, _):
        if isinstance(e, TransportError):
            raise Failure(NO_BOARD, f"{self.port}: the board stopped answering ({e})") from None
        if isinstance(e, OSError):
            raise Failure(NO_BOARD, f"{self.port}: the connection was lost ({e})") from None


def parse(text):
    """The value of a line of JSON as MicroPython writes it, with bare nan and inf."""
    try:
        return json.loads(text)
    except ValueError:
        return json.loads(re.sub(r"(?<=[:\[,] )(-?(?:nan|inf))(?=[,}\]])", r'"\1"', text))
