"""tests/conftest.py: what counts as a device test, and that each kind of failure fails."""

import functools
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MICROPYTHON = os.environ.get("MICROPYTHON") or str(ROOT / ".venv" / "bin" / "micropython")
MICROPYTHON = os.path.abspath(shutil.which(MICROPYTHON) or MICROPYTHON)


def run_session(root, files, *arguments, **environment):
    """Run pytest over a tree of these files; returns its exit code and output."""
    (root / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "conftest.py", root / "tests")
    shutil.copy(ROOT / "pyproject.toml", root)
    for name, text in files.items():
        path = root / "tests" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    env = dict(os.environ, MICROPYTHON=MICROPYTHON, COLUMNS="200")
    env.pop("PYTEST_ADDOPTS", None)
    env.update(environment)
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", *arguments]
    result = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True)
    return result.returncode, result.stdout + result.stderr


@pytest.fixture
def session(tmp_path):
    """`run_session` in an empty folder."""
    return functools.partial(run_session, tmp_path)


def test_each_function_is_an_item_of_its_own_process(session):
    code, output = session(
        {
            "device/test_a.py": "seen = []\n"
            "def setup():\n    seen.append('setup')\n"
            "def test_one():\n    seen.append(1)\n    assert seen == ['setup', 1]\n"
            "async def test_two():\n    seen.append(2)\n    assert seen == ['setup', 2]\n"
            "def helper():\n    assert False\n"
        }
    )
    assert code == 0
    assert "tests/device/test_a.py::test_one PASSED" in output
    assert "tests/device/test_a.py::test_two PASSED" in output
    assert "2 passed" in output


def test_a_test_runs_on_micropython_from_the_root_with_a_folder_of_its_own(session):
    code, output = session(
        {
            "device/support.py": "word = 'found'\n",
            "device/test_a.py": "import os, sys, support\n"
            "def test_a():\n"
            "    assert sys.implementation.name == 'micropython'\n"
            "    assert os.stat('tests/device') and support.word == 'found'\n"
            "    assert os.listdir(os.getenv('TEST_TMP')) == []\n",
        }
    )
    assert code == 0, output


def test_a_failure_shows_the_output_and_the_line_and_nothing_of_pytest(session):
    code, output = session(
        {"device/test_a.py": "def test_a():\n    print('before')\n    assert 1 == 2, 'why'\n"}
    )
    assert code == 1
    assert "before\nTraceback" in output
    assert 'File "tests/device/test_a.py", line 3, in test_a\nAssertionError: why' in output
    assert "FAILED tests/device/test_a.py::test_a - AssertionError: why" in output
    assert "conftest.py" not in output


# what a test file says, what the report says of it
FAILURES = {
    "early exit": (
        "import sys\ndef test_a():\n    sys.exit(0)\n",
        "the process ended before the test returned (exit code 0)",
    ),
    "exit code": ("import sys\ndef test_a():\n    sys.exit(7)\n", "exit code 7"),
    "killed": (
        "import os\ndef test_a():\n    os.system('kill -9 $PPID')\n",
        "killed by SIGKILL",
    ),
    "hang": (
        "import asyncio\nTIMEOUT = 0.5\n"
        "async def test_a():\n    print('so far')\n    await asyncio.sleep(50)\n",
        "did not end within 0.5 s\ntests/device/test_hang.py:3: output:\nso far",
    ),
    # Some versions of asyncio.run() return at a deadlock, others wait for ever.
    "deadlock": (
        "import asyncio\nTIMEOUT = 0.5\n"
        "async def test_a():\n    print('so far')\n    await asyncio.Event().wait()\n",
        "tests/device/test_deadlock.py:3: output:\nso far",
    ),
    "endless output": (
        "def test_a():\n    while True:\n        print('again' * 20)\n",
        "wrote more than 1000000 bytes",
    ),
    "bare assert": (
        "def test_a():\n    x = 1\n    assert x == 2\n",
        "assert x == 2\ntests/device/test_bare_assert.py:1: output:\nTraceback",
    ),
    "import": ("import absent\ndef test_a():\n    pass\n", "ImportError: no module named"),
    "unknown syntax": (
        "def test_a():\n    pass\ndef other(a):\n    return {**a}\n",
        "SyntaxError",
    ),
    "setup": ("def setup():\n    1 / 0\ndef test_a():\n    pass\n", "ZeroDivisionError"),
    "heap": ("HEAP = '20K'\ndef test_a():\n    bytearray(30000)\n", "MemoryError"),
}


@pytest.fixture(scope="module")
def failures(tmp_path_factory):
    """The report of one session with all of FAILURES, as name: section."""
    files = {
        f"device/test_{name.replace(' ', '_')}.py": text for name, (text, _) in FAILURES.items()
    }
    code, output = run_session(tmp_path_factory.mktemp("failures"), files)
    assert code == 1
    assert f"{len(FAILURES)} failed" in output
    return output


@pytest.mark.parametrize("name", FAILURES)
def test_a_test_fails(failures, name):
    text, message = FAILURES[name]
    path = f"tests/device/test_{name.replace(' ', '_')}.py"
    assert f"{path}::test_a FAILED" in failures
    line = 1 + text[: text.index("def test_a")].count("\n")
    section = next(s for s in failures.split("\n____") if f"\n{path}:{line}: output:\n" in s)
    assert message in section


@pytest.mark.parametrize(
    ("name", "passed"),
    [
        ("device/test_a.py", 2),
        ("device/test_a.py::test_two", 1),
        ("device/hello.py", 1),
        ("compat/old.py", 1),
        ("device", 3),
    ],
)
def test_what_is_named_on_the_command_line_is_collected_once(session, name, passed):
    only_here = "import sys\nassert sys.implementation.name == 'micropython'\n"
    files = {
        "device/test_a.py": only_here + "def test_one(): pass\nasync def test_two(): pass\n",
        "device/hello.py": only_here + "print(1)\n",
        "device/hello.exp": "1\n",
        "compat/old.py": only_here + "def test_old(): pass\nprint(2)\n",
        "compat/old.exp": "2\n",
    }
    code, output = session(files, f"tests/{name}")
    assert code == 0, output
    assert f"= {passed} passed in " in output


def test_a_helper_of_device_tests_named_on_the_command_line_is_refused(session):
    files = {"device/support.py": "def test_a(): pass\n"}
    code, output = session(files, "tests/device/support.py")
    assert code == 4
    assert "tests/device/support.py" in output


def test_a_traceback_on_the_way_is_no_failure(session):
    text = "import sys\ndef test_a():\n    sys.print_exception(ValueError())\n"
    assert session({"device/test_a.py": text})[0] == 0


# files that cannot be right, what the report says of them
ERRORS = {
    "device/test_empty.py": ("x = 1\n", "tests/device/test_empty.py: no test_ function in it"),
    "device/test_twice.py": (
        "def test_a():\n    pass\ndef test_a():\n    pass\n",
        "tests/device/test_twice.py:3: test_a defined twice",
    ),
    "device/test_args.py": (
        "def test_a(b):\n    pass\n",
        "test_args.py:1: test_a takes arguments",
    ),
    "device/test_syntax.py": ("def test_a(:\n", "tests/device/test_syntax.py: invalid syntax"),
    "compat/old.exp": ("1\n", "tests/compat/old.exp: no old.py beside it"),
}


def test_a_file_that_cannot_be_right_is_refused(session):
    code, output = session({name: text for name, (text, _) in ERRORS.items()})
    assert code == 2
    assert [m for _, m in ERRORS.values() if m not in output] == []
    assert f"{len(ERRORS)} errors" in output


def test_a_missing_interpreter_is_an_error(session):
    code, output = session({"device/test_a.py": "def test_a():\n    pass\n"}, MICROPYTHON="/none")
    assert code == 4
    assert "no MicroPython at /none" in output


def test_a_program_with_the_expected_output_passes(session):
    code, output = session(
        {
            "device/hello.py": "print('a  ')\nprint('é')\n",
            "device/hello.exp": "a  \né\n",
            "compat/old.py": "print(1)\n",
            "compat/old.exp": "1\n",
            "compat/helper.py": "1 / 0\n",
        }
    )
    assert code == 0, output
    assert "2 passed" in output


# program, expected output, what the report shows
DIFFERENCES = [
    ("print('a')\n", "b\n", "-b\n+a"),
    ("print('a ')\n", "a\n", "-a\n+a\u2420"),
    ("print('a', end='')\n", "a\n", "-a\n+a  [no newline at the end]"),
    ("print('a')\nprint('\\x1b[0m')\n", "a\n", " a\n+\\x1b[0m"),
    ("import sys\nprint('a')\nsys.exit(3)\n", "a\n", "exit code 3"),
]


def test_a_program_with_other_output_fails(session):
    files = {}
    for i, (text, expected, _) in enumerate(DIFFERENCES):
        files[f"compat/old{i}.py"] = text
        files[f"compat/old{i}.exp"] = expected
    code, output = session(files)
    assert code == 1
    sections = output.split("\n____")[1:]
    assert len(sections) == len(DIFFERENCES)
    for i, (_, _, shown) in enumerate(DIFFERENCES):
        assert f"tests/compat/old{i}.py:1: output:" in sections[i]
        assert shown in sections[i]
