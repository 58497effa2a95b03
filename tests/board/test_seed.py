"""The full example of aioschedule's documentation on a Pico, used as a person would."""

import re

import pytest
from board import ROOT

STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
RULE = "<" + "-" * 80 + ">"


def ask(console, line, mark=">>> "):
    """Type a line at the prompt; returns what is printed, without colours and the echo."""
    console.send(f"{line};print('the', 'end')\r")
    text = console.expect("the end\r\n").decode()
    console.expect(mark)
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text).replace("\r", "")
    return text.partition("'end')\n")[2]


def status(console, name=""):
    """The blocks of status(), by the name of the task."""
    text = ask(console, f"aioctl.status({name!r})")
    blocks = [block.strip("\n") for block in text.split(RULE)]
    return {block.split(":")[0].replace("● ", ""): block for block in blocks if block}


def matches(block, *lines):
    """Assert that the lines of a block fit: STAMP and AGE stand for a time and a while."""
    for line, found in zip(lines, block.split("\n"), strict=True):
        pattern = re.escape(line).replace("STAMP", STAMP).replace("AGE", r"(\d+ s|[\d:]{8})")
        assert re.fullmatch(pattern, found.rstrip()), (line, found)


@pytest.fixture
def console(deployed, tmp_path):
    """The REPL of the example, which was copied to the board byte for byte as its main.py."""
    program = (ROOT / "tests" / "compat" / "seed_example.py").read_bytes()
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "main.py").write_bytes(program)
    deployed.start()
    deployed.put(tmp_path / "files")
    deployed.cut_power()
    deployed.speed = 1
    deployed.start()
    with deployed.console() as console:
        console.expect("starting tasks...\r\n")
        console.expect("Starting asyncio REPL...\r\n")
        console.expect(">>> ")
        yield console


def test_the_example_runs_and_status_tells_before_and_after_the_first_run(console):
    ask(console, "import aioctl")
    blocks = status(console)
    assert list(blocks) == ["repl", "schedule_loop", "test", "test_from", "watcher_loop"]
    for name in ("repl", "schedule_loop", "watcher_loop"):
        matches(blocks[name], f"● {name}: status: running since STAMP; AGE ago")
    for name in ("test", "test_from"):
        matches(
            blocks[name],
            f"● {name}: status: scheduled @ STAMP --> result:",
            "    ┗━► schedule: starts in AGE @ STAMP",
        )
    for name, text in (("test", "world, 10"), ("test_from", "from, 20")):
        assert ask(console, f"print(await aioctl.join({name!r}))") == "42\n"
        matches(
            status(console, name)[name],
            f"● {name}: status: scheduled - done @ STAMP; AGE ago --> result: 42",
            "    ┗━► schedule: last @ STAMP --> next in AGE @ STAMP",
            f"STAMP [rp2] [INFO] [{name}] start: hello {text}",
            f"STAMP [rp2] [INFO] [{name}] done: hello {text}",
        )
