"""How exactly what is in wall time starts, whose clock is not that of the queue."""

import asyncio

import aioctl
import aioschedule

T0 = 1731456000  # 2024-11-13 00:00:00 UTC, a Wednesday


class FineClock:
    """A clock that moves by microseconds; its wall clock is `phase` of them ahead.

    stops: where the wall clock does, us. turns: of a loop that did not sleep (see `runs`).
    """

    stops = 1 << 60
    us = s = ms = turns = 0

    def __init__(self, phase):
        self.phase = phase

    def now(self):
        self.s, us = divmod(self.us, 1000000)
        self.ms = us // 1000
        return self.s

    def wall(self):
        s, us = divmod(min(self.us + self.phase, self.stops), 1000000)
        self.wall_s = T0 + s
        self.wall_ms = us // 1000
        return self.wall_s


async def test_a_wall_time_is_met_within_the_millisecond_whatever_the_phase_of_the_clocks():
    for began in (0, 400, 900):
        for phase in (0, 300, 500, 800):
            fine = FineClock(phase)
            own = aioschedule.Scheduler(fine)
            fine.us = began
            own.schedule("job", at=T0 + 2)
            own.schedule("other", repeat=0.7)
            looks = 0
            while True:
                ms = own.run_pending()
                looks += 1
                if not own.table["job"].pending:
                    break
                fine.us += 90  # what else goes on, then asyncio sleeps
                fine.us += ms * 1000
            late = fine.us + phase - 2000000
            assert 0 <= late < 1100, (began, phase, late)
            assert looks <= 6, (began, phase, looks)


async def runs(fine, own, names, turns=400):
    """Run the loop of `own` on a clock that also moves while it sleeps; return when they
    started, {name: [us of the wall clock after T0]}.
    """
    at = {}

    def job(name):
        async def run():
            at.setdefault(name, []).append(fine.us + fine.phase)

        return run

    async def sleeps(ms):
        await real(0)  # what was started runs
        fine.turns += not ms
        fine.us += 30 + (ms * 1000 if ms < 100_000 else 0)

    aioctl.set_group(None)  # those of a run before
    for name in names:
        aioctl.add(job(name), name=name)
    real = asyncio.sleep_ms
    asyncio.sleep_ms = sleeps
    task = asyncio.create_task(own.loop())
    for _ in range(turns):
        await real(0)
    task.cancel()
    await real(0)
    asyncio.sleep_ms = real
    return at


async def test_the_last_ms_before_a_wall_time_are_waited_for_in_turns():
    for phase in (0, 300, 999):
        fine = FineClock(phase)
        own = aioschedule.Scheduler(fine)
        own.schedule("at", at=T0 + 2)
        own.schedule("then", at=T0 + 2, repeat=30)
        own.schedule("other", repeat=0.6662)
        names = ["cron%d" % i for i in range(6)]
        for name in names:
            own.schedule(name, cron="2 * * * * *")
        names += ["at", "then"]
        at = await runs(fine, own, names)
        for name in names:
            assert 0 <= at[name][0] - 2_000_000 < 150, (phase, at)
        assert 30 < fine.turns < 150, fine.turns  # of 30 us each, twice: also a minute later


async def test_what_has_jitter_does_not_start_at_its_wall_time():
    fine = FineClock(300)
    own = aioschedule.Scheduler(fine)
    s = own.schedule("job", cron="2 * * * * *", jitter=0.4)
    own.run_pending()
    late = s._late * 1000
    at = await runs(fine, own, ["job"])
    assert -2_000 <= at["job"][0] - 2_000_000 - late < 2_000, (at, late)


async def test_each_of_many_starts_is_exact():
    fine = FineClock(300)
    own = aioschedule.Scheduler(fine)
    own.schedule("job", cron="* * * * * *")
    at = (await runs(fine, own, ["job"], 1200))["job"]
    assert len(at) > 10 and max(us % 1_000_000 for us in at) < 150, at


async def test_an_interval_is_slept_for_to_its_end():
    fine = FineClock(300)
    own = aioschedule.Scheduler(fine)
    own.schedule("far", at=T0 + 50)
    own.schedule("job", repeat=0.002)
    await runs(fine, own, ["job"])
    assert fine.turns == 0


async def test_a_wall_clock_that_stands_still_does_not_keep_the_loop_awake():
    fine = FineClock(0)
    fine.stops = 1_998_500
    own = aioschedule.Scheduler(fine)
    own.schedule("job", at=T0 + 2)
    assert await runs(fine, own, ["job"], 1000) == {}
    assert fine.turns < 600 and fine.us > 2_300_000, (fine.turns, fine.us)
    fine.stops += 10_000
    at = await runs(fine, own, ["job"])
    assert at["job"][0] >= 2_000_000


async def test_a_trigger_without_memory_is_asked_again_a_second_later():
    class Trigger:
        asked = 0

        def next(self, after):
            if after < T0 + 1:
                return T0 + 2
            self.asked += 1
            assert self.asked < 100
            raise MemoryError

    trigger = Trigger()
    fine = FineClock(300)
    own = aioschedule.Scheduler(fine)
    own.schedule("job", trigger=trigger)
    own.run_pending()
    for n in range(1, 4):
        fine.us = 1_000_000 * (n + 1)
        own.run_pending()
        assert trigger.asked == n
        assert own.run_pending() > 900
        assert trigger.asked == n


async def test_a_listener_that_schedules_for_the_past_without_end_lets_others_run():
    told = []
    own = aioschedule.Scheduler(FineClock(300))

    def again(event, name, s, rec):
        own.clock.us += 10
        told.append(name)
        assert len(told) < 10_000
        own.schedule("job", at=T0 - 5)

    async def lasts():
        await asyncio.sleep(60)

    aioctl.add(lasts, name="job")
    await asyncio.sleep_ms(0)
    aioschedule.listen(again, "skipped", own)
    own.schedule("job", at=T0 - 5)
    for _ in range(3):
        told.clear()
        own.run_pending()
        assert told
        own.clock.us += 1000


async def test_a_pause_in_which_the_clock_moves_on_keeps_the_phase():
    class Moves(FineClock):
        step = 0  # us at each look

        def now(self):
            self.us += self.step
            return FineClock.now(self)

    fine = Moves(0)
    own = aioschedule.Scheduler(fine)
    job = own.schedule("job", repeat=10)
    own.run_pending()
    for _ in range(5):
        fine.step = 1000
        job.pause()
        fine.step = 0
        job.resume()
    assert own.run_pending() * 1000 + fine.us == 10_000_000
    fine.step = 1000
    job.pause()
    at = fine.us
    job = job.modify(repeat=20)  # counted from now
    fine.step = 0
    job.resume()
    assert own.run_pending() * 1000 + fine.us - at <= 20_001_000
