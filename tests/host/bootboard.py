"""A board in a folder: boot.py and main.py are started one after the other, as a board does.

Its `machine` is tests/host/programs/machine.py.
"""

import json
import os
import shutil
import subprocess

from ptyboard import MICROPYTHON, ROOT

PROGRAMS = ROOT / "tests" / "host" / "programs"


class Board:
    """A folder with boot.py in it, and main.py if asked for; each start is a process."""

    def __init__(self, folder, *names, kind="rp2"):
        self.folder = folder
        self.kind = kind
        for name in ("boot.py", *names):
            shutil.copy(ROOT / name, folder)

    def write(self, **files):
        """Write main, app and the like, and a config."""
        for name, content in files.items():
            if name == "config":
                name, content = "config.json", json.dumps(content)
            else:
                name += ".py"
            (self.folder / name).write_text(content)

    def begin(self, cause="PWRON_RESET", ticks=200, typed="why", **env):
        """Start it, and return the process."""
        env = dict(
            os.environ,
            MICROPYPATH=f"{PROGRAMS}:{self.folder}:{ROOT}:{ROOT / 'lib'}:.frozen",
            BOARD=self.kind,
            CAUSE=cause,
            TICKS=str(ticks),
            TYPED=typed,
            **env,
        )
        return subprocess.Popen(
            [MICROPYTHON, "-X", "heapsize=400K", "-c", "__import__('board').start(globals())"],
            cwd=self.folder,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def start(self, *arguments, keys="", typed="40 + 2", **env):
        """Start it, type `keys` at its program, and return all that it prints."""
        with self.begin(*arguments, typed=typed, **env) as process:
            return process.communicate(keys, timeout=120)[0]

    def fails(self):
        """How many failed starts it has counted."""
        path = self.folder / "boot.fails"
        return path.stat().st_size if path.exists() else 0
