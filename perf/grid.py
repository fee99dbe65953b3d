"""What a grid costs, against its cells one by one from scratch, as published evaluation scripts run them.

(a) is one process per cell, batch 1, everything from scratch (`from_scratch.py`), two processes at a time;
(b) is `snakemake --cores 2` on the same cells, to scored and published files. Both run in turns, on one
thread a process, and kept tokens and text are compared row by row: a difference ends the benchmark with
status 1.

Then come where the time of (b)'s prediction jobs goes, the whole demo grid against the pace of (a), and how a
grid's cost grows with cells and samples.
`python perf/grid.py --part demo|wide|growth|all`
"""

import argparse
import csv
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from grid_growth import measure_growth, print_ledger
from study import CORES, DEMO_BENCHMARKS, HOME, Study, line, render_demo, timed, within
from wide_model import IMAGE_TOKENS, write_wide_model

from prunegrid.axis_names import BASELINE, NO_CRITERION
from prunegrid.cost.decoder import Decoder
from prunegrid.cost.ledger import TERA
from prunegrid.results.predictions import read
from prunegrid.scoring.cell_ledger import cell_compute
from prunegrid.study.config import plugin_of
from prunegrid.study.grid import Cell, criterion_of
from prunegrid.study.plan import Plan

# Cells of the wide model: one cut and many, scores that cost much and little, and none at all.
WIDE_CELLS = [
    (BASELINE, NO_CRITERION),
    ("hierarchical", "attention"),
    ("hierarchical", "norm"),
    ("single", "attention_shallow"),
    ("single", "random"),
    ("pyramid", "attention"),
    ("uniform", "attention_shallow"),
    ("exit", NO_CRITERION),
]
WIDE_SAMPLES = 8


def from_scratch(study: Study, plan: Plan, cell: Cell) -> float:
    """Run one cell from scratch and return its seconds."""
    benchmark = plan.config["benchmark_specs"][cell.benchmark]
    output = _rows_file(study, cell)
    output.parent.mkdir(parents=True, exist_ok=True)
    task = {
        "model_path": plan.inputs.model_path(cell.model),
        "model_spec": plan.config["model_specs"][cell.model],
        "benchmark_spec": {**benchmark, "path": plan.inputs.data_path(cell.benchmark)},
        "strategy": plugin_of(plan.config, "strategies", cell.strategy),
        "criterion": criterion_of(plan.config, cell.criterion),
        "ratio": cell.ratio,
        "seed": cell.seed,
        "threads": 1,
        "output": str(output),
    }
    file = output.with_suffix(".task.json")
    file.write_text(json.dumps(task))
    return timed([sys.executable, str(HOME / "perf/from_scratch.py"), str(file)], study.folder)


def _rows_file(study: Study, cell: Cell) -> Path:
    return study.folder / "from-scratch" / cell.folder / "rows.jsonl"


def cells_from_scratch(study: Study, plan: Plan, cells: Sequence[Cell]) -> tuple[float, float]:
    """Run cells from scratch, so many at a time as there are cores; return wall and summed seconds."""
    begun = time.perf_counter()
    with ThreadPoolExecutor(CORES) as pool:
        seconds = list(pool.map(lambda cell: from_scratch(study, plan, cell), cells))
    return time.perf_counter() - begun, sum(seconds)


def cells_as_grid(study: Study, results: str, cells: Sequence[Cell]) -> tuple[float, float]:
    """Run cells to their published, scored files; return wall and the prediction jobs' seconds."""
    names = ("predictions.parquet", "scores.json", "scores.parquet")
    targets = [f"{results}/{cell.folder}/{name}" for cell in cells for name in names]
    wall, jobs = study.snakemake(results, "--", *targets), 0.0
    for file in (study.folder / results / "logs/predict").rglob("*.benchmark.tsv"):
        with file.open() as rows:
            jobs += sum(float(row["s"]) for row in csv.DictReader(rows, delimiter="\t"))
    return wall, jobs


def compare_rows(study: Study, results: str, cells: Sequence[Cell]) -> tuple[int, list[str]]:
    """Compare text and kept tokens of every row of (a) and (b); return rows and differences."""
    n_rows, found = 0, []
    for cell in cells:
        lines = _rows_file(study, cell).read_text(encoding="utf-8").splitlines()
        wanted = {row["sample_id"]: row for row in map(json.loads, lines)}
        rows, _ = read(study.folder / results / cell.folder / "predictions.parquet")
        if list(rows["sample_id"]) != list(wanted):
            found.append(f"{cell.folder}: other samples")
            continue
        for row in rows.itertuples():
            n_rows += 1
            other, where = wanted[row.sample_id], f"{cell.folder} {row.sample_id}"
            if row.status != "ok":
                found.append(f"{where}: {row.error}")
            elif row.prediction != other["prediction"]:
                found.append(f"{where}: text {row.prediction!r}, not {other['prediction']!r}")
            elif list(row.token_depth) != other["token_depth"]:
                away = sum(a != b for a, b in zip(row.token_depth, other["token_depth"], strict=True))
                found.append(f"{where}: the depths of {away} image tokens")
    return n_rows, found


def measure(study: Study, cells: Sequence[Cell], rounds: int) -> tuple[float, bool]:
    """Run (a) and (b) in turns, a part of the cells from scratch, then all of them as a grid; print.

    Return the wall seconds of (a), and whether all rows are the same.
    """
    plan = study.plan()
    wall_a = sum_a = 0.0
    walls, jobs, n_rows, differences = [], [], 0, []
    for number in range(rounds):
        wall, total = cells_from_scratch(study, plan, cells[number::rounds])
        wall_a, sum_a = wall_a + wall, sum_a + total
        wall, total = cells_as_grid(study, f"grid-{number}", cells)
        walls.append(wall)
        jobs.append(total)
    for number in range(rounds):
        rows, found = compare_rows(study, f"grid-{number}", cells)
        n_rows, differences = n_rows + rows, differences + found
    wall_b, sum_b = statistics.median(walls), statistics.median(jobs)
    each = ", ".join(f"{wall:.1f}" for wall in walls)
    line("(a) one by one from scratch", wall_a, f"s wall on {CORES} cores; {sum_a:.1f} s in processes")
    line("(b) grid, scored and published", wall_b, f"s wall ({each}); {sum_b:.1f} s in prediction jobs")
    line("(a) / (b), wall", wall_a / wall_b)
    line("(a) / (b), without snakemake", sum_a / sum_b, "processes against prediction jobs")
    print_differences(n_rows, differences)
    print_ledger(study, cells)
    return wall_a, not differences


def print_differences(n_rows: int, differences: Sequence[str]) -> None:
    """Print how many rows were compared, and the first that differ."""
    line("rows compared", n_rows, f"{len(differences)} differ in text or kept tokens")
    for difference in differences[:10]:
        print(f"    {difference}")


def measure_demo(folder: Path, n_cells: int, limit: int | None, rounds: int) -> bool:
    """Measure a seeded sample of the demo grid's cells, then the whole grid against the sample's pace."""
    limits = {name: {"limit": limit} for name in DEMO_BENCHMARKS if limit}
    # One job per core.
    whole = Study(folder, {"benchmark_specs": limits, "bundle_size": -(-n_cells // CORES)})
    with within(folder):
        cells = whole.plan().grid.cells
        drawn = set(random.Random(0).sample(cells, n_cells))
        samples = f"{limit} samples each" if limit else "the demo's samples"
        print(f"{n_cells} of the demo grid's {len(cells)} cells, drawn with seed 0, {samples}", flush=True)
        sample = [cell for cell in cells if cell in drawn]
        wall_a, same = measure(whole.only(cells, drawn), sample, rounds)
        print(f"all {len(cells)} cells of the demo grid", flush=True)
        every = Study(folder, {**whole.config, "bundle_size": -(-len(cells) // CORES)})
        wall_b = every.snakemake("grid-all", "--until", "publish")
        line("(a) at the sample's pace", wall_a * len(cells) / len(sample), "s wall, estimated")
        line("(b) grid, scored and published", wall_b, "s wall")
        line("(a) / (b), wall", wall_a * len(cells) / len(sample) / wall_b, "(a) estimated")
        n_rows, differences = compare_rows(every, "grid-all", sample)
        print_differences(n_rows, differences)
        return same and not differences


def measure_wide(folder: Path, rounds: int) -> bool:
    """Measure cells of a random model in which the decoder's arithmetic counts."""
    write_wide_model(folder / "wide", HOME / "demo/model")
    config = {
        "models": ["wide"],
        "model_specs": {"wide": {"path": "wide", "image_tokens": IMAGE_TOKENS}},
        "benchmarks": ["shapes-pope"],
        "benchmark_specs": {"shapes-pope": {"limit": WIDE_SAMPLES}},
        "strategies": sorted({strategy for strategy, _ in WIDE_CELLS} - {BASELINE}),
        "criteria": sorted({criterion for _, criterion in WIDE_CELLS} - {NO_CRITERION}),
        "strategy_specs": {"hierarchical": {"options": {"layers": [2, 8]}}},
        "ratios": [0.7],
        "seeds": [0],
        # One job per core: each takes half of the samples, and all cells.
        "bundle_size": len(WIDE_CELLS),
        "shard_size": WIDE_SAMPLES // CORES,
        "jobs_per_bundle": CORES,
    }
    with within(folder):
        cells = Study(folder, config).plan().grid.cells
        chosen = [cell for cell in cells if (cell.strategy, cell.criterion) in WIDE_CELLS]
        shape = f"hidden 512, 24 layers, {IMAGE_TOKENS} image tokens"
        print(f"random model, {shape}: {len(chosen)} cells x {WIDE_SAMPLES} samples", flush=True)
        _, same = measure(Study(folder, config).only(cells, chosen), chosen, rounds)
        line("limit of (a) / (b) by FLOPs", flop_limit(folder / "grid-0", chosen), "without any start")
        return same


def flop_limit(results: Path, cells: Sequence[Cell]) -> float:
    """Return how many times the FLOPs of a grid its cells have one by one.

    In the grid an image is encoded once, and the layers before a cell's first cut are the unpruned cell's.
    """
    apart = together = 0.0
    for cell in cells:
        rows, metadata = read(results / cell.folder / "predictions.parquet")
        ledger, decoder = cell_compute(rows, metadata), Decoder.from_config(metadata["model"]["config"])
        tokens = (rows["n_image_tokens"] + rows["n_text_tokens"]).to_numpy(dtype=float)
        layers = min((layer for layer, _ in metadata["schedule"]), default=0)
        shared = layers * decoder.layer(tokens, tokens).sum() / TERA
        vision, total = ledger["tflops_vision"] * len(rows), ledger["tflops_total"] * len(rows)
        apart += total
        together += total - shared - vision
    # The images are the same in all cells.
    return apart / (together + vision * rows["image_id"].nunique() / len(rows))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=["demo", "wide", "growth", "all"], default="all")
    parser.add_argument("--cells", type=int, default=24, help="cells of the demo grid")
    parser.add_argument("--limit", type=int, help="samples per benchmark of the demo grid")
    parser.add_argument("--rounds", type=int, default=2, help="turns of (a) and (b)")
    arguments = parser.parse_args()
    same = True
    with tempfile.TemporaryDirectory(prefix="prunegrid-grid-") as name:
        render_demo(Path(name))
        if arguments.part in ("demo", "all"):
            same &= measure_demo(Path(name), arguments.cells, arguments.limit, arguments.rounds)
        if arguments.part in ("wide", "all"):
            same &= measure_wide(Path(name), arguments.rounds)
        if arguments.part in ("growth", "all"):
            measure_growth(Path(name))
    sys.exit(0 if same else "(a) and (b) differ")


if __name__ == "__main__":
    main()
