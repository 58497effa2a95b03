"""The hardware watchdog, fed only while the loop turns and every watched task is alive.

    import aiowatchdog
    aiowatchdog.start(timeout=8)

Also `await aioctl.top(5)`: whose steps the time of the loop goes to. See docs/watchdog.md.
"""


def __getattr__(name):
    # Each part is loaded when it is asked for.
    parts = {
        "dog": "start stop pause resume lightsleep",
        "sampler": "sample stop_sampling",
        "show": "top top_info",
        "steps": "blocked",
    }
    for part, names in parts.items():
        if name in names.split():
            value = getattr(_part(part), name)
            break
    else:
        if name not in parts and name not in ("count", "keep", "port", "thread"):
            raise AttributeError(name)
        value = _part(name)
    globals()[name] = value
    return value


def _part(name):
    return __import__("aiowatchdog." + name, None, None, (name,))
