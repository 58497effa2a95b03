"""The real mpremote against the raw REPL of `aiorepl`, while the program goes on."""

import hashlib
import json
import os
import random
import sys

import pytest
from ptyboard import ROOT, SerialBoard, Terminal

PROGRAM = ROOT / "tests" / "host" / "programs" / "repl_gather.py"
NOISY = ROOT / "tests" / "host" / "programs" / "repl_noisy.py"


@pytest.fixture
def board():
    with SerialBoard(PROGRAM) as board:
        yield board


def output(result):
    """What the command wrote; it must have succeeded."""
    text = result.stdout.decode().replace("\r\n", "\n")
    assert result.returncode == 0, text
    return text


def ticks(board):
    """How far the program's counter is; the program must be the one that was started."""
    assert board.process.poll() is None
    return int(output(board.mpremote("resume", "eval", "n")))


def test_exec_prints_and_the_program_goes_on(board):
    assert output(board.mpremote("exec", "print(6 * 7)")) == "42\n"
    before = ticks(board)
    assert ticks(board) > before


def test_a_tool_that_soft_resets_first_ends_no_task(board):
    before = ticks(board)
    assert output(board.mpremote("soft-reset", "eval", "n > %d" % before)) == "True\n"


def test_exec_keeps_non_ascii_code_and_output_intact(board):
    code = "print('żółć €', len('żółć'), '\N{SNOWMAN}'); print(ord('é'))"
    assert output(board.mpremote("exec", code)) == "żółć € 4 ☃\n233\n"


def test_exec_may_await(board):
    code = "x = await double(4)\nprint(x)"
    assert output(board.mpremote("exec", code)) == "8\n"


def test_eval_prints_the_value(board):
    assert output(board.mpremote("eval", "[n > 0, 'é']")) == "[True, '\\xe9']\n"


def test_a_snippet_that_fails_is_an_error_of_the_tool(board):
    result = board.mpremote("exec", "def f():\n    return 1 // 0\nf()")
    assert result.returncode == 1
    assert result.stdout.decode().splitlines() == [
        "Traceback (most recent call last):",
        '  File "<stdin>", line 3, in <module>',
        '  File "<stdin>", line 2, in f',
        "ZeroDivisionError: divide by zero",
    ]
    assert output(board.mpremote("exec", "print(1)")) == "1\n"


def test_a_syntax_error_is_an_error_of_the_tool(board):
    result = board.mpremote("exec", "x = = 1")
    assert result.returncode == 1
    assert result.stdout.decode().splitlines()[-1] == "SyntaxError: invalid syntax"


def test_run_executes_a_file_larger_than_all_windows(board, tmp_path):
    lines = ["total = 0"] + ["total += %d  # %s" % (i, "é" * 40) for i in range(300)]
    script = tmp_path / "script.py"
    script.write_text("\n".join([*lines, "print(total)"]))
    assert output(board.mpremote("run", str(script))) == "%d\n" % sum(range(300))


def test_files_go_up_and_down_unchanged_while_the_program_goes_on(board, tmp_path):
    data = bytes(range(256)) * 8 + random.Random(1).randbytes(4000)
    (tmp_path / "up.bin").write_bytes(data)
    there = tmp_path / "board"
    output(board.mpremote("mkdir", f":{there}"))
    output(board.mpremote("cp", str(tmp_path / "up.bin"), f":{there}/data.bin"))
    assert (there / "data.bin").read_bytes() == data
    assert hashlib.sha256(data).hexdigest() in output(
        board.mpremote("sha256sum", f":{there}/data.bin")
    )
    before = ticks(board)  # not earlier: the snippet for sha256sum has an n of its own
    assert output(board.mpremote("ls", f":{there}")).split()[-1] == "data.bin"
    output(board.mpremote("cp", f":{there}/data.bin", str(tmp_path / "down.bin")))
    assert (tmp_path / "down.bin").read_bytes() == data
    output(board.mpremote("rm", f":{there}/data.bin"))
    assert list(there.iterdir()) == []
    assert ticks(board) > before


def test_a_mounted_folder_is_imported_from(board, tmp_path):
    (tmp_path / "mounted.py").write_text("print('imported', 7)\n")
    (tmp_path / "\3\3.txt").write_bytes(b"\3" * 300)  # Ctrl-C is a byte of the data here
    code = (
        "import sys; sys.path.append(''); import mounted\n"
        "print(open('\\x03\\x03.txt').read() == chr(3) * 300)"
    )
    result = board.mpremote("mount", ".", "exec", code, cwd=tmp_path)
    assert output(result).splitlines()[-2:] == ["imported 7", "True"]
    ticks(board)


def test_a_mounted_folder_is_worked_in_by_a_script_that_awaits(board, tmp_path):
    (tmp_path / "data.txt").write_text("ż" * 1000)
    (tmp_path / "script.py").write_text(
        "with open('data.txt') as f: text = f.read()\n"
        "await double(1)\n"
        "with open('copy.txt', 'w') as f: f.write(text)\n"
        "await double(1)\n"
        "print(len(text))\n"
    )
    result = board.mpremote("mount", ".", "run", "script.py", cwd=tmp_path)
    assert output(result).splitlines()[-1] == "1000"
    assert (tmp_path / "copy.txt").read_text() == "ż" * 1000
    ticks(board)


def test_200_kb_are_copied_while_the_program_goes_on(board, tmp_path):
    data = random.Random(2).randbytes(200_000)
    (tmp_path / "up").write_bytes(data)
    before = ticks(board)
    output(board.mpremote("resume", "cp", str(tmp_path / "up"), f":{tmp_path}/there", timeout=300))
    assert (tmp_path / "there").read_bytes() == data
    # Each of its 800 writes takes several milliseconds, in which a task of 5 ms has its turns.
    assert ticks(board) > before + 200


@pytest.mark.parametrize(
    "arguments, expected",
    [
        (("resume", "exec", "print(6 * 7)"), "42\n"),
        (("resume", "eval", "6 * 7"), "42\n"),
        (("exec", "--no-follow", "n = -10**9"), ""),
        (("fs", "cat", ":{}/a.txt"), "text"),
        (("ls", ":{}/sub"), "ls :{}/sub\n"),
        (("fs", "tree", ":{}"), "tree :{}\n:{}\n├── a.txt\n└── sub\n"),
        (("cp", "-r", ":{}", "{}-down"), "cp :{} {}-down\n"),
        (("rm", ":{}/a.txt"), "rm :{}/a.txt\n"),
        (("rmdir", ":{}/sub"), "rmdir :{}/sub\n"),
        (("rm", "-r", ":{}"), "rm :{}\n"),
        (("touch", ":{}/b.txt"), "touch :{}/b.txt\n"),
        (("mkdir", ":{}/c"), "mkdir :{}/c\n"),
    ],
    ids=lambda a: "-".join(a[:2]).partition(" ")[0] if isinstance(a, tuple) else "",
)
def test_a_command_of_the_tool_answers_as_with_the_built_in_repl(
    board, tmp_path, arguments, expected
):
    there = tmp_path / "there"
    (there / "sub").mkdir(parents=True)
    (there / "a.txt").write_text("text")
    result = board.mpremote(*[a.format(there) for a in arguments])
    assert output(result) == expected.format(there, there)
    assert output(board.mpremote("exec", "print('on')")) == "on\n"


def test_df_lists_the_file_systems(board):
    assert output(board.mpremote("df")).splitlines()[0].split()[:2] == ["filesystem", "size"]


def test_the_clock_of_the_board_is_read_and_set(board):
    clock = (
        "import sys\n"
        "class machine:\n  class RTC:\n"
        "    def datetime(self, *t):\n"
        "      if not t: return machine.now\n"
        "      machine.now = t[0]\n"
        "sys.modules['machine'] = machine"
    )
    output(board.mpremote("exec", clock))
    output(board.mpremote("rtc", "--set"))
    now = json.loads("[%s]" % output(board.mpremote("rtc")).strip()[1:-1])
    assert (now[0] > 2000, len(now)) == (True, 8)


def test_a_file_is_edited_in_the_editor_of_the_host(board, tmp_path):
    there = tmp_path / "there.txt"
    there.write_text("zażółć\n")
    editor = tmp_path / "editor.sh"
    editor.write_text('#!/bin/sh\necho "$(cat "$1") gęślą" > "$1"\n')
    editor.chmod(0o755)
    output(board.mpremote("edit", f":{there}", env=dict(os.environ, EDITOR=str(editor))))
    assert there.read_text() == "zażółć gęślą\n"


def test_a_package_is_installed_from_a_local_path(board, tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    (package / "small.py").write_text("answer = 42\n")
    (package / "package.json").write_text(json.dumps({"urls": [["small.py", "small.py"]]}))
    lib = tmp_path / "lib"
    lib.mkdir()
    output(
        board.mpremote(
            "mip", "install", "--no-mpy", f"--target={lib}", str(package / "package.json")
        )
    )
    assert (lib / "small.py").read_text() == "answer = 42\n"


def test_the_repl_command_is_a_terminal_of_the_program(board):
    command = [sys.executable, "-m", "mpremote", "connect", board.port, "repl"]
    with Terminal(command) as t:
        t.writes("Use Ctrl-] or Ctrl-x to exit this shell")
        t.send("\r")
        t.shows("", "-->")
        t.send("x = awai\t double(2\x1b[D1\x1b[F); x\r")
        t.shows("--> x = await double(12); x", "24", "-->")
        t.send("\x1d")
        assert t.exit_code() == 0
    assert output(board.mpremote("eval", "x")) == "24\n"


def test_what_tasks_print_is_no_part_of_an_answer():
    with SerialBoard(NOISY) as board:
        for _ in range(3):
            assert output(board.mpremote("resume", "eval", "'é' * 3")) == "ééé\n"
            code = "print('a'); await asyncio.sleep_ms(20); print('b')"
            assert output(board.mpremote("resume", "exec", code)) == "a\nb\n"
        assert ticks(board) > 10


def test_what_tasks_print_is_shown_after_the_tool_and_bounded():
    with SerialBoard(NOISY) as board:
        t = board.transport()
        t.enter_raw_repl(soft_reset=False)
        t.exec("await asyncio.sleep_ms(200)")
        t.serial.write(b"\x02")
        text = t.serial.read_until(b"--> ").decode()
        t.close()
    assert len(text) < 1100
    assert text.lstrip(">").startswith("\r\nnoise of ")
    assert text.count("\r\nnoise of a") > 20


QUIET = """
import gc
async def quiet():
    for _ in range(2000):
        print(end="")
for _ in "12":
    await asyncio.create_task(quiet())
    gc.collect()
    print(gc.mem_alloc())
"""


def test_what_tasks_print_takes_no_memory_if_it_is_nothing(board):
    first, last = map(int, output(board.mpremote("resume", "exec", QUIET)).split())
    assert last - first < 4000  # of the thousands nothing is kept


BUSY = (
    b"for i in range(10**9): i == 7 and print('begun')\r",
    b"print('beg' + 'un'); await asyncio.sleep(99)\r",
)


def test_a_hundred_connects_with_their_bursts_of_ctrl_c_leave_every_task_alive(board):
    before = ticks(board)
    for i in range(100):
        t = board.transport()
        t.serial.write(b"\x03" * (i % 20))
        if i % 3 == 0:  # in the midst of a command
            t.serial.write(b"\x02" + BUSY[i % 2])
            assert t.serial.read_until(b"begun\r\n").endswith(b"begun\r\n")
        t.enter_raw_repl(soft_reset=i % 4 == 0)
        assert t.eval("n - n + %d" % i) == i
        if i % 5:  # else it is unplugged
            t.exit_raw_repl()
        t.close()
    assert ticks(board) > before


def test_a_tool_loads_no_code_that_only_a_person_needs(board):
    loaded = "[m for m in sorted(sys.modules) if m.startswith('aioconsole')]"
    output(board.mpremote("exec", "import sys; await double(1)"))
    assert output(board.mpremote("eval", loaded)).split("'")[1::2] == [
        "aioconsole",
        "aioconsole.output",
        "aioconsole.paste",
        "aioconsole.raw",
        "aioconsole.tokens",
        "aioconsole.wrap",
    ]


def test_a_tool_that_is_killed_in_the_midst_of_code_leaves_the_repl_in_order(board):
    t = board.transport()
    t.enter_raw_repl(soft_reset=False)
    t.serial.write(b"\x05A\x01print('never')" + b"#" * 50)
    t.serial.read_until(b"R\x01\x7f\x00\x01")
    t.close()
    assert output(board.mpremote("exec", "print('next')")) == "next\n"
