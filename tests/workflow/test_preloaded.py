"""A program that starts with packages imported is the program that Python runs."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.workflow.preloaded import OWN_HUB
from tests.workflow.study import preloaded_python

TELLS = """
import json, os, sys
print(json.dumps([sys.argv, os.getcwd(), os.environ["SAID"], __name__, sys.path[0], sys.path[1]]))
print(sorted(name for name in sys.modules if name.partition(".")[0] in ("prunegrid", "torch", "tests")))
print(sys.dont_write_bytecode)
print("told", file=sys.stderr)
sys.exit(os.environ["SAID"] if len(sys.argv) > 1 else 7)
"""

GOES_ON = """
import pathlib, time
for n in range(600):
    pathlib.Path("sign").write_text(str(n))
    time.sleep(0.1)
"""


def run(program: str | Path, script: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess:
    environment = {"PATH": os.environ["PATH"], "SAID": "why", "PYTHONPATH": str(script.parent / "first")}
    environment |= more
    return subprocess.run(
        [program, script, *arguments],
        cwd=script.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize(("arguments", "uncompiled"), [((), ""), (("one", "two three"), "1")])
def test_it_runs_as_python_does(tmp_path: Path, arguments: tuple[str, ...], uncompiled: str) -> None:
    script = tmp_path / "tells.py"
    script.write_text(TELLS)
    plain, ours = (
        run(program, script, *arguments, PYTHONDONTWRITEBYTECODE=uncompiled)
        for program in (sys.executable, preloaded_python())
    )
    assert f"\n{bool(uncompiled)}\n" in ours.stdout
    assert (ours.stdout, ours.stderr, ours.returncode) == (plain.stdout, plain.stderr, plain.returncode)
    assert json.loads(ours.stdout.splitlines()[0])[0] == [str(script), *arguments]


def test_only_predictions_start_with_torch(tmp_path: Path) -> None:
    script = tmp_path / "tmp0.predict.py"
    names = ("torch", "huggingface_hub", "prunegrid")
    script.write_text(f"import sys\nprint(*(name in sys.modules for name in {names}))\n")
    assert run(preloaded_python(), script).stdout == "True True False\n"
    assert run(preloaded_python(), script, **{OWN_HUB: "1"}).stdout == "False False False\n"


def test_errors_are_told(tmp_path: Path) -> None:
    script = tmp_path / "fails.py"
    script.write_text("raise KeyError('a name')\n")
    done = run(preloaded_python(), script)
    assert done.returncode == 1
    assert done.stderr.endswith("KeyError: 'a name'\n")


def test_it_ends_with_who_asked(tmp_path: Path) -> None:
    script, sign = tmp_path / "goes_on.py", tmp_path / "sign"
    script.write_text(GOES_ON)
    asking = subprocess.Popen([preloaded_python(), script], cwd=tmp_path)
    while not sign.exists():
        time.sleep(0.05)
    asking.kill()
    asking.wait()
    time.sleep(0.5)
    seen = sign.read_text()
    time.sleep(0.5)
    assert sign.read_text() == seen
