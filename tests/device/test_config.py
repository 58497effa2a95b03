"""aioconfig: config.json read and checked, its schedules entered, and the start of app.py."""

import gc
import json
import os
import sys

import aioconfig
import aioctl
import aioschedule
from support import printed, turns

DEFAULTS = {
    "boot": {"tries": 3, "seconds": 10, "retry": 3600, "pin": None},
    "log": {"size": 2000, "level": "INFO"},
    "watcher": {"sleep": 30},
    "scheduler": {"tz": "", "defaults": {}, "schedules": {}},
    "repl": {"prompt": "--> ", "history": ""},
    "gc": {"threshold": 0},
}


def folder():
    # On a board there is no environment, and /tmp is emptied before each test.
    return os.getenv("TEST_TMP") if hasattr(os, "getenv") else "/tmp"


def load(text):
    """The outcome for a config.json of this text, or of this value."""
    path = folder() + "/config.json"
    with open(path, "w") as f:
        f.write(text if isinstance(text, str) else json.dumps(text))
    return aioconfig.load(path)


def refused(given):
    """The one complaint about this value; the defaults must be in force in spite of it."""
    config, errors = load(given)
    assert config == DEFAULTS, config
    assert len(errors) == 1, errors
    return errors[0]


def test_without_a_file_there_are_the_defaults():
    assert aioconfig.load(folder() + "/none.json") == (DEFAULTS, [])


def test_an_empty_object_gives_the_defaults():
    assert load("{}") == (DEFAULTS, [])


def test_all_that_may_be_set_is_taken():
    given = {
        "boot": {"tries": 0, "seconds": 86400, "retry": 0, "pin": "GP15"},
        "log": {"size": 64, "level": "DEBUG"},
        "watcher": {"sleep": 1},
        "scheduler": {
            "tz": "CET-1CEST,M3.5.0,M10.5.0/3",
            "defaults": {"jitter": 2},
            "schedules": {"a": {"repeat": 60}, "b": {"cron": "0 3 * * *", "grace": 60}},
        },
        "repl": {"prompt": "żółw> ", "history": "/past"},
        "gc": {"threshold": -1},
        "app": [1, None, {"pin": 2}],
    }
    assert load(given) == (given, [])


def test_a_key_that_is_missing_has_its_default():
    config, errors = load({"boot": {"pin": 0}})
    assert errors == []
    assert config["boot"] == {"tries": 3, "seconds": 10, "retry": 3600, "pin": 0}


def test_a_part_that_is_switched_off_is_left_out():
    config, errors = load({"log": False, "repl": False, "watcher": False, "scheduler": False})
    assert errors == []
    assert sorted(config) == ["boot", "gc"]


def test_a_part_that_is_switched_on_has_its_defaults():
    assert load({"log": True, "repl": True, "watcher": True, "scheduler": True}) == (DEFAULTS, [])


def test_the_entry_for_app_is_given_as_it_stands():
    for entry in (False, None, 0, "x", [], {"log": {"size": 1}}):
        config, errors = load({"app": entry})
        assert errors == []
        assert config["app"] == entry


def test_what_is_no_json_is_said():
    for text in ("", "{} x", "\x00\x00", '{"log": nil}'):  # MicroPython forgives much
        said = refused(text)
        assert said == "is not JSON, `python -m json.tool` tells where; defaults are used", said


def test_what_does_not_fit_in_memory_is_said():
    load("")
    with open(folder() + "/config.json", "w") as f:
        f.write('{"app": "')
        for _ in range(gc.mem_free() // 1000):
            f.write("x" * 1000)
        f.write('"}')
    config, errors = aioconfig.load(folder() + "/config.json")
    assert config == DEFAULTS
    assert len(errors) == 1
    assert errors[0].startswith("is too long: memory allocation failed"), errors


def test_what_is_no_object_is_said():
    for text in ("[]", "7", '"x"', "null", "true"):
        said = "expected an object { }, got %s; defaults are used"
        assert refused(text) == said % text


def test_a_folder_of_that_name_is_said():
    path = folder() + "/folder.json"
    os.mkdir(path)
    config, errors = aioconfig.load(path)
    assert config == DEFAULTS
    assert errors[0].startswith("cannot be read: OSError: ")


def test_a_section_that_is_no_object_is_said():
    wanted = "true, false or an object { }"
    assert refused({"log": 7}) == "log: expected %s, got 7; defaults are used" % wanted
    assert refused({"repl": None}) == "repl: expected %s, got null; defaults are used" % wanted
    wanted = "an object { }"
    assert refused({"boot": False}) == "boot: expected %s, got false; defaults are used" % wanted
    assert refused({"gc": True}) == "gc: expected %s, got true; defaults are used" % wanted


def test_a_number_out_of_range_or_of_another_kind_is_said():
    wanted = "expected a whole number from 64 to 1000000, got %s; 2000 is used"
    for came in (63, 1000001, -1, 2000.5, True, "2000", None, [], {}):
        assert refused({"log": {"size": came}}) == "log.size: " + wanted % json.dumps(came)


def test_the_limits_themselves_are_taken():
    for size in (64, 1000000):
        config, errors = load({"log": {"size": size}})
        assert (config["log"]["size"], errors) == (size, [])


def test_a_word_that_is_not_known_is_said():
    said = refused({"log": {"level": "info"}})
    assert said == (
        'log.level: expected one of DEBUG, INFO, WARNING, ERROR, CRITICAL, got "info"; '
        '"INFO" is used'
    )
    assert refused({"log": {"level": 20}}).startswith("log.level: expected one of DEBUG, ")


def test_text_that_is_too_long_is_said_and_shown_in_part():
    said = refused({"repl": {"prompt": "x" * 100}})
    assert said == (
        'repl.prompt: expected text of at most 40 bytes, got "%s ...; "--> " is used' % ("x" * 55)
    )
    assert refused({"repl": {"prompt": "ż" * 21}}).startswith("repl.prompt: expected text of ")
    assert refused({"repl": {"prompt": 1}}).startswith("repl.prompt: expected text of at most 40 ")
    assert refused({"repl": {"history": True}}) == (
        'repl.history: expected text of at most 100 bytes, got true; "" is used'
    )


def test_a_pin_is_a_number_a_name_or_null():
    for pin in (0, 15, "LED", None):
        assert load({"boot": {"pin": pin}})[1] == []
    for pin in (-1, 1.0, True, [], {}):
        said = "boot.pin: expected the number or name of a pin, or null, got %s; null is used"
        assert refused({"boot": {"pin": pin}}) == said % json.dumps(pin)


def test_an_object_is_what_schedules_and_their_defaults_must_be():
    for key in ("schedules", "defaults"):
        for came in ([], "x", 7, None, True):
            said = "scheduler.%s: expected an object { }, got %s; {} is used"
            assert refused({"scheduler": {key: came}}) == said % (key, json.dumps(came))
    said = 'scheduler.tz: expected text of at most 60 bytes, got 1; "" is used'
    assert refused({"scheduler": {"tz": 1}}) == said


def test_what_is_not_known_is_said_with_what_is():
    known = "app, boot, gc, log, repl, scheduler, watcher"
    assert refused({"lgo": {}}) == "lgo: unknown, not used; known: " + known
    assert refused({"log": {"bytes": 1}}) == "log.bytes: unknown, not used; known: level, size"
    said = "scheduler.every: unknown, not used; known: defaults, schedules, tz"
    assert refused({"scheduler": {"every": 1}}) == said


def test_each_error_is_said_and_the_right_keys_stay():
    config, errors = load(
        {"boot": {"tries": -1, "seconds": 5, "try": 2}, "log": [], "zz": 1, "aa": 2, "app": 3}
    )
    assert [e.split(":")[0] for e in errors] == ["boot.tries", "boot.try", "log", "aa", "zz"]
    assert config["boot"] == {"tries": 3, "seconds": 5, "retry": 3600, "pin": None}
    assert config["app"] == 3


def test_the_checks_do_not_stay_in_memory():
    aioconfig.load(folder() + "/none.json")
    assert "aioconfig.check" not in sys.modules
    assert not hasattr(aioconfig, "check")


# ---- schedules


def enter(**settings):
    """What aioconfig.plan says of these settings, which have been checked so far."""
    from aioconfig import plan

    return plan.enter(dict(DEFAULTS["scheduler"], **settings))


async def job():
    """A task to be scheduled."""


async def test_a_task_that_is_added_waits_for_the_schedule_of_the_config():
    assert enter(schedules={"job": {"start_in": 60, "repeat": 90}}) == []
    aioctl.add(job)
    assert aioctl.state("job") == "scheduled"
    schedule = aioschedule.group()["job"]
    assert (schedule.delay, schedule.period) == (60000, 90000)


async def test_defaults_and_the_zone_hold_for_the_schedules_of_the_program():
    assert enter(tz="CET-1CEST,M3.5.0,M10.5.0/3", defaults={"grace": 7}) == []
    assert aioschedule.schedule("job", cron="0 3 * * *").grace == 7000
    assert aioschedule.scheduler.zone is not None


async def test_each_schedule_that_is_refused_is_said_and_the_others_are_entered():
    errors = enter(
        tz="nowhere at all",
        defaults={"jiter": 3},
        schedules={"a": {"repeat": -1}, "b": {"repeat": 5}, "c": 7, "d": {"cron": "* *"}},
    )
    assert [e.split(": ")[0] for e in errors] == [
        "scheduler." + k for k in ("tz", "defaults", "schedules", "schedules", "schedules")
    ], errors
    assert sorted(e.split(": ")[1] for e in errors[2:]) == ["a", "c", "d"]
    for error, part in zip(errors[:2], ("'nowhere at all'", "'jiter'")):
        assert part in error and error.endswith("; not used"), error
    assert list(aioschedule.group()) == ["b"]


async def test_a_schedule_of_the_config_replaces_that_of_the_app():
    enter(schedules={"job": {"start_in": 60, "repeat": 90}, "same": {"repeat": 5}})
    same = aioschedule.group()["same"]
    source = (
        "import aioctl, aioschedule\n"
        "@aioschedule.schedule_task(start_in=0, repeat=1)\n"
        "async def job(): print('early')\n"
        "async def same(): pass\n"
        "def setup():\n  aioctl.add(job)\n  aioctl.add(same)\n"
    )
    assert start(source) == (True, "")
    assert aioschedule.group()["job"].period == 90000
    assert aioschedule.group()["same"] is same
    aioctl.add(aioschedule.schedule_loop)
    await turns()
    assert aioctl.state("job") == "scheduled"


async def test_a_schedule_of_the_config_replaces_that_of_a_setup_that_waits():
    enter(schedules={"job": {"start_in": 60, "repeat": 90}})
    source = (
        "import aioctl, aioschedule, asyncio\n"
        "async def job(): pass\n"
        "async def setup():\n"
        "  await asyncio.sleep_ms(0)\n"
        "  aioschedule.schedule('job', start_in=30)\n"
        "  aioctl.add(job)\n"
        "  return 7\n"
    )
    start(source)
    assert await aioctl.join("app") == 7
    assert aioschedule.group()["job"].period == 90000


async def test_a_schedule_without_its_task_is_said():
    enter(schedules={"jbo": {"repeat": 90}, "job": {"repeat": 90}})
    text = start("import aioctl\nasync def job(): pass\ndef setup(): aioctl.add(job)\n")[1]
    assert text == "config.json: scheduler.schedules: jbo: there is no such task yet\n"


# ---- app.py


def start(source, *args):
    """What start() returns, and prints, for an app.py of this text."""
    from aioconfig import app

    sys.modules.pop("app", None)
    sys.path.insert(0, folder())
    with open(folder() + "/app.py", "w") as f:
        f.write(source)
    found = []
    text = printed(lambda: found.append(app.start(*args)))
    sys.path.pop(0)
    return found[0], text


async def test_no_app_is_no_error():
    from aioconfig import app

    assert printed(lambda: print(app.start())) == "False\n"
    assert aioctl.group() is None


async def test_an_app_without_setup_is_imported_and_that_is_all():
    assert start("print('imported')") == (True, "imported\n")
    assert aioctl.group() is None


async def test_setup_gets_what_is_given():
    assert start("def setup(*args): print(args)", {"pin": 4})[1] == "({'pin': 4},)\n"
    assert start("def setup(*args): print(args)")[1] == "()\n"


async def test_a_coroutine_setup_runs_as_a_task_and_its_result_is_kept():
    source = "import asyncio\nasync def setup(n):\n  await asyncio.sleep_ms(0)\n  return n + 1\n"
    assert start(source, 6) == (True, "")
    assert await aioctl.join("app") == 7
    assert aioctl.state("app") == "done"


async def test_what_setup_adds_is_supervised():
    source = (
        "import aioctl\nasync def job(): return 8\ndef setup(): aioctl.add(job, name='mine')\n"
    )
    start(source)
    assert await aioctl.join("mine") == 8


async def test_each_failure_is_a_task_that_failed_and_is_told():
    for source, error in (
        ("1 / 0", ZeroDivisionError),
        ("import nosuch", ImportError),
        ("import app_", ImportError),
        ("def setup(:", SyntaxError),
        ("def setup(): raise OSError(5)", OSError),
        ("def setup(config): pass", TypeError),
        ("async def setup(): raise OSError(5)", OSError),
        ("import sys\nsys.exit(3)", RuntimeError),
        ("import sys\nasync def setup(): sys.exit(3)", RuntimeError),
    ):
        aioctl.reset()
        assert start(source)[0] is True
        task = aioctl.group().tasks["app"]
        assert task.restart == "no", source
        await turns()
        assert aioctl.state("app") == "error", source
        assert isinstance(aioctl.result("app"), error), source
