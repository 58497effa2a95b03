"""A REPL beside the running tasks: `asyncio.create_task(aiorepl.task())`.

Commands may `await`. Ctrl-C cancels the command or clears the line. When nothing is typed,
Ctrl-D ends the program, Ctrl-E begins paste mode, Ctrl-A is the raw REPL that host tools speak.
The loop goes on between any two bytes of input. Its parts are in lib/aioconsole, loaded as
somebody needs them.
"""


def __getattr__(name):
    # serve and hashed: the REPL over TCP. execute, Console, raw_repl: to build one's own.
    from aioconsole import part

    return part(name)


async def task(g=None, prompt="--> ", **kw):
    """The REPL: runs commands in the globals `g`, by default those of __main__.

    stream: a socket or UART in place of the terminal, then with a copy of those globals.
    history: path of a file that keeps the commands over a reset. Ends at Ctrl-D (and the
    program with it, but not on a stream), at the end of input, or when cancelled.
    """
    from aioconsole import repl

    await repl(g, prompt, **kw)
