"""What a terminal shows of the code being edited."""

from micropython import const

_WIDTH = const(80)  # of a terminal that does not tell
_HEIGHT = const(24)
_NAMES = const(100)  # that a table shows at most
_MORE = "... "


def columns(c):
    """How many columns of a terminal the character `c` fills: 0, 1 or 2."""
    c = ord(c)
    if c < 0x300:
        return 1
    if c < 0x370 or 0x200B <= c < 0x2010 or 0x20D0 <= c < 0x2100 or 0xFE00 <= c < 0xFE10:
        return 0
    if c < 0x1100 or 0x1160 <= c < 0x2E80 or 0xA4D0 <= c < 0xAC00 or 0xD7A4 <= c < 0xF900:
        return 1
    if 0xFB00 <= c < 0xFE30 or 0xFE70 <= c < 0xFF00 or 0xFF61 <= c < 0xFFE0:
        return 1
    return 1 if 0xFFE7 <= c < 0x1F300 else 2


def wide(text):
    """How many columns `text` fills."""
    n = 0
    shown = True
    for c in text:
        if c == "\x1b":  # colours fill none
            shown = False
        n += shown and columns(c)
        shown = shown or c.isalpha()
    return n


class Screen:
    """A prompt, a text of one or more lines, and the cursor in it."""

    text = ""
    at = 0  # the cursor, in characters
    row = 0  # and on the screen, below the first row that is shown
    col = 0
    top = 0  # the first row that is shown of a block higher than the screen
    width = _WIDTH
    height = _HEIGHT
    tail = ""  # what another task printed last, if not a whole line
    busy = False

    def __init__(self, write, prompt):
        self.write = write
        self.prompt = prompt

    def begin(self):
        """An empty text, whose prompt is shown."""
        self.text = ""
        self.at = self.row = self.top = 0
        self.col = self.start()

    def start(self):
        """The column after the prompt."""
        return wide(self.prompt)

    def rows(self):
        """The rows of the whole, and the row and column of the cursor."""
        rows = []
        row = self.prompt
        col = self.start()
        i = 0
        place = None
        for c in self.text:
            if i == self.at:
                place = len(rows), col
            i += 1
            n = 0
            if c != "\n":
                n = columns(c)
                if col + n <= self.width:
                    row += c
                    c = ""
                col += n
            if c or col >= self.width:
                rows.append(row)
                row = _MORE if c == "\n" else c
                col = len(row) if c == "\n" else n if c else 0
        if not place:
            place = len(rows), col
        rows.append(row)
        return rows, place[0], place[1]

    def up(self, n):
        """Write what leads `n` rows up, to the first column."""
        self.write("\x1b[%dA\r" % n if n else "\r")

    def draw(self):
        """Show the text anew."""
        self.up(self.row)
        rows, row, col = self.rows()
        top = max(min(self.top, row), row - self.height + 1, 0)
        rows = rows[top : top + self.height]
        self.top = top
        self.row = row - top
        self.write("\x1b[J" + "\n".join(rows))
        if self.at < len(self.text):
            self.up(len(rows) - 1 - self.row)
            if col:
                self.write("\x1b[%dC" % col)
        self.col = col

    def insert(self, text):
        """Put `text` in at the cursor."""
        at = self.at
        last = at == len(self.text)
        self.text = self.text[:at] + text + self.text[at:] if not last else self.text + text
        self.at = at + len(text)
        if last and len(text) == 1 and text != "\n":
            n = columns(text)
            if self.col + n < self.width:
                self.col += n
                self.write(text)
                return
        self.draw()

    def leave(self):
        """Put the cursor below the text."""
        if self.at < len(self.text):
            self.at = len(self.text)
            self.draw()
        self.tail = ""
        if self.col or not self.text:
            self.write("\n")

    def above(self, text):
        """Write what another task printed above the text."""
        if self.busy or not text:
            self.write(text)
            return
        self.busy = True
        self.up(self.row + bool(self.tail))
        text = self.tail + text
        tail = text[text.rfind("\n") + 1 :]
        self.tail = tail if wide(tail) < self.width else ""
        self.write("\x1b[J" + text + ("\n" if tail else ""))
        self.row = 0
        self.draw()
        self.busy = False

    def resize(self, corner):
        """The terminal tells its size: corner is bytes, "rows;columns"."""
        try:
            height, _, width = str(corner, "utf-8").partition(";")
            height = int(height)
            width = int(width)
        except ValueError:
            return
        if width > 9 and height > 1 and (width, height) != (self.width, self.height):
            if width < self.width:  # it has broken the rows itself
                above = self.rows()[0][self.top : self.top + self.row]
                self.row += max(self.col - 1, 0) // width
                for row in above:
                    self.row += max(wide(row) - 1, 0) // width
            self.width = width
            self.height = height
            self.draw()

    def table(self, names):
        """The names in columns, as text."""
        most = max(map(len, names)) + 2
        each = max(1, self.width // most)
        text = ""
        for i in range(min(len(names), _NAMES)):
            name = names[i]
            text += name
            text += "\n" if (i + 1) % each == 0 else " " * (most - len(name))
        text = text.rstrip() + "\n"
        return text + "... %d more\n" % (len(names) - _NAMES) if len(names) > _NAMES else text
