"""Commands that await: the compiler refuses them, unless they stand in a function."""

import asyncio
from asyncio import core

from micropython import const

from aioconsole.tokens import NEWLINE, STRING, WORD, tokens

_AHEAD = const(512)  # bytes typed while a command is awaited; more stay in the port's buffer

# Where a step of a command is: before, within and after the coroutine's own code.
_BEFORE = const(0)
_WITHIN = const(1)
_AFTER = const(2)

# First words of compound statements, and of their later clauses.
_COMPOUND = b" if while for try with def class async @ "
_CLAUSE = b" elif else except finally "

# They are no names.
_KEYWORDS = (
    b" False None True __debug__ and as assert async await break class continue def del elif else"
    b" except finally for from global if import in is lambda nonlocal not or pass raise return try"
    b" while with yield "
)


# Yield (start, end, compound) of each top-level statement of `b`; those in one line, at their
# semicolons.
def _statements(b):
    begin = -1
    fresh = True  # the next token begins a line
    decorator = compound = False
    for kind, i, j in tokens(b):
        if kind == NEWLINE:
            fresh = True
            continue
        if fresh:
            fresh = False
            word = b" " + b[i:j] + b" "
            if begin < 0 or b[i - 1] == 10 and not decorator and word not in _CLAUSE:
                if begin >= 0:
                    yield begin, i, compound
                begin = i
                compound = word in _COMPOUND
            decorator = kind == 64
        if kind == 59 and not compound and begin >= 0:
            yield begin, i, False
            begin = -1
            fresh = True
    if begin >= 0:
        yield begin, len(b), compound


def parts(code, mode):
    """Compile `code`, str, by its top-level statements; SyntaxError if one of them is wrong.

    Returns a list of code objects; one that awaits is a tuple of the code object, which defines
    a coroutine function __repl__, and whether its value is to be shown. mode: as for compile().
    """
    b = code.encode()
    found = list(_statements(b))
    if found and b"\n" in b[: found[-1][0]]:
        mode = "exec"  # values are shown of one line only
    out = []
    for i, j, compound in found:
        line = b.count(b"\n", 0, i)
        c = b[i:j]
        try:
            out.append(compile(b"\\\n" * line + c, "<stdin>", mode))
            continue
        except SyntaxError as e:
            error = e
        if b"await" not in c and b"async" not in c:
            raise error
        words = {c[k:m] for kind, k, m in tokens(c) if kind == WORD}
        out.append((_wrapped(c, line, compound, words, error), mode == "single"))
    return out


# The code object of a function around the statement `c`, which begins `line` lines down.
def _wrapped(c, line, compound, words, error):
    inner = b"def" in words or b"lambda" in words
    if not inner and (b"return" in words or b"yield" in words):
        raise error
    head = b"async def __repl__():"
    names = b"global _"
    for w in words:
        if b" " + w + b" " not in _KEYWORDS and not 48 <= w[0] < 58:
            names += b"," + w
    more = 0
    if compound:
        # Two more lines above it; where there are none, its line numbers are too high by `more`.
        more = max(0, 2 - line)
        line -= 2 - more
        forms = (head + b"\n\t" + names + b"\n\t" + _indented(c),)
    else:
        forms = (head + names + b";return " + c, head + names + b";" + c)
    outside = "outside" in str(error)  # what the compiler refused may be the await itself
    for form in forms:
        try:
            name = "<stdin>+%d" % more if more else "<stdin>"
            return compile(b"\\\n" * line + form, name, "exec")
        except SyntaxError as e:
            error = e if outside else error
    raise error


# Each line one tab further in, but not those that begin in a string.
def _indented(c):
    out = b""
    done = 0
    for kind, i, j in tokens(c):
        if kind == STRING:
            out += c[done:i].replace(b"\n", b"\n\t") + c[i:j]
            done = j
    return out + c[done:].replace(b"\n", b"\n\t")


def mapped(line):
    """Return a line of a traceback with the line number that a person counts."""
    head, name, tail = line.partition("<stdin>+")
    if name:
        more = int(tail[0])
        number, comma, tail = tail.partition(",")[2].partition(",")
        number = int(number.strip()[5:]) - more
        line = '%s<stdin>", line %d%s%s' % (head, number, comma, tail)
    return line


# What asyncio drives in place of the coroutine of a command: Ctrl-C interrupts each step.
class _Command:
    task: asyncio.Task  # that drives it

    def __init__(self, s, coro):
        self.s = s
        self.coro = coro
        self.owner = getattr(s, "owner", None) or core.cur_task  # whose command it is
        self.done = asyncio.Event()
        self.at = _BEFORE
        self.value = self.e = None

    def send(self, v):
        return self._step(self.coro.send, v)

    def throw(self, e):
        return self._step(self.coro.throw, e)

    def _go(self, f, v):
        self.at = _WITHIN
        f(v)
        self.at = _AFTER

    def _step(self, f, v):
        if self.done.is_set():
            return  # a queue had it still when an interrupt ended it
        self.at = _BEFORE
        e = self.s.call(self._go, f, v)[1]
        if self.at != _AFTER and isinstance(e, KeyboardInterrupt):
            # Perhaps it did not reach the coroutine, which has to end by it.
            self.at = _BEFORE
            while self.at == _BEFORE:
                again = self.s.call(self._go, self.coro.throw, e)[1]
            if not isinstance(again, StopIteration):  # else it had ended before
                e = again
        if self.at == _AFTER:
            if e:  # too late for this step
                asyncio.create_task(self.stop())
            return
        if isinstance(e, StopIteration):
            self.value = e.value
            self.e = None
        else:
            self.e = self.e or e
        core.cur_task.data = None  # pyright: ignore[reportAttributeAccessIssue] - see asyncio.core
        self.done.set()
        raise StopIteration

    async def stop(self):
        self.e = KeyboardInterrupt()
        self.task.cancel()


async def wait(s, coro):
    """Await `coro` in a task that Ctrl-C at the Console `s` cancels.

    Returns (value, None) or (None, exception).
    """
    c = _Command(s, coro)
    c.task = t = asyncio.create_task(c)  # pyright: ignore[reportArgumentType] - send, throw
    w = asyncio.create_task(_watch(s, c))
    try:
        await c.done.wait()
    finally:
        t.cancel()
        w.cancel()
    return c.value, c.e


async def _watch(s, command):
    keys = s.keys
    c = 0
    while c >= 0 and len(keys) < _AHEAD:
        c = await s.more()
        if c == 3:
            keys.pop()
        if c == 3 or c < 0 and s.remote:  # what a pipe asked for is done to its end
            await command.stop()
