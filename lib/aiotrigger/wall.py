"""Wall time as people give it."""

import time


def epoch(word, t):
    """Return a time tuple (8 or 9 ints, local time) as epoch seconds; `word` for errors."""
    if len(t) not in (8, 9) or not all(isinstance(x, int) for x in t):
        raise ValueError("%s: expected a time tuple of 8 ints, got %r" % (word, t))
    return int(time.mktime(tuple(t)))
