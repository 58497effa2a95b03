"""The default program and the examples, each started as `make run` does."""

import subprocess
import sys

import pytest
from ptyboard import ROOT

PROGRAMS = [ROOT / "main.py", *sorted((ROOT / "examples").glob("*.py"))]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.name)
def test_a_program_takes_commands_from_a_pipe_and_ends_with_exit_code_0(program):
    commands = (
        "import aioctl, asyncio\n"
        "await asyncio.sleep(2.5)\n"
        "aioctl.status()\n"
        "[n for n, i in aioctl.info().items() if i['state'] in ('stuck', 'gave-up')]\n"
        "40 + 2\n"
    )
    result = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "run.py"), str(program)],
        input=commands,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=30,
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert "● repl: status: running since " in result.stdout
    assert "● watcher_loop: status: running since " in result.stdout
    assert "--> next in " in result.stdout, result.stdout
    assert "\n[]\n" in result.stdout
    assert "\n42\n" in result.stdout
    assert "Traceback" not in result.stdout
