"""The history of the REPL in a file."""

import os

from micropython import const

_LINE = const(1000)  # bytes; longer entries are not kept


class History:
    """One entry a line; within an entry "\\r" stands for a new line."""

    n = 0  # lines in the file

    def __init__(self, path):
        self.path = path

    def load(self, most):
        """Return the last entries, `most` of them; an unreadable line is none."""
        self.most = most
        hist = []
        try:
            try:
                os.stat(self.path)
            except OSError:  # power may have failed within _replace()
                os.rename(self.path + ".new", self.path)
            with open(self.path, "rb") as f:
                while True:
                    line = f.readline(_LINE)
                    if not line:
                        break
                    self.n += 1
                    try:
                        if line[-1] != 10:  # it is too long, or power failed within
                            raise ValueError
                        hist.append(str(line[:-1], "utf-8").replace("\r", "\n"))
                        del hist[:-most]
                    except ValueError:  # UnicodeError is one
                        self.n = 2 * most  # the file is to be written anew
        except OSError:  # there is none yet
            pass
        return hist

    def add(self, text, hist):
        """Keep one more entry; `hist` are all. Returns the OSError that kept it from that."""
        try:
            self.n += 1
            whole = self.n > 2 * self.most  # written anew, so that it does not grow for ever
            path = self.path + ".new" if whole else self.path
            with open(path, "w" if whole else "a") as f:
                for entry in hist if whole else (text,):
                    entry = entry.replace("\n", "\r")
                    if len(entry.encode()) < _LINE:
                        f.write(entry + "\n")
            if whole:
                self.n = len(hist)
                _replace(path, self.path)
        except OSError as e:
            return e


def _replace(new, old):
    try:
        os.rename(new, old)
    except OSError:  # FAT: only to a name that is free
        os.remove(old)
        os.rename(new, old)
