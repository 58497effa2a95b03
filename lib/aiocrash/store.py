"""The file of the history: lines of JSON and their checksum, replaced as a whole."""

import json
import os
from binascii import crc32


def save(path, head, entries):
    """Replace the file; a power cut leaves the old one or the new one. OSError if it can't."""
    new = path + ".new"
    crc = 0
    with open(new, "wb") as f:
        for i in range(-1, len(entries)):
            line = (json.dumps(head if i < 0 else entries[i]) + "\n").encode()
            crc = crc32(line, crc)
            f.write(line)
        f.write(b"%08x\n" % crc)
    # littlefs replaces the old one in one step; on FAT `load` may find the new one only.
    os.rename(new, path)


def load(path):
    """Return (head, entries) of the file, ({}, []) if there is none that is whole."""
    for p in (path, path + ".new"):
        try:
            with open(p, "rb") as f:
                found = _read(f)
        except OSError:  # there is none
            continue
        if found:
            return found[0], found[1:]
    return {}, []


def _read(f):
    # The lines, or None if they do not match their checksum.
    crc = 0
    found = []
    while True:
        line = f.readline()
        if not line.startswith(b"{"):
            return found if line == b"%08x\n" % crc else None
        crc = crc32(line, crc)
        try:
            found.append(json.loads(line))
        except ValueError:
            return None


def pack(entry):
    """Return an entry, without its traceback, as at most 400 bytes with their checksum."""
    small = {k: v for k, v in entry.items() if k != "trace"}
    small["error"] = small["error"][:100]
    data = json.dumps(small).encode()
    return b"%08x" % crc32(data) + data if len(data) <= 392 else b""


def unpack(data):
    """Return the entry that `pack` packed, or None."""
    if data[:8] != b"%08x" % crc32(data[8:]) or data[8:9] != b"{":
        return None
    return json.loads(data[8:])
