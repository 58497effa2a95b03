"""Heap in use after each import. Arguments: side, then the modules in their order."""

import sys

import gauge

figures = {}
for name in ["asyncio"] + sys.argv[2:]:
    before = gauge.used()
    __import__(name)
    figures[name] = gauge.used() - before
gauge.report(**figures)
