"""The REPL of `aiorepl`: the console, and how a command runs.

The line editor (`aioconsole.edit`) is loaded when a person types, the raw REPL that host tools
speak (`aioconsole.raw`) with the first of them, all else on use.
"""

import asyncio
import io
import select
import sys
from asyncio import core

from micropython import const, kbd_intr

try:
    termios = __import__("termios")  # the unix port; type checkers know none on boards
except ImportError:
    termios = None

_RETRY_S = const(1)  # pause after a MemoryError, for the other tasks to go on

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
    remote = False
    g: dict  # the globals of its commands
    local = None  # of the class: the console on the terminal of the program
    now = None  # of the class: the console whose command computes at this moment
    editor = None  # of aioconsole.edit, from the first key on
    above = None  # takes what other tasks print, while that must not reach the terminal as it is

    def __init__(self, stream=None):
        """stream: bytes to read, with poll; without it, standard input."""
        # Bytes: a text stream cuts UTF-8 to pieces.
        super().__init__(sys.stdin.buffer if stream is None else stream)
        self.keys = []  # bytes read and not yet used; -1 is the end of input
        poll = select.poll()
        poll.register(self.s, 1)  # POLLIN
        self.poll = poll.poll
        self.ipoll = poll.ipoll  # allocates nothing
        if stream is None:
            self.open()

    def open(self):
        """Make the terminal give each key."""
        Console.local = self
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

    def write(self, text):
        """Write `text` to the person, or the tool, at this console."""
        sys.stdout.write(text)

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
        Console.now = self
        core.run_until_complete = _refuse
        try:
            return self._call(8 if termios else 3, f, args), None
        except BaseException as e:  # noqa: BLE001 - a guard: the caller shows it
            return None, e
        finally:
            Console.now = None
            core.run_until_complete = _until

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

    async def more(self):
        """Wait for bytes and keep all that are there; returns the last."""
        keys = self.keys
        poll = self.ipoll
        read = self.s.read
        try:
            c = (await self.read(1))[0]
            while True:
                keys.append(c)
                # What follows a line belongs to its command, which may read it itself.
                # After 64 bytes the other tasks have their turn.
                if c < 32 or len(keys) > 63:
                    break
                for _ in poll(0):
                    c = read(1)[0]
                    break
                else:
                    break
        except (IndexError, OSError):  # b"", or a terminal that hung up
            keys.append(-1)
        return keys[-1]

    async def get(self):
        """The next byte of input; EOFError at its end."""
        if not self.keys:
            await self.more()
        c = self.keys.pop(0)
        if c < 0:
            self.write("\n")
            raise EOFError
        return c

    async def key(self):
        """As get(), with each of CR, LF and CRLF as one LF."""
        c = await self.get()
        if c == 10 and self.last == 13:
            c = await self.get()
        self.last = c
        return 10 if c == 13 else c

    def show(self, value):
        """Print the value of a command; it becomes `_`."""
        eval(compile("value", "", "single"), {"value": value})

    def report(self, e, write=None):
        """Write the traceback of `e`, without the frames of this package; SystemExit goes on."""
        if isinstance(e, SystemExit):
            raise e
        f = io.StringIO()
        if self.call(sys.print_exception, e, f)[1]:
            f.write("?\n")  # its arguments cannot be printed
        for line in f.getvalue()[:-1].split("\n"):
            if line.startswith('  File "'):  # a frame, no part of a message
                if "aioconsole/" in line:
                    continue
                line = line.replace(", in __repl__", ", in <module>")
                if "<stdin>+" in line:
                    from aioconsole.wrap import mapped

                    line = mapped(line)
            (write or self.write)(line + "\n")


_until = core.run_until_complete


# In its place while a command runs: a loop within the loop crashes MicroPython.
def _refuse(main_task=None):
    if main_task:
        main_task.cancel()
    raise RuntimeError("asyncio.run(): a loop runs already; use await")


# The code objects of a command; a tuple is one that awaits (see aioconsole.wrap).
def _compiled(code, modes):
    if not isinstance(code, str):
        code = str(code, "utf-8")
    for mode in modes:
        try:
            return (compile(code, "<stdin>", mode),)
        except SyntaxError as e:
            error = e
    if "await" in code or "async" in code:
        from aioconsole.wrap import parts

        return parts(code, modes[0])
    raise error  # pyright: ignore[reportGeneralTypeIssues]  there is a mode at least


# Run `code`; returns what it raised, or None. modes: of compile(), the first that fits.
async def run(code, g, s, *modes):
    found, e = s.call(_compiled, code, modes)
    for c in found or ():
        if isinstance(c, tuple):
            from aioconsole.wrap import wait

            d = {}
            eval(c[0], g, d)
            value, e = await wait(s, d["__repl__"]())
            if value is not None and c[1]:
                e = s.call(s.show, value)[1]
        else:
            e = s.call(eval, c, g)[1]
        if e:
            break
    sched = sys.modules.get("aioschedule")
    if sched and sched.scheduler.wall:
        sched.clock_changed()  # it may have set the clock, as `mpremote rtc --set` does
    return e


async def execute(code, g, s):
    """Run `code` (str or bytes) in the globals `g`, reading Ctrl-C from the Console `s`.

    Prints its value, which also becomes `_`, or its traceback; SystemExit goes on.
    """
    e = await run(code, g, s, "single", "exec")
    if e:
        s.report(e)


# Drop all other tasks. What awaits this one goes on; when nothing can run any more (main waits
# for a dropped task), the loop would turn for ever: the program is left instead, a board for
# its own REPL.
def _leave():
    asyncio.new_event_loop()
    queue = core._io_queue
    wait = queue.wait_io_event

    def last(dt):
        if not queue.map and not core._task_queue.peek():
            raise SystemExit if termios else KeyboardInterrupt
        wait(dt)

    queue.wait_io_event = last


# The next command, or the control key that stands for one. A host tool needs no editor.
async def _command(s, prompt, history):
    if not s.editor:
        c = await s.key()
        if c in b"\1\2\3\4\5\n":
            s.write("\n")
            return "" if c == 10 else c
        s.keys.insert(0, c)
        from aioconsole.edit import Editor

        s.editor = Editor(s, prompt, history)
    return await s.editor.line()


# Until Ctrl-D.
async def _serve(s, prompt, history):
    while True:
        try:
            s.write(prompt)
            c = await _command(s, prompt, history)
            if c == 4:
                return
            if c == 1:
                from aioconsole.raw import raw_repl

                await raw_repl(s, s.g)
            elif c == 5:
                from aioconsole.paste import paste

                await execute(await paste(s), s.g, s)
            elif c not in (2, 3):
                await execute(c, s.g, s)
        except MemoryError:  # the rest of the line is no command, but a comment
            s.write("\nMemoryError\n")
            s.keys = [35]
            await asyncio.sleep(_RETRY_S)  # needs none, and others may set some free


def part(name):
    """Return what aiorepl has under this name beside task()."""
    module = {"serve": ".server", "hashed": ".server", "raw_repl": ".raw"}.get(name, "")
    return getattr(__import__("aioconsole" + module, None, None, (name,)), name)


async def repl(g=None, prompt="--> ", stream=None, history=None):
    """The REPL of aiorepl.task(), which see."""
    if stream is not None:
        from aioconsole.stream import StreamConsole

        s = StreamConsole(stream)
    else:
        s = Console()
    names = __import__("__main__").__dict__
    s.g = (dict(names) if s.remote else names) if g is None else g
    try:
        s.write("Starting asyncio REPL...\n")
        await _serve(s, prompt, history)
        if not s.remote:
            _leave()
    except (EOFError, OSError):  # nobody there any more: the program goes on
        pass
    except SystemExit:
        if not s.remote:  # there it ends the session
            raise
    finally:
        s.close()
