# Tasks in every state that the host command shows, the log, and the REPL.
import asyncio

import aioctl
import aiolog
import aiorepl
import aioschedule

log = aiolog.AioStream(2000)
aioctl.set_log(log)
n = 0


async def numbers():
    global n
    while True:
        n += 1
        await asyncio.sleep_ms(5)


async def noisy():
    while True:
        print("noise > \n>>> OK R\nraw REPL; CTRL-B to exit\n> --> \\x01 \\x04")
        await asyncio.sleep_ms(3)


async def writer():
    i = 0
    while True:
        await asyncio.sleep_ms(50)
        i += 1
        log.write("[żółw] line %d é\n" % i)


async def answer():
    return {"a": 42}


async def faulty(x):
    raise ValueError("no LED " + x)


async def stubborn():
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass


async def nan():
    return float("nan")


async def main():
    aioctl.add(numbers)
    aioctl.add(answer)
    aioctl.add(nan)
    aioctl.add(faulty, "é4", restart="no")
    aioctl.add(faulty, "5", name="waits", backoff=(3000, 6000))
    aioctl.add(writer, name="żółw")
    aioctl.add(stubborn)
    aioctl.add(noisy)
    aioctl.stop("noisy")
    aioschedule.schedule("report", start_in=3600, repeat=60)
    aioctl.add(answer, name="report")
    aioctl.add(aiorepl.task, name="repl")
    aioctl.add(aioschedule.watcher_loop)
    aioctl.add(aioschedule.schedule_loop)
    await asyncio.gather(*aioctl.tasks())


asyncio.run(main())
