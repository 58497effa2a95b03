"""What the measuring programs share: their options, a heap reading, one line of figures."""

import gc
import json
import sys

SIDE = sys.argv[1]  # "bare": plain asyncio; "modules": the supervisor on MICROPYPATH


def option(name, default=0):
    """The integer given as name=value on the command line."""
    for arg in sys.argv[2:]:
        key, _, value = arg.partition("=")
        if key == name:
            return int(value)
    return default


def used():
    """Bytes in use after a collection; twice, as the first can leave a dead block on the stack."""
    gc.collect()
    gc.collect()
    return gc.mem_alloc()


def report(**figures):
    """Print the line that the driver looks for, whatever else was printed."""
    print("\n@bench " + json.dumps(figures))
