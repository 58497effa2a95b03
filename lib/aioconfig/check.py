"""Reads config.json: every key checked, each error named, the default in its place.

A new key is a line in SECTIONS, and one in docs/first-board.md.
"""

# What a section takes: {key: (default, kind, ...)}. Kinds: "int", least, most; "text", most
# bytes; "word", one of these...; "pin", its number or name, or null; "object", anything in { }.
# boot.py has the defaults of its section once more: it must start without this package.
SECTIONS = {
    "boot": {
        "tries": (3, "int", 0, 100),
        "seconds": (10, "int", 0, 86400),
        "retry": (3600, "int", 0, 86400),
        "pin": (None, "pin"),
    },
    "log": {
        "size": (2000, "int", 64, 1000000),
        "level": ("INFO", "word", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
    },
    "watcher": {"sleep": (30, "int", 1, 86400)},
    "scheduler": {  # more of it is checked where it is used, in aioschedule.configure
        "tz": ("", "text", 60),
        "defaults": ({}, "object"),
        "schedules": ({}, "object"),
    },
    "repl": {"prompt": ("--> ", "text", 40), "history": ("", "text", 100)},
    # Bytes to allocate until the next collection; -1: not before the heap is full; 0: a
    # quarter of what is free when the program starts.
    "gc": {"threshold": (0, "int", -1, 0x3FFFFFFF)},
}
# Parts of the program: `false` leaves them out, `true` is the same as {}.
SWITCHES = ("log", "watcher", "scheduler", "repl")


def load(path):
    """As `aioconfig.load`."""
    errors = []
    given = _read(path, errors)
    config = {}
    for name in SECTIONS:
        section = given.pop(name, {})
        if section is not False or name not in SWITCHES:
            config[name] = _section(name, section, errors)
    if "app" in given:
        config["app"] = given.pop("app")
    for name in sorted(given):
        _unknown(name, list(SECTIONS) + ["app"], errors)
    return config, errors


def _read(path, errors):
    try:
        with open(path) as f:
            import json

            given = json.load(f)
    except OSError as e:
        if e.errno != 2:  # ENOENT: nothing to be said, and all defaults
            errors.append("cannot be read: OSError: %s; defaults are used" % e)
    except ValueError:  # its text says no more
        errors.append("is not JSON, `python -m json.tool` tells where; defaults are used")
    except MemoryError as e:
        errors.append("is too long: %s; defaults are used" % e)
    else:
        if isinstance(given, dict):
            return given
        errors.append("expected an object { }, got %s; defaults are used" % _json(given))
    return {}


def _section(name, given, errors):
    keys = SECTIONS[name]
    if given is True and name in SWITCHES:
        given = {}
    if not isinstance(given, dict):
        text = "%s: expected %san object { }, got %s; defaults are used"
        switch = "true, false or " if name in SWITCHES else ""
        errors.append(text % (name, switch, _json(given)))
        given = {}
    section = {}
    for key, (default, kind, *limits) in keys.items():
        value = section[key] = given.get(key, default)
        if not (key not in given or _fits(value, kind, limits)):
            section[key] = default
            text = "%s.%s: expected %s, got %s; %s is used"
            wanted = _wanted(kind, limits)
            errors.append(text % (name, key, wanted, _json(value), _json(default)))
    for key in sorted(given):
        if key not in keys:
            _unknown(key, list(keys), errors, name + ".")
    return section


def _unknown(key, known, errors, prefix=""):
    known = ", ".join(sorted(known))
    errors.append("%s%s: unknown, not used; known: %s" % (prefix, key, known))


def _fits(value, kind, limits):
    if kind == "word":
        return value in limits
    if kind == "object":
        return isinstance(value, dict)
    if isinstance(value, str):
        return kind == "pin" or kind == "text" and len(value.encode()) <= limits[0]
    if isinstance(value, int) and not isinstance(value, bool):
        return value >= 0 if kind == "pin" else kind == "int" and limits[0] <= value <= limits[1]
    return kind == "pin" and value is None


def _wanted(kind, limits):
    if kind == "int":
        return "a whole number from %d to %d" % tuple(limits)
    if kind == "text":
        return "text of at most %d bytes" % limits[0]
    if kind == "word":
        return "one of " + ", ".join(limits)
    if kind == "object":
        return "an object { }"
    return "the number or name of a pin, or null"


def _json(value):
    import json

    text = json.dumps(value)
    return text if len(text) < 60 else text[:56] + " ..."
