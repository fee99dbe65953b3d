"""What a grid costs: against its cells one by one from scratch, where the rest goes, and how it grows.

(a) is one process per cell, batch 1, everything from scratch (`from_scratch.py`), two processes at a time; (b) is
`snakemake --cores 2` on the same cells. Both run in turns, on one thread a process, and kept tokens and text are
compared row by row: a difference ends the benchmark with status 1.

`python benchmarks/grid.py --part demo|wide|growth|all`
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml
from floplimit import flop_limit

from prunegrid.config import plugin_of
from prunegrid.demo.benchmarks import render_benchmark
from prunegrid.grid import NO_CRITERION, Cell
from prunegrid.jobs import plan_for
from prunegrid.plan import Plan
from prunegrid.predictions import read

HOME = Path(__file__).resolve().parents[1]
DEMO_DATA = {"easyvqa": None, "shapes-pope": None, "shapes-mcq": None, "shapes-caption": None}
CORES = 2
ENVIRONMENT = {
    **os.environ,
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONPATH": os.pathsep.join([str(HOME / "src"), os.environ.get("PYTHONPATH", "")]),
}
# Cells of the wide model: with and without a score to compute, one cut and many, and the floor.
WIDE_CELLS = [
    ("none", "none"),
    ("hierarchical", "attention"),
    ("hierarchical", "norm"),
    ("single", "attention_shallow"),
    ("single", "random"),
    ("pyramid", "attention"),
    ("uniform", "attention_shallow"),
    ("exit", "none"),
]


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

    def write(self, results: str) -> Path:
        """Write the overlay and return its file."""
        file = self.folder / f"{results}.yaml"
        file.write_text(yaml.safe_dump({**self.config, "results_dir": results}))
        return file

    def plan(self, results: str) -> Plan:
        """Return the plan of the study."""
        default = yaml.safe_load((HOME / "config.yaml").read_text())
        merged = _merge(default, {**self.config, "results_dir": results})
        return plan_for(merged, HOME, [f"resources/demo/{name}.parquet" for name in DEMO_DATA])

    def snakemake(self, results: str, *arguments: str) -> float:
        """Run snakemake and return its seconds."""
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(HOME / "Snakefile")]
        command += ["--cores", str(CORES), "--configfile", str(self.write(results)), *arguments]
        return _timed(command, self.folder)


def _merge(base: dict, over: dict) -> dict:
    both = {key: _merge(base[key], over[key]) for key in base.keys() & over.keys() if _maps(base, over, key)}
    return {**base, **over, **both}


def _maps(base: dict, over: dict, key: str) -> bool:
    return isinstance(base[key], dict) and isinstance(over[key], dict)


def _timed(command: Sequence[str], folder: Path) -> float:
    begun = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}")
    return time.perf_counter() - begun


@contextmanager
def _within(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


# --- (a) -----------------------------------------------------------------------------------------


def from_scratch(study: Study, plan: Plan, cell: Cell) -> float:
    """Run one cell from scratch and return its seconds."""
    criterion = None if cell.criterion == NO_CRITERION else plugin_of(plan.config, "criteria", cell.criterion)
    task = {
        "model_path": plan.model_path(cell.model),
        "model_spec": plan.config["model_specs"][cell.model],
        "benchmark_spec": {
            **plan.config["benchmark_specs"][cell.benchmark],
            "path": plan.data_path(cell.benchmark),
        },
        "strategy": plugin_of(plan.config, "strategies", cell.strategy),
        "criterion": criterion,
        "ratio": cell.ratio,
        "seed": cell.seed,
        "threads": 1,
        "output": str(_rows_file(study, cell)),
    }
    file = _rows_file(study, cell).with_suffix(".task.json")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(task))
    return _timed([sys.executable, str(HOME / "benchmarks/from_scratch.py"), str(file)], study.folder)


def _rows_file(study: Study, cell: Cell) -> Path:
    return study.folder / "from-scratch" / cell.folder / "rows.jsonl"


def scratch_cells(study: Study, plan: Plan, cells: Sequence[Cell]) -> tuple[float, float]:
    """Run cells from scratch, so many at a time as there are cores; return wall and summed seconds."""
    begun = time.perf_counter()
    with ThreadPoolExecutor(CORES) as pool:
        seconds = list(pool.map(lambda cell: from_scratch(study, plan, cell), cells))
    return time.perf_counter() - begun, sum(seconds)


# --- (b) -----------------------------------------------------------------------------------------


def grid_cells(study: Study, results: str, cells: Sequence[Cell]) -> tuple[float, float]:
    """Run cells as a grid to their published, scored files; return wall and the prediction jobs' seconds."""
    names = ("predictions.parquet", "scores.json", "scores.parquet")
    targets = [f"{results}/{cell.folder}/{name}" for cell in cells for name in names]
    wall = study.snakemake(results, "--", *targets)
    jobs = 0.0
    for file in (study.folder / results).rglob("*.benchmark.tsv"):
        header, *rows = [line.split("\t") for line in file.read_text().splitlines()]
        jobs += sum(float(dict(zip(header, row, strict=True))["s"]) for row in rows)
    return wall, jobs


# --- together ------------------------------------------------------------------------------------


def compare_rows(study: Study, results: str, cells: Sequence[Cell]) -> tuple[int, list[str]]:
    """Compare text and kept tokens of every row of (a) and (b); return rows and differences."""
    n_rows, found = 0, []
    for cell in cells:
        lines = _rows_file(study, cell).read_text(encoding="utf-8").splitlines()
        wanted = {row["sample_id"]: row for row in map(json.loads, lines)}
        rows, _ = read(study.folder / results / cell.folder / "predictions.parquet")
        if list(rows["sample_id"]) != list(wanted):
            found.append(f"{cell.folder}: other samples")
        for row in rows.itertuples():
            n_rows += 1
            other = wanted[row.sample_id]
            if row.status != "ok":
                found.append(f"{cell.folder} {row.sample_id}: {row.error}")
            elif row.prediction != other["prediction"]:
                found.append(
                    f"{cell.folder} {row.sample_id}: text {row.prediction!r}, not {other['prediction']!r}"
                )
            elif list(row.token_depth) != other["token_depth"]:
                away = sum(a != b for a, b in zip(row.token_depth, other["token_depth"], strict=True))
                found.append(f"{cell.folder} {row.sample_id}: the depth of {away} image tokens")
    return n_rows, found


def measure(study: Study, cells: Sequence[Cell], rounds: int) -> bool:
    """Run (a) and (b) in turns: a part of the cells from scratch, then all of them as a grid; print."""
    plan = study.plan("plan")
    wall_a = sum_a = 0.0
    walls, jobs = [], []
    for number in range(rounds):
        wall, total = scratch_cells(study, plan, cells[number::rounds])
        wall_a, sum_a = wall_a + wall, sum_a + total
        wall, total = grid_cells(study, f"grid-{number}", cells)
        walls.append(wall)
        jobs.append(total)
    checked = [compare_rows(study, f"grid-{number}", cells) for number in range(rounds)]
    wall_b, sum_b = statistics.median(walls), statistics.median(jobs)
    each = ", ".join(f"{wall:.1f}" for wall in walls)
    print(
        f"  (a) one by one from scratch      {wall_a:7.1f} s wall on {CORES} cores, {sum_a:7.1f} s in processes"
    )
    print(
        f"  (b) grid, scored and published   {wall_b:7.1f} s wall ({each}), {sum_b:7.1f} s in prediction jobs"
    )
    print(f"  (a) / (b), wall                  {wall_a / wall_b:7.1f}")
    print(f"  (a) / (b), without snakemake     {sum_a / sum_b:7.1f}   processes against prediction jobs")
    n_rows = sum(rows for rows, _ in checked)
    differences = [line for _, lines in checked for line in lines]
    print(
        f"  rows compared                    {n_rows:7d}   {len(differences)} differ in text or kept tokens"
    )
    for line in differences[:10]:
        print(f"    {line}")
    return not differences


def measure_demo(folder: Path, n_cells: int, limit: int | None, rounds: int) -> bool:
    """Measure a seeded sample of the demo grid's cells."""
    config = {"benchmark_specs": {name: {"limit": limit} for name in DEMO_DATA}} if limit else {}
    whole = Study(folder, config)
    with _within(folder):
        cells = whole.plan("plan").grid.cells
        drawn = set(random.Random(0).sample(cells, n_cells))
        chosen = [cell for cell in cells if cell in drawn]
        study = Study(folder, {**config, "exclude": [_axes(cell) for cell in cells if cell not in drawn]})
        n_samples = f"{limit} samples each" if limit else "all samples"
        print(f"{n_cells} of the demo grid's {len(cells)} cells, drawn with seed 0, {n_samples}", flush=True)
        return measure(study, chosen, rounds)


def _axes(cell: Cell) -> dict:
    found = {**vars(cell)}
    return {axis: found[axis] for axis in ("model", "benchmark", "strategy", "criterion", "ratio", "seed")}


def wide_study(folder: Path, samples: int) -> tuple[Study, list[Cell]]:
    """Return the study of the wide random model, and its cells."""
    from wide_model import IMAGE_TOKENS, write_wide_model

    write_wide_model(folder / "wide", HOME / "demo/model")
    config = {
        "models": ["wide"],
        "model_specs": {"wide": {"path": "wide", "image_tokens": IMAGE_TOKENS}},
        "benchmarks": ["shapes-pope"],
        "benchmark_specs": {"shapes-pope": {"limit": samples}},
        "strategies": sorted({strategy for strategy, _ in WIDE_CELLS} - {"none"}),
        "criteria": sorted({criterion for _, criterion in WIDE_CELLS} - {"none"}),
        "strategy_specs": {"hierarchical": {"options": {"layers": [2, 8]}}},
        "ratios": [0.7],
        "seeds": [0],
        "bundle_size": len(WIDE_CELLS) // CORES,
    }
    cells = Study(folder, config).plan("plan").grid.cells
    chosen = [cell for cell in cells if (cell.strategy, cell.criterion) in WIDE_CELLS]
    exclude = [_axes(cell) for cell in cells if cell not in chosen]
    return Study(folder, {**config, "exclude": exclude}), chosen


def measure_wide(folder: Path, samples: int, rounds: int) -> bool:
    """Measure cells of a random model in which the decoder's arithmetic counts."""
    with _within(folder):
        study, cells = wide_study(folder, samples)
        print(
            f"random model, hidden 512, 24 layers, 576 image tokens: {len(cells)} cells x {samples} samples"
        )
        same = measure(study, cells, rounds)
        rows = {cell: read(folder / "grid-0" / cell.folder / "predictions.parquet") for cell in cells}
        print(
            f"  limit by FLOPs alone             {flop_limit(rows):7.1f}   (a)'s over those that cells cannot share"
        )
    return same


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=["demo", "wide", "growth", "all"], default="all")
    parser.add_argument("--cells", type=int, default=24, help="cells of the demo grid")
    parser.add_argument("--limit", type=int, help="samples per benchmark of the demo grid; default all")
    parser.add_argument("--rounds", type=int, default=2, help="turns of (a) and (b)")
    arguments = parser.parse_args()
    good = True
    with tempfile.TemporaryDirectory(prefix="prunegrid-grid-") as name:
        folder = Path(name)
        for benchmark in DEMO_DATA:
            file = folder / "resources/demo" / f"{benchmark}.parquet"
            file.parent.mkdir(parents=True, exist_ok=True)
            render_benchmark(benchmark, file)
        if arguments.part in ("demo", "all"):
            good &= measure_demo(folder, arguments.cells, arguments.limit, arguments.rounds)
        if arguments.part in ("wide", "all"):
            good &= measure_wide(folder, 8, arguments.rounds)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
