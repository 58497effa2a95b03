"""Run a MicroPython firmware on an emulated Raspberry Pi Pico, for tests and for a try.

    python tools/firmware/emulator.py [--flash FILE] [--speed X] [--port N] [firmware.uf2]

Prints `READY <device>` once the board is there; the device is what `mpremote connect` takes.
SIGTERM stops it and prints `END wall=... guest=... flash_ops=...`; SIGKILL is a power cut.
docs/emulator.md says what it can show and what it cannot.
"""

import argparse
import asyncio
import os
import pathlib
import signal
import sys
import time

from rp2040py.boards import BOARDS, resolve_firmware
from rp2040py.cli.pty_repl import PtyInteractiveRepl
from rp2040py.cli.socket_repl import SocketInteractiveRepl
from rp2040py.device import MicroPythonDevice
from rp2040py.peripherals import ssi

FIRMWARE = pathlib.Path(__file__).resolve().parents[2] / "build" / "firmware" / "pico.uf2"
SPANS = {ssi.CMD_SECTOR_ERASE: 4096, ssi.CMD_BLOCK_ERASE: 65536, ssi.CMD_PAGE_PROGRAM: 256}
STEP_NS = 1_000_000  # guest time between two looks at the wall clock
SLACK_S = 0.02  # a guest that is later than this has been busy: the time is not made up for
GATHER_NS = 1000  # guest time in which bytes from the host come together into one packet


def main(argv=None):
    options = parse(argv)
    if not os.path.isfile(options.firmware):
        print(f"emulator: no {options.firmware}: `make firmware` builds it", file=sys.stderr)
        return 2
    return asyncio.run(run(options))


def parse(argv):
    parser = argparse.ArgumentParser(
        description="Run a MicroPython firmware on an emulated Raspberry Pi Pico."
    )
    parser.add_argument("firmware", nargs="?", default=FIRMWARE, help="default: %(default)s")
    parser.add_argument("--flash", metavar="FILE", help="keep the files of the board in FILE")
    parser.add_argument(
        "--speed",
        type=float,
        default=1.0,
        help="guest seconds in a second at most (0: no limit, waiting takes no time); default 1",
    )
    parser.add_argument(
        "--port", type=int, help="serve TCP on this port (0: any) instead of a terminal device"
    )
    parser.add_argument("--cut", type=int, default=0, help="lose power in the n-th write to flash")
    parser.add_argument("--pio", action="store_true", help="let the PIO blocks run; slower")
    parser.add_argument("--owner", type=int, help="stop when this process, the parent, is gone")
    return parser.parse_args(argv)


async def run(options):
    """Run the board until SIGTERM; returns the exit code."""
    spec = resolve_firmware(BOARDS["pico"], "micropython", str(options.firmware))
    device = MicroPythonDevice(board=spec)
    device._post_boot_handshake = lambda: None  # it types a newline, into whatever main.py reads
    simulator = device.simulator
    ended = simulator.shutdown_request
    if options.port is None:
        line = PtyInteractiveRepl(device.cdc, simulator, on_quit=ended.request)
    else:
        line = SocketInteractiveRepl(
            device.cdc, simulator, on_quit=ended.request, port=options.port
        )
    if not options.pio:
        device.mcu.pio = IdlePio(device.mcu.pio)
    flash = Flash(device, options.flash, options.cut)
    hold_empty_packets(device)
    await line.start()
    reset_as_hardware(device, line)
    begun = time.monotonic()
    Pace(simulator, options.speed)
    await device.astart()
    name = line.slave_path if options.port is None else f"socket://127.0.0.1:{line.port}"
    print("READY", name, flush=True)
    while not ended.event.is_set() and not simulator._execute_task.done():
        await asyncio.sleep(0.05)
        if options.owner and os.getppid() != options.owner:
            break
    device.stop()
    spent = (time.monotonic() - begun, simulator.clock.nanos / 1e9, flash.operations)
    print("END wall=%.3f guest=%.6f flash_ops=%d" % spent, flush=True)
    await line.stop()
    return 1 if simulator.engine_room_error else 0


class IdlePio(tuple):
    """The PIO blocks: there by index, but an iteration, which is what clocks them, finds none."""

    def __new__(cls, blocks):
        self = super().__new__(cls)
        self.blocks = tuple(blocks)
        return self

    def __getitem__(self, index):
        return self.blocks[index]


class Flash:
    """Keeps the filesystem's part of the flash in a file, each erased or programmed piece at once.

    cut: the number of the write since power-on at which the power goes; 0: never. Half of that
    write is done.
    """

    def __init__(self, device, path, cut):
        layout = device.board.layout
        self.base = layout.fs_start
        self.end = self.base + layout.fs_blocksize * layout.fs_blockcount
        self.memory = device.mcu.flash
        self.unit = device.mcu.ssi
        self.cut = cut
        self.operations = 0
        self._file = None
        if path:
            self._load(path)
        self._apply = self.unit._apply_command
        self.unit._apply_command = self._command

    def _load(self, path):
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        size = self.end - self.base
        if os.fstat(self._file).st_size == size:
            self.memory[self.base : self.end] = os.pread(self._file, size, 0)
        else:
            os.ftruncate(self._file, 0)
            self._store(self.base, self.end)

    def _store(self, start, stop):
        start, stop = max(start, self.base), min(stop, self.end)
        if self._file is not None and start < stop:
            os.pwrite(self._file, bytes(self.memory[start:stop]), start - self.base)

    def _command(self):
        command = self.unit._tx_buffer
        span = SPANS.get(command[0]) if len(command) >= 4 else None
        if span is None or not self.unit._write_enabled:
            self._apply()
            return
        start = self.unit._address_from_buffer() & ~(span - 1)
        stop, half = start + span, start + span // 2
        unchanged = bytes(self.memory[half:stop])
        self._apply()
        self.operations += 1
        if self.operations == self.cut:
            self.memory[half:stop] = unchanged
        self._store(start, stop)
        if self.operations == self.cut:
            print("CUT", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)


def hold_empty_packets(device):
    """Answer the board's request for input when there is some, as a real host does.

    rp2040py answers at once with an empty packet, and the board asks again: it never sleeps.
    """
    cdc, usb = device.cdc, device.mcu.usb_ctrl
    answer, push, reset = usb.on_endpoint_read, cdc.send_serial_byte, usb.on_reset
    waiting = []  # the request that is not answered yet

    def deliver():
        if waiting:
            answer(*waiting.pop())

    gather = device.simulator.clock.create_alarm(deliver)
    gathering = False

    def on_endpoint_read(endpoint, size):
        nonlocal gathering
        if endpoint == cdc._out_endpoint and cdc.tx_fifo.empty:
            waiting[:] = [(endpoint, size)]
            gathering = False
        else:
            answer(endpoint, size)

    def send_serial_byte(byte):
        nonlocal gathering
        push(byte)
        if waiting and not gathering:
            gathering = True
            gather.schedule(GATHER_NS)

    def on_reset():
        waiting.clear()
        gather.cancel()
        reset()

    usb.on_endpoint_read, usb.on_reset = on_endpoint_read, on_reset
    cdc.send_serial_byte = send_serial_byte


class Pace:
    """Holds guest time to `speed` times wall time, or lets it run (0).

    A busy guest falls behind; what it lost is given up, so that it never hurries afterwards.
    """

    def __init__(self, simulator, speed):
        self.simulator = simulator
        self.clock = simulator.clock
        self.speed = speed
        self.rest_s = 0.0
        self.alarm = self.clock.create_alarm(self._look)
        simulator.execute = self._execute

    def _start(self):
        self.guest_ns, self.wall_s = self.clock.nanos, time.monotonic()
        if self.speed:
            self.alarm.schedule(STEP_NS)

    def _look(self):
        now_ns, now_s = self.clock.nanos, time.monotonic()
        ahead = (now_ns - self.guest_ns) / 1e9 / self.speed - (now_s - self.wall_s)
        if ahead < -SLACK_S:
            self.guest_ns, self.wall_s = now_ns, now_s
        elif ahead > 0:
            self.rest_s = ahead
            self.simulator.stopped = True  # ends a batch of instructions, not the run
        self.alarm.schedule(STEP_NS * max(self.speed, 1))

    async def _execute(self):
        simulator, core = self.simulator, self.simulator.rp2040.core
        simulator.stopped = False
        self._start()
        try:
            while not simulator.stopped:
                if core.waiting and not self.clock.has_scheduled_alarm:
                    await asyncio.sleep(0.001)  # only the host can wake it
                    continue
                simulator._execute_batch()
                rest_s, self.rest_s = self.rest_s, 0.0
                if rest_s:
                    simulator.stopped = False
                await asyncio.sleep(rest_s)
        except Exception as exc:
            simulator.engine_room_error = exc  # the exit code of the emulator
            raise


def reset_as_hardware(device, line):
    """At a reset of the chip stop the watchdog, and close the connection: it is off the bus.

    rp2040py leaves the watchdog counting, so that it bites half an hour of guest time later.
    """
    usb, watchdog = device.mcu.usb_ctrl, device.mcu.watchdog
    reset = usb.on_reset

    def on_reset():
        reset()
        watchdog._enable = watchdog.timer.enable = watchdog.alarm.enable = False
        client = getattr(line, "_client_writer", None)
        if client is not None:
            client.close()

    usb.on_reset = on_reset


if __name__ == "__main__":
    sys.exit(main())
