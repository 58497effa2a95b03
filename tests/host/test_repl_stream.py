"""REPLs of `aiorepl` elsewhere than at the terminal: over TCP, and on a second line."""

import os
import pty
import socket
import subprocess
import sys
import time
import tty

import pytest
from ptyboard import MICROPYTHON, ROOT, TIMEOUT, Terminal

SERVER = ROOT / "tests" / "host" / "programs" / "repl_server.py"
START = "Starting asyncio REPL..."


def free_port():
    """Two ports in a row that nobody listens at."""
    for port in range(20000 + os.getpid() % 1000 * 20, 60000, 2):
        with socket.socket() as a, socket.socket() as b:
            try:
                a.bind(("127.0.0.1", port))
                b.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
    raise OSError("no free port")


class Session:
    """A connection, with what came over it in `.text`."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        self.text = b""

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.socket.close()

    def send(self, text):
        self.socket.sendall(text.encode())

    def read(self, text):
        """Wait for `text`; returns what came before it."""
        text = text.encode()
        while text not in self.text:
            data = self.socket.recv(4096)
            assert data, self.text
            self.text += data
        before, _, self.text = self.text.partition(text)
        return before.decode("utf-8", "replace")

    def run(self, line):
        """Type a command at the prompt; returns what it writes."""
        self.send(line + "\r")
        self.read(line + "\r\n")
        return self.read("--> ").replace("\r\n", "\n")

    def ended(self):
        """Wait until the other side hangs up."""
        try:
            while self.socket.recv(4096):
                pass
        except ConnectionError:
            pass
        return True


class Server(Terminal):
    """The program; `connect()` gives a session at its prompt."""

    def __init__(self, line=""):
        self.port = free_port()
        env = {"PORT": str(self.port), "LINE": line}
        super().__init__([MICROPYTHON, str(SERVER)], env=env)
        self.shows(START, "-->")

    def connect(self, which=0):
        deadline = time.monotonic() + TIMEOUT
        while True:
            try:
                session = Session(self.port + which)
                break
            except ConnectionRefusedError:  # not yet: it hashes its password first
                assert time.monotonic() < deadline
        if not which:
            session.read(START + "\r\n--> ")
        return session

    def run(self, line):
        """Type a command at the terminal of the program."""
        self.send(line + "\r")
        self.writes(line + "\r\n")
        self.wait(lambda: b"\r\n--> " in b"\r\n" + self.output, "expected a prompt")
        text, _, self.output = (b"\r\n" + self.output).partition(b"\r\n--> ")
        return text.decode()[2:]


@pytest.fixture
def server():
    with Server() as server:
        yield server


def login(session, password):
    session.read("Password: ")
    session.send(password + "\r\n")


def test_sessions_have_their_own_output_names_and_history(server):
    with server.connect() as a, server.connect() as b:
        assert a.run("x = 5; x + 1") == "6\n"
        assert a.run("_ * 2") == "12\n"
        assert "NameError" in b.run("x")
        assert "6" not in b.run("_")
        assert a.run("tell('me')") == "told me\n"  # a function of the program prints
        assert a.run("await asyncio.sleep_ms(1); tell('later')") == "told later\n"
        assert b.run("n > 0") == "True\n"
        a.send("\x1b[A\r")
        a.read("told later\r\n--> ")
        b.send("\x1b[A\r")
        b.read("True\r\n--> ")
    assert "NameError" in server.run("x")
    assert not any("told" in line for line in server.lines())
    assert server.run("tell('here')") == "told here"


def test_a_command_ends_by_ctrl_c_and_with_its_connection(server):
    with server.connect() as a:
        a.send("await asyncio.sleep(99)\r\n1 +")
        a.read("sleep(99)\r\n")
        a.send("\x03")
        a.read("KeyboardInterrupt: \r\n--> 1 +")
        a.send(" 1\r")
        a.read("2\r\n--> ")
        a.send("try:\n  log.append('begun')\n  await asyncio.sleep(99)\n")
        a.send("finally: log.append('ended')\n\n")
        server.wait(lambda: server.run("log") == "['begun']", "expected the beginning")
    server.wait(lambda: server.run("log") == "['begun', 'ended']", "expected the end")


def test_ctrl_c_at_the_terminal_interrupts_a_session_that_blocks(server):
    with server.connect() as a:
        a.send("tell('on'); x = sum(0 for i in range(10**9))\r")
        a.read("told on\r\n")
        server.send("\x03")
        assert a.read("--> ").endswith("KeyboardInterrupt: \r\n")
        assert server.run("n > 0") == "True"
        assert a.run("1") == "1\n"


def test_the_end_of_a_session_is_not_the_end_of_the_program(server):
    for keys in ("\x04", "import sys; sys.exit(3)\r", "raise SystemExit\r"):
        with server.connect() as a:
            a.send(keys)
            assert a.ended()
    for _ in range(3):
        with server.connect() as a:
            a.send("print('x' * 10)\r" * 50)  # gone before it is read
    assert server.run("1 + 1") == "2"


def test_who_does_not_read_is_taken_as_gone(server):
    with server.connect() as a:
        a.send("for i in range(100000): print('x' * 1000)\r")
        a.read("x" * 1000)
        a.read("x" * 1000)  # it has begun, and reads no more
        server.send("k = n; await asyncio.sleep_ms(50); print('alive', n > k)\r")
        server.writes("\r\nalive True\r\n")
        assert a.ended()


def test_a_shutdown_typed_at_a_session_spares_its_server(server):
    port = free_port()  # another one, of a server that is a task of aioctl
    server.run("import aioctl")
    server.run(f"_ = [aioctl.add(aiorepl.serve, {port}, name='server'), aioctl.add(count)]")
    with server.connect(port - server.port) as a:
        a.read(START + "\r\n--> ")
        assert a.run("import aioctl; await aioctl.shutdown(5)") == "[]\n"
        assert a.run("aioctl.state('server'), aioctl.state('count')") == "('running', 'stopped')\n"


def test_the_oldest_session_makes_room_for_one_more(server):
    with server.connect() as a, server.connect() as b, server.connect() as c:
        with server.connect() as d:
            assert a.ended()
            for session in (b, c, d):
                assert session.run("1") == "1\n"


def test_the_line_is_edited_over_the_connection(server):
    with server.connect() as a:
        a.send("prit('x')" + "\x1b[D" * 6 + "n\r")
        assert a.read("\r\nx\r\n--> ")
        a.send("if n:\r")
        a.read("... " + " " * 4)
        a.send("tell('block')\r\r")
        a.read("\r\ntold block\r\n--> ")
        a.send("tel\t('é')\r")
        a.read("tell('é')\r\ntold é\r\n--> ")


def test_a_password_is_asked_for_and_never_shown(server):
    with server.connect(1) as a:
        for wrong in ("sesame", ""):
            login(a, wrong)
            assert "es" not in a.read("\r\nwrong\r\n")
        login(a, "sXX\x7f\x08ésame")
        a.read(START + "\r\n--> ")
        assert a.run("log") == "[]\n"
        assert "NameError" in a.run("tell")


def test_answers_of_telnet_are_no_part_of_the_password(server):
    with server.connect(1) as a:
        a.socket.sendall(b"\xff\xfd\x01\xff\xfd\x03s\xc3\xa9same\r\0")
        a.read(START)
        a.socket.sendall(b"if 1 + 1:\r\0")
        a.read("\n... " + " " * 4)
        a.socket.sendall(b"1 + 1\r\0")
        a.read("\n... " + " " * 4)
        a.socket.sendall(b"\r\0")
        a.read("\r\n2\r\n--> ")


def test_three_wrong_passwords_close_the_connection(server):
    with server.connect(1) as a:
        for _ in range(3):
            login(a, "x" * 200)
        assert a.ended()
    with server.connect(1) as a:
        login(a, "\x04")
        assert a.ended()
    assert server.run("1 + 1") == "2"


def test_callers_without_a_password_do_not_lock_others_out_of_their_sessions(server):
    with server.connect(1) as inside:
        login(inside, "sésame")
        inside.read("--> ")
        with server.connect(1) as a, server.connect(1) as b:
            a.read("Password: ")
            b.read("Password: ")
            with server.connect(1) as late:
                late.read("busy\r\n")
                assert late.ended()
            assert inside.run("1") == "1\n"


def test_mpremote_works_over_tcp(server, tmp_path):
    def mpremote(*arguments):
        command = [
            sys.executable,
            "-m",
            "mpremote",
            "connect",
            f"socket://127.0.0.1:{server.port}",
        ]
        result = subprocess.run(
            [*command, "resume", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    assert mpremote("exec", "tell('é')") == "told é\n"
    assert mpremote("eval", "n > 0") == "True\n"
    data = bytes(range(256)) * 20
    (tmp_path / "up").write_bytes(data)
    mpremote("cp", str(tmp_path / "up"), f":{tmp_path}/there")
    mpremote("cp", f":{tmp_path}/there", str(tmp_path / "down"))
    assert (tmp_path / "down").read_bytes() == data
    assert server.run("1 + 1") == "2"


def test_a_second_line_has_a_repl_of_its_own():
    master, slave = pty.openpty()
    tty.setraw(slave)
    try:
        with Server(os.ttyname(slave)) as server:
            text = b""

            def run(line, last):
                nonlocal text
                os.write(master, line)
                deadline = time.monotonic() + TIMEOUT
                while last not in text:
                    assert time.monotonic() < deadline, text
                    text += os.read(master, 4096)
                text = text.partition(last)[2]

            run(b"", START.encode() + b"\r\n--> ")
            run(b"tell('uart')\r", b"tell('uart')\r\ntold uart\r\n--> ")
            run(b"x = await asyncio.sleep(0) or 7; x\r", b"\r\n7\r\n--> ")
            assert "NameError" in server.run("x")
            run(b"\x04", b"\r\n")
            assert server.run("1 + 1") == "2"
    finally:
        os.close(master)
        os.close(slave)
