"""One time."""

from aiotrigger.days import seconds


class Date:
    """Due once, at `when`: epoch seconds or a time tuple, local time."""

    wild = False  # a clock that is set back by a little does not repeat it

    def __init__(self, when):
        self.when = seconds("Date", when)

    def next(self, after):
        """Return the time if it lies after `after`, else None."""
        return self.when if self.when > after else None

    def __repr__(self):
        return "Date(%d)" % self.when
