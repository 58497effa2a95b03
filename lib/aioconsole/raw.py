"""The raw REPL, which host tools such as mpremote speak.

Source: MicroPython, docs/reference/repl.rst.
"""

from micropython import const

from aioconsole import run
from aioconsole.paste import read

_HELD = const(1000)  # characters kept of what other tasks print; the newest


async def raw_repl(s, g):
    """Serve a host tool until Ctrl-B. Only its snippets themselves hold up the loop.

    What other tasks print meanwhile would be taken for an answer: it is shown at the end.
    """
    from aioconsole.output import hook

    held = []

    def hold(text):
        if text:
            held.append(text[-_HELD:])
        while sum(map(len, held)) > _HELD:
            held.pop(0)

    hook(s)
    s.above = hold
    try:
        await _serve(s, g)
    finally:
        s.above = None
        s.write("".join(held))


async def _serve(s, g):
    write = s.write
    head = "raw REPL; CTRL-B to exit\n>"
    write(head)
    while True:
        code, c = await read(s, s.get, "")
        if c == 2:
            write("\n")
            return
        if c == 1:
            if code != b"\5A":
                write(head)
                continue
            write("R\1\x7f\0\1")
            code, c = await read(s, s.get, "\4")
        elif c == 4:
            write("OK")
            if not code:  # a soft reset: the tool sees one, the program goes on
                write("\nsoft reboot\n" + head)
                continue
        else:
            continue
        if "RemoteCommand" in g:  # mpremote mount: input is binary, Ctrl-C is a byte of it
            s.lflag = 0
        e = await run(code, g, s, "exec")
        write("\4")
        try:
            if e:
                s.report(e)
        finally:
            write("\4>")
