"""The verbs that look: status, log, result, traceback, crashes, boot, top."""

import argparse
import time

from rich.text import Text

from aioctl_host import printing
from aioctl_host.board import Board, find_port
from aioctl_host.errors import OK, REFUSED, Failure


def connect(args):
    """The board that the command line means, with a running program."""
    return Board(find_port(args.port), interrupt=args.interrupt)


def show_status(board, name=None, as_json=False):
    """Print the status of one task or of several."""
    names = board.names(name)
    infos = board.info(names)
    if as_json:
        printing.dump(infos[name] if name in infos else infos)
    elif name in infos:
        printing.task(infos[name])
    elif infos:
        printing.tasks(infos.values())
    else:
        printing.say("the program has no tasks")


def one(board, name):
    """What is known of exactly one task; Failure otherwise."""
    names = board.names(name)
    if len(names) > 1:
        raise Failure(REFUSED, f"{name!r} is more than one task: {', '.join(names)}")
    infos = board.info(names)
    if not infos:
        raise Failure(REFUSED, f"task {names[0]!r} went away")
    return infos[names[0]]


def status(args):
    """aioctl status [NAME] [--json]"""
    with connect(args) as board:
        show_status(board, args.name, args.json)
    return OK


def result(args):
    """aioctl result NAME [--json]"""
    with connect(args) as board:
        i = one(board, args.name)
    if args.json:
        printing.dump({k: i[k] for k in ("name", "state", "result", "error")})
    elif i["error"]:
        raise Failure(REFUSED, f"{i['name']} failed: {i['error']}")
    elif i["state"] in ("running", "scheduled") and i["result"] is None:
        raise Failure(REFUSED, f"{i['name']} has no result: {i['state']}")
    else:
        print(i["result"])
    return REFUSED if i["error"] else OK


def traceback(args):
    """aioctl traceback NAME [--json]"""
    with connect(args) as board:
        i = one(board, args.name)
    if args.json:
        printing.dump({k: i[k] for k in ("name", "state", "error", "traceback")})
        return OK if i["traceback"] else REFUSED
    if not i["traceback"]:
        raise Failure(REFUSED, f"{i['name']} has no traceback: {i['state']}")
    printing.console().print(Text(i["traceback"].rstrip()), soft_wrap=True)
    return OK


def log(args):
    """aioctl log [-f] [GREP] [--json]"""
    show = printing.dump_line if args.json else printing.log_line
    with connect(args) as board:
        if not board.ask("has_log"):
            raise Failure(REFUSED, "the program keeps no log: it never called aioctl.set_log()")
        if args.follow:
            _follow(board, args.grep, show)
        board.said.clear()
        board.ask("log", args.grep)
        for line in board.said:
            show(line)
    return OK


def _follow(board, grep, show):
    # The board waits for a write and the host shows what came: neither polls, and the loop of
    # the board stands still only while lines are printed.
    place = end = -1
    while True:
        board.said.clear()
        place = board.ask("since", place, grep)
        for line in board.said:
            show(line)
        end = board.wait_news(end)


def crashes(args):
    """aioctl crashes [NAME] [-n N] [--json]"""
    return _report(args, "crashes", args.name, args.n)


def boot(args):
    """aioctl boot [--json]"""
    return _report(args, "boot")


def _report(args, name, *arguments):
    # What the board prints, or with --json what it returns.
    with connect(args) as board:
        board.said.clear()
        found = board.ask(name, *arguments, not args.json)
    if found is False:
        raise Failure(REFUSED, "the program notes no failures: it never called aiocrash.start()")
    if args.json:
        printing.dump(found)
    else:
        printing.lines(board.said)
    return OK


def top(args):
    """aioctl top [NAME] [-s SECONDS] [--json]"""
    with connect(args) as board:
        names = board.names(args.name)
        if args.seconds:
            board.ask("sample", args.seconds)
            time.sleep(args.seconds)
        found = board.top(names)
    if args.json:
        printing.dump(found)
    else:
        printing.top(found)
    return OK


def _name(parser, **options):
    parser.add_argument("name", metavar="NAME", help="a task, or a * pattern", **options)


def _json(parser):
    parser.add_argument("--json", action="store_true", help="print JSON")


def _status_arguments(parser):
    _name(parser, nargs="?")
    _json(parser)


def _one_arguments(parser):
    _name(parser)
    _json(parser)


def _log_arguments(parser):
    parser.add_argument("-f", "--follow", action="store_true", help="go on until Ctrl-C")
    parser.add_argument(
        "grep", metavar="GREP", nargs="?", default="", help="a part of the line, or a * pattern"
    )
    parser.add_argument("--json", action="store_true", help="print each line as a JSON string")


def _crashes_arguments(parser):
    _name(parser, nargs="?")
    parser.add_argument("-n", metavar="N", type=_count, help="only the last N")
    _json(parser)


def _top_arguments(parser):
    _name(parser, nargs="?")
    parser.add_argument(
        "-s",
        "--seconds",
        metavar="SECONDS",
        type=_seconds,
        default=5,
        help="sample for so long (5), 0: show what was sampled before",
    )
    _json(parser)


def _count(text):
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number, got {text!r}")
    return int(text)


def _seconds(text):
    try:
        s = float(text)
    except ValueError:
        s = -1
    if not (s == 0 or 0.1 <= s <= 86400):
        raise argparse.ArgumentTypeError(f"expected 0, or 0.1 to 86400, got {text!r}")
    return s


VERBS = (
    ("status", "show the tasks, or all about one", _status_arguments, status),
    ("log", "show the log", _log_arguments, log),
    ("result", "print the result of a task", _one_arguments, result),
    ("traceback", "print the traceback of a failed task", _one_arguments, traceback),
    ("crashes", "print the last failures, also of before a reset", _crashes_arguments, crashes),
    ("boot", "tell why the board last reset, and what ran then", _json, boot),
    ("top", "show which tasks the time of the loop goes to", _top_arguments, top),
)
