"""A year of schedules on an emulated Pico in virtual time, start by start."""

import datetime
import json
import zoneinfo

import cronsim

UTC = datetime.timezone.utc
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
BEGIN = datetime.datetime(2026, 1, 1, tzinfo=UTC)
END = datetime.datetime(2027, 1, 1, tzinfo=UTC)
UNSET_S = 1000  # how long the clock of the board is not set
CRONS = {
    "night": "30 2 * * *",  # once in the nights in which the clocks are changed
    "work": "15 8 * * mon-fri",
    "month": "0 0 L * *",
    "pay": "0 9 LW * *",
    "first": "30 6 * * sun#1",
    "either": "0 12 13 * 5",
    "change": "*/30 1-3 * mar,oct sun",  # in real time
    "leap": "0 0 29 2 *",
}
EACH_S = {"interval": 31 * 3600, "ten_days": 10 * 86400}
PROGRAM = """
import asyncio, json, machine, time
from array import array

import aioctl
import aioschedule

plans = json.loads({plans!r})
clock = aioctl.clock
begun = clock.now()
starts = {{}}  # name: (s by the wall clock after its time was set, or else s by the clock)
end = asyncio.Event()


def add(name):
    starts[name] = times = array("I")
    wall = "cron" in plans[name]

    async def job():
        times.append(time.time() - {begin} if wall else clock.now() - begun)

    aioctl.add(job, name=name)


async def set_clock():
    assert not any(starts[name] for name in starts if "cron" in plans[name])
    machine.RTC().datetime({date})
    aioschedule.clock_changed()


async def main():
    aioschedule.set_zone("CET-1CEST,M3.5.0,M10.5.0/3")
    for name in plans:
        aioschedule.schedule(name, **plans[name])
        add(name)
    aioschedule.schedule("set_clock", start_in={unset})
    aioctl.add(set_clock)
    aioschedule.schedule("end", at={end})

    async def stop():
        end.set()

    aioctl.add(stop, name="end")
    aioctl.add(aioschedule.schedule_loop)
    await end.wait()


asyncio.run(main())
for name in starts:
    print(json.dumps([name, list(starts[name])]))
"""


def planned(expr):
    """The seconds from BEGIN to each start in the year."""
    times = []
    for time in cronsim.CronSim(expr, BEGIN.astimezone(BERLIN)):
        if time >= END:
            return times
        times.append(int((time.astimezone(UTC) - BEGIN).total_seconds()))


def program():
    plans = {name: {"cron": expr} for name, expr in CRONS.items()}
    plans.update((name, {"repeat": period}) for name, period in EACH_S.items())
    begin = int(BEGIN.timestamp())
    return PROGRAM.format(
        plans=json.dumps(plans),
        begin=begin,
        end=int(END.timestamp()),
        date=(2026, 1, 1, 0, 0, 0, 0, 0),
        unset=UNSET_S,
    )


def test_a_year_of_schedules_starts_as_planned(deployed):
    deployed.start()
    deployed.mpremote("rm", ":main.py")
    deployed.cut_power()
    deployed.start()
    output = deployed.run(program(), timeout=900)
    starts = dict(json.loads(line) for line in output.splitlines() if line.startswith("["))
    year_s = int((END - BEGIN).total_seconds())
    for name, period in EACH_S.items():
        assert starts.pop(name) == list(range(period, UNSET_S + year_s, period)), name
    for name, expr in CRONS.items():
        assert starts.pop(name) == planned(expr), name
    assert not starts
