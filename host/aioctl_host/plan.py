"""What a deployment would do: computed from what is wanted and what the board holds."""

import hashlib
import posixpath
from dataclasses import dataclass, field

# The first line of the main.py that stands in for the real one while files change places.
HALF = "# aioctl deploy: "
KEPT = ("boot.py", "main.py")  # of these, what the user had before is kept as .old

# If power fails in between, the next boot runs it and goes on: the board holds the old state or
# the new one. A rename replaces what is there in one step (on littlefs; nearly so on FAT).
SWITCH = """\
{half}puts the files of an update in their places
import os
def _try(f, *a):
    try:
        f(*a)
    except OSError as e:
        if e.errno != 2:  # else it was done before
            raise
for p in {moves!r}:
    _try(os.rename, p + '.new', p)
for p in {removes!r} + ['boot.fails']:  # this reset is no failed start
    _try(os.remove, p)
if {main!r}:
    os.rename('main.py.new', 'main.py')
else:
    os.remove('main.py')
if __name__ == '__main__':
    import machine
    machine.reset()
"""


def digest(data):
    """The SHA-256 of bytes as the board gives it."""
    return hashlib.sha256(data).hexdigest()


@dataclass
class Item:
    """One file: where it goes, what is in it, and what there is to do with it."""

    path: str
    data: bytes
    action: str = "same"  # or "new", "replace"
    staged: bool = False  # path.new is there already, of an interrupted deployment


@dataclass
class Plan:
    """The whole deployment."""

    items: list
    removes: list = field(default_factory=list)  # hidden or stale files
    folders: list = field(default_factory=list)  # to be made
    keeps: list = field(default_factory=list)  # of KEPT, to be copied to .old
    warnings: list = field(default_factory=list)
    need: int = 0  # bytes, in whole blocks
    free: int = 0
    half: bool = False  # main.py is the stand-in of an interrupted deployment
    copy_main: bool = False  # it stays: to be copied to main.py.new, which the stand-in becomes
    main: bool = False  # there will be a main.py

    @property
    def changed(self):
        """The items that differ."""
        return [i for i in self.items if i.action != "same"]

    @property
    def to_copy(self):
        """The items whose bytes go over the line."""
        return [i for i in self.changed if not i.staged]

    @property
    def nothing(self):
        """True if the board is as it should be."""
        return not (self.changed or self.removes or self.half)

    @property
    def single(self):
        """True if it is one step, which needs no stand-in to be done wholly or not at all."""
        return not self.half and len(self.changed) + len(self.removes) == 1


def folders_of(made):
    """The folders to be looked at on the board: the root, lib, and the packages in it."""
    found = {"", "lib"}
    for path, _ in made:
        found.add(posixpath.dirname(path))
    return sorted(found)


def sizes_of(folders):
    """{path: size} of the entries of {folder: [(name, size)]}; the size of a folder is -1."""
    return {
        posixpath.join(folder, name): size
        for folder, entries in folders.items()
        for name, size in entries
    }


def to_hash(made, sizes):
    """The files on the board whose size alone does not tell whether they are the same."""
    return [
        path + end
        for path, data in made
        for end in ("", ".new")
        if sizes.get(path + end) == len(data)
    ]


def make(made, board, sizes, hashes):
    """The Plan for [(path, bytes)].

    board: what the snippet BOARD says. sizes: see sizes_of. hashes: {path: SHA-256}.
    """
    plan = Plan([Item(path, data) for path, data in made])
    plan.free = board["free"]
    plan.half = board["half"]
    for item in plan.items:
        wanted = digest(item.data)
        if hashes.get(item.path) != wanted:
            item.action = "replace" if item.path in sizes else "new"
            item.staged = hashes.get(item.path + ".new") == wanted
    plan.folders = [f for f in folders_of(made) if f and f not in sizes and _used(f, made)]
    plan.keeps = [
        i.path
        for i in plan.changed
        if i.path in KEPT
        and i.action == "replace"
        and i.path + ".old" not in sizes
        and not (i.path == "main.py" and plan.half)
    ]
    there = sizes.get("main.py", -1) >= 0 and not plan.half
    plan.copy_main = there and "main.py" not in [i.path for i in plan.changed]
    plan.main = there or "main.py" in dict(made) or "main.py.new" in sizes and plan.half
    plan.removes = _stale(made, sizes, plan)
    plan.warnings = _hidden(made, sizes)
    plan.need = _need(plan, sizes, board["block"])
    return plan


def _used(folder, made):
    return any(path.startswith(folder + "/") for path, _ in made)


def _stale(made, sizes, plan):
    # A .py hides the .mpy beside it, and a .mpy beside a .py is a trap; a package belongs to
    # the project, so what is no part of it is left from before; so are copies cut short.
    wanted = {path for path, _ in made}
    packages = {posixpath.dirname(path) for path in wanted} - {"", "lib"}
    coming = {i.path + ".new" for i in plan.changed} | {"main.py.new"}
    stale = set()
    for path, size in sizes.items():
        if size < 0 or path in wanted or path in coming:
            continue
        stem, end = posixpath.splitext(path)
        twin = stem + (".mpy" if end == ".py" else ".py")
        if end in (".py", ".mpy") and (twin in wanted or posixpath.dirname(path) in packages):
            stale.add(path)
        elif end == ".new" and (stem in wanted or posixpath.dirname(path) in packages):
            stale.add(path)
    return sorted(stale)


def _hidden(made, sizes):
    # The import looks in the root before lib/, and for a folder before a file.
    warnings = []
    parts = {p.split("/")[1].rpartition(".")[0] or p.split("/")[1] for p, _ in made if "/" in p}
    for part in sorted(parts):
        for path in (part, part + ".py", part + ".mpy"):
            if path in sizes:
                warnings.append(f"{path} in the root of the board hides lib/{part}: remove it")
        if f"lib/{part}.mpy" in {p for p, _ in made} and sizes.get(f"lib/{part}") == -1:
            warnings.append(f"the folder lib/{part} on the board hides the module: remove it")
    return warnings


def _need(plan, sizes, block):
    # What is staged stands beside what it replaces, until all is there.
    def blocks(n):
        return (n + block - 1) // block * block

    need = sum(blocks(len(i.data)) - blocks(_leftover(i, sizes)) for i in plan.to_copy)
    need += sum(blocks(sizes[path]) for path in plan.keeps)
    need += 2 * block * len(plan.folders)  # a folder of littlefs is a pair of blocks
    if not plan.nothing:
        need += 2 * block  # the stand-in for main.py, and room to work
        if plan.copy_main:
            need += blocks(sizes["main.py"])
    return need


def _leftover(item, sizes):
    # Bytes of a copy cut short, which is overwritten.
    return max(0, sizes.get(item.path + ".new", 0))


def switch(plan):
    """The stand-in for main.py, which puts all in place; see SWITCH."""
    moves = [i.path for i in plan.changed if i.path != "main.py"]
    return SWITCH.format(half=HALF, moves=moves, removes=plan.removes, main=plan.main)
