"""Python source as tokens: enough to see where strings, brackets and statements end."""

from micropython import const

# Kinds of tokens, beside the characters of operators. NEWLINE: of a logical line.
WORD = const(97)
STRING = const(34)
NEWLINE = const(10)
BROKEN = const(39)  # a string that its line cuts off
OPEN = const(-1)  # the text ends within a bracket, a long string or a joined line

_PREFIX = b"rRbBuUfF"


# The end of the word at `i`; `i` if there is none.
def _word(b, i):
    n = len(b)
    while i < n:
        c = b[i]
        if not (c > 127 or 48 <= c < 58 or 65 <= c < 91 or 97 <= c < 123 or c == 95):
            break
        i += 1
    return i


def tokens(b):
    """Yield (kind, start, end) of each token of the source `b`, bytes.

    kind: WORD (numbers too), STRING, NEWLINE, BROKEN, OPEN (the last one, if any), else the
    character. Blanks and comments are none.
    """
    n = len(b)
    i = depth = 0
    while i < n:
        c = b[i]
        j = _word(b, i)
        if j > i:
            c = WORD
            if b[j : j + 1] in (b"'", b'"') and j < i + 3 and not b[i:j].strip(_PREFIX):
                c, j = _string(b, j)
            yield c, i, j
        elif c == 35:  # a comment
            j = b.find(b"\n", i)
            j = n if j < 0 else j
        elif c == 92:
            j += 2
            while j < n and b[j] & 0xC0 == 0x80:  # the rest of a character
                j += 1
            depth += (j >= n) * n
        else:
            j += 1
            if c == 34 or c == 39:
                c, j = _string(b, i)
            else:
                depth += (c in b"([{") - (c in b")]}")
            if c > 32 or c == 10 and not depth or c < 0:
                yield c, i, j
        i = j
    if depth > 0:
        yield OPEN, n, n


# Kind and end of the string literal whose quote is at `i`.
def _string(b, i):
    q = b[i : i + 3]
    if q != q[:1] * 3:
        q = q[:1]
    i += len(q)
    n = len(b)
    while i < n:
        if b[i] == 92:
            i += 2
            if i >= n:
                return OPEN, n
            continue
        if b[i] == 10 and len(q) == 1:
            break
        if b[i : i + len(q)] == q:
            return STRING, i + len(q)
        i += 1
    return (BROKEN if len(q) == 1 else OPEN), i
