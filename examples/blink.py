"""A supervised blink, and a report of how often it blinked.

`aioctl.stop("blink")` and `aioctl.start("blink")` at the prompt, `aioctl.log()` for the log.
"""

import asyncio

import aioctl
import aiorepl
import aioschedule
from aiolog import streamlog

try:
    from machine import Pin  # pyright: ignore[reportAttributeAccessIssue]
except ImportError:

    class Pin:
        """In place of a LED, where there is none: says in the log what it would show."""

        OUT = 1

        def __init__(self, pin, mode):
            self.pin = pin

        def value(self, on):
            streamlog.write("[blink] %s %s\n" % (self.pin, "on" if on else "off"))


LED = "LED"  # on a Pico; ESP32 boards need the number of the pin, on many it is 2

aioctl.set_log(streamlog)
blinks = 0


@aioctl.aiotask(restart="always", backoff=(1, 30))
async def blink(pin, seconds=0.5):
    global blinks
    led = Pin(pin, Pin.OUT)
    while True:
        led.value(1)
        await asyncio.sleep(seconds)
        led.value(0)
        await asyncio.sleep(seconds)
        blinks += 1


@aioschedule.schedule_task(start_in=2, repeat=60)
async def report():
    return "%d blinks" % blinks


async def main():
    aioctl.add(blink, LED)
    aioctl.add(report)
    aioctl.add(aiorepl.task, name="repl")
    aioctl.add(aioschedule.watcher_loop)
    aioctl.add(aioschedule.schedule_loop)
    await asyncio.gather(*aioctl.tasks())


asyncio.run(main())
