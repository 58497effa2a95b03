"""Schedules over a reset or a deep sleep: what a store keeps of them."""

import json

import aioctl
from support import FakeClock, printed, turns

T0 = 1731456000  # 2024-11-13 00:00:00 UTC, a Wednesday
clock = aioctl.clock = FakeClock(T0)

import aioschedule  # noqa: E402  takes the clock that is there

HOUR = 3600
DAY = 86400


def setup():
    aioctl.color = False


class Store:
    """A store in memory, which keeps text as a file would."""

    def __init__(self):
        self.texts = {"result/x": "1"}  # of somebody else
        self.puts = 0
        self.fails = False

    def load(self):
        return {k: json.loads(v) for k, v in self.texts.items()}

    def put(self, key, record):
        if self.fails:
            raise OSError(28)
        self.puts += 1
        self.texts[key] = json.dumps(record)

    def delete(self, key):
        self.texts.pop(key, None)


class Board:
    """A program that begins anew at each `boot`, with its schedules and tasks."""

    def __init__(self, **plans):
        self.plans = plans
        self.store = Store()
        self.at = {name: [] for name in plans}
        self.wall = T0
        self.sched = None

    def boot(self, wall=None):
        aioctl.reset()
        self.clock = FakeClock(self.wall if wall is None else wall)
        self.sched = aioschedule.Scheduler(self.clock)
        self.sched.set_store(self.store)
        for name, when in self.plans.items():
            self.sched.schedule(name, **when)

            async def job(name=name):
                self.at[name].append(self.clock.wall() - T0)

            aioctl.add(job, name=name)

    async def look(self):
        ms = self.sched.run_pending()
        await turns(4)
        return ms

    async def awake(self, seconds):
        left = seconds
        while True:
            ms = await self.look()
            if ms is None or ms > left * 1000:
                break
            self.clock.advance(ms / 1000)
            left -= ms / 1000
        self.clock.advance(left)
        self.wall = self.clock.wall()

    async def sleep(self, seconds):
        """Off for so long, then the program begins anew."""
        self.wall += seconds
        self.boot()


async def test_who_sleeps_from_start_to_start_misses_none():
    board = Board(daily={"cron": "0 8 * * *"}, often={"repeat": 10 * HOUR})
    board.boot()
    for _ in range(20):
        ms = await board.look()
        ms = await board.look() if not ms else ms
        board.wall = board.clock.wall()
        await board.sleep(-(-ms // 1000))
    assert board.at["daily"][:3] == [8 * HOUR, 32 * HOUR, 56 * HOUR], board.at
    assert board.at["often"][:4] == [10 * HOUR * i for i in range(1, 5)], board.at


async def test_what_was_due_meanwhile_is_late():
    board = Board(
        one={"cron": "0 * * * *"},
        all={"cron": "0 * * * *", "coalesce": False, "overlap": "queue"},
        grace={"cron": "0 * * * *", "grace": 60},
        often={"repeat": 600},
        window={"repeat": 600, "finish": T0 + 9 * HOUR, "jitter": 0},
    )
    board.boot()
    await board.awake(HOUR + 300)
    runs = {name: len(at) for name, at in board.at.items()}
    assert runs == {"one": 1, "all": 1, "grace": 1, "often": 6, "window": 6}, runs
    await board.sleep(5 * HOUR)
    await board.look()
    await turns(20)
    table = board.sched.table
    runs = {name: table[name].runs for name in runs}
    assert runs == {"one": 2, "all": 6, "grace": 1, "often": 7, "window": 7}, runs
    assert table["one"].coalesced == 4 and table["grace"].missed == 5
    assert table["often"].coalesced == table["window"].coalesced == 29
    await board.awake(400)
    for name in ("often", "window"):
        assert board.at[name][-1] == 6 * HOUR + 600, board.at[name]


async def test_what_is_over_stays_over():
    board = Board(
        once={"at": T0 + 100},
        twice={"repeat": 50, "count": 2},
        boot={"start_in": 10},
        from_={"at": T0 + 100, "repeat": 70},
    )
    board.boot()
    await board.awake(60)
    await board.sleep(5)
    await board.awake(60)
    await board.sleep(5)
    await board.awake(60)
    at = board.at
    assert at["once"] == [100] and at["twice"] == [50, 100], at
    assert at["boot"] == [10, 75, 140] and at["from_"] == [100, 170], at


async def test_another_plan_begins_anew_and_one_that_is_gone_is_forgotten():
    board = Board(job={"repeat": 100}, gone={"repeat": 100})
    board.boot()
    await board.awake(150)
    board.plans["job"] = {"repeat": 80}
    board.sched.drop("gone")
    assert sorted(board.store.texts) == ["result/x", "schedule/job"]
    await board.sleep(10)
    await board.awake(90)
    assert board.at["job"] == [100, 240], board.at
    assert board.at["gone"] == [100]


async def test_the_clock_may_be_set_after_the_schedules_are_made():
    board = Board(daily={"cron": "0 8 * * *"}, often={"repeat": HOUR})
    board.boot()
    await board.awake(10 * HOUR)
    kept = dict(board.store.texts)
    board.boot(wall=946684800)  # the year 2000
    await board.awake(60)
    assert board.store.texts == kept, "nothing is known yet"
    assert board.sched.jobs()[0]["unset"] and len(board.at["daily"]) == 1
    board.clock.start += T0 + 40 * HOUR - board.clock.wall()
    await board.awake(60)
    assert board.at["daily"] == [8 * HOUR, 40 * HOUR], board.at
    assert board.sched.table["daily"].runs == 2


async def test_a_store_that_fails_is_reported_and_does_no_other_harm():
    board = Board(job={"repeat": 100})
    board.boot()
    board.store.fails = True
    await board.look()
    text = ""
    for _ in range(3):
        board.clock.advance(100)
        text += printed(board.sched.run_pending)
        await turns()
    assert len(board.at["job"]) == 3 and text.count("store failed: OSError") == 3, text


def test_what_is_no_store_is_refused_and_the_last_one_stays():
    board = Board(job={"repeat": 100})
    board.boot()
    for wrong in (5, {}, "file"):
        try:
            board.sched.set_store(wrong)
            raise AssertionError(wrong)
        except TypeError as e:
            assert "load, put and delete" in str(e)
    puts = board.store.puts
    board.sched.schedule("job", repeat=5)
    assert board.store.puts == puts + 1
    board.sched.set_store(None)
    board.sched.schedule("job", repeat=6)
    assert board.store.puts == puts + 1
