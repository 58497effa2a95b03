"""Completion with Tab: names, attributes, keywords, modules, and task names in quotes."""

import builtins
import os
import sys

from aioconsole.tokens import BROKEN, OPEN, WORD, tokens

_KEYWORDS = (
    "False None True and as assert async await break class continue def del elif else except"
    " finally for from global if import in is lambda nonlocal not or pass raise return try while"
    " with yield"
)

# Public names that a module loads on first use, and so does not list.
LAZY = {
    "aioctl": (
        "start stop stop_all restart delete reset run state result result_all join tasks_match"
        " status status_all info traceback traceback_all debug log follow"
        " get_datetime time_str tmdelta_fmt pprint_dict setenv getenv"
    ),
    "aioschedule": (
        "watcher_loop unschedule next_due group set_group reset set_log status_sc status_sc_all"
    ),
    "aiorepl": "Console execute hashed raw_repl serve",
}

# What of aioctl and aioschedule takes something else in quotes than the name of a task.
_OTHER = " add create_task aiotask getenv setenv set_log set_group fire time_str "


def complete(text, g):
    """Complete the code `text`, str, as far as the cursor, with the globals `g`.

    Returns what is to be added ("" if that is not clear), and the names that fit.
    """
    b = text[text.rfind("\n") + 1 :].encode()
    found = list(tokens(b))
    part, names = _candidates(b, found, g)
    hidden = part[:1] != "_"
    names = sorted({n for n in names if n.startswith(part) and not (hidden and n[:1] == "_")})
    if not names:
        return "", names
    more = names[0]
    for n in names:
        while not n.startswith(more):
            more = more[:-1]
    return more[len(part) :], names


# The part of a name that stands at the end of `b`, and all names that it may be.
def _candidates(b, found, g):
    kind, i, j = found[-1] if found else (0, 0, 0)
    if kind == OPEN and i == j and len(found) > 1:  # within brackets
        found.pop()
        kind, i, j = found[-1]
    if kind == BROKEN or kind == OPEN:
        part = str(b[i:j], "utf-8").lstrip("rRbBuUfF").lstrip("'\"")
        found.pop()
        if found and found.pop()[0] == 40 and _takes_names(_chain(b, found), g):
            return part, [r.name for r in sys.modules["aioctl"].records()]
        return part, ()
    part = ""
    if kind == WORD and j == len(b):
        part = str(b[i:j], "utf-8")
        found.pop()
    first = b[found[0][1] : found[0][2]] if found else b""
    if found and found[-1][0] == 46:  # a dot
        found.pop()
        return part, _attributes(_chain(b, found), g)
    if first in (b"import", b"from"):
        return part, _imports(b, found)
    return part, _KEYWORDS.split() + list(g) + dir(builtins)


# The words of `a.b.c` at the end of the tokens; none if something else is before a dot.
def _chain(b, found):
    words = []
    while found and found[-1][0] == WORD:
        _, i, j = found.pop()
        words.insert(0, str(b[i:j], "utf-8"))
        if not found or found[-1][0] != 46:
            return words
        found.pop()
    return []


def _takes_names(words, g):
    aioctl = sys.modules.get("aioctl")
    if not words or not aioctl or " %s " % words[-1] in _OTHER:
        return False
    # By `is` alone: a thing of the program may refuse to be compared, or to be true or false.
    faces = [m for m in (aioctl, sys.modules.get("aioschedule")) if m]
    o = g.get(words[0])
    if len(words) == 2:
        return any(o is m for m in faces)
    return len(words) == 1 and any(m.__dict__.get(words[0], words) is o for m in faces)


# The names that `words` has: each is looked up, nothing is called.
def _attributes(words, g):
    if not words:
        return ()
    try:
        o = g[words[0]] if words[0] in g else getattr(builtins, words[0])
        for w in words[1:]:
            o = getattr(o, w)
        if type(o) is type(sys):
            return _of_module(o)
        if type(o) is type or not hasattr(o, "__dict__"):
            return dir(o)
    except (AttributeError, KeyError):  # a struct of uctypes raises the second
        return ()
    # dir() would ask it for every name that there is, and run its properties.
    names = list(getattr(o, "__dict__", ()))
    classes = [type(o)]
    for c in classes:
        names.extend(getattr(c, "__dict__", ()))
        classes.extend(getattr(c, "__bases__", ()))
    return names


def _of_module(m):
    names = m.__dict__
    # What it loads on first use.
    more = list(getattr(m, "_attrs", ())) if m.__name__ == "asyncio" else []
    return list(names) + more + LAZY.get(m.__name__, "").split()


def _imports(b, found):
    words = [str(b[i:j], "utf-8") for _, i, j in found]
    if words[0] == "from" and "import" in words[1:]:
        m = sys.modules.get("".join(words[1 : words.index("import", 1)]))
        return _of_module(m) if m else ()
    names = list(sys.modules)
    for path in sys.path:
        try:
            files = os.listdir(path or ".")
        except OSError:  # not there, or ".frozen"
            continue
        for f in files:
            name, dot, kind = f.partition(".")
            if not dot or kind in ("py", "mpy"):
                names.append(name)
    return names if words[-1] in ("import", "from", ",") else ("import", "as")
