"""Blocks of several lines: whether one is complete, and how its next line is indented."""

from aioconsole.tokens import NEWLINE, OPEN, tokens

# After these a block goes one step out.
_LAST = b" return pass break continue raise "


def indent(text, at):
    """The blanks of a new line at the cursor `at`; None if the code is complete and shall run."""
    last = 0  # kind of the last token but the ends of lines
    block = False
    first = True  # the next token begins a line
    b = text.encode()
    for kind, i, j in tokens(b):
        if first and (kind == 64 or b[i:j] == b"try"):  # more must follow
            block = True
        first = kind == NEWLINE
        if not first:
            last = kind
        elif last == 58:
            block = True
    if last != OPEN and last != 58:
        begin = text.rfind("\n") + 1
        complete = not block or begin and not text[begin:].strip()
        if complete and at == len(text) or "\n" not in text and not block:
            return None
    return _blanks(text[text.rfind("\n", 0, at) + 1 : at])


# What a line after this one begins with.
def _blanks(line):
    n = len(line) - len(line.lstrip())
    blanks = line[:n]
    last = word = b""
    b = line.encode()
    for kind, i, j in tokens(b):
        if kind != OPEN and kind != NEWLINE:
            last = b[i:j]
            word = word or last
    if last in (b":", b"(", b"[", b"{"):
        return blanks + "    "
    return blanks[:-4] if b" " + word + b" " in _LAST else blanks
