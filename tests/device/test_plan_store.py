"""Schedules over a reset or a deep sleep: what a store keeps of them."""

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

    def boot(self, wall=None):
        """The program begins; wall: what the clock shows."""
        self.off()
        ms = self.wall if wall is None else wall * 1000
        self.clock = FakeClock(ms // 1000)
        self.clock.ms = ms % 1000
        self.sched = aioschedule.Scheduler(self.clock)
        if self.early:
            self.sched.set_store(self.store)
        for name, when in self.plans.items():
            self.sched.schedule(name, **when)
            self.add(name)
        if not self.early:
            self.sched.set_store(self.store)

    def off(self):
        aioctl.reset()
        if self.sched:
            self.sched.table.clear()  # nobody knows it any more

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
        self.wall = self.clock.wall() * 1000 + self.clock.ms

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
        board.wall = board.clock.wall() * 1000 + board.clock.ms
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
    for _ in range(30):
        alone = Board(**plans)
        alone.boot()
        await alone.awake(2000)
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
    add, board.add = board.add, lambda name: None
    await board.sleep(5)
    await board.awake(10)
    for name in board.plans:
        add(name)
    await board.awake(1000)
    assert board.at == {"once": [100], "twice": [50, 100]}, board.at
    assert aioctl.state("once") == "scheduled"
    assert "never starts, it is over" in printed(aioctl.status, "once")
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
    board = Board(daily={"cron": "0 8 * * *"}, often={"repeat": DAY}, now={"repeat": 7})
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
    assert board.record("now")["next"] // 1000 % 7 == (T0 + 23 * HOUR - 60) % 7


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
        assert text.count("store failed: %s" % type(error).__name__) == 4, text
        board.store.fails = None


async def test_records_that_make_no_sense_are_reported_and_written_anew():
    plan = {"repeat": 100}
    for wrong in (
        "1",
        "null",
        "{}",
        '{"when": "repeat=100", "t": 1, "next": "soon"}',
        '{"when": "repeat=100", "left": [1]}',
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
    for store, prefix in ((Store(), 5), (List(), "")):
        try:
            board.sched.set_store(store, prefix=prefix)
            raise AssertionError(store)
        except TypeError as e:
            assert "expected" in str(e)
    puts = board.store.puts
    board.sched.schedule("job", repeat=5)
    assert board.store.puts == puts + 1
    text = printed(board.sched.set_store, Later())
    assert "store failed: TypeError: " in text and "async" in text, text
    board.sched.set_store(None)
    board.sched.schedule("job", repeat=6)
    assert board.store.puts == puts + 1


class List(Store):
    def load(self):
        return []


async def test_the_default_scheduler_has_a_store_too():
    store = Store()
    aioschedule.schedule("job", repeat=10)
    aioschedule.set_store(store)
    aioschedule.scheduler.run_pending()
    assert list(json.loads(store.texts["schedule/job"])) and store.puts == 1
    aioschedule.modify("job", repeat=20)
    assert json.loads(store.texts["schedule/job"])["when"] == "repeat=20"
    aioschedule.unschedule("job")
    assert list(store.texts) == ["result/x"]
    aioschedule.set_store()
