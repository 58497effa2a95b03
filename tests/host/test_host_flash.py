"""`aioctl flash`, with a folder as the drive of the boot loader and a script as esptool."""

import json
import os
import struct
import subprocess
import sys
import time

import pytest
from hostcommand import aioctl, command, environment
from ptyboard import TIMEOUT, SerialBoard

RP2040, RP2350 = 0xE48BFF56, 0xE48BFF59


def uf2(blocks=3, family=RP2040):
    """The bytes of a UF2 file."""
    head = (0x0A324655, 0x9E5D5157, 0x2000)
    return b"".join(
        struct.pack("<8I", *head, 0x10000000 + 256 * i, 256, i, blocks, family) + bytes(480)
        for i in range(blocks)
    )


@pytest.fixture
def firmware(tmp_path):
    path = tmp_path / "fw.uf2"
    path.write_bytes(uf2())
    return path


@pytest.fixture
def drive(tmp_path):
    path = tmp_path / "RPI-RP2"
    path.mkdir()
    (path / "INFO_UF2.TXT").write_text("UF2 Bootloader v3.0\nBoard-ID: RPI-RP2\n")
    return path


# -- UF2


def test_a_uf2_goes_to_the_drive(firmware, drive):
    result = aioctl("flash", firmware, "--drive", drive)
    assert (result.code, result.err) == (0, "fw.uf2 is on the board, which starts it now\n")
    assert (drive / "firmware.uf2").read_bytes() == firmware.read_bytes()


def test_a_running_board_is_asked_for_its_boot_loader(firmware, drive, tmp_path):
    # The board's machine.bootloader() makes the drive appear.
    info, hidden = drive / "INFO_UF2.TXT", tmp_path / "hidden"
    info.rename(hidden)
    program = tmp_path / "program.py"
    program.write_text(
        "import asyncio, os, sys, aiorepl\n"
        "class machine:\n"
        f"    def bootloader(): os.rename({str(hidden)!r}, {str(info)!r})\n"
        "sys.modules['machine'] = machine\n"
        "async def main():\n"
        "    await asyncio.gather(asyncio.create_task(aiorepl.task()))\n"
        "asyncio.run(main())\n"
    )
    with SerialBoard(program) as board:
        result = aioctl("-p", board.port, "flash", firmware, "--drive", drive)
    assert result.code == 0, result.err
    assert (drive / "firmware.uf2").read_bytes() == firmware.read_bytes()


def test_it_waits_for_a_drive_that_a_person_brings(firmware, drive):
    info = drive / "INFO_UF2.TXT"
    hidden = info.with_suffix(".no")
    info.rename(hidden)
    flash = subprocess.Popen(
        command("flash", firmware, "--drive", drive),
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    asked = flash.stderr.readline()
    hidden.rename(info)
    rest = flash.communicate(timeout=TIMEOUT)[1]
    assert "; hold BOOTSEL while you plug the board in" in asked
    assert (flash.returncode, rest) == (0, "fw.uf2 is on the board, which starts it now\n")


def test_without_a_drive_it_says_where_it_looked(firmware, tmp_path):
    begin = time.monotonic()
    result = aioctl("flash", firmware, "--drive", tmp_path, "--wait", "1")
    assert time.monotonic() - begin < TIMEOUT
    assert result.code == 3
    assert result.err.splitlines()[-1] == (
        f"aioctl: no drive RPI-RP2 in {tmp_path} within 1 s: mount it and name it with --drive DIR"
    )


@pytest.mark.parametrize(
    "data, said",
    [
        (b"hello", "fw.uf2 is no UF2 file"),
        (bytes(1024), "fw.uf2 is no UF2 file"),
        (uf2()[:-512], "fw.uf2 is cut short: load it again"),
        (uf2()[:-100], "fw.uf2 is cut short: load it again"),
        (uf2(family=0x1234), "fw.uf2 is for another chip (family 0x1234)"),
        (uf2(family=RP2350), "fw.uf2 is for RP2350, the board at {drive} is RP2040"),
    ],
)
def test_a_wrong_file_is_refused_before_anything_is_written(firmware, drive, data, said):
    firmware.write_bytes(data)
    assert aioctl("flash", firmware, "--drive", drive).refused(5) == said.format(drive=drive)
    assert os.listdir(drive) == ["INFO_UF2.TXT"]


@pytest.mark.parametrize("name", ["nosuch.uf2", "", "fw.hex"])
def test_a_file_that_is_no_firmware_is_refused(tmp_path, name):
    (tmp_path / "fw.hex").touch()
    said = aioctl("flash", name, cwd=tmp_path).refused(2)
    assert said in (
        f"no file {name!r}",
        "fw.hex: expected a .uf2 (RP2040, RP2350) or a .bin (ESP32)",
    )


# -- ESP32


def esp_image(chip):
    return bytes([0xE9, 4, 2, 0x2F]) + bytes(8) + struct.pack("<HH", chip, 0) + bytes(500)


@pytest.fixture
def esptool(tmp_path):
    """A function that puts an esptool of a version on PATH; it writes down its arguments."""
    folder = tmp_path / "bin"
    folder.mkdir()
    calls = tmp_path / "calls"

    def install(version, code=0, name="esptool"):
        path = folder / name
        path.write_text(
            f"#!{sys.executable}\nimport json, sys\n"
            f"if sys.argv[1:] == ['version']:\n    sys.exit(print('esptool.py v{version}'))\n"
            f"open({str(calls)!r}, 'a').write(json.dumps(sys.argv[1:]) + '\\n')\n"
            f"sys.exit({code})\n"
        )
        path.chmod(0o755)

    install.path = str(folder)
    install.calls = lambda: [json.loads(line) for line in calls.read_text().splitlines()]
    return install


@pytest.mark.parametrize(
    "chip, name, offset", [(0, "esp32", "0x1000"), (9, "esp32s3", "0x0"), (5, "esp32c3", "0x0")]
)
def test_a_bin_goes_to_its_chip_by_esptool(esptool, tmp_path, chip, name, offset):
    esptool("5.1.0")
    image = tmp_path / "fw.bin"
    image.write_bytes(esp_image(chip))
    result = aioctl("-p", "/dev/ttyX", "flash", image, "--erase", PATH=esptool.path)
    assert result.code == 0, result.err
    base = ["--chip", name, "--port", "/dev/ttyX"]
    assert esptool.calls() == [
        [*base, "erase-flash"],
        [*base, "--baud", "460800", "write-flash", offset, str(image)],
    ]


def test_an_older_esptool_is_told_in_its_own_words(esptool, tmp_path):
    esptool("4.8.1", name="esptool.py")
    image = tmp_path / "fw.bin"
    image.write_bytes(esp_image(0))
    assert aioctl("-p", "/dev/ttyX", "flash", image, PATH=esptool.path).code == 0
    assert esptool.calls()[0][-3] == "write_flash"


def test_what_esptool_cannot_do_is_told(esptool, tmp_path):
    image = tmp_path / "fw.bin"
    image.write_bytes(esp_image(0))
    said = aioctl("-p", "/dev/ttyX", "flash", image, PATH=esptool.path).refused(2)
    assert said == "there is no esptool, which writes to an ESP32: `pip install esptool`"
    esptool("5.1.0", code=2)
    said = aioctl("-p", "/dev/ttyX", "flash", image, PATH=esptool.path).refused(3)
    assert said == "esptool failed with exit code 2: its message is above"
    image.write_bytes(b"no image")
    said = aioctl("-p", "/dev/ttyX", "flash", image, PATH=esptool.path).refused(5)
    assert said == "fw.bin is no ESP32 firmware"
    image.write_bytes(esp_image(77))
    said = aioctl("-p", "/dev/ttyX", "flash", image, PATH=esptool.path).refused(5)
    assert said == "fw.bin is for a chip that is not known here"
