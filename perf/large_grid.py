"""Time and memory of a grid of thousands of cells whose results are made up: no model runs.

Twenty distinct cells of POPE's size are scored for real. Each cell of the grid gets one of them, under its
own key: scores as hard links, predictions as copies that differ in the key alone. Then Snakemake plans the
grid, puts it in place, finds nothing to do and tells its status, and the tables are built by themselves.

    python perf/large_grid.py [--cells 5000] [--rows 9000] [--images 500] [--folder FOLDER]
"""

import argparse
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from study import HOME, within

from prunegrid.files import file_state, write_text
from prunegrid.results.checksums import check_cells, write_checksums
from prunegrid.results.predictions import METADATA_KEY, SCHEMA
from prunegrid.results.store import SAMPLES, SCORES
from prunegrid.scoring.score import score_cells, write_scores
from prunegrid.study.config import validate
from prunegrid.study.descriptions import describe_cell, describe_files
from prunegrid.study.plan import Plan
from prunegrid.tables.build import build_tables

CONFIG_SCHEMA = HOME / "workflow/schemas/config.schema.yaml"
DISTINCT = 20
PLACEHOLDER = "k" * 24
DATA = "resources/demo/shapes-pope.parquet"
BENCHMARKS = ["one", "two", "three", "four"]
GIB = 2**30


@dataclass(frozen=True)
class Measure:
    """What a step took."""

    step: str
    seconds: float
    bytes: int
    most_seconds: float | None = None
    most_bytes: int = 2 * GIB

    @property
    def holds(self) -> bool:
        """Whether it stays within its limits."""
        return self.bytes <= self.most_bytes and (
            self.most_seconds is None or self.seconds <= self.most_seconds
        )

    def __str__(self) -> str:
        limit = f"at most {self.most_seconds:.0f} s, " if self.most_seconds else ""
        return (
            f"{self.step:34} {self.seconds:7.1f} s {self.bytes / GIB:6.2f} GiB   "
            f"{'holds' if self.holds else 'EXCEEDS'}: {limit}{self.most_bytes / GIB:.0f} GiB"
        )


def study(n_cells: int) -> dict[str, Any]:
    """Return a configuration of at least so many cells."""
    config = yaml.safe_load((HOME / "config.yaml").read_text())
    spec = {"adapter": "pope", "path": DATA, "max_new_tokens": 4}
    config |= {
        "benchmarks": BENCHMARKS,
        "benchmark_specs": dict.fromkeys(BENCHMARKS, spec),
        "seeds": [0, 1, 2],
        "bundle_size": 110,
        "ratios": [],
        "latency": {},
    }
    for ratio in itertools.count(300, 5):
        config["ratios"].append(ratio / 1000)
        if len(plan(config).grid.cells) >= n_cells:
            return config
    raise AssertionError


def plan(config: dict[str, Any]) -> Plan:
    """Return the plan of the study."""
    return Plan(validate(config, CONFIG_SCHEMA), HOME, [DATA])


def make_distinct(folder: Path, n_rows: int, n_images: int, replicates: int) -> None:
    """Write predictions and scores of the distinct cells, under the numbers 0 to 19."""
    world = np.random.default_rng(0)
    gold = world.integers(0, 2, n_rows)
    names = ("no", "yes")
    model = json.loads((HOME / "demo/model/config.json").read_text())
    for number in range(DISTINCT):
        said = np.where(world.random(n_rows) < 0.9 - 0.02 * number, gold, 1 - gold)
        rows = [
            {
                "sample_id": f"{('adversarial', 'popular', 'random')[i % 3]}/{i}",
                "image_id": f"COCO_val2014_{i % n_images:012d}",
                "prompt": "USER: <image>\nIs there a dog in the image? ASSISTANT:",
                "question": "Is there a dog in the image?",
                "answer": names[gold[i]],
                "prediction": names[said[i]].capitalize(),
                **{"n_image_tokens": 64, "n_text_tokens": 30, "n_text_after": 25, "n_generated": 2},
                **{
                    "n_explained": 0,
                    "image_grids": [[1, 8, 8]],
                    "token_depth": [8] * 64,
                    "first_token_id": 5,
                },
                "first_topk": [{"id": k, "logit": 1.0 - k} for k in range(5)],
                "choice_logits": [float(said[i]), 1.0 - said[i]],
                "status": "ok" if i % 1000 else "error",
                "error": None if i % 1000 else f"row {i}: image cannot be decoded (40 bytes)",
            }
            for i in range(n_rows)
        ]
        table = pa.Table.from_pylist(rows, schema=SCHEMA)
        metadata = {"key": PLACEHOLDER, "model": {"id": "demo/model", "config": model}}
        # Without Arrow's own copy of the schema the key stands in the file once.
        path = folder / f"{number}.parquet"
        with pq.ParquetWriter(path, SCHEMA, compression="zstd", store_schema=False) as writer:
            writer.write_table(table)
            writer.add_key_value_metadata({METADATA_KEY.decode(): json.dumps(metadata)})
    ledger = {"tflops_published": 1.0, "tflops_total": 2.0, "ratio_achieved": 0.5, "min_image_tokens": 20.0}
    files = {number: folder / f"{number}.parquet" for number in range(DISTINCT)}
    for number, scores in score_cells("pope", files, replicates=replicates):
        write_scores(folder / f"scores-{number}", scores, ledger)


def fill(plan: Plan, distinct: Path) -> None:
    """Put a made-up result of every cell into the stores."""
    contents = [(distinct / f"{number}.parquet").read_bytes() for number in range(DISTINCT)]
    for place, cell in enumerate(plan.grid.cells):
        number = place % DISTINCT
        store = plan.store(cell.model, cell.benchmark)
        key, scores_key = plan.keys.prediction_key(cell), plan.keys.score_key(cell)
        if store.has_scores(scores_key):
            continue
        file, folder = store.predictions(key), store.scores(scores_key)
        folder.mkdir(parents=True, exist_ok=True)
        file.write_bytes(contents[number].replace(PLACEHOLDER.encode(), key.encode()))
        write_text(store.predictions_checksum(key), json.dumps(file_state(file)))
        for name in (SCORES, SAMPLES):
            os.link(distinct / f"scores-{number}" / name, folder / name)
        write_checksums(store, key, scores_key)


def snakemake(step: str, *arguments: str, most_seconds: float | None = None, expected: str = "") -> Measure:
    """Run snakemake in the working directory and measure it with all its jobs."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(HOME / "Snakefile")]
    command += ["--configfile", "study.yaml", "--cores", "2", *arguments]
    with Path("output.txt").open("w+") as output:
        measure = run(step, command, output, most_seconds)
        output.seek(0)
        text = output.read()
    if expected not in text:
        raise SystemExit(f"{step}: {expected!r} is not in the output:\n{text[-3000:]}")
    return measure


def run(step: str, command: list[str], output: Any, most_seconds: float | None) -> Measure:
    """Run a command and measure its wall time and the most memory that one of its processes held."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        output.seek(0)
        raise SystemExit(f"{step} failed:\n{output.read()[-3000:]}")
    return Measure(step, time.monotonic() - started, usage.ru_maxrss * 1024, most_seconds)


def tables() -> None:
    """Check and tabulate all cells: what the rule build_tables does, in this process."""
    known = plan(yaml.safe_load(Path("study.yaml").read_text()))
    check_cells(describe_files(known, cell) for cell in known.grid.cells)
    cells = [describe_cell(known, cell) for cell in known.grid.cells]
    build_tables(cells, [], "tables", known.config["tables"])


@contextmanager
def working_in(folder: Path | None) -> Iterator[None]:
    """Work in a folder, or in one that is removed afterwards."""
    made = Path(tempfile.mkdtemp(prefix="large-grid-")) if folder is None else folder
    made.mkdir(parents=True, exist_ok=True)
    try:
        with within(made):
            yield
    finally:
        if folder is None:
            shutil.rmtree(made)


def main() -> None:
    """Build the grid and measure it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=5000)
    parser.add_argument("--rows", type=int, default=9000)
    parser.add_argument("--images", type=int, default=500, help="distinct ones: statistics count images")
    parser.add_argument("--folder", type=Path, help="where to work; kept, and gone on from")
    parser.add_argument("--tables", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.tables:
        tables()
        return
    with working_in(given.folder):
        config = study(given.cells)
        Path("study.yaml").write_text(yaml.safe_dump(config))
        known = plan(config)
        n = len(known.grid.cells)
        print(f"{n} cells of {given.rows} rows, {DISTINCT} of them distinct", flush=True)
        measures = []

        def say(measure: Measure) -> None:
            measures.append(measure)
            print(measure, flush=True)

        if not Path("results").exists():
            say(snakemake("dry run, nothing computed", "-n", "--quiet", "rules", most_seconds=60))
        distinct = Path("distinct")
        if not distinct.exists():
            distinct.mkdir()
            make_distinct(distinct, given.rows, given.images, known.config["tables"]["replicates"])
        started = time.monotonic()
        fill(known, distinct)
        print(f"store filled in {time.monotonic() - started:.0f} s", flush=True)
        say(snakemake("dry run, all computed", "-n", "--quiet", "rules", most_seconds=60))
        say(snakemake("put in place", "--until", "publish", "--quiet", "rules", "progress"))
        command = [sys.executable, str(Path(__file__).resolve()), "--tables"]
        with Path("tables.txt").open("w+") as output:
            say(run("check and tables, in one process", command, output, None))
        say(snakemake("tables, figures and page", "--quiet", "rules", "progress"))
        say(snakemake("run with nothing to do", most_seconds=90, expected="Nothing to be done"))
        say(snakemake("status", "status", expected=f"{n} of {n} cells are done"))
    sys.exit(not all(measure.holds for measure in measures))


if __name__ == "__main__":
    main()
