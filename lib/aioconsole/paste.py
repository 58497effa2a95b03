"""Code that comes as a whole: paste mode, and what host tools send."""


async def read(s, get, tail):
    """Read code up to Ctrl-D; forget it at Ctrl-C. Returns it and the byte that ended it.

    get, tail: s.key and "\\n" for a person, who sees what is pasted; s.get and "\\4" for a host
    tool, which sends no more than two windows of 127 bytes without a receipt: they fit any port's
    buffer; s.get and "" for one that just sends, where Ctrl-A, B and @ end it as well.
    """
    code = bytearray()
    n = 0
    keys = s.keys
    while True:
        c = await get()
        if c < 5 and (c > 2 or not tail):
            s.write(tail)
            return (b"" if c == 3 else code), c
        b = bytes((c,))
        if tail != "\n" and keys and min(keys) > 4:  # all that is there at once
            b += bytes(keys)
            keys.clear()
        try:
            code.extend(b)  # pyright: ignore[reportAttributeAccessIssue]  see below
        except (MemoryError, AttributeError):  # bytes take no more: the rest is dropped
            code = b"raise MemoryError"
        if tail == "\n":
            s.write(b)
        elif tail:
            n += len(b)
            if n > 126:
                n -= 127
                s.write("\1")


async def paste(s):
    """What a person pastes after Ctrl-E."""
    s.write("paste mode; Ctrl-C to cancel, Ctrl-D to finish\n===\n")
    return (await read(s, s.key, "\n"))[0]
