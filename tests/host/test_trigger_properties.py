"""Triggers against oracles: many random cases, answered by real MicroPython in one process.

TRIGGER_SEED=n replays a run or tries others, TRIGGER_SCALE=10 makes ten times as many cases:

    TRIGGER_SEED=7 TRIGGER_SCALE=10 make test K=trigger_properties
"""

import datetime
import io
import json
import os
import pathlib
import random
import subprocess
import zoneinfo

import cronsim
import pytest
from triggercases import (
    CRONSIM_ZONES,
    UTC,
    ZONES,
    Definition,
    Sets,
    changes,
    defined,
    expression,
    far_apart,
    field,
    footers,
    mutated,
    near_a_change,
    night_expression,
    offset_of,
    oracle,
    own_by_choice,
    own_expression,
    repeated,
    seconds,
    some_time,
    some_zone,
    tzif,
    utc_of,
    zone_of,
)

ROOT = pathlib.Path(__file__).resolve().parents[2]
DRIVER = ROOT / "tests" / "host" / "programs" / "trigger_driver.py"
MICROPYTHON = os.environ.get("MICROPYTHON") or str(ROOT / ".venv" / "bin" / "micropython")
SEED = os.environ.get("TRIGGER_SEED", "1")
SCALE = float(os.environ.get("TRIGGER_SCALE", "1"))


class Cases:
    """The random numbers of one test, and how to get them again."""

    def __init__(self, name, count):
        self.random = random.Random(f"{SEED} {name}")
        self.count = max(1, int(count * SCALE))

    def __iter__(self):
        return iter(range(self.count))


@pytest.fixture
def cases(request):
    return lambda count: Cases(request.node.name, count)


def ask(questions):
    """The answers of the device code to a list of dicts (see the driver)."""
    lines = "".join(json.dumps(q) + "\n" for q in questions)
    env = dict(os.environ, MICROPYPATH=f"{ROOT / 'lib'}:.frozen")
    result = subprocess.run(
        [MICROPYTHON, "-X", "heapsize=4M", str(DRIVER)],
        input=lines,
        capture_output=True,
        text=True,
        env=env,
        timeout=50 + 10 * SCALE,
    )
    assert result.returncode == 0, result.stdout[-1000:] + result.stderr[-2000:]
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(answers) == len(questions), (len(answers), result.stderr[-2000:])
    return answers


def agree(questions, expected):
    """Compare all answers; the failure names the case and how to replay it."""
    for question, got, want in zip(questions, ask(questions), expected):
        if got != want:
            replay = f"TRIGGER_SEED={SEED} TRIGGER_SCALE={SCALE:g} make test K=trigger_properties"
            pytest.fail(f"{question}\ngot    {got}\noracle {want}\n{replay}", pytrace=False)


def cron_question(expr, after, n, **more):
    return dict(ask="times", trigger=f"Cron({expr!r})", after=[after], n=n, **more)


def test_cron_times_are_those_of_cronsim(cases):
    cases = cases(2500)
    r = cases.random
    questions = []
    expected = []
    for _ in cases:
        expr = expression(r)
        after = some_time(r)
        times = oracle(expr, after, 4)
        if times:
            questions.append(cron_question(expr, after, 4))
            expected.append(times)
    assert len(questions) > cases.count * 0.8
    agree(questions, expected)


def test_an_epoch_of_2000_gives_the_same_dates(cases):
    cases = cases(300)
    r = cases.random
    gap = seconds(datetime.datetime(2000, 1, 1))
    questions = [{"ask": "epoch", "year": 2000}]
    expected = [None]
    for _ in cases:
        expr = expression(r)
        after = some_time(r)
        times = oracle(expr, after, 3)
        if times:
            questions.append(cron_question(expr, after - gap, 3))
            expected.append([t - gap for t in times])
        zone = r.choice(ZONES)
        questions.append({"ask": "zone", "zone": zone, "do": "local", "at": [after - gap]})
        expected.append([after - gap + offset_of(zone, after)])
    agree(questions, expected)


def test_cron_times_are_those_of_the_definition(cases):
    cases = cases(400)
    r = cases.random
    questions = []
    expected = []
    for _ in cases:
        expr = own_expression(r)
        after = some_time(r)
        times = Definition(expr).next(after, 3, 800)
        if times:
            questions.append(cron_question(expr, after, 3))
            expected.append(times)
    assert len(questions) > cases.count * 0.7
    agree(questions, expected)


def test_the_definition_is_that_of_cronsim(cases):
    """Or else the test above would test nothing."""
    cases = cases(150)
    r = cases.random
    for _ in cases:
        expr = expression(r)
        after = some_time(r)
        times = Definition(expr).next(after, 3, 800)
        assert times is None or oracle(expr, after, 3) in ([], times), (SEED, expr, after)


def test_cron_refuses_the_dates_that_never_come(cases):
    cases = cases(60)
    r = cases.random
    exprs = []
    for _ in cases:
        months = r.choice("2 4 2,4 6-6 nov 2-11/9 2,jun 4,sep,2".split())
        dates = r.choice("29 30 31 30,31 30w 31W 30-31 29w */20 L 31-31/2".split())
        week = r.choice("* * ? */2 mon 7L 2L 1#5 */7 5#1".split())
        exprs.append(f"0 0 {dates} {months if r.random() < 0.8 else '*'} {week}")
    answers = ask([cron_question(e, 0, 1) for e in exprs])
    refused = 0
    for expr, answer in zip(exprs, answers):
        if Definition(expr).ever():
            assert isinstance(answer, list), (SEED, expr, answer)
        else:
            refused += 1
            dates = expr.split()[2].lower()
            assert answer.startswith("ValueError: cron day-of-month: "), (SEED, expr, answer)
            assert f"got '{dates}' in month" in answer, (SEED, expr, answer)
    assert refused > cases.count * 0.1


def test_no_expression_is_kept_in_more_than_32_bytes(cases):
    cases = cases(300)
    r = cases.random
    exprs = []
    for _ in cases:
        lists = (",".join(field(r, i, 0) for _ in range(r.randint(1, 6))) for i in range(6))
        exprs.append(" ".join(lists))
    answers = ask([{"ask": "size", "expr": e} for e in exprs])
    for expr, answer in zip(exprs, answers):
        if isinstance(answer, str):
            assert "at most" in answer or "a day that comes" in answer, (SEED, expr, answer)
        else:
            assert answer <= 32, (SEED, expr, answer)
    assert sum(answer == 32 for answer in answers) and any(a < 32 for a in answers)


def test_cron_takes_and_refuses_what_cronsim_does(cases):
    cases = cases(1500)
    r = cases.random
    exprs = [mutated(r, expression(r)) for _ in cases]
    exprs = [e for e in exprs if e.strip()]
    answers = ask([cron_question(e, 1_800_000_000, 1) for e in exprs])
    compared = 0
    for expr, answer in zip(exprs, answers):
        if isinstance(answer, str):
            assert answer.startswith("ValueError: cron"), (SEED, expr, answer)
            assert "expected" in answer and "got" in answer, (SEED, expr, answer)
        if not own_by_choice(expr):
            compared += 1
            assert isinstance(answer, list) == bool(oracle(expr, 0, 1)), (SEED, expr, answer)
    assert compared > cases.count * 0.4


def test_offsets_are_those_of_zoneinfo_for_every_zone_of_the_database(cases):
    cases = cases(12)
    r = cases.random
    questions = []
    expected = []
    for text, name in footers().items():
        zone = zoneinfo.ZoneInfo.from_file(io.BytesIO(tzif(name)))
        at = [some_time(r, 2088, 2100) for _ in cases]
        for t, _ in changes(text, r.randint(2088, 2100)):
            at += [t - 1, t]
        utc = [datetime.datetime.fromtimestamp(t, UTC) for t in at]
        expected.append([int(u.astimezone(zone).utcoffset().total_seconds()) for u in utc])
        questions.append({"ask": "zone", "zone": text, "do": "offset", "at": at})
    assert len(questions) > 50
    agree(questions, expected)


def test_offsets_and_local_times_are_those_of_zoneinfo_for_random_rules(cases):
    cases = cases(150)
    r = cases.random
    questions = []
    expected = []
    for _ in cases:
        text = some_zone(r)
        year = r.randint(1990, 2090)
        if not far_apart(text, year):
            continue
        at = [some_time(r, year, year + 1) for _ in range(4)]
        for t, _ in changes(text, year):
            at += [t - 1, t, t + 1]
        questions.append({"ask": "zone", "zone": text, "do": "offset", "at": at})
        expected.append([offset_of(text, t) for t in at])
        local = [t + offset_of(text, t) for t in at]
        local += [t + before + r.randint(-7200, 7200) for t, before in changes(text, year)]
        questions.append({"ask": "zone", "zone": text, "do": "utc", "at": local})
        expected.append([utc_of(text, t) for t in local])
    assert len(questions) > cases.count
    agree(questions, expected)


def zone_question(text, expr, after, n):
    return dict(cron_question(expr, after, n), zone=text)


def test_jobs_near_a_change_start_as_with_cronsim(cases):
    cases = cases(300)
    r = cases.random
    questions = []
    expected = []
    for _ in cases:
        text = r.choice(CRONSIM_ZONES)
        expr = night_expression(r)
        # Inside the hour that comes twice cronsim does not know what has run.
        after = near_a_change(r, text)
        while repeated(text, after):
            after -= 3600
        start = datetime.datetime.fromtimestamp(after, UTC).astimezone(zone_of(text))
        times = [int(t.timestamp()) for _, t in zip(range(8), cronsim.CronSim(expr, start))]
        questions.append(zone_question(text, expr, after, 8))
        expected.append(times)
    agree(questions, expected)


def test_jobs_near_a_change_start_as_defined(cases):
    cases = cases(150)
    r = cases.random
    questions = []
    expected = []
    for _ in cases:
        text = r.choice(ZONES)
        expr = night_expression(r)
        after = near_a_change(r, text)
        questions.append(zone_question(text, expr, after, 1))
        expected.append([defined(text, expr, after)])
    agree(questions, expected)


def test_combined_triggers_are_due_at_the_times_of_their_sets(cases):
    cases = cases(300)
    r = cases.random
    questions = []
    expected = []
    for _ in cases:
        first = some_time(r)
        trigger = Sets(r, range(first, first + 5000))
        after = [first + 1000 + r.randrange(3000) for _ in range(3)]
        after += r.sample(sorted(trigger.times), min(3, len(trigger.times)))
        answers = [min((t for t in trigger.times if t > a), default=None) for a in after]
        questions.append({"ask": "times", "trigger": trigger.text, "after": after})
        expected.append(answers)
    agree(questions, expected)
