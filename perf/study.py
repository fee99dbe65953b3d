"""Studies that the benchmarks run: a configuration in a folder of its own, and snakemake on it."""

import os
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from prunegrid.demo.render_benchmark import render_benchmark
from prunegrid.study.config import validate
from prunegrid.study.grid import Cell
from prunegrid.study.plan import Plan

HOME = Path(__file__).resolve().parents[1]
SCHEMA = HOME / "workflow/schemas/config.schema.yaml"
DEMO_BENCHMARKS = ("easyvqa", "shapes-pope", "shapes-mcq", "shapes-list", "shapes-caption")
CORES = 2
# One thread a process: two processes use two cores better than one process with two threads.
ENVIRONMENT = {
    **os.environ,
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONPATH": os.pathsep.join([str(HOME / "src"), os.environ.get("PYTHONPATH", "")]),
}


@dataclass(frozen=True)
class Study:
    """A configuration in a folder of its own.

    Attributes
    ----------
    folder : Path
        Working directory.
    config : dict
        Overlay of the default configuration, without `results_dir`.
    """

    folder: Path
    config: dict

    def only(self, cells: Sequence[Cell], wanted: Collection[Cell]) -> "Study":
        """Return the study with some of its cells alone."""
        exclude = []
        for (benchmark, strategy), some in _grouped(cells, "benchmark", "strategy").items():
            unwanted = [
                criterion
                for (criterion,), ones in _grouped(some, "criterion").items()
                if not any(cell in wanted for cell in ones)
            ]
            if unwanted:
                exclude.append({"benchmark": benchmark, "strategy": strategy, "criterion": unwanted})
            exclude += [cell.axes for cell in some if cell not in wanted and cell.criterion not in unwanted]
        return Study(self.folder, {**self.config, "exclude": exclude})

    def plan(self, results: str = "results") -> Plan:
        """Return the plan of the study."""
        default = yaml.safe_load((HOME / "config.yaml").read_text())
        config = _merge(default, {**self.config, "results_dir": results})
        return Plan(validate(config, SCHEMA), HOME, [_data(name) for name in DEMO_BENCHMARKS])

    def snakemake(self, results: str, *arguments: str) -> float:
        """Run snakemake on the default configuration with the overlay; return its seconds."""
        file = self.folder / f"{results}.yaml"
        file.write_text(yaml.safe_dump({**self.config, "results_dir": results}))
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(HOME / "Snakefile")]
        command += ["--cores", str(CORES), "--configfile", str(file), *arguments]
        return timed(command, self.folder)


def _grouped(cells: Sequence[Cell], *axes: str) -> dict[tuple, list[Cell]]:
    found: dict[tuple, list[Cell]] = {}
    for cell in cells:
        found.setdefault(tuple(getattr(cell, axis) for axis in axes), []).append(cell)
    return found


def _data(benchmark: str) -> str:
    return f"resources/demo/{benchmark}.parquet"


def render_demo(folder: Path) -> None:
    """Write the demo's benchmarks where a study in the folder looks for them."""
    for benchmark in DEMO_BENCHMARKS:
        file = folder / _data(benchmark)
        file.parent.mkdir(parents=True, exist_ok=True)
        render_benchmark(benchmark, file)


def _merge(base: dict, over: dict) -> dict:
    both = [key for key in base.keys() & over.keys() if isinstance(base[key], dict)]
    return {**base, **over, **{key: _merge(base[key], over[key]) for key in both}}


def timed(command: Sequence[str], folder: Path) -> float:
    """Run a command and return its seconds; one that fails ends the benchmark with what it said."""
    begun = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}")
    return time.perf_counter() - begun


@contextmanager
def within(folder: Path) -> Iterator[None]:
    """Make a folder the working directory: plans resolve paths against it."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def line(name: str, figure: float, remark: str = "") -> None:
    """Print one line of a table."""
    print(f"  {name:36}{figure:9.{0 if isinstance(figure, int) else 1}f}  {remark}".rstrip(), flush=True)
