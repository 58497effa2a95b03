"""`aiorepl` on a real terminal, with pyte as the judge of the screen, and on pipes."""

import os
import signal
import subprocess
import time

import pytest
from ptyboard import MICROPYTHON, ROOT, TIMEOUT, Terminal, environment, run_piped

GATHER = ROOT / "tests" / "host" / "programs" / "repl_gather.py"
START = "Starting asyncio REPL..."


@pytest.fixture
def program(tmp_path):
    """A function that writes a program and returns its path."""

    def write(text):
        path = tmp_path / "program.py"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def repl():
    with Terminal([MICROPYTHON, str(GATHER)]) as terminal:
        terminal.shows(START, "-->")
        yield terminal


def alive(repl):
    """All tasks of the program go on, and the REPL answers."""
    repl.send("\x03")
    repl.writes("--> ")
    repl.send("k = n; await asyncio.sleep_ms(50); print('alive', n > k)\r")
    repl.writes("\r\nalive True\r\n--> ")


# ---- what a command does


def transcript(*lines):
    """What a piped session writes after each of these lines, without prompts and echo."""
    code = "\n".join(lines).encode()
    text = run_piped(GATHER, code + b"\n\4").stdout.decode()
    assert text.startswith(START + "\n--> ")
    for line in lines:
        text = text.replace("--> " + line + "\n", "", 1)
    return text[len(START) + 1 :].rsplit("-->", 1)[0]


def test_what_a_property_raises_at_tab_is_not_lost_on_a_pipe():
    code = b"class M:\n    @property\n    def v(self): raise OSError(19)\n\nm = M()\nm.v.x\t\n\4"
    text = run_piped(GATHER, code).stdout.decode()
    assert text.count("OSError: [Errno 19] ENODEV") == 2, text  # at Tab, and by the command


@pytest.mark.parametrize(
    "line, expected",
    [
        ("1 + 1", "2\n"),
        ("'żółć'", "'\\u017c\\xf3\\u0142\\u0107'\n"),
        ("print('żółć')", "żółć\n"),
        ("None", ""),
        ("x = 3", ""),
        ("x = 3; x; x + 1", "3\n4\n"),
        ("'import x; await y'", "'import x; await y'\n"),
        ("import os, sys; print(sys.platform != 0)", "True\n"),
        ("await double(21)", "42\n"),
        ("1 + await double(await double(1))", "5\n"),
        ("await double('await ;')  # await", "'await ;await ;'\n"),
        ("await asyncio.sleep_ms(0)", ""),
        ("[await double(1), await double(2)]", "[2, 4]\n"),
        ("for i in (1, 2): print(await double(i))", "2\n4\n"),
        ("  1 + 1", "2\n"),
        ("# nothing", ""),
        ("(lambda: 7)()", "7\n"),
    ],
)
def test_a_command_prints_its_value(line, expected):
    assert transcript(line) == expected


@pytest.mark.parametrize(
    "lines, expected",
    [
        (("6 * 7", "_ + 1"), "42\n43\n"),
        (("await double(21)", "_ + 1"), "42\n43\n"),
        (("def f(x): return x + 1", "f(2)"), "3\n"),
        (("async def f(x): return await double(x) + 1", "await f(2)"), "5\n"),
    ],
)
def test_a_command_uses_what_an_earlier_one_made(lines, expected):
    assert transcript(*lines) == expected


@pytest.mark.parametrize(
    "line, expected",
    [
        ("1 / 0", "ZeroDivisionError: divide by zero"),
        ("await double(1 / 0)", "ZeroDivisionError: divide by zero"),
        ("x = = 1", "SyntaxError: invalid syntax"),
        ("await = 1", "SyntaxError: invalid syntax"),
        ("return 5", "SyntaxError: 'return' outside function"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt: "),
        ("raise asyncio.CancelledError", "CancelledError: "),
        (
            "[type('T', (), {'__repr__': lambda self: 1 / 0})()]",
            "ZeroDivisionError: divide by zero",
        ),
        ("raise ValueError(type('T', (), {'__repr__': lambda self: 1 / 0})())", "ValueError: ?"),
    ],
)
def test_an_error_is_shown_and_the_repl_goes_on(line, expected):
    text = transcript(line, "'next'")
    shown, next_ = text.rstrip("\n").rsplit("\n", 1)
    assert next_ == "'next'"
    assert "Traceback (most recent call last):\n" in shown
    assert '  File "<stdin>", line 1' in shown
    assert shown.rsplit("\n", 1)[1].startswith(expected)


def test_a_traceback_shows_the_frames_of_the_program_alone():
    text = transcript("def f(x): return x // 0", "async def g(x): return f(x)", "await g(1)")
    assert [line for line in text.splitlines() if "File" in line] == [
        '  File "<stdin>", line 1, in <module>',
        '  File "<stdin>", line 1, in g',
        '  File "<stdin>", line 1, in f',
    ]


def test_a_task_that_was_cancelled_elsewhere_does_not_end_the_repl():
    lines = (
        "t = asyncio.create_task(asyncio.Event().wait())",
        "await asyncio.sleep_ms(0); print(t.cancel())",
        "await t",
        "'next'",
    )
    text = transcript(*lines)
    assert text.startswith("True\nTraceback")
    assert text.endswith("CancelledError: \n'next'\n")


SUPERVISED = """
import asyncio
import aioctl, aiorepl

async def work():
    await asyncio.sleep(60)

async def main():
    aioctl.add(aiorepl.task, name="repl")
    aioctl.add(work)
    await asyncio.gather(*aioctl.tasks())

asyncio.run(main())
"""


def test_a_shutdown_typed_at_it_spares_the_repl(program):
    code = b"await aioctl.shutdown()\n[r.name for r in aioctl.records() if r.live()]\n\4"
    said = run_piped(program(SUPERVISED), b"import aioctl\n" + code).stdout.decode()
    assert "[]\n" in said and "['repl']\n" in said, said


@pytest.mark.parametrize(
    "line", ["import sys; sys.exit(3)", "raise SystemExit(await double(1) + 1)"]
)
def test_system_exit_ends_the_program_with_its_code(line):
    assert run_piped(GATHER, line.encode() + b"\n").returncode == 3


# ---- the line editor

UP, DOWN, RIGHT, LEFT, HOME, END = "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\x1b[H", "\x1b[F"
DELETE = "\x1b[3~"


@pytest.mark.parametrize(
    "keys, line, cursor",
    [
        ("abc", "abc", 3),
        ("abc\x7f", "ab", 2),
        ("abc\x08\x08", "a", 1),
        ("\x7fa", "a", 1),
        ("ac" + LEFT + "b", "abc", 2),
        ("bc" + HOME + "a", "abc", 1),
        ("bc\x1b[1~a", "abc", 1),
        ("bc\x1bOHa", "abc", 1),
        ("ab" + HOME + END + "c", "abc", 3),
        ("ab" + HOME + "\x1b[4~c", "abc", 3),
        ("ab" + LEFT * 5 + "x", "xab", 1),
        ("ab" + HOME + RIGHT * 5 + "x", "abx", 3),
        ("abc" + LEFT + "\x7f", "ac", 1),
        ("abc" + LEFT * 2 + DELETE, "ac", 1),
        ("abc" + LEFT * 2 + "\x04", "ac", 1),
        ("abc" + DELETE, "abc", 3),
        ("abc" + HOME + "\x7f", "abc", 0),
        ("abc\x01x", "xabc", 1),
        ("abc\x01\x05x", "abcx", 4),
        ("aé€z" + LEFT * 2 + "\x7f", "a€z", 1),
        ("żć" + LEFT + "ół", "żółć", 3),
        ("a\U0001f600b", "a\U0001f600b", 4),  # a wide character fills two columns
        ("a\x80\xff\xffb".encode("latin-1"), "ab", 2),  # not UTF-8
        ("ab\x1b[5~\x1b[1;5C\x0b", "ab", 2),  # unknown keys
        ("ab" + LEFT + "\x1bc", "acb", 2),  # Escape, then a key
    ],
)
def test_keys_edit_the_line(repl, keys, line, cursor):
    repl.send(keys)
    repl.shows(START, ("--> " + line).rstrip(), column=4 + cursor)


def test_an_edited_line_runs_as_it_is_shown(repl):
    repl.send("print('żłć')" + LEFT * 4 + "ó" + RIGHT + HOME + DELETE + "p\r")
    repl.shows("--> print('żółć')", "żółć", "-->")


def test_history_is_walked_and_edited(repl):
    for line in ("1", "22", "333", "333"):
        repl.send(line + "\r")
        repl.shows("--> " + line, line, "-->", column=4)
    for key, line in (
        ("4", "4"),
        (UP, "333"),
        (UP, "22"),
        (UP, "1"),
        (UP, "1"),
        (DOWN, "22"),
        ("0", "220"),
        (DOWN, "333"),
        (UP, "220"),
        (DOWN, "333"),
        (DOWN, "4"),
        (DOWN, "4"),
    ):
        repl.send(key)
        repl.shows("--> " + line, column=4 + len(line))
    repl.send(UP + UP + "\r")
    repl.shows("--> 220", "220", "-->")


def test_history_keeps_the_last_32_lines(repl):
    for i in range(34):
        repl.send("%d\r" % i)
        repl.shows("--> %d" % i, "%d" % i, "-->")
    repl.send(UP * 40)
    repl.shows("--> 2")


@pytest.mark.parametrize("newline", ["\r", "\n", "\r\n"])
def test_a_newline_of_any_kind_ends_one_line(repl, newline):
    repl.send("1" + newline + "2" + newline)
    repl.shows(START, "--> 1", "1", "--> 2", "2", "-->")


def test_ctrl_c_forgets_the_line(repl):
    repl.send("1/0\x032\r")
    repl.shows(START, "--> 1/0", "--> 2", "2", "-->")


def test_ctrl_b_begins_a_new_line(repl):
    repl.send("\x02")
    repl.shows(START, "-->", "-->", column=4)


def test_paste_mode_takes_blocks(repl):
    repl.send("\x05")
    repl.shows("paste mode; Ctrl-C to cancel, Ctrl-D to finish", "===", "")
    repl.send("async def f(x):\r\n    if x:\r\n\r\n        return 'é', await double(x)\r\n")
    repl.send('for i in (0, 1):\r    print(await f(i), """a\rb""")\r\x04')
    repl.shows("None a", "b", "('\\xe9', 2) a", "b", "-->")


def test_paste_mode_is_left_by_ctrl_c(repl):
    repl.send("\x05print(5)\x032\r")
    repl.shows("===", "print(5)", "--> 2", "2", "-->")


# ---- Ctrl-C


def test_ctrl_c_cancels_what_is_awaited_and_keeps_what_was_typed(repl):
    repl.send("async def tell(): print('begun')\r\r")
    repl.shows("-->")
    repl.send("\x05try:\r  asyncio.create_task(tell()); await asyncio.sleep(99)\r")
    repl.send("finally:\r  print('ended')\r\x04")
    repl.writes("\r\nbegun\r\n")
    repl.send("1 + \x031\r")
    repl.shows("begun", "ended", "KeyboardInterrupt:", "--> 1 + 1", "2", "-->")
    alive(repl)


def test_ctrl_c_interrupts_code_that_blocks(repl):
    repl.send("for i in range(10**9): i == 7 and print('begun')\r")
    repl.writes("begun\r\n")
    repl.send("\x03")
    repl.writes("KeyboardInterrupt: \r\n--> ")
    alive(repl)


def test_ctrl_c_interrupts_code_that_blocks_between_two_awaits(repl):
    repl.send(
        "\x05try:\r  await double(1)\r  print('begun')\r  while True: pass\r"
        "finally:\r  await double(1)\r  print('ended')\r\x04"
    )
    repl.writes("\r\nbegun\r\n")
    repl.send("\x03")
    repl.writes("ended\r\nTraceback (most recent call last):\r\n")
    repl.writes("KeyboardInterrupt: \r\n--> ")
    alive(repl)


def test_ctrl_c_between_the_steps_of_a_busy_command_ends_it(repl):
    for _ in range(5):
        repl.send("for i in range(10**9): i == 7 and print('begun'); await asyncio.sleep_ms(0)\r")
        repl.writes("begun\r\n")
        repl.send("\x03")
        repl.writes("KeyboardInterrupt: \r\n--> ")
    alive(repl)


def test_what_is_typed_while_code_blocks_is_kept(repl):
    repl.send("import time; print('begun'); time.sleep(0.2)\r")
    repl.writes("begun\r\n")
    repl.send("'one'\r'tw")
    repl.writes("--> 'one'\r\n'one'\r\n--> 'tw")
    repl.send("o'\r")
    repl.writes("o'\r\n'two'\r\n--> ")


@pytest.mark.parametrize(
    "command",
    [
        "",
        "print('beg' + 'un'); await asyncio.sleep(99)\r",
        "for i in range(10**9): i == 7 and print('beg' + 'un')\r",
        "\x01print('beg' + 'un')\nwhile True: pass\x04",
    ],
    ids=["prompt", "await", "blocking", "raw"],
)
def test_a_burst_of_ctrl_c_ends_no_task(repl, command):
    for _ in range(5):
        if command:
            repl.send(command)
            repl.writes("begun\r\n")
        repl.send("\x03" * 100)
        repl.send("\x02")
    alive(repl)


# ---- the end


def test_ctrl_d_ends_a_program_that_gathers(repl):
    during = repl.attributes()
    repl.send("\x04")
    assert repl.exit_code() == 0
    assert repl.attributes() == repl.before != during


@pytest.mark.parametrize(
    "main, expected",
    [
        # main awaits the REPL, and goes on
        ("await aiorepl.task(); await asyncio.sleep_ms(9); print('after')", "after\n"),
        ("t = asyncio.create_task(aiorepl.task()); await t; print('after')", "after\n"),
        ("await asyncio.gather(aiorepl.task()); print('after')", "after\n"),
        # … and then waits for a task that is gone
        (
            "c = forever(); await aiorepl.task(); print('after'); await c; print('never')",
            "after\n",
        ),
        # main waits for something else
        ("forever(); asyncio.create_task(aiorepl.task()); await asyncio.sleep(99)", ""),
        ("asyncio.create_task(aiorepl.task()); await asyncio.Event().wait()", ""),
    ],
)
def test_ctrl_d_drops_the_other_tasks(program, main, expected):
    path = program(
        "import asyncio, aiorepl\n"
        "async def run():\n  while True: await asyncio.sleep_ms(1)\n"
        "def forever(): return asyncio.create_task(run())\n"
        f"async def main():\n  {main}\n"
        "asyncio.run(main())\n"
    )
    result = run_piped(path, b"\4")
    assert result.stdout.decode() == f"{START}\n--> \n{expected}"
    assert result.returncode == 0


def test_the_repl_as_main_returns_and_can_be_run_again(program):
    path = program(
        "import asyncio, aiorepl\n"
        "async def other():\n  await asyncio.sleep_ms(1)\n  print('other')\n"
        "for i in range(2):\n"
        "  asyncio.run(aiorepl.task({'i': i}, prompt='? '))\n"
        "  asyncio.run(other())\n"
    )
    result = run_piped(path, b"i\n\4i\n\4")
    session = START + "\n? i\n%d\n? \nother\n"
    assert result.stdout.decode() == session % 0 + session % 1
    assert result.returncode == 0


@pytest.mark.parametrize(
    "keys, main, code",
    [
        ("import sys; sys.exit(3)\r", "await t", 3),
        ("await stop()\r", "await t", 1),
        ("", "await asyncio.sleep_ms(50)", 0),  # the program ends before the REPL
        ("", "await asyncio.sleep_ms(50); 1 / 0", 1),
        ("\x04", "await t", 0),
    ],
)
def test_the_terminal_is_left_as_it_was(program, keys, main, code):
    path = program(
        "import asyncio, aiorepl\n"
        "async def stop():\n  t.cancel()\n  await asyncio.sleep(9)\n"
        "async def main():\n"
        "  global t\n"
        "  t = asyncio.create_task(aiorepl.task())\n"
        f"  {main}\n"
        "asyncio.run(main())\n"
    )
    with Terminal([MICROPYTHON, str(path)]) as repl:
        repl.shows(START, "-->")
        assert repl.attributes() != repl.before
        repl.send(keys)
        assert repl.exit_code() == code
        assert repl.attributes() == repl.before


def test_another_function_at_exit_is_not_displaced(program):
    path = program(
        "import asyncio, aiorepl, sys\n"
        "sys.atexit(lambda: print('mine'))\n"
        "asyncio.run(aiorepl.task())\n"
    )
    with Terminal([MICROPYTHON, str(path)]) as repl:
        repl.shows(START, "-->")
        repl.send("\x04")
        repl.writes("mine\r\n")


def test_ctrl_z_stops_the_job_and_leaves_the_terminal_in_order():
    shell = ["bash", "--norc", "--noprofile", "--noediting", "-i"]
    with Terminal(shell) as terminal:
        terminal.send(f"stty -a > /dev/null; {MICROPYTHON} {GATHER}\n")
        terminal.writes("--> ")
        raw = terminal.attributes()
        terminal.send("1 +\x1a")
        terminal.writes("Stopped")
        assert terminal.attributes()[3] != raw[3]
        terminal.send("fg\n")
        terminal.writes("--> 1 +")
        assert terminal.attributes() == raw
        terminal.send(" 1\r")
        terminal.writes("1\r\n2\r\n--> ")
        alive(terminal)


# ---- no terminal

LATER = """
import asyncio, aiorepl
async def main():
    t = asyncio.create_task(aiorepl.task())
    await t
    await asyncio.sleep_ms(1)
    print("the program goes on")
asyncio.run(main())
"""


@pytest.mark.parametrize("data", [b"", b"1\n", b"1", b"\x05print(1)\n", b"\x01print(1)", b"\x1b"])
def test_the_end_of_input_ends_the_repl_alone(program, data):
    result = run_piped(program(LATER), data)
    assert result.stdout.endswith(b"\nthe program goes on\n")
    assert result.returncode == 0


def test_commands_come_from_a_file(program, tmp_path):
    commands = tmp_path / "commands.txt"
    commands.write_text("x = 20\nx + 1\n")
    with open(commands) as f:
        result = subprocess.run(
            [MICROPYTHON, str(program(LATER))],
            stdin=f,
            capture_output=True,
            env=environment(),
            timeout=TIMEOUT,
        )
    assert b"--> x + 1\n21\n--> \nthe program goes on\n" in result.stdout


def test_what_is_typed_ahead_of_an_await_is_not_lost():
    lines = ["await double(%d)" % i for i in range(200)]
    assert transcript(*lines) == "".join("%d\n" % (2 * i) for i in range(200))


@pytest.mark.parametrize(
    "begin, blanks, end",
    [
        ("", " " * 15_000, ""),  # the editor needs several times its line
        ("\x05", "\n" * 120_000, "\x04"),
        ("\x01", "\n" * 120_000, "\x04"),
        ("\x01\x05A\x01", "\n" * 120_000, "\x04"),
    ],
    ids=["line", "paste", "raw", "raw paste"],
)
def test_code_that_does_not_fit_into_memory_is_refused_whole(begin, blanks, end):
    code = blanks + "print('tail')"
    after = "k = n; await asyncio.sleep_ms(50); print('alive', n > k)"
    back = "\x04\x02" if begin.startswith("\x01") else "\n"
    data = begin + code + end + "\n" + after + back + "\x04"
    result = run_piped(GATHER, data.encode(), heap="88K")
    output = result.stdout.decode()
    assert "\nMemoryError" in output
    assert "\ntail\n" not in output
    assert "alive True\n" in output.partition("MemoryError")[2]
    receipts = len(code) // 127 + 2 if "A" in begin else 0
    assert output.count("\x01") == receipts
    assert result.returncode == 0


def test_a_command_reads_its_own_input():
    text = run_piped(GATHER, b"import sys; x = sys.stdin.readline()\nhello\nx\n\4").stdout
    assert b"--> x\n'hello\\n'\n" in text


def test_a_closed_output_ends_the_repl_alone(program, tmp_path):
    path = program(LATER.replace('print("the', f'open("{tmp_path}/end", "w").write("the'))
    read, write = os.pipe()
    process = subprocess.Popen(
        [MICROPYTHON, str(path)],
        stdin=subprocess.PIPE,
        stdout=write,
        stderr=subprocess.DEVNULL,
        env=environment(),
        preexec_fn=_ignore_sigpipe,
        restore_signals=False,
    )
    os.close(write)
    assert os.read(read, 3) == b"Sta"
    os.close(read)
    process.stdin.write(b"1\n" * 50)
    process.stdin.close()
    assert process.wait(TIMEOUT) == 0
    assert (tmp_path / "end").read_text() == "the program goes on"


def _ignore_sigpipe():
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)


def test_a_terminal_that_hangs_up_ends_the_repl_alone(program, tmp_path):
    path = program(LATER.replace('print("the', f'open("{tmp_path}/end", "w").write("the'))
    with Terminal([MICROPYTHON, str(path)], controlling=False) as repl:
        repl.shows(START, "-->")
        repl.hang_up()
        assert repl.process.wait(TIMEOUT) == 0
    assert (tmp_path / "end").read_text() == "the program goes on"


# ---- the raw REPL, byte by byte


def test_the_raw_repl_answers_as_the_built_in_one(repl):
    repl.send("\x01")
    repl.writes("raw REPL; CTRL-B to exit\r\n>")
    repl.send("print(1)\n2\x04")
    repl.writes("OK1\r\n\x04\x04>")
    repl.send("1/0\x04")
    repl.writes("OK\x04Traceback (most recent call last):\r\n")
    repl.writes('  File "<stdin>", line 1, in <module>\r\n')
    repl.writes("ZeroDivisionError: divide by zero\r\n\x04>")
    repl.send("junk\x03print('é')\x04")
    repl.writes("OKé\r\n\x04\x04>")
    repl.send("\x05A\x01")
    repl.writes("R\x01\x7f\x00\x01")
    repl.send("x = 5" + " " * 130)
    repl.writes("\x01")
    repl.send("\nprint('é', x)\x04")
    repl.writes("\x04é 5\r\n\x04\x04>")
    repl.send("\x05A\x01")
    repl.writes("R\x01\x7f\x00\x01")
    repl.send("print(1)\x03")
    repl.writes("\x04\x04\x04>")
    repl.send("\x04")
    repl.writes("OK\r\nsoft reboot\r\nraw REPL; CTRL-B to exit\r\n>")
    repl.send("\x02")
    repl.writes("\r\n--> ")
    repl.send("x\r")
    repl.writes("x\r\n5\r\n--> ")


def test_tasks_go_on_while_the_raw_repl_waits_for_code(repl):
    repl.send("\x01print(n)\x04")
    repl.writes("OK")
    time.sleep(0.1)  # the time that passes is the subject
    repl.send("k = n\nawait asyncio.sleep_ms(0)\nprint(k > 10)")
    time.sleep(0.1)
    repl.send("\nprint(n > k)\x04")
    repl.writes("OKTrue\r\n")


def test_an_exit_in_the_raw_repl_ends_the_program(repl):
    repl.send("\x01import sys; sys.exit(3)\x04")
    repl.writes("OK\x04\x04")
    assert repl.exit_code() == 3
    assert repl.attributes() == repl.before


def test_a_second_loop_is_refused_instead_of_crashing():
    commands = (
        b"async def f(): return 5\nasyncio.run(f())\nawait f(); asyncio.run(f())\n"
        b"from asyncio import run\nrun(f())\nasyncio.get_event_loop().run_forever()\n"
        b"await f()\n40 + 2\n"
    )
    result = run_piped(ROOT / "tests" / "host" / "programs" / "repl_gather.py", commands + b"\4")
    error = b"RuntimeError: asyncio.run(): a loop runs already; use await"
    assert result.stdout.count(error) == 4
    assert b"\n5\n" in result.stdout and b"\n42\n" in result.stdout
    assert result.returncode == 0
