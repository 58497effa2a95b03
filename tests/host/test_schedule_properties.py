"""Random schedules on a clock that is set at random, against a plain model, start by start.

Each case is a scheduler of its own on real MicroPython. SCHEDULE_SEED=n replays a run or tries
others, SCHEDULE_SCALE=10 makes ten times as many cases:

    SCHEDULE_SEED=7 SCHEDULE_SCALE=10 make test K=schedule_properties
"""

import collections
import datetime
import json
import os
import pathlib
import random
import subprocess

import pytest
from schedulemodel import Model
from triggercases import CRONSIM_ZONES, changes, seconds

ROOT = pathlib.Path(__file__).resolve().parents[2]
DRIVER = ROOT / "tests" / "host" / "programs" / "schedule_driver.py"
MICROPYTHON = os.environ.get("MICROPYTHON") or str(ROOT / ".venv" / "bin" / "micropython")
SEED = os.environ.get("SCHEDULE_SEED", "1")
SCALE = float(os.environ.get("SCHEDULE_SCALE", "1"))

T2000 = seconds(datetime.datetime(2000, 1, 1))
T2024 = seconds(datetime.datetime(2024, 1, 1))
HOUR = 3600
DAY = 86400
# How long things take in a case, and what is due about that often.
CRONS = {
    1: ("* * * * * *", "*/7 * * * * *", "*/20 * * * * *", "5,50 * * * * *"),
    60: ("* * * * *", "*/5 * * * *", "3,17 * * * *", "30 */2 * * * *"),
    HOUR: ("0 * * * *", "30 2 * * *", "*/30 2 * * *", "15 3-20/4 * * mon-fri"),
    DAY: ("0 0 1 * *", "30 2 * * sun", "0 12 29 2 *", "0 0 L * *", "0 9 13 * 5"),
}
STEPS = (1, 2, 5, 59, HOUR, DAY, 26 * HOUR, 40 * DAY, 400 * DAY)


def schedule(r, unit, now):
    """The words of a random schedule."""
    kind = r.choice(("interval", "interval", "once", "at", "at", "cron", "cron", "cron"))
    fraction = r.choice((1, 1, 0.25)) if unit < DAY else 1
    when = {}
    if kind == "cron":
        when["cron"] = r.choice(CRONS[unit])
    elif kind == "at":
        when["at"] = now + r.randint(-5 * unit, 30 * unit)
    if kind == "once" or kind == "interval" and r.random() < 0.5:
        when["start_in"] = r.randint(0, 20 * unit) * fraction
    if kind == "interval" or kind == "at" and r.random() < 0.5:
        when["repeat"] = r.randint(1, 20 * unit) * fraction
    if r.random() < 0.25:
        when["count"] = r.randint(1, 6)
    if r.random() < 0.25:
        when["grace"] = r.choice((0, 1, unit / 2, unit * 3))
    if "repeat" in when and r.random() < 0.4:
        when["coalesce"] = False
    if kind in ("interval", "cron"):
        if r.random() < 0.3:
            when["start"] = now + r.randint(-5 * unit, 60 * unit)
        if r.random() < 0.3:
            when["finish"] = max(when.get("start", 0), now + r.randint(-10 * unit, 200 * unit))
    if r.random() < 0.2:
        when["jitter"] = 0
    return when


def scenario(r, steps=True, zone=None, resets=False):
    """A random case; with a zone one that lies about a change of its clocks."""
    unit = HOUR if zone else r.choice(tuple(CRONS))
    now = r.randrange(T2024, T2024 + 30 * 365 * DAY)
    if zone:
        now = r.choice(changes(zone, r.randint(2025, 2060)))[0] - r.randint(1, 60) * HOUR
    elif steps and not resets and r.random() < 0.2:
        now = T2000 + r.randint(0, 1000)  # not set yet
    case = {"wall": now * 1000 + r.choice((0, 1, 500, 999)), "zone": zone, "most": 150, "do": []}
    wall = now
    do = []
    n = r.randint(1, 5)
    for i in range(n):
        do.append(["add", f"job{i}", schedule(r, unit, now)])
    for _ in range(r.randint(4, 14)):
        kind = r.random()
        if kind < 0.5:
            time = r.randint(1, 40 * unit * 1000)
            do.append(["go", time])
        elif kind < 0.7:
            time = r.randint(1, r.choice((1, 10, 300)) * unit * 1000)
            do.append(["block", time])
        elif kind < 0.9 and steps:
            time = step(r, wall, unit)
            if resets and wall + time // 1000 < T2024:
                continue  # all is lost with the battery
            do.append(["step", time])
        else:
            do.append(["look"])
            continue
        wall += time // 1000
    if resets:
        add_resets(r, do, n)
    for i in range(r.randint(0, 0 if resets else 2)):
        at = r.randrange(n, len(do) + 1)
        do[at:at] = [["look"], ["add", f"late{i}", schedule(r, unit, now + 20 * unit)]]
    case["do"] = do
    return case


def add_resets(r, do, n):
    """Let the program begin anew now and then, after the `n` schedules are made."""
    # Where nobody looked nothing was kept, and what is due once after a boot is so at each.
    for i in range(len(do), n, -1):
        if r.random() < 0.4:
            do[i:i] = [["look"], ["reset"], ["look"]]
    for _, _, when in do[:n]:
        if "start_in" in when:
            when["repeat"] = when.get("repeat", when["start_in"] + 1)


def step(r, wall, unit):
    """By how much the wall clock is set, ms."""
    if wall < T2024:
        return r.randrange(T2024 + DAY - wall, T2024 + 3000 * DAY - wall) * 1000
    most = max(s for s in STEPS if s <= 500 * unit)
    time = r.choice([s for s in STEPS if s <= most]) * 1000
    if r.random() < 0.5:
        return time
    if r.random() < 0.1:
        return (T2000 - wall) * 1000  # the battery of the clock is dead
    return -min(time, (wall - T2024 - 10 * DAY) * 1000)


def run(cases, epoch=1970):
    """What happened in each case: the lines of the driver."""
    env = dict(os.environ, MICROPYPATH=f"{ROOT}:{ROOT / 'lib'}:.frozen", TZ="UTC")
    result = subprocess.run(
        [MICROPYTHON, "-X", "heapsize=4M", str(DRIVER), str(epoch)],
        input="".join(json.dumps(case) + "\n" for case in cases),
        capture_output=True,
        text=True,
        env=env,
        timeout=60 + 20 * SCALE,
    )
    assert result.returncode == 0, result.stdout[-1000:] + result.stderr[-2000:]
    return [json.loads(line) for line in result.stdout.splitlines()]


def compare(case, happened):
    """Raise AssertionError where the scheduler did other than the model; returns its starts."""
    *lines, (_, counted) = happened
    model = Model(case["wall"], case["zone"])
    whens = {do[1]: do[2] for do in case["do"] if do[0] == "add"}
    starts = 0
    for line in lines:
        if line[0] == "add":
            name, t, w = line[1:]
            model.add(name, whens[name], t, w)
            continue
        t, w, wait, names = line
        want_names, want_wait = model.look(t, w)
        names = collections.Counter(names)
        assert names == want_names, f"at {t}: started {names}, the model {want_names}"
        assert wait == want_wait, f"at {t}: waits {wait} ms, the model {want_wait}"
        starts += sum(names.values())
    for name, (runs, missed, skipped, coalesced, pending) in counted.items():
        plan = model.plans[name]
        assert [runs, skipped, pending] == [plan.counted[0], plan.skipped, plan.pending], name
        if not plan.vague:
            assert [runs, missed, coalesced] == plan.counted, name
    return starts


def check(name, count, **more):
    """Many random cases; a failure shows the case and how to replay it."""
    cases = [
        scenario(random.Random(f"{SEED} {name} {i}"), **more)
        for i in range(max(1, int(count * SCALE)))
    ]
    starts = 0
    for case, happened in zip(cases, run(cases)):
        try:
            starts += compare(case, happened)
        except AssertionError as error:
            e = str(error).partition("\nassert")[0]
            replay = f"SCHEDULE_SEED={SEED} SCHEDULE_SCALE={SCALE:g} make test K=schedule_prop"
            pytest.fail(f"{e}\n{json.dumps(case)}\n{replay}", pytrace=False)
    assert starts > count  # or else nothing was tested


def test_starts_are_those_of_the_model():
    check("plain", 120, steps=False)


def test_starts_are_those_of_the_model_while_the_clock_is_set():
    check("steps", 120)


def test_resets_make_no_difference():
    check("resets", 120, resets=True)
    for zone in CRONSIM_ZONES[:3]:
        check(zone + " and resets", 12, steps=False, zone=zone, resets=True)


def since_2000(case):
    """The same case for a port that counts from 2000."""
    do = []
    for kind, *words in case["do"]:
        if kind == "add":
            when = dict(words[1])
            for word in when.keys() & {"at", "start", "finish"}:
                when[word] -= T2000
            words = [words[0], when]
        do.append([kind, *words])
    return dict(case, wall=case["wall"] - T2000 * 1000, do=do)


def test_an_epoch_of_2000_makes_no_difference():
    cases = []
    for i in range(20):
        r = random.Random(f"{SEED} epoch {i}")
        cases.append(scenario(r, zone=CRONSIM_ZONES[0] if i % 2 else None))
    for case, one, other in zip(cases, run(cases), run(map(since_2000, cases), 2000)):
        for line in other[:-1]:
            line[3 if line[0] == "add" else 1] += T2000 * 1000
        assert one == other, (SEED, case)


def test_starts_are_those_of_the_model_in_a_zone():
    for zone in CRONSIM_ZONES[:3]:
        check(zone, 12, steps=False, zone=zone)
