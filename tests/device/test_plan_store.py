"""Schedules over a reset or a deep sleep: what a store keeps of them."""

import asyncio
import json

import aioctl
from support import FakeClock, Random, printed, turns

T0 = 1731456000  # 2024-11-13 00:00:00 UTC, a Wednesday
clock = aioctl.clock = FakeClock(T0)

import aioschedule  # noqa: E402  takes the clock that is there

HOUR = 3600
DAY = 86400
Y2000 = 946684800  # what a clock without a battery shows


def setup():
    aioctl.color = False


class Store:
    """A store in memory, which keeps text as a file would."""

    def __init__(self):
        self.texts = {"result/x": "1"}  # of somebody else
        self.puts = 0
        self.fails = None

    def load(self):
        return {k: json.loads(v) for k, v in self.texts.items()}

    def put(self, key, record):
        if self.fails:
            raise self.fails
        self.puts += 1
        self.texts[key] = json.dumps(record)

    def delete(self, key):
        if self.fails:
            raise self.fails
        self.texts.pop(key, None)


class Board:
    """A program that begins anew at each `boot`, with its schedules and tasks."""

    def __init__(self, **plans):
        self.plans = plans
        self.store = Store()
        self.at = {name: [] for name in plans}
        self.wall = T0 * 1000  # ms
        self.sched = None
        self.early = True  # set_store before the schedules are made
        self.adds = True  # the tasks are added at boot

    def boot(self, wall=None):
        """The program begins; wall: what the clock shows."""
        self.off()
        wall_ms = self.wall if wall is None else wall * 1000
        self.clock = FakeClock(wall_ms // 1000, wall_ms % 1000)
        self.sched = aioschedule.Scheduler(self.clock)
        if self.early:
            self.sched.set_store(self.store)
        for name, when in self.plans.items():
            self.sched.schedule(name, **when)
            if self.adds:
                self.add(name)
        if not self.early:
            self.sched.set_store(self.store)

    def off(self):
        aioctl.reset()
        if self.sched:
            self.sched.table.clear()  # nobody knows it any more

    async def lose_clock(self, before, after):
        """Run for so long, and after a reset, which the clock does not outlive, for so long."""
        self.boot()
        await self.awake(before)
        self.boot(wall=Y2000)
        await self.awake(after)

    def add(self, name):
        async def job():
            self.at[name].append(self.clock.wall() - T0)

        aioctl.add(job, name=name)

    async def look(self):
        ms = self.sched.run_pending()
        await turns(4)
        return ms

    async def awake(self, seconds):
        """Run for so long."""
        left = int(seconds * 1000)
        while True:
            ms = await self.look()
            if ms is None or ms > left:
                break
            self.clock.advance(ms / 1000)
            left -= ms
        self.clock.advance(left / 1000)
        self.wall = self.clock.wall() * 1000 + self.clock.wall_ms

    async def sleep(self, seconds=0):
        """Off for so long, then the program begins anew."""
        self.wall += int(seconds * 1000)
        self.boot()

    def set_clock(self, to):
        self.clock.drift += T0 + to - self.clock.wall()

    def record(self, name):
        return json.loads(self.store.texts["schedule/" + name])


async def test_who_sleeps_from_start_to_start_misses_none():
    board = Board(daily={"cron": "0 8 * * *"}, often={"repeat": 10 * HOUR})
    board.boot()
    for _ in range(20):
        ms = await board.look()
        ms = await board.look() if not ms else ms
        board.wall = board.clock.wall() * 1000 + board.clock.wall_ms
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
    assert runs == {"one": 1, "all": 5, "grace": 0, "often": 1, "window": 1}, runs
    assert table["one"].coalesced == 4 and table["grace"].missed == 5
    assert table["often"].coalesced == table["window"].coalesced == 29
    await board.awake(400)
    for name in ("often", "window"):
        assert board.at[name][-1] == 6 * HOUR + 600, board.at[name]


async def test_resets_make_no_difference_to_when_tasks_start():
    plans = {
        "cron": {"cron": "*/7 * * * *"},
        "seconds": {"cron": "*/40 * * * * *", "count": 7},
        "repeat": {"repeat": 61},
        "fraction": {"repeat": 33.3, "jitter": 0},
        "first": {"start_in": 500, "repeat": 45},
        "from_": {"at": T0 + 130, "repeat": 47},
        "window": {"repeat": 50, "start": T0 + 333, "finish": T0 + 1500},
        "date": {"at": T0 + 777},
        "count": {"repeat": 100, "count": 5},
    }
    random = Random(4711)
    for _ in range(3):  # more in tests/host/test_schedule_properties.py
        alone = Board(**plans)
        alone.boot()
        await alone.awake(2000)
        alone.off()
        board = Board(**plans)
        board.early = random.below(2) == 1
        board.boot()
        left = 2000
        while left:
            seconds = min(left, random.below(random.of((5, 90, 600))))
            await board.awake(seconds)
            left -= seconds
            if left:
                await board.sleep()
                board.clock.advance(random.below(2) / 4)  # what is slow at boot
        board.off()
        for name in plans:
            # The part of a second in which a program is not awake yet may be one in which a
            # start is due.
            late = [b - a for a, b in zip(alone.at[name], board.at[name])]
            assert len(alone.at[name]) == len(board.at[name]), (name, alone.at, board.at)
            assert all(0 <= d <= 1 for d in late), (name, alone.at[name], board.at[name])


async def test_the_time_until_the_loop_runs_counts():
    for early in (True, False):
        board = Board(often={"repeat": 100}, cron={"cron": "*/5 * * * *"})
        board.early = early
        board.boot()
        await board.awake(50)
        for _ in range(5):
            await board.sleep(1)
            board.clock.advance(7)  # until there is a network, say
            await board.awake(100)
        assert board.at["often"] == [100, 200, 300, 400, 500], board.at
        assert board.at["cron"] == [300], board.at


async def test_what_is_over_stays_over():
    board = Board(
        once={"at": T0 + 100},
        tuple={"start_in": (2024, 11, 13, 0, 1, 40, 0, 0)},
        twice={"repeat": 50, "count": 2},
        boot={"start_in": 10},
        from_={"at": T0 + 100, "repeat": 70},
        word={"on": "word", "count": 1},
    )
    board.boot()
    await board.awake(60)
    board.sched.fire("word")
    await turns()
    await board.sleep(5)
    await board.awake(60)
    await board.sleep(5)
    await board.awake(60)
    board.sched.fire("word")
    await turns()
    at = board.at
    assert at["once"] == at["tuple"] == [100] and at["twice"] == [50, 100], at
    assert at["boot"] == [10, 75, 140] and at["from_"] == [100, 170], at
    assert at["word"] == [60]
    for name in ("once", "tuple", "twice", "word"):
        assert aioctl.state(name) == "stopped", name
        assert board.record(name)["over"]
    assert board.sched.table["once"].run_now()  # somebody asks for it
    await turns()
    assert len(at["once"]) == 2


async def test_a_task_whose_plan_is_over_does_not_start_when_it_is_added_later():
    board = Board(once={"at": T0 + 100}, twice={"repeat": 50, "count": 2})
    board.boot()
    await board.awake(110)
    board.adds = False
    await board.sleep(5)
    await board.awake(10)
    for name in board.plans:
        board.add(name)
    await board.awake(1000)
    assert board.at == {"once": [100], "twice": [50, 100]}, board.at
    assert aioctl.state("once") == aioctl.state("twice") == "stopped"
    assert "is over, starts no more" in printed(aioctl.status, "once")
    job = board.sched.jobs()[0]
    assert job["over"] and not job["pending"], job
    board.set_clock(-DAY)
    await board.awake(2 * DAY)
    assert board.at == {"once": [100], "twice": [50, 100]}, board.at


async def test_a_schedule_whose_window_has_ended_does_no_harm_at_boot():
    plans = {
        "often": {"repeat": 5, "finish": T0 - 5},
        "cron": {"cron": "* * * * *", "finish": T0 - 5},
        "date": {"trigger": Once(T0 - 5)},
        "word": {"on": "word", "finish": T0 - 5},
        "other": {"repeat": 30},
    }
    for early in (True, False):
        board = Board(**plans)
        board.early = early
        text = printed(board.boot)
        assert text.count("has ended") == 4 and "schedule of often: " in text, text
        await board.awake(60)
        board.sched.fire("word")
        await turns()
        assert [n for n, at in board.at.items() if at] == ["other"], board.at
        states = [aioctl.state(name) for name in ("often", "cron", "date", "word")]
        assert states == ["stopped"] * 4, states
        board.add("late")
        board.set_clock(-60)  # it was wrong
        await board.awake(20)
        assert len(board.at["often"]) == 4, board.at
        board.off()


async def test_an_interval_counts_from_the_first_look_also_in_a_window():
    board = Board(
        fits={"repeat": 1000, "start": T0 + 1100, "finish": T0 + 1900},
        ends={"repeat": 1000, "start": T0 + 1100, "finish": T0 + 1200},
    )
    board.adds = False
    text = printed(board.boot)
    assert text.count("has ended") == 2, text  # the first start outside it
    board.clock.advance(300)
    await board.look()
    for name in board.plans:
        board.add(name)
    await board.awake(2000)
    assert board.at == {"fits": [1300], "ends": []}, board.at


class Tight(aioschedule.Scheduler):
    """One for which there is no memory now and then."""

    full = False

    def put(self, s, ms):
        if self.full:
            raise MemoryError
        aioschedule.Scheduler.put(self, s, ms)


async def test_what_can_not_be_planned_anew_stays_as_it_was_planned():
    at = []
    sched = Tight(FakeClock(T0))

    async def job():
        at.append(sched.clock.wall() - T0)

    for name, day in (("near", 1), ("far", 10)):
        sched.schedule(name, at=T0 + day * DAY)
        aioctl.add(job, name=name)
    sched.run_pending()
    sched.clock.drift = 3600
    sched.full = True
    try:
        sched.run_pending()
        raise AssertionError("there was memory")
    except MemoryError:
        sched.full = False
    while not at or at[-1] < 10 * DAY:
        ms = sched.run_pending()
        await turns()
        sched.clock.advance((ms or 0) / 1000)
    assert at == [DAY, 10 * DAY], at
    await sched.shutdown()


class Once:
    """A trigger that is due once; without a __repr__."""

    def __init__(self, t):
        self.t = t

    def next(self, after):
        return self.t if after < self.t else None


async def test_a_trigger_is_known_again_although_it_lies_elsewhere():
    board = Board(date={"trigger": Once(T0 + 100)})
    board.boot()
    await board.awake(50)
    pad = [Once(0) for _ in range(20)]
    board.plans["date"] = {"trigger": Once(T0 + 100)}
    await board.sleep(500)
    await board.awake(10)
    assert board.at["date"] == [550] and pad
    board.plans["date"] = {"trigger": Once(T0 + 100)}
    await board.sleep(10)
    await board.awake(10)
    assert board.at["date"] == [550]
    board.off()
    board = Board(date={"trigger": Once(T0 + 100)})
    board.boot()
    await board.awake(10)
    board.sched.table["date"].pause()
    await board.sleep(500)
    await board.awake(10)
    board.sched.table["date"].resume()
    await board.awake(10)
    assert board.at["date"] == [520], board.at


async def test_another_plan_begins_anew():
    board = Board(job={"repeat": 100}, how={"repeat": 100})
    board.boot()
    await board.awake(150)
    board.plans["job"] = {"repeat": 80}
    board.plans["how"] = {"repeat": 100, "grace": 10, "overlap": "queue"}  # the same, in time
    await board.sleep(10)
    await board.awake(90)
    assert board.at == {"job": [100, 240], "how": [100, 200]}, board.at


async def test_only_unschedule_forgets():
    names = "stopped deleted dropped shut unscheduled".split()
    board = Board(**{name: {"repeat": 100} for name in names})
    board.boot()
    await board.awake(150)
    aioctl.stop("stopped")
    aioctl.delete("deleted")
    board.sched.drop("dropped")
    board.sched.table["unscheduled"].unschedule()
    await aioctl.shutdown()
    assert sorted(board.store.texts) == ["result/x"] + sorted("schedule/" + n for n in names[:-1])
    await board.sleep(10)
    await board.awake(45)
    for name in names[:-1]:
        assert board.at[name] == [100, 200], (name, board.at)
    assert board.at["unscheduled"] == [100]


async def test_what_no_schedule_claims_is_forgotten_by_its_name():
    store = Store()
    store.texts["schedule/old"] = "{}"
    aioschedule.set_store(store)
    text = printed(aioschedule.unschedule, "old")
    assert "Task old not found" in text and list(store.texts) == ["result/x"]
    aioschedule.set_store(None)


async def test_a_clock_that_is_set_later_lets_all_go_on():
    board = Board(daily={"cron": "0 8 * * *"}, often={"repeat": DAY}, now={"repeat": 11})
    board.boot()
    await board.awake(10 * HOUR)
    kept = {name: board.record(name) for name in board.plans}
    board.boot(wall=Y2000)
    await board.awake(60)
    assert board.sched.jobs()[0]["unset"] and len(board.at["daily"]) == 1
    for name in board.plans:
        assert board.record(name) == kept[name], "nothing better is known yet"
    board.set_clock(23 * HOUR)
    await board.awake(10 * HOUR)
    assert board.at["daily"] == [8 * HOUR, 32 * HOUR], board.at
    assert board.at["often"] == [24 * HOUR], board.at
    assert board.record("often")["next"] == (T0 + 2 * DAY) * 1000
    # This one had begun, and keeps the phase in which it began.
    assert (board.record("now")["next"] // 1000 - T0 - 23 * HOUR + 60) % 11 == 0
    assert 23 * HOUR % 11 != 60 % 11  # that is another phase


async def test_another_plan_is_not_that_which_waits_for_the_clock():
    board = Board(job={"repeat": 1000})
    await board.lose_clock(100, 10)
    board.sched.schedule("job", repeat=300)
    assert board.record("job")["when"] == "start_in=300000, repeat=300000"
    board.set_clock(200)
    await board.awake(295)
    assert board.at["job"] == []
    await board.awake(10)
    assert board.at["job"] == [500], board.at


async def test_a_start_made_while_the_clock_was_unset_is_the_last():
    board = Board(job={"repeat": 100})
    await board.lose_clock(110, 110)
    board.set_clock(1000)
    await board.look()
    assert aioschedule.last(board.sched.table["job"]) == T0 + 990
    assert board.record("job")["last"] == (T0 + 990) * 1000


async def test_a_clock_that_was_a_little_ahead_repeats_no_start():
    board = Board(daily={"cron": "0 8 * * *"}, often={"cron": "*/5 * * * *"})
    board.boot()
    await board.awake(8 * HOUR + 10)
    n = len(board.at["often"])
    board.wall -= 30 * 1000  # it was 30 s ahead
    board.boot()
    await board.awake(100)
    assert board.at["daily"] == [8 * HOUR] and len(board.at["often"]) == n, board.at


async def test_a_store_that_takes_its_time_shifts_nothing():
    plans = {"p%d" % i: {"repeat": 10} for i in range(4)}
    board = Board(cron={"cron": "*/20 * * * * *"}, **plans)
    put = board.store.put

    def slow(key, record):
        put(key, record)
        board.clock.advance(0.23)

    board.store.put = slow
    board.boot()
    await board.look()
    begins = [board.record(name)["next"] for name in plans]
    for _ in range(4):
        await board.awake(3)
        await board.sleep(1)
        await board.look()
    for name, begin in zip(plans, begins):
        off = (board.record(name)["next"] - begin) % 10000
        assert min(off, 10000 - off) <= 8, (name, off)  # a ms at most each time that it is read
    due = board.sched.table["cron"].next_due()
    assert due % 20 == 0


async def test_what_is_used_up_while_the_clock_is_unset_is_used_up():
    board = Board(twice={"repeat": 50, "count": 2}, often={"repeat": 100})
    board.boot()
    await board.awake(60)
    for _ in range(2):
        board.boot(wall=Y2000)
        await board.awake(60)
    assert len(board.at["twice"]) == 2
    assert board.record("twice")["over"] and board.record("often")["next"] == (T0 + 100) * 1000


async def test_a_clock_that_was_ahead_makes_nobody_wait():
    board = Board(
        often={"repeat": 100}, far={"start_in": 500, "repeat": 60}, daily={"cron": "0 8 * * *"}
    )
    for ahead in (4 * HOUR, 30 * DAY):
        board.wall = (T0 + ahead) * 1000
        board.boot()
        await board.awake(130)
        for at in board.at.values():
            at.clear()
        board.wall = T0 * 1000
        board.boot()
        await board.awake(10 * HOUR)
        assert board.at["often"][:2] == [100, 200], board.at
        assert board.at["far"][:2] == [500, 560], board.at
        assert board.at["daily"] == [8 * HOUR], board.at


async def test_after_a_step_of_the_clock_all_is_written_anew():
    board = Board(often={"repeat": 600}, cron={"cron": "0 8 * * *"})
    board.wall = (T0 - 3 * DAY) * 1000
    board.boot()
    await board.awake(100)
    board.set_clock(0)
    await board.look()
    assert board.record("often")["next"] == (T0 + 500) * 1000
    assert board.record("cron")["next"] == (T0 + 8 * HOUR) * 1000
    board.wall = (T0 + 100) * 1000
    board.boot()
    await board.awake(9 * HOUR)
    assert board.at["often"][0] == 500 and board.at["cron"] == [0, 8 * HOUR], board.at


async def test_a_zone_that_is_set_or_changed_is_that_of_the_next_start():
    board = Board(daily={"cron": "0 8 * * *"})
    board.boot()
    board.sched.set_zone("CET-1")
    await board.awake(2 * HOUR)
    await board.sleep(0)
    board.sched.set_zone("EET-2")
    await board.awake(10 * HOUR)
    assert board.at["daily"] == [6 * HOUR], board.at
    await board.sleep(0)
    board.sched.set_zone("CET-1")
    await board.awake(DAY)
    assert board.at["daily"] == [6 * HOUR, DAY + 7 * HOUR], board.at
    await board.sleep(DAY)
    board.sched.set_zone("CET-1")
    await board.look()
    assert board.at["daily"][2:] == [2 * DAY + 12 * HOUR], "what was due is made up for"


async def test_a_pause_goes_on():
    board = Board(often={"repeat": 100}, cron={"cron": "*/5 * * * *"}, once={"at": T0 + 400})
    board.boot()
    await board.awake(150)
    for name in board.plans:
        board.sched.table[name].pause()
    for _ in range(2):
        await board.sleep(100)
        await board.awake(100)
    assert board.at == {"often": [100], "cron": [], "once": []}, board.at
    assert board.sched.jobs()[0]["paused"]
    for name in board.plans:
        board.sched.table[name].resume()
    await board.awake(55)
    await board.sleep()
    await board.awake(100)
    assert board.at == {"often": [100, 600, 700], "cron": [600], "once": [550]}, board.at


async def test_a_pause_keeps_the_phase_of_what_has_jitter():
    board = Board(often={"repeat": 100, "jitter": 50})
    board.boot()
    for _ in range(10):
        await board.awake(75)
        board.sched.table["often"].pause()
        await board.sleep(5)
        await board.look()
        board.sched.table["often"].resume()
        await board.awake(20)
    await board.awake(100)
    assert len(board.at["often"]) > 3 and all(t % 100 <= 50 for t in board.at["often"]), board.at


async def test_a_pause_that_was_ended_does_not_come_back_when_the_clock_is_set():
    board = Board(often={"repeat": 100})
    board.boot()
    await board.awake(150)
    board.sched.table["often"].pause()
    board.boot(wall=Y2000)
    await board.awake(10)
    board.sched.table["often"].resume()
    board.set_clock(200)
    await board.awake(150)
    assert board.at["often"] == [100, 200, 300], board.at


async def test_the_last_start_is_known_again():
    board = Board(often={"repeat": 100})
    board.boot()
    await board.awake(150)
    await board.sleep(10)
    await board.look()
    assert aioschedule.last(board.sched.table["often"]) == T0 + 100
    assert "last @ " in printed(aioctl.status, "often")
    board.boot(wall=Y2000)
    await board.look()
    board.set_clock(170)
    await board.look()
    assert aioschedule.last(board.sched.table["often"]) == T0 + 100


async def test_two_schedulers_share_a_store_with_two_prefixes():
    board = Board(job={"repeat": 100})
    board.boot()
    other = aioschedule.Scheduler(board.clock)
    other.set_store(board.store, prefix="other/")
    other.schedule("job", repeat=70)
    other.run_pending()
    await board.awake(10)
    names = sorted(board.store.texts)
    assert names == ["other/job", "result/x", "schedule/job"], names
    await other.shutdown()


async def test_a_store_that_fails_is_reported_and_does_no_other_harm():
    board = Board(job={"repeat": 100})
    for error in (OSError(28), MemoryError()):
        board.boot()
        await board.look()
        board.at["job"].clear()
        board.store.fails = error
        text = ""
        for _ in range(3):
            board.clock.advance(100)
            text += printed(board.sched.run_pending)
            await turns()
        text += printed(board.sched.table["job"].unschedule)
        assert len(board.at["job"]) == 3, board.at
        assert text.count("store failed: %s" % type(error).__name__) == 2, text
        board.store.fails = None


async def test_records_that_make_no_sense_are_reported_and_written_anew():
    plan = {"repeat": 100}
    for wrong in (
        "1",
        "null",
        "{}",
        '{"when": "start_in=100000, repeat=100000", "t": 1, "next": "soon"}',
        '{"when": "start_in=100000, repeat=100000", "left": -1}',
    ):
        board = Board(a=plan, b={"cron": "*/5 * * * *"})
        board.store.texts["schedule/a"] = wrong
        board.boot()
        text = printed(board.sched.run_pending)
        assert "record of its schedule not taken" in text, (wrong, text)
        assert board.record("a")["next"] == (T0 + 100) * 1000
        await board.awake(350)
        assert board.at == {"a": [100, 200, 300], "b": [300]}, board.at


class Later(Store):
    """A store of another kind."""

    async def put(self, key, record):
        pass


async def test_what_is_no_store_is_refused_and_the_last_one_stays():
    board = Board(job={"repeat": 100})
    board.boot()
    await board.look()
    for wrong in (5, {}, "file"):
        try:
            board.sched.set_store(wrong)
            raise AssertionError(wrong)
        except TypeError as e:
            assert "load, put and delete" in str(e)
    try:
        board.sched.set_store(Store(), prefix=5)
        raise AssertionError(5)
    except TypeError as e:
        assert "prefix: expected str, got 5" in str(e)
    puts = board.store.puts
    board.sched.schedule("job", repeat=5)
    assert board.store.puts == puts + 1
    text = printed(board.sched.set_store, Later()) + printed(board.sched.run_pending)
    assert "store failed: TypeError: " in text and "async" in text, text
    board.sched.set_store(None)
    board.sched.schedule("job", repeat=6)
    assert board.store.puts == puts + 1


async def test_the_default_scheduler_has_a_store_too():
    store = Store()
    aioschedule.schedule("job", repeat=10)
    aioschedule.set_store(store)
    aioschedule.scheduler.run_pending()
    assert list(json.loads(store.texts["schedule/job"])) and store.puts == 1
    aioschedule.modify("job", repeat=20)
    assert json.loads(store.texts["schedule/job"])["when"] == "start_in=20000, repeat=20000"
    aioschedule.unschedule("job")
    assert list(store.texts) == ["result/x"]
    aioschedule.set_store()


# What is not there when the program begins, or fails


async def test_a_task_that_is_added_late_has_the_start_that_was_due():
    plans = {
        "once": {"at": T0 + 100},
        "daily": {"cron": "0 8 * * *", "count": 5},
        "twice": {"repeat": HOUR, "count": 2},
        "gone": {"at": T0 + 200},
    }
    board = Board(**plans)
    board.adds = False
    for _ in range(6):
        board.boot()
        await board.awake(50)
        for name in plans:
            board.add(name)
        await board.awake(250)
        await board.sleep(DAY - 300)
    # What is due once the store keeps, and no more than was said.
    assert board.at["once"] == [100] and board.at["gone"] == [200], board.at
    assert board.at["daily"] == [DAY * i + 50 for i in range(1, 6)], board.at
    assert board.at["twice"] == [DAY + 50, 2 * DAY + 50], board.at


async def test_what_is_due_before_its_task_is_there_happens_once_over_all_boots():
    board = Board(once={"at": T0 + 10})
    board.adds = False
    for _ in range(3):
        board.boot()
        await board.awake(30)
        board.add("once")
        await board.awake(30)
        await board.sleep(10)
    assert board.at["once"] == [30], board.at


async def test_nothing_that_is_over_is_started_by_a_verb_of_another():
    board = Board(word={"on": "go", "count": 1}, once={"at": T0 + 10}, gone={"on": "go"})
    board.boot()
    await board.awake(20)
    board.sched.fire("go")
    await turns()
    board.plans["gone"] = {"on": "go", "finish": T0 + 15}
    board.adds = False
    await board.sleep(10)
    await board.look()
    for name in board.plans:
        board.add(name)
    board.sched.fire("go")
    for name in board.plans:
        s = board.sched.table[name]
        s.pause()
        s.resume()
        async with s.suspend():
            pass
        aioctl.stop(name)
        aioctl.start(name)
    await board.awake(100)
    assert board.at == {"word": [20], "once": [10], "gone": [20]}, board.at
    # And before the task is there.
    board.plans = {"ended": {"repeat": 5, "finish": T0}}
    board.at["ended"] = []
    await board.sleep(10)
    await board.look()
    s = board.sched.table["ended"]
    s.pause()
    s.resume()
    board.add("ended")
    await board.awake(20)
    assert board.at["ended"] == [], board.at


class Shy:
    """A trigger that is due each minute, and fails when it is told to."""

    def __init__(self):
        self.fails = []

    def next(self, after):
        if self.fails:
            raise self.fails.pop()
        return after // 60 * 60 + 60

    def __repr__(self):
        return "Shy()"


async def test_a_trigger_that_failed_is_asked_again_after_a_reset():
    for when in ({}, {"finish": T0 + DAY}):
        shy = Shy()
        board = Board(job=dict(trigger=shy, **when))
        board.boot()
        await board.awake(60)
        shy.fails.append(OSError(5))
        text = printed(board.clock.advance, 60) + printed(board.sched.run_pending)
        await turns()
        assert "trigger failed" in text and not board.sched.holds("job")
        await board.sleep(300)
        await board.awake(130)
        assert board.at["job"] == [60, 120, 420, 480], board.at
        board.off()


async def test_a_record_for_which_there_is_no_memory_is_taken_later():
    for fails in (1, 3, 20):
        shy = Shy()
        board = Board(
            shy={"trigger": shy},
            window={"repeat": 100, "start": T0 - 5},
            often={"repeat": 70, "count": 5},
        )
        board.boot()
        await board.awake(250)
        board.off()
        board.boot()
        board.wall += 20000
        board.boot()
        shy.fails += [MemoryError()] * fails
        for _ in range(7):
            try:
                board.sched.run_pending()
                break
            except MemoryError:
                board.clock.advance(1)
        shy.fails.clear()
        await turns()
        await board.awake(200)
        assert board.at["window"][:4] == [100, 200, 300, 400], (fails, board.at)
        assert board.at["often"][:5] == [70, 140, 210, 280, 350], (fails, board.at)
        assert 300 in board.at["shy"] and 360 in board.at["shy"], (fails, board.at)
        board.off()


async def test_a_schedule_that_is_made_late_goes_on_as_well():
    plans = {"often": {"repeat": 100}, "cron": {"cron": "*/2 * * * *"}, "twice": {"at": T0 + 5}}
    board = Board(**plans)
    board.boot()
    await board.awake(110)
    board.plans = {}
    await board.sleep(10)
    loop = asyncio.create_task(board.sched.loop())
    await turns()
    board.clock.advance(30)  # since the last look
    for name, when in plans.items():
        board.add(name)
        board.sched.schedule(name, **when)
    await turns(10)
    assert board.at["cron"] == [150], board.at  # it was due at 120
    assert aioctl.state("twice") == "stopped" and aioctl.state("often") == "scheduled"
    assert await asyncio.wait_for(aioctl.join("twice"), 1) is None
    loop.cancel()
    await turns()
    await board.awake(60)
    assert board.at == {"often": [100, 200], "cron": [150], "twice": [5]}, board.at


async def test_a_store_that_is_set_late_does_not_undo_what_was_done():
    board = Board(cron={"cron": "* * * * *"}, count={"repeat": 50, "count": 4})
    board.boot()
    await board.awake(70)
    store, board.store = board.store, Store()
    await board.sleep(100)
    await board.awake(70)
    assert board.at["cron"] == [60, 180, 240] and len(board.at["count"]) == 2
    board.sched.set_store(store)
    await board.awake(300)
    assert board.at["cron"][3] == 300 and len(board.at["count"]) == 4, board.at


async def test_a_reset_while_a_start_waits_for_its_jitter_loses_none():
    board = Board(
        cron={"cron": "0 * * * *", "jitter": 600, "grace": 60},
        often={"repeat": HOUR, "jitter": 600, "grace": 60},
        window={"repeat": HOUR, "jitter": 600, "grace": 60, "start": T0},
    )
    board.boot()
    for hour in range(1, 20):
        await board.awake(HOUR if hour > 1 else HOUR + 301)
        await board.sleep(1)
        board.wall -= 1000
        board.boot()
    await board.awake(HOUR - 301)
    for name, at in board.at.items():
        assert [t // HOUR for t in at] == list(range(1, 20)), (name, at)
        assert all(0 <= t % HOUR <= 601 for t in at), (name, at)


async def test_what_could_not_be_put_is_put_at_the_next_look():
    board = Board(job={"repeat": 100}, other={"repeat": 30})
    board.boot()
    await board.awake(95)
    board.store.fails = OSError(28)
    text = printed(board.clock.advance, 5) + printed(board.sched.run_pending)
    for _ in range(5):
        board.clock.advance(1)
        text += printed(board.sched.run_pending)
    assert text.count("store failed") == 1, text
    board.store.fails = None
    await board.awake(16)
    assert board.record("job")["next"] == (T0 + 200) * 1000


async def test_a_store_that_cannot_be_read_is_reported_and_all_begins_anew():
    board = Board(job={"repeat": 100})
    for result in (None, [], {5: {}}, OSError(19), MemoryError()):

        def load(result=result):
            if isinstance(result, BaseException):
                raise result
            return result

        board.store.load = load
        text = printed(board.boot)
        assert "store failed" in text, (result, text)
        await board.awake(101)
        assert len(board.at["job"]) == 1
        board.at["job"].clear()


# The wall clock, and people


async def test_a_clock_that_is_lost_leaves_the_records():
    board = Board(cron={"cron": "0 8 * * *"}, often={"repeat": DAY})
    board.boot()
    await board.awake(9 * HOUR)
    board.set_clock(Y2000 - T0)
    await board.awake(60)
    board.wall = (T0 + 2 * DAY) * 1000
    board.boot()
    await board.look()
    assert board.at["cron"] == [8 * HOUR, 2 * DAY] and board.at["often"] == [2 * DAY], board.at


async def test_a_window_that_ended_by_a_clock_that_was_ahead_is_open():
    plans = {
        "often": {"repeat": 100, "finish": T0 + 500},
        "cron": {"cron": "0 * * * *", "finish": T0 + 3 * HOUR},
    }
    for unset in (True, False):
        board = Board(**plans)
        board.wall = (T0 + DAY) * 1000
        board.boot()
        await board.look()
        assert aioctl.state("often") == aioctl.state("cron") == "stopped"
        if unset:
            board.boot(wall=Y2000)
            await board.awake(200)
            assert not board.at["often"], "it may be over"
            board.set_clock(0)
        else:
            board.wall = T0 * 1000
            board.boot()
        await board.awake(2 * HOUR)
        assert board.at["often"] == [100, 200, 300, 400, 500], (unset, board.at)
        assert board.at["cron"] == [HOUR, 2 * HOUR], (unset, board.at)
        board.off()


async def test_a_clock_that_was_ahead_at_boot_is_put_right():
    board = Board(cron={"cron": "0 * * * *", "finish": T0 + HOUR})
    board.wall = (T0 + 2 * HOUR) * 1000
    board.boot()
    await board.awake(20)
    board.set_clock(30)
    await board.awake(HOUR)
    assert board.at["cron"] == [HOUR], board.at


async def test_a_window_that_ends_while_the_board_is_off_leaves_starts_that_are_missed():
    board = Board(
        often={"repeat": 100, "finish": T0 + 1000}, cron={"cron": "* * * * *", "finish": T0 + 250}
    )
    board.boot()
    await board.awake(150)
    await board.sleep(5000)
    await board.look()
    table = board.sched.table
    assert (table["often"].missed, table["cron"].missed) == (9, 2)
    assert board.at == {"often": [100], "cron": [60, 120]}


async def test_only_what_is_due_when_makes_a_plan():
    pairs = (
        ({"repeat": 100.0}, {"repeat": 100, "grace": 5}),
        ({"start_in": 100, "repeat": True}, {"repeat": 100, "jitter": 0}),
        ({"start_in": 100, "repeat": 100}, {"repeat": 100, "overlap": "queue"}),
        ({"start_in": 2.0, "repeat": 100}, {"start_in": 2, "repeat": 100, "retries": 1}),
        ({"cron": "*/5 * * * *"}, {"cron": "*/5 * * * *", "coalesce": False}),
    )
    others = (
        ({"repeat": 100, "count": 2}, {"repeat": 100, "count": 3}),
        ({"repeat": 100, "finish": T0 + DAY}, {"repeat": 100, "finish": T0 + DAY + 1}),
        ({"at": T0 + 100}, {"at": T0 + 101}),
    )
    for before, after in pairs + others:
        board = Board(job=before)
        board.boot()
        await board.awake(50)
        kept = board.record("job")
        board.plans["job"] = after
        await board.sleep(10)
        await board.awake(1)
        same = board.record("job")
        if (before, after) in pairs:
            assert same["when"] == kept["when"] and same["next"] == kept["next"], (before, after)
        else:
            assert same["when"] != kept["when"], (before, after)
        board.off()


async def test_triggers_of_triggers_are_known_again():
    from aiotrigger import Cron, Or, Window

    def plan():
        return {"trigger": Or(Window(Once(T0 + 100), start=T0), Cron("0 0 1 1 *"))}

    board = Board(date=plan())
    board.boot()
    await board.awake(50)
    board.plans["date"] = plan()
    await board.sleep(500)
    await board.look()
    assert board.at["date"] == [550], board.at


async def test_a_cut_of_power_between_two_records_keeps_the_phase():
    board = Board(job={"repeat": 100})
    board.boot()
    await board.awake(150)
    board.sched.table["job"].pause()
    before = board.record("job")["next"]
    for puts in (1, 2, 3):
        most = board.store.puts + puts
        put = board.store.put

        def cut(key, record, most=most, put=put):
            if board.store.puts < most:
                put(key, record)

        board.store.put = cut
        await board.sleep(7)
        await board.look()
        board.store.put = put
        assert board.record("job")["next"] == before and board.record("job")["paused"]


async def test_a_pause_may_be_ended_before_anything_runs_or_while_the_clock_is_unset():
    board = Board(often={"repeat": 100}, once={"start_in": 20}, cron={"cron": "* * * * *"})
    board.boot()
    await board.awake(10)
    for s in board.sched.table.values():
        s.pause()
    await board.sleep()
    await board.awake(290)
    assert not any(board.at.values()), board.at
    await board.sleep()
    for s in board.sched.table.values():
        s.resume()
    await board.awake(125)
    assert board.at == {"often": [300, 400], "once": [320], "cron": [360, 420]}, board.at
    for s in board.sched.table.values():
        s.pause()
    board.boot(wall=Y2000)
    await board.awake(10)
    for name in ("often", "cron"):
        board.sched.table[name].resume()
    board.wall = (T0 + 1050) * 1000
    board.boot()
    await board.awake(100)
    assert board.at["often"] == [300, 400, 1100] and board.at["cron"][2:] == [1080, 1140], board.at


async def test_modify_counts_from_now_whatever_was_found():
    board = Board(job={"repeat": 1000})
    await board.lose_clock(900, 10)
    board.sched.table["job"].modify(repeat=1000)
    board.set_clock(910)
    await board.awake(1100)
    assert board.at["job"] == [1910], board.at
    s = board.sched.table["job"]
    try:
        s.modify(repeat=5, finish=T0)
        raise AssertionError(s.when)
    except ValueError as e:
        assert "modify: never due" in str(e)
    assert board.sched.table["job"] is s and s.pending


async def test_the_last_start_stays_that_however_often_the_board_boots():
    board = Board(often={"repeat": 1000, "start_in": 10}, once={"at": T0 + 20})
    board.boot()
    await board.awake(30)
    for _ in range(30):
        await board.sleep(0.37)
        await board.look()
    table = board.sched.table
    assert aioschedule.last(table["often"]) == T0 + 10
    assert aioschedule.last(table["once"]) == T0 + 20
    board.store.texts["schedule/often"] = board.store.texts["schedule/often"].replace(
        "1731", "9" * 40
    )
    assert "not taken" in printed(board.boot) + printed(board.sched.run_pending)


async def test_who_unschedules_in_a_listener_leaves_no_record():
    board = Board(job={"repeat": 100}, other={"repeat": 100})
    board.boot()
    await board.look()
    board.sched.listen(lambda event, name, s, rec: s.unschedule(), "added")
    board.sched.set_store(board.store)  # hears after it
    board.sched.schedule("job", repeat=50)
    await board.look()
    assert sorted(board.store.texts) == ["result/x", "schedule/other"]
    s = board.sched.table["other"]
    aioctl.stop("other")
    assert not s.unschedule() and list(board.store.texts) == ["result/x"]
    board.store.texts["schedule/orphan"] = "{}"
    assert "not found" in printed(board.sched.unschedule, "orphan")
    assert list(board.store.texts) == ["result/x"]


async def test_a_window_that_has_ended_does_not_harm_a_task_that_runs():
    async def fails():
        runs.append(1)
        await asyncio.sleep_ms(0)
        raise ValueError("x")

    runs = []
    watcher = aioctl.add(aioschedule.watcher_loop, sleep=0)
    aioctl.add(fails, name="runs", restart="on-failure", backoff=(0, 0), intensity=(3, 60))
    await turns(1)
    text = printed(aioschedule.schedule, "runs", repeat=5, finish=T0 - 1)
    assert "has ended" in text
    await turns(40)
    assert len(runs) == 4 and aioctl.state("runs") == "gave-up", runs
    aioctl.stop(watcher.name)
    aioschedule.unschedule("runs")


async def test_a_tree_does_not_start_what_is_over():
    from aiosupervisor.tree import Supervisor

    board = Board(twice={"repeat": 50, "count": 2}, ended={"repeat": 5, "finish": T0 - 1})
    board.boot()
    await board.awake(110)
    board.adds = False
    await board.sleep(10)
    await board.look()
    at = board.at

    async def twice():
        at["twice"].append("tree")

    async def ended():
        at["ended"].append("tree")

    root = Supervisor("root")
    root.add(twice)
    root.add(ended)
    await turns(20)
    await board.awake(100)
    await turns(20)
    assert at == {"twice": [50, 100], "ended": []}, at
    aioctl.stop("root")
    await turns(10)


async def test_without_memory_for_one_look_nothing_is_lost():
    import micropython

    for when in (
        {"start_in": 60, "repeat": 5 * DAY, "retries": 3},
        {"start_in": 60, "repeat": 5 * DAY},
        {"start_in": 60, "repeat": 5 * DAY, "overlap": "queue", "grace": 7 * DAY},
    ):
        board = Board(job=when)
        board.boot()
        await board.look()
        board.sched.set_store()
        board.clock.advance(60)
        micropython.heap_lock()
        try:
            board.sched.run_pending()
        except MemoryError:
            pass
        finally:
            micropython.heap_unlock()
        await board.awake(6 * DAY)
        assert board.at["job"][-1] == 5 * DAY + 60, (when, board.at)
        board.off()


async def test_many_records_may_want_for_memory_in_one_look():
    plans = {"t%d" % i: {"trigger": Shy()} for i in range(8)}
    board = Board(**plans)
    board.boot()
    await board.awake(70)
    await board.sleep(100)
    for when in plans.values():
        when["trigger"].fails.append(MemoryError())
    text = ""
    for _ in range(2):
        try:
            text += printed(board.sched.run_pending)
        except MemoryError:
            text += "short"
    await turns()
    assert text == "short" and all(at == [60, 170] for at in board.at.values()), (text, board.at)


async def test_a_delete_that_failed_is_made_again():
    board = Board(job={"repeat": 100}, other={"repeat": 10})
    board.boot()
    await board.look()
    board.store.fails = OSError(28)
    printed(board.sched.unschedule, "job")
    board.store.fails = None
    await board.awake(11)
    assert sorted(board.store.texts) == ["result/x", "schedule/other"]


async def test_who_resumes_what_has_ended_leaves_nobody_waiting():
    now = T0 + 10
    for when in (
        {"at": now, "repeat": 10, "finish": now + 15},
        {"repeat": 10, "finish": now + 15},
        {"cron": "* * * * *", "finish": T0 + 15},
    ):
        board = Board(job=when)
        board.boot()
        await board.look()
        s = board.sched.table["job"]
        s.pause()
        board.clock.advance(100)
        await board.look()
        text = printed(s.resume)
        await board.look()
        assert aioctl.state("job") == "stopped" and not text, (when, text)
        assert not board.record("job")["paused"]
        board.off()


async def test_a_task_that_is_added_after_its_window_has_ended_is_stopped():
    aioschedule.scheduler.run_pending()
    printed(aioschedule.schedule, "ended", repeat=60, finish=T0 - 300)
    aioschedule.scheduler.run_pending()

    async def ended():
        raise AssertionError("it is over")

    aioctl.add(ended)
    aioschedule.scheduler.run_pending()
    assert aioctl.state("ended") == "stopped"
    assert await asyncio.wait_for(aioctl.join("ended"), 1) is None
    aioschedule.unschedule("ended")


async def test_a_task_that_is_added_hours_late_keeps_its_phase():
    board = Board(job={"repeat": HOUR})
    board.boot()
    await board.awake(HOUR + 1000)
    board.adds = False
    await board.sleep(105)
    await board.awake(3 * HOUR)
    board.add("job")
    await board.awake(HOUR)
    assert board.at["job"][1:] == [4 * HOUR + 1105, 5 * HOUR], board.at


async def test_a_pause_of_an_earlier_life_goes_on_in_modify():
    board = Board(job={"repeat": 10})
    board.boot()
    await board.look()
    board.sched.table["job"].pause()
    await board.sleep(5)
    s = board.sched.table["job"].modify(repeat=20)
    await board.awake(100)
    assert board.at["job"] == [] and s.paused
    s.resume()
    await board.awake(25)
    assert len(board.at["job"]) == 1


async def test_a_long_first_wait_is_no_reason_to_believe_a_clock_that_was_ahead():
    board = Board(job={"start_in": DAY, "repeat": 60})
    board.boot()
    await board.awake(DAY + 30)
    board.wall += 20 * HOUR * 1000
    board.boot()
    await board.look()
    board.wall = (T0 + DAY + 60) * 1000
    board.boot()
    await board.awake(DAY + 10)
    assert len(board.at["job"]) > 1, board.at
