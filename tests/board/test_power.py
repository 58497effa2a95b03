"""Reset, loss of power, and time on the emulated Pico: what the other board tests build on."""

from board import BoardError

WRITES = """
import os
for n in range(20):
    with open("new", "w") as f:
        f.write("%d " % n * 300)
    os.rename("new", "kept")
    print("renamed", n)
"""
CAUSE = """
import machine
with open("causes", "a") as f:
    f.write("%d " % machine.reset_cause())
"""
READS = "print(open('kept').read())"
MEASURES = """
import asyncio, time
start = time.ticks_us()
for i in range(2000):
    pass
busy = time.ticks_diff(time.ticks_us(), start)
async def main():
    late = []
    for i in range(48):
        due = time.ticks_add(time.ticks_us(), 1800000000 // 4)
        await asyncio.sleep_ms(450000)
        late.append(time.ticks_diff(time.ticks_us(), due))
    with open("measured", "w") as f:
        f.write("%d %s" % (busy, late))
asyncio.run(main())
"""


def test_a_reset_starts_the_program_again_and_keeps_the_files(board, tmp_path):
    main = tmp_path / "files" / "main.py"
    main.parent.mkdir()
    main.write_text(CAUSE)
    board.start()
    board.put(main.parent)
    board.cut_power()
    board.start()
    board.prompt()
    with board.console() as console:
        console.send("import machine; machine.reset()\r")
        console.expect("reset()\r\n")
    board.prompt()
    assert board.run("print(open('causes').read())") == "1 3 \n"


def test_power_cut_in_any_write_leaves_the_old_or_the_new_file(board):
    board.start()
    board.run("f = open('kept', 'w'); f.write('0 ' * 300); f.close()")
    board.cut_power()
    seen = set()
    for write in range(1, 1000, 13):
        board.start(cut=write)
        try:
            board.run(WRITES)
        except BoardError:  # the line went dead
            board.wait_cut()
        else:
            break
        seen.add(kept(board))
    assert len(seen) > 5


def test_a_killed_emulator_keeps_the_files_and_the_board_boots_again(board):
    board.start()
    with board.console() as console:
        console.enter_raw()
        console.begin(WRITES.replace("range(20)", "range(1000000)"))
        console.expect("renamed 9\r\n")
    board.cut_power()
    assert kept(board) >= 9


def kept(board):
    """Switch the board on and off; the number that is in its file, whole."""
    board.start()
    words = board.run(READS).split()
    board.cut_power()
    assert len(words) == 300 and len(set(words)) == 1, words
    return int(words[0])


def test_virtual_time_is_the_same_to_the_microsecond_in_every_run(board, tmp_path):
    found = []
    for _ in range(2):
        board.flash.unlink(missing_ok=True)
        board.start()
        with board.console() as console:
            console.enter_raw()
            console.run("f = open('main.py', 'w'); f.write(%r); f.close()" % MEASURES)
        board.cut_power()
        board.start()  # from here on nothing is said to the board
        with board.console() as console:
            console.expect(">>> ", timeout=300)
        found.append(board.run("print(open('measured').read())"))
        board.cut_power()
    assert found[0] == found[1]
