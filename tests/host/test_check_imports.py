"""The import directions: each kind of violation, planted in a small tree, is found."""

import pathlib
import subprocess
import sys

import pytest

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools" / "check_imports.py"

ALLOWED = {
    "aioctl.py": "import sys, time, asyncio\n"
    "def f():\n    import aiostore\n    import aioschedule\n",
    "aioschedule.py": "import aioctl\nimport heapq\ndef f():\n    from aiotrigger import Cron\n",
    "aiolog.py": "import io\n",
    "aiorepl.py": "import micropython\n",
    "boot.py": "import machine\n",
    "main.py": "import boot, aioctl, aioschedule, aiolog, aiorepl, logging\n",
    "lib/logging.py": "import sys\n",
    "lib/aiotrigger/__init__.py": "from .cron import Cron\nimport aiotrigger.cron\n_x = 1\n",
    "lib/aiotrigger/cron.py": "import time, aioctl\nimport aiotrigger\ny = aiotrigger._x\n",
    "lib/aiostore/__init__.py": "import aiotrigger, aioctl, aioschedule\naioctl.info()\n"
    "aioctl._AIOCTL_LOG.write('')\nfrom aioschedule import _AIOCTL_SCHEDULE_T0, schedule\n",
    "lib/aiostore/manifest.py": 'require("aiotrigger")\npackage("aiostore")\n',
    "examples/blink.py": "import aioctl\nprint(aioctl.__name__)\n",
    "tests/device/test_a.py": "import support, aiotrigger, aioctl\naioctl._AIOCTL_GROUP\n",
    "tests/host/test_b.py": "import typing, logging\n",
    "tests/host/programs/run.py": "import boot, main, aioctl, aiolog, aiotrigger, logging\n"
    "from aioschedule import schedule\naioctl._AIOCTL_LOG\n",
}

# file, a line put at its end, what the tool says of it
VIOLATIONS = [
    ("aioctl.py", "import aioschedule", "aioctl must not import aioschedule at start"),
    ("aioctl.py", "from aiolog import x", "aioctl must not import aiolog at start"),
    ("aioctl.py", "try:\n    import aiolog\nexcept ImportError:\n    pass", "aiolog at start"),
    ("aioctl.py", "class A:\n    import aiolog", "aioctl must not import aiolog at start"),
    ("aioctl.py", "m = __import__('aiorepl')", "aioctl must not import aiorepl at start"),
    ("aioctl.py", "import aiostore", "aioctl must import aiostore of lib/ on use"),
    ("aioctl.py", "def g():\n    import main", "aioctl must not import main on use"),
    ("aioschedule.py", "import aiolog", "aioschedule must not import aiolog at start"),
    ("aioschedule.py", "def g():\n    import aiolog", "aioschedule must not import aiolog on use"),
    ("aioschedule.py", "import functools", "MicroPython has no functools"),
    ("aiolog.py", "import aioctl", "aiolog must not import aioctl at start"),
    ("aiolog.py", "async def g():\n    import aiorepl", "aiolog must not import aiorepl on use"),
    ("aiorepl.py", "import aioctl", "aiorepl must not import aioctl at start"),
    ("boot.py", "import main", "boot must not import main at start"),
    ("lib/aiotrigger/cron.py", "import aiostore", "manifest.py does not require aiostore"),
    ("lib/aiotrigger/cron.py", "def g():\n    import aiostore", "does not require aiostore"),
    ("lib/aiotrigger/cron.py", "import lib.aiostore", "import aiostore by its bare name"),
    ("lib/aiotrigger/cron.py", "z = aioctl._tasks", "aioctl._tasks is private"),
    ("lib/aiotrigger/cron.py", "from aioctl import _tasks", "aioctl._tasks is private"),
    ("lib/aiostore/__init__.py", "aiotrigger._x", "aiotrigger._x is private"),
    ("lib/aiostore/__init__.py", "aioctl._AIO", "aioctl._AIO is private"),
    ("lib/aiostore/__init__.py", "import main", "nobody imports main"),
    ("lib/logging.py", "import aiotrigger", "does not require aiotrigger"),
    ("examples/blink.py", "import host.cli", "board code must not import host"),
    ("examples/blink.py", "aioctl._tasks", "aioctl._tasks is private"),
    ("tests/device/test_a.py", "import tools.size", "board code must not import tools"),
    ("tests/device/test_a.py", "import aiotrigger as t\nt._x", "aiotrigger._x is private"),
    ("tests/host/test_b.py", "import aioctl", "host code must not import aioctl"),
    ("tests/host/test_b.py", "from tools import size", "nobody imports tools"),
    ("tests/host/programs/run.py", "aioctl._tasks", "aioctl._tasks is private"),
    ("aiolog.py", "import (", "syntax: "),
]


def check(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    command = [sys.executable, str(TOOL), str(root)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.stderr == ""
    return result.returncode, result.stdout


def test_a_tree_in_order_passes(tmp_path):
    assert check(tmp_path, ALLOWED) == (0, "")


@pytest.mark.parametrize(("name", "line", "message"), VIOLATIONS)
def test_a_planted_violation_is_found(tmp_path, name, line, message):
    code, output = check(tmp_path, {**ALLOWED, name: f"{ALLOWED[name]}{line}\n"})
    assert code == 1
    assert output.startswith(f"{name}:")
    assert message in output
    assert output.count("\n") == 1


def test_files_that_are_not_there_yet_are_no_problem(tmp_path):
    assert check(tmp_path, {"aioctl.py": "import time\n"}) == (0, "")
