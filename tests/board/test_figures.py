"""What the modules cost on a Pico: bench/pico.py against its goals."""

import json
import subprocess
import sys

import pytest
from board import ROOT

sys.path.insert(0, str(ROOT / "bench"))

import pico


@pytest.fixture(scope="module")
def found():
    return pico.measure()


@pytest.mark.parametrize("goal", pico.GOALS, ids=lambda goal: f"{goal[0]}, {goal[1]}")
def test_memory_in_use_keeps_to_its_limit(found, goal):
    assert not pico.misses(found, [goal])


def test_make_size_tells_what_each_module_costs_on_each_platform():
    run = [sys.executable, ROOT / "tools" / "size.py", "--json"]
    told = subprocess.run(run, stdout=subprocess.PIPE, text=True, check=True).stdout
    report = json.loads(told)
    columns = {".py", ".mpy", "64-bit", "32-bit", "Pico", "frozen"}
    names = {"aioctl", "aioschedule", "aiolog", "aiorepl"}
    names |= {path.name.removesuffix(".py") for path in (ROOT / "lib").iterdir()}
    assert set(report["modules"]) == names
    for name, cells in report["modules"].items():
        assert set(cells) == columns and min(cells.values()) > 0, (name, cells)
    for what in report["tasks"].values():
        assert set(what) == columns - {".py", ".mpy"} and min(what.values()) > 0
    # The Pico of these tests has no network.
    assert {line.split(": ")[1] for line in report["lacking"]} == {"without aiosink.syslog"}
