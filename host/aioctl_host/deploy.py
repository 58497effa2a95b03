"""The verb deploy: compile, compare, copy what changed, put it in place, reset, look.

The program goes on while files are copied beside those in use (x.new); then all change places
in one step, see plan.SWITCH. A copy or a step that is cut short leaves a board that boots.
"""

import base64
import json
import pathlib
import signal
import time

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from aioctl_host import build, plan, printing
from aioctl_host.board import Board, find_port
from aioctl_host.errors import NO_BOARD, NO_PROGRAM, NOT_DEPLOYED, OK, USAGE, Failure, NoAnswer
from aioctl_host.look import show_status
from aioctl_host.project import Project, find_root

PIECE = 768  # bytes sent at once; the loop of the board stands still meanwhile
AT_ONCE = 4_096  # bytes of files to be compared at once, so too
LONG = 8_192  # bytes from which on a bar shows the progress
SWITCH_S = BOOT_S = 60
QUIET_S = 10  # a program that prints nothing for so long runs
CHECKOUT = "this program runs in a checkout, not on a board: its sources would be removed"
NO_REPL = "all is in place, but nothing answers: the program has no REPL, or is busy"
ENDED = "all is in place, but the program does not run: what the board printed is above"


def deploy(args):
    """aioctl deploy [--core] [--lib NAMES] [--app FILE] [--config FILE] [--dry-run]"""
    made = _make(args)
    port = find_port(args.port)
    with _open(port, args.interrupt) as board:
        about = board.ask("board", plan.HALF)
        if not args.source:
            build.Compiler(args.mpy_cross).check(about)
        sizes = plan.sizes_of(board.ask("list", plan.folders_of(made)))
        if "Makefile" in sizes or ".git" in sizes:
            raise Failure(NOT_DEPLOYED, f"{port}: {CHECKOUT}")
        p = plan.make(made, about, sizes, _hashes(board, plan.to_hash(made, sizes), sizes))
        for text in p.warnings:
            printing.say("warning: " + text)
        if args.dry_run:
            return _show(p)
        if p.nothing:
            printing.say(f"nothing to copy: all {len(p.items)} files are there already")
        else:
            _check_space(p)
            begin = time.monotonic()
            _stage(board, p)
            _switch(board, p)
            _report(p, time.monotonic() - begin)
            if not args.no_reset:
                board.reset()
    return _look(port, p, args)


def _open(port, interrupt):
    # Any REPL will do; a program that has none must be ended.
    try:
        return Board(port, interrupt, program=False)
    except NoAnswer:
        if interrupt:
            raise
    printing.say(f"{port}: no answer: ending the program with Ctrl-C")
    return Board(port, interrupt=True, program=False)


# -- what is wanted ------------------------------------------------------------------------


def _make(args):
    # All of it is read and compiled before anything else happens.
    app, config = (_file(args.app, "--app"), _file(args.config, "--config"))
    if config:
        try:
            json.loads(config.read_bytes())
        except ValueError as e:
            raise Failure(NOT_DEPLOYED, f"{config}: no valid JSON: {e}") from None
    project = Project(find_root(args.project))
    lib = None if args.lib is None else " ".join(args.lib).replace(",", " ").split()
    files = project.choose(args.core, lib, app)
    compiler = build.Compiler(args.mpy_cross)
    return build.make(project, files, compiler, args.source, app, config)


def _file(name, option):
    if not name:
        return None
    path = pathlib.Path(name)
    if not path.is_file():
        raise Failure(USAGE, f"{option}: no file {name!r}")
    return path


# -- what is there -------------------------------------------------------------------------


def _hashes(board, paths, sizes):
    # {path: SHA-256}, for some files at a time.
    found, some, total = {}, [], 0
    for path in paths:
        some.append(path)
        total += sizes[path]
        if total >= AT_ONCE or path == paths[-1]:
            found.update(zip(some, board.ask("hash", some)))
            some, total = [], 0
    return found


def _check_space(p):
    if p.need > p.free:
        raise Failure(
            NOT_DEPLOYED,
            f"the board has {printing.size(p.free)} free, and {printing.size(p.need)} are needed "
            "while old and new lie side by side: remove files, or choose less (--core, --lib)",
        )


def _show(p):
    t = printing.table("what", "file", ">bytes")
    words = {"same": ("keep", "dim"), "new": ("new", "green"), "replace": ("replace", "yellow")}
    for item in p.items:
        word, style = words[item.action]
        if item.staged:
            word += ", copied already"
        t.add_row(Text(word, style), item.path, str(len(item.data)))
    for path in p.keeps:
        t.add_row(Text("keep as", "cyan"), path + ".old", "")
    for path in p.removes:
        t.add_row(Text("remove", "red"), path, "")
    printing.show(t)
    copied = sum(len(i.data) for i in p.to_copy)
    total = sum(len(i.data) for i in p.items)
    print(
        f"{len(p.to_copy)} of {len(p.items)} files to copy, {printing.size(copied)} of "
        f"{printing.size(total)}; takes {printing.size(p.need)} of {printing.size(p.free)} free"
    )
    _check_space(p)
    return OK


# -- what is done --------------------------------------------------------------------------


def _stage(board, p):
    # Everything beside its place; nothing that is in use changes.
    if p.folders:
        board.ask("folders", p.folders)
    for path in p.keeps:
        board.ask("copy", path, path + ".old")
    todo = p.to_copy
    total = sum(len(i.data) for i in todo)
    console = printing.console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
    hidden = total < LONG or not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as progress:
        bar = progress.add_task("", total=total)
        for item in todo:
            progress.update(bar, description=item.path)
            _put(board, item.path + ".new", item.data, lambda n: progress.advance(bar, n))


def _put(board, path, data, advance=lambda n: None):
    # Copy, and read back; once more if what is there is something else.
    for _ in "12":
        for i in range(0, max(1, len(data)), PIECE):
            text = base64.b64encode(data[i : i + PIECE])
            board.ask("put", path, len(text), not i, i + PIECE >= len(data), data=text)
            advance(len(data[i : i + PIECE]))
        if board.ask("hash", [path]) == [plan.digest(data)]:
            return
        advance(-len(data))
    raise Failure(NO_BOARD, f"{path}: what arrives on the board is not what was sent")


def _switch(board, p):
    # From here on a Ctrl-C has to wait: it is a moment only.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        if p.single:
            for item in p.changed:
                board.ask("rename", item.path + ".new", item.path)
            for path in p.removes:
                board.ask("remove", path)
            return
        if p.copy_main:
            board.ask("copy", "main.py", "main.py.new")
        _put(board, "main.py.half", plan.switch(p).encode())
        board.ask("rename", "main.py.half", "main.py")
        board.ask("switch", timeout=SWITCH_S)
    finally:
        signal.signal(signal.SIGINT, before)


def _report(p, s):
    copied = sum(len(i.data) for i in p.to_copy)
    same = len(p.items) - len(p.changed)
    text = f"copied {len(p.to_copy)} files, {printing.size(copied)} in {s:.1f} s"
    printing.say(f"{text}; {same} of {len(p.items)} were there already")
    for path in p.keeps:
        printing.say(f"the former {path} is kept as {path}.old")


# -- afterwards ----------------------------------------------------------------------------


def _look(port, p, args):
    # Wait for the board to come back, and show what runs.
    if not args.no_reset and not p.nothing:
        time.sleep(0.5)  # the port goes, where it is the chip's own
    until = time.monotonic() + BOOT_S
    printed = None
    while True:
        try:
            with Board(port, program=False, timeout=1) as board:
                if board.in_program and board.ask("names") is not None:
                    show_status(board)
                    return OK
                if board.in_program or not p.main or args.no_reset:
                    printing.say("the board is ready; no program with aioctl runs there yet")
                    return OK
                if printed is not None:
                    break
                # It has ended, was interrupted for the copy, or left out by boot.py. Nobody
                # heard what it printed, so once more.
                printed = board.start_over(QUIET_S)
        except Failure as e:
            if e.code != NO_BOARD:
                raise
            if time.monotonic() > until:
                if isinstance(e, NoAnswer):
                    raise Failure(NO_PROGRAM, NO_REPL) from None
                raise
            time.sleep(0.3)
    for line in printed:
        printing.say("  " + line)
    raise Failure(NO_PROGRAM, ENDED)


def _arguments(parser):
    parser.add_argument(
        "--core", action="store_true", help="only the four modules and what they need"
    )
    parser.add_argument(
        "--lib",
        metavar="NAMES",
        action="append",
        help='these parts of lib/ beside the core, as "triggers store" (default: all)',
    )
    parser.add_argument("--app", metavar="FILE", help="your program, copied as app.py")
    parser.add_argument("--config", metavar="FILE", help="copied as config.json")
    parser.add_argument("--dry-run", action="store_true", help="say what would go where")
    parser.add_argument("--source", action="store_true", help="copy .py instead of .mpy")
    parser.add_argument("--no-reset", action="store_true", help="leave the program running")
    parser.add_argument(
        "--mpy-cross", metavar="FILE", help="the compiler (MPY_CROSS; else the installed one)"
    )
    parser.add_argument("--project", metavar="DIR", help="the folder with aioctl.py")


VERBS = (("deploy", "compile, copy what changed, reset, show the status", _arguments, deploy),)
