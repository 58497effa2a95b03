"""Commands of the REPL: what they may await, and where their names land."""

import asyncio
import gc
import io
import sys

import aiorepl

TIMEOUT = 300  # s; an emulated board takes seconds for a hash


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
    ("x = 'await y' ; z = await double(1); w = 'async for'", {"x": "await y", "z": 2}),
    ('x = """\nawait\n\n  \'\'\'\n"""; z = await double(1)', {"x": "\nawait\n\n  '''\n"}),
    (
        "if await double(1):\n  x = '''a\n b\n'''\n  z = \"\"\"c\nd\"\"\"",
        {"x": "a\n b\n", "z": "c\nd"},
    ),
    ("if await double(1):\n\tx = 1\n\tif x:\n\t\tz = 2\n        w = 3", {"x": 1, "z": 2, "w": 3}),
    (
        "if await double(1):\n x = [\n1,\n2]\n z = \\\n5\n w = 'a\\\nb'",
        {"x": [1, 2], "z": 5, "w": "ab"},
    ),
    ("from json import *; x = await double(1); y = loads('7')", {"x": 2, "y": 7}),
    ("# await\nx = await double(1)\n\n# async\ny = x + 1\n", {"x": 2, "y": 3}),
    (
        "class C:\n  x = 1\n\n  async def f(self): return await double(3)\ny = await C().f()",
        {"y": 6},
    ),
    (
        "x = 0\nfor i in (1, 2):\n  async with Context() as c:\n    x += c\nelse:\n  x += 1",
        {"x": 13},
    ),
    (
        "try:\n  x = await double(1); 1 / 0\nexcept ValueError: x = 5\nexcept:\n  y = 6\n"
        "finally: z = 7",
        {"x": 2, "y": 6, "z": 7},
    ),
    ("def g(f): return f\n@g\nasync def f(x): return await double(x)\ny = await f(4)", {"y": 8}),
    ("del y; x = await double(1)", {"x": 2, "y": None}),
    ("def f():\n  global x\n  x = 5\nf(); y = await double(x)", {"x": 5, "y": 10}),
    (
        "def f():\n n = 1\n def g():\n  nonlocal n; n += 1; return n\n return g()\n"
        "x = await double(f())",
        {"x": 4},
    ),
    ("x: int = await double(1)", {"x": 2}),
    ("x = f'{await double(1)}'", {"x": "2"}),
    ("assert await double(1) == 2, 'await'; x = 1", {"x": 1}),
    ("x = {'a': await double(1)}['a']", {"x": 2}),
    ("await double(1) if y else None; x = y", {"x": 4}),
    ("x = await double(1);", {"x": 2}),
    ("\n\nx = await double(1)\n\n", {"x": 2}),
)


async def test_the_names_of_a_command_are_global():
    for code, made in COMMANDS:
        g = await after(code)
        for name, value in made.items():
            assert g.get(name) == value, (code, name, g.get(name))


class Page(aiorepl.Console):
    """A console that keeps what is written to it."""

    text = ""

    def write(self, text):
        self.text += text


async def shown(code):
    # What the command writes to its console.
    page = Page()
    await aiorepl.execute(code, names(), page)
    return page.text


LINES = (
    # (command, the lines of its traceback)
    ("1 // 0", "1"),
    ("await double(1 // 0)", "1"),
    ("x = 1\n\n1 // 0", "3"),
    ("x = 1\n\nawait double(1 // 0)", "3"),
    ("x = await double(1)\n1 // 0", "2"),
    ("x = await double(1); 1 // 0", "1"),
    ("if 1:\n  await double(1 // 0)", "2"),
    ("if await double(1):\n\n  # x\n  1 // 0", "4"),
    ("\nif await double(1):\n  1 // 0", "3"),
    ("\n\nif await double(1):\n  1 // 0", "4"),
    ("\n\n\n\nif await double(1):\n  1 // 0", "6"),
    ("async for i in Count(1):\n  1 // 0", "2"),
    ("async with Context():\n  x = (1,\n 1 // 0)", "3"),
    ("x = '''\n\n'''; await double(1)\n1 // 0", "4"),
    ("def f():\n  1 // 0\n\nawait double(f())", "4 2"),
    ("await double(1)\ndef f():\n  1 // 0\n\nf()", "5 3"),
    ("if await double(1):\n  def f():\n    1 // 0\n\n  f()", "5 3"),
    ("async def f():\n  await double(1)\n  1 // 0\nawait f()", "4 3"),
    ("await double(\n  1,\n  1 // 0)", "3"),
    ("x = = 1", "1"),
    ("await double(1)\nx = = 1", "2"),
    ("await double(1)\nif 1:\n  break", "3"),
    ("await double(1)\nreturn 5", "2"),
    ("if await double(1):\n  x = 1\n  continue", "3"),
    ("await double(1); x = 1; return", "1"),
    ("if await double(1):\n  return 5", "1"),
    ("x = 1\ny = (2,\nawait double(1)", "4"),
)


async def test_a_traceback_tells_the_line():
    for code, lines in LINES:
        text = await shown(code)
        found = [part.split("\n")[0].split(",")[0] for part in text.split('"<stdin>", line ')[1:]]
        assert found == lines.split(), (code, text)
        assert "Error: " in text, (code, text)
        assert "__repl__" not in text, (code, text)


async def test_a_message_is_shown_whatever_it_says():
    for message in ("in aioconsole/", "<stdin>+ x", "<stdin>+", "two\\n  lines, in __repl__"):
        text = await shown("raise ValueError('%s')" % message)
        assert text.endswith("ValueError: " + message.replace("\\n", "\n") + "\n"), text


async def test_nothing_runs_of_a_command_that_is_wrong_at_its_end():
    for code in ("x = 5\nawait double(1)\n1 = 2", "x = 5; await double(1); yield", "x = 5; a b"):
        g = await after(code)
        assert "x" not in g, code


async def test_values_are_shown_of_one_line_and_not_of_several():
    for code, text in (
        ("1; await double(1); 'await'", "1\n2\n'await'\n"),
        ("await double(\n2\n)", "4\n"),
        ("1\nawait double(1)\n2", ""),
        ("async for i in Count(1):\n  i", ""),
    ):
        import builtins

        page = []
        real = builtins.__repl_print__
        builtins.__repl_print__ = lambda v, page=page: page.append(
            "" if v is None else repr(v) + "\n"
        )
        try:
            await after(code)
        finally:
            builtins.__repl_print__ = real
        assert "".join(page) == text, (code, page)


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
        s.again = 5 if sys.platform == "linux" else 3
        raise KeyboardInterrupt

    s = Noisy()
    value, error = s.call(command)
    assert value is None
    assert isinstance(error, KeyboardInterrupt)
    assert s.modes[-1] == 0


class Ended(io.IOBase):
    """A line whose other end has hung up."""

    text = b""

    def ioctl(self, what, flags):
        return flags if what == 3 else 0  # of a poll: ready

    def read(self, n):
        return b""

    def write(self, b):
        self.text += bytes(b)
        return len(b)


async def test_the_end_of_input_ends_the_task_and_no_other():
    t = asyncio.create_task(double(21))
    line = Ended()
    assert await aiorepl.task({}, prompt="> ", stream=line) is None
    assert line.text == b"Starting asyncio REPL...\r\n> \r\n"
    assert await t == 42


async def test_commands_leave_no_garbage_behind():
    g = names()
    used = [0] * 6
    for i in range(len(used)):
        for _ in range(25):
            await after("x = await double(1); x + 1", g)
        gc.collect()
        used[i] = gc.mem_alloc()
    assert min(used[2:]) <= used[1], used  # a stale word may hold some for one of them


class Line:
    """A connection on which `said` was typed; keeps what is written to it."""

    def __init__(self, said):
        self.said = said
        self.text = b""
        self.closed = False

    async def read(self, n):
        self.said, c = self.said[n:], self.said[:n]
        return c

    def write(self, b):
        self.text += b

    async def drain(self):
        pass

    def close(self):
        self.closed = True

    async def wait_closed(self):
        assert self.closed


class Delays:
    """In place of asyncio.sleep: keeps the seconds."""

    def __init__(self, server):
        self.s = []
        self.asyncio = server.asyncio
        server.asyncio = self

    def __getattr__(self, name):
        return getattr(self.asyncio, name)

    async def sleep(self, s):
        self.s.append(s)


async def test_each_wrong_password_makes_all_others_wait_longer():
    from aioconsole import server

    delays = Delays(server)
    door = server.Door({}, "", 1)
    await door.lock("right")
    for _ in range(3):
        line = Line(b"wrong\rx\r\r")
        assert not await door.login(line)
        assert line.text.count(b"wrong") == 3
    assert delays.s == [1, 2, 4, 8, 16, 32, 32, 32]
    assert await door.login(Line(b"right\r"))
    assert await door.login(Line(b"wrong\rright\r"))
    assert delays.s[8:] == [32, 1]


async def test_a_hash_is_salted_and_serves_in_place_of_the_password():
    from aioconsole import server

    Delays(server)
    one, two = await server.hashed("ó" * 32), await server.hashed("ó" * 32)
    assert one != two and "ó" not in one
    door = server.Door({}, "", 1)
    await door.lock(one)
    line = Line("".join("ó" * 31 + more + "\r" for more in ("", "óx", "ó")).encode())
    assert await door.login(line)
    assert line.text.count(b"wrong") == 2
    door = server.Door({}, "", 1)
    await door.lock("a$b$c")  # looks like a hash, but is a password
    assert await door.login(Line(b"a$b$c\r"))


async def test_the_parts_are_found_under_the_name_of_the_module():
    from aioconsole import raw, server

    assert aiorepl.serve is server.serve
    assert aiorepl.hashed is server.hashed
    assert aiorepl.raw_repl is raw.raw_repl
    try:
        aiorepl.nothing  # noqa: B018  the look-up is the subject
    except AttributeError:
        return
    raise AssertionError


async def test_serve_refuses_what_makes_no_sense():
    from aioconsole.server import serve

    for what, args, kw in (
        ("port", (0,), {}),
        ("port", ("23",), {}),
        ("port", (65536,), {}),
        ("limit", (2323,), {"limit": 0}),
        ("password", (2323,), {"host": "0.0.0.0"}),
        ("password", (2323,), {"password": ""}),
        ("password", (2323,), {"password": "x" * 65}),
        ("password", (2323,), {"password": 5}),
    ):
        try:
            await serve(*args, **kw)
        except (ValueError, TypeError) as e:
            assert str(e).startswith(what + ": expected") or "None is for" in str(e), e
        else:
            raise AssertionError((args, kw))


async def test_other_tasks_go_on_while_a_password_is_hashed():
    from aioconsole import server

    n = 0

    async def count():
        nonlocal n
        while True:
            n += 1
            await asyncio.sleep_ms(0)

    t = asyncio.create_task(count())
    await server.hashed("x")
    t.cancel()
    assert n >= 20


async def test_what_a_hash_compares_does_not_end_at_the_first_difference():
    from aioconsole.server import same

    asked = []

    class Digest:
        def __init__(self, b):
            self.b = b

        def __len__(self):
            return len(self.b)

        def __getitem__(self, i):
            asked.append(i)
            return self.b[i]

    right = bytes(range(32))
    for i in range(32):
        wrong = bytearray(right)
        wrong[i] ^= 1
        asked.clear()
        assert not same(Digest(wrong), right)
        assert asked == list(range(32))
    assert same(right, right)
    assert not same(right + b"x", right + b"y")


async def test_a_command_that_sets_the_clock_is_seen_by_the_schedules():
    import aioctl
    from support import FakeClock, turns

    t = 1731456000  # 2024-11-13
    clock = aioctl.clock = FakeClock(t)
    import aioschedule

    aioctl.add(aioschedule.schedule_loop)
    aioschedule.schedule("noon", cron="0 12 * * *")
    await turns()
    assert aioschedule.next_due("noon") == t + 43200
    await after("clock.drift = 86400 * 7", {"clock": clock})
    await turns()
    assert aioschedule.next_due("noon") == t + 43200 + 86400 * 7
