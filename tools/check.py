"""Run every check of the sources; all of them, even if an early one fails."""

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIN = pathlib.Path(sys.executable).parent

CHECKS = {
    "lint": ["ruff", "check", "--output-format", "concise", "."],
    "format": ["ruff", "format", "--check", "."],
    "spelling": ["codespell"],
    "import directions": ["python", "tools/check_imports.py"],
    "types on unix": ["pyright", "-p", "pyrightconfig.json"],
    "types on esp32": ["pyright", "-p", "tools/pyright-esp32.json"],
    "types on rp2": ["pyright", "-p", "tools/pyright-rp2.json"],
    "types of the host command": ["pyright", "-p", "tools/pyright-host.json"],
}


def main():
    """Run the checks; returns 1 if one of them failed."""
    env = dict(os.environ, PYRIGHT_PYTHON_IGNORE_WARNINGS="1")  # it would ask for its version
    failed = []
    for name, (program, *arguments) in CHECKS.items():
        command = [str(BIN / program), *arguments]
        result = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
        if result.returncode:
            failed.append(name)
            print(f"{name}: FAILED\n{result.stdout}{result.stderr}", flush=True)
        else:
            print(f"{name}: ok", flush=True)
    if failed:
        print(f"{len(failed)} of {len(CHECKS)} checks failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
