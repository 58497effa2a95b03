"""bench/: the arithmetic, the table, the messages, and one cheap row on MicroPython."""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))

import lab  # noqa: E402
import rows  # noqa: E402


@pytest.fixture(scope="module")
def bench():
    """bench/run.py under a name of its own: tools/ has a run.py too."""
    spec = importlib.util.spec_from_file_location("bench_run", ROOT / "bench" / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def start(*arguments, **environment):
    return subprocess.run(
        [sys.executable, str(ROOT / "bench" / "run.py"), *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def trace(*calls):
    lines = ["7 %.6f %s" % call for call in calls]
    return "\n".join([*lines, "7 110.000000 +++ killed by SIGTERM +++"])


def test_wakeups_that_returned_in_the_window_are_extrapolated_to_an_hour():
    seen = trace(
        (99.0, "poll(NULL, 0, 500) = 0 (Timeout) <0.500000>"),  # before the window
        (99.5, "poll(NULL, 0, 5500) = 0 (Timeout) <5.500000>"),
        (105.0, "poll(NULL, 0, 0) = 0 (Timeout) <0.000010>"),  # in passing
        (105.0, "poll(NULL, 0, 60000) = ? ERESTART_RESTARTBLOCK (Interrupted) <5.0>"),
    )
    assert lab.hourly_wakeups(seen, window=10) == 360


@pytest.mark.parametrize(
    ("timeout_ms", "hourly"), [(7200000, 0), (-1, 0), (3600000, 0), (30000, 120)]
)
def test_wakeups_of_a_quiet_window_are_read_from_the_wait_in_force(timeout_ms, hourly):
    call = "poll(NULL, 0, %d) = ? ERESTART_RESTARTBLOCK (Interrupted) <9.0>" % timeout_ms
    assert lab.hourly_wakeups(trace((99.0, call)), window=10) == hourly


def test_wakeups_without_a_system_call_are_a_failure():
    with pytest.raises(lab.Failed, match="strace"):
        lab.hourly_wakeups("", window=10)


def finished(code, stdout, stderr=""):
    return subprocess.CompletedProcess([], code, stdout, stderr)


def test_figures_are_found_among_other_output():
    done = finished(0, 'hello\n@bench {"bytes": 4}\nTask exception\n')
    assert lab.figures("x", done) == {"bytes": 4}


@pytest.mark.parametrize(
    "done",
    [
        finished(1, '@bench {"bytes": 4}', "Traceback:\nValueError: no\n\n"),
        finished(0, "nothing", "Traceback:\nValueError: no\n"),
    ],
)
def test_figures_of_a_failed_program_are_its_error(done):
    with pytest.raises(lab.Failed, match="x: ValueError: no"):
        lab.figures("x", done)


def test_percentile_is_the_nearest_rank():
    assert rows.percentile([1, 2, 3, 4], 50) == 2
    assert rows.percentile(list(range(1, 101)), 99) == 99
    assert rows.percentile([5], 99) == 5


def test_least_finds_the_edge():
    assert rows.least(lambda n: n >= 37) == 37


def test_goal_depends_on_the_word_size():
    row = next(row for row in rows.ROWS if row.id == "task-ram")
    taken = {"10": 500, "100": 500, "1000": 500}
    assert row.is_met(64, taken, None) is True
    assert row.is_met(32, taken, None) is False


@pytest.mark.parametrize(
    ("p99", "least", "lost", "met"),
    [(3.5, 0.1, 0, True), (4.1, 0.1, 0, False), (1.0, -1.5, 0, False), (1.0, 0.1, 1, False)],
)
def test_lateness_is_judged_beside_bare(p99, least, lost, met):
    row = next(row for row in rows.ROWS if row.id == "late-whole")
    ours = {"p99": p99, "min": least, "lost": lost}
    assert row.is_met(64, ours, {"p99": 3.0}) is met


def test_ids_are_unique():
    ids = [row.id for row in rows.ROWS]
    assert len(set(ids)) == len(ids)


def report_of(bench, row, results, peer=None):
    return {
        "word": 64,
        "quick": False,
        "peer": peer,
        "peer_lacks_aiorepl": False,
        "versions": {"micropython": "1.0"},
        "rows": [bench.summarise_row(row, results, 64)],
    }


def test_table_shows_each_part_with_ratio_goal_and_verdict(bench):
    row = rows.Row("x", "a measure", None, goal=rows.both(small=10, large=5000))
    results = {
        ("x", "bare"): {"small": 4, "large": 0},
        ("x", "ours"): {"small": 10, "large": 4999.6},
    }
    text = bench.table(report_of(bench, row, results)).splitlines()
    assert text[0].startswith("64-bit MicroPython 1.0")
    assert text[-3].split() == ["a", "measure", "yes"]
    assert text[-2].split() == ["small", "4", "10", "2.50", "10"]
    assert text[-1].split() == ["large", "0", "5,000", "–", "5,000"]


def test_table_of_one_part_is_one_line(bench):
    row = rows.Row("x", "a measure", None, goal=rows.both(each=5))
    results = {("x", "bare"): {"each": 4}, ("x", "ours"): {"each": 6}, ("x", "peer"): {"each": 9}}
    last = bench.table(report_of(bench, row, results, peer="there")).splitlines()[-1]
    assert last.split() == ["a", "measure", "4", "6", "1.50", "9", "5", "no"]


def test_table_says_what_is_missing(bench):
    row = rows.Row("x", "a measure", None, goal=rows.both(each=5))
    results = {("x", "bare"): {"each": 4}, ("x", "ours"): lab.Missing("missing: aiolog")}
    report = report_of(bench, row, results)
    assert report["rows"][0]["met"] is None
    text = bench.table(report)
    assert text.splitlines()[-1] == "x, ours: missing: aiolog"
    assert text.count("missing: aiolog") == 2


def test_a_missing_tool_is_named_with_the_way_to_get_it(tmp_path):
    done = start("--only", "add-named,idle-wakeups", PATH=str(tmp_path))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        "bench: strace and valgrind not found; get it with: sudo apt-get install strace valgrind\n"
    )


def test_an_unknown_row_is_refused():
    done = start("--only", "nonsense")
    assert done.returncode == 2
    assert "nonsense" in done.stderr and "task-ram" in done.stderr


def test_a_missing_interpreter_is_named(tmp_path):
    done = start("--only", "task-ram", "--micropython", str(tmp_path / "none"))
    assert done.returncode == 2
    assert str(tmp_path / "none") in done.stderr


def test_a_row_measures_all_sides_and_names_the_module_that_a_peer_lacks(tmp_path):
    done = start("--json", "--quick", "--only", "task-ram", "--peer", str(tmp_path))
    report = json.loads(done.stdout)
    assert report["word"] in (32, 64)
    (row,) = report["rows"]
    assert row["bare"]["1000"] >= 80
    assert row["ours"]["1000"] > row["bare"]["1000"]
    assert row["ratio"]["1000"] == row["ours"]["1000"] / row["bare"]["1000"]
    assert row["errors"] == {"peer": "missing: aioctl"}
    assert done.returncode == 1
