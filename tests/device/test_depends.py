"""Tasks that wait for others: the words after, needs, binds, ready."""

import asyncio
import gc
import json
from asyncio import core

import aioctl
import aioschedule
from aiosupervisor import limits, node
from support import FakeClock, printed, turns

clock = aioctl.clock = aioschedule.scheduler.clock = FakeClock()
aioctl.color = False

events = []


async def go(seconds):
    """Let time pass, then look at the deadlines and what is due."""
    clock.advance(seconds)
    aioschedule.scheduler.run_pending()
    limits.deadlines().wake()
    await turns(8)


async def watched():
    aioctl.add(aioschedule.watcher_loop)
    await turns()


def told():
    """Return what the tasks said since the last call."""
    text = " ".join(events)
    del events[:]
    return text


class Job:
    """A task that says when it starts, and ends as it is told."""

    def __init__(self, name, **policy):
        self.name = name
        policy.setdefault("backoff", (0, 0))
        self.rec = aioctl.add(self.run, name=name, **policy)

    async def run(self):
        self.gate = asyncio.Event()
        events.append("+" + self.name)
        while True:
            await self.gate.wait()
            self.gate.clear()
            if self.fate == "ready":
                aioctl.ready()
            elif self.fate == "return":
                return self.name
            else:
                raise ValueError(self.name)

    def do(self, fate):
        self.fate = fate
        self.gate.set()


def waits_for(name):
    return aioctl.info(name)["waits_for"]


# after


async def test_the_order_of_adding_does_not_matter():
    for names in ("abcd", "dcba", "bdca"):
        for name in names:
            Job(name, **({} if name == "a" else {"after": chr(ord(name) - 1)}))
        await turns(10)
        assert told() == "+a +b +c +d", names
        aioctl.reset()
        await turns()


async def test_after_several_tasks():
    Job("c", after=("a", "b"))
    a = Job("a", ready=10)
    b = Job("b", ready=10)
    await turns()
    assert told() == "+a +b" and waits_for("c") == ["a", "b"]
    a.do("ready")
    await turns()
    assert told() == "" and waits_for("c") == ["b"] and aioctl.state("c") == "scheduled"
    b.do("ready")
    await turns()
    assert told() == "+c" and waits_for("c") is None


async def test_after_a_task_that_is_not_there_waits_for_nothing():
    Job("b", after="nix")
    await turns()
    assert told() == "+b"


async def test_after_a_task_that_has_ended_for_good_waits_for_nothing():
    for end in ("return", "fail", "stop", "unready", "delete"):
        a = Job("a", ready=10, restart="no")
        Job("b", after="a")
        await turns()
        assert told() == "+a" and waits_for("b") == ["a"], end
        if end in ("stop", "delete"):
            getattr(aioctl, end)("a")
        elif end == "unready":
            await go(10)
        else:
            a.do(end)
        await turns()
        assert told() == "+b", end
        aioctl.reset()
        await turns()


async def test_after_waits_while_a_task_that_is_not_ready_is_restarted():
    await watched()
    a = Job("a", ready=10)
    Job("b", after="a")
    await turns()
    a.do("fail")
    await turns()
    assert told() == "+a +a" and waits_for("b") == ["a"]
    a.do("ready")
    await turns()
    assert told() == "+b"


async def test_after_a_task_with_a_schedule_waits_for_its_first_start():
    aioschedule.schedule("a", start_in=10, repeat=10)
    a = Job("a")
    b = Job("b", after="a")
    await go(0)
    assert told() == "" and waits_for("b") == ["a"]
    await go(10)
    assert told() == "+a +b"
    a.do("return")
    b.do("return")
    await turns()
    aioctl.start("b")  # a is done, until its next start
    await turns()
    assert told() == "+b"


async def test_after_a_task_whose_schedule_is_taken_away_waits_for_nothing():
    for verb in (aioctl.stop, aioctl.delete, aioschedule.unschedule):
        aioschedule.schedule("a", start_in=10)
        Job("a")
        Job("b", after="a")
        await turns()
        assert told() == ""
        verb("a")
        await turns()
        assert told() == "+b", verb
        aioctl.reset()
        await turns()


# needs


async def test_needs_waits_for_a_task_that_is_yet_to_come():
    Job("b", needs="a")
    await turns()
    i = json.loads(json.dumps(aioctl.info("b")))
    assert told() == "" and i["state"] == "scheduled" and i["waits_for"] == ["a"]
    assert i["starts"] == 0 and i["done_at"] is None
    assert printed(aioctl.status, "b").startswith("● b: status: scheduled, waits for a @ ")
    Job("x")
    await turns()
    assert told() == "+x"
    Job("a")
    await turns()
    assert told() == "+a +b"


async def test_needs_waits_while_what_it_needs_does_not_run():
    a = Job("a", restart="no", ready=10)
    Job("b", needs=["a"])
    await turns()
    assert told() == "+a" and waits_for("b") == ["a"]
    for _ in range(3):
        a.do("fail")
        await turns()
        assert aioctl.state("b") == "scheduled"
        aioctl.start("a")
        await turns()
        assert told() == "+a"
    aioctl.stop("a")
    await turns()
    assert waits_for("b") == ["a"]
    aioctl.delete("a")
    await turns()
    a = Job("a")
    await turns()
    assert told() == "+a +b"


async def test_what_is_done_is_there_for_those_who_need_it():
    a = Job("a", ready=10)  # it never says so, and is done
    Job("b", needs="a")
    await turns()
    assert told() == "+a"
    a.do("return")
    await turns()
    assert told() == "+b"


async def test_what_runs_goes_on_when_what_it_needs_fails_and_waits_at_its_next_start():
    await watched()
    a = Job("a", restart="no")
    b = Job("b", needs="a")
    await turns()
    a.do("fail")
    await turns()
    assert told() == "+a +b" and aioctl.state("b") == "running"
    b.do("fail")
    await turns()
    assert told() == "" and aioctl.state("b") == "scheduled" and waits_for("b") == ["a"]
    assert b.rec.starts == 1 and aioctl.info("b")["restart_in"] is None
    aioctl.start("a")
    await turns()
    assert told() == "+a +b" and b.rec.starts == 2


async def test_a_task_outside_the_registry_can_need_one_that_is_to_come():
    async def b():
        events.append("+b")

    aioctl.create_task(b, needs="a")
    await turns()
    Job("a")
    await turns()
    assert told() == "+a +b"


async def test_many_can_need_one():
    for n in range(20):
        Job("b%d" % n, needs=("a", "x") if n % 2 else "a")
    await turns()
    Job("a")
    await turns()
    assert sorted(told().split()) == sorted(["+a"] + ["+b%d" % n for n in range(0, 20, 2)])
    Job("x")
    await turns()
    assert len(told().split()) == 11
    assert not node._waiting


async def test_a_start_that_waits_is_no_wake_up():
    looks = []
    rec = Job("b", needs="a").rec
    blocks = rec.blocks
    rec.blocks = lambda: (looks.append(1), blocks())[1]
    for n in range(20):
        other = Job("o%d" % n, restart="no")
        await turns()
        other.do("return" if n % 2 else "fail")
        await turns()
    assert len(looks) == 1, looks
    assert rec.task.data is not None and core._task_queue.peek() is not rec.task


# binds


async def test_what_is_bound_stops_with_what_it_needs_and_comes_back_with_it():
    await watched()
    a = Job("a", backoff=(0.05, 0.05))
    stopped = []
    b = Job("b", binds="a", on_stop=lambda: stopped.append(1))
    c = Job("c", needs="a")
    await turns()
    told()
    for n in range(3):
        a.do("fail")
        await turns()
        assert told() == "" and aioctl.state("b") == "scheduled", n
        assert waits_for("b") == ["a"] and len(stopped) == n + 1
        for _ in range(50):
            await asyncio.sleep_ms(10)
            if b.rec._c:
                break
        assert told() == "+a +b", n
    assert c.rec.starts == 1 and b.rec.starts == 4
    assert b.rec.exc is None


async def test_what_is_bound_goes_on_when_what_it_needs_is_done():
    a = Job("a")
    Job("b", binds="a")
    await turns()
    a.do("return")
    await turns()
    assert told() == "+a +b" and aioctl.state("b") == "running"


async def test_a_coroutine_that_is_bound_is_stopped():
    async def once():
        await asyncio.Event().wait()

    a = Job("a")
    aioctl.add(once(), name="once", binds="a")
    await turns()
    assert aioctl.state("once") == "running"
    a.do("fail")
    await turns()
    assert aioctl.state("once") == "stopped"


# Cycles and other nonsense


def refused(name, **words):
    before = sorted(aioctl.info())
    try:
        Job(name, **words)
    except (ValueError, TypeError) as e:
        assert sorted(aioctl.info()) == before
        return type(e), e.args[0]
    raise AssertionError("nothing raised")


async def test_a_cycle_is_refused_and_named():
    cycle = "after, needs: a cycle, "
    assert refused("a", needs="a") == (ValueError, cycle + "a -> a")
    Job("b", after="a")
    assert refused("a", needs="b") == (ValueError, cycle + "a -> b -> a")
    Job("c", needs=("x", "b"))
    assert refused("a", binds=("y", "c")) == (ValueError, cycle + "a -> c -> b -> a")
    assert refused("x", after="c") == (ValueError, cycle + "x -> c -> x")
    Job("a", after="y")
    Job("y")
    await turns(10)
    Job("x")
    await turns(10)
    assert told() == "+y +a +b +x +c"


async def test_many_ways_from_one_to_the_other_are_no_cycle():
    for n in range(14):
        for side in "lr":
            words = {"after": ("l%d" % (n - 1), "r%d" % (n - 1))} if n else {}
            Job(side + str(n), **words)
    await turns(40)
    said = told().split()
    assert len(said) == 28 and said[:2] == ["+l0", "+r0"] and said[-2:] == ["+l13", "+r13"]


async def test_a_second_task_of_a_name_is_another_one():
    Job("b", after="a")
    Job("a")
    second = Job("a", after="b")  # which is a@1
    await turns()
    assert second.rec.name == "a@1" and told() == "+a +b +a"
    Job("c", after="a@2")
    assert refused("a", after="c")[1].endswith("cycle, a@2 -> c -> a@2")


async def test_words_that_make_no_sense():
    for word in ("after", "needs", "binds"):
        assert refused("b", **{word: 5}) == (TypeError, word + ": expected names of tasks, got 5")
        assert refused("b", **{word: ["a", 5]})[0] is TypeError
        kind, text = refused("b", **{word: "a*"})
        assert kind is ValueError and text == word + ": expected whole names of tasks, got 'a*'"
        assert refused("b", **{word: ""})[0] is ValueError
    assert refused("b", ready=0)[0] is ValueError
    assert refused("b", ready="now")[0] is TypeError


async def test_the_words_of_the_decorator():
    @aioctl.aiotask(needs="a", ready=5)
    async def b():
        events.append("+b")
        events.append("ready %s" % aioctl.ready())

    aioctl.add(b)
    await turns()
    assert told() == ""
    Job("a")
    await turns()
    assert told() == "+a +b ready True"


# Verbs


async def test_stop_of_what_waits():
    called = []
    rec = Job("b", needs="a", on_stop=lambda: called.append(1)).rec
    await turns()
    assert aioctl.stop("b") is True
    await turns()
    assert rec.state == "stopped" and not rec.live() and called == []  # it never ran
    assert not node._waiting
    assert aioctl.info("b")["waits_for"] is None
    Job("a")
    await turns()
    assert told() == "+a" and not node._waiting


async def test_start_and_restart_of_what_waits_let_it_wait():
    b = Job("b", needs="a")
    await turns()
    for verb in (aioctl.start, aioctl.restart, aioctl.start):
        verb("b")
        await turns()
        assert aioctl.state("b") == "scheduled" and told() == ""
    Job("a")
    await turns()
    assert told() == "+a +b"
    b.do("return")
    await turns(10)
    assert told() == "" and b.rec.starts == 1 and b.rec.state == "done"


async def test_delete_of_what_waits():
    rec = Job("b", needs="a").rec
    await turns()
    aioctl.delete("b")
    await turns()
    assert not rec.live()
    Job("a")
    Job("b", needs="a")
    await turns()
    assert told() == "+a +b"


async def test_join_of_what_waits():
    b = Job("b", needs="a")
    await turns()
    join = asyncio.create_task(aioctl.join("b"))
    await turns()
    Job("a")
    await turns()
    b.do("return")
    await turns()
    assert join.done() and await join == "b"


async def test_join_of_what_is_waited_for():
    a = Job("a", ready=5)
    await turns()
    before = asyncio.create_task(aioctl.join("a"))
    await turns()
    Job("b", after="a")
    await turns()
    later = asyncio.create_task(aioctl.join("a"))
    await turns()
    a.do("return")
    await turns()
    assert told() == "+a +b" and before.done() and later.done()
    assert (await before, await later) == ("a", "a")


async def test_gather_of_all_tasks_waits_for_those_that_wait():
    b = Job("b", needs="a")
    gathered = asyncio.create_task(asyncio.gather(*aioctl.tasks()))
    await turns()
    Job("a").rec.restart = "no"
    await turns()
    assert not gathered.done()
    b.do("return")
    await turns()
    assert gathered.done() and await gathered == ["b"]


async def test_a_schedule_for_what_waits_holds_it():
    rec = Job("b", needs="a").rec
    await turns()
    aioschedule.schedule("b", start_in=10)
    assert not rec.live() and rec.state == "scheduled" and waits_for("b") is None
    assert not node._waiting
    Job("a")
    await go(0)
    assert told() == "+a"
    await go(10)
    assert told() == "+b"


async def test_a_start_by_schedule_waits_as_well():
    aioschedule.schedule("b", start_in=10)
    Job("b", needs="a")
    await go(0)
    await go(10)
    assert told() == "" and waits_for("b") == ["a"]
    Job("a")
    await turns()
    assert told() == "+a +b"


async def test_want_of_memory_delays_a_start_that_has_to_wait():
    rec = Job("b", needs="a").rec
    park = node._park

    def no_memory(rec, name):
        node._park = park
        raise MemoryError

    node._park = no_memory
    await turns()
    assert "a" not in node._waiting
    for _ in range(500):
        await asyncio.sleep_ms(10)
        if "a" in node._waiting:
            break
    assert rec.state == "scheduled"
    Job("a")
    await turns()
    assert told() == "+a +b"


def test_what_waited_in_an_earlier_loop_does_not_start_in_the_next():
    async def first():
        Job("b", needs="a")
        await turns()

    asyncio.run(first())
    asyncio.new_event_loop()

    async def second():
        Job("a")
        await turns()
        assert told() == "+a" and aioctl.state("b") == "stopped"
        aioctl.start("b")
        await turns()
        assert told() == "+b"
        return True

    assert asyncio.run(second())


async def test_waiting_leaves_nothing_on_the_heap():
    await watched()
    a = Job("a", restart="no")
    b = Job("b", binds="a", after="a")
    used = []
    for n in range(1000):
        await turns(4)
        a.do("fail")
        await turns(6)
        assert b.rec.state == "scheduled"
        aioctl.start("a")
        await turns(4)
        assert b.rec.state == "running"
        del events[:]
        if n in (100, 999):
            gc.collect()
            used.append(gc.mem_alloc())
    assert used[1] - used[0] <= 512, used
