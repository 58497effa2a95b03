"""The host command `aioctl`: looks at a board, drives its tasks, and deploys to it.

Layers: `cli` (the table of verbs) over the verbs (`look`, `act`, `deploy`, `flash`), these over
`board` (what is asked of a board) and `printing`; `link` alone knows the serial line.
"""

__version__ = "0.1.0"
