# REPLs on a terminal, on a second line, and over TCP with and without a password.
import asyncio
import os

import aiorepl

log = []
n = 0


async def count():
    global n
    while True:
        n += 1
        await asyncio.sleep_ms(5)


def tell(text):
    print("told", text)


async def main():
    port = int(os.getenv("PORT"))
    tasks = [
        count(),
        aiorepl.serve(port),
        aiorepl.serve(port + 1, password="sésame", g={"log": log}, limit=2),
    ]
    line = os.getenv("LINE")
    if line:
        tasks.append(aiorepl.task(stream=open(line, "r+b")))
    await asyncio.gather(*tasks, aiorepl.task())


asyncio.run(main())
