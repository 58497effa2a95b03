"""Build MicroPython for the tests out of Debian's packages: build.py pico|frozen|unix32 ...

    pico     build/firmware/pico.uf2: the firmware of a Raspberry Pi Pico
    frozen   build/firmware/frozen.uf2: the same with the modules of manifest.py in it
    unix32   build/firmware/micropython32: the unix port with a microcontroller's word size

What is built already is left alone; it is built again after a change of this file (frozen:
also of the modules). The unpacked sources stay in build/firmware: only the first build needs
the network. Standard library only.
"""

import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from bootstrap import SetupError, apt_install  # noqa: E402

OUT = ROOT / "build" / "firmware"
LOG = OUT / "log"
SOURCE = OUT / "micropython"
RP2 = OUT / "rp2"  # cmake's folder, of both firmwares: they differ in what is frozen

SUITE = "trixie"  # the release of Debian that the sources come from, whatever runs here
MICROPYTHON = "micropython=1.25.0+ds-1"  # upstream's tarball: Debian's patches are for unix
LIBRARIES = ("pico-sdk-source=2.1.1-1", "tinyusb-source=0.18.0+dfsg-1")
KINDS = ("deb", "deb-src")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

PACKAGES = ("build-essential", "dpkg-dev", "python3", "xz-utils")
ARM = (
    "cmake",
    "gcc-arm-none-eabi",
    "libnewlib-arm-none-eabi",
    "libstdc++-arm-none-eabi-newlib",
    "ninja-build",
)

# Debian's tarball lacks mbedTLS: no TLS, SHA-1, MD5 and AES; SHA-256 stays.
EDITS = (
    ("CMakeLists.txt", r"(?m)^set\(MICROPY_SSL_MBEDTLS ON\)", "set(MICROPY_SSL_MBEDTLS OFF)"),
    ("CMakeLists.txt", r"(?m)^.*mbedtls/mbedtls_port\.c.*\n", ""),
    ("CMakeLists.txt", r"(?m)^.*target_link_libraries.*micropy_lib_mbedtls.*\n", ""),
    ("mpconfigport.h", r"(#define MICROPY_SSL_MBEDTLS +)\(1\)", r"\1(0)"),
    ("mpconfigport.h", r"(#define MICROPY_PY_HASHLIB_SHA1 +)\(1\)", r"\1(0)"),
    ("mpconfigport.h", r"(#define MICROPY_PY_CRYPTOLIB +)\(1\)", r"\1(0)"),
)

# It lacks micropython-lib too: what is frozen in by default is cut to what there is.
ASYNCIO = 'include("$(MPY_DIR)/extmod/asyncio")\n'
PORT = 'freeze("$(PORT_DIR)/modules")\n'
OURS = f'include("{ROOT}/manifest.py")\n'


def main(arguments):
    """Build what `arguments` name; returns the exit code."""
    if not arguments or not set(arguments) <= set(TARGETS):
        print(f"usage: build.py {'|'.join(TARGETS)} ...", file=sys.stderr)
        return 2
    with open(__file__, "rb") as own:  # two at once must not build in the same folder
        fcntl.flock(own, fcntl.LOCK_EX)
        try:
            for name in arguments:
                make(name)
        except SetupError as e:
            print(f"firmware: {e}", file=sys.stderr)
            return 1
    return 0


def make(name):
    """Build one target unless it is there already."""
    wants = TARGETS[name]
    target, stamp = OUT / wants.file, OUT / (wants.file + ".stamp")
    wanted = fingerprint(name)
    if target.is_file() and stamp.is_file() and stamp.read_text() == wanted:
        return
    check_machine(name)
    print(f"firmware: building {target.relative_to(ROOT)} ...", flush=True)
    OUT.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    LOG.write_bytes(b"")
    apt_install(*absent(PACKAGES + wants.packages))
    fetch()
    wants.build(target)
    stamp.write_text(wanted)  # last: an interrupted build starts over


def fingerprint(name):
    """A hash of all that the target is made of."""
    files = [pathlib.Path(__file__)]
    if name == "frozen":
        manifest = ROOT / "manifest.py"
        if not manifest.is_file():
            raise SetupError("there is no manifest.py, which names the modules to freeze")
        files += [manifest, *sorted(ROOT.glob("*.py")), *sorted((ROOT / "lib").rglob("*.py"))]
    text = b"".join(b"%s\0%s\0" % (str(f).encode(), f.read_bytes()) for f in files)
    return hashlib.sha256(text).hexdigest()


def check_machine(name):
    """Raise SetupError where the packages cannot be had, or what they build does not run."""
    machines = TARGETS[name].machines
    if release("ID") != "debian" or os.uname().machine not in machines:
        raise SetupError(
            f"{TARGETS[name].file} is built from packages of Debian 12 or later on "
            f"{' or '.join(machines)}: run this there, a container will do"
        )
    if re.search(r"\s", str(ROOT)):
        raise SetupError(f"MicroPython does not build in a path with blanks: move {str(ROOT)!r}")


def release(key):
    """A value of /etc/os-release, or "" where there is none."""
    try:
        text = pathlib.Path("/etc/os-release").read_text()
    except OSError:
        return ""
    found = re.search(rf'(?m)^{key}="?([^"\n]*)', text)
    return found[1] if found else ""


# -- packages ------------------------------------------------------------------------------


def absent(packages):
    """Those of the Debian packages that are not installed."""
    query = ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package}\n", *packages]
    answer = subprocess.run(query, capture_output=True, text=True).stdout
    installed = {line.split()[1] for line in answer.splitlines() if line.startswith("installed ")}
    return [package for package in packages if package not in installed]


def fetch():
    """Unpack the sources into SOURCE, unless these very ones are there."""
    stamp = SOURCE / ".stamp"
    wanted = repr((MICROPYTHON, LIBRARIES, EDITS))
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    for folder in (SOURCE, RP2):
        shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=OUT) as scratch:
        scratch = pathlib.Path(scratch)
        apt = private_apt(scratch)
        run([*apt, "source", "--download-only", MICROPYTHON], cwd=scratch)
        run([*apt, "download", *LIBRARIES], cwd=scratch)
        tarball = next(scratch.glob("micropython_*.orig.tar.*"))
        fresh = scratch / "micropython"
        fresh.mkdir()
        run(["tar", "xf", tarball, "-C", fresh, "--strip-components=1"])
        for package in scratch.glob("*.deb"):
            run(["dpkg-deb", "-x", package, scratch / "root"])
        for name in ("pico-sdk", "tinyusb"):
            shutil.rmtree(fresh / "lib" / name, ignore_errors=True)
            shutil.move(scratch / "root" / "usr" / "src" / name, fresh / "lib" / name)
        edit(fresh)
        fresh.rename(SOURCE)
    stamp.write_text(wanted)


def private_apt(scratch):
    """An apt-get that reads SUITE from this machine's mirror, and changes nothing here."""
    lists = scratch / "lists"
    (lists / "partial").mkdir(parents=True)
    (scratch / "cache" / "archives" / "partial").mkdir(parents=True)
    own = ["apt-get", "-q", "-o", "APT::Sandbox::User=root"]
    own += ["-o", f"Dir::State::lists={lists}", "-o", f"Dir::Cache={scratch}/cache"]
    run([*own, "update"])
    found = run([*own, "indextargets", "--format", "$(REPO_URI) $(CODENAME)"])
    mirrors = re.findall(rf"(?m)^(\S+) {release('VERSION_CODENAME')}$", found)
    if not mirrors:
        raise SetupError("apt knows no mirror of Debian: add one to its sources")
    sources = scratch / "sources.list"
    sources.write_text(
        "".join(f"{kind} [signed-by={KEYRING}] {mirrors[0]} {SUITE} main\n" for kind in KINDS)
    )
    own += ["-o", f"Dir::Etc::sourcelist={sources}", "-o", "Dir::Etc::sourceparts=-"]
    own += ["-o", "Dir::Etc::preferencesparts=-"]
    run([*own, "update"])
    return own


def edit(tree):
    """Fit a fresh tree to what Debian's tarball leaves out."""
    for name, pattern, replacement in EDITS:
        file = tree / "ports" / "rp2" / name
        text, count = re.subn(pattern, replacement, file.read_text())
        if not count:
            raise SetupError(f"ports/rp2/{name} of {MICROPYTHON} has no {pattern!r} any more")
        file.write_text(text)
    library = tree / "lib" / "micropython-lib"  # the build insists on the folder
    (library / "micropython").mkdir(parents=True)
    (library / "README.md").touch()


# -- builds --------------------------------------------------------------------------------


def build_pico(target):
    """The firmware of a Pico."""
    build_rp2(target, PORT + ASYNCIO)


def build_frozen(target):
    """The firmware of a Pico with this project's modules."""
    build_rp2(target, PORT + ASYNCIO + OURS)


def build_rp2(target, frozen):
    """A firmware for the RP2040 with `frozen`, the text of a manifest, in it."""
    manifest = OUT / (target.stem + "-manifest.py")
    manifest.write_text(frozen)
    run(["make", "-C", SOURCE / "mpy-cross", f"-j{os.cpu_count()}"])
    # Without this machine's paths the same bytes come out everywhere.
    flags = f"-ffile-prefix-map={OUT}=."
    run(
        ["cmake", "-G", "Ninja", "-S", SOURCE / "ports" / "rp2", "-B", RP2]
        + ["-DMICROPY_BOARD=RPI_PICO", "-DPICO_NO_PICOTOOL=1"]
        + [f"-DMICROPY_FROZEN_MANIFEST={manifest}"],
        CFLAGS=flags,
        CXXFLAGS=flags,
        ASMFLAGS=flags,
    )
    run(["ninja", "-C", RP2])
    convert = ["python3", SOURCE / "tools" / "uf2conv.py", "-b", "0x10000000", "-f", "RP2040"]
    run([*convert, "-c", "-o", target, RP2 / "firmware.bin"])


def build_unix32(target):
    """The unix port with 32-bit words."""
    manifest = OUT / "unix32-manifest.py"
    manifest.write_text(ASYNCIO)
    without = ("PY_FFI", "PY_BTREE", "PY_SSL", "SSL_MBEDTLS", "SSL_AXTLS", "STANDALONE")
    folder = OUT / "unix32"
    run(["make", "-C", SOURCE / "mpy-cross", f"-j{os.cpu_count()}"])
    run(
        ["make", "-C", SOURCE / "ports" / "unix", f"-j{os.cpu_count()}", f"BUILD={folder}"]
        + ["VARIANT=standard", "MICROPY_FORCE_32BIT=1", f"FROZEN_MANIFEST={manifest}"]
        + [f"MICROPY_{name}=0" for name in without]
    )
    shutil.copy(folder / "micropython", target)


def run(command, cwd=ROOT, **environment):
    """Run a command into the log; its output, or SetupError with the end of it."""
    fixed = {
        "LC_ALL": "C",
        "MICROPY_GIT_HASH": "debian",
        "MICROPY_GIT_TAG": "v" + MICROPYTHON.partition("=")[2].partition("+")[0],
        "SOURCE_DATE_EPOCH": "1745000000",
    }
    env = {k: v for k, v in os.environ.items() if "FLAGS" not in k}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**env, **fixed, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    with open(LOG, "a") as log:
        log.write(f"$ {' '.join(str(word) for word in command)}\n{done.stdout}")
    if done.returncode:
        print(*done.stdout.splitlines()[-20:], sep="\n", file=sys.stderr)
        program = pathlib.Path(command[0]).name
        raise SetupError(f"{program} failed (its end is above, all of it in {LOG})")
    return done.stdout


class Target(NamedTuple):
    """Something to build."""

    file: str  # in OUT
    build: object  # build(path) makes it
    packages: tuple  # of Debian, beside PACKAGES
    machines: tuple  # that it can be built on


TARGETS = {
    "pico": Target("pico.uf2", build_pico, ARM, ("x86_64", "aarch64")),
    "frozen": Target("frozen.uf2", build_frozen, ARM, ("x86_64", "aarch64")),
    "unix32": Target("micropython32", build_unix32, ("gcc-multilib",), ("x86_64",)),
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
