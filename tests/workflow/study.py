"""A small study in a copy of the project, driven by snakemake as a user would."""

import compileall
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import yaml

from prunegrid.files import read_sealed, write_sealed
from prunegrid.study.fingerprint import REMEMBERED
from tests.once import once, run_process
from tests.workflow.preloaded import executable

HOME = Path(__file__).parents[2]
PARTS = ["Snakefile", "config.yaml", "config", "src", "workflow", "profiles", "envs", "demo"]
TIMEOUT = 300


@cache
def preloaded_python() -> Path:
    """Return the program of this test run, started when first needed."""
    return once("python", lambda folder: executable(folder, run_process())) / "python"


@cache
def prepared_project() -> Path:
    """Return a copy of the project whose modules are compiled, and which knows what its code computes."""
    return once("project", _prepare)


def _prepare(folder: Path) -> None:
    for part in PARTS:
        source = HOME / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / part)
    compileall.compile_dir(folder / "src", quiet=1)
    plan = [preloaded_python(), "-m", "snakemake", "--cores", "1", "--dry-run", "--quiet"]
    subprocess.run(plan, cwd=folder, check=True, capture_output=True, env=environment(), timeout=TIMEOUT)


def _copy_project(folder: Path) -> None:
    prepared = prepared_project()
    for part in PARTS:
        if (prepared / part).is_dir():
            shutil.copytree(prepared / part, folder / part)
        else:
            shutil.copy2(prepared / part, folder / part)
    # Known by their paths.
    known = read_sealed(prepared / REMEMBERED)
    moved = {name.replace(str(prepared), str(folder)): one for name, one in known.items()}
    write_sealed(folder / REMEMBERED, moved)


def environment(**more: str) -> dict[str, str]:
    """Return what processes of a study start with: the modules of its copy are compiled once, not by each."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "", **more}


class Study:
    """A copy of the project with a configuration of its own.

    Parameters
    ----------
    folder : Path
        Where to put it.
    config : dict
        Overlay of the default configuration.
    preloaded : bool
        Whether its programs start with packages already imported, which takes a third of the time.
    cores : int, optional
        What snakemake is told; None for a profile that submits to a cluster.

    Attributes
    ----------
    python : str
        The program that runs snakemake and its jobs.
    """

    def __init__(self, folder: Path, config: dict, *, preloaded: bool = True, cores: int | None = 2) -> None:
        self.folder = folder
        self._cores = [] if cores is None else ["--cores", str(cores)]
        self.python = str(preloaded_python()) if preloaded else sys.executable
        folder.mkdir(parents=True)
        _copy_project(folder)
        # The demo's entries would measure cells wherever they are in the grid, and leave out others.
        self.configure(**{"latency": {"cells": []}, "exclude": [], **config})

    def configure(self, **changes) -> None:
        """Change keys of the overlay."""
        file = self.folder / "study.yaml"
        known = yaml.safe_load(file.read_text()) if file.exists() else {}
        file.write_text(yaml.safe_dump({**known, **changes}))

    def command(self, *arguments: str, python: str = sys.executable) -> list[str]:
        # A target before the option: --configfile takes all that follows it.
        snakemake = [python, "-m", "snakemake", *self._cores]
        return [*snakemake, *arguments, "--configfile", "study.yaml"]

    def run(self, *arguments: str, check: bool = True) -> str:
        """Run snakemake and return what it printed."""
        done = subprocess.run(
            self.command(*arguments, python=self.python),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT,
            check=False,
            env=environment(),
        )
        if check and done.returncode:
            raise AssertionError(done.stdout[-6000:])
        return done.stdout

    def log(self, run: int = -1) -> str:
        """Return all that Snakemake and the jobs of a run told, of the last if none is numbered."""
        return sorted((self.folder / ".snakemake/log").glob("*.log"))[run].read_text()

    def planned(self, *arguments: str) -> dict[str, int]:
        """Return rule -> number of jobs of a dry run."""
        output = self.run("--dry-run", *arguments)
        table = re.search(r"Job stats:\njob +count\n-+ +-+\n(.*?)\n\n", output, re.S)
        if table is None:
            assert "Nothing to be done" in output, output
            return {}
        counts = dict(line.split() for line in table.group(1).splitlines())
        return {rule: int(count) for rule, count in counts.items() if rule not in ("total", "all")}

    def cells(self) -> dict[str, Path]:
        """Return folder -> predictions of all published cells."""
        results = self.folder / "results"
        return {
            str(f.parent.relative_to(results)): f for f in sorted(results.glob("*/**/predictions.parquet"))
        }

    def stamps(self) -> dict[str, tuple[int, int]]:
        """Return folder -> (inode, time stamp) of all published predictions."""
        stats = {name: file.stat() for name, file in self.cells().items()}
        return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in stats.items()}

    def kill_when(self, ready: Callable[[], bool], later: float = 0.0) -> bool:
        """Start snakemake; kill it and all its jobs without warning, so many seconds after `ready()` holds.

        Returns
        -------
        bool
            Whether it ran till then.
        """
        running = subprocess.Popen(
            self.command(python=self.python),
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # What a preloaded program starts is of its group, but of the servers' session.
            process_group=0,
            env=environment(),
        )
        deadline = time.monotonic() + TIMEOUT
        while not ready() and running.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        with suppress(subprocess.TimeoutExpired):
            running.wait(later)
        ran = running.poll() is None
        if ran:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
        return ran
