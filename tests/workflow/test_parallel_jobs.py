"""Parallel jobs for the samples of one bundle: what they make, and what a lost file costs."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from prunegrid.results.predictions import SCHEMA
from tests.workflow.study import Study

DATA = {"adapter": "pope", "path": "resources/demo/shapes-pope.parquet", "limit": 10}
CONFIG = {
    "benchmarks": ["alone", "parallel"],
    "benchmark_specs": {"alone": DATA, "parallel": {**DATA, "jobs_per_bundle": 2}},
    "strategies": ["uniform", "mismatched"],
    "criteria": ["norm", "gradient"],
    "ratios": [0.505],
    "seeds": [0],
    # Text, as `--config` hands it over: jobs are to see numbers, as validated.
    "shard_size": "4",
    "bundle_size": 50,
    "tables": {"replicates": "200"},
}
CELLS = 4  # none, mismatched, uniform x (norm, gradient)
RULES = ("predict", "join", "score", "publish")
# Tables and figures are made in other tests.
CELLS_ALONE = ("--until", "publish")
ONE = "uniform/norm/ratio-0.505/seed-0"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    study = Study(tmp_path_factory.mktemp("parallel") / "project", CONFIG)
    assert study.planned()["predict"] == 1 + 2
    study.run(*CELLS_ALONE)
    return study


def metadata(file):
    return json.loads(pq.read_schema(file).metadata[b"prunegrid"])


def planned(study):
    return {rule: count for rule, count in study.planned().items() if rule in RULES}


def check_cells(study):
    cells = study.cells()
    assert len(cells) == 2 * CELLS
    for name, file in cells.items():
        if "/parallel/" in name:
            alone = cells[name.replace("/parallel/", "/alone/")]
            table, wanted = (pq.read_table(path, partitioning=None) for path in (file, alone))
            assert table.num_rows == 10
            assert table.equals(wanted)
            ours, theirs = metadata(file), metadata(alone)
            assert ours["seconds"] > 0
            for one in (ours, theirs):
                del one["seconds"], one["cell"]["benchmark"]
            assert ours == theirs


def test_parallel_jobs_make_what_one_job_makes(study):
    check_cells(study)
    store = study.folder / "results/demo/parallel/.store"
    assert not list(store.glob("*.shards-*"))
    for job, numbers in {1: [0, 2], 2: [1]}.items():
        left = json.loads((store.parents[1] / f".jobs/predicted-parallel-0000.{job}-of-2.done").read_text())[
            "parallel"
        ]
        assert len(left) == CELLS
        assert [[int(Path(file).stem) for file in files] for files in left.values()] == [numbers] * CELLS
    assert planned(study) == {}
    study.configure(benchmark_specs={"alone": DATA, "parallel": {**DATA, "jobs_per_bundle": 3}})
    assert planned(study) == {}
    study.configure(**CONFIG)


def test_damaged_files_are_computed_again_and_nothing_else(study):
    store = study.folder / "results/demo/parallel/.store"
    published = study.cells()[f"demo/parallel/{ONE}"]
    key = metadata(published)["key"]
    cell = store / f"{key}.parquet"
    assert cell.samefile(published)
    cut(cell)
    assert planned(study) == {"predict": 2, "join": 1, "score": 1, "publish": 1}
    assert "1 warning" in study.run("--until", "predict")
    assert f"{key}.parquet is cut short" in study.log()
    shards = sorted(store.glob(f"{key}.shards-4/0*.parquet"))
    assert [shard.stem for shard in shards] == ["00000", "00001", "00002"]

    before = {shard: shard.stat().st_mtime_ns for shard in shards}
    cut(shards[2])
    assert planned(study) == {"predict": 1, "join": 1, "score": 1, "publish": 1}
    study.run("--until", "predict")
    assert "00002.parquet cannot be read" in study.log()
    assert "its samples are computed again" in study.log()
    assert [shard.stem for shard in shards if shard.stat().st_mtime_ns != before[shard]] == ["00002"]

    # Damage that only reading finds.
    column = pq.read_metadata(shards[1]).row_group(0).column(SCHEMA.names.index("prediction"))
    content = bytearray(shards[1].read_bytes())
    content[column.data_page_offset + column.total_compressed_size - 1] ^= 1
    shards[1].write_bytes(content)
    output = study.run(*CELLS_ALONE, check=False)
    assert "00001.parquet cannot be read" in output
    assert "run again to compute its samples" in output
    study.run(*CELLS_ALONE)
    check_cells(study)
    assert planned(study) == {}


def cut(file):
    with file.open("r+b") as handle:
        handle.truncate(file.stat().st_size // 2)
