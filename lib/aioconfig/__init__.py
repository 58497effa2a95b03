"""What main.py is made of: config.json, read and checked, and the start of the user's app.py."""

import sys


def load(path="config.json"):
    """Return ({section: {key: value}}, [a line for each error]) of the file at `path`.

    Defaults stand for what is missing or wrong. A section that is switched off is left out.
    "app" is there if the file has it, as it stands.
    """
    global check
    from aioconfig import check

    try:
        return check.load(path)
    finally:
        del check, sys.modules["aioconfig.check"]  # used once: its memory is for others
