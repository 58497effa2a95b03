"""How exactly what is in wall time starts, whose clock is not that of the queue."""

import asyncio

import aioctl
from support import FakeClock

T0 = 1731456000  # 2024-11-13 00:00:00 UTC, a Wednesday
aioctl.clock = FakeClock(T0)

import aioschedule  # noqa: E402  takes the clock that is there


class FineClock(FakeClock):
    """A clock that moves by microseconds; its wall clock is `phase` of them ahead."""

    def __init__(self, phase):
        super().__init__(T0)
        self.us = 0
        self.phase = phase

    def now(self):
        self.s, us = divmod(self.us, 1000000)
        self.ms = us // 1000
        return self.s

    def wall(self):
        s, us = divmod(self.us + self.phase, 1000000)
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


async def starts(fine, own, *names):
    """Run the loop of `own` on a clock that also moves while it sleeps; return their first starts,
    us of the wall clock after T0.
    """
    at = {}

    def job(name):
        async def run():
            at.setdefault(name, fine.us + fine.phase)

        return run

    async def sleeps(ms):
        await real(0)  # what was started runs
        fine.us += 30 + (ms * 1000 if ms < 100_000 else 0)

    for name in names:
        aioctl.add(job(name), name=name)
    real = asyncio.sleep_ms
    asyncio.sleep_ms = sleeps
    task = asyncio.create_task(own.loop())
    for _ in range(400):
        await real(0)
    task.cancel()
    await real(0)
    asyncio.sleep_ms = real
    aioctl.delete(*names)
    return [at[name] for name in names]


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
        for us in await starts(fine, own, "at", "then", *names):
            assert 0 <= us - 2_000_000 < 150, (phase, us)


async def test_what_has_jitter_does_not_start_at_its_wall_time():
    fine = FineClock(300)
    own = aioschedule.Scheduler(fine)
    s = own.schedule("job", cron="2 * * * * *", jitter=0.4)
    own.run_pending()
    late = s._late * 1000
    (us,) = await starts(fine, own, "job")
    assert 0 <= us - 2_000_000 - late < 2_000, (us, late)
