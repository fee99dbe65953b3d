"""The metadata of predictions tell on what, and in which batches, they were computed."""

from dataclasses import replace

import pytest
import torch

from prunegrid.demo.render_benchmark import render_benchmark
from prunegrid.predict.hardware import describe_device
from prunegrid.predict.predict_cells import Shared, predict_cells
from prunegrid.predict.requests import BenchmarkRun
from prunegrid.results.predictions import read_metadata
from prunegrid.results.store import Store
from prunegrid.tables.build import computed_differently
from tests.predict.runs import MODEL, cell


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Return the folder of a cell of 12 samples in shards of 6, whose memory runs out once, beyond 2."""
    data = tmp_path / "shapes-pope.parquet"
    render_benchmark("shapes-pope", data, rows=12)
    spec = {"adapter": "pope", "path": str(data), "max_new_tokens": 2}
    run = BenchmarkRun(
        str(MODEL), {"path": "demo"}, str(data), spec, Store(tmp_path), batch_size=4, shard_size=6
    )
    shared = Shared(str(MODEL), {"dtype": "bfloat16"})
    generate, sizes = shared.loaded.model.generate, []

    def small(**inputs):
        sizes.append(len(inputs["input_ids"]))
        if len(sizes) == 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB")
        return generate(**inputs)

    monkeypatch.setattr(shared.loaded.model, "generate", small)
    axes = {"model": "demo", "benchmark": "pope", "ratio": 0.3, "seed": 0}
    predict_cells(run, [replace(cell("single", "norm", 0.3), axes=axes, key="predictions")], shared)
    # One batch of 4, a half that does not fit, and the rest one by one.
    assert sizes == [4, 2, *[1] * 8]
    return tmp_path


def test_the_batches_that_were_run_and_the_device_are_named(study):
    metadata = read_metadata(study / "predictions.parquet")
    assert metadata["batch_size"] == 4
    assert metadata["batch_sizes"] == {"smallest": 1, "largest": 4}
    assert metadata["devices"] == [describe_device(torch.device("cpu"))]


def test_tables_warn_of_them(study):
    warning = computed_differently([{"benchmark": "pope", "folder": study}])["pope"]
    assert warning.startswith("Warning: cells of pope were not computed alike: batches of 1 to 4.")
