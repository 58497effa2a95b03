"""The verb flash: put a firmware on a board, .uf2 by its drive, .bin by esptool."""

import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import time

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from aioctl_host import printing
from aioctl_host.board import Board, find_port
from aioctl_host.errors import NO_BOARD, NOT_DEPLOYED, OK, USAGE, Failure

UF2_BLOCK = struct.Struct("<8I")  # magic, magic, flags, address, length, number, of, family
UF2_MAGIC = (0x0A324655, 0x9E5D5157)
FAMILIES = {0xE48BFF56: "RP2040", 0xE48BFF57: "RP2350", 0xE48BFF59: "RP2350"}
BOOT_INFO = "INFO_UF2.TXT"  # on the drive that a board in its boot loader shows
MOUNTS = ("/media/*/*", "/media/*", "/run/media/*/*", "/Volumes/*", "/mnt/*")

ESP_MAGIC = 0xE9
ESP_CHIPS = {  # number in the image: name, where the image begins in flash
    0: ("esp32", 0x1000),
    2: ("esp32s2", 0x1000),
    5: ("esp32c3", 0),
    9: ("esp32s3", 0),
    12: ("esp32c2", 0),
    13: ("esp32c6", 0),
    16: ("esp32h2", 0),
    18: ("esp32p4", 0x2000),
    23: ("esp32c5", 0x2000),
}


def flash(args):
    """aioctl flash FIRMWARE [--drive DIR] [--erase]"""
    path = pathlib.Path(args.firmware)
    if not path.is_file():
        raise Failure(USAGE, f"no file {args.firmware!r}")
    if path.suffix == ".uf2":
        return _uf2(path, args)
    if path.suffix == ".bin":
        return _esp(path, args)
    raise Failure(USAGE, f"{path.name}: expected a .uf2 (RP2040, RP2350) or a .bin (ESP32)")


# -- UF2 -----------------------------------------------------------------------------------


def family_of(data, name):
    """The chip that the bytes of a UF2 file are for; Failure if it is none, or cut short."""
    if len(data) < 512 or UF2_BLOCK.unpack_from(data)[:2] != UF2_MAGIC:
        raise Failure(NOT_DEPLOYED, f"{name} is no UF2 file")
    *_, blocks, family = UF2_BLOCK.unpack_from(data, len(data) // 512 * 512 - 512)
    if len(data) % 512 or len(data) // 512 < blocks:
        raise Failure(NOT_DEPLOYED, f"{name} is cut short: load it again")
    if family not in FAMILIES:
        raise Failure(NOT_DEPLOYED, f"{name} is for another chip (family {family:#x})")
    return FAMILIES[family]


def _uf2(path, args):
    data = path.read_bytes()
    chip = family_of(data, path.name)
    drive = _drive(args.drive)
    if drive is None:
        _to_boot_loader(args)
        drive = _wait_drive(args)
    info = (drive / BOOT_INFO).read_text(errors="replace")
    there = "RP2350" if "RP2350" in info else "RP2040"
    if there != chip:
        raise Failure(NOT_DEPLOYED, f"{path.name} is for {chip}, the board at {drive} is {there}")
    _copy(data, drive / "firmware.uf2")
    printing.say(f"{path.name} is on the board, which starts it now")
    return OK


def _drive(asked):
    # The drive of a board in its boot loader; None if there is none.
    if asked:
        found = [pathlib.Path(asked)]
    elif sys.platform == "win32":
        found = [pathlib.Path(f"{letter}:/") for letter in "DEFGHIJKLMNOPQRSTUVWXYZ"]
    else:
        found = [p for pattern in MOUNTS for p in pathlib.Path("/").glob(pattern[1:])]
    found = [p for p in found if _is_boot_drive(p)]
    if len(found) > 1:
        names = ", ".join(str(p) for p in found)
        raise Failure(NO_BOARD, f"{len(found)} boards in their boot loader: {names}; see --drive")
    return found[0] if found else None


def _is_boot_drive(path):
    try:
        return (path / BOOT_INFO).is_file()
    except OSError:  # a folder that is not ours to look into
        return False


def _to_boot_loader(args):
    # Ask a running board for it; without one a person has to.
    try:
        port = find_port(args.port)
        board = Board(port, args.interrupt, program=False)
    except Failure as e:
        if args.port:
            raise
        printing.say(f"{e}; hold BOOTSEL while you plug the board in")
        return
    with board:
        board.boot_loader()


def _wait_drive(args):
    until = time.monotonic() + args.wait
    while time.monotonic() < until:
        drive = _drive(args.drive)
        if drive:
            return drive
        time.sleep(0.3)
    where = args.drive or "the usual places"
    raise Failure(
        NO_BOARD,
        f"no drive RPI-RP2 in {where} within {args.wait} s: mount it and name it with --drive DIR",
    )


def _copy(data, target):
    # The drive goes away as soon as the board has all: errors after the last byte are none.
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn()
    console = printing.console(stderr=True)
    sent = 0
    try:
        with Progress(
            *columns, console=console, transient=True, disable=not console.is_terminal
        ) as progress:
            bar = progress.add_task(target.name, total=len(data))
            with open(target, "wb", buffering=0) as f:
                for i in range(0, len(data), 65_536):
                    sent += f.write(data[i : i + 65_536])
                    progress.update(bar, completed=sent)
                os.fsync(f.fileno())
    except OSError as e:
        if sent < len(data):
            raise Failure(NO_BOARD, f"{target}: {e.strerror or e}") from None


# -- ESP32 ---------------------------------------------------------------------------------


def _esp(path, args):
    with open(path, "rb") as f:
        head = f.read(16)
    if len(head) < 16 or head[0] != ESP_MAGIC:
        raise Failure(NOT_DEPLOYED, f"{path.name} is no ESP32 firmware")
    chip, offset = ESP_CHIPS.get(int.from_bytes(head[12:14], "little"), ("", 0))
    if not chip:
        raise Failure(NOT_DEPLOYED, f"{path.name} is for a chip that is not known here")
    program = _esptool()
    if program is None:
        raise Failure(
            USAGE, "there is no esptool, which writes to an ESP32: `pip install esptool`"
        )
    port = find_port(args.port)
    # Version 5 renamed its commands.
    text = subprocess.run([program, "version"], capture_output=True, text=True).stdout
    found = re.search(r"(\d+)\.\d+", text)
    dash = "-" if found and int(found[1]) >= 5 else "_"
    base = [program, "--chip", chip, "--port", port]
    if args.erase:
        _call([*base, f"erase{dash}flash"])
    _call([*base, "--baud", "460800", f"write{dash}flash", hex(offset), str(path)])
    return OK


def _esptool():
    # Beside this Python too: that need not be on PATH.
    for folder in (None, os.path.dirname(sys.executable)):
        for name in ("esptool", "esptool.py"):
            found = shutil.which(name, path=folder)
            if found:
                return found
    return None


def _call(command):
    code = subprocess.run(command).returncode
    if code:
        raise Failure(NO_BOARD, f"esptool failed with exit code {code}: its message is above")


def _arguments(parser):
    parser.add_argument("firmware", metavar="FIRMWARE", help=".uf2 or .bin")
    parser.add_argument("--drive", metavar="DIR", help="where RPI-RP2 is mounted")
    parser.add_argument("--erase", action="store_true", help="ESP32: erase everything first")
    parser.add_argument(
        "--wait", metavar="S", type=int, default=60, help="seconds to wait for the drive (60)"
    )


VERBS = (("flash", "put a firmware on a board", _arguments, flash),)
