"""What the board tests share: an emulated Pico, bare or with the modules on its flash.

`make test-board` runs them. A board is switched off when its test begins (`board.start()`), keeps
its files in a folder of the test, and waits in virtual time: `board.speed = 1` before the start
gives it the time of the wall. tools/firmware/board.py says what else it can do.
"""

import pathlib
import shutil
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "firmware"))

from board import Board, BoardError, compile_modules, missing  # noqa: E402


@pytest.fixture(scope="session")
def image(tmp_path_factory):
    """A flash as a deployment leaves it: the four modules and lib/, boot.py and main.py."""
    folder = tmp_path_factory.mktemp("modules")
    compile_modules(folder)
    for name in ("boot.py", "main.py"):
        shutil.copy(ROOT / name, folder)
    flash = tmp_path_factory.mktemp("flash") / "image"
    with empty_board(flash) as board:
        board.put(folder)
    return flash


@pytest.fixture
def board(tmp_path):
    """A Pico with an empty filesystem."""
    board = empty_board(tmp_path / "flash")
    yield board
    board.cut_power()


@pytest.fixture
def deployed(tmp_path, image):
    """A Pico with aioctl and its default program."""
    shutil.copy(image, tmp_path / "flash")
    board = empty_board(tmp_path / "flash")
    yield board
    board.cut_power()


def empty_board(flash):
    """A Pico in virtual time; BoardError with the way to get it where parts are missing."""
    if missing():
        raise BoardError(missing())
    return Board(flash=flash, speed=0)
