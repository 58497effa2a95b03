"""The command line: the table of verbs, exit codes, completion."""

import argparse
import os
import sys

import aioctl_host
from aioctl_host import act, deploy, flash, look
from aioctl_host.errors import INTERRUPTED, OK, USAGE, Failure

SHELLS = ("bash", "zsh", "fish")

EXIT_CODES = """\
exit codes: 0 done, 1 refused by the board (no such task, no result, a task that does not stop),
2 wrong command line, 3 no board or no answer, 4 a board without a running program, 5 not
deployed (nothing was changed), 130 Ctrl-C
"""


def completion(args):
    """aioctl completion bash|zsh|fish"""
    import shtab

    parser = make_parser()
    for verb in parser.verbs.values():
        for action in verb._actions:
            if action.metavar in ("FILE", "FIRMWARE"):
                action.complete = shtab.FILE
            elif action.metavar == "DIR":
                action.complete = shtab.DIRECTORY
    print(shtab.complete(parser, args.shell))
    return OK


def _completion_arguments(parser):
    parser.add_argument("shell", choices=SHELLS)


# One line a verb: name, help, what adds its arguments, what runs it. Later parts add theirs.
VERBS = (
    *look.VERBS,
    *act.VERBS,
    *deploy.VERBS,
    *flash.VERBS,
    ("completion", "print the completion script of a shell", _completion_arguments, completion),
)


def _connection_arguments(parser, **default):
    parser.add_argument(
        "-p",
        "--port",
        metavar="PORT",
        help="serial port, pseudo-terminal or socket://host:port (AIOCTL_PORT; else the only "
        "board at USB)",
        **default,
    )
    parser.add_argument(
        "--interrupt",
        action="store_true",
        help="press Ctrl-C first, which ends a program that has no REPL",
        **default,
    )


class Parser(argparse.ArgumentParser):
    """An argparse parser that says in one line what is wrong."""

    verbs: dict  # the parsers of the verbs, by name

    def error(self, message):
        """Print the message and exit."""
        self.exit(USAGE, f"aioctl: {message} (see {self.prog} --help)\n")


def make_parser():
    """The parser of the command line; `.verbs` are those of the verbs, by name."""
    parser = Parser(
        prog="aioctl",
        description="Look at the tasks of a MicroPython board, drive them, deploy to it; the "
        "tasks go on meanwhile.",
        epilog=EXIT_CODES,
    )
    parser.add_argument("--version", action="version", version=aioctl_host.__version__)
    _connection_arguments(parser)
    verbs = parser.add_subparsers(metavar="VERB", required=True, title="verbs")
    parser.verbs = {}
    for name, text, add_arguments, run in VERBS:
        verb = verbs.add_parser(name, help=text, description=text)
        # Before or after the verb: where it is not given it must not hide the other.
        _connection_arguments(verb, default=argparse.SUPPRESS)
        add_arguments(verb)
        verb.set_defaults(run=run)
        parser.verbs[name] = verb
    return parser


def main(arguments=None):
    """Run the command; returns its exit code."""
    args = make_parser().parse_args(arguments)
    try:
        code = args.run(args)
        sys.stdout.flush()
        return code
    except Failure as e:
        print(f"aioctl: {e}", file=sys.stderr)
        return e.code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `aioctl log | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
