"""The line editor of the REPL, and its paste mode."""

import sys


# The next key: a byte, or minus the control key that does what the cursor keys, Home, End and
# Delete do; 0 for unknown ones.
async def _key(s):
    c = await s.key()
    if c == 27:
        c = await s.get()
        if c not in b"O[":  # Escape was pressed, and then a key
            s.keys.insert(0, c)
            return 0
        n = c = await s.get()
        while c < 64:
            c = await s.get()
        # The last byte tells, or the first digit before "~".
        c = b"H17F48DCAB3".find(bytes((n if c == 126 else c,)))
        c = -b"\1\1\1\5\5\5\2\6\x10\x0e\4\0"[c]
    return c


# What the control key `c` makes of the line with the cursor after `at` characters.
def _change(line, at, c):
    if c == 1:
        at = 0
    elif c == 5:
        at = len(line)
    elif c == 2:
        at -= at > 0
    elif c == 6:
        at += at < len(line)
    elif c == 4 or at and (c == 8 or c == 127):
        at -= c > 4
        line = line[:at] + line[at + 1 :]
    return line, at


# Read one line, of which the prompt is shown, or what is pasted after Ctrl-E. Returns it, or the
# number of a control key that ends it: Ctrl-C, or Ctrl-A, B or D on an empty one.
async def edit(s, prompt, hist):
    write = sys.stdout.write
    lines = hist + [""]
    h = len(hist)  # which of `lines` is being edited
    line = ""
    at = 0
    part = b""  # of a UTF-8 character
    while True:
        c = await _key(s)
        if c in (10, 3) or not line and 0 < c < 6:
            write("\n")
            if c == 5:
                write("paste mode; Ctrl-C to cancel, Ctrl-D to finish\n===\n")
                return (await read(s.key, "\n"))[0]
            if c != 10:
                return c
            if line and line not in hist[-1:]:
                hist.append(line)
                del hist[:-10]
            return line.strip()
        if c == 9 or c > 31 and c != 127:
            part = (part[-3:] if 127 < c < 192 else b"") + bytes((32 if c == 9 else c,))
            try:
                text = part.decode()
            except UnicodeError:  # not yet complete, or not UTF-8
                continue
            line = line[:at] + text + line[at:]
            at += 1
            if at == len(line):
                write(text)
                continue
        elif c in (-14, -16):
            lines[h] = line
            h = h + (h < len(hist)) if c == -14 else h - (h > 0)
            line = lines[h]
            at = len(line)
        elif c == 26 and s.tty:  # Ctrl-Z stops the job, as the terminal itself would
            s.close()
            __import__("os").system("kill -TSTP 0")
            s.mode(0)
        else:
            line, at = _change(line, at, abs(c))
        write("\r%s%s\x1b[K" % (prompt, line) + "\b" * (len(line) - at))


# Read code up to Ctrl-D, and forget it at Ctrl-C; returns it and the byte that ended it. `get`
# and `tail` are s.key and "\n" for a person, who sees what is pasted; s.get and "\4" for a host
# tool, which sends no more than two windows of 127 bytes without a receipt: they fit any port's
# buffer; s.get and "" for one that just sends, where Ctrl-A, B and @ end it as well.
async def read(get, tail):
    write = sys.stdout.write
    code = bytearray()
    n = 0
    while True:
        c = await get()
        if c < 5 and (c > 2 or not tail):
            write(tail)
            return (b"" if c == 3 else code), c
        try:
            code.append(c)  # pyright: ignore[reportAttributeAccessIssue]  see below
        except (MemoryError, AttributeError):  # bytes take no more: the rest is dropped
            code = b"raise MemoryError"
        n += 1
        if tail == "\n":
            write(bytes((c,)))
        elif tail and n % 127 == 0:
            write("\1")
