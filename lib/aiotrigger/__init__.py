"""When something is due: triggers, and the clock of a place.

A trigger is an immutable object with `next(after)`: the first due time strictly after `after`
(epoch seconds of the port, local time, int), or None if there is none. Each kind is a file of
its own, loaded when its name is first used.
"""


def __getattr__(name):
    # One string: names in a dict would stay in RAM.
    for pair in (
        "cron.Cron interval.Interval date.Date zone.Zone "
        "combine.And combine.Or combine.Window combine.Jitter days.days"
    ).split():
        file, word = pair.split(".")
        if name in (file, word):
            value = __import__(file, globals(), None, ("*",), 1)
            if name != file:
                value = getattr(value, word)
            globals()[name] = value
            return value
    raise AttributeError(name)
