"""Run a program on MicroPython's unix port, at a terminal or with commands from a pipe.

    python3 tools/run.py <program>

At a terminal: its settings are put back however the program ends, and while it is
suspended. Otherwise standard input is given to the program, followed by a newline and
Ctrl-D, which ends the REPL and with it the program. The exit code is the program's.
"""

import contextlib
import os
import pathlib
import select
import shutil
import signal
import subprocess
import sys
import termios
import threading

ROOT = pathlib.Path(__file__).resolve().parent.parent
END_OF_INPUT = b"\n\x04"


def main(arguments):
    """Run the program that `arguments` names; returns the exit code."""
    if len(arguments) != 1:
        print("usage: run.py <program>", file=sys.stderr)
        return 2
    if not os.path.isfile(arguments[0]):
        print(f"run: no program {arguments[0]!r}", file=sys.stderr)
        return 2
    asked = os.environ.get("MICROPYTHON")
    micropython = shutil.which(asked or str(ROOT / ".venv" / "bin" / "micropython"))
    if micropython is None:
        print(f"run: no MicroPython at {asked or '.venv/bin/micropython'}", file=sys.stderr)
        return 2
    heap = os.environ.get("HEAP") or "2M"
    command = [micropython, "-X", f"heapsize={heap}", arguments[0]]
    # Relative, as on a board: tracebacks then show the names that a board shows.
    env = dict(os.environ, MICROPYPATH=".:lib:.frozen")
    try:
        terminal = termios.tcgetattr(0)
    except termios.error:
        code = run_piped(command, env)
    else:
        code = run_at_terminal(command, env, terminal)
    return code if code >= 0 else 128 - code


def run_at_terminal(command, env, settings):
    """Run as a shell runs a job; `settings` of the terminal are put back after it.

    The program gets a process group of its own: Ctrl-C then reaches it alone, not make,
    and Ctrl-Z is seen here before the shell takes the terminal back.
    """
    own_group = os.getpgrp()
    try:
        os.tcgetpgrp(0)
    except OSError:  # a terminal, but not the one that controls this process
        return run_at_foreign_terminal(command, env, settings)
    while os.tcgetpgrp(0) != own_group:  # started with `&`: wait for the terminal
        os.killpg(own_group, signal.SIGTTIN)

    def take_terminal():
        os.setpgid(0, 0)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        os.tcsetpgrp(0, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)

    process = start(command, env, preexec_fn=take_terminal)
    threading.Thread(target=hang_up, args=(process,), daemon=True).start()
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # the terminal is handed over from behind
    while True:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        ended = not os.WIFSTOPPED(status)
        if ended:
            process.returncode = os.waitstatus_to_exitcode(status)
        try:
            programs = termios.tcgetattr(0)
            os.tcsetpgrp(0, own_group)
            termios.tcsetattr(0, termios.TCSANOW, settings)
        except (termios.error, OSError):
            if not ended:
                raise
            # The terminal was closed, and that ended the program: nothing to put back.
        if ended:
            return process.returncode
        os.killpg(own_group, signal.SIGTSTP)  # make too; here it goes on after `fg`
        os.tcsetpgrp(0, process.pid)
        termios.tcsetattr(0, termios.TCSANOW, programs)
        os.killpg(process.pid, signal.SIGCONT)


def hang_up(process, stream=0):
    """Pass on that the terminal is gone: the system tells it to the first process there only.

    With stream=1, that nobody reads what is written: MicroPython ignores the signal for that.
    """
    poll = select.poll()
    poll.register(stream, 0)
    poll.poll()
    send_signal(process, signal.SIGHUP)


def run_at_foreign_terminal(command, env, settings):
    """Run at a terminal that sends no signals here, such as a pseudo-terminal of a test."""
    process = start(command, env)
    try:
        return process.wait()
    finally:
        termios.tcsetattr(0, termios.TCSANOW, settings)


def run_piped(command, env):
    """Run with the bytes of standard input, then what ends the REPL."""
    process = start(command, env, stdin=subprocess.PIPE, bufsize=0)
    # A thread of its own: whoever feeds this may stay silent long after the program's end.
    threading.Thread(target=feed, args=(process.stdin,), daemon=True).start()
    threading.Thread(target=hang_up, args=(process, 1), daemon=True).start()
    return process.wait()


def feed(pipe):
    """Copy standard input to `pipe`; a program that has ended reads no more, and may."""
    try:
        while chunk := os.read(0, 65536):
            pipe.write(chunk)
    except OSError:  # standard input closed, or the program gone
        pass
    try:
        pipe.write(END_OF_INPUT)
    except OSError:
        pass


def start(command, env, **keywords):
    """Start the program; leave Ctrl-C to it, and pass on what asks to end."""
    process = None
    early = []  # signals that came while the program was being started

    def pass_on(number, _):
        if process is None:
            early.append(number)
        else:
            send_signal(process, number)

    # Handlers, for what is ignored stays ignored in a child.
    signal.signal(signal.SIGINT, lambda *_: None)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, pass_on)
    process = subprocess.Popen(command, env=env, **keywords)
    for number in early:
        send_signal(process, number)
    return process


def send_signal(process, number):
    """Signal the program unless it is known to have ended.

    Popen.send_signal() would take the exit code away from whoever waits for it.
    """
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
