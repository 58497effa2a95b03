"""P3: idle means idle, counted from outside the process.

What is counted: how often the operating system put the process on a processor again. On Linux
these are the context switches in /proc, exact: a process that sleeps through has none. On macOS
they are the wake-ups that the kernel books for its energy report. Neither tells what woke the
process; a signal or a debugger counts as well. A wake-up that is due less often than once in
`SECONDS` is only seen by chance.
"""

import ctypes
import os
import pathlib
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MICROPYTHON = os.environ.get("MICROPYTHON") or str(ROOT / ".venv" / "bin" / "micropython")
SECONDS = 3.2

HEAD = """
import asyncio
import time
import aioctl
import aioschedule

async def job():
    pass

async def waits():
    await asyncio.Event().wait()

async def crash():
    raise ValueError("boom")
"""

IDLE = """
async def main():
    for n in range(10):
        name = "job %d" % n
        aioctl.add(job, name=name)
        aioschedule.schedule(name, start_in=3600 if n else 30 * 86400, repeat=3600)
    aioctl.add(aioschedule.schedule_loop)
    aioctl.add(aioschedule.watcher_loop)
    aioctl.add(waits)
    await asyncio.sleep_ms(10)
    print("ready")
    await asyncio.gather(*aioctl.tasks())

asyncio.run(main())
"""

# The same after some work: a run, restarts up to the limit, a stop, a removed schedule.
AFTER_WORK = """
async def main():
    aioctl.add(aioschedule.schedule_loop)
    aioctl.add(aioschedule.watcher_loop)
    await asyncio.sleep_ms(10)
    for name, start in (("soon", 0.05), ("removed", 0.2), ("stopped", 0.2), ("far", 3600)):
        aioctl.add(job, name=name)
        aioschedule.schedule(name, start_in=start, repeat=3600)
    aioctl.add(crash, backoff=(0, 0), intensity=(3, 60))
    aioctl.add(crash, name="once", restart="no")
    aioctl.add(waits)
    aioschedule.unschedule("removed")
    aioctl.stop("stopped")
    await asyncio.sleep_ms(400)
    assert aioctl.state("crash") == "gave-up"
    assert aioctl.info("soon")["starts"] == 1
    print("ready")
    await asyncio.gather(*aioctl.tasks())

asyncio.run(main())
"""

# What must be seen: a loop that looks once a second whether there is anything to do.
POLLS = """
async def main():
    print("ready")
    while True:
        await asyncio.sleep(1)

asyncio.run(main())
"""

PROGRAMS = {"idle": IDLE, "after work": AFTER_WORK, "polls": POLLS}


def environment():
    return dict(os.environ, MICROPYPATH=f"{ROOT}:{ROOT / 'lib'}:.frozen", TZ="UTC")


def wakeups(pid):
    """How often the process ran since its start, over all of its threads."""
    if sys.platform == "darwin":
        return _wakeups_darwin(pid)
    count = 0
    for status in pathlib.Path(f"/proc/{pid}/task").glob("*/status"):
        for line in status.read_text().splitlines():
            if "ctxt_switches" in line:
                count += int(line.split()[1])
    return count


def _wakeups_darwin(pid):
    # struct rusage_info_v0: 16 bytes of uuid, then 64-bit fields, of which the third and the
    # fourth are ri_pkg_idle_wkups and ri_interrupt_wkups.
    fields = (ctypes.c_uint64 * 12)()
    if ctypes.CDLL(None, use_errno=True).proc_pid_rusage(pid, 0, ctypes.byref(fields)):
        raise OSError(ctypes.get_errno(), "proc_pid_rusage")
    return fields[4] + fields[5]


@pytest.fixture(scope="module")
def counts():
    """How often each of PROGRAMS woke up within SECONDS, all of them at the same time."""
    processes = {
        name: subprocess.Popen(
            [MICROPYTHON, "-c", HEAD + text],
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name, text in PROGRAMS.items()
    }
    try:
        for name, process in processes.items():
            assert process.stdout.readline() == "ready\n", name
        time.sleep(0.5)  # from the print to the sleep
        before = {name: wakeups(process.pid) for name, process in processes.items()}
        time.sleep(SECONDS)
        found = {name: wakeups(p.pid) - before[name] for name, p in processes.items()}
        assert [p.poll() for p in processes.values()] == [None] * len(processes)
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
            process.stdout.close()
    return found


def test_the_counter_sees_a_poll_of_one_second(counts):
    assert counts["polls"] >= 3


def test_schedules_a_watcher_and_a_waiting_task_do_not_wake(counts):
    assert counts["idle"] == 0


def test_nothing_wakes_after_runs_restarts_and_stops(counts):
    assert counts["after work"] == 0


NEARER = """
began = None

async def soon():
    late = time.ticks_diff(time.ticks_ms(), began)
    assert 299 <= late < 1000, late  # the loop counts whole milliseconds
    print("on time")

async def main():
    global began
    aioctl.add(job)
    aioschedule.schedule("job", start_in=3600)
    aioctl.add(aioschedule.schedule_loop)
    await asyncio.sleep_ms(100)
    aioctl.add(soon)
    began = time.ticks_ms()
    aioschedule.schedule("soon", start_in=0.3)
    await asyncio.wait_for(aioctl.join("soon"), 5)
    assert aioctl.state("job") == "scheduled"

asyncio.run(main())
"""


def test_a_nearer_deadline_wakes_the_sleeper():
    process = subprocess.run(
        [MICROPYTHON, "-c", HEAD + NEARER],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=20,
    )
    assert process.stdout == "on time\n"
    assert process.returncode == 0
