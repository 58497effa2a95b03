"""Heap in use after each import. Arguments: side, then the modules in their order.

One with a ? before it counts 0 where it needs what this port has not, and its figure's name
then says what that is.
"""

import sys

import gauge

figures = {}
for name in ["asyncio"] + sys.argv[2:]:
    before = gauge.used()
    try:
        __import__(name.lstrip("?"))
    except ImportError as e:
        if not name.startswith("?"):
            raise
        figures["%s: %s" % (name, e)] = 0
        continue
    figures[name.lstrip("?")] = gauge.used() - before
gauge.report(**figures)
