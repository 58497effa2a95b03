"""The calendar in small ints: days are counted from 1 March of the year 0 (Gregorian)."""

from time import gmtime


def number(y, m, d):
    """Return the number of a day. m: 1 to 13, where 13 is January of the next year."""
    m -= 3
    if m < 0:
        m += 12
        y -= 1
    return 365 * y + y // 4 - y // 100 + y // 400 + (153 * m + 2) // 5 + d - 1


BASE_DAY = number(2020, 1, 1)  # seconds since then are small ints on every port until 2054


def count_from(year):
    """Let epoch seconds count from the begin of a year; on a port it is 1970 or 2000."""
    global EPOCH, BASE
    EPOCH = number(year, 1, 1)
    BASE = (BASE_DAY - EPOCH) * 86400


count_from(gmtime(0)[0])


def civil(z):
    """Return the date of day `z` as one small int: year << 9 | month << 5 | day."""
    y = z // 146097 * 400  # days in 400 years
    z %= 146097
    n = (z - z // 1460 + z // 36524 - z // 146096) // 365
    z -= 365 * n + n // 4 - n // 100
    m = (5 * z + 2) // 153
    d = z - (153 * m + 2) // 5 + 1
    return (y + n + (m > 9)) << 9 | (m + 3 if m < 10 else m - 9) << 5 | d


def weekday(z):
    """Return the day of the week of day `z`, Sunday is 0."""
    return (z + 3) % 7


def seconds(word, t):
    """Return epoch seconds or a time tuple (8 or 9 ints) as epoch seconds, int.

    A fraction is rounded up; a tuple may overflow as for `time.mktime`: minute 75 is a quarter
    past the next hour. `word` is for errors.
    """
    if isinstance(t, int) and not isinstance(t, bool):
        return t
    if isinstance(t, float) and -1e12 < t < 1e12:
        return int(-(-t // 1))
    if not isinstance(t, (tuple, list)):
        raise TypeError("%s: expected epoch seconds or a time tuple, got %r" % (word, t))
    if len(t) not in (8, 9) or not all(isinstance(x, int) for x in t):
        raise ValueError("%s: expected a time tuple of 8 ints, got %r" % (word, t))
    y, m, d, h, minute, s = t[:6]
    z = number(y + (m - 1) // 12, (m - 1) % 12 + 1, d)
    return (z - EPOCH) * 86400 + h * 3600 + minute * 60 + s
