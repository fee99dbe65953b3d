"""How a grid's cost grows with its cells and its samples, stage by stage; and where its time goes."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from study import ENVIRONMENT, HOME, Study, within

from prunegrid.study.grid import Cell

BENCHMARK = "shapes-pope"
STAGES = ("plan", "predict", "score", "publish", "tables", "no-op")
# Short, so that what remains is what a cell costs by itself.
SAMPLES = 6
N_CELLS, N_SAMPLES = (10, 100, 1000), (6, 60, 480)


def study_of(folder: Path, n_cells: int, samples: int) -> Study:
    """Return a study of about so many cells: two strategies, five criteria, the baseline, and ratios."""
    n_ratios = max(1, n_cells // 10)
    config = {
        "benchmarks": [BENCHMARK],
        "benchmark_specs": {BENCHMARK: {"limit": samples}},
        "strategies": ["single", "constant"],
        "criteria": ["attention_shallow", "attention_deep", "norm", "norm_input", "attention_last"],
        "ratios": [round(0.3 + 0.4 * at / n_ratios, 3) for at in range(n_ratios)],
        "seeds": [0],
        "bundle_size": n_cells + 1,
        "tables": {"reference_strategy": "single", "reference_criterion": "norm", "replicates": 1000},
    }
    return Study(folder, config)


def stages_of(study: Study, results: str) -> dict[str, float]:
    """Run a study stage by stage; return the seconds of each, snakemake's start included."""
    with within(study.folder):
        cells = study.plan(results).grid.cells
    jobs, bundle = f"{results}/demo/.jobs", f"{BENCHMARK}-0000"
    published = [f"{results}/{cell.folder}/predictions.parquet" for cell in cells]
    targets = {
        "plan": ["--dry-run"],
        "predict": ["--", f"{jobs}/predicted-{bundle}.done"],
        "score": ["--", f"{jobs}/scored-{bundle}.done"],
        "publish": ["--", *published],
        "tables": ["--", f"{results}/demo/tables/cells.csv"],
        "no-op": ["--", *published],
    }
    return {"cells": len(cells), **{name: study.snakemake(results, *targets[name]) for name in STAGES}}


def print_table(head: str, rows: Sequence[dict[str, float]]) -> None:
    """Print seconds per stage, and what each further cell or sample adds between the last two rows."""
    names = [name for name in rows[0] if name != "cells"]
    print(f"  {head:>10}" + "".join(f"{name:>10}" for name in names) + "   seconds")
    for row in rows:
        print(f"  {row['cells']:10.0f}" + "".join(f"{row[name]:10.2f}" for name in names))
    *_, before, last = rows
    more = last["cells"] - before["cells"]
    slopes = "".join(f"{1000 * (last[name] - before[name]) / more:10.1f}" for name in names)
    print(f"  {'each more':>10}{slopes}   ms", flush=True)


def phases(study: Study, cells: Sequence[Cell]) -> Counter:
    """Return phase -> seconds of all prediction jobs of a study, run one after the other."""
    found = Counter()
    with within(study.folder):
        plan = study.plan("phases")
        for model in dict.fromkeys(cell.model for cell in cells):
            for bundle in plan.bundles(model):
                task = study.folder / "phases.json"
                content = {"config": plan.config, "home": str(HOME), "bundle": [model, bundle]}
                task.write_text(json.dumps(content))
                command = [sys.executable, str(HOME / "perf/phases.py"), str(task)]
                done = subprocess.run(
                    command, env=ENVIRONMENT, capture_output=True, text=True, check=True, cwd=study.folder
                )
                found.update(json.loads(done.stdout.splitlines()[-1]))
    return found


def print_ledger(study: Study, cells: Sequence[Cell]) -> None:
    """Print where the time of a grid's prediction jobs goes."""
    found = phases(study, cells)
    total = sum(found.values())
    print(f"  where the prediction jobs' {total:.1f} s go")
    for name, seconds in found.most_common():
        print(f"    {name:34}{seconds:9.2f} s {100 * seconds / total:5.1f} %", flush=True)


def measure_growth(folder: Path) -> None:
    """Print the tables of growth."""
    print(f"cost of a grid against its cells, {SAMPLES} samples each", flush=True)
    print_table("cells", [stages_of(study_of(folder, n, SAMPLES), f"cells-{n}") for n in N_CELLS])
    print("cost of a grid of 11 cells against its samples", flush=True)
    found = [{**stages_of(study_of(folder, 10, n), f"samples-{n}"), "cells": n} for n in N_SAMPLES]
    print_table("samples", found)
