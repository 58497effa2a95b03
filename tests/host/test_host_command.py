"""The host command against a program on the unix port, which goes on meanwhile."""

import os
import pty
import select
import signal
import subprocess
import threading
import time
import tty
from types import SimpleNamespace

import pytest
import serial
from hostcommand import aioctl, command, environment
from ptyboard import ROOT, TIMEOUT, SerialBoard

from aioctl_host import board as board_module
from aioctl_host import link
from aioctl_host.errors import Failure

PROGRAM = ROOT / "tests" / "host" / "programs" / "tasks.py"
NAMES = (
    "answer faulty nan noisy numbers repl report schedule_loop stubborn waits watcher_loop żółw"
)


class Board(SerialBoard):
    """A program on the unix port, and the command on its port."""

    def aioctl(self, *arguments, **options):
        """Run the command on this board."""
        return aioctl("--port", self.port, *arguments, **options)

    def exec(self, code):
        """What a snippet prints, by the real mpremote."""
        result = self.mpremote("resume", "exec", code)
        text = result.stdout.decode().replace("\r\n", "\n")
        assert result.returncode == 0, text
        return text

    def type(self, keys):
        """Press keys at the REPL, and wait until they were taken in."""
        fd = os.open(self.port, os.O_RDWR | os.O_NOCTTY)
        os.write(fd, keys)
        while select.select([fd], [], [], 0.3)[0]:
            os.read(fd, 4096)
        os.close(fd)


@pytest.fixture
def board():
    with Board(PROGRAM) as board:
        yield board
        assert board.process.poll() is None, "the program has ended"


def states(board):
    return {name: i["state"] for name, i in board.aioctl("status", "--json").json.items()}


# -- looking


def test_status_shows_a_line_for_each_task(board):
    lines = board.aioctl("status").text.splitlines()
    assert lines[0].split() == ["task", "state", "starts", "next", "start", "result"]
    assert [line.split()[0] for line in lines[1:]] == NAMES.split()
    row = {line.split()[0]: line for line in lines[1:]}
    assert " done " in row["answer"] and row["answer"].endswith("{'a': 42}")
    assert " error " in row["faulty"] and row["faulty"].endswith("ValueError: no LED é4")
    assert " backoff " in row["waits"] and ", restart in 00:" in row["waits"]
    assert " running " in row["numbers"]
    assert " scheduled " in row["report"] and " in " in row["report"]
    assert not any(line.endswith(" ") for line in lines)


def test_status_json_is_what_info_says(board):
    all_tasks = board.aioctl("status", "--json").json
    assert list(all_tasks) == NAMES.split()
    one = board.aioctl("status", "faulty", "--json").json
    assert one == dict(all_tasks["faulty"], now=one["now"], since=one["since"]) | {
        "done_at": one["done_at"]
    }
    assert one["error"] == "ValueError: no LED é4"
    assert all_tasks["nan"]["result"] == "nan"
    assert list(board.aioctl("status", "*r*s", "--json").json) == ["numbers"]


def test_status_of_one_task_shows_its_arguments_and_traceback(board):
    text = board.aioctl("status", "faulty").text
    assert "args" in text and "ValueError: no LED é4\n" in text
    assert ", in faulty\n" in text


def test_colours_go_only_where_they_are_wanted(board):
    assert "\x1b[" not in board.aioctl("status").text
    assert "\x1b[1;32mrunning" in board.aioctl("status", FORCE_COLOR="1").text
    assert "\x1b[1;32m" not in board.aioctl("status", FORCE_COLOR="1", NO_COLOR="1").text


def test_result_prints_the_value_and_tells_a_failure_by_the_exit_code(board):
    assert board.aioctl("result", "answer").text == "{'a': 42}\n"
    assert board.aioctl("result", "faulty").refused(1) == "faulty failed: ValueError: no LED é4"
    assert board.aioctl("result", "numbers").refused(1) == "numbers has no result: running"
    failed = board.aioctl("result", "faulty", "--json")
    assert failed.code == 1 and '"error": "ValueError: no LED é4"' in failed.out
    assert board.aioctl("result", "answer", "--json").json == {
        "name": "answer",
        "state": "done",
        "result": "{'a': 42}",
        "error": None,
    }


def test_traceback_prints_that_of_a_failed_task(board):
    lines = board.aioctl("traceback", "faulty").text.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == "ValueError: no LED é4"
    assert board.aioctl("traceback", "answer").refused(1) == "answer has no traceback: done"
    got = board.aioctl("traceback", "faulty", "--json").json
    assert got == {
        "name": "faulty",
        "state": "error",
        "error": "ValueError: no LED é4",
        "traceback": "\n".join(lines) + "\n",
    }
    assert board.aioctl("traceback", "answer", "--json").code == 1


@pytest.mark.parametrize("verb", ["status", "result", "traceback", "start", "stop", "restart"])
def test_an_unknown_task_is_refused_with_the_names_of_the_others(board, verb):
    said = board.aioctl(verb, "nosuch").refused(1)
    assert said == "there is no task 'nosuch'; known: " + NAMES.replace(" ", ", ")


def test_a_pattern_that_means_several_has_no_single_result(board):
    assert board.aioctl("result", "n*").refused(1) == "'n*' is more than one task: " + (
        "nan, noisy, numbers"
    )


# -- looking back


FAILING = """
import asyncio, time
import aioctl, aiorepl

async def hog():
    while True:
        time.sleep_ms(30)
        await asyncio.sleep_ms(5)

async def faulty(x):
    raise ValueError("no LED " + x)

async def main():
    aioctl.add(faulty, "é4", restart="no")
    aioctl.add(hog)
    aioctl.add(aiorepl.task, name="repl")
    await asyncio.gather(*aioctl.tasks())

asyncio.run(main())
"""


@pytest.fixture
def failing(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(FAILING)
    with Board(program) as board:
        yield board
        assert board.process.poll() is None, "the program has ended"


def test_crashes_shows_what_failed_since_they_are_noted(failing):
    said = failing.aioctl("crashes").refused(1)
    assert said == "the program notes no failures: it never called aiocrash.start()"
    failing.exec("import aiocrash; aiocrash.start()")
    assert failing.aioctl("crashes").text == ""
    assert failing.aioctl("crashes", "--json").json == []
    assert failing.aioctl("restart", "faulty").code == 0
    failing.exec("_ = aioctl.add(faulty, 'x', name='faulty_2', restart='no')")
    lines = failing.aioctl("crashes").text.splitlines()
    assert lines[0].endswith(" faulty: ValueError: no LED é4")
    assert lines[1].startswith("    start 2, up ") and lines[1].endswith(" bytes free")
    assert lines[-1] == "    ValueError: no LED x"
    assert "é4" not in failing.aioctl("crashes", "*2").text
    assert "é4" not in failing.aioctl("crashes", "-n", "1").text
    assert failing.aioctl("crashes", "-n", "0").text == ""
    found = failing.aioctl("crashes", "faulty*", "--json").json
    assert [e["name"] for e in found] == ["faulty", "faulty_2"]
    assert failing.aioctl("crashes", "--json", "-n", "1").json == found[1:]
    assert failing.aioctl("crashes", "-n", "0", "--json").json == []


def test_boot_tells_of_the_last_reset(failing):
    lines = failing.aioctl("boot").text.splitlines()
    assert lines == ["reset: cause unknown", "crashes are not noted: aiocrash.start() first"]
    assert failing.aioctl("boot", "--json").json == {
        "reset": "",
        "blamed": None,
        "why": None,
        "last": None,
        "ran": [],
        "ran_at": None,
        "failures": None,
    }


def test_top_samples_and_shows_whose_steps_the_time_goes_to(failing):
    lines = failing.aioctl("top", "-s", "0").text.splitlines()
    assert lines[0].split() == ["task", "state", "starts", "failures", "up"]
    assert [line.split()[0] for line in lines[1:4]] == ["faulty", "hog", "repl"]
    assert lines[4].startswith("failures: of the last ")
    assert failing.aioctl("restart", "faulty").code == 0
    lines = failing.aioctl("top", "-s", "1").text.splitlines()
    assert lines[0].split()[-3:] == ["share", "longest", "step"]
    assert lines[1].split()[:2] == ["hog", "running"]
    assert not any(line.endswith(" ") for line in lines)
    found = failing.aioctl("top", "*a*", "-s", "0", "--json").json
    assert [(row["name"], row["failures"]) for row in found["tasks"]] == [("faulty", 1)]
    assert found["samples"] > 1
    assert failing.aioctl("top", "nosuch").refused(1).startswith("there is no task 'nosuch'")
    assert "\x1b[" in failing.aioctl("top", "-s", "0", FORCE_COLOR="1").text


# -- acting


def test_stop_start_and_restart_do_that(board):
    assert board.aioctl("stop", "numbers").text == "numbers: stopped\n"
    assert board.aioctl("start", "numbers").text == "numbers: running\n"
    assert board.aioctl("restart", "answer").text == "answer: done\n"
    assert board.aioctl("status", "answer", "--json").json["starts"] == 2
    assert board.aioctl("stop", "n*").text == "nan: done\nnoisy: stopped\nnumbers: stopped\n"
    started = board.aioctl("start", "numbers", "--json").json
    assert {name: i["state"] for name, i in started.items()} == {"numbers": "running"}


def test_a_task_that_does_not_stop_is_told_of(board):
    assert board.aioctl("stop", "stubborn").text == "stubborn: stopping\n"
    assert board.aioctl("stop", "repl").refused(1) == "stop repl: can't cancel self, repl"
    assert states(board)["repl"] == "running"


# -- the log


def test_log_shows_what_is_kept_or_what_matches(board):
    assert board.aioctl("stop", "żółw").code == 0  # it would push the lines out in the end
    board.exec("log.write('[x] one é\\n[y] two\\n')")
    assert "[x] one é\n[y] two\n" in board.aioctl("log").text
    assert board.aioctl("log", "[x]").text == "[x] one é\n"
    assert board.aioctl("log", "nothing like it").text == ""
    assert board.aioctl("log", "[x]", "--json").text == '"[x] one é"\n'


def follow(board, grep):
    """Start `aioctl log -f`; the lines come as it prints them."""
    return subprocess.Popen(
        command("-p", board.port, "log", "-f", grep),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        env=environment(),
    )


def test_log_f_shows_each_line_once_until_ctrl_c(board):
    following = follow(board, "[żółw]")
    first = [following.stdout.readline() for _ in range(40)]  # one is written every 50 ms
    following.send_signal(signal.SIGINT)
    rest = following.communicate(timeout=TIMEOUT)[0]
    assert following.returncode == 130
    numbers = [int(line.split()[2]) for line in "".join([*first, rest]).splitlines()]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert board.exec("print('__aioctl' in globals())") == "False\n"


def test_a_log_f_that_was_killed_does_not_shut_others_out(board):
    assert board.aioctl("stop", "żółw").code == 0
    board.exec("log.write('[x] last\\n')")
    following = follow(board, "[x]")
    assert following.stdout.readline() == "[x] last\n"
    time.sleep(1)  # by now it waits on the board for the next, which never comes
    following.kill()
    following.communicate()
    assert states(board)["numbers"] == "running"


# -- beside others


def test_the_program_goes_on_and_nothing_is_left_in_it(board):
    before = set(board.exec("print(*sorted(globals()))").split())
    n = int(board.exec("print(n)"))
    board.aioctl("status")
    board.aioctl("restart", "answer")
    board.aioctl("log")
    assert int(board.exec("print(n)")) > n
    assert set(board.exec("print(*sorted(globals()))").split()) == before


def test_what_other_tasks_print_is_no_answer(board):
    # It looks like each of the marks that the protocol knows, as far as text can.
    board.aioctl("start", "noisy")
    for _ in range(5):
        assert list(board.aioctl("status", "--json").json) == NAMES.split()
    assert board.aioctl("stop", "noisy").text == "noisy: stopped\n"


@pytest.mark.parametrize(
    "keys",
    [
        b"half a line",
        b"\x05paste\rmode",
        b"for i in x:\r",
        b"\x01raw",
        b"\x01\x05A\x01raw paste",
        b"\x1b[A",
    ],
)
def test_what_somebody_has_begun_to_type_is_forgotten_not_run(board, keys):
    board.type(keys)
    assert states(board)["numbers"] == "running"
    assert board.exec("print(n > 0)") == "True\n"


# -- what can be wrong


def test_a_program_without_a_repl_is_not_interrupted(tmp_path):
    program = tmp_path / "program.py"
    program.write_text("import time\nwhile True:\n    time.sleep(1)\n")
    with Board(program) as board:
        said = board.aioctl("status").refused(3)
        assert said.startswith(f"{board.port}: the board does not answer: ")
        assert board.process.poll() is None


def test_a_board_at_its_own_repl_is_told_apart():
    with Board("-i") as board:
        said = board.aioctl("status").refused(4)
    assert said.endswith("the board is at its own REPL: no program with aiorepl is running")


def test_a_program_without_aioctl_is_told_apart():
    with Board(ROOT / "tests" / "host" / "programs" / "repl_gather.py") as board:
        said = board.aioctl("status").refused(4)
    assert said.endswith("the program there does not use aioctl")


def test_a_program_without_a_log_says_so(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import asyncio, aioctl, aiorepl\n"
        "async def main():\n"
        "    aioctl.add(aiorepl.task, name='repl')\n"
        "    await asyncio.gather(*aioctl.tasks())\n"
        "asyncio.run(main())\n"
    )
    with Board(program) as board:
        said = board.aioctl("log").refused(1)
    assert said == "the program keeps no log: it never called aioctl.set_log()"


def test_a_port_that_is_not_there(tmp_path):
    port = str(tmp_path / "ttyACM0")
    assert aioctl("-p", port, "status").refused(3) == f"{port}: there is no such port"
    assert aioctl("status", AIOCTL_PORT=port).refused(3) == f"{port}: there is no such port"


def test_a_port_that_another_program_has(board):
    with serial.Serial(board.port, exclusive=True):
        said = board.aioctl("status").refused(3)
    assert said == f"{board.port}: in use by another program"


def test_a_port_that_goes_away(board):
    # A terminal that answers until the raw REPL is entered, and is unplugged then.
    master, slave = pty.openpty()
    tty.setraw(slave)
    port = os.ttyname(slave)

    def unplug():
        os.read(master, 1)
        os.write(master, b"raw REPL; CTRL-B to exit\r\n>")
        os.close(slave)
        os.read(master, 1)
        os.close(master)

    thread = threading.Thread(target=unplug)
    thread.start()
    said = aioctl("-p", port, "status").refused(3)
    thread.join()
    assert said.startswith(f"{port}: the connection was lost (")


def test_a_port_that_falls_silent(monkeypatch):
    master, slave = pty.openpty()
    tty.setraw(slave)
    port = os.ttyname(slave)

    def answer():
        os.read(master, 1)
        os.write(master, b"raw REPL; CTRL-B to exit\r\n>")

    thread = threading.Thread(target=answer)
    thread.start()
    monkeypatch.setattr(link, "ANSWER_S", 0.3)
    with pytest.raises(Failure) as e:
        board_module.Board(port)
    thread.join()
    os.close(slave)
    os.close(master)
    assert (e.value.code, str(e.value)) == (3, f"{port}: the board stopped answering (no answer)")


@pytest.mark.parametrize(
    "ports, said",
    [
        ([], "no board found at any USB port; name one with --port or AIOCTL_PORT"),
        (["b", "a"], "2 boards found: a, b; name one with --port or AIOCTL_PORT"),
    ],
)
def test_without_a_port_there_must_be_one_board(monkeypatch, ports, said):
    monkeypatch.delenv("AIOCTL_PORT", raising=False)
    usb = [SimpleNamespace(device=name, vid=0x2E8A) for name in ports]
    other = SimpleNamespace(device="ttyS0", vid=None)
    comports = board_module.serial.tools.list_ports
    monkeypatch.setattr(comports, "comports", lambda: [*usb, other])
    with pytest.raises(Failure) as e:
        board_module.find_port(None)
    assert (e.value.code, str(e.value)) == (3, said)
    monkeypatch.setattr(comports, "comports", lambda: [SimpleNamespace(device="c", vid=1), other])
    assert board_module.find_port(None) == "c"
    monkeypatch.setenv("AIOCTL_PORT", "d")
    assert (board_module.find_port(None), board_module.find_port("e")) == ("d", "e")


@pytest.mark.parametrize(
    "arguments, said",
    [
        ([], "the following arguments are required: VERB (see aioctl --help)"),
        (["result"], "the following arguments are required: NAME (see aioctl result --help)"),
        (["status", "a", "b"], "unrecognized arguments: b (see aioctl --help)"),
        (
            ["crashes", "-n", "x"],
            "argument -n: expected a whole number, got 'x' (see aioctl crashes --help)",
        ),
        (
            ["top", "-s", "0.01"],
            "argument -s/--seconds: expected 0, or 0.1 to 86400, got '0.01' "
            "(see aioctl top --help)",
        ),
        (
            ["top", "-s", "five"],
            "argument -s/--seconds: expected 0, or 0.1 to 86400, got 'five' "
            "(see aioctl top --help)",
        ),
    ],
)
def test_a_wrong_command_line_is_one_line(arguments, said):
    assert aioctl(*arguments).refused(2) == said


def test_help_names_every_verb():
    text = aioctl("--help").text
    verbs = (
        "status log result traceback crashes boot top start stop restart deploy flash completion"
    )
    for verb in verbs.split():
        assert f"\n    {verb} " in text
    assert "exit codes:" in text


# -- completion


def test_bash_completes_verbs_and_options(tmp_path):
    script = tmp_path / "aioctl.bash"
    script.write_text(aioctl("completion", "bash").text)
    ask = """
        source %s
        COMP_WORDS=(aioctl %s) COMP_CWORD=%d COMP_LINE="aioctl %s" COMPREPLY=()
        $(complete -p aioctl | sed 's/.* -F \\([^ ]*\\) .*/\\1/') aioctl
        printf '%%s\\n' "${COMPREPLY[@]}"
    """

    def complete(*words):
        line = " ".join(words)
        result = subprocess.run(
            ["bash", "-c", ask % (script, line, len(words), line)], capture_output=True, text=True
        )
        return result.stdout.split()

    assert complete("st") == ["status", "start", "stop"]
    assert "--dry-run" in complete("deploy", "--dr")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_a_script_with_every_verb(shell):
    text = aioctl("completion", shell).text
    assert all(verb in text for verb in ("status", "deploy", "dry-run", "follow"))


def test_an_unknown_shell_is_refused():
    assert "'csh'" in aioctl("completion", "csh").refused(2)
