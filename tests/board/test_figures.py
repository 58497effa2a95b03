"""What the modules cost on a Pico: bench/pico.py against its goals."""

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
