"""A REPL beside the running tasks: `asyncio.create_task(aiorepl.task())`.

Commands may `await`. Ctrl-C cancels the command or clears the line, Ctrl-D on an empty line
ends the program, Ctrl-E begins paste mode, Ctrl-A is the raw REPL that host tools speak.
The loop goes on between any two bytes of input. Its parts are in lib/aioconsole, loaded as
somebody needs them.
"""


def __getattr__(name):
    # execute, Console and raw_repl, for those who build their own.
    import aioconsole

    return getattr(aioconsole, name)


async def task(g=None, prompt="--> "):
    """The REPL: runs commands in the globals `g`, by default those of __main__.

    Ends at Ctrl-D (and the program with it), at the end of input, or when cancelled.
    """
    from aioconsole import repl

    await repl(__import__("__main__").__dict__ if g is None else g, prompt)
