"""`batch_size: auto` takes what fits, whatever cells a job has, and changes no row."""

from types import SimpleNamespace

import torch
from pyarrow import parquet

from prunegrid.cost.batch_memory import batch_bytes
from prunegrid.cost.decoder import Decoder
from prunegrid.jobs.batch_choice import batch_choice
from prunegrid.predict.hardware import free_bytes
from prunegrid.predict.predict_cells import predict_cells
from prunegrid.predict.requests import BenchmarkRun
from prunegrid.results.store import Store
from tests.benchmarks import worlds
from tests.predict import runs


def test_the_largest_power_of_two_that_fits(loaded):
    config = loaded.model.config.to_dict()
    one = batch_bytes(Decoder.from_config(config), 1, 90, 4, gradients=True)
    choose = batch_choice("auto")
    for size in (2, 16, 64):
        assert choose(config, 90, 4, int(size * one / 0.9) + 1) == size
        assert choose(config, 90, 4, int(size * one / 0.9) - 1) == size // 2
    assert choose(config, 90, 4, 0) == 1
    assert choose(config, 90, 4, 10**12) == 64
    assert batch_choice(5) == 5


def test_main_memory_that_is_free(loaded):
    assert 2**20 < free_bytes(loaded.model) < 2**50


def test_memory_of_a_card_counts_what_pytorch_keeps(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (10, 100))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 7)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 4)
    parameters = [
        SimpleNamespace(device=torch.device(name)) for name in ("cuda:0", "cuda:1", "cuda:0", "cpu")
    ]
    assert free_bytes(SimpleNamespace(parameters=lambda: parameters)) == 2 * (10 + 7 - 4)


def test_rows_are_those_of_any_batch(tmp_path, tolerance, monkeypatch):
    worlds.write(tmp_path / "pope.parquet", "pope")
    rows = {}
    for size in ("auto", 1):
        run = BenchmarkRun(
            str(runs.MODEL),
            {"path": "m"},
            str(tmp_path / "pope.parquet"),
            {"adapter": "pope", "path": "d", "max_new_tokens": 3},
            Store(tmp_path / str(size)),
            batch_size=batch_choice(size),
        )
        predict_cells(run, [runs.cell("uniform", "norm")])
        file = tmp_path / str(size) / "key.parquet"
        rows[size] = parquet.read_table(file, partitioning=None).to_pylist()
    runs.assert_same(rows["auto"], rows[1], tolerance)
