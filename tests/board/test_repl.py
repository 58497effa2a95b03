"""The REPL on an emulated Pico: over its USB line, as a person types and as mpremote speaks.

In real time: mpremote has deadlines on its side of the line.
"""

import random

import pytest
from board import BoardTimeout

PROMPT = "\r\n--> "
SLOW = 600  # s; only a failing test waits that long

MAIN = """
import asyncio, aioctl, aiorepl
turns = 0
async def count():
    global turns
    while True:
        turns += 1
        await asyncio.sleep_ms(10)
async def main():
    aioctl.add(count)
    aioctl.add(aiorepl.task, name="repl", history="/history")
    await asyncio.gather(*aioctl.tasks())
asyncio.run(main())
"""


@pytest.fixture
def repl(deployed, tmp_path):
    """A board whose main.py is MAIN; `at_prompt()` gives its line."""
    deployed.start()
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "main.py").write_text(MAIN)
    # Its power is cut soon after each start: that is no failure of the program.
    (folder / "config.json").write_text('{"boot": {"tries": 0}}')
    deployed.put(folder)
    deployed.cut_power()
    deployed.speed = 1
    deployed.start()
    return deployed


def at_prompt(board):
    """The board's line, once it shows the prompt."""
    console = board.console()
    for _ in range(60):
        console.send("\x15\r")
        try:
            console.expect(PROMPT, timeout=1)
            break
        except BoardTimeout:
            pass
    else:
        raise AssertionError("no prompt")
    console.send("'he' + 're'\r")
    console.expect("'here'" + PROMPT)
    return console


def alive(console):
    """The task goes on."""
    console.send("k = turns; await asyncio.sleep_ms(200); turns > k\r")
    assert console.expect(PROMPT, SLOW).decode().endswith("\r\nTrue")


def test_a_person_types_at_the_board(repl):
    with at_prompt(repl) as console:
        console.send("aioctl.stat\te('cou\t')\r")
        console.expect("aioctl.state('count')\r\n'running'" + PROMPT)
        console.send("for i in (1, 2):\r")
        console.expect("...     ")
        console.send("x = await asyncio.sleep_ms(i) or i * 7; print(x)\r")
        console.expect("...     ")
        console.send("\r")
        console.expect("\r\n7\r\n14" + PROMPT)
        console.send("for i in range(10**9): i == 7 and print('begun')\r")
        console.expect("\r\nbegun\r\n")
        console.send("\x03")
        console.expect("KeyboardInterrupt: " + PROMPT)
        alive(console)


def test_the_history_is_there_after_the_power_was_cut(repl):
    with at_prompt(repl) as console:
        console.send("'zaż' + 'ółć'\r")
        console.expect(PROMPT)
    repl.cut_power()
    repl.start()
    with at_prompt(repl) as console:
        console.send("\x12zaż")
        console.expect("'zaż' + 'ółć'")
        console.send("\r")
        console.expect("'za\\u017c\\xf3\\u0142\\u0107'" + PROMPT)


def test_mpremote_copies_files_while_a_task_has_its_turns(repl, tmp_path):
    data = random.Random(1).randbytes(4000)
    (tmp_path / "up").write_bytes(data)

    def count():
        done = repl.mpremote("resume", "eval", "turns", timeout=SLOW)
        assert done.returncode == 0, done.stdout
        return int(done.stdout)

    with at_prompt(repl):
        pass
    before = count()
    for arguments in (
        ("resume", "cp", str(tmp_path / "up"), ":there"),
        ("resume", "cp", ":there", str(tmp_path / "down")),
        ("resume", "sha256sum", ":there"),
        ("resume", "rm", ":there"),
    ):
        done = repl.mpremote(*arguments, timeout=SLOW)
        assert done.returncode == 0, done.stdout
    assert (tmp_path / "down").read_bytes() == data
    # 16 pieces each way: it has several turns between any two of them.
    assert count() > before + 100
    with at_prompt(repl) as console:
        alive(console)


def test_the_clock_and_the_free_space_are_told_to_mpremote(repl):
    with at_prompt(repl):
        pass
    repl.mpremote("rtc", "--set", timeout=SLOW)
    assert repl.mpremote("rtc", timeout=SLOW).stdout.startswith("(20")
    assert "filesystem" in repl.mpremote("df", timeout=SLOW).stdout
    with at_prompt(repl) as console:
        alive(console)
