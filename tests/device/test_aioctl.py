"""The registry: adding, naming, verbs, results and what a person sees of it."""

import asyncio
import json

import aioctl
from support import FakeClock, folder, printed, turns


def setup():
    aioctl.color = False
    aioctl.clock = FakeClock(1700000000)  # 2023-11-14 22:13:20 UTC


async def forever():
    while True:
        await asyncio.sleep(3600)


async def answer(*args, **kwargs):
    return 42


async def broken():
    raise ValueError("no sensor")


def refused(error, word, f, *args, **kwargs):
    # The call raises `error`, names `word`, and leaves the registry as it was.
    before = [r.name for r in aioctl.records()]
    try:
        f(*args, **kwargs)
    except error as e:
        assert word in str(e), "%r is not in %r" % (word, str(e))
    else:
        raise AssertionError("not refused: %r %r" % (args, kwargs))
    assert [r.name for r in aioctl.records()] == before


# Adding


async def test_add_takes_every_kind_of_coroutine_function():
    class Sensor:
        async def read(self, pin):
            return pin

        @aioctl.aiotask
        async def decorated(self, pin):
            return pin

        @aioctl.aiotask(restart="no")
        async def policed(self, pin):
            return pin

    def generator(x):
        yield from asyncio.sleep_ms(0)
        return x

    factor = 2

    async def closure(x):
        return factor * x

    s = Sensor()
    cases = (
        (answer, (), "answer", 42),
        (aioctl.aiotask(answer), (), "answer@1", 42),
        (aioctl.aiotask(restart="no")(answer), (), "answer@2", 42),
        (s.read, (3,), "read", 3),
        (s.decorated, (4,), "decorated", 4),
        (s.policed, (5,), "policed", 5),
        (generator, (6,), "generator", 6),
        (closure, (7,), "closure", 14),
    )
    recs = [aioctl.add(f, *args) for f, args, _, _ in cases]
    recs.append(aioctl.add(answer()))
    await turns()
    for rec, (_, _, name, value) in zip(recs, cases):
        assert rec.name == name, rec.name
        assert aioctl.result(name) == value
    assert recs[-1].name == "answer@3" and aioctl.result("answer@3") == 42
    assert aioctl.group().tasks["policed"].restart == "no"


async def test_a_decorated_function_can_be_called_and_awaited():
    assert aioctl.aiotask(answer) is answer
    assert await aioctl.aiotask(restart="always")(answer)() == 42


async def test_add_consumes_its_words_and_passes_all_else_on():
    seen = {}

    async def f(*args, **kwargs):
        seen["args"] = args
        seen["kwargs"] = kwargs

    aioctl.add(f, 1, 2, name="n", _id="id", on_stop=3, on_error=4, restart=False, log=None, k=5)
    await turns()
    assert seen == {"args": (1, 2), "kwargs": {"log": None, "k": 5}}


def test_add_refuses_what_is_no_task():
    def plain():
        raise AssertionError("was called")

    refused(TypeError, "coroutine function", aioctl.add, plain)
    refused(TypeError, "coroutine function", aioctl.add, lambda: 1)
    refused(TypeError, "coroutine function", aioctl.add, 5)
    refused(TypeError, "coroutine function", aioctl.add, None)
    refused(TypeError, "coroutine function", aioctl.add, asyncio.sleep)
    refused(TypeError, "argument", aioctl.add, broken, 1)
    refused(TypeError, "name", aioctl.add, answer, name=5)


async def test_what_was_added_before_is_still_looked_at():
    async def needs_none():
        pass

    async def needs_one(x):
        pass

    for _ in range(2):
        aioctl.add(needs_none)
        refused(TypeError, "argument", aioctl.add, needs_none, 1)
        refused(TypeError, "name", aioctl.add, needs_none, name=5)
        for _ in range(2):
            refused(TypeError, "argument", aioctl.add, needs_one)
        aioctl.add(needs_one, 1)
        refused(TypeError, "argument", aioctl.add, needs_one)
    names = sorted(r.name for r in aioctl.records())
    assert names == ["needs_none", "needs_none@1", "needs_one", "needs_one@1"]


def test_add_refuses_policies_that_make_no_sense():
    refused(ValueError, "restart", aioctl.add, answer, restart="sometimes")
    refused(ValueError, "restart", aioctl.add, answer, restart=2)
    refused(ValueError, "backoff", aioctl.add, answer, backoff=3)
    refused(ValueError, "backoff", aioctl.add, answer, backoff=(5, 1))
    refused(ValueError, "backoff", aioctl.add, answer, backoff=(-1, 1))
    refused(TypeError, "backoff", aioctl.add, answer, backoff=("1", 2))
    refused(ValueError, "intensity", aioctl.add, answer, intensity=(-1, 5))
    refused(ValueError, "intensity", aioctl.add, answer, intensity=(1.5, 5))
    refused(ValueError, "intensity", aioctl.add, answer, intensity=(1, 0))
    refused(ValueError, "intensity", aioctl.add, answer, intensity=5)
    refused(TypeError, "timeouts", aioctl.aiotask, timeouts=3)
    refused(ValueError, "restart", aioctl.aiotask, restart="now")
    refused(TypeError, "coroutine function", aioctl.aiotask, 5)


def test_a_policy_of_add_goes_before_that_of_the_decorator():
    f = aioctl.aiotask(restart="always", backoff=(1, 2))(answer)
    rec = aioctl.add(f, restart="no")
    assert rec.restart == "no"
    assert rec.backoff == (1000, 2000, 2)


async def test_a_coroutine_runs_once_and_says_so():
    c = answer()
    aioctl.add(c)
    refused(ValueError, "in use", aioctl.add, c)
    refused(ValueError, "arguments", aioctl.add, answer(), 1)
    await turns()
    assert aioctl.result("answer") == 42
    refused(ValueError, "runs once", aioctl.restart, "answer")
    assert "runs once" in printed(aioctl.start, "answer")
    assert aioctl.state("answer") == "done"


def test_names_count_up():
    names = [aioctl.add(answer).name for _ in range(4)]
    assert names == ["answer", "answer@1", "answer@2", "answer@3"]
    aioctl.delete("answer@1")
    assert aioctl.add(answer).name == "answer@1"
    assert aioctl.add(answer).name == "answer@4"
    assert aioctl.add(answer, name="a@b").name == "a@b"
    aioctl.delete("a@b")


def test_before_the_first_add_everything_answers():
    assert aioctl.group() is None
    assert aioctl.tasks() == []
    assert aioctl.result_all(as_dict=True) == {}
    assert aioctl.info() == {}
    assert aioctl.stop() is True
    assert aioctl.start() is True
    assert printed(aioctl.status) == ""
    assert printed(aioctl.status, "x") == "Task x not found in []\n"
    aioctl.delete("x")
    aioctl.reset()


# Groups


async def test_create_task_and_groups_as_before():
    rec = aioctl.create_task(answer, name="a")
    assert aioctl.group() is None
    other = aioctl.create_task(answer, name="a")
    group = aioctl.TaskGroup([rec])
    group.add_task(other)
    aioctl.set_group(group)
    assert sorted(group.tasks) == ["a", "a@1"]
    await asyncio.gather(*aioctl.tasks())
    assert group.results == {"a": 42, "a@1": 42}
    assert await rec.task == 42


def test_run_starts_each_task_once():
    runs = []

    async def count():
        runs.append(1)
        await asyncio.sleep_ms(1)

    aioctl.add(count)
    aioctl.add(count)
    aioctl.run()
    assert len(runs) == 2
    aioctl.run()
    assert len(runs) == 4


# Verbs


async def test_wildcards_pick_by_name():
    for n in ("net.a", "net.b", "netxa", "a(b"):
        aioctl.add(forever, name=n)
    for patt, names in (
        ("net.*", ["net.a", "net.b"]),
        ("*a", ["net.a", "netxa"]),
        ("n*.*", ["net.a", "net.b"]),
        ("a(*", ["a(b"]),
        ("*", ["net.a", "net.b", "netxa", "a(b"]),
        ("net.a", ["net.a"]),
        ("*net.a*a", []),
        ("", []),
    ):
        assert aioctl.tasks_match(patt) == names, patt
    await turns()
    assert aioctl.stop("net.*") is True
    await turns()
    assert [aioctl.state(n) for n in ("net.a", "net.b", "netxa")] == ["stopped"] * 2 + ["running"]
    aioctl.delete("net*")
    assert sorted(aioctl.group().tasks) == ["a(b"]


async def test_restart_runs_anew_and_keeps_the_asyncio_task():
    rec = aioctl.add(forever)
    await turns()
    task = rec.task
    aioctl.restart("forever")
    await turns()
    assert rec.state == "running" and rec.starts == 2 and rec.task is task
    aioctl.stop("forever")
    aioctl.start("forever")  # in the same turn
    await turns()
    assert rec.state == "running" and rec.starts == 3
    for f in (aioctl.restart, aioctl.state, aioctl.info):
        refused(KeyError, "nobody", f, "nobody")


async def test_a_task_cannot_stop_itself_and_hears_so():
    said = []

    async def suicidal():
        said.append(printed(aioctl.stop, "suicidal"))
        return 1

    aioctl.add(suicidal)
    await turns()
    assert said == ["can't cancel self, suicidal\n"]
    assert aioctl.state("suicidal") == "done"


async def test_kwargs_can_be_edited_for_the_next_start():
    async def echo(x=1):
        return x

    rec = aioctl.add(echo)
    await turns()
    rec.kwargs["x"] = 5
    aioctl.start("echo")
    await turns()
    assert aioctl.result("echo") == 5


async def test_join_waits_for_the_end_and_raises_what_it_raised():
    async def later():
        await asyncio.sleep_ms(1)
        return 7

    async def fails_later():
        await asyncio.sleep_ms(1)
        raise OSError(5)

    aioctl.add(later)
    aioctl.add(fails_later)
    aioctl.add(forever, on_stop="bye")
    assert await aioctl.join("later") == 7
    assert await aioctl.join("later") == 7
    for _ in range(2):
        try:
            await aioctl.join("fails_later")
        except OSError as e:
            assert e.errno == 5
        else:
            raise AssertionError("nothing raised")
    try:
        await aioctl.join("forever", 0.01)
    except asyncio.TimeoutError:
        pass
    else:
        raise AssertionError("no timeout")
    assert aioctl.state("forever") == "running"
    aioctl.stop("forever")
    assert await aioctl.join("forever") == "bye"


async def test_tasks_gathered_outlive_failures_and_restarts():
    # The documented main loop of a program.
    def decide(rec):
        return 0 if rec.state == "error" and rec.starts < 4 else None

    aioctl.watcher = decide
    aioctl.add(broken)
    aioctl.add(answer)
    rec = aioctl.group().tasks["broken"]
    results = await asyncio.gather(*aioctl.tasks())
    assert rec.starts == 4, rec.starts
    assert isinstance(results[0], ValueError) and results[1] == 42, results


# What people see


async def test_status_of_every_state():
    async def swallows():
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                pass

    aioctl.add(forever, name="a_running")
    aioctl.add(answer, name="b_done")
    aioctl.add(broken, name="c_error")
    aioctl.add(forever, name="d_stopped", on_stop="bye")
    aioctl.add(swallows, name="e_stuck")
    await turns()
    aioctl.clock.advance(65)
    aioctl.stop("d_stopped")
    aioctl.stop("e_stuck")
    await turns()
    assert printed(aioctl.status).split("\n") == [
        "● a_running: status: running since 2023-11-14 22:13:20; 00:01:05 ago",
        "● b_done: status: done @ 2023-11-14 22:13:20; 00:01:05 ago --> result: 42",
        "● c_error: status: ERROR @ 2023-11-14 22:13:20; 00:01:05 ago"
        " --> result: ValueError: no sensor",
        "● d_stopped: status: stopped @ 2023-11-14 22:14:25; 0 s ago --> result: bye",
        "● e_stuck: status: running since 2023-11-14 22:13:20; 00:01:05 ago, stopping for 0 s",
        "",
    ]
    aioctl.clock.advance(5)
    assert "stuck for 5 s" in printed(aioctl.status, "e_stuck")
    assert aioctl.stop("e_stuck") == "stuck"
    assert aioctl.info("e_stuck")["stuck"]
    aioctl.add(answer, name="f_none")
    for state in ("backoff", "gave-up", "timeout", "suspended"):
        aioctl.group().tasks["c_error"].state = state
        assert "● c_error: status: %s @ 2023" % state in printed(aioctl.status, "c_error")


async def test_status_colours():
    aioctl.color = True
    aioctl.add(forever, name="a")
    aioctl.add(broken, name="b")
    aioctl.add(forever, name="c")
    await turns()
    aioctl.stop("c")
    await turns()
    lines = printed(aioctl.status).split("\n")
    assert lines[0].startswith(
        "\x1b[92m●\x1b[0m a: status: \x1b[32;1mrunning\x1b[0m since 2023-11-14"
    ), lines[0]
    assert lines[1].startswith("\x1b[31;1m●\x1b[0m b: status: \x1b[31;1mERROR\x1b[0m @ ")
    assert lines[1].endswith(" --> result: \x1b[31;1mValueError\x1b[0m: no sensor"), lines[1]
    assert lines[2].startswith("\x1b[33;1m●\x1b[0m c: status: \x1b[33;1mstopped\x1b[0m @ ")


def test_colours_are_off_where_the_output_is_no_terminal():
    aioctl.color = None
    aioctl.add(forever)
    assert "\x1b" not in printed(aioctl.status)


async def test_status_debug_shows_arguments_runtime_and_traceback():
    async def two_steps(a, **kw):
        await asyncio.sleep_ms(1)
        raise ValueError("late")

    aioctl.add(two_steps, 1, b=2)
    await asyncio.sleep_ms(3)
    text = printed(aioctl.status, debug=True)
    for part in (
        "\n    Task: <Taskctl object at ",
        "\n    ┗━► runtime: 0 s\n",
        "\n    ┗━► args: (1,)\n",
        "\n    ┗━► kwargs: { 'b': 2 }\n",
        "\n    ┗━► traceback: two_steps: Traceback\n",
        "                  ValueError: late\n",
    ):
        assert part in text, text
    assert printed(aioctl.debug) == "debug mode: True\n"
    assert printed(aioctl.status) == text
    assert printed(aioctl.debug) == "debug mode: False\n"


async def test_status_never_raises():
    class Nasty:
        def __str__(self):
            raise RuntimeError("no text")

        __repr__ = __str__

    class NastyError(Exception):
        def __str__(self):
            raise RuntimeError("no text")

    class BadLog:
        def cat(self, grep="", file=None):
            raise OSError(28)

        def write(self, s):
            raise OSError(28)

    async def returns(x):
        return x

    async def raises(x):
        raise x

    aioctl.set_log(BadLog())
    aioctl.add(returns, Nasty())
    aioctl.add(raises, NastyError())
    await turns()
    for debug in (False, True):
        text = printed(aioctl.status, debug=debug)
        assert "● returns: status: done" in text, text
        assert "● raises: status: ERROR" in text and "NastyError" in text, text
    assert "NastyError" in printed(aioctl.result_all)
    json.dumps(aioctl.info())


async def test_status_shows_the_lines_of_the_log():
    class Log:
        def cat(self, grep="", file=None):
            print("12:00 [answer] hello\n12:01 [other] hello", file=file)

    aioctl.set_log(Log())
    aioctl.add(answer)
    await turns()
    rule = "<" + "-" * 80 + ">"
    assert printed(aioctl.status).split("\n")[1:] == ["12:00 [answer] hello", rule, ""]
    aioctl.add(answer, name="other")
    await turns()
    lines = printed(aioctl.status).split("\n")
    assert lines[1] == "12:00 [answer] hello" and lines[4:] == ["12:01 [other] hello", rule, ""]
    assert "12:00" not in printed(aioctl.status, log=False)


async def test_results_and_tracebacks_print():
    aioctl.add(answer)
    aioctl.add(broken)
    aioctl.add(forever)
    await turns()
    assert aioctl.result("answer") == 42
    assert isinstance(aioctl.result("broken"), ValueError)
    assert aioctl.result("forever") is None
    text = "answer --> 42\nbroken --> ValueError: no sensor\nforever --> None\n"
    assert printed(aioctl.result_all) == text
    assert printed(aioctl.result) == text
    assert printed(aioctl.result, "a*") == "answer --> 42\n"
    assert printed(aioctl.result, "x") == "Task x not found in ['answer', 'broken', 'forever']\n"
    text = printed(aioctl.traceback, "broken")
    assert text.startswith("broken: Traceback\nTraceback (most recent call last):\n"), text
    assert text.endswith(", in broken\nValueError: no sensor\n"), text
    assert text.count("File") == 1, text  # no frame of the guard
    assert printed(aioctl.traceback_all) == text
    assert printed(aioctl.traceback, "b*") == text
    assert printed(aioctl.traceback, "answer") == ""
    assert aioctl.traceback("broken", rtn=True) is True
    assert aioctl.traceback("answer", rtn=True) is False


async def test_a_traceback_shows_no_frame_of_the_guard_however_it_ended():
    class Factory:
        def __call__(self):
            if aioctl.records():
                raise ValueError("no coroutine today")
            return answer()

    async def leaves():
        raise KeyboardInterrupt

    for more in ({}, {"timeout": 5}, {"after": "nobody"}):
        aioctl.set_group(None)
        rec = aioctl.add(Factory(), name="f", restart="no", **more)
        await turns()
        assert rec.state == "error", more
        text = printed(aioctl.traceback, "f")
        assert text.count("File") == 1 and "in __call__\n" in text, (more, text)
        aioctl.set_group(None)
        rec = aioctl.add(leaves, name="l", **more)
        rec.hold()  # asyncio's loop shall not see it
        rec.task = asyncio.current_task()
        try:
            rec.send(None)
        except KeyboardInterrupt:
            pass
        text = printed(aioctl.traceback, "l")
        assert text.count("File") == 2 and "in leaves\n" in text, (more, text)  # and this one


async def test_a_run_begins_without_the_exception_of_the_one_before():
    fails = True

    async def job():
        if fails:
            raise ValueError
        await asyncio.sleep(1)

    rec = aioctl.add(job, restart="no", on_error="as a value")
    await turns()
    assert isinstance(rec.exc, ValueError)
    fails = False
    rec.launch()
    await turns()
    assert rec.state == "running" and rec.exc is None


async def test_a_factory_without_memory_has_failed():
    class Factory:
        def __call__(self):
            if aioctl.records():
                raise MemoryError
            return answer()

    rec = aioctl.add(Factory(), name="f", restart="no")
    await turns()
    assert rec.state == "error" and isinstance(rec.exc, MemoryError)


async def test_info_is_json():
    aioctl.add(answer, 1, name="a")
    aioctl.add(broken)
    await turns()
    i = json.loads(json.dumps(aioctl.info("a")))
    assert i["state"] == "done" and i["result"] == 42 and i["starts"] == 1
    assert i["since"] == 1700000000 and i["done_at"] == 1700000000
    i = aioctl.info()["broken"]
    assert i["error"] == "ValueError: no sensor" and "in broken\n" in i["traceback"]
    assert sorted(aioctl.info("*")) == ["a", "broken"]


async def test_ages_survive_the_setting_of_the_wall_clock():
    rec = aioctl.add(forever)
    await turns()
    aioctl.clock.advance(10)
    aioctl.clock.drift = 86400 * 365
    assert "; 10 s ago" in printed(aioctl.status)
    assert rec.since == aioctl.clock.wall() - 10


async def test_times_told_are_those_that_a_log_would_show():
    import time

    aioctl.clock = aioctl.Clock()
    for _ in range(30):  # real time is the subject: an end now and then, in all of a second
        await asyncio.sleep_ms(41)
        before = int(time.time())
        aioctl.add(answer)
        await turns(2)
        assert before <= aioctl.info("answer")["done_at"] <= int(time.time())
        aioctl.delete("answer")


def test_texts_of_times():
    assert aioctl.get_datetime((2023, 3, 9, 2, 6, 47, 2, 88)) == "2023-03-09 02:06:47"
    for s, text in (
        (0, "0 s"),
        (59, "59 s"),
        (59.9, "59 s"),
        (60, "00:01:00"),
        (86399, "23:59:59"),
        (86400, "1 days, 00:00:00"),
        (200000.0, "2 days, 07:33:20"),
        (-5, "the past by 5 s"),
    ):
        assert aioctl.tmdelta_fmt(s) == text, (s, aioctl.tmdelta_fmt(s))
    assert aioctl.time_str((1, 2, 3, 4)) == "1 days, 02:03:04"


def test_pprint_dict_prints_a_key_a_line():
    assert printed(aioctl.pprint_dict, {}) == " {}\n"
    assert printed(aioctl.pprint_dict, {"a": 1}, ind=4) == " { 'a': 1 }\n"
    text = printed(aioctl.pprint_dict, {"a": 1, "b": {"c": 2}}, ind=4)
    assert text in (
        " { 'a': 1,\n      'b': { 'c': 2 } }\n",
        " { 'b': { 'c': 2 },\n      'a': 1 }\n",
    ), text


def test_getenv_reads_a_file_once_and_without_a_warning():
    path = folder() + "/.env"

    def get(var, **kw):
        return aioctl.getenv(var, envfile=path, **kw)

    assert printed(get, "A") == "" and get("A", alt=5) == 5
    with open(path, "w") as f:
        f.write("# comment\nA=1\nB = 'two words'\n\nnonsense\n")
    assert get("A", debug=True) == "1"
    assert get("B") == "two words"
    aioctl.setenv({"A": "2"})
    assert get("A") == "2"


async def test_a_failing_callback_is_reported_and_contained():
    def fails(*args, **kwargs):
        raise RuntimeError("callback")

    async def fails_later(*args, **kwargs):
        await asyncio.sleep_ms(0)
        raise RuntimeError("callback")

    lines = []

    class Log:
        def write(self, s):
            lines.append(s)

    aioctl.set_log(Log())
    aioctl.add(broken, name="a", on_error=fails)
    aioctl.add(broken, name="b", on_error=fails_later)
    aioctl.add(forever, name="c", on_stop=fails)
    aioctl.add(forever, name="d", on_stop=fails_later)
    await turns()
    aioctl.stop("c")
    aioctl.stop("d")
    await turns()
    assert [aioctl.state(n) for n in "abcd"] == ["error", "error", "stopped", "stopped"]
    text = "".join(lines)
    assert "[a] ValueError: no sensor\n" in text
    assert "[a] on_error failed: RuntimeError: callback\n" in text
    assert "[b] callback failed: RuntimeError: callback\n" in text
    assert "[c] on_stop failed: RuntimeError: callback\n" in text
    assert "[d] callback failed: RuntimeError: callback\n" in text


async def test_the_log_of_a_task_gets_its_error_under_its_id():
    lines = []

    class Log:
        def error(self, s):
            lines.append(s)

    async def f(log):
        raise OSError(5)

    aioctl.add(f, log=Log(), _id="probe")
    await turns()
    assert lines == ["[probe] OSError: [Errno 5] EIO"], lines


async def test_callbacks_get_the_arguments_and_give_the_result():
    async def f(a, b=0):
        if a:
            raise ValueError(a)
        await asyncio.sleep(3600)

    def on_error(e, a, b=0):
        return (str(e), a, b)

    async def on_stop(a, b=0):
        await asyncio.sleep_ms(0)
        return (a, b)

    aioctl.add(f, 1, b=2, name="e", on_error=on_error)
    aioctl.add(f, 0, b=3, name="s", on_stop=on_stop)
    aioctl.add(f, 0, name="v", on_stop=[1])
    await turns()
    aioctl.stop("s")
    aioctl.stop("v")
    await turns()
    assert aioctl.result("e") == ("1", 1, 2)
    assert aioctl.state("e") == "error" and isinstance(aioctl.group().tasks["e"].exc, ValueError)
    assert aioctl.result("s") == (0, 3)
    assert aioctl.result("v") == [1]


async def test_the_registry_alone_loads_none_of_its_siblings():
    import sys

    rec = aioctl.add(broken, name="a", _id="x", on_error=lambda e: 3)
    aioctl.add(answer())
    await turns()
    assert rec._id == "x" and rec.task.done()
    for name in ("aioschedule", "aiostatus", "aiolog", "aiorepl"):
        assert name not in sys.modules, name
    aioctl.add(answer, restart="always")
    assert "aioschedule" not in sys.modules
