"""The host command on an emulated Pico: deployment, with and without power, and the verbs.

All in real time: the copy has deadlines on both sides of the line.
"""

import json
import pathlib
import random
import shutil
import sys
import time

import pytest
from board import Board

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "host"))

import hostcommand  # noqa: E402 - in tests/host

SLOW = 600  # s; only a failing test waits that long

PAIR = """
from aiopair.other import VERSION as OTHER
VERSION = %d
"""
MAIN = """
import asyncio, aioctl, aiolog, aiorepl, aiopair
aioctl.set_log(aiolog.AioStream(1000))
n = 0
async def versions():
    return [%d, aiopair.VERSION, aiopair.OTHER]
async def count():
    global n
    while True:
        n += 1
        await asyncio.sleep_ms(20)
async def faulty():
    raise ValueError("no LED")
async def main():
    aioctl.add(versions)
    aioctl.add(count)
    aioctl.add(faulty, restart="no")
    aioctl.add(aiorepl.task, name="repl")
    await asyncio.gather(*aioctl.tasks())
asyncio.run(main())
"""


def project(path, version):
    """A small project in the folder `path`, all of whose files tell the version."""
    other = "VERSION = %d\nDATA = %r\n" % (version, random.Random(version).randbytes(2000))
    files = {
        "package.json": '{"urls": [["aioctl.py", "aioctl.py"]]}',
        "aioctl.py": (ROOT / "aioctl.py").read_text(),
        "main.py": MAIN % version,
        "lib/aiopair/__init__.py": PAIR % version,
        "lib/aiopair/other.py": other,
    }
    for name, text in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)
    return path


class Host:
    """The host command at a board, and what it says of it."""

    def __init__(self, board):
        self.board = board
        board.speed = 1

    def __call__(self, *arguments):
        """Run it to its end."""
        return hostcommand.aioctl("-p", self.board.device, *arguments, timeout=SLOW)

    def deploy(self, folder, *arguments):
        """Deploy the project in this folder."""
        return self("deploy", "--project", folder, *arguments)

    def versions(self):
        """What main.py and the two files of the package are, once the board is up."""
        until = time.monotonic() + SLOW
        while (result := self("status", "--json")).code == 3 and time.monotonic() < until:
            pass
        return json.loads(result.json["versions"]["result"])

    def files(self):
        """All files on the board, {path: size}."""
        code = (
            "import os\n"
            "def walk(p):\n"
            "    for name, kind, _, size in os.ilistdir(p):\n"
            "        path = p + '/' + name\n"
            "        if kind == 0x4000: walk(path)\n"
            "        else: print(path, size)\n"
            "walk('')\n"
        )
        lines = self.board.mpremote("resume", "exec", code, timeout=SLOW).stdout.splitlines()
        return {path: int(size) for path, size in (line.rsplit(" ", 1) for line in lines)}


# -- a board with the modules, and version 1 of the small project


@pytest.fixture(scope="session")
def version_1(image, tmp_path_factory):
    """A flash with it, deployed by the command; and what that said."""
    folder = tmp_path_factory.mktemp("deployed")
    shutil.copy(image, folder / "flash")
    board = Board(folder / "flash")
    host = Host(board)
    with board:
        result = host.deploy(project(folder / "project", 1))
    return folder / "flash", result


@pytest.fixture
def host(version_1, tmp_path):
    """The command at such a board, which is off."""
    shutil.copy(version_1[0], tmp_path / "flash")
    board = Board(tmp_path / "flash")
    yield Host(board)
    board.cut_power()


@pytest.fixture
def version_2(tmp_path):
    return project(tmp_path / "project", 2)


# -- deployment


def test_deploy_copies_what_is_missing_resets_and_shows_the_status(version_1):
    result = version_1[1]
    assert result.code == 0, result.err
    # The modules were there already; of the user's own main.py a copy is kept.
    assert "copied 3 files" in result.err and "; 1 of 4 were there already\n" in result.err
    assert "the former main.py is kept as main.py.old\n" in result.err
    names = [line.split()[:2] for line in result.out.splitlines()[1:]]
    assert names == [["count", "running"], ["faulty", "error"], ["repl", "running"]] + [
        ["versions", "done"]
    ]


def test_the_first_deployment_on_a_new_board_and_the_second_that_copies_nothing(board, tmp_path):
    # By a socket, which a reset of the board closes, as USB does.
    board.tcp = True
    host = Host(board)
    whole = tmp_path / "project"
    shutil.copytree(ROOT / "lib", whole / "lib")
    for path in [*ROOT.glob("*.py"), ROOT / "package.json"]:
        shutil.copy(path, whole)
    with board:
        first = host.deploy(whole)
        assert first.code == 0, first.err
        assert " files, " in first.err and "; 0 of " in first.err
        tasks = {line.split()[0] for line in first.out.splitlines()[1:]}
        assert {"repl", "schedule_loop", "watcher_loop"} <= tasks
        before = host("status", "repl", "--json").json
        second = host.deploy(whole)
        assert (second.code, second.err[:16]) == (0, "nothing to copy:")
        after = host("status", "repl", "--json").json
    # The program went on.
    assert (after["starts"], after["since"]) == (1, before["since"])


def test_a_dry_run_writes_nothing(host, version_2):
    with host.board:
        assert host.versions() == [1, 1, 1]
        before = host.files()
        lines = host.deploy(version_2, "--dry-run").text.splitlines()
        assert host.files() == before
    assert [line.split()[:2] for line in lines[1:-1]] == [
        ["keep", "aioctl.mpy"],
        ["replace", "lib/aiopair/__init__.mpy"],
        ["replace", "lib/aiopair/other.mpy"],
        ["replace", "main.py"],
    ]
    assert lines[-1].startswith("3 of 4 files to copy, ")


def test_a_program_without_a_repl_gives_way_to_a_deployment(board, version_2, tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "main.py").write_text("while True: pass\n")
    host = Host(board)
    board.start()
    board.put(folder)
    board.cut_power()
    with board:
        assert host("status").code == 3
        # Without what it imports the new program ends at once, which is told.
        result = host.deploy(version_2)
    assert ": no answer: ending the program with Ctrl-C\n" in result.err
    assert "ImportError: no module named 'aiolog'\n" in result.err
    assert result.code == 4


# -- power cuts


@pytest.fixture(scope="session")
def writes(version_1, tmp_path_factory):
    """How many writes to flash the update to version 2 takes, with the start before it."""
    folder = tmp_path_factory.mktemp("writes")
    shutil.copy(version_1[0], folder / "flash")
    host = Host(Board(folder / "flash"))
    host.board.start()
    assert host.deploy(project(folder / "project", 2), "--no-reset").code == 0
    return int(host.board.stop()["flash_ops"])


def cut_and_go_on(host, version_2, write):
    """Lose power in that write of an update; the versions after it, and after the next one."""
    host.board.start(cut=write)
    result = host.deploy(version_2, "--no-reset")
    assert result.code in (0, 3), result.err
    host.board.cut_power()
    host.board.start()
    first = host.versions()
    again = host.deploy(version_2)
    assert again.code == 0, again.err
    assert host.versions() == [2, 2, 2]
    assert not [path for path in host.files() if path.endswith((".new", ".half"))]
    return first


@pytest.mark.parametrize("part", [0.4, 0.6])
def test_power_lost_during_the_copy_leaves_the_old_program(host, version_2, writes, part):
    assert cut_and_go_on(host, version_2, int(writes * part)) == [1, 1, 1]


@pytest.mark.parametrize("before_end", [9, 6, 4, 2, 0])
def test_power_lost_while_files_change_places_leaves_no_mixture(
    host, version_2, writes, before_end
):
    assert cut_and_go_on(host, version_2, writes - before_end) in ([1, 1, 1], [2, 2, 2])


# -- the verbs


def test_the_verbs_look_and_act_while_the_tasks_go_on(host):
    with host.board:
        assert host.versions() == [1, 1, 1]
        before = int(host.board.mpremote("resume", "eval", "n").stdout)
        rows = {line.split()[0]: line.split()[1] for line in host("status").text.splitlines()}
        assert rows["count"] == "running" and rows["faulty"] == "error"
        assert host("result", "versions").text == "[1, 1, 1]\n"
        assert host("result", "faulty").refused(1) == "faulty failed: ValueError: no LED"
        assert host("traceback", "faulty").text.splitlines()[-1] == "ValueError: no LED"
        assert "no LED" in host("log").text
        assert int(host.board.mpremote("resume", "eval", "n").stdout) > before
        assert host("stop", "count").text == "count: stopped\n"
        assert host("start", "count").text == "count: running\n"
        assert host("restart", "versions").text == "versions: done\n"
        assert host("status", "versions", "--json").json["starts"] == 2
