"""Exit codes, and the one exception that becomes a line on stderr."""

OK = 0
REFUSED = 1  # the board said no: no such task, no result, a task that does not stop
USAGE = 2  # the command line, or a file that it names
NO_BOARD = 3  # no board, a busy port, no answer, a connection that was lost
NO_PROGRAM = 4  # a board without a running program that has aioctl and aiorepl
NOT_DEPLOYED = 5  # nothing was changed: no space, a file that does not compile, .mpy version
INTERRUPTED = 130  # Ctrl-C


class Failure(Exception):
    """What went wrong, in one sentence for a person, and the exit code."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


class NoAnswer(Failure):
    """The port is there, but nothing answers at it."""
