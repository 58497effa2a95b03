"""The editor of `aiorepl`: what the screen shows after each key, with pyte as the judge."""

import os
from unittest.mock import ANY

import pytest
from ptyboard import MICROPYTHON, ROOT, Terminal

GATHER = ROOT / "tests" / "host" / "programs" / "repl_gather.py"
ECHO = ROOT / "tests" / "host" / "programs" / "repl_echo.py"
START = "Starting asyncio REPL..."
UP, DOWN, RIGHT, LEFT, HOME, END = "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\x1b[H", "\x1b[F"
DELETE = "\x1b[3~"
CTRL_LEFT, CTRL_RIGHT = "\x1b[1;5D", "\x1b[1;5C"
ALT_B, ALT_F, ALT_D, ALT_BACKSPACE, ALT_ENTER = "\x1bb", "\x1bf", "\x1bd", "\x1b\x7f", "\x1b\r"


@pytest.fixture
def repl():
    with Terminal([MICROPYTHON, str(GATHER)]) as terminal:
        terminal.shows(START, "-->")
        yield terminal


@pytest.fixture
def narrow():
    """A terminal of 30 columns and 8 rows."""
    with Terminal([MICROPYTHON, str(GATHER)], columns=30, lines=8) as terminal:
        terminal.shows(START, "-->")
        terminal.send("'" + "x" * 40)  # the first long line: the REPL asks for the size
        terminal.wait(lambda: terminal.output.count(b"\x1b[6n"), "expected a question")
        terminal.send("\x03")
        terminal.shows("-->")
        yield terminal


class Echo(Terminal):
    """A program with tasks; one prints what it is told to."""

    def __init__(self, folder, history=None, **keywords):
        self.folder = folder
        env = {"FOLDER": str(folder)} | ({"HISTORY": str(history)} if history else {})
        super().__init__([MICROPYTHON, str(ECHO)], env=env, **keywords)

    def say(self, text):
        (self.folder / "new").write_text(text)
        os.rename(self.folder / "new", self.folder / "say")
        self.wait(lambda: not (self.folder / "say").exists(), "expected the task to take it")


@pytest.fixture
def echo(tmp_path):
    with Echo(tmp_path) as terminal:
        terminal.shows(START, "-->")
        yield terminal


# ---- Emacs keys


@pytest.mark.parametrize(
    "keys, line, cursor",
    [
        ("abc def" + LEFT * 3 + "\x0b", "abc ", 4),
        ("abc\x0b", "abc", 3),
        ("abc def" + LEFT * 3 + "\x15", "def", 0),
        ("abc\x15", "", 0),
        ("abc.def ghi\x17", "abc.def ", 8),
        ("abc.def  \x17", "", 0),
        ("a b" + HOME + "\x17", "a b", 0),
        ("abc.def" + ALT_B + "x", "abc.xdef", 5),
        ("abc.def" + ALT_B + ALT_B + "x", "xabc.def", 1),
        ("abc.def" + ALT_B * 3, "abc.def", 0),
        ("abc.def" + HOME + ALT_F + "x", "abcx.def", 4),
        ("abc.def" + HOME + ALT_F * 2, "abc.def", 7),
        ("abc  (ż_1)" + HOME + ALT_F * 2, "abc  (ż_1)", 9),
        ("abc def" + CTRL_LEFT + "x", "abc xdef", 5),
        ("abc def" + HOME + CTRL_RIGHT + "x", "abcx def", 4),
        ("abc.def" + ALT_BACKSPACE, "abc.", 4),
        ("abc.def" + HOME + ALT_D, ".def", 0),
        ("abc def\x17\x19\x19", "abc defdef", 10),
        ("abc def" + HOME + "\x0b\x19\x19", "abc defabc def", 14),
        ("abc\x19", "abc", 3),
        ("ab\x02\x02x", "xab", 1),
        ("ab\x01\x06x", "axb", 2),
        ("ab\x01" + DELETE * 3, "", 0),
    ],
)
def test_emacs_keys_edit_the_line(repl, keys, line, cursor):
    repl.send(keys)
    repl.shows(START, ("--> " + line).rstrip(), column=4 + cursor)


def test_ctrl_l_clears_the_screen_around_the_line(repl):
    repl.send("1\r")
    repl.shows("--> 1", "1", "-->")
    repl.send("abc" + LEFT + "\x0c")
    repl.shows("--> abc", column=6)
    repl.wait(lambda: repl.lines() == ["--> abc"], "expected the line alone")


def test_ctrl_p_and_ctrl_n_walk_the_history(repl):
    for line in ("1", "22"):
        repl.send(line + "\r")
        repl.shows("--> " + line, line, "-->")
    repl.send("\x10\x10")
    repl.shows("--> 1")
    repl.send("\x0e")
    repl.shows("--> 22")


# ---- long lines


def around(terminal, row):
    """Three rows, of which the cursor is in the one of that number, and its column."""
    y = terminal.screen.cursor.y - row
    return [r.rstrip() for r in terminal.screen.display[y : y + 3]], terminal.screen.cursor.x


def test_a_long_line_wraps_and_is_edited_where_the_cursor_is(narrow):
    line = "'" + "".join(chr(97 + i % 26) for i in range(70))
    narrow.send(line)
    whole = "--> " + line
    rows = [whole[i : i + 30] for i in range(0, len(whole), 30)]
    narrow.shows(*rows, column=len(rows[-1]))
    narrow.send(HOME + "X")
    whole = "--> X" + line
    rows = [whole[i : i + 30] for i in range(0, len(whole), 30)]
    narrow.wait(lambda: around(narrow, 0) == (rows, 5), "expected the cursor after the X")
    narrow.send(END + LEFT * 31 + DELETE)
    at = len(whole) - 31
    whole = whole[:at] + whole[at + 1 :]
    rows = [whole[i : i + 30] for i in range(0, len(whole), 30)]
    row, column = divmod(at, 30)
    narrow.wait(lambda: around(narrow, row) == (rows, column), "expected one less")


def test_a_row_that_is_full_to_the_last_column_is_not_lost(narrow):
    narrow.send("1234567890" * 2 + "123456")
    narrow.shows("--> " + "1234567890" * 2 + "123456", "", column=0)
    narrow.send("7")
    narrow.shows("--> " + "1234567890" * 2 + "123456", "7", column=1)
    narrow.send("\x7f\x7f")
    narrow.shows("--> " + "1234567890" * 2 + "12345", column=29)
    narrow.send("\r")
    narrow.shows("--> " + "1234567890" * 2 + "12345", "1234567890" * 2 + "12345", "-->")


def test_a_narrow_terminal_is_known_from_the_first_key_on():
    with Terminal([MICROPYTHON, str(GATHER)], columns=30, lines=8) as t:
        t.shows(START, "-->")
        t.send("a")
        t.wait(lambda: b"\x1b[6n" in t.output, "expected a question")
        line = "a = '%s'" % ("0123456789" * 3)
        t.send(line[1:] + HOME + "b")
        whole = "--> b" + line
        t.wait(lambda: around(t, 0) == ([whole[:30], whole[30:], ""], 5), "expected two rows")
        t.send("\r")
        t.shows(START, whole[:30], whole[30:], "-->")


def test_ctrl_l_puts_the_line_in_order_after_the_window_became_narrow(repl):
    line = "a = '%s'" % ("0123456789" * 9)
    repl.send(line)
    repl.shows("--> " + line[:76], line[76:])
    repl.screen.resize(24, 40)
    repl.send("\x0c")
    whole = "--> " + line
    rows = [whole[i : i + 40] for i in range(0, len(whole), 40)]
    repl.wait(lambda: repl.lines() == rows, "expected rows of 40")
    repl.send(HOME + "b")
    whole = "--> b" + line
    rows = [whole[i : i + 40] for i in range(0, len(whole), 40)]
    repl.wait(lambda: around(repl, 0) == (rows, 5), "expected rows of 40")
    repl.send("\r")
    repl.shows(*rows, "-->")


def test_wide_characters_fill_two_columns(narrow):
    narrow.send("'" + "中" * 11)
    narrow.shows("--> '" + "中" * 11, column=27)
    narrow.send("文字a")  # one column is left over: the second goes to the next row
    narrow.shows("--> '" + "中" * 11 + "文", "字a", column=3)
    narrow.send(LEFT * 2 + "\x7f\x7f")
    narrow.shows("--> '" + "中" * 10 + "字a", column=25)


def test_an_accent_of_its_own_fills_no_column(repl):
    repl.send("q\u0301x" + LEFT * 3 + RIGHT * 2 + "y")
    repl.shows(START, "--> q\u0301yx", column=6)


def test_a_long_line_is_recalled_whole_and_replaced_by_a_short_one(narrow):
    long = "'%s'" % ("0123456789" * 5)
    for line in ("1", long):
        narrow.send(line + "\r")
        narrow.shows("-->")
    narrow.send(UP)
    narrow.shows("--> " + long[:26], long[26:], column=len(long) - 26)
    narrow.send(UP)
    narrow.shows("--> 1", column=5)
    below = lambda: narrow.screen.display[narrow.screen.cursor.y + 1 :]  # noqa: E731
    narrow.wait(lambda: not "".join(below()).strip(), "expected nothing below")
    narrow.send(DOWN + "\r")
    narrow.shows("--> " + long[:26], long[26:], long[:30], long[30:], "-->")


def test_a_prompt_in_colour_fills_only_its_letters(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(
        "import asyncio, aiorepl\nasyncio.run(aiorepl.task(prompt='\\x1b[32m> \\x1b[0m'))"
    )
    with Terminal([MICROPYTHON, str(path)]) as terminal:
        terminal.shows(START, ">")
        terminal.send("bc" + HOME + "a")
        terminal.shows("> abc", column=3)


def test_a_key_whose_bytes_break_off_swallows_no_other(repl):
    repl.send("abc\x1b[1;\x03")
    repl.shows("--> abc", "-->")
    repl.send("6 * 7\x1b[\r")
    repl.shows("--> 6 * 7", "42", "-->")


# ---- blocks


def test_a_block_is_indented_and_run_by_an_empty_line(repl):
    for keys, *rows in (
        ("for i in (1, 2):\r", "--> for i in (1, 2):", "..."),
        ("if i > 1:\r", "...     if i > 1:", "..."),
        ("print(i)\r", "...         print(i)", "..."),
        ("continue\r", "...         continue", "..."),
        ("\x7fi\r", "... i", "..."),
    ):
        repl.send(keys)
        repl.shows(*rows)
    repl.shows("... i", "...", column=4)
    repl.send("\r")
    repl.shows("2", "-->")


def test_a_block_may_await_and_its_lines_are_numbered(repl):
    for line in ("for i in (1, 0):", "    x = await double(i)", "    1 // x"):
        repl.send(line.strip() + "\r")
        repl.shows(("... " if line[0] == " " else "--> ") + line, "...", column=8)
    repl.send("\r")
    repl.shows('  File "<stdin>", line 3, in <module>', "ZeroDivisionError: divide by zero", "-->")


@pytest.mark.parametrize(
    "first, second, value",
    [
        ("(1,", "2)", "(1, 2)"),
        ("[1,", "2]", "[1, 2]"),
        ("'''a", "b'''", "'a\\nb'"),
        ("1 + \\", "2", "3"),
        ("f(x for x in (1,", "2))", "[1, 2]"),
    ],
)
def test_open_brackets_strings_and_joined_lines_go_on(repl, first, second, value):
    repl.send("f = list\r")
    repl.shows("-->")
    repl.send(first + "\r")
    repl.shows("--> " + first, "...")
    repl.send(second + "\r")
    repl.shows("... " + second, value, "-->")


@pytest.mark.parametrize(
    "line, shown",
    [
        ("for i in (1, 2): print(i)", ["1", "2"]),
        ("if True: print('[{(')", ["[{("]),
        ("x = {1: 2}; x[1:][0] if 0 else ':'", ["':'"]),
        ("print('a:')  # (", ["a:"]),
        ("'unfinished", ["SyntaxError: invalid syntax"]),
        ("print 5)", ["SyntaxError: invalid syntax"]),
    ],
)
def test_a_complete_line_runs_at_once(repl, line, shown):
    repl.send(line + "\r")
    repl.shows(*shown, "-->")


def test_a_decorator_begins_a_block(repl):
    repl.send("@print\r")
    repl.shows("--> @print", "...")
    repl.send("def f():\r")
    repl.shows("... def f():", "...", column=8)
    repl.send("return 5\r")
    repl.shows("...     return 5", "...", column=4)
    repl.send("\r")
    repl.wait(lambda: "<function f" in "\n".join(repl.lines()), "expected what print was given")


def test_a_try_in_one_line_begins_a_block(repl):
    repl.send("try: 1 // 0\rexcept ZeroDivisionError: print('none')\r")
    repl.shows("--> try: 1 // 0", "... except ZeroDivisionError: print('none')", "...")
    repl.send("\r")
    repl.shows("...", "none", "-->")


def test_a_recalled_block_is_edited_as_a_whole(repl):
    repl.send("for i in (1, 2):\n    print(i)\n\n")
    repl.shows("1", "2", "-->")
    repl.send(UP)
    repl.shows("--> for i in (1, 2):", "...     print(i)", column=16)
    repl.send(UP + LEFT)
    repl.shows("--> for i in (1, 2):", column=15)
    repl.send(END + LEFT * 2 + "\x7f3\r")
    repl.shows("--> for i in (1, 3):", "...     print(i)", "1", "3", "-->")


def test_alt_enter_adds_a_line_anywhere(repl):
    repl.send("x = 1" + ALT_ENTER + "print(x + 1)\r")
    repl.shows("--> x = 1", "... print(x + 1)", "2", "-->")


def test_enter_within_a_block_splits_the_line(repl):
    repl.send("if True:\r")
    repl.shows("...")
    repl.send("a=1;b=2" + LEFT * 3 + "\x7f\r")
    below = ("...     b=2", 8)
    line = lambda: (repl.screen.display[3].rstrip(), repl.screen.cursor.x)  # noqa: E731
    repl.wait(lambda: line() == below, "expected b below, the cursor on it")
    repl.send(END + "\r")
    repl.shows("...     b=2", "...")
    repl.send("\ra, b\r")
    repl.shows("(1, 2)", "-->")


def test_backspace_in_the_indentation_goes_one_step_out(repl):
    repl.send("if True:\r")
    repl.shows("...")
    repl.send("\t")
    repl.shows("--> if True:", "...", column=12)
    repl.send("\x7f")
    repl.shows("--> if True:", "...", column=8)
    repl.send(" \x7f")
    repl.shows("--> if True:", "...", column=8)
    repl.send("\x7f")
    repl.shows("--> if True:", "...", column=4)
    repl.send("\x7f")
    repl.shows("--> if True:", column=12)


def test_pasted_code_keeps_its_own_indentation_and_its_blank_lines(repl):
    repl.send("def f(x):\n    for i in x:\n\n        print(i)\n\n    return 7\n\nf((1, 2))\n")
    repl.shows("--> f((1, 2))", "1", "2", "7", "-->")


@pytest.mark.parametrize("newline", ["\r", "\n", "\r\n"])
def test_a_block_is_indented_whatever_newline_the_terminal_sends(repl, newline):
    repl.send("if True:" + newline)
    repl.shows("--> if True:", "...", column=8)
    repl.send("7" + newline)
    repl.shows("...     7", "...", column=8)
    repl.send(newline)
    repl.shows("7", "-->")


def test_a_block_higher_than_the_screen_shows_the_rows_around_the_cursor(narrow):
    code = "if True:\n" + "".join("    x%d = %d\n" % (i, i) for i in range(12))
    narrow.send(code + "\n")
    narrow.shows("-->")
    narrow.send(UP)
    narrow.shows(*["...     x%d = %d" % (i, i) for i in range(4, 12)])
    narrow.send(UP * 11)
    rows = ["...     x%d = %d" % (i, i) for i in range(8)]
    narrow.wait(lambda: [r.rstrip() for r in narrow.screen.display] == rows, "expected x0 to x7")
    narrow.send(UP)
    narrow.wait(lambda: narrow.screen.display[0].startswith("--> if True"), "expected the top")
    narrow.send("\r")
    narrow.shows("-->")
    narrow.send("x11\r")
    narrow.shows("--> x11", "11", "-->")


# ---- completion


@pytest.mark.parametrize(
    "keys, line",
    [
        ("aioc\t", "aioctl"),
        ("whi\t", "while"),
        ("isinst\t", "isinstance"),
        ("x = asyncio.create\t", "x = asyncio.create_task"),
        ("asyncio.Lo\t", "asyncio.Lo"),  # Lock and Loop
        ("asyncio.Loc\t", "asyncio.Lock"),  # not loaded yet
        ("aioctl.traceback_\t", "aioctl.traceback_all"),
        ("aioctl.stat\tus\t('\t", "aioctl.status('"),  # several tasks
        ("aioctl.status('sensor_i\t", "aioctl.status('sensor_in"),
        ('aioctl.status("s\t', 'aioctl.status("sensor_'),
        ("await aioctl.join( 'ec\t", "await aioctl.join( 'echo"),
        ("print(aioctl.state('ec\t", "print(aioctl.state('echo"),
        ("aioctl.add(echo, 'sens\t", "aioctl.add(echo, 'sens"),
        ("print('ec\t", "print('ec"),
        ("'aioc\t", "'aioc"),
        ("Proxy.fail\t", "Proxy.failing"),
        ("Proxy().failing.x\t", "Proxy().failing.x"),
        ("echo().thr\t", "echo().thr"),  # nothing is called
        ("nothing.here\t", "nothing.here"),
        ("import aios\t", "import aios"),  # aioschedule, aiostatus, …
        ("import aiosched\t", "import aioschedule"),
        ("from aioctl import traceback_\t", "from aioctl import traceback_all"),
        ("aioctl._AIOCTL_G\t", "aioctl._AIOCTL_GROUP"),
        ("asyncio.sle = 1" + LEFT * 4 + "\tep", "asyncio.sleepep = 1"),
        ("żó_1 = 5\rżó\t", "żó_1"),
        ("a\\\t", "a\\"),
        ("\\é\t", "\\é"),
        ("meter.vol\t", "meter.volts"),
        ("meter.volts.x\t", "meter.volts.x"),
        ("meter('ec\t", "meter('ec"),
        ("meter.stop('ec\t", "meter.stop('ec"),
        ("registers.x\t", "registers.x"),
        ("import __main__ as m\rm.Met\t", "m.Meter"),
    ],
)
def test_tab_completes(echo, keys, line):
    echo.send(keys)
    echo.shows("--> " + line)
    echo.send("\x03")
    echo.shows("--> " + line, "-->")


def test_tab_shows_the_names_that_fit_above_the_line(echo):
    echo.send("x = sensor; aioctl.status('sensor_\t")
    echo.shows("sensor_in   sensor_out", "--> x = sensor; aioctl.status('sensor_")
    echo.send("out')\r")
    echo.shows("-->")
    assert any(line.startswith("● sensor_out: status: running") for line in echo.lines())


def test_tab_asks_no_object_for_names_that_it_might_make_up(echo):
    echo.send("p = Proxy(); p.b = 1\r")
    echo.shows("-->")
    echo.send("p.\t")
    echo.shows("asked    b        failing", "--> p.")
    echo.send("asked\r")
    echo.shows("--> p.asked", "()", "-->")
    echo.send("meter.\t")
    echo.shows("amps   reads  volts", "--> meter.")
    echo.send("reads\r")
    echo.shows("--> meter.reads", "0", "-->")


def test_tab_shows_what_a_property_raises(echo):
    echo.send("meter.volts.x\t\t")
    trace = ["Traceback (most recent call last):", ANY, "OSError: [Errno 19] ENODEV"]
    echo.shows(*trace * 2, "--> meter.volts.x")
    echo.send("\x03")
    echo.shows("--> meter.volts.x", "-->")


def test_ctrl_c_ends_what_tab_waits_for_and_the_line(echo):
    echo.send("meter.amps.x\t")
    echo.shows("asks", "--> meter.amps.x")
    echo.send("\x03")
    echo.shows("asks", "--> meter.amps.x", "-->")
    echo.send("1\r")
    echo.shows("--> 1", "1", "-->")


def test_tab_at_the_begin_of_a_line_indents(echo):
    echo.send("\tx")
    echo.shows("-->     x")


# ---- search


def test_ctrl_r_searches_the_history(repl):
    for line in ("alpha = 11", "beta = 22", "al = 33"):
        repl.send(line + "\r")
        repl.shows("--> " + line, "-->")
    for key, shown in (
        ("new", "--> new"),
        ("\x12", "(search: ) new"),
        ("al", "(search: al) al = 33"),
        ("\x12", "(search: al) alpha = 11"),
        ("\x12", "(search: al) alpha = 11"),  # there is no older one
        ("\x7f\x7fb", "(search: b) beta = 22"),
        ("x", "(search: bx) beta = 22"),  # nothing fits: the last one stays
        ("\x07", "--> new"),
        ("\x12ph", "(search: ph) alpha = 11"),
        ("\x03", "--> new"),
        ("\x15\x12ph" + END + "0", "--> alpha = 110"),
        (DOWN, "--> beta = 22"),
        (UP + "\r", "-->"),
    ):
        repl.send(key)
        repl.shows(shown)
    repl.send("alpha\r")
    repl.shows("--> alpha", "110", "-->")
    repl.send("\x12al =\r")
    repl.shows("--> al = 33", "-->")


# ---- the history in a file


def test_the_history_outlives_the_program(tmp_path):
    path = tmp_path / "history"
    with Echo(tmp_path, path) as t:
        t.shows(START, "-->")
        t.send("'ż' * 3\r")
        t.shows("-->")
        t.send("for i in (1, 2):\n    print(i)\n\n")
        t.shows("1", "2", "-->")
    with Echo(tmp_path, path) as t:
        t.shows(START, "-->")
        t.send(UP)
        t.shows("--> for i in (1, 2):", "...     print(i)")
        t.send("\x03" + UP * 3)  # the second one goes up within the block
        t.shows("--> 'ż' * 3")


def test_the_history_file_stays_small_and_survives_a_power_cut(tmp_path):
    path = tmp_path / "history"
    path.write_bytes(b"\xff\xfe\n" + b"x" * 5000 + b"\n" + b"1\n" * 90 + b"22\n333")
    with Echo(tmp_path, path) as t:
        t.shows(START, "-->")
        t.send(UP)
        t.shows("--> 22")  # the last one was cut off
        t.send(UP + "\x03")
        t.shows("--> 1", "-->")
        t.send("4444\r")
        t.shows("4444", "-->")
        assert path.read_bytes().splitlines() == [b"1"] * 30 + [b"22", b"4444"]
        assert not (tmp_path / "history.new").exists()


def test_the_history_is_found_where_a_power_cut_on_fat_left_it(tmp_path):
    """There the old file is removed before the new one gets its name."""
    path = tmp_path / "history"
    (tmp_path / "history.new").write_bytes(b"1\n22\n")
    with Echo(tmp_path, path) as t:
        t.shows(START, "-->")
        t.send(UP)
        t.shows("--> 22")
        t.send("\x03" + "333\r")
        t.shows("--> 333", "333", "-->")
    assert path.read_bytes() == b"1\n22\n333\n"
    assert not (tmp_path / "history.new").exists()


def test_a_history_that_cannot_be_written_is_told_of_once(tmp_path):
    with Echo(tmp_path, tmp_path / "missing" / "history") as t:
        t.shows(START, "-->")
        t.send("1\r")
        t.shows("--> 1", "history: [Errno 2] ENOENT", "1", "-->")
        t.send("2\r")
        t.shows("--> 2", "2", "-->")


# ---- what other tasks print


def test_what_another_task_prints_stands_above_the_line(echo):
    echo.send("abc" + LEFT)
    echo.shows(START, "--> abc", column=6)
    echo.say("hello\n")
    echo.shows(START, "hello", "--> abc", column=6)
    echo.say("one\ntwo\n")
    echo.shows(START, "hello", "one", "two", "--> abc", column=6)
    echo.send("X")
    echo.shows("two", "--> abXc", column=7)
    echo.send("\x03")
    echo.shows("--> abXc", "-->")
    echo.say("at an empty prompt\n")
    echo.shows("--> abXc", "at an empty prompt", "-->", column=4)


def test_what_another_task_prints_bit_by_bit_stays_together(echo):
    echo.send("abc")
    echo.shows(START, "--> abc")
    for text in (".", ". ", "done"):
        echo.say(text)
    echo.shows(START, ".. done", "--> abc")
    echo.say("!\nnext\n")
    echo.shows(START, ".. done!", "next", "--> abc")


def test_what_another_task_prints_bit_by_bit_is_not_doubled_where_it_is_wide(echo):
    echo.send("abc")
    echo.shows("--> abc")
    echo.say("中" * 50)  # more columns than the terminal has, but fewer characters
    echo.shows("中" * 40, "中" * 10, "--> abc", column=7)
    echo.say("x")
    echo.shows(START, "中" * 40, "中" * 10, "x", "--> abc", column=7)


def test_the_traceback_of_a_failed_task_stands_above_the_line(echo):
    echo.send("abc" + LEFT)
    echo.shows(START, "--> abc", column=6)
    echo.say("fail")
    echo.shows("ValueError: failed", "--> abc", column=6)
    text = [line.partition(":")[0] for line in echo.lines()[1:-1]]
    assert text[0] == "Task exception wasn't retrieved"
    assert text[1:3] == ["future", "Traceback (most recent call last)"]
    echo.send("d\x03")
    echo.shows("--> abdc", "-->")


def test_what_another_task_prints_stands_above_a_block(echo):
    echo.send("if True:\r")
    echo.shows("--> if True:", "...", column=8)
    echo.send("1" + UP)
    echo.shows(START, "--> if True:", column=9)
    echo.say("hello\n")
    echo.shows(START, "hello", "--> if True:", column=9)
    echo.send(DOWN + "\r\r")
    echo.shows("hello", "--> if True:", "...     1", "...", "1", "-->")


def test_output_before_the_first_key_comes_as_it_is(echo):
    echo.say("plain\n")
    echo.wait(lambda: b"--> plain\r\n" in echo.output, "expected no redrawing")


def test_a_long_line_is_kept_below_what_another_task_prints(tmp_path):
    with Echo(tmp_path, columns=30, lines=6) as t:
        t.shows(START, "-->")
        t.send("x" * 70)
        t.wait(lambda: t.output.count(b"\x1b[6n"), "expected a question")
        t.send("y")
        rows = ["--> " + "x" * 26, "x" * 30, "x" * 14 + "y"]
        t.shows(*rows)
        for i in range(8):
            t.say("%d\n" % i)
            t.shows("%d" % i, *rows)


def test_an_answer_of_the_terminal_right_after_enter_is_no_paste(repl):
    repl.send("if True:\r\x1b[24;80R")
    repl.shows("--> if True:", "...", column=8)


def test_an_answer_about_an_absurd_size_is_ignored(echo):
    echo.send("abc\x1b[0;0R\x1b[;R\x1b[99999999;5R\x1b[1;2;3Rd")
    echo.shows(START, "--> abcd")
