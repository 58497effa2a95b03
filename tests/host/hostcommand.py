"""Runs the host command `aioctl` as a user does, in a process of its own."""

import json
import os
import subprocess
import sys

from ptyboard import ROOT, TIMEOUT

sys.path.insert(0, str(ROOT / "host"))  # for tests of its parts


def environment(**more):
    """The environment of the command: no port, no colours but those asked for."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("AIOCTL_")}
    return dict(env, PYTHONPATH=str(ROOT / "host"), PYTHONDONTWRITEBYTECODE="1", **more)


def command(*arguments):
    """The command line."""
    return [sys.executable, "-m", "aioctl_host", *map(str, arguments)]


class Result:
    """What a finished command left: code, out, err."""

    def __init__(self, arguments, timeout=TIMEOUT, cwd=None, **env):
        done = subprocess.run(
            command(*arguments),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=timeout,
            cwd=cwd,
            env=environment(**env),
        )
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    @property
    def text(self):
        """What it printed; it must have succeeded."""
        assert (self.code, self.err) == (0, ""), (self.code, self.out, self.err)
        return self.out

    @property
    def json(self):
        """The JSON that it printed."""
        return json.loads(self.text)

    def refused(self, code):
        """The one line that says why it was refused with this exit code."""
        assert self.code == code, (self.code, self.out, self.err)
        assert self.err.startswith("aioctl: ") and self.err.count("\n") == 1, self.err
        return self.err[len("aioctl: ") : -1]


def aioctl(*arguments, **options):
    """Run the command to its end."""
    return Result(arguments, **options)
