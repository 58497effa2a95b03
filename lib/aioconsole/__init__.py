"""The REPL of `aiorepl`: the console, and how a command runs.

The line editor (`aioconsole.edit`) is loaded at the first key, the raw REPL that host tools
speak (`aioconsole.raw`) with the first of them.
"""

import asyncio
import io
import select
import sys

from micropython import const, kbd_intr

try:
    termios = __import__("termios")  # the unix port; type checkers know none on boards
except ImportError:
    termios = None

_RETRY_S = const(1)  # pause after a MemoryError, for the other tasks to go on
_AHEAD = const(512)  # bytes typed while a command is awaited; more stay in the port's buffer

# What Console.mode() takes: Ctrl-C is a byte, is an interrupt, is what it was before.
_BYTES = const(0)
_INTERRUPT = const(1)
_BEFORE = const(2)

# Linux: ISIG and NOFLSH, so that Ctrl-C leaves the bytes typed ahead. BSD and macOS: ISIG, and
# ECHOKE, which does nothing without ECHO. Neither ICANON nor ECHO.
_LFLAG = const(0x81)


class Console(asyncio.StreamReader):
    """Standard input and output as a terminal: bytes by await, Ctrl-C as one of them."""

    s: io.BufferedReader  # of StreamReader
    tty = None  # the terminal's attributes, if there is one: those before, ours
    lflag = _LFLAG  # while a command runs
    last = 0  # the last key: the LF of a CRLF is no line of its own

    def __init__(self):
        super().__init__(sys.stdin.buffer)  # bytes: a text stream cuts UTF-8 to pieces
        self.keys = []  # bytes read and not yet used; -1 is the end of input
        poll = select.poll()
        poll.register(self.s, 1)  # POLLIN
        self.poll = poll.poll
        if termios:
            try:
                t = termios.tcgetattr(0)
            except OSError:  # a pipe or a file: Ctrl-C remains the terminal's affair
                return
            self.tty = termios.tcgetattr(0), t
            t[0] = 0
            t[1] |= 1  # OPOST: "\n" goes to the first column
            # The program may end without this task; but nobody else's function goes.
            other = sys.atexit(self.close)
            if other:
                sys.atexit(other)
        self.mode(_BYTES)

    def close(self):
        """Leave the terminal as it was."""
        try:
            self.mode(_BEFORE)
        except OSError:  # it hung up
            pass

    def mode(self, m):
        if not termios:
            kbd_intr(3 if m else -1)
            for _ in "..":  # an interrupt that came before is raised at this jump, not later
                pass
        elif self.tty:
            self.tty[1][3] = self.lflag if m else 0
            termios.tcsetattr(0, 0, self.tty[m < _BEFORE])

    def call(self, f, *args):
        """Call `f` while Ctrl-C interrupts; returns (value, None) or (None, exception)."""
        try:
            return self._call(8 if termios else 1, f, args), None
        except BaseException as e:  # noqa: BLE001 - a guard: the caller shows it
            return None, e

    # An interrupt may come between any two steps until the mode is back (a signal even within
    # one), and a host tool sends many: each level outlives one.
    def _call(self, n, f, args):
        try:
            if n:
                return self._call(n - 1, f, args)
            self.mode(_INTERRUPT)
            return f(*args)
        finally:
            self.mode(_BYTES)

    async def wait(self, coro):
        """Await `coro` in a task that Ctrl-C cancels; returns as call() does."""
        out: list = [None, None]
        done = asyncio.Event()

        async def run():
            try:
                out[:] = await coro, None
            except BaseException as e:  # noqa: BLE001 - a guard: the caller shows it
                out[1] = out[1] or e
            done.set()

        async def watch():
            keys = self.keys
            while len(keys) < _AHEAD:
                c = await self.more()
                if c < 0:
                    break
                if c == 3:
                    keys.pop()
                    out[1] = KeyboardInterrupt()
                    t.cancel()

        t = asyncio.create_task(run())
        w = asyncio.create_task(watch())
        try:
            await done.wait()
        finally:
            t.cancel()
            w.cancel()
        return out

    async def more(self):
        """Wait for bytes and keep all that are there; returns the last."""
        keys = self.keys
        try:
            b = await self.read(1)
            while True:
                keys.append(b[0])
                # What follows a line belongs to its command, which may read it itself.
                # After 64 bytes the other tasks have their turn.
                if b < b" " or len(keys) > 63 or not self.poll(0):
                    break
                b = self.s.read(1)
        except (IndexError, OSError):  # b"", or a terminal that hung up
            keys.append(-1)
        return keys[-1]

    async def get(self):
        """The next byte of input; EOFError at its end."""
        if not self.keys:
            await self.more()
        c = self.keys.pop(0)
        if c < 0:
            print()
            raise EOFError
        return c

    async def key(self):
        """As get(), with each of CR, LF and CRLF as one LF."""
        c = await self.get()
        if c == 10 and self.last == 13:
            c = await self.get()
        self.last = c
        return 10 if c == 13 else c

    def report(self, e):
        """Print the traceback of `e`, without the frames of this package; SystemExit goes on."""
        if isinstance(e, SystemExit):
            raise e
        f = io.StringIO()
        if self.call(sys.print_exception, e, f)[1]:
            f.write("?\n")  # its arguments cannot be printed
        for line in f.getvalue()[:-1].split("\n"):
            if "/aioconsole/" not in line:
                print(line)


# In place of asyncio.run() while a command runs: a loop within the loop crashes MicroPython.
def _refuse(coro):
    raise RuntimeError("asyncio.run(): a loop runs already; use await")


# Run `code`; if it awaits, put a coroutine function for it into `d` instead. The compiler
# says which: only what it refuses is tried again inside a function.
def _start(code, g, d, modes):
    code = str(code, "utf-8")
    for mode in modes:
        try:
            c = compile(code, "<stdin>", mode)
        except SyntaxError as e:
            error = e
        else:
            real = asyncio.run
            asyncio.run = _refuse
            try:
                return eval(c, g)
            finally:
                asyncio.run = real
    if "await" in code or "async" in code:
        names = _names(code)
        # Indent all lines but those inside a long string.
        c = '"""' if '"""' in code else "'''"
        parts = code.split(c)
        for i in range(0, len(parts), 2):
            parts[i] = parts[i].replace("\n", "\n ")
        code = c.join(parts)
        for form in ("%s;return (%s\n)", "%s;%s", "\n %s\n %s"):
            try:
                c = compile("async def __repl__():" + form % (names, code), "<stdin>", "exec")
            except SyntaxError:
                continue
            return eval(c, g, d)
    raise error  # pyright: ignore[reportGeneralTypeIssues]  there is a mode at least


# Declare global whatever may be a name, so that assignments, imports, loop variables and
# definitions in the function land where a plain command would put them. What is only read, an
# attribute, a word in a string, or local to an inner function is not changed by that.
def _names(code):
    for c in "\"'()[]{}:;,.+-*/%&|^~<>=!@#\\":
        code = code.replace(c, " ")
    names = "global _"
    for c in code.split():
        try:
            c = names + "," + c
            compile(c, "", "exec")
            names = c
        except SyntaxError:  # a keyword, a number, a name met before
            pass
    return names


# Run `code`; returns what it raised, or None.
async def run(code, g, s, modes):
    d = {}
    e = s.call(_start, code, g, d, modes)[1]
    if d:
        v, e = await s.wait(d["__repl__"]())
        if v is not None:
            e = s.call(_start, "value", {"value": v}, d, modes)[1]
    return e


async def execute(code, g, s):
    """Run `code` (str or bytes) in the globals `g`, reading Ctrl-C from the Console `s`.

    Prints its value, which also becomes `_`, or its traceback; SystemExit goes on.
    """
    e = await run(code, g, s, ("single", "exec"))
    if e:
        s.report(e)


# Drop all other tasks. What awaits this one goes on; when nothing can run any more (main waits
# for a dropped task), the loop would turn for ever: the program is left instead, a board for
# its own REPL.
def _leave():
    core = asyncio.core
    asyncio.new_event_loop()
    queue = core._io_queue
    wait = queue.wait_io_event

    def last(dt):
        if not queue.map and not core._task_queue.peek():
            raise SystemExit if termios else KeyboardInterrupt
        wait(dt)

    queue.wait_io_event = last


async def repl(g, prompt):
    """Run commands in the globals `g` until Ctrl-D, the end of input or a cancel."""
    hist = []
    s = Console()
    try:
        print("Starting asyncio REPL...")
        while True:
            try:
                sys.stdout.write(prompt)
                if not s.keys:
                    await s.more()
                from aioconsole.edit import edit

                c = await edit(s, prompt, hist)
                if c == 4:
                    return _leave()
                if c == 1:
                    from aioconsole.raw import raw_repl

                    await raw_repl(s, g)
                elif c not in (2, 3):
                    await execute(c, g, s)
            except MemoryError:  # the rest of the line is no command, but a comment
                print("\nMemoryError")
                s.keys = [35]
                await asyncio.sleep(_RETRY_S)  # needs none, and others may set some free
    except (EOFError, OSError):  # nobody there any more: the program goes on
        pass
    finally:
        s.close()
