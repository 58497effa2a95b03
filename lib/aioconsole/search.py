"""Search in the history, with Ctrl-R."""


async def search(ed):
    """Let a person search the history of the Editor `ed`; returns the key that ended it.

    Characters narrow the search, Ctrl-R goes to the next older entry, Ctrl-G and Ctrl-C back to
    what was edited before. Any other key does what it does with what was found.
    """
    before = ed.text, ed.at, ed.prompt
    pattern = ""
    n = len(ed.hist)  # the entry that is shown
    c = 0
    try:
        while True:
            ed.prompt = "(search: %s) " % pattern
            ed.draw()
            c = await ed.key()
            if isinstance(c, str):
                pattern += c
                i = min(n, len(ed.hist) - 1)
            elif c == 8 or c == 127:
                pattern = pattern[:-1]
                i = len(ed.hist) - 1
            elif c == 18:
                i = n - 1
            elif c == 0:
                continue
            else:
                break
            while i >= 0 and pattern not in ed.hist[i]:
                i -= 1
            if i >= 0 and pattern:
                n = i
                ed.text = ed.hist[n]
                ed.at = ed.text.find(pattern)
    finally:
        ed.prompt = before[2]
    if c == 3 or c == 7:
        ed.text, ed.at = before[:2]
        c = 0
    elif n < len(ed.hist):
        ed.lines[ed.h] = before[0]
        ed.h = n
    ed.draw()
    return c
