"""The store of docs/scheduling.md, in a file, over processes that end and begin."""

import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
MICROPYTHON = os.environ.get("MICROPYTHON") or str(ROOT / ".venv" / "bin" / "micropython")
PROGRAM = """
import asyncio
import aioctl
import aioschedule
{store}

async def job():
    print("job runs")

async def main():
    aioschedule.schedule("job", at={at})
    aioctl.add(job)
    aioctl.add(aioschedule.schedule_loop)
    await asyncio.sleep_ms(20)
    print(aioctl.state("job"))

asyncio.run(main())
"""


def test_the_store_of_the_documentation_outlives_the_process(tmp_path):
    text = (ROOT / "docs" / "scheduling.md").read_text()
    (store,) = re.findall(r"```python\n([^`]*class JsonStore.*?)```", text, re.S)
    program = tmp_path / "program.py"
    printed = []
    for at in (1750000000, 1750000000, 1760000000):
        program.write_text(PROGRAM.format(store=store, at=at))
        result = subprocess.run(
            [MICROPYTHON, str(program)],
            cwd=tmp_path,
            env=dict(os.environ, MICROPYPATH=f"{ROOT}:{ROOT / 'lib'}:.frozen"),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert result.returncode == 0, result.stderr
        printed.append(result.stdout.split("\n")[:-1])
    assert printed == [["job runs", "done"], ["stopped"], ["job runs", "done"]], printed
    assert [p.name for p in tmp_path.iterdir() if "schedules" in p.name] == ["schedules.json"]
