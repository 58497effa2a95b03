"""Commands of the REPL: what they may await, and where their names land."""

import asyncio
import gc

import aiorepl


async def double(x):
    await asyncio.sleep_ms(0)
    return 2 * x


class Context:
    async def __aenter__(self):
        return await double(3)

    async def __aexit__(self, *exc):
        pass


class Count:
    def __init__(self, n):
        self.n = n

    def __aiter__(self):
        return self

    async def __anext__(self):
        await asyncio.sleep_ms(0)
        self.n -= 1
        if self.n < 0:
            raise StopAsyncIteration
        return self.n


def names():
    return {"asyncio": asyncio, "double": double, "Context": Context, "Count": Count, "y": 4}


async def after(code, g=None):
    # The globals after this command.
    if g is None:
        g = names()
    await aiorepl.execute(code, g, aiorepl.Console())
    return g


COMMANDS = (
    # (command, the names that it makes)
    ("x = 1", {"x": 1}),
    ("x = await double(1)", {"x": 2}),
    ("x = y = await double(1)", {"x": 2, "y": 2}),
    ("x, (z, *w) = await double(1), (3, 4, 5)", {"x": 2, "z": 3, "w": [4, 5]}),
    ("y += await double(1)", {"y": 6}),
    ("(x := await double(1)) + 1", {"x": 2}),
    ("import json as j; x = await double(1)", {"x": 2}),
    ("x = [i + await_ for i in (1, 2)] if (await_ := await double(1)) else 0", {"x": [3, 4]}),
    ("for i in range(3): x = await double(i)", {"i": 2, "x": 4}),
    ("while y < 9: y = await double(y)", {"y": 16}),
    ("async for i in Count(3): x = i", {"i": 0, "x": 0}),
    ("async with Context() as c: pass", {"c": 6}),
    ("def f(x): y = 9; return x + y\nx = f(await double(1))", {"x": 11, "y": 4}),
    ("async def f(x): return await double(x)\nx = await f(y)", {"x": 8}),
    ("x = (lambda y: y + 1)(await double(1)); z = y", {"x": 3, "z": 4}),
    ("s = 'await = import y'; x = await double(1)", {"s": "await = import y", "x": 2, "y": 4}),
    ("try:\n 1 / 0\nexcept ZeroDivisionError as e:\n x = await double(len(e.args))", {"x": 2}),
    ("if await double(1):\n  x = 1\nelse:\n  x = 2", {"x": 1}),
    ("x = await double(\n1\n)", {"x": 2}),
    ("x = await double(1)\ny = 2", {"x": 2, "y": 2}),
    ('x = await double(1); s = """a\n b\nc"""\nz = 3', {"x": 2, "s": "a\n b\nc", "z": 3}),
    ("s = '''a\nb'''\nx = await double(1)", {"s": "a\nb", "x": 2}),
    ("x = await double(1)  # no ' comment", {"x": 2}),
    ("ż = await double('ó')", {"ż": "óó"}),
    ("x = await double(1)".encode(), {"x": 2}),
    (bytearray("x = 'é'".encode()), {"x": "é"}),
    ("await asyncio.sleep_ms(0), (x := 5)", {"x": 5}),
    ("global x; x = await double(1)", {"x": 2}),
)


async def test_the_names_of_a_command_are_global():
    for code, made in COMMANDS:
        g = await after(code)
        for name, value in made.items():
            assert g.get(name) == value, (code, name, g.get(name))


async def test_a_failing_command_keeps_what_it_did_before():
    for code in (
        "x = 2; 1 / 0",
        "x = await double(1); 1 / 0",
        "x = await double(1); raise KeyboardInterrupt",
    ):
        g = await after(code)
        assert g["x"] == 2, code


async def test_the_value_becomes_the_underscore():
    for code, value in (
        ("6 * 7", 42),
        ("await double(5)", 10),
        ("None", 10),
        ("await double([])", []),
    ):
        await after(code)
        assert eval("_") == value, code


async def test_an_inner_function_that_awaits_is_not_run():
    g = await after("async def f(): x.append(await double(1))", {"x": [], "double": double})
    assert g["x"] == []
    await g["f"]()
    assert g["x"] == [2]


async def test_system_exit_is_passed_on():
    for code in ("raise SystemExit(3)", "raise SystemExit(await double(1) + 1)"):
        try:
            await after(code)
        except SystemExit as e:
            assert e.args[0] == 3
        else:
            raise AssertionError(code)


async def test_other_tasks_run_while_a_command_awaits():
    n = 0

    async def count():
        nonlocal n
        while True:
            n += 1
            await asyncio.sleep_ms(0)

    t = asyncio.create_task(count())
    await after("for i in range(20): await asyncio.sleep_ms(0)")
    t.cancel()
    assert n >= 20


async def test_cancelling_the_repl_cancels_its_command():
    g = {"asyncio": asyncio, "log": []}
    code = "try:\n log.append('begun')\n await asyncio.sleep(99)\nfinally:\n log.append('ended')"
    t = asyncio.create_task(after(code, g))
    while not g["log"]:
        await asyncio.sleep_ms(0)
    t.cancel()
    try:
        await t
        raise AssertionError("not cancelled")
    except asyncio.CancelledError:
        pass
    await asyncio.sleep_ms(0)
    assert g["log"] == ["begun", "ended"]


class Noisy(aiorepl.Console):
    """A terminal on which Ctrl-C comes again while it is being taken back from a command."""

    again = 0
    modes = None

    def mode(self, m):
        if self.modes is None:
            self.modes = []
        if m == 0 and self.again:
            self.again -= 1
            raise KeyboardInterrupt
        self.modes.append(m)


def test_interrupts_in_a_burst_do_not_outlive_the_command():
    def command():
        s.again = 5
        raise KeyboardInterrupt

    s = Noisy()
    value, error = s.call(command)
    assert value is None
    assert isinstance(error, KeyboardInterrupt)
    assert s.modes[-1] == 0


async def test_the_end_of_input_ends_the_task_and_no_other():
    t = asyncio.create_task(double(21))
    assert await aiorepl.task({}, prompt="> ") is None
    assert await t == 42


async def test_commands_leave_no_garbage_behind():
    g = names()
    used = [0] * 6
    for i in range(len(used)):
        for _ in range(25):
            await after("x = await double(1); x + 1", g)
        gc.collect()
        used[i] = gc.mem_alloc()
    assert used[-1] <= used[1], used
