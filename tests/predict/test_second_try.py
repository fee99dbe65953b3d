"""Rows that did not fit into memory are computed again where a larger device is named, and no others."""

from dataclasses import replace

import pandas as pd
import pytest
import torch

from prunegrid.demo.render_benchmark import render_benchmark
from prunegrid.files import read_sealed
from prunegrid.predict.predict_cells import Shared, predict_cells
from prunegrid.predict.requests import BenchmarkRun
from prunegrid.results.predictions import TOO_LARGE, read_finished
from prunegrid.results.store import Store
from tests.predict.runs import MODEL, cell

ONE = replace(
    cell("single", "norm", 0.3), axes={"benchmark": "shapes", "ratio": 0.3, "seed": 0}, key="finished"
)


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Return a function that predicts the cell on a device of some memory, and what it then generates."""
    data = tmp_path / "shapes-pope.parquet"
    render_benchmark("shapes-pope", data, rows=12)
    frame = pd.read_parquet(data)
    frame["question"] += [" Really?" * (number % 4) for number in range(12)]
    frame.to_parquet(data)
    spec = {"adapter": "pope", "path": str(data), "max_new_tokens": 2}
    shared = Shared(str(MODEL), {})
    generate = shared.loaded.model.generate

    def predict(device_gb, asked_gb=0, n_tokens=10**6, shard_size=5, folder="store"):
        seen = []

        def small(**inputs):
            if inputs["input_ids"].shape[1] > n_tokens:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB")
            seen.append(len(inputs["input_ids"]))
            return generate(**inputs)

        device = {"type": "cuda", "name": f"card of {device_gb}", "memory_gb": device_gb}
        monkeypatch.setattr(shared.loaded.model, "generate", small)
        monkeypatch.setattr("prunegrid.predict.metadata.describe_device", lambda _: device)
        store = Store(tmp_path / folder, asked_gb)
        if not store.has_predictions(ONE.key):
            run = BenchmarkRun(
                str(MODEL), {"path": "demo"}, str(data), spec, store, batch_size=4, shard_size=shard_size
            )
            predict_cells(run, [ONE], shared)
        return store, sum(seen)

    return predict


def lengths(rows):
    return [row["n_image_tokens"] + row["n_text_tokens"] for row in rows]


def test_only_what_did_not_fit_is_computed_again(study):
    wanted = read_finished(study(80, folder="large")[0].predictions(ONE.key))[0].to_pylist()
    limit = sorted(lengths(wanted))[7]
    large = [length > limit for length in lengths(wanted)]
    assert 1 < sum(large) < 6
    small, _ = study(23.6, n_tokens=limit)
    before, metadata = read_finished(small.predictions(ONE.key))
    rows = before.to_pylist()
    assert [row["error"] == TOO_LARGE for row in rows] == large
    assert metadata["too_large"] == sum(large)
    assert read_sealed(small.too_large(ONE.key)) == {"rows": sum(large), "memory_gb": 23.6}
    # A device as large as the one that it was tried on, and none that is known of.
    for asked in (0, 24):
        store, n_run = study(23.6, asked)
        assert store.has_predictions(ONE.key)
        assert not store.has_lost({ONE.key: ["finished.parquet"]})
        assert n_run == 0
    larger = Store(small.folder, 80)
    assert not larger.has_predictions(ONE.key)
    assert larger.has_lost({ONE.key: ["finished.parquet"]})
    _, n_run = study(79.2, 80, shard_size=6)
    assert n_run == sum(large)
    after, metadata = read_finished(small.predictions(ONE.key))
    for row, old, new, is_large in zip(after.to_pylist(), rows, wanted, large, strict=True):
        if is_large:
            assert row["status"] == "ok"
            assert row["prediction"] == new["prediction"]
            assert row["token_depth"] == new["token_depth"]
        else:
            assert row == old
    assert metadata["too_large"] == 0
    assert [device["memory_gb"] for device in metadata["devices"]] == [23.6, 79.2]
    assert not small.too_large(ONE.key).exists()
    assert larger.has_predictions(ONE.key)


def test_what_still_does_not_fit_is_tried_once_a_size(study):
    lengths_of_all = lengths(read_finished(study(80, folder="large")[0].predictions(ONE.key))[0].to_pylist())
    longest, limit = max(lengths_of_all), sorted(lengths_of_all)[4]
    small, _ = study(23.6, n_tokens=limit, shard_size=12)
    study(47.5, 48, n_tokens=longest - 1, shard_size=12)
    metadata = read_finished(small.predictions(ONE.key))[1]
    assert metadata["too_large"] == lengths_of_all.count(longest)
    assert read_sealed(small.too_large(ONE.key))["memory_gb"] == 47.5
    assert Store(small.folder, 48).has_predictions(ONE.key)
    assert not Store(small.folder, 80).has_predictions(ONE.key)
