"""tools/firmware: what it says where a firmware, a package or the emulator is missing."""

import subprocess
import sys

import pytest
from test_collector import ROOT

sys.path.insert(0, str(ROOT / "tools" / "firmware"))

import board

import build

BUILD = ROOT / "tools" / "firmware" / "build.py"


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A folder in which nothing is built yet."""
    monkeypatch.setattr(build, "ROOT", tmp_path)
    monkeypatch.setattr(build, "OUT", tmp_path / "build")
    monkeypatch.setattr(build, "LOG", tmp_path / "build" / "log")
    return tmp_path


def refusal(capsys, *names):
    """What build.py says instead of building."""
    assert build.main(names) == 1
    output, errors = capsys.readouterr()
    assert not output
    assert errors.count("\n") == 1
    return errors


@pytest.mark.parametrize("arguments", [[], ["esp32"]])
def test_what_cannot_be_built_is_refused(arguments):
    done = subprocess.run([sys.executable, BUILD, *arguments], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "usage: build.py pico|frozen|unix32 ...\n"


def test_another_system_than_debian_is_told_what_would_do(elsewhere, monkeypatch, capsys):
    monkeypatch.setattr(build, "release", lambda key: "fedora")
    said = refusal(capsys, "pico")
    assert said.startswith("firmware: pico.uf2 is built from packages of Debian 12 or later on ")
    assert "a container will do" in said


def test_missing_packages_are_named_in_the_command_that_installs_them(
    elsewhere, monkeypatch, capsys
):
    monkeypatch.setattr(build, "release", {"ID": "debian"}.get)
    monkeypatch.setattr(build, "PACKAGES", ("no-such-package",))
    monkeypatch.setattr(build, "TARGETS", {"pico": build.TARGETS["pico"]._replace(packages=())})
    monkeypatch.setattr(build.sys.modules["bootstrap"], "root_prefix", lambda: None)
    assert build.main(["pico"]) == 1
    said = capsys.readouterr().err
    assert "run `sudo apt-get install no-such-package`, then make again\n" in said


def test_a_path_with_blanks_is_refused_before_anything_is_built(elsewhere, monkeypatch, capsys):
    monkeypatch.setattr(build, "release", {"ID": "debian"}.get)
    monkeypatch.setattr(build, "ROOT", elsewhere / "a b")
    assert "path with blanks" in refusal(capsys, "pico")


def test_without_a_firmware_one_sentence_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(board, "FIRMWARE", tmp_path)
    monkeypatch.setattr(board.importlib.util, "find_spec", lambda name: True)
    assert board.missing() == "no build/firmware/pico.uf2: `make firmware` builds it"
    monkeypatch.setattr(board.importlib.util, "find_spec", lambda name: None)
    assert "`make test-board` installs it" in board.missing()


def test_what_the_board_leaves_to_the_unix_port_exists():
    sys.path.insert(0, str(ROOT / "tests" / "board"))
    import suite

    for name in suite.UNIX_ONLY:
        file, _, function = name.partition("::")  # a name alone is a whole file
        assert f"def {function or 'test_'}" in (ROOT / "tests" / "device" / file).read_text(), name
