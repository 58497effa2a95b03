"""Import what is named and end; run under a small heap. It shares nothing, to weigh nothing."""

import asyncio  # noqa: F401
import sys

for name in sys.argv[2:]:
    __import__(name)
