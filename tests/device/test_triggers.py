"""Triggers: what they accept, what they refuse, and when they are due."""

import gc
import sys
import time

import aiotrigger
from aiotrigger import And, Cron, Date, Interval, Jitter, Or, Window, Zone, days
from aiotrigger.cron import following, parse

BERLIN = "CET-1CEST,M3.5.0,M10.5.0/3"


def at(text):
    """Epoch seconds of "2026-03-29 02:30" or "2026-03-29 02:30:15"."""
    date, time = text.split()
    y, m, d = [int(x) for x in date.split("-")]
    t = [int(x) for x in time.split(":")]
    s = t[2] if len(t) == 3 else 0
    return (days.number(y, m, d) - days.EPOCH) * 86400 + t[0] * 3600 + t[1] * 60 + s


def shown(t):
    """The reverse of `at`; None stays."""
    if t is None:
        return None
    c = days.civil(t // 86400 + days.EPOCH)
    s = t % 86400
    text = "%d-%02d-%02d %02d:%02d" % (c >> 9, c >> 5 & 15, c & 31, s // 3600, s // 60 % 60)
    return text + (":%02d" % (s % 60) if s % 60 else "")


def times(trigger, after, n, zone=None):
    """The next n times as text; with a zone in its local time."""
    t = at(after)
    if zone:
        t = zone.utc(t)
    found = []
    for _ in range(n):
        t = zone.next(trigger, t) if zone else trigger.next(t)
        if t is None:
            found.append(None)
            break
        found.append(shown(zone.local(t) if zone else t))
    return found


def refused(error, words, f, *args, **kwargs):
    try:
        f(*args, **kwargs)
    except error as e:
        for w in words:
            assert w in str(e), "%r is not in %r" % (w, str(e))
    else:
        raise AssertionError("not refused: %r %r" % (args, kwargs))


class Own:
    """A trigger of a program: it needs no more than next()."""

    def next(self, after):
        return after + 10 - after % 10


# --- every trigger ------------------------------------------------------------------------


def test_every_trigger_is_due_strictly_after_and_leaves_nothing_out():
    now = at("2026-02-27 12:00")
    for trigger in (
        Cron("*/7 * * * *"),
        Cron("0 0 29 2 *"),
        Cron("5,50 30 12 L * 5L"),
        Interval(7),
        Interval(hours=5, start=now + 100),
        Date(now + 5),
        And(Interval(6), Interval(10)),
        Or(Cron("0 12 * * *"), Interval(minutes=50), Date(now + 7)),
        Window(Interval(60), start=now + 30, finish=now + 5000),
        Jitter(Interval(60), 20),
        Own(),
    ):
        t = trigger.next(now)
        assert t is not None, trigger
        for _ in range(5):
            assert trigger.next(now) == t > now, trigger
            assert trigger.next(t - 1) == t, trigger
            assert trigger.next((now + t) // 2) == t or (now + t) // 2 == t, trigger
            now, t = t, trigger.next(t)
            if t is None:
                break
        now = at("2026-02-27 12:00")


def test_a_trigger_loads_only_its_own_file():
    for name in ("cron", "interval", "date", "combine", "zone"):
        sys.modules.pop("aiotrigger." + name, None)
    for name, file in (("Date", "date"), ("Interval", "interval"), ("Zone", "zone")):
        aiotrigger.__dict__.pop(name, None)
        getattr(aiotrigger, name)
        assert "aiotrigger." + file in sys.modules
        assert "aiotrigger.cron" not in sys.modules
    assert not hasattr(aiotrigger, "Corn")


def test_the_scheduler_loads_cron_only_for_a_cron_schedule():
    for name in list(sys.modules):
        if name.startswith("aiotrigger"):
            sys.modules.pop(name)
    import aioschedule

    aioschedule.schedule("interval", start_in=5, repeat=60)
    assert not [m for m in sys.modules if m.startswith(("aiotrigger", "aioplan"))]
    aioschedule.schedule("date", at=at("2099-01-01 00:00"))
    aioschedule.schedule("window", repeat=60, jitter=1, finish=at("2099-01-01 00:00"))
    assert "aiotrigger.cron" not in sys.modules and "aiotrigger.zone" not in sys.modules
    aioschedule.schedule("cron", cron="0 0 * * *")
    assert "aiotrigger.cron" in sys.modules


# --- cron ---------------------------------------------------------------------------------


def test_cron_is_due_at_the_times_of_its_expression():
    for expr, after, expected in (
        ("*/20 8-9 * * *", "2026-01-01 08:20", ["01 08:40", "01 09:00", "01 09:20"]),
        ("30 7 * * mon-fri", "2026-01-01 08:00", ["02 07:30", "05 07:30", "06 07:30"]),
        ("0 0 * * 0", "2026-01-01 00:00", ["04 00:00", "11 00:00"]),
        ("0 0 * * 7", "2026-01-01 00:00", ["04 00:00", "11 00:00"]),
        ("0 0 * * Sun", "2026-01-01 00:00", ["04 00:00", "11 00:00"]),
        ("0 0 L * *", "2024-02-01 00:00", ["29 00:00", "31 00:00", "30 00:00"]),
        ("0 0 LW * *", "2026-01-01 00:00", ["30 00:00", "27 00:00", "31 00:00"]),
        ("0 0 1W * *", "2026-01-31 00:00", ["02 00:00", "02 00:00", "01 00:00"]),
        ("0 0 15w * ?", "2026-02-01 00:00", ["16 00:00", "16 00:00", "15 00:00"]),
        ("0 0 31W * *", "2026-05-01 00:00", ["29 00:00", "31 00:00", "31 00:00"]),
        ("0 0 ? * 2#2", "2026-01-01 00:00", ["13 00:00", "10 00:00"]),
        ("0 0 * * fri#5", "2026-01-01 00:00", ["30 00:00", "29 00:00"]),
        ("0 0 * * 5L", "2026-01-01 00:00", ["30 00:00", "27 00:00", "27 00:00"]),
        ("0 0 1,L * *", "2026-01-01 00:00", ["31 00:00", "01 00:00", "28 00:00"]),
        ("0 22-2/2 * * *", "2026-01-01 12:00", ["01 22:00", "02 00:00", "02 02:00"]),
        ("0 0 * * fri-mon", "2026-01-01 00:00", ["02 00:00", "03 00:00", "04 00:00", "05 00:00"]),
        ("0 0 1 nov-jan *", "2026-02-01 00:00", ["01 00:00", "01 00:00", "01 00:00"]),
        ("0 5/10 * * * *", "2026-01-01 00:50", ["01 00:55", "01 01:05"]),
        ("15,45 * * * * *", "2026-01-01 00:00", ["01 00:00:15", "01 00:00:45"]),
        ("@hourly", "2026-01-01 00:30", ["01 01:00", "01 02:00"]),
        ("@daily", "2026-01-01 00:30", ["02 00:00", "03 00:00"]),
        ("@midnight", "2026-01-01 00:30", ["02 00:00"]),
        ("@weekly", "2026-01-01 00:30", ["04 00:00", "11 00:00"]),
        ("@monthly", "2026-01-01 00:30", ["01 00:00"]),
        ("@Yearly", "2026-01-01 00:30", ["01 00:00"]),
        ("@annually", "2026-01-01 00:30", ["01 00:00"]),
    ):
        got = [t[8:] for t in times(Cron(expr), after, len(expected))]
        assert got == expected, (expr, got)


def test_cron_takes_either_day_or_both_as_vixie_does():
    either = times(Cron("0 0 13 * 5"), "2026-01-01 00:00", 3)
    assert either == ["2026-01-02 00:00", "2026-01-09 00:00", "2026-01-13 00:00"]
    both = times(Cron("0 0 */13 * 5"), "2026-01-01 00:00", 3)
    assert both == ["2026-02-27 00:00", "2026-03-27 00:00", "2026-05-01 00:00"]
    both = times(Cron("0 0 13 * */5"), "2026-01-01 00:00", 2)
    assert both == ["2026-02-13 00:00", "2026-03-13 00:00"]


def test_cron_finds_what_comes_only_in_some_years():
    got = times(Cron("0 0 29 2 *"), "2096-02-29 00:00", 2)
    assert got == ["2104-02-29 00:00", "2108-02-29 00:00"]  # 2100 is no leap year
    got = times(Cron("0 0 29 2 */7"), "2088-02-29 00:00", 1)
    assert got == ["2128-02-29 00:00"]
    got = times(Cron("0 0 * 2 1#5"), "2026-01-01 00:00", 2)
    assert got == ["2044-02-29 00:00", "2072-02-29 00:00"]


def test_cron_refuses_a_date_that_never_comes():
    for expr in (
        "0 0 30 2 *",
        "0 0 30,31 FEB *",
        "0 0 31 2,4,6,9,11 *",
        "0 0 31 4-6/2 ?",
        "0 0 30-31 2 */2",
        "59 23 31/1 nov *",
        "0 0 0 30W 2 ?",
        "0 0 31w 9-11/2 *",
        "0 0 */20 * 1L",
    ):
        fields = expr.split()[-3:]
        refused(ValueError, ("cron day-of-month", repr(fields[0].lower())), Cron, expr)
    for expr in ("0 0 29 2 *", "0 0 30 2 mon", "0 0 31 1,2 *", "0 0 L 2 *", "0 0 29W 2 *"):
        assert Cron(expr).next(at("2026-01-01 00:00")) is not None, expr


def test_cron_names_the_field_what_came_and_what_would_do():
    for expr, words in (
        ("61 * * * *", ("cron minute", "0 to 59", "'61'")),
        ("* 24 * * *", ("cron hour", "0 to 23", "'24'")),
        ("* * 0 * *", ("cron day-of-month", "1 to 31", "'0'")),
        ("* * * 13 *", ("cron month", "jan to dec or 1 to 12", "'13'")),
        ("* * * jam *", ("cron month", "'jam'")),
        ("* * * anf *", ("cron month", "'anf'")),
        ("* * * * 8", ("cron day-of-week", "0 to 7", "'8'")),
        ("60 * * * * *", ("cron second", "0 to 59", "'60'")),
        ("*/0 * * * *", ("cron minute", "a step of 1 to 60", "'*/0'")),
        ("*/90 * * * *", ("cron minute", "a step of 1 to 60", "'*/90'")),
        ("*/x * * * *", ("cron minute", "a step", "'*/x'")),
        ("1,,2 * * * *", ("cron minute", "''")),
        ("1-2-3 * * * *", ("cron minute", "a-b/n", "'1-2-3'")),
        ("1/2/3 * * * *", ("cron minute", "a-b/n", "'1/2/3'")),
        ("-5 * * * *", ("cron minute", "'-5'")),
        ("+5 * * * *", ("cron minute", "'+5'")),
        ("1_0 * * * *", ("cron minute", "'1_0'")),
        ("? * * * *", ("cron minute", "'?'")),
        ("* * 1,? * *", ("cron day-of-month", "'?'")),
        ("* * 32W * *", ("cron day-of-month", "1 to 31", "'32w'")),
        ("* * L-3 * *", ("cron day-of-month", "L, LW, nW", "'l-3'")),
        ("* * * * L", ("cron day-of-week", "nL", "'l'")),
        ("* * * * 1#6", ("cron day-of-week", "1 to 5", "'1#6'")),
        ("* * * * 1#", ("cron day-of-week", "1 to 5", "'1#'")),
        ("* * * * mon-fri#2", ("cron day-of-week", "'mon-fri#2'")),
        ("* * * *", ("5 fields, or 6 with seconds first", "'* * * *'")),
        ("* * * * * * *", ("5 fields, or 6 with seconds first",)),
        ("", ("5 fields",)),
        ("@reboot", ("@hourly", "@reboot")),
        ("@daily 5", ("@hourly", "@daily 5")),
    ):
        refused(ValueError, words, Cron, expr)
    for wrong in (None, 5, b"* * * * *", ["*"] * 5):
        refused(TypeError, ("cron", "expression", repr(wrong)), Cron, wrong)


def test_a_cron_table_has_at_most_32_bytes():
    lists = "1,2,4,8 3,9,11,50 2,3,9,22 1,2,15,30 1,2,7,9 1,2,5"
    assert len(parse(lists)) == 28
    full = lists.replace("1,2,15,30", "1,2,15,30,L,LW") + ",3#1,4L"
    assert len(parse(full)) == 32
    refused(ValueError, ("at most 4", full), parse, full + ",4#2")
    for expr in ("*/5 8-18 * * mon-fri", "0 0 * * *", "30 2 1 * *", "0 0 L * 5L"):
        assert len(parse(expr)) < 16, expr  # one block less on a 32-bit port
    # What means the same is the same.
    assert parse("0,15,30,45 0-23 1-31 * 0-6") != parse("*/15 * * * *")  # real time, both days
    assert parse("0,15,30,45 * * jan-dec *") == parse("*/15 */1 ? * ?")


def test_a_table_alone_gives_the_times():
    table = parse("30 2 * * mon")
    now = at("2026-01-01 00:00")
    assert following(table, now) == Cron("30 2 * * mon").next(now) == Cron(table=table).next(now)
    assert isinstance(following(table, now), int)


def test_cron_takes_a_fraction_of_a_second():
    t = at("2026-01-01 00:00")
    if (t + 0.5) - t == 0.5:  # floats of 32 bits cannot say it
        assert Cron("* * * * * *").next(t + 0.5) == t + 1
        assert Interval(1).next(t + 0.5) == t + 1


def test_the_search_allocates_little():
    now = at("2026-03-01 12:34")
    for expr in ("*/5 8-18 * * mon-fri", "0 0 29 2 */7", "0 0 15W * 2#2,5L"):
        table = parse(expr)
        following(table, now)
        gc.collect()
        gc.disable()
        before = gc.mem_alloc()
        following(table, now)
        used = gc.mem_alloc() - before
        gc.enable()
        assert used <= 512, (expr, used)  # big ints on a 32-bit port, none on the other


# --- intervals and dates ------------------------------------------------------------------


def test_an_interval_lies_on_a_grid():
    assert times(Interval(minutes=15), "2026-01-01 00:07", 2) == [
        "2026-01-01 00:15",
        "2026-01-01 00:30",
    ]
    assert times(Interval(weeks=1), "2026-01-01 00:00", 1) == ["2026-01-05 00:00"]  # a Monday
    assert times(Interval(days=1, hours=12), "1999-01-01 00:00", 1) == ["1999-01-02 00:00"]
    i = Interval(seconds=10, start=at("2026-01-01 00:00:03"), end=at("2026-01-01 00:00:23"))
    assert times(i, "2025-01-01 00:00", 4) == [
        "2026-01-01 00:00:03",
        "2026-01-01 00:00:13",
        "2026-01-01 00:00:23",
        None,
    ]


def test_times_may_be_given_as_tuples():
    t = at("2026-01-01 08:30")
    assert Date((2026, 1, 1, 8, 30, 0, 0, 0)).next(0) == t
    assert Date((2025, 12, 31, 31, 89, 60, 0, 0)).next(0) == t  # overflows, as with mktime
    assert Date((2024, 25, 1, 8, 30, 0, 0, 0)).next(0) == t
    assert Date(t).next(t - 1) == t and Date(t).next(t) is None
    w = Window(Interval(60), start=(2026, 1, 1, 8, 30, 0, 0, 0, 0))
    assert w.next(0) == t


def test_intervals_and_dates_refuse_what_makes_no_sense():
    refused(ValueError, ("Interval", "at least 1"), Interval)
    refused(ValueError, ("Interval", "-5"), Interval, -5)
    refused(TypeError, ("Interval", "0.5"), Interval, 0.5)
    refused(TypeError, ("Interval", "True"), Interval, True)
    refused(ValueError, ("Interval end", "start 10", "9"), Interval, 1, start=10, end=9)
    refused(TypeError, ("Interval start", "'now'"), Interval, 1, start="now")
    refused(TypeError, ("Date", "None"), Date, None)
    refused(ValueError, ("Date", "(2026, 1, 1)"), Date, (2026, 1, 1))
    refused(ValueError, ("Date", "8 ints"), Date, (2026, 1, 1, 0, 0, 0.5, 0, 0))


# --- combinations -------------------------------------------------------------------------


def test_and_is_due_when_all_agree():
    friday_13 = And(Cron("0 0 13 * *"), Cron("0 0 * * fri"))
    got = times(friday_13, "2026-01-01 00:00", 3)
    assert got == ["2026-02-13 00:00", "2026-03-13 00:00", "2026-11-13 00:00"]
    assert And(Interval(6), Date(7)).next(0) is None


def test_and_gives_up_past_its_limit():
    never = And(Cron("0 0 * * *"), Cron("30 0 * * *"))
    refused(ValueError, ("And", "100 rounds", "30 0 * * *"), never.next, 0)
    short = And(Interval(97, start=0), Interval(89, start=1), limit=3)
    refused(ValueError, ("3 rounds",), short.next, 0)
    assert And(Interval(97, start=0), Interval(89, start=1), limit=200).next(0) is not None
    refused(ValueError, ("And limit", "0"), And, Own(), limit=0)


def test_or_is_due_when_one_is_and_ends_when_all_have():
    o = Or(Date(20), Interval(10, start=5, end=15), Date(5))
    assert [o.next(t) for t in (0, 5, 15, 20)] == [5, 15, 20, None]


def test_a_window_holds_both_its_ends():
    w = Window(Interval(10, start=0), start=20, finish=40)
    assert [w.next(t) for t in (0, 19, 20, 39, 40)] == [20, 20, 30, 40, None]
    assert Window(Own(), finish=9).next(0) is None
    refused(ValueError, ("Window", "start or finish"), Window, Own())
    refused(ValueError, ("Window finish", "5"), Window, Own(), start=6, finish=5)


def test_jitter_is_late_by_the_same_time_and_never_early():
    offsets = set()
    for _ in range(50):
        j = Jitter(Interval(60, start=0), 5)
        offsets.add(j.next(0) % 60)
        assert j.next(1000) - 1020 == j.offset and j.next(j.next(1000)) - j.next(1000) == 60
    assert offsets <= {0, 1, 2, 3, 4, 5} and len(offsets) > 3
    assert Jitter(Date(10), 5, offset=3).next(12) == 13
    refused(ValueError, ("Jitter most", "-1"), Jitter, Own(), -1)
    refused(ValueError, ("Jitter offset", "0 to 5", "6"), Jitter, Own(), 5, offset=6)


def test_a_part_must_be_a_trigger():
    refused(TypeError, ("And", "next(after)", "'* * * * *'"), And, Own(), "* * * * *")
    refused(TypeError, ("Window", "5"), Window, 5, start=1)
    refused(ValueError, ("Or", "none"), Or)


# --- time zones ---------------------------------------------------------------------------


def test_a_zone_knows_its_offset():
    for text, when, hours in (
        ("UTC0", "2026-07-01 00:00", 0),
        ("EST5", "2026-07-01 00:00", -5),
        ("<+0545>-5:45", "2026-07-01 00:00", 5.75),
        (BERLIN, "2026-03-29 00:59:59", 1),
        (BERLIN, "2026-03-29 01:00", 2),
        (BERLIN, "2026-10-25 00:59:59", 2),
        (BERLIN, "2026-10-25 01:00", 1),
        ("AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-01-01 00:00", 11),
        ("AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-06-01 00:00", 10),
        ("IST-1GMT0,M10.5.0,M3.5.0/1", "2026-01-01 00:00", 0),
        ("EST5EDT,0/0,J365/25", "2026-01-01 04:59", -4),  # all year
        ("EST5EDT,0/0,J365/25", "2026-07-01 00:00", -4),
        ("AAA0BBB,J59/0,J60/24", "2024-02-27 23:59", 0),  # J60 is always 1 March
        ("AAA0BBB,J59/0,J60/24", "2024-02-28 00:00", 1),
        ("AAA0BBB,J59/0,J60/24", "2024-03-01 22:59", 1),
        ("AAA0BBB,J59/0,J60/24", "2024-03-01 23:00", 0),
        ("AAA0BBB,59/0,60/24", "2024-02-28 23:59", 0),  # 59 is 29 February, if there is one
        ("AAA0BBB,59/0,60/24", "2024-02-29 00:00", 1),
        ("AAA0BBB,M3.1.1/-167,M3.1.1/167:00:01", "2026-02-23 00:59", 0),
        ("AAA0BBB,M3.1.1/-167,M3.1.1/167:00:01", "2026-02-23 01:00", 1),
        ("AAA0BBB,M3.1.1/-167,M3.1.1/167:00:01", "2026-03-08 22:00", 1),
        ("AAA0BBB,M3.1.1/-167,M3.1.1/167:00:01", "2026-03-08 22:00:01", 0),
    ):
        zone = Zone(text)
        assert zone.offset(at(when)) == int(hours * 3600), (text, when)
        assert zone.local(at(when)) == at(when) + int(hours * 3600)


def test_a_zone_refuses_what_is_no_posix_string():
    for text, words in (
        ("", ("a name of 3 letters", "''")),
        ("Europe/Berlin", ("hours, 0 to 24", "'/Berlin'")),
        (":Europe/Berlin", ("a name", "':Europe/Berlin'")),
        ("CE-1", ("a name", "'CE-1'")),
        ("<+03-3", ("a name", "'<+03-3'")),
        ("CET", ("hours, 0 to 24", "'CET'")),
        ("CET-25", ("0 to 24", "'25'")),
        ("CET-1:60", ("0 to 59", "'60'")),
        ("CET-1CEST", ("two rules", "'CET-1CEST'")),
        ("CET-1CEST,M3.5.0", ("two rules",)),
        ("CET-1CEST,M13.5.0,M10.5.0", ("1 to 12", "'13.5.0,M10.5.0'")),
        ("CET-1CEST,M3.6.0,M10.5.0", ("1 to 5",)),
        ("CET-1CEST,M3.5.7,M10.5.0", ("0 to 6",)),
        ("CET-1CEST,M3.5,M10.5.0", ("Mm.w.d",)),
        ("CET-1CEST,J0,M10.5.0", ("1 to 365",)),
        ("CET-1CEST,366,M10.5.0", ("0 to 365",)),
        ("CET-1CEST,J1/168,M10.5.0", ("0 to 167",)),
        (BERLIN + " ", ("its end", "' '")),
        (BERLIN + ",J1", ("its end", "',J1'")),
    ):
        refused(ValueError, ("Zone", repr(text)) + words, Zone, text)
    refused(TypeError, ("Zone", "1"), Zone, 1)


def test_local_time_has_one_utc_time():
    zone = Zone(BERLIN)
    for local, utc in (
        ("2026-03-29 01:59:59", "2026-03-29 00:59:59"),
        ("2026-03-29 02:00", "2026-03-29 01:00"),  # left out: the change
        ("2026-03-29 02:59:59", "2026-03-29 01:00"),
        ("2026-03-29 03:00", "2026-03-29 01:00"),
        ("2026-10-25 01:59", "2026-10-24 23:59"),
        ("2026-10-25 02:00", "2026-10-25 00:00"),  # comes twice: the first
        ("2026-10-25 02:59:59", "2026-10-25 00:59:59"),
        ("2026-10-25 03:00", "2026-10-25 02:00"),
    ):
        assert shown(zone.utc(at(local))) == utc, (local, shown(zone.utc(at(local))))


def test_a_job_of_the_night_runs_once_when_clocks_change():
    zone = Zone(BERLIN)
    spring = "2026-03-28 12:00"
    autumn = "2026-10-24 12:00"
    for job in (
        Cron("30 2 * * *"),
        Cron("0 30 2 * * *"),
        Interval(days=1, start=at("2026-01-01 02:30")),
        Or(Cron("30 2 * * *")),
        And(Cron("30 2 * * *"), Cron("30 2 1-31 * *")),
        Window(Cron("30 2 * * *"), start=at("2026-01-01 00:00")),
    ):
        got = times(job, spring, 3, zone)
        assert got == ["2026-03-29 03:00", "2026-03-30 02:30", "2026-03-31 02:30"], (job, got)
        got = times(job, autumn, 2, zone)
        assert got == ["2026-10-25 02:30", "2026-10-26 02:30"], (job, got)
    # All that is left out is one start; asked in the second pass, it has been.
    assert times(Cron("*/10 30 2 * * *"), spring, 2, zone)[0] == "2026-03-29 03:00"
    assert times(Cron("0,30 2,3 * * *"), spring, 2, zone) == [
        "2026-03-29 03:00",
        "2026-03-29 03:30",
    ]
    second_pass = at("2026-10-25 01:15")
    assert shown(zone.next(Cron("30 2 * * *"), second_pass)) == "2026-10-26 01:30"
    assert zone.next(Date(at("2026-10-25 02:30")), second_pass) is None


def test_a_job_of_every_hour_goes_on_in_real_time_when_clocks_change():
    zone = Zone(BERLIN)
    for job in (Cron("0 * * * *"), Cron("@hourly"), Interval(hours=1), Cron("0 0 * * * *")):
        assert job.wild
        t = at("2026-03-28 22:00")
        for _ in range(6):
            n = zone.next(job, t)
            assert n - t == 3600, (job, shown(n))
            t = n
        t = at("2026-10-24 22:00")
        for _ in range(6):
            n = zone.next(job, t)
            assert n - t == 3600, (job, shown(n))
            t = n
    got = times(Cron("*/30 2 * * *"), "2026-10-25 01:00", 5, zone)
    assert [t[11:] for t in got] == ["02:00", "02:30", "02:00", "02:30", "02:00"]
    assert times(Cron("*/30 2 * * *"), "2026-03-28 12:00", 1, zone) == ["2026-03-30 02:00"]


def test_parts_keep_their_own_rule_when_clocks_change():
    zone = Zone(BERLIN)
    both = Or(Cron("30 2 * * *"), Cron("15 * * * *"))
    got = [t[11:] for t in times(both, "2026-03-29 01:00", 3, zone)]
    assert got == ["01:15", "03:00", "03:15"]
    got = [t[11:] for t in times(both, "2026-10-25 01:30", 4, zone)]
    assert got == ["02:15", "02:30", "02:15", "03:15"]
    late = Jitter(Cron("30 2 * * *"), 60, offset=60)
    assert times(late, "2026-03-28 12:00", 1, zone) == ["2026-03-29 03:01"]
    w = Window(Cron("*/30 * * * *"), at("2026-10-25 02:30"), at("2026-10-25 03:00"))
    got = [t and t[11:] for t in times(w, "2026-10-24 00:00", 9, zone)]
    assert got == ["02:30", "02:00", "02:30", "03:00", None]


def test_a_trigger_of_a_program_works_in_a_zone():
    zone = Zone("EST5EDT,M3.2.0,M11.1.0")
    t = at("2026-07-01 12:00")
    assert zone.next(Own(), t) == t + 10
    assert zone.next(Date(at("2026-07-01 08:00:05")), t) == t + 5
    assert zone.next(Date(at("2026-07-01 08:00")), t) is None


def test_a_zone_without_daylight_saving_only_shifts():
    zone = Zone("<+0530>-5:30")
    got = times(Cron("0 6 * * *"), "2026-01-01 12:00", 2, zone)
    assert got == ["2026-01-02 06:00", "2026-01-03 06:00"]
    assert shown(zone.next(Cron("0 6 * * *"), at("2026-01-01 12:00"))) == "2026-01-02 00:30"


def test_a_time_that_is_never_shown_is_an_error():
    # In real time, and only in the hour that the change leaves out.
    hidden = Cron("* 2 * 3 sunL")
    refused(
        ValueError, ("Zone", "ever shown", "* 2 * 3 sunL", BERLIN), Zone(BERLIN).next, hidden, 0
    )


def test_the_offset_is_kept_while_it_lasts():
    zone = Zone(BERLIN)
    t = at("2026-07-01 12:00")
    zone.local(t)
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    for _ in range(100):
        zone.offset(t)
    used = gc.mem_alloc() - before
    gc.enable()
    assert used < 100, used


def test_an_epoch_of_2000_gives_the_same_dates():
    def all_times():
        zone = Zone(BERLIN)
        found = []
        for trigger in (
            Cron("0 0 29 2 *"),
            Cron("30 2 * * mon#2"),
            Interval(weeks=1),
            Interval(hours=7),
            Date((2026, 5, 5, 5, 5, 5, 0, 0)),
            Window(Interval(days=1), start=(2026, 5, 5, 0, 0, 1, 0, 0)),
        ):
            found.append(times(trigger, "2026-01-01 00:00", 2))
            found.append(times(trigger, "2026-03-28 12:00", 2, zone))
        return found

    expected = []
    for year in (1970, 2000):
        days.count_from(year)
        assert at("%d-01-01 00:00" % year) == 0
        expected.append(all_times())
    days.count_from(time.gmtime(0)[0])
    assert expected[0] == expected[1]
    assert expected[0][0] == ["2028-02-29 00:00", "2032-02-29 00:00"]
