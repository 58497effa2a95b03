"""The line editor of the REPL: keys and history."""

import asyncio

from micropython import const

from aioconsole import termios
from aioconsole.screen import Screen

_ASK = const(40)  # columns from which on a new size of the terminal matters
_PASTE_MS = const(30)  # no person types the next key so soon
_ENTRIES = const(32)  # of the history, and their characters
_CHARACTERS = const(1000)

# Keys are numbers, characters strings: a control key is its byte, Alt and a letter 128 more. A
# cursor key is minus the control key that does the same; 0 is a key that does nothing.
_ALT = b"bfd\x7f\x08\n"
_CURSOR = b"H17F48DCAB3"
_MEANS = b"\1\1\1\5\5\5\2\6\x10\x0e\4\0"

# Deleting goes to where the key below would move: Ctrl-K, U, D, H, W, Alt-D and Alt-Backspace.
_DELETE = b"\x0b\x15\4\x08\x7f\x17\xe4\xff\x88"
_TO = b"\5\1\6\2\2\x17\xe6\xe2\xe2"


class Editor(Screen):
    """One line, or block of lines, after the other, with what it takes from one to the next."""

    asked = False  # for the size of the terminal, at this line
    ask = -1  # columns from which on it is asked for; at first at once
    cut = ""  # what Ctrl-Y puts back

    def __init__(self, s, prompt, history):
        """history: path of a file that keeps the commands, or None."""
        super().__init__(s.write, prompt)
        self.s = s
        self.hist = []
        self.file = None
        self.screen = s.remote or not termios or s.tty  # a pipe has none
        if history:
            from aioconsole.history import History

            self.file = History(history)
            self.hist = self.file.load(_ENTRIES)
        if self.screen:
            from aioconsole.output import hook

            hook(s)

    async def line(self):
        """Read a command, whose prompt is shown; returns it.

        Or the number of the control key that ends it: Ctrl-C, or Ctrl-A, B, D or E when nothing
        is typed.
        """
        s = self.s
        self.lines = self.hist + [""]
        self.h = len(self.hist)  # which of `lines` is being edited
        self.begin()
        self.asked = False
        if self.screen:
            s.above = self.above
        try:
            while True:
                c = await self.key()
                if c == 18:
                    from aioconsole.search import search

                    c = await search(self)
                if c == 10 and await self.runs() or c == 3 or not self.text and c in (1, 2, 4, 5):
                    break
                if isinstance(c, str):
                    self.insert(c)
                elif c and c != 10 and self.act(c) == 3:
                    c = 3
                    break
        finally:
            s.above = None
        self.leave()
        return self.keep() if c == 10 else c

    def keep(self):
        """Return the command, and remember it."""
        text = self.text.rstrip()
        hist = self.hist
        if text and text not in hist[-1:]:
            hist.append(text)
            while len(hist) > 1 and (len(hist) > _ENTRIES or sum(map(len, hist)) > _CHARACTERS):
                del hist[0]
            e = self.file and self.file.add(text, hist)
            if e:
                self.write("history: %s\n" % e)
                self.file = None
        return text.strip()

    # ---- keys

    async def key(self):
        """The next key: a character, or a number (see above)."""
        s = self.s
        part = b""  # of a UTF-8 character
        while True:
            if not (s.keys or self.asked) and (self.row or self.col > self.ask) and self.screen:
                # A size is asked for when nothing else is on the way.
                if not s.poll(0):
                    self.asked = True
                    self.ask = _ASK
                    s.write("\x1b7\x1b[999;999H\x1b[6n\x1b8")
            c = await s.key()
            if c == 27:
                return await self.escape()
            if c < 32 or c == 127:
                return c
            part = (part[-3:] if 127 < c < 192 else b"") + bytes((c,))
            try:
                return part.decode()
            except UnicodeError:  # not yet complete, or not UTF-8
                pass

    async def escape(self):
        s = self.s
        c = await s.key()
        if c not in b"O[":
            if c in _ALT:
                return 128 | c
            s.keys.insert(0, c)  # Escape was pressed, and then a key
            return 0
        n = b""
        c = await s.get()
        while 32 <= c < 64:
            n = (n + bytes((c,)))[-7:]
            c = await s.get()
        if c < 32:  # the rest of it is lost
            s.keys.insert(0, c)
            return 0
        if c == 82 and b";" in n:
            self.resize(n)
            return 0
        if n[-2:] in (b";5", b";3") and c in b"CD":
            return 0xE6 if c == 67 else 0xE2
        return -_MEANS[_CURSOR.find(n[:1] if c == 126 and len(n) == 1 else bytes((c,)))]

    # The next byte, if it comes right after Enter, as in what is pasted; else None.
    async def ahead(self):
        s = self.s
        while not s.keys:
            if s.poll(0):
                await s.more()
            elif not self.screen:
                break
            else:
                try:
                    await asyncio.wait_for_ms(s.more(), _PASTE_MS)
                except asyncio.TimeoutError:
                    break
            if s.last == 13 and s.keys in ([10], [0]):  # of a CRLF, or of telnet's CR NUL
                s.keys.clear()
                s.last = 0
        return s.keys[0] if s.keys else None

    async def runs(self):
        """Tell whether Enter runs the code; else it has begun a new line, indented."""
        text = self.text
        block = "\n" in text
        if block and self.h < len(self.hist):
            return True
        for c in "([{'\"\\:@":
            if c in text:
                break
        else:
            return not block
        from aioconsole.block import indent

        blanks = indent(text, self.at)
        if blanks is None and not block:
            return True
        c = await self.ahead()
        if blanks is None:
            if c != 32 and c != 9:  # an empty line ends a block; but here it goes on
                return True
        # Not what is pasted; an Escape is an answer of the terminal, or a key.
        typed = self.screen and (c is None or c == 27)
        self.insert("\n" + blanks if blanks and typed else "\n")
        return False

    def act(self, c):
        """Do what a control key says; returns 3 if Ctrl-C ended that."""
        c = abs(c)
        i = _DELETE.find(bytes((c,)))
        if i >= 0:
            self.delete(c, self.place(_TO[i]))
        elif c == 25:
            self.insert(self.cut)
        elif c == 138:
            self.insert("\n")
        elif c == 9:
            return self.tab()
        elif c == 14 or c == 16:
            self.walk(c)
        elif c == 12:
            self.write("\x1b[H\x1b[2J")
            self.row = 0
            self.asked = False
        elif c == 26 and self.s.tty:  # Ctrl-Z stops the job, as the terminal itself would
            self.s.close()
            __import__("os").system("kill -TSTP 0")
            self.s.mode(0)
        else:
            self.at = self.place(c)
        if c not in b"\x19\x8a\t":
            self.draw()

    # Where the cursor goes by key `c`.
    def place(self, c):
        text = self.text
        at = self.at
        if c == 1:
            return text.rfind("\n", 0, at) + 1
        if c == 5:
            end = text.find("\n", at)
            return len(text) if end < 0 else end
        if c == 2:
            return at - (at > 0)
        if c == 6:
            return at + (at < len(text))
        if c == 0xE6:
            return self.word(at, 1)
        if c == 0xE2 or c == 23:
            return self.word(at, -1, c == 23)
        return at

    # The end of the word in one direction; a word is between blanks, or all that names have.
    def word(self, at, step, blanks=False):
        text = self.text
        inside = False
        while 0 <= at + (step - 1) // 2 < len(text):
            c = text[at + (step - 1) // 2]
            name = c > " " and (blanks or c in "_" or c.isalpha() or c.isdigit() or c > "\x7f")
            if inside and not name:
                break
            inside = name
            at += step
        return at

    def delete(self, c, to):
        text = self.text
        at = self.at
        if c == 11 and to == at:  # the end of the line: the next one is joined
            to += at < len(text)
        head = text[text.rfind("\n", 0, at) + 1 : at]
        if c in b"\x08\x7f" and head and not head.strip():  # one step of indentation
            to = at - ((len(head) - 1) % 4 + 1)
        a = min(at, to)
        b = max(at, to)
        if c not in b"\4\x08\x7f" and a < b:
            self.cut = text[a:b]
        self.text = text[:a] + text[b:]
        self.at = a

    def walk(self, c):
        """Go up or down, within a block or through the history."""
        text = self.text
        begin = text.rfind("\n", 0, self.at) + 1
        end = text.find("\n", self.at)
        if c == 16 and begin:
            before = text.rfind("\n", 0, begin - 1) + 1
            self.at = min(before + self.at - begin, begin - 1)
        elif c == 14 and end >= 0:
            after = text.find("\n", end + 1)
            after = len(text) if after < 0 else after
            self.at = min(end + 1 + self.at - begin, after)
        else:
            self.lines[self.h] = text
            h = self.h + (1 if c == 14 else -1)
            if 0 <= h < len(self.lines):
                self.h = h
                self.text = self.lines[h]
                self.at = len(self.text)

    def found(self):
        from aioconsole import Console
        from aioconsole.complete import complete

        Console.now = None  # this is no command: what it prints goes above the line
        return complete(self.text[: self.at], self.s.g)

    def tab(self):
        head = self.text[self.text.rfind("\n", 0, self.at) + 1 : self.at]
        if not head.strip():
            self.insert(" " * (4 - len(head) % 4))
            return
        # A property may raise, print, or wait for what does not come.
        found, e = self.s.call(self.found)
        if isinstance(e, KeyboardInterrupt):
            return 3  # as if it had come a moment later
        if not found:
            lines = []
            self.s.report(e, lines.append)
            (self.above if self.screen else self.write)("".join(lines))
            return
        more, names = found
        if more:
            self.insert(more)
        elif names and self.screen:
            self.above(self.table(names))
