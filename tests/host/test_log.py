"""The log at the REPL, on a real terminal."""

import pytest
from ptyboard import MICROPYTHON, Terminal

PROGRAM = """
import asyncio, logging
import aioctl, aiorepl
from aiolog import streamlog

logging.basicConfig(
    format="[%(levelname)s] [%(taskName)s] %(message)s", level=logging.INFO, stream=streamlog
)
aioctl.set_log(streamlog)

async def sensor(n):
    while True:
        logging.info("value %d" % n)
        logging.error("alarm %d" % n)
        n += 10
        await asyncio.sleep_ms(50)

async def main():
    aioctl.add(sensor, 1, name="sensor_1")
    aioctl.add(sensor, 2, name="sensor_2")
    aioctl.add(sensor, 3, name="pump")
    aioctl.add(aiorepl.task, name="repl")
    await asyncio.gather(*aioctl.tasks())

asyncio.run(main())
"""


@pytest.fixture
def repl(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    with Terminal([MICROPYTHON, str(path)], lines=500) as terminal:
        terminal.writes("--> ")
        yield terminal


def test_the_lines_of_tasks_are_followed_until_ctrl_c(repl):
    repl.send("await aioctl.follow('sensor*', level='ERROR')\r")
    repl.wait(lambda: sum("alarm" in line for line in repl.lines()) >= 12, "lines of the tasks")
    repl.send("\x03")
    repl.wait(lambda: repl.lines()[-1:] == ["-->"], "the prompt")
    lines = [line for line in repl.lines() if line.startswith("[")]
    for name, n in (("sensor_1", 1), ("sensor_2", 2)):
        own = [line for line in lines if f"[{name}]" in line]
        first = int(own[0].rsplit(" ", 1)[1])
        assert first % 10 == n
        assert own == [f"[ERROR] [{name}] alarm {first + 10 * i}" for i in range(len(own))]
        assert len(own) > 3
    assert all(line.startswith("[ERROR] [sensor_") for line in lines)
    repl.send("print([aioctl.state(n) for n in ('sensor_1', 'pump')])\r")
    repl.writes("['running', 'running']\r\n")


def test_the_log_is_shown_by_task_and_level(repl):
    repl.send("await asyncio.sleep(0.2); aioctl.log('p*', level='ERROR', last=2); print('end')\r")
    repl.wait(lambda: repl.lines()[-2:] == ["end", "-->"], "the end")
    shown = [line for line in repl.lines() if line.startswith("[")]
    assert len(shown) == 2
    assert all(line.startswith("[ERROR] [pump] alarm") for line in shown)
