"""A job of cells of several benchmarks: what it makes, and what it loads for it."""

import json

import pyarrow.parquet as pq
import pytest

from prunegrid.errors import DataError
from prunegrid.jobs.job_log import job_log
from prunegrid.jobs.join import join
from prunegrid.jobs.predict import predict
from prunegrid.predict import feature_cache, predict_cells
from prunegrid.study.config import validate
from prunegrid.study.markers import parts
from prunegrid.study.plan import Plan
from tests.benchmarks import worlds
from tests.study.plans import HOME, SCHEMA, configuration
from tests.workflow.faults import check

# All of the same three pictures.
PICTURES = {"path": "pope.parquet", "limit": 6}
CONFIG = {
    "model_specs": {"m": {"path": str(HOME / "demo/model")}},
    "benchmarks": ["one", "same", "captions"],
    "benchmark_specs": {
        "one": {"adapter": "pope", **PICTURES},
        "same": {"adapter": "pope", **PICTURES, "max_new_tokens": 2},
        "captions": {"adapter": "nocaps", "path": "nocaps.parquet", "limit": 3, "max_new_tokens": 4},
    },
    "strategies": ["uniform"],
    "criteria": ["norm", "gradient"],
    "ratios": [0.5],
}


@pytest.fixture
def loads(tmp_path, monkeypatch):
    """Models that are loaded, in a folder with the benchmarks' data."""
    monkeypatch.chdir(tmp_path)
    worlds.write(tmp_path / "pope.parquet", "pope")
    worlds.write(tmp_path / "nocaps.parquet", "nocaps")
    loaded, load = [], predict_cells.load_model
    monkeypatch.setattr(predict_cells, "load_model", lambda *args: loaded.append(args) or load(*args))
    return loaded


def run(**changes):
    """Run all jobs of the study; return what they left in the stores, and the cells' tables."""
    config = validate(configuration(**{**CONFIG, **changes}), SCHEMA)
    plan = Plan(config, HOME)
    left = {}
    for name, cells in plan.bundles("m").items():
        keys = [plan.keys.prediction_key(cell) for cell in cells]
        names = parts(plan, "m", name)
        for part in names:
            left[name + part] = predict(config, HOME, ("m", name), part, keys, 1)
        if names != [""]:
            left[name] = join(config, HOME, ("m", name), keys)
    files = {
        cell.folder: plan.store("m", cell.benchmark).predictions(plan.keys.prediction_key(cell))
        for cell in plan.grid.cells
    }
    return left, {folder: pq.read_table(file, partitioning=None) for folder, file in files.items()}


def test_a_job_of_several_benchmarks_makes_what_several_jobs_make(loads, monkeypatch, tmp_path):
    seen, compute = [], feature_cache.FeatureCache._compute
    monkeypatch.setattr(
        feature_cache.FeatureCache,
        "_compute",
        lambda self, pixels: seen.append(1) or compute(self, pixels),
    )
    left, together = run(bundle_size=50, results_dir="together")
    assert list(left) == ["mixed-0000"]
    assert len(loads) == 1
    n_together = len(seen)
    left, apart = run(bundle_size=3, results_dir="apart", feature_store_gb=0)
    assert list(left) == ["one-0000", "same-0000", "captions-0000"]
    assert len(loads) == 1 + 3
    # Pictures that benchmarks have in common are encoded once a job.
    assert n_together == 3
    assert len(seen) - n_together == 3 * 3
    assert not list(tmp_path.glob("apart/m/.features/*"))
    seen.clear()
    _, kept = run(bundle_size=3, results_dir="kept")
    # What one job has left on disk the others need not encode.
    assert len(seen) == len(list(tmp_path.glob("kept/m/.features/*"))) == 3
    assert together.keys() == apart.keys() == kept.keys()
    for name, table in together.items():
        assert table.equals(apart[name]), name
        assert table.equals(kept[name]), name


def test_parallel_jobs_of_several_benchmarks_make_what_one_makes(loads):
    left, parallel = run(bundle_size=50, shard_size=2, jobs_per_bundle=2)
    assert list(left) == ["mixed-0000.1-of-2", "mixed-0000.2-of-2", "mixed-0000"]
    assert len(loads) == 2
    shards = {name: [*map(len, left["mixed-0000.1-of-2"][name].values())] for name in CONFIG["benchmarks"]}
    assert shards == {"one": [2] * 3, "same": [2] * 3, "captions": [1] * 3}
    _, alone = run(bundle_size=50, shard_size=2, results_dir="alone")
    assert left["mixed-0000"].keys() == dict.fromkeys(CONFIG["benchmarks"]).keys()
    for name, table in parallel.items():
        assert table.equals(alone[name]), name


def test_a_job_needs_the_data_of_its_own_benchmarks_alone(loads, tmp_path):
    """The others may still be drawn, or lie on another machine."""
    config = configuration(**CONFIG, bundle_size=3)
    validated = validate(config, SCHEMA)
    plan = Plan(validated, HOME)
    keys = [plan.keys.prediction_key(cell) for cell in plan.bundles("m")["one-0000"]]
    (tmp_path / "nocaps.parquet").unlink()
    left = predict(validated, HOME, ("m", "one-0000"), "", keys, 1)
    assert left == {"one": {key: [f"{key}.parquet"] for key in keys}}


def test_the_marker_lists_what_the_stores_hold(loads, tmp_path):
    log = tmp_path / "job.log"
    with job_log(log, "m mixed-0000"):
        left, _ = run(bundle_size=50)
    (marker,) = left.values()
    assert {benchmark: len(files) for benchmark, files in marker.items()} == dict.fromkeys(
        CONFIG["benchmarks"], 3
    )
    plan = Plan(validate(configuration(**CONFIG), SCHEMA), HOME)
    for benchmark, files in marker.items():
        for key, (file,) in files.items():
            assert (plan.store("m", benchmark).folder / file).exists()
            assert file == f"{key}.parquet"
    assert json.loads(json.dumps(marker)) == marker
    for benchmark in CONFIG["benchmarks"]:
        assert f" INFO {benchmark}: 0 of 3 cells are in the store\n" in log.read_text()
    assert run(bundle_size=50)[0] == left
    assert len(loads) == 1, "nothing was missing"


def test_a_benchmark_that_fails_does_not_stop_the_others(loads, monkeypatch, tmp_path, capsys):
    join_shards = predict_cells.CellShards.join

    def fail_for_one(self):
        if "/one/" in str(self.finished):
            raise DataError("no such row")
        join_shards(self)

    monkeypatch.setattr(predict_cells.CellShards, "join", fail_for_one)
    log = tmp_path / "job.log"
    with (
        pytest.raises(SystemExit, match=r"^m mixed-0000: DataError: one: no such row$") as ended,
        job_log(log, "m mixed-0000"),
    ):
        run(bundle_size=50)
    console = capsys.readouterr().err
    assert "m mixed-0000: one: FAILED: DataError: no such row\n" in console
    assert "Traceback" not in console
    check("one of several benchmarks that share a job fails", f"{console}{ended.value}")
    check("one of several benchmarks that share a job fails", log.read_text())
    before, after = log.read_text().split(" ERROR DataError: one: no such row\n")
    assert " ERROR one: FAILED: DataError: no such row\nTraceback" in before
    assert "in fail_for_one" in before
    assert after.startswith("Traceback")
    plan = Plan(validate(configuration(**CONFIG), SCHEMA), HOME)
    stored = {
        name: len(list(plan.store("m", name).folder.glob("*.parquet"))) for name in CONFIG["benchmarks"]
    }
    assert stored == {"one": 0, "same": 3, "captions": 3}
