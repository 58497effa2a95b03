# The REPL, tasks with names, and one that prints what is put into a file `say` of the folder
# that the environment names; after "fail" a task fails that nobody waits for.
import asyncio
import os

import uctypes

import aioctl
import aiorepl

SAY = os.getenv("FOLDER") + "/say"
HISTORY = os.getenv("HISTORY")


async def echo():
    while True:
        await asyncio.sleep_ms(5)
        try:
            with open(SAY) as f:
                text = f.read()
        except OSError:
            continue
        os.remove(SAY)
        if text == "fail":
            asyncio.create_task(failing())
        else:
            print(text, end="")


async def failing():
    await asyncio.sleep_ms(0)
    raise ValueError("failed")


async def sensor():
    await asyncio.Event().wait()


class Proxy:
    asked = ()

    def __getattr__(self, name):
        self.asked += (name,)
        raise AttributeError(name)

    @property
    def failing(self):
        raise ValueError


class Meter:
    """One that does not answer, or not at once, and that cannot be compared."""

    reads = 0

    @property
    def volts(self):
        Meter.reads += 1
        raise OSError(19)  # ENODEV

    @property
    def amps(self):
        print("asks")
        while True:
            pass

    def __eq__(self, other):
        raise TypeError

    def __bool__(self):
        raise TypeError


_attrs = 5  # no names to load later, as those of asyncio are
meter = Meter()
registers = uctypes.struct(0, {"status": uctypes.UINT8 | 0})


async def main():
    aioctl.add(sensor, name="sensor_in")
    aioctl.add(sensor, name="sensor_out")
    aioctl.add(echo)
    aioctl.add(aiorepl.task, name="repl", history=HISTORY)
    await asyncio.gather(*aioctl.tasks())


asyncio.run(main())
