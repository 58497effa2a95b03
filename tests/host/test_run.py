"""tools/run.py: commands from a pipe, and a terminal that is left as it was."""

import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import termios
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUN = ROOT / "tools" / "run.py"
MICROPYTHON = os.environ.get("MICROPYTHON") or str(ROOT / ".venv" / "bin" / "micropython")
MICROPYTHON = os.path.abspath(shutil.which(MICROPYTHON) or MICROPYTHON)

# Reads keys as a REPL does, and leaves the terminal in disorder.
KEYS = """
import sys, termios
try:
    mode = termios.tcgetattr(0)
    mode[3] &= ~(2 | 8)  # neither lines nor echo
    termios.tcsetattr(0, 0, mode)
except OSError:
    pass
print("ready")
while True:
    key = sys.stdin.buffer.read(1)
    print("key", key)
    if not key or key == b"\\x04":
        break
"""


@pytest.fixture
def program(tmp_path):
    """A function that writes a program and returns its path."""

    def write(text):
        path = tmp_path / "program.py"
        path.write_text(text)
        return str(path)

    return write


def environment():
    return dict(os.environ, MICROPYTHON=MICROPYTHON)


def run(path, data=b""):
    return subprocess.run(
        [sys.executable, str(RUN), path],
        input=data,
        env=environment(),
        capture_output=True,
        timeout=30,
    )


def test_input_is_followed_by_the_end_of_the_repl(program):
    result = run(program(KEYS), b"1\xc3")
    lines = result.stdout.split(b"\n")
    assert lines[:3] == [b"ready", b"key b'1'", b"key b'\\xc3'"]
    assert lines[3:] == [b"key b'\\n'", b"key b'\\x04'", b""]
    assert (result.returncode, result.stderr) == (0, b"")


def test_the_exit_code_is_the_programs(program):
    assert run(program("import sys\nsys.exit(3)\n")).returncode == 3


def test_a_killed_program_gives_the_exit_code_of_a_shell(program):
    assert run(program("import os\nos.system('kill -9 $PPID')\n")).returncode == 128 + 9


def test_a_program_that_ends_before_its_input_is_read_is_no_error(program):
    result = run(program("print('done')\n"), b"x" * 1_000_000)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"done\n", b"")


def test_a_silent_feeder_does_not_outlive_the_program(program):
    reader, writer = os.pipe()  # the writing end stays open
    command = [sys.executable, str(RUN), program("print('done')\n")]
    result = subprocess.run(command, stdin=reader, env=environment(), timeout=30)
    os.close(reader)
    os.close(writer)
    assert result.returncode == 0


def test_a_program_to_which_nobody_listens_any_more_is_ended(program):
    command = [sys.executable, str(RUN), program("print('ready')\nwhile True: pass\n")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment()) as process:
        assert process.stdout.readline() == b"ready\n"
        process.stdout.close()
        assert process.wait(30) == 128 + signal.SIGHUP


def test_the_heap_and_the_module_path_are_set(program):
    text = "import gc, sys\nprint(gc.mem_free() + gc.mem_alloc() < 320_000, sys.path[1:])\n"
    env = dict(environment(), HEAP="300K", MICROPYPATH="/none")
    command = [sys.executable, str(RUN), program(text)]
    result = subprocess.run(command, env=env, capture_output=True, text=True, input="")
    assert result.stdout == "True ['.', 'lib', '.frozen']\n"


def test_a_program_that_is_not_there_is_named():
    result = run("absent.py")
    assert (result.returncode, result.stderr) == (2, b"run: no program 'absent.py'\n")


def test_asked_to_end_it_ends_the_program(program):
    path = program("import time\nprint('up')\ntime.sleep(60)\n")
    command = [sys.executable, str(RUN), path]
    process = subprocess.Popen(
        command, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout.readline() == b"up\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
        assert process.stdout.read() == b""  # nobody is left to write


class Terminal:
    """A pseudo-terminal and a shell command that it controls."""

    # A session of its own, with the terminal on standard input as the controlling one.
    OPEN = "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    OPEN += "os.execv('/bin/sh', ['sh', '-c', sys.argv[1]])"

    def __init__(self, command):
        self.host, self.board = pty.openpty()
        self.before = termios.tcgetattr(self.board)
        self.seen = ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", self.OPEN, command],
            stdin=self.board,
            stdout=self.board,
            stderr=self.board,
            env=environment(),
        )

    def expect(self, pattern):
        """Read until the regular expression matches what came since the last call."""
        deadline = time.monotonic() + 30
        while not (match := re.search(pattern, self.seen)):
            left = deadline - time.monotonic()
            assert left > 0 and select.select([self.host], [], [], left)[0], self.seen
            self.seen += os.read(self.host, 4096).decode()
        self.seen = self.seen[match.end() :]
        return match

    def send(self, data):
        os.write(self.host, data)

    def settings(self):
        return termios.tcgetattr(self.board)

    def close(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.host)
        os.close(self.board)


@pytest.fixture
def terminal(program):
    """A function that starts a program at a terminal, in a shell with job control."""
    opened = []

    def start(text, then="echo ended $?"):
        command = f"set -m; '{sys.executable}' '{RUN}' '{program(text)}'; {then}"
        opened.append(Terminal(command))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


def test_at_the_end_the_terminal_is_as_before(terminal):
    t = terminal(KEYS)
    t.expect("ready")
    assert t.settings() != t.before
    t.send(b"a")
    t.expect("key b'a'")
    t.send(b"\x04")
    t.expect("ended 0")
    assert t.settings() == t.before


def test_ctrl_c_goes_to_the_program_alone_and_the_terminal_is_as_before(terminal):
    t = terminal(KEYS)
    t.expect("ready")
    t.send(b"\x03")
    t.expect("KeyboardInterrupt")
    t.expect("ended 1")
    assert t.settings() == t.before


def test_ctrl_z_gives_the_terminal_back_and_fg_takes_it_again(terminal):
    t = terminal(KEYS, then="stty -a; read line; echo line $line; fg; echo ended $?")
    t.expect("ready")
    changed = t.settings()
    t.send(b"\x1a")
    t.expect(r"[^-]icanon")
    assert t.settings() == t.before
    t.send(b"shell\n")
    t.expect("line shell")
    t.send(b"b")
    t.expect("key b'b'")
    assert t.settings() == changed
    t.send(b"\x04")
    t.expect("ended 0")
    assert t.settings() == t.before


def test_a_killed_program_leaves_the_terminal_as_before(terminal):
    t = terminal(KEYS.replace('print("ready")', "import os\nos.system('kill -9 $PPID')"))
    t.expect("ended 137")
    assert t.settings() == t.before


def test_a_terminal_that_does_not_control_the_process_is_put_back_too(program):
    host, board = pty.openpty()
    before = termios.tcgetattr(board)
    command = [sys.executable, str(RUN), program(KEYS)]
    process = subprocess.Popen(
        command, env=environment(), stdin=board, stdout=subprocess.PIPE, start_new_session=True
    )
    with process:
        assert process.stdout.readline() == b"ready\n"
        assert termios.tcgetattr(board) != before
        os.write(host, b"\x04")
        assert process.wait(30) == 0
    assert termios.tcgetattr(board) == before
    os.close(host)
    os.close(board)


def test_a_terminal_that_is_closed_ends_the_program_and_nothing_else_is_said(program, tmp_path):
    log = tmp_path / "log"
    command = f"'{sys.executable}' '{RUN}' '{program(KEYS)}' 2>'{log}'; echo $? >>'{log}'"
    t = Terminal(f"trap '' HUP; {command}")
    t.expect("ready")
    os.close(t.board)
    os.close(t.host)
    t.process.wait(30)
    # The program fails to read, or is hung up, by platform; what it says of it is its own.
    assert re.search(r"(?m)^(1|129)$", log.read_text())
    assert str(RUN) not in log.read_text()


def test_who_hangs_up_on_an_ended_program_leaves_its_exit_code_to_who_waits(monkeypatch):
    monkeypatch.syspath_prepend(RUN.parent)
    import run

    code = "raise SystemExit(3)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    with process.stdout as output:
        output.read()
    time.sleep(0.1)  # now it has ended, and nobody has asked
    reader, writer = os.pipe()
    os.close(writer)
    run.hang_up(process, reader)
    os.close(reader)
    _, status = os.waitpid(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 3


def test_a_terminal_that_is_closed_takes_along_what_does_not_read_it(program, tmp_path):
    beats = tmp_path / "beats"
    path = program(
        "import time\n"
        f"open({str(beats)!r}, 'w').close()\n"
        "print('ready')\n"
        "while True:\n"
        f"    with open({str(beats)!r}, 'a') as f:\n"
        "        f.write('.')\n"
        "    time.sleep_ms(20)\n"
    )
    # As make does, the first process on the terminal hears of it and waits for its child.
    t = Terminal(f"trap : HUP; '{sys.executable}' '{RUN}' '{path}'; true")
    t.expect("ready")
    os.close(t.board)
    os.close(t.host)
    deadline = time.monotonic() + 20
    while True:
        before = beats.stat().st_size
        time.sleep(0.5)
        if beats.stat().st_size == before:
            break
        assert time.monotonic() < deadline, "the program still runs"
    t.process.wait(30)
