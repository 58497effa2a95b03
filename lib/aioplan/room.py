"""Room for thousands of schedules."""


class _Roomy:
    # The keys of a dict, with a len that is told to be larger: dict.fromkeys() asks for it
    # to find out how much room to make.

    def __init__(self, table):
        self.table = table

    def __len__(self):
        return 2 * len(self.table) + 1

    def __iter__(self):
        return iter(self.table)


def roomy(table):
    """Return a copy of a dict that has room for twice as many entries.

    MicroPython's dict grows only when it is full, and near that looks at a great part of itself
    for each new key.
    """
    copy = dict.fromkeys(_Roomy(table))
    copy.update(table)
    return copy
