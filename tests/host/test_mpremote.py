"""The real mpremote against the raw REPL of `aiorepl`, while the program goes on."""

import hashlib
import random

import pytest
from ptyboard import ROOT, SerialBoard

PROGRAM = ROOT / "tests" / "host" / "programs" / "repl_gather.py"


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
    before = ticks(board)
    output(board.mpremote("mkdir", f":{there}"))
    output(board.mpremote("cp", str(tmp_path / "up.bin"), f":{there}/data.bin"))
    assert (there / "data.bin").read_bytes() == data
    assert hashlib.sha256(data).hexdigest() in output(
        board.mpremote("sha256sum", f":{there}/data.bin")
    )
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


def test_many_tools_in_a_row_leave_the_program_alive(board):
    before = ticks(board)
    for _ in range(5):
        output(board.mpremote("exec", "pass"))
    assert ticks(board) > before
