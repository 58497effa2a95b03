"""package.json for mip and manifest.py for a firmware: nothing of the tree is forgotten."""

import ast
import json
import os
import pathlib
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import hostcommand  # noqa: F401 - finds aioctl_host
import pytest
from ptyboard import MICROPYTHON, ROOT, SerialBoard

from aioctl_host.project import Project, imports_of

FOUR = ["aioctl.py", "aioschedule.py", "aiolog.py", "aiorepl.py"]
PACKAGES = sorted(p for p in (ROOT / "lib").glob("*/package.json"))
PACKAGES += sorted((ROOT / "lib").glob("*.json"))
PROGRAM = ROOT / "tests" / "host" / "programs" / "repl_gather.py"


def sources():
    """The files of lib/ that go to a board, as they are imported."""
    lib = ROOT / "lib"
    files = [f.relative_to(lib).as_posix() for f in lib.rglob("*.py")]
    return sorted(f for f in files if not f.endswith("manifest.py"))


def urls(path):
    return json.loads(path.read_text())["urls"]


def test_the_packages_are_up_to_date():
    command = [sys.executable, "-B", str(ROOT / "tools" / "packages.py"), "--check"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, "")


def test_every_source_is_where_its_package_says():
    for path in [ROOT / "package.json", *PACKAGES]:
        for target, source in urls(path):
            assert (path.parent / source).is_file(), (path, source)
            # mip takes what is relative to the file, and no "..".
            assert not source.startswith(("/", "..")) and ":" not in source
            assert source.endswith(target.rpartition("/")[2])


def test_every_source_is_in_a_package():
    found = sorted(target for path in PACKAGES for target, _ in urls(path))
    assert found == sources()


def test_the_core_has_whatever_it_imports():
    targets = [target for target, _ in urls(ROOT / "package.json")]
    assert targets[:4] == FOUR
    lib = {s.split("/")[0].removesuffix(".py") for s in sources()}
    there = {t.split("/")[0].removesuffix(".py") for t in targets}
    for target, source in urls(ROOT / "package.json"):
        for node in ast.walk(ast.parse((ROOT / source).read_text())):
            if isinstance(node, ast.Import):
                names = {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = {node.module.split(".")[0]}
            else:
                continue
            if target != "lib/logging.py":
                assert names & lib <= there, (source, names)


def test_a_part_needs_nothing_but_itself_and_the_core():
    # A package.json can't name another one beside it: `deps` are looked up elsewhere.
    core = {target.split("/")[0] for target, _ in urls(ROOT / "package.json")}
    for manifest in (ROOT / "lib").glob("*/manifest.py"):
        for node in ast.walk(ast.parse(manifest.read_text())):
            if isinstance(node, ast.Call) and node.func.id == "require":
                assert node.args[0].value in core, manifest


def test_a_manifest_requires_what_the_part_imports():
    # `make deploy LIB=...` and a frozen firmware go by it.
    project = Project(ROOT)
    for name, files in project.lib.items():
        imported = set().union(*(imports_of(ROOT / f) for f in files)) & set(project.lib)
        assert imported <= project.closure([name]), name


def run_manifest(path):
    """What a manifest freezes: {name there: (source, opt)}, as MicroPython's build reads it."""
    found = {}

    def module(name, base_path=".", opt=None):
        found[name] = (os.path.abspath(os.path.join(base_path, name)), opt)

    def package(name, files=None, base_path=".", opt=None):
        folder = os.path.join(base_path, name)
        for file in files or sorted(os.listdir(folder)):
            if file.endswith(".py"):
                found[f"{name}/{file}"] = (os.path.abspath(os.path.join(folder, file)), opt)

    words = {
        "module": module,
        "package": package,
        "metadata": lambda **_: None,
        "require": lambda name: None,
    }
    before = os.getcwd()
    os.chdir(path.parent)
    try:
        exec(path.read_text(), words)
    finally:
        os.chdir(before)
    return found


def test_the_manifest_freezes_everything_but_manifests():
    found = run_manifest(ROOT / "manifest.py")
    assert sorted(found) == sorted([*FOUR, *sources()])
    assert all(os.path.isfile(source) and opt == 3 for source, opt in found.values())


def test_the_manifest_of_a_part_freezes_what_that_of_all_does():
    whole = run_manifest(ROOT / "manifest.py")
    for path in sorted((ROOT / "lib").glob("*/manifest.py")):
        part = run_manifest(path)
        name = path.parent.name
        part.pop(f"{name}/manifest.py", None)
        assert part == {k: v for k, v in whole.items() if k.startswith(name + "/")}


# -- mip


@pytest.fixture
def board():
    with SerialBoard(PROGRAM) as board:
        yield board


def install(board, package, target):
    result = board.mpremote("mip", "install", "--target", str(target), str(package), cwd=ROOT)
    text = result.stdout.decode()
    assert result.returncode == 0 and text.rstrip().endswith("Done"), text


def files_in(path):
    return sorted(f.relative_to(path).as_posix() for f in path.rglob("*") if f.is_file())


def test_mip_installs_a_core_that_works(board, tmp_path):
    install(board, "package.json", tmp_path)
    assert files_in(tmp_path) == sorted(target for target, _ in urls(ROOT / "package.json"))
    code = (
        "import asyncio, aioctl, aioschedule, aiolog\n"
        "aioctl.set_log(aiolog.streamlog)\n"
        "async def f(): return 7\n"
        "async def main():\n"
        "    aioctl.add(f)\n"
        "    await asyncio.gather(*aioctl.tasks())\n"
        "    print(await aioctl.join('f'), aioctl.info('f')['state'])\n"
        "    aioschedule.schedule('f', start_in=(2030, 1, 1, 0, 0, 0, 0, 0))\n"
        "asyncio.run(main())\n"
    )
    result = subprocess.run(
        [MICROPYTHON, "-c", code],
        env=dict(os.environ, MICROPYPATH=f"{tmp_path}:.frozen"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (result.stdout, result.stderr) == ("7 done\n", "")


def test_mip_installs_each_part(board, tmp_path):
    for path in PACKAGES:
        install(board, pathlib.Path(path).relative_to(ROOT), tmp_path)
    assert files_in(tmp_path) == sources()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def test_mip_installs_from_a_web_server(board, tmp_path):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(ROOT)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        url = "http://127.0.0.1:%d/lib/aiotail/package.json" % server.server_port
        install(board, url, tmp_path)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert files_in(tmp_path) == sorted(t for t, _ in urls(ROOT / "lib/aiotail/package.json"))
