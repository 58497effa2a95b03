"""What `aioctl deploy` plans, compiles, and does to a board that the unix port plays."""

import hashlib
import os
import pathlib
import re
import stat
import subprocess
import sys

import pytest
from hostcommand import aioctl
from ptyboard import MICROPYTHON, ROOT, SerialBoard

from aioctl_host import build, plan
from aioctl_host.errors import Failure
from aioctl_host.project import Project

BLOCK = 4096
ABOUT = {"block": BLOCK, "free": 100 * BLOCK, "half": False, "mpy": 6, "version": "1.29.0"}


def make(made, there=(), **about):
    """The plan for {path: bytes} on a board that holds {path: bytes}; None is a folder."""
    there = dict(there)
    sizes = {path: -1 if data is None else len(data) for path, data in there.items()}
    made = list(made.items())
    hashes = {path: plan.digest(there[path]) for path in plan.to_hash(made, sizes)}
    return plan.make(made, ABOUT | about, sizes, hashes)


def actions(p):
    return {i.path: i.action for i in p.items}


# -- planning


def test_only_what_differs_is_copied():
    p = make({"a.mpy": b"12", "b.mpy": b"12", "c.mpy": b"3"}, {"a.mpy": b"12", "b.mpy": b"13"})
    assert actions(p) == {"a.mpy": "same", "b.mpy": "replace", "c.mpy": "new"}
    assert [i.path for i in p.to_copy] == ["b.mpy", "c.mpy"]


def test_nothing_is_done_when_all_is_there():
    p = make({"a.mpy": b"1", "main.py": b"2"}, {"a.mpy": b"1", "main.py": b"2", "other.py": b"3"})
    assert p.nothing and p.need == 0


def test_what_an_interrupted_copy_left_is_used_if_it_is_whole():
    p = make({"a.mpy": b"12", "b.mpy": b"34"}, {"a.mpy.new": b"12", "b.mpy.new": b"3"})
    assert [i.path for i in p.to_copy] == ["b.mpy"]
    assert len(p.changed) == 2


def test_files_that_hide_others_or_are_left_over_are_removed():
    made = {"aioctl.mpy": b"1", "lib/aiox/__init__.mpy": b"2", "app.py": b"3", "main.py": b"4"}
    there = {
        "aioctl.py": b"",  # would be imported in its stead
        "app.mpy": b"",
        "lib/aiox/__init__.py": b"",
        "lib/aiox/gone.mpy": b"",  # of an earlier version
        "lib/aiox/gone.mpy.new": b"",
        "aioctl.mpy.new": b"",  # overwritten by what comes
        "mine.py": b"",
        "lib/mine.mpy": b"",
        "data.new": b"",
        "lib": None,
        "lib/aiox": None,
    }
    p = make(made, there)
    assert p.removes == [
        "aioctl.py",
        "app.mpy",
        "lib/aiox/__init__.py",
        "lib/aiox/gone.mpy",
        "lib/aiox/gone.mpy.new",
    ]
    assert p.folders == []
    assert make(made).folders == ["lib", "lib/aiox"]


def test_what_hides_lib_from_the_root_is_told_of():
    made = {"lib/aiox/__init__.mpy": b"2", "lib/logging.mpy": b"1"}
    p = make(made, {"aiox": None, "logging.py": b"", "lib/logging": None})
    assert p.warnings == [
        "aiox in the root of the board hides lib/aiox: remove it",
        "logging.py in the root of the board hides lib/logging: remove it",
        "the folder lib/logging on the board hides the module: remove it",
    ]


def test_a_main_of_the_user_is_kept_once():
    assert make({"main.py": b"2"}, {"main.py": b"1"}).keeps == ["main.py"]
    assert make({"main.py": b"2"}, {"main.py": b"1", "main.py.old": b"0"}).keeps == []
    assert make({"main.py": b"2"}, {"main.py": b"1"}, half=True).keeps == []
    assert make({"app.py": b"2"}, {"app.py": b"1"}).keeps == []


def test_space_is_counted_in_blocks_with_old_and_new_side_by_side():
    made = {"a.mpy": b"x" * 5000, "lib/b.mpy": b"y", "same.mpy": b"z"}
    p = make(made, {"a.mpy": b"x", "same.mpy": b"z"})
    assert p.need == 2 * BLOCK + BLOCK + 2 * BLOCK + 2 * BLOCK  # a, b, lib, main.py's stand-in
    half_there = make(made, {"a.mpy": b"x", "same.mpy": b"z", "a.mpy.new": b"x" * 4000})
    assert half_there.need == p.need - BLOCK


# -- the moment in which all change places


def board_folder(path, files):
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)


def contents(path):
    return {str(f.relative_to(path)): f.read_bytes() for f in path.rglob("*") if f.is_file()}


CUT = """
import os
class Cut(Exception): pass
n = %d
class Failing:
    def __getattr__(self, name):
        real = getattr(os, name)
        if name not in ("rename", "remove"):
            return real
        def cut(*a):
            global n
            if n == 0:
                raise Cut
            n -= 1
            return real(*a)
        return cut
import sys
sys.modules["os"] = Failing()
try:
    exec(open("main.py").read(), {"__name__": "half"})
except Cut:
    pass
"""


@pytest.mark.parametrize("with_main", [True, False])
def test_a_power_cut_anywhere_in_it_leaves_the_stand_in_which_ends_it(tmp_path, with_main):
    made = {"a.mpy": b"A2", "lib/b.mpy": b"B2", "boot.py": b"T2"}
    there = {"a.mpy": b"A1", "boot.py": b"T1", "a.py": b"old", "boot.fails": b"xx"}
    if with_main:
        made["main.py"], there["main.py"] = b"M2", b"M1"
    p = make(made, there)
    staged = {name + ".new": data for name, data in made.items()}
    steps = len(made) + 3
    for cut in range(steps + 1):
        folder = tmp_path / str(cut)
        board_folder(folder, there | staged | {"main.py": plan.switch(p).encode()})
        for n in (cut, 1000):  # the second is the next boot
            if (folder / "main.py").exists() and (folder / "main.py").read_bytes() != b"M2":
                subprocess.run([MICROPYTHON, "-c", CUT % n], cwd=folder, check=True)
        assert contents(folder) == made, cut


def test_the_stand_in_stops_at_what_is_no_matter_of_done_before(tmp_path):
    # A folder in the way: nothing may be started on files that are half old, half new.
    p = make({"a.mpy": b"A2", "main.py": b"M2"}, {"a.mpy": b"A1", "main.py": b"M1"})
    board_folder(
        tmp_path, {"a.mpy/x": b"", "a.mpy.new": b"A2", "main.py": plan.switch(p).encode()}
    )
    result = subprocess.run([MICROPYTHON, "main.py"], cwd=tmp_path, capture_output=True, text=True)
    assert "OSError" in result.stderr + result.stdout
    assert (tmp_path / "main.py").read_text().startswith(plan.HALF)


# -- what is chosen


@pytest.fixture
def project():
    return Project(ROOT)


def lib_of(files):
    return {f.split("/")[1].removesuffix(".py") for f in files if f.startswith("lib/")}


def test_by_default_everything_goes(project):
    files = project.choose()
    assert {"aioctl.py", "aiorepl.py", "boot.py", "main.py", "lib/logging/__init__.py"} <= set(
        files
    )
    assert lib_of(files) == set(project.lib)
    assert files[-2:] == ["boot.py", "main.py"]  # the last to be put in place
    assert not any(f.endswith("manifest.py") for f in files)


def test_core_is_what_package_json_says(project):
    files = project.choose(core=True)
    assert files == sorted(project.core)
    assert "main.py" not in files and "lib/logging/__init__.py" not in files


def test_lib_adds_to_the_core_what_is_named_and_what_main_imports(project):
    files = project.choose(lib=[])
    assert set(project.core) < set(files)
    assert {"main.py", "lib/logging/__init__.py"} <= set(files)


@pytest.mark.parametrize("short", ["trigger", "triggers", "aiotrigger"])
def test_names_may_be_short(project, short):
    assert project.find(short) == "aiotrigger"


def test_an_unknown_name_is_refused_with_the_known_ones(project):
    with pytest.raises(Failure, match="there is no 'nosuch' in lib/; known: .*tail, .*trigger"):
        project.find("nosuch")


def test_what_is_required_comes_too(project):
    assert project.closure(["aiostatus"]) == {"aiostatus", *project.closure(["aiocontrol"])}


def test_the_program_of_the_user_brings_what_it_imports(tmp_path):
    small = small_project(tmp_path)
    app = tmp_path / "app.py"
    app.write_text("def setup():\n    from aioextra.part import x\n")
    assert "lib/aioextra/part.py" not in small.choose(lib=[])
    assert "lib/aioextra/part.py" in small.choose(lib=[], app=app)
    assert "lib/aioextra/part.py" in small.choose(core=True, app=app)


# -- a small project on the unix port


def small_project(path):
    """A project of a few lines, with a package that nobody needs."""
    board_folder(
        path / "project",
        {
            "aioctl.py": b"VALUE = 1\n",
            "package.json": b'{"urls": [["aioctl.py", "aioctl.py"]]}',
            "main.py": b"import aioctl\n",
            "lib/aioextra/__init__.py": b"import aioctl\n",
            "lib/aioextra/part.py": b"x = %r\n" % ("y" * 3000),
            "lib/aioextra/manifest.py": b'package("aioextra")\n',
        },
    )
    return Project(path / "project")


PROGRAM = """
import os, sys
sys.path[:0] = ["%s", "%s/lib"]
os.chdir("%s")
import asyncio, aioctl, aiorepl
n = 0
async def count():
    global n
    while True:
        n += 1
        await asyncio.sleep_ms(5)
async def main():
    aioctl.add(count)
    aioctl.add(aiorepl.task, name="repl")
    await asyncio.gather(*aioctl.tasks())
asyncio.run(main())
"""


class Board(SerialBoard):
    """A program whose working folder is the flash of a board."""

    def __init__(self, path):
        self.root = path / "board"
        self.root.mkdir(exist_ok=True)
        program = path / "program.py"
        program.write_text(PROGRAM % (ROOT, ROOT, self.root))
        small_project(path)
        self.project = path / "project"
        super().__init__(program)

    def deploy(self, *arguments, **options):
        """Run `aioctl deploy` there; no reset, which the unix port does not have."""
        project = ("--project", self.project)
        return aioctl("-p", self.port, "deploy", *project, "--no-reset", *arguments, **options)


@pytest.fixture
def board(tmp_path):
    with Board(tmp_path) as board:
        yield board
        assert board.process.poll() is None, "the program has ended"


def names(board):
    return sorted(contents(board.root))


ALL = ["aioctl.mpy", "lib/aioextra/__init__.mpy", "lib/aioextra/part.mpy", "main.py"]


def test_deploy_copies_all_and_then_nothing(board):
    first = board.deploy()
    assert first.code == 0 and re.search(r"copied 4 files, .*; 0 of 4 were there", first.err)
    assert [line.split()[0] for line in first.out.splitlines()] == ["task", "count", "repl"]
    assert names(board) == ALL
    there = contents(board.root)
    assert there["main.py"] == b"import aioctl\n"
    again = board.deploy()
    assert again.err == "nothing to copy: all 4 files are there already\n"
    assert contents(board.root) == there


def test_what_was_compiled_runs_and_is_named_as_in_the_project(board):
    (board.project / "aioctl.py").write_text("def f():\n    return 1 // 0\n")
    board.deploy()
    code = "import aioctl\ntry: aioctl.f()\nexcept Exception as e: sys.print_exception(e)"
    result = subprocess.run(
        [MICROPYTHON, "-c", "import sys\n" + code], cwd=board.root, capture_output=True, text=True
    )
    assert 'File "aioctl.py", line 1, in f' in result.stdout + result.stderr


def test_a_change_copies_that_file_only_and_nothing_is_left_over(board):
    board.deploy()
    (board.project / "aioctl.py").write_text("VALUE = 2\n")
    assert "copied 1 files" in board.deploy().err
    (board.project / "lib" / "aioextra" / "part.py").unlink()
    (board.project / "main.py").write_text("import aioctl  # more\n")
    said = board.deploy().err
    assert "copied 1 files" in said and "the former main.py is kept as main.py.old\n" in said
    assert names(board) == [*ALL[:2], "main.py", "main.py.old"]


def test_source_and_compiled_take_each_others_place(board):
    board.deploy()
    board.deploy("--source")
    assert names(board) == [n.replace(".mpy", ".py") for n in ALL]
    board.deploy()
    assert names(board) == ALL


def test_app_and_config_are_copied_as_such(board, tmp_path):
    (tmp_path / "blink.py").write_text("def setup(): pass\n")
    (tmp_path / "mine.json").write_text("{}")
    app, config = tmp_path / "blink.py", tmp_path / "mine.json"
    assert board.deploy("--core", "--app", app, "--config", config).code == 0
    assert names(board) == ["aioctl.mpy", "app.py", "config.json"]
    assert (board.root / "app.py").read_text() == "def setup(): pass\n"


def test_the_main_of_a_user_stays_when_only_the_core_is_deployed(board):
    (board.root / "main.py").write_text("mine\n")
    (board.root / "aioctl.py").write_text("old\n")
    assert board.deploy("--core").code == 0
    assert contents(board.root).keys() == {"aioctl.mpy", "main.py"}
    assert (board.root / "main.py").read_text() == "mine\n"


def test_a_dry_run_says_what_would_go_where_and_changes_nothing(board):
    (board.root / "aioctl.py").write_text("old\n")
    lines = board.deploy("--dry-run").text.splitlines()
    assert [line.split()[:2] for line in lines[1:-1]] == [
        *(["new", name] for name in ALL),
        ["remove", "aioctl.py"],
    ]
    sizes = [int(line.split()[2]) for line in lines[1:5]]
    total = re.match(r"4 of 4 files to copy, (\d+) B of \1 B; takes .* of .* free", lines[-1])
    assert int(total[1]) == sum(sizes)
    assert names(board) == ["aioctl.py"]


def test_the_program_goes_on_during_the_copy(board):
    def n():
        return int(board.mpremote("resume", "eval", "n").stdout)

    before = n()
    board.deploy()
    assert n() > before
    result = board.mpremote("resume", "eval", "'__aioctl' in globals()")
    assert result.stdout == b"False\r\n"


def test_an_update_that_stopped_in_the_middle_is_finished_by_the_next(board):
    board.deploy()
    (board.project / "aioctl.py").write_text("VALUE = 3\n")
    (board.project / "main.py").write_text("import aioctl  # 3\n")
    # As after a power cut: the stand-in is there, and nobody booted it.
    (board.root / "main.py").write_text(plan.HALF + "...\n")
    (board.root / "lib/aioextra/part.mpy.new").write_bytes(b"cut sho")
    assert board.deploy().code == 0
    assert names(board) == ALL
    assert (board.root / "main.py").read_text() == "import aioctl  # 3\n"


# -- refused before anything changed


def refused(board, code, *arguments, **env):
    before = contents(board.root)
    said = board.deploy(*arguments, **env).refused(code)
    assert contents(board.root) == before
    return said


def test_a_file_that_does_not_compile_is_named(board, tmp_path):
    (board.project / "lib/aioextra/part.py").write_text("x = 1\ny = = 2\n")
    said = refused(board, 5)
    assert said == ("lib/aioextra/part.py, line 2 does not compile: SyntaxError: invalid syntax")
    app = tmp_path / "app.py"
    app.write_text("def setup(:\n")
    (board.project / "lib/aioextra/part.py").write_text("")
    assert refused(board, 5, "--app", app).startswith(f"{app}, line 1 does not compile: ")


def test_a_checkout_is_no_board(board):
    (board.root / "aioctl.py").write_text("VALUE = 1\n")
    (board.root / "Makefile").touch()
    said = refused(board, 5)
    assert said == f"{board.port}: this program runs in a checkout, not on a board: " + (
        "its sources would be removed"
    )


def mpy_cross(path, version):
    path.write_text(
        f"#!{sys.executable}\nimport os, sys\n"
        "if '--version' in sys.argv:\n"
        f"    print('MicroPython v1.18 on 2022-01-17; mpy-cross emitting mpy v{version}')\n"
        "else:\n"
        f"    os.execv({str(build.Compiler().path)!r}, ['mpy-cross'] + sys.argv[1:])\n"
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_another_mpy_version_is_explained(board, tmp_path):
    other = mpy_cross(tmp_path / "old-cross", 5)
    said = refused(board, 5, "--mpy-cross", other)
    assert "loads .mpy version 6, and mpy-cross 1.18 makes version 5" in said
    assert "--mpy-cross PATH" in said and "--source" in said
    assert refused(board, 5, MPY_CROSS=str(other)) == said
    assert board.deploy("--source", "--mpy-cross", other).code == 0
    assert board.deploy("--mpy-cross", mpy_cross(tmp_path / "good", "6.3")).code == 0


def test_a_board_without_space_is_refused():
    p = make({"a.mpy": b"x" * 5 * BLOCK}, free=4 * BLOCK)
    from aioctl_host import deploy

    with pytest.raises(Failure) as e:
        deploy._check_space(p)
    assert e.value.code == 5
    assert "the board has 16.0 KiB free, and 28.0 KiB are needed" in str(e.value)


@pytest.mark.parametrize(
    "arguments, code, said",
    [
        (["--app", "nosuch.py"], 2, "--app: no file 'nosuch.py'"),
        (["--config", "bad.json"], 5, "bad.json: no valid JSON: "),
        (["--lib", "nosuch"], 2, "there is no 'nosuch' in lib/; known: extra"),
        (["--mpy-cross", "nosuch"], 2, "mpy-cross: 'nosuch' is not a program"),
        (["--project", "nosuch"], 2, "no project 'nosuch': give --project DIR"),
    ],
)
def test_a_wrong_argument_is_told_before_a_board_is_looked_for(tmp_path, arguments, code, said):
    project = small_project(tmp_path).root
    (tmp_path / "bad.json").write_text("{")
    command = ["-p", "/nowhere", "deploy", "--project", project, *arguments]
    assert aioctl(*command, cwd=tmp_path).refused(code).startswith(said)


def test_the_project_is_found_from_a_folder_in_it(tmp_path):
    small_project(tmp_path)
    result = aioctl("-p", "/nowhere", "deploy", cwd=tmp_path / "project" / "lib")
    assert result.refused(3) == "/nowhere: there is no such port"


# -- compiling


def test_mpy_is_the_same_wherever_it_was_made(tmp_path):
    source = tmp_path / "x.py"
    source.write_text("def f():\n    return 1\n")
    compiler = build.Compiler()
    first = compiler.compile(source, "x.py")
    moved = pathlib.Path(os.fspath(tmp_path)) / "y.py"
    source.rename(moved)
    assert hashlib.sha256(compiler.compile(moved, "x.py")).digest() == (
        hashlib.sha256(first).digest()
    )
