"""The full example of aioschedule's documentation, byte for byte, used as a person would."""

import os
import re
import subprocess
import sys

import pytest
from ptyboard import MICROPYTHON, ROOT, Terminal

sys.path.insert(0, str(ROOT / "tools" / "firmware"))

from board import compile_modules

STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
RULE = "<" + "-" * 80 + ">"


def status(t, name=""):
    """Type aioctl.status(); returns its blocks as lists of lines, without colours."""
    t.send(f"aioctl.status({name!r})\rprint('end', 'of', 'status')\r")
    t.writes(")\r\n")
    before = len(t.output)
    t.wait(lambda: b"\nend of status\r\n" in t.output, "expected status()")
    text, _, t.output = t.output.partition(b"\nend of status\r\n")
    assert before <= len(text) + len(t.output) + 20
    text = re.sub(r"\x1b\[[0-9;]*[mK]", "", text.decode()).replace("\r", "")
    text = text.partition("\n>>> print")[0].partition(">>> print")[0]
    blocks = [[]]
    for line in text.split("\n"):
        if line == RULE:
            blocks.append([])
        elif line.strip():
            blocks[-1].append(line)
    return {block[0].split(":")[0]: block for block in blocks if block}


def fits(lines, *patterns):
    """Assert that each line fits its pattern; `STAMP` stands for a date and a time."""
    assert len(lines) == len(patterns), lines
    for line, pattern in zip(lines, patterns):
        pattern = re.escape(pattern).replace("STAMP", STAMP).replace("AGE", r"(\d+ s|[\d:]{8})")
        assert re.fullmatch(pattern, line), (line, pattern)


SHOWN = """
import sys, aiolog
write = aiolog.streamlog.write
def show(line):
    sys.stdout.write(line)
    return write(line)
aiolog.streamlog.write = show
import seed_example
"""


@pytest.fixture(scope="module")
def in_64_kib(tmp_path_factory):
    """The example at work in a small heap."""
    folder = tmp_path_factory.mktemp("small")
    compile_modules(folder)
    program = ROOT / "tests" / "compat" / "seed_example.py"
    (folder / "seed_example.py").write_bytes(program.read_bytes())
    path = {"MICROPYPATH": f"{folder}:{folder / 'lib'}:.frozen"}
    # "w": twice that where a word is twice as long.
    with Terminal([MICROPYTHON, "-X", "heapsize=64wK", "-c", SHOWN], env=path, columns=120) as t:
        t.screen.write_process_input = lambda data: None  # a line with nobody at its other end
        yield t


@pytest.mark.usefixtures("in_64_kib")  # starts it now: both take half a minute
def test_the_example_runs_and_status_tells_before_between_and_after_the_first_runs():
    program = ROOT / "tests" / "compat" / "seed_example.py"
    command = [sys.executable, str(ROOT / "tools" / "run.py"), str(program)]
    with Terminal(command, columns=120, lines=60) as t:
        t.writes("starting tasks...\r\nStarting asyncio REPL...\r\n")
        t.send("import aioctl\r")

        blocks = status(t)
        names = ["repl", "schedule_loop", "test", "test_from", "watcher_loop"]
        assert list(blocks) == ["● " + n for n in names]
        for n in ("repl", "schedule_loop", "watcher_loop"):
            fits(blocks["● " + n], f"● {n}: status: running since STAMP; AGE ago")
        for n in ("test", "test_from"):
            fits(
                blocks["● " + n],
                f"● {n}: status: scheduled @ STAMP --> result: ",
                "    ┗━► schedule: starts in AGE @ STAMP",
            )

        t.send('await aioctl.join("test")\r')
        t.writes("\n42\r\n")
        blocks = status(t, "test*")
        said = "STAMP [linux] [INFO] [%s] %s: hello %s"
        after = ("    ┗━► schedule: last @ STAMP --> next in AGE @ STAMP",)
        fits(
            blocks["● test"],
            "● test: status: scheduled - done @ STAMP; AGE ago --> result: 42",
            *after,
            said.replace("linux", sys.platform) % ("test", "start", "world, 10"),
            said.replace("linux", sys.platform) % ("test", "done", "world, 10"),
        )
        assert "scheduled @" in blocks["● test_from"][0]

        t.send('await aioctl.join("test_from")\r')
        t.writes("\n42\r\n")
        fits(
            status(t, "test_from")["● test_from"],
            "● test_from: status: scheduled - done @ STAMP; AGE ago --> result: 42",
            *after,
            said.replace("linux", sys.platform) % ("test_from", "start", "from, 20"),
            said.replace("linux", sys.platform) % ("test_from", "done", "from, 20"),
        )

        t.send("\4")
        assert t.exit_code() == 0
        assert t.attributes() == t.before


LOGGING = """
import gc, sys, time
from aiolog import streamlog
def used():
    gc.collect()
    gc.collect()
    return gc.mem_alloc() * 4 // (8 if sys.maxsize > 1 << 40 else 4)
before = used()
import logging
logging.basicConfig(
    level=logging.INFO,
    format="%(asctime)s [%(name)s] [%(levelname)s] %(message)s",
    datefmt="%Y-%m-%d %H:%M:%S",
    stream=streamlog,
)
logging.getLogger("x").info("m")
print(used() - before)
"""


def test_logging_as_in_the_example_takes_at_most_7_kib(tmp_path):
    compile_modules(tmp_path)
    path = {"MICROPYPATH": f"{tmp_path}:{tmp_path / 'lib'}:.frozen"}
    command = [MICROPYTHON, "-c", LOGGING]
    result = subprocess.run(
        command, env={**os.environ, **path}, capture_output=True, text=True, timeout=60
    )
    assert result.stderr == "" and int(result.stdout) <= 7 * 1024, result.stdout


def test_the_example_runs_in_64_kib_in_all(in_64_kib):
    for text in ("world, 10", "from, 20"):
        in_64_kib.writes("start: hello " + text)
        in_64_kib.writes("done: hello " + text)
