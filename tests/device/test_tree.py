"""Trees of supervisors: start, stop, strategies, intensity, escalation, verbs, status."""

import asyncio
import gc
import json

import aioctl
import aioschedule
from aiosupervisor import giveup, limits
from aiosupervisor.tree import Supervisor, SupervisorError
from support import FakeClock, printed, turns

clock = aioctl.clock = aioschedule.scheduler.clock = FakeClock()
aioctl.color = False

events = []  # of the children, in the order in which they come


async def go(seconds):
    """Let time pass, then look at the deadlines."""
    clock.advance(seconds)
    limits.deadlines().wake()
    await turns(8)


async def watched():
    aioctl.add(aioschedule.watcher_loop)
    await turns()


class Child:
    """A task that says when it starts and stops, and does what it is told meanwhile.

    swallows: so many cancellations does it not hear.
    """

    def __init__(self, sup, name, swallows=0, **policy):
        self.name = name
        self.swallows = swallows
        policy.setdefault("backoff", (0, 0))
        self.rec = sup.add(self.run, name=name, **policy)

    async def run(self):
        self.gate = asyncio.Event()
        self.fate = None
        events.append("+" + self.name)
        try:
            while True:
                try:
                    await self.gate.wait()
                except asyncio.CancelledError:
                    if not self.swallows:
                        raise
                    self.swallows -= 1
                self.gate.clear()
                if self.fate == "ready":
                    aioctl.ready()
                elif self.fate == "return":
                    return self.name
                elif self.fate:
                    raise self.fate
        finally:
            events.append("-" + self.name)

    def do(self, fate):
        self.fate = fate
        self.gate.set()

    def fail(self):
        self.do(ValueError(self.name))


def told():
    """Return what the children said since the last call."""
    text = " ".join(events)
    del events[:]
    return text


def states(*names):
    return " ".join(aioctl.state(n) for n in names)


async def family(strategy="one_for_one", names="abc", **policy):
    """Return a supervisor and its children, all running."""
    await watched()
    sup = Supervisor("sup", strategy, policy.pop("intensity", (5, 60)), "stop")
    children = [Child(sup, n, **policy) for n in names]
    await turns()
    assert told() == " ".join("+" + n for n in names)
    return [sup] + children


# Start and stop


async def test_children_start_in_order_in_the_first_turns():
    sup = Supervisor("sup")
    for n in "abc":
        Child(sup, n)
    assert states("sup", "a", "b", "c") == "running running running running"
    await turns(3)
    assert told() == "+a +b +c"
    assert aioctl.info("sup")["ready"] is True


async def test_a_child_that_declares_ready_is_waited_for():
    sup = Supervisor("sup")
    a = Child(sup, "a", ready=10)
    Child(sup, "b")
    await turns()
    assert told() == "+a" and states("a", "b") == "running scheduled"
    assert aioctl.info("a")["ready"] is False and aioctl.info("sup")["ready"] is False
    assert aioctl.info("b")["waits_for"] == ["sup"]
    a.do("ready")
    await turns()
    assert told() == "+b" and states("a", "b") == "running running"
    assert aioctl.info("a")["ready"] is True and aioctl.info("sup")["ready"] is True
    assert aioctl.info("b")["waits_for"] is None
    await go(100)
    assert states("a") == "running"


async def test_ready_says_whether_it_was_declared():
    said = []

    async def asks():
        said.append(aioctl.ready())

    aioctl.add(asks, name="plain")
    aioctl.add(asks, name="limited", timeout=5)
    aioctl.add(asks, name="declared", ready=5)
    asyncio.create_task(asks())
    await turns()
    assert sorted(said) == [False, False, False, True], said
    try:
        aioctl.ready("nix")
        raise AssertionError
    except KeyError as e:
        assert e.args == ("nix",)


async def test_a_task_that_is_not_ready_in_time_ends_as_a_timeout():
    async def slow():
        await asyncio.Event().wait()

    rec = aioctl.add(slow, ready=20)
    await turns()
    await go(19)
    assert rec.state == "running"
    await go(1)
    assert rec.state == "timeout"
    assert aioctl.info("slow")["error"] == "TimeoutError: not ready within 20 s"


async def test_a_child_that_returns_before_it_is_ready_has_started():
    sup = Supervisor("sup")
    a = Child(sup, "a", ready=10)
    Child(sup, "b")
    await turns()
    a.do("return")
    await turns()
    assert told() == "+a -a +b" and states("sup", "a", "b") == "running done running"


async def test_a_child_whose_start_fails_ends_the_start_of_its_supervisor():
    for way in ("error", "timeout"):
        sup = Supervisor("sup")
        Child(sup, "a")
        Child(sup, "b", shutdown=1)
        c = Child(sup, "c", ready=10)
        Child(sup, "d")
        await turns()
        if way == "error":
            c.fail()
        else:
            await go(10)
        await turns(10)
        assert told() == "+a +b +c -c -b -a", way
        assert states("sup", "a", "b", "c", "d") == "error stopped stopped %s stopped" % way
        text = aioctl.info("sup")["error"]
        assert text.startswith("SupervisorError: start of c failed: "), text
        aioctl.delete("sup")
        assert not aioctl.info()


async def test_a_start_that_fails_goes_up_to_the_root_which_tries_again():
    await watched()
    root = Supervisor("root", intensity=(2, 60), backoff=(0, 0), on_giveup="stop")
    sup = Supervisor("sup", parent=root)
    a = Child(sup, "a", ready=10)
    Child(root, "b")
    for _ in range(3):
        await turns(10)
        assert states("root", "sup", "a", "b") == "running running running scheduled"
        a.fail()
    await turns(10)
    assert states("root", "sup", "a", "b") == "gave-up error error stopped"
    assert told() == "+a -a +a -a +a -a"
    assert "start of sup failed: SupervisorError: start of a" in aioctl.info("root")["error"]


async def test_a_stop_of_a_child_that_is_waited_for_lets_the_others_start():
    sup = Supervisor("sup")
    Child(sup, "a", ready=10)
    Child(sup, "b")
    await turns()
    aioctl.stop("a")
    await turns()
    assert told() == "+a -a +b" and states("sup", "a", "b") == "running stopped running"


async def test_a_restart_of_a_child_that_is_waited_for_begins_it_again():
    sup = Supervisor("sup")
    a = Child(sup, "a", ready=10)
    Child(sup, "b")
    await turns()
    aioctl.restart("a")
    await turns()
    assert told() == "+a -a +a"
    a.do("ready")
    await turns()
    assert told() == "+b"


async def test_a_stop_during_the_start_stops_what_was_started():
    await watched()
    sup = Supervisor("sup")
    Child(sup, "a")
    Child(sup, "b", ready=10)
    Child(sup, "c")
    await turns()
    aioctl.stop("sup")
    await turns(10)
    assert told() == "+a +b -b -a"
    assert states("sup", "a", "b", "c") == "stopped stopped stopped stopped"


async def test_a_stop_before_the_first_turn_starts_nothing():
    sup = Supervisor("sup")
    Child(sup, "a")
    aioctl.stop("sup")
    await turns()
    assert told() == "" and states("sup", "a") == "stopped stopped"
    assert aioctl.tasks() == []


async def test_children_stop_in_reverse_one_after_the_other():
    sup, a, b, c = await family()
    b.swallows = 1
    aioctl.stop("sup")
    await turns()
    assert told() == "-c" and states("sup", "a") == "running running"
    b.do("return")
    await turns()
    assert told() == "-b -a"
    assert states("sup", "a", "b", "c") == "stopped stopped stopped stopped"


async def test_a_child_that_does_not_end_holds_up_the_others_for_its_grace():
    sup, a, b, c = await family(shutdown=3)
    b.swallows = 9
    aioctl.stop("sup")
    await turns()
    aioctl.stop("sup")  # more often is not faster
    await turns()
    await go(2.9)
    assert told() == "-c" and states("sup") == "running"
    await go(0.1)
    assert told() == "-a" and states("sup", "a", "b") == "stopped stopped running"
    assert aioctl.info("b")["stuck"] is True
    # It runs from before: a start of its supervisor fails, and stops what that has started.
    aioctl.start("sup")
    await turns()
    assert aioctl.info("sup")["error"] == "SupervisorError: b: stuck, from before"
    assert told() == ""
    b.do("return")
    await turns()
    aioctl.start("sup")
    await turns()
    assert told() == "-b +a +b +c"


async def test_a_stuck_child_does_not_start_again_without_its_supervisor():
    sup, a, b = await family(names="ab", shutdown=1)
    b.swallows = 9
    aioctl.stop("sup")
    await turns()
    await go(1)
    assert states("sup", "b") == "stopped running"
    aioctl.start("b")  # when it ends
    b.do("return")
    await turns(10)
    assert told() == "-a -b" and states("b") == "stopped" and not b.rec.live()


async def test_a_shielded_child_may_end_by_itself_within_its_grace():
    for ends in (True, False):
        sup, a, b = await family(names="ab", shield=True, shutdown=3)
        aioctl.stop("sup")
        await turns()
        await go(2)
        assert told() == "" and states("b") == "running"
        if ends:
            b.do("return")
        else:
            await go(1)
        await turns()
        assert told() == "-b" and aioctl.result("b") == ("b" if ends else None)
        a.do("return")
        await turns()
        assert states("sup", "a", "b") == "stopped stopped stopped"
        aioctl.delete("*")
        told()


async def test_a_callback_of_a_child_has_its_grace_as_well():
    async def cleans_up():
        await asyncio.Event().wait()

    sup, a, b = await family(names="ab", shutdown=2)
    b.rec.on_stop = cleans_up
    aioctl.stop("sup")
    await turns()
    assert told() == "-b" and states("a") == "running"
    await go(2)
    await turns()
    assert told() == "-a" and states("sup") == "stopped"


async def test_a_callback_that_hangs_when_the_supervisor_stops_has_the_same_grace():
    async def hangs(e):
        await asyncio.Event().wait()

    sup, a, b = await family(names="ab", shutdown=2)
    b.rec.on_error = hangs
    b.fail()
    await turns()
    assert told() == "-b" and states("b") == "error"
    aioctl.stop("sup")
    await turns()
    assert told() == "" and states("a", "sup") == "running running"
    await go(2)
    await turns()
    assert told() == "-a" and states("sup") == "stopped" and not b.rec.live()


async def test_a_supervisor_that_was_stopped_starts_all_its_children_again():
    sup, a, b = await family(names="ab")
    aioctl.stop("b")
    await turns()
    aioctl.stop("sup")
    await turns()
    told()
    aioctl.start("sup")
    await turns()
    assert told() == "+a +b" and states("sup", "a", "b") == "running running running"
    aioctl.restart("sup")
    await turns(10)
    assert told() == "-b -a +a +b"


async def test_all_can_be_stopped_and_started():
    sup, a, b = await family(names="ab")
    inner = Supervisor("inner", parent=sup)
    Child(inner, "c")
    await turns()
    aioctl.stop()
    await turns(10)
    assert states("sup", "inner", "a", "b", "c") == "stopped stopped stopped stopped stopped"
    told()
    aioctl.start()
    await turns(10)
    assert told() == "+a +b +c"
    assert states("sup", "inner", "a", "b", "c") == "running running running running running"
    aioctl.reset()
    await turns(10)
    assert told() == "-c -b -a" or sorted(events) == [], events


# Strategies


async def test_which_children_start_again_after_one_has_failed():
    for strategy, expected in (
        ("one_for_one", ("-a +a", "-b +b", "-c +c")),
        ("rest_for_one", ("-a -c -b +a +b +c", "-b -c +b +c", "-c +c")),
        ("one_for_all", ("-a -c -b +a +b +c", "-b -c -a +a +b +c", "-c -b -a +a +b +c")),
    ):
        for i in range(3):
            found = await family(strategy)
            found[1 + i].fail()
            await turns(10)
            assert told() == expected[i], (strategy, i)
            assert states("sup", "a", "b", "c") == "running running running running"
            aioctl.reset()
            await turns(10)
            told()


async def test_two_that_fail_in_the_same_turn_are_restarted_with_all_that_follow_the_first():
    for first, second in ((1, 3), (3, 1)):
        found = await family("rest_for_one", "abcd")
        found[first].fail()
        found[second].fail()
        await turns(12)
        assert "".join(sorted(told())).strip() == "++++----aabbccdd", (first, second)
        aioctl.reset()
        await turns(10)
        told()


async def test_a_child_with_a_back_off_of_0_starts_again_within_2_turns():
    sup, a, b = await family(names="ab")
    a.fail()
    await turns(1)
    assert told() == "-a"
    await turns(2)
    assert told() == "+a"


async def test_restart_types():
    words = (
        ("permanent", "always"),
        ("transient", "on-failure"),
        ("temporary", "no"),
    )
    again = {"permanent": "returns fails", "transient": "fails", "temporary": ""}
    for otp, word in words:
        for restart in (otp, word):
            for end in ("returns", "fails"):
                sup, a, b = await family("one_for_all", "ab", restart=restart)
                a.do("return" if end == "returns" else ValueError())
                await turns(10)
                restarted = end in again[otp]
                # Of a group what is temporary does not come back.
                assert told() == ("-a -b +a +b" if restarted else "-a"), (restart, end)
                aioctl.reset()
                await turns(10)
                told()


async def test_a_temporary_child_is_stopped_with_its_group_and_stays_so():
    await watched()
    sup = Supervisor("sup", "one_for_all", on_giveup="stop")
    a = Child(sup, "a")
    Child(sup, "b", restart="temporary")
    Child(sup, "c")
    await turns()
    told()
    a.fail()
    await turns(10)
    assert told() == "-a -c -b +a +c" and states("b") == "stopped"


async def test_a_child_that_is_done_runs_again_with_its_group():
    sup, a, b, c = await family("one_for_all")
    b.do("return")
    await turns()
    assert told() == "-b" and states("sup", "b") == "running done"
    a.fail()
    await turns(10)
    assert told() == "-a -c +a +b +c"


async def test_a_child_that_was_stopped_by_hand_stays_so_when_its_group_restarts():
    sup, a, b, c = await family("one_for_all")
    aioctl.stop("b")
    await turns()
    a.fail()
    await turns(10)
    assert told() == "-b -a -c +a +c" and states("b") == "stopped"
    aioctl.start("b")
    await turns()
    assert told() == "+b" and states("sup", "b") == "running running"


async def test_a_stop_by_hand_during_the_restart_of_a_group_is_kept():
    sup, a, b, c = await family("one_for_all", shutdown=None)
    b.swallows = 2
    a.fail()
    await turns()
    assert told() == "-a -c"  # and waits for b
    aioctl.stop("b")
    aioctl.stop("c")
    await turns()
    b.do("return")
    await turns(10)
    assert told() == "-b +a" and states("a", "b", "c") == "running stopped stopped"


async def test_a_group_waits_for_the_back_off_of_the_child_that_failed():
    sup, a, b, c = await family("one_for_all", backoff=(0.03, 0.03))
    clock.advance(100)
    b.fail()
    await turns(10)
    assert told() == "-b -c -a" and states("a", "b", "c") == "scheduled backoff scheduled"
    i = aioctl.info("a")
    assert i["since"] == i["now"] and i["waits_for"] == ["sup"] and i["runtime"] is None
    for _ in range(100):
        await asyncio.sleep_ms(10)
        if states("c") == "running":
            break
    await turns()
    assert told() == "+a +b +c"


async def test_a_back_off_can_be_cut_short_or_ended():
    for verb, expected in ((aioctl.start, "+a +b +c"), (aioctl.stop, "+a +c")):
        sup, a, b, c = await family("one_for_all", backoff=(60, 60))
        b.fail()
        await turns(10)
        assert told() == "-b -c -a"
        verb("b")
        await turns(10)
        assert told() == expected
        aioctl.reset()
        await turns(10)
        told()


async def test_a_crash_during_the_restart_of_a_group_restarts_that_once_more():
    sup, a, b, c = await family("one_for_all", shutdown=None)
    b.rec.ready = 10000
    b.swallows = 1
    a.fail()
    await turns()
    assert told() == "-a -c"
    b.fail()  # on its way down
    await turns(10)
    assert told() == "-b +a +b"  # and waits until b is ready
    a.fail()  # while others come up
    await turns(10)
    assert told() == "-a -b +a +b"
    b.fail()  # while it is waited for
    await turns(10)
    assert told() == "-b -a +a +b" and states("sup", "c") == "running scheduled"
    b.do("ready")
    await turns(10)
    assert told() == "+c" and states("sup", "a", "b", "c") == "running running running running"


async def test_a_child_that_swallows_its_cancellation_in_a_group_ends_the_supervisor():
    await watched()
    root = Supervisor("root", intensity=(2, 60), on_giveup="stop")
    sup = Supervisor("sup", "one_for_all", parent=root, backoff=(0, 0))
    a = Child(sup, "a", shutdown=2)
    b = Child(sup, "b", shutdown=2)
    c = Child(root, "c")
    await turns()
    told()
    b.swallows = 9
    a.fail()
    await turns()
    await go(2)
    await turns(20)
    # It is started again, finds b, and fails until its parent has had enough of it.
    assert states("root", "sup", "a", "b", "c") == "gave-up error stopped running stopped"
    assert aioctl.info("sup")["error"] == "SupervisorError: b: stuck, from before"
    assert aioctl.info("root")["error"].startswith(
        "SupervisorError: more than 2 restarts in 60 s, the last of sup: SupervisorError: "
    ), aioctl.info("root")["error"]
    assert told() == "-a -c" and c.rec.starts == 1


# Intensity, escalation, the root


async def test_beyond_its_intensity_a_supervisor_stops_all_and_fails():
    sup, a, b, c = await family(intensity=(2, 10))
    for _ in range(3):
        assert states("sup") == "running"
        b.fail()
        await turns(10)
    assert told() == "-b +b -b +b -b -c -a"
    assert states("sup", "a", "b", "c") == "gave-up stopped error stopped"
    text = "SupervisorError: more than 2 restarts in 10 s, the last of b: ValueError: b"
    assert aioctl.info("sup")["error"] == text


async def test_the_intensity_is_that_of_all_children_within_the_period():
    sup, a, b, c = await family(intensity=(2, 10))
    for n in range(6):
        (a, b, c)[n % 3].fail()
        await go(6)
        assert states("sup", "a", "b", "c") == "running running running running", n
    a.fail()
    await turns(10)
    b.fail()
    await turns(10)
    assert states("sup") == "gave-up"


async def test_an_intensity_of_0_allows_no_restart():
    sup, a = await family(names="a", intensity=(0, 5))
    a.fail()
    await turns(10)
    assert states("sup", "a") == "gave-up error"


async def test_a_supervisor_that_fails_is_a_child_that_fails():
    await watched()
    root = Supervisor("root", "one_for_all", intensity=(1, 60), on_giveup="stop")
    sup = Supervisor("sup", intensity=(1, 60), parent=root, backoff=(0, 0))
    a = Child(sup, "a")
    Child(root, "b")
    await turns()
    assert told() == "+a +b"
    a.fail()
    await turns(10)
    assert told() == "-a +a"
    a.fail()
    await turns(20)
    assert told() == "-a -b +a +b"  # root has started all of its children again
    a.fail()
    await turns(20)
    assert told() == "-a +a"  # with the full intensity of sup
    a.fail()
    await turns(20)
    assert told() == "-a -b"
    assert states("root", "sup", "a", "b") == "gave-up error error stopped"
    aioctl.start("root")
    await turns()
    assert told() == "+a +b" and states("root") == "running"


async def test_the_policies_of_a_root():
    done = []
    giveup.reset = lambda: done.append("reset")
    giveup.soft_reset = lambda: done.append("soft-reset")
    clock.advance(60)
    for word, expected in (
        (None, "reset"),
        ("reset", "reset"),
        ("soft-reset", "soft-reset"),
        ("escalate", "reset"),
        (lambda rec: done.append(rec.name), "sup"),
        ("stop", None),
        ("ignore", None),
        ("stop-all", None),
    ):
        await watched()
        sup = Supervisor("sup", intensity=(0, 1), on_giveup=word)
        a = Child(sup, "a")
        await turns()
        a.fail()
        await turns(10)
        assert states("sup", "a") == "gave-up error", word
        assert done == ([expected] if expected else []), (word, done)
        assert (states("watcher_loop") == "stopped") is (word == "stop-all"), word
        aioctl.reset()
        await turns()
        del done[:]


async def test_a_root_resets_the_board_at_the_earliest_after_a_minute():
    resets = []
    giveup.reset = lambda: resets.append(clock.now())
    await watched()
    sup = Supervisor("sup", intensity=(0, 1))
    a = Child(sup, "a")
    await turns()
    a.fail()
    await turns(10)
    assert states("sup") == "gave-up" and resets == []
    await go(59)
    assert resets == []
    aioctl.start("sup")  # then it does not
    await go(1)
    assert resets == [] and states("sup", "a") == "running running"
    a.fail()
    await turns(10)
    assert resets == [60]


def test_where_there_is_no_board_the_end_of_the_root_ends_the_program():
    import sys

    class NoBoard:
        pass

    sys.modules["machine"] = NoBoard()

    async def main():
        clock.advance(60)
        await watched()
        sup = Supervisor("sup", intensity=(0, 1))
        a = Child(sup, "a")
        await turns()
        a.fail()
        await asyncio.sleep(30)

    try:
        asyncio.run(main())
        raise AssertionError("the loop went on")
    except SystemExit as e:
        assert e.args == (1,)


async def test_a_child_that_gives_up_can_escalate():
    for why in ("gave up", "stuck"):
        sup, a, b = await family(names="ab", on_giveup="escalate", watchdog=10, shutdown=1)
        if why == "stuck":
            b.swallows = 9
            await go(9)
            aioctl.alive("a")
            await go(1)
            await go(1)
        else:
            b.rec.intensity = (0, 5)
            b.fail()
        await turns(10)
        assert states("sup", "a") == "gave-up stopped", why
        assert aioctl.info("sup")["error"] == "SupervisorError: b: " + why
        b.swallows = 0
        b.rec.task.cancel()
        aioctl.reset()
        await turns()
        told()


async def test_a_child_that_gives_up_without_a_word_is_left_so():
    sup, a, b = await family("one_for_all", "ab", on_giveup="ignore")
    b.rec.intensity = (0, 5)
    b.fail()
    await turns(10)
    assert told() == "-b" and states("sup", "a", "b") == "running running gave-up"


async def test_what_gave_up_has_its_full_intensity_after_a_new_start():
    sup, a, b = await family(names="ab", on_giveup="ignore")
    b.rec.intensity = (1, 60)
    for start in (sup.restart_child, aioctl.restart):
        for n in range(2):
            assert aioctl.state("b") == "running", n
            b.fail()
            await turns(10)
        assert states("sup", "a", "b") == "running running gave-up"
        if start is aioctl.restart:
            start("sup")
        else:
            await start("b")
        await turns(10)
    b.fail()
    await turns(10)
    assert states("b") == "running"


async def test_without_a_watcher_nothing_is_restarted():
    sup = Supervisor("sup", "one_for_all")
    a = Child(sup, "a")
    Child(sup, "b")
    await turns()
    a.fail()
    await turns(10)
    assert told() == "+a +b -a" and states("sup", "a", "b") == "running error running"


async def test_a_failure_of_the_supervisor_itself_stops_its_children_and_starts_them_again():
    sup, a, b = await family(names="ab")

    def no_memory():
        del sup._next
        raise MemoryError

    sup._next = no_memory
    sup.rec.backoff = (0, 0, 1)
    sup.wake()
    await turns(10)
    assert told() == "-b -a +a +b" and sup.rec.starts == 2


async def test_want_of_memory_does_not_prevent_a_stop():
    sup, a, b = await family(names="ab", shutdown=2)
    b.swallows = 2
    insert = limits.Deadlines.insert
    tries = []

    def no_memory(self, entry, ms):
        tries.append(1)
        if len(tries) > 2:
            limits.Deadlines.insert = insert
        raise MemoryError

    limits.Deadlines.insert = no_memory
    aioctl.stop("sup")
    await turns()
    assert told() == "" and tries
    for _ in range(3):
        sup.wake()  # then it is tried again
        await turns()
    await go(2)
    await turns()
    assert told() == "-a" and states("sup") == "stopped" and aioctl.info("b")["stuck"]


# The verbs


async def test_start_child_waits_until_it_is_ready():
    sup, a = await family(names="a")
    b = []

    async def starts():
        b.append("starts")
        b.append(await sup.start_child(waits, name="b", ready=5))

    async def waits():
        await gate.wait()
        aioctl.ready()
        await asyncio.Event().wait()

    gate = asyncio.Event()
    asyncio.create_task(starts())
    await turns()
    assert b == ["starts"]
    gate.set()
    await turns()
    assert b[1] is sup.child("b") and states("b") == "running"
    # What declares nothing has started when it has begun.
    assert (await sup.start_child(waits, name="c")).starts == 1
    assert sup.calls == []
    # From then on it is a child as any other.
    starts = []

    async def fails_later():
        starts.append(1)
        aioctl.ready()
        await turns(3)
        if len(starts) == 1:
            raise ValueError

    rec = await sup.start_child(fails_later, ready=5, backoff=(0, 0))
    assert rec.state == "running" and len(starts) == 1
    await turns(20)
    assert rec.state == "done" and len(starts) == 2


async def test_start_child_raises_what_the_child_raised_and_forgets_it():
    async def fails():
        raise OSError(5)

    sup, a = await family(names="a")
    try:
        await sup.start_child(fails, ready=5, backoff=(0, 0))
        raise AssertionError
    except OSError as e:
        assert e.errno == 5
    await turns(10)
    assert sup.which_children() == [("a", "running", "worker")]
    assert "fails" not in aioctl.info() and states("sup") == "running"


async def test_the_other_verbs():
    sup, a, b = await family(names="ab")
    inner = Supervisor("inner", parent=sup)
    await turns()
    assert sup.which_children() == [
        ("a", "running", "worker"),
        ("b", "running", "worker"),
        ("inner", "running", "supervisor"),
    ]
    assert await sup.terminate_child("b") is True
    assert sup.count_children() == {"specs": 3, "active": 2, "supervisors": 1, "workers": 2}
    assert states("b") == "stopped" and inner.which_children() == []
    rec = await sup.restart_child("b")
    assert rec is b.rec and rec.starts == 2 and states("b") == "running"
    for verb in (sup.restart_child, sup.delete_child):
        try:
            c = verb("b")
            if hasattr(c, "send"):
                await c
            raise AssertionError
        except ValueError as e:
            assert e.args[0].startswith("b: it is running"), e
    await sup.terminate_child("b")
    sup.delete_child("b")
    assert [c[0] for c in sup.which_children()] == ["a", "inner"] and "b" not in aioctl.info()
    for verb in (sup.restart_child, sup.terminate_child, sup.delete_child, sup.child):
        try:
            c = verb("b")
            if hasattr(c, "send"):
                await c
            raise AssertionError
        except KeyError as e:
            assert e.args == ("b",)
    try:
        sup.fire_child("b")
        raise AssertionError
    except AttributeError as e:
        assert e.args == ("fire_child",)


async def test_terminate_child_says_when_it_would_not_end():
    sup, a = await family(names="a", shutdown=2)
    a.swallows = 9
    said = []

    async def ends():
        said.append(await sup.terminate_child("a"))

    asyncio.create_task(ends())
    await turns()
    assert said == []
    await go(2)
    assert said == ["stuck"]


async def test_restart_child_of_what_fails_again_raises_and_keeps_it():
    async def fails():
        raise OSError(5)

    sup, a = await family(names="a")
    rec = sup.add(fails, ready=5, no_restart_on=OSError)
    await turns()
    try:
        await sup.restart_child("fails")
        raise AssertionError
    except OSError:
        pass
    assert rec.starts == 2 and rec.state == "error" and sup.child("fails") is rec


async def test_verbs_of_a_supervisor_that_does_not_run():
    sup, a = await family(names="a")
    aioctl.stop("sup")
    await turns()
    rec = sup.add(a.run, name="b")  # starts with it
    assert rec.state == "scheduled" and aioctl.info("b")["waits_for"] == ["sup"]
    for call in (sup.start_child(a.run), sup.restart_child("a")):
        try:
            await call
            raise AssertionError
        except ValueError as e:
            assert e.args == ("sup: it does not run",)
    text = "a: its supervisor sup does not run: start that"
    try:
        aioctl.restart("a")
        raise AssertionError
    except ValueError as e:
        assert e.args == (text,)
    assert printed(aioctl.start, "a") == "a: ValueError: " + text + "\n"
    await turns()
    told()
    aioctl.start("sup")
    await turns()
    assert told() == "+a +a" and states("a", "b") == "running running"


async def test_temporary_children_that_came_later_are_forgotten_at_their_end():
    sup, a = await family(names="a")
    for way in ("return", "fail", "stop", "group"):
        b = Child(sup, "b", restart="temporary")
        await turns()
        if way == "stop":
            aioctl.stop("b")
        elif way == "group":
            aioctl.restart("sup")
        else:
            b.do("return" if way == "return" else ValueError())
        await turns(10)
        assert "b" not in aioctl.info() and len(sup.children) == 1, way
    assert states("sup", "a") == "running running"


# Verbs of aioctl


async def test_delete_of_a_child():
    sup, a, b, c = await family("one_for_all")
    aioctl.delete("b")
    await turns()
    assert told() == "-b" and [x[0] for x in sup.which_children()] == ["a", "c"]
    c.fail()
    await turns(10)
    assert told() == "-c -a +a +c"
    aioctl.stop("c")
    await turns()
    aioctl.delete("c")
    assert sup.children == [a.rec]


async def test_delete_of_a_supervisor_takes_its_children_with_it():
    for moment in ("running", "stopped", "starting", "restarting", "back-off"):
        await watched()
        root = Supervisor("root", on_giveup="stop")
        sup = Supervisor("sup", "one_for_all", parent=root)
        a = Child(sup, "a", backoff=(60, 60) if moment == "back-off" else (0, 0))
        Child(sup, "b", ready=10)
        Child(Supervisor("inner", parent=sup), "c")
        await turns()
        if moment != "starting":
            aioctl.ready("b")
            await turns()
        if moment == "stopped":
            aioctl.stop("sup")
        if moment in ("restarting", "back-off"):
            a.fail()
        await turns(6)
        assert printed(aioctl.delete, "sup") == ""
        assert sorted(aioctl.info()) == ["root", "watcher_loop"], moment
        assert root.which_children() == [], moment
        await turns(10)
        assert sup.rec.state == "stopped" and not sup.rec.live(), moment
        assert not any(c.live() for c in sup.children), moment
        said = told().split()
        for n in "abc":
            assert said.count("+" + n) == said.count("-" + n), (moment, said)
        assert states("root") == "running"
        aioctl.reset()
        await turns(10)


async def test_a_child_that_went_with_its_supervisor_is_not_waited_for():
    sup = Supervisor("sup")
    Child(sup, "a", ready=10)
    Child(sup, "b")
    await turns()
    aioctl.ready("a")
    await turns()
    aioctl.restart("sup")
    await turns(10)
    c = aioctl.add(turns, after="b", name="c")
    await turns()
    assert aioctl.info("c")["waits_for"] == ["b"]
    aioctl.delete("sup")
    await turns(20)
    assert c.state == "done"


async def test_delete_of_all_says_nothing_of_those_that_went_with_others():
    await family()
    assert printed(aioctl.delete, "*") == ""
    await turns(10)
    assert aioctl.info() == {} and told() == "-c -b -a"


async def test_a_child_with_a_schedule_is_left_to_that():
    await watched()
    aioschedule.schedule("a", start_in=10, repeat=10)
    sup = Supervisor("sup", "one_for_all", (0, 60), on_giveup="stop")
    a = Child(sup, "a", ready=5)
    Child(sup, "b")
    await turns()
    assert told() == "+b" and states("a", "sup") == "scheduled running"
    assert aioctl.info("a")["waits_for"] is None
    aioschedule.scheduler.run_pending()
    clock.advance(10)
    aioschedule.scheduler.run_pending()
    await turns()
    assert told() == "+a"
    a.fail()
    await turns(10)
    assert told() == "-a" and states("sup", "a", "b") == "running error running"


async def test_a_coroutine_runs_once_with_its_supervisor():
    async def once():
        events.append("once")

    sup = Supervisor("sup")
    sup.add(once(), name="o")
    Child(sup, "a")
    await turns()
    assert told() == "once +a"
    aioctl.restart("sup")
    await turns(10)
    assert told() == "-a +a" and states("sup", "a", "o") == "running running done"


def test_a_tree_in_the_second_loop_of_a_program():
    async def first():
        sup, a, b = await family(names="ab")
        return sup

    sup = asyncio.run(first())
    asyncio.new_event_loop()

    async def second():
        aioctl.delete("watcher_loop")
        await watched()
        assert states("sup", "a", "b") == "stopped stopped stopped"
        aioctl.start("sup")
        await turns()
        assert told() == "+a +b" and states("sup", "a", "b") == "running running running"
        return True

    told()
    assert asyncio.run(second())
    assert sup.rec.starts == 2


# What people see


async def test_status_shows_a_tree_as_a_tree():
    await watched()
    root = Supervisor("root")
    net = Supervisor("net", "rest_for_one", parent=root)
    Child(net, "wifi", ready=5)
    Child(net, "mqtt")
    Child(root, "blink")
    await turns()
    head = "● %s: status: running since 2023-11-14 22:13:20; 0 s ago"
    wait = "● %s: status: scheduled, waits for %s @ 2023-11-14 22:13:20 --> result: "
    whole = [
        head % "root" + ", not ready",
        "├─ " + head % "net" + ", not ready",
        "│  ├─ " + head % "wifi" + ", not ready",
        "│  └─ " + wait % ("mqtt", "net"),
        "└─ " + wait % ("blink", "root"),
        head % "watcher_loop",
    ]
    assert printed(aioctl.status).split("\n")[:-1] == whole
    assert printed(aioctl.status, "root").split("\n")[:-1] == whole[:5]
    assert printed(aioctl.status, "wifi") == head % "wifi" + ", not ready\n"
    found = printed(aioctl.status, "w*").split("\n")[:-1]
    assert found == [head % "watcher_loop", head % "wifi" + ", not ready"], found
    aioctl.ready("wifi")
    await turns()
    assert printed(aioctl.status, "net").split("\n")[:-1] == [
        head % "net",
        "├─ " + head % "wifi",
        "└─ " + head % "mqtt",
    ]
    text = printed(aioctl.status, "net", debug=True)
    assert "\n│      ┗━► args: ()\n" in text and "\n       ┗━► args: ()\n" in text, text


async def test_the_schedule_of_a_child_stands_below_it():
    aioschedule.schedule("a", start_in=10)
    sup = Supervisor("sup")
    Child(sup, "a")
    Child(sup, "b")
    await turns()
    lines = printed(aioctl.status, "sup").split("\n")
    assert lines[1].startswith("├─ ● a: status: scheduled @ "), lines
    assert lines[2].startswith("│      ┗━► schedule: starts "), lines
    assert lines[3].startswith("└─ ● b: "), lines


async def test_info_tells_of_the_tree_as_json():
    sup, a = await family(names="a")
    inner = Supervisor("inner", parent=sup)
    await turns()
    i = json.loads(json.dumps(aioctl.info()))
    assert i["sup"]["children"] == ["a", "inner"] and i["sup"]["parent"] is None
    assert i["a"]["parent"] == "sup" and i["a"]["children"] is None
    assert i["inner"]["parent"] == "sup" and i["inner"]["children"] == []
    assert i["watcher_loop"]["parent"] is None and i["watcher_loop"]["waits_for"] is None
    assert inner.rec.name == "inner"


def raises(kind, *words, **kwargs):
    try:
        Supervisor(*words, **kwargs)
    except kind as e:
        return e.args[0]
    raise AssertionError("nothing raised")


async def test_what_makes_no_sense_is_refused_and_changes_nothing():
    sup, a = await family(names="a")
    assert raises(ValueError, "x", "one_for_two").startswith("strategy: expected one of ")
    assert raises(ValueError, "x", intensity=(-1, 5)).startswith("intensity: ")
    assert raises(ValueError, "x", on_giveup="nix").startswith("on_giveup: ")
    assert raises(TypeError, "x", parent="sup").startswith("parent: expected a Supervisor")
    assert raises(ValueError, "x", parent=sup, on_giveup="reset").startswith("on_giveup: goes")
    assert raises(TypeError, "x", colour=1).startswith("Supervisor: unexpected 'colour'")
    assert raises(TypeError, 5).startswith("name: ")
    try:
        sup.add(turns.__name__)
        raise AssertionError
    except TypeError as e:
        assert e.args[0].startswith("coro: "), e
    try:
        sup.add(a.run, name="b", restart="forever")
        raise AssertionError
    except ValueError as e:
        assert e.args[0].startswith("restart: ")
    assert sorted(aioctl.info()) == ["a", "sup", "watcher_loop"] and len(sup.children) == 1


async def test_an_error_of_the_supervisor_tells_its_class():
    sup, a = await family(names="a", intensity=(0, 5))
    a.fail()
    await turns(10)
    assert isinstance(aioctl.result("sup"), SupervisorError)


# What it costs


async def test_restarts_leave_nothing_on_the_heap():
    sup, a, b, c = await family("one_for_all", intensity=(1, 1))
    used = []
    for n in range(600):
        a.fail()
        await turns(12)
        clock.advance(2)
        del events[:]
        if n in (100, 599):
            gc.collect()
            used.append(gc.mem_alloc())
    assert a.rec.starts == b.rec.starts == 601
    assert used[1] - used[0] <= 512, used


async def test_a_supervisor_that_waits_for_what_is_below_it_is_a_cycle():
    async def rests():
        await asyncio.sleep(60)

    root = Supervisor("root", on_giveup="stop", needs="leaf")
    mid = Supervisor("mid", parent=root)
    try:
        mid.add(rests, name="leaf")
        raise AssertionError("accepted")
    except ValueError as e:
        assert str(e) == "after, needs: a cycle, leaf -> mid -> root -> leaf", e
    assert mid.children == [] and len(aioctl.records()) == 2
    # That one below waits for it is none: it starts after it in any case.
    mid.add(rests, name="other", needs="root")
    aioctl.add(rests, name="leaf")
    await turns(20)
    assert aioctl.state("other") == "running"
