"""The verbs that act on tasks: start, stop, restart."""

from aioctl_host import printing
from aioctl_host.errors import OK, REFUSED, Failure
from aioctl_host.look import connect


def start(args):
    """aioctl start NAME [--json]"""
    return _act(args, "start")


def stop(args):
    """aioctl stop NAME [--json]"""
    return _act(args, "stop")


def restart(args):
    """aioctl restart NAME [--json]"""
    return _act(args, "restart")


def _act(args, verb):
    # Each task by itself, so that what one refuses does not keep the others from it.
    refused = []
    with connect(args) as board:
        names = board.names(args.name)
        for name in names:
            board.said.clear()
            value, error = board.ask("verb", verb, name)
            if error or value is False or value == "stuck":
                why = error or " ".join(board.said) or "the board refused"
                refused.append("it does not stop: stuck" if value == "stuck" else why)
        # Asked in a later turn of the loop, in which a stopped task has ended.
        infos = board.info(names)
    if args.json:
        printing.dump(infos)
    else:
        for i in infos.values():
            printing.console().print(i["name"] + ":", printing.state_of(i))
    if refused:
        raise Failure(REFUSED, f"{verb} {args.name}: " + "; ".join(refused))
    return OK


def _arguments(parser):
    parser.add_argument("name", metavar="NAME", help="a task, or a * pattern")
    parser.add_argument("--json", action="store_true", help="print what is known of them as JSON")


VERBS = (
    ("start", "start a task that does not run", _arguments, start),
    ("stop", "stop a task, and take its schedule away", _arguments, stop),
    ("restart", "stop a task and start it again", _arguments, restart),
)
