"""Items made in a thread: in order, bounded, with its errors; and jobs that predict as without it."""

import threading
from dataclasses import replace

import pyarrow.parquet as pq
import pytest
import torch

from prunegrid import plugins
from prunegrid.demo.render_benchmark import render_benchmark
from prunegrid.errors import DataError
from prunegrid.predict import predict_cells
from prunegrid.predict.prompts import PromptMaker
from prunegrid.predict.read_ahead import ReadAhead
from prunegrid.predict.requests import BenchmarkRun
from prunegrid.results.store import Store
from tests.predict.runs import MODEL, cell

SHARD, ROWS = 5, 12


def test_items_come_in_order_and_wait_within_bounds():
    made = []

    def items():
        for number in range(20):
            made.append(number)
            yield number

    with ReadAhead(items(), lambda _: 10, 35) as ahead:
        found = [next(ahead)]
        # Four of 10 wait at most, and one more is made when one is taken.
        assert len(made) <= 6
        for item in ahead:
            found.append(item)
            assert len(made) <= len(found) + 5
    assert found == list(range(20))
    assert not ahead._thread.is_alive()


def test_an_error_comes_after_the_items_before_it():
    def items():
        yield 1
        yield 2
        raise DataError("the third cannot be read")

    with ReadAhead(items(), lambda _: 1, 100) as ahead:
        assert [next(ahead), next(ahead)] == [1, 2]
        for _ in range(2):
            with pytest.raises(DataError, match="the third cannot be read"):
                next(ahead)


def test_the_thread_ends_with_a_job_that_fails():
    def endless():
        while True:
            yield 1

    ahead = ReadAhead(endless(), lambda _: 1, 3)

    def job():
        with ahead:
            next(ahead)
            raise RuntimeError("of the job")

    with pytest.raises(RuntimeError, match="of the job"):
        job()
    assert not ahead._thread.is_alive()


def test_the_thread_keeps_to_the_threads_of_the_job():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        with ReadAhead((torch.get_num_threads() for _ in range(1)), lambda _: 1, 1) as ahead:
            assert [*ahead] == [1]
    finally:
        torch.set_num_threads(before)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "shapes-pope.parquet"
    render_benchmark("shapes-pope", path, rows=ROWS)
    spec = {"adapter": "pope", "path": str(path), "max_new_tokens": 3}
    return BenchmarkRun(
        str(MODEL), {"path": "m"}, str(path), spec, Store(path.parent), batch_size=4, shard_size=SHARD
    )


class Plain:
    """What `ReadAhead` is in place of: everything in one thread, when it is asked for."""

    def __init__(self, items, *_):
        self._items = items

    def __enter__(self):
        return iter(self._items)

    def __exit__(self, *_):
        pass


def test_rows_are_those_of_one_thread(run, loaded, tmp_path, monkeypatch):
    monkeypatch.setattr(predict_cells, "load_model", lambda *_: loaded)
    read = plugins.load("benchmarks", "pope").samples

    def broken(self, positions=None):
        for sample in read(self, positions):
            bad = sample.sample_id == self.sample_ids()[7]
            yield replace(sample, image=None, error="broken") if bad else sample

    monkeypatch.setattr(plugins.load("benchmarks", "pope"), "samples", broken)
    axes = {"ratio": 0.5, "seed": 0, "benchmark": "shapes"}
    cells = [
        replace(cell("single", "norm", layer=2), key="norm", axes=axes),
        replace(cell("mismatched", None), key="swapped", axes={**axes, "ratio": 0.0}),
    ]
    threads, prepared = set(), PromptMaker.prepared
    monkeypatch.setattr(
        PromptMaker,
        "prepared",
        lambda self, *given: threads.add(threading.current_thread().name) or prepared(self, *given),
    )
    tables = {}
    for name, way in (("ahead", ReadAhead), ("plain", Plain)):
        monkeypatch.setattr(predict_cells, "ReadAhead", way)
        threads.clear()
        predict_cells.predict_cells(replace(run, store=Store(tmp_path / name)), cells)
        assert threads == {"read-ahead" if name == "ahead" else "MainThread"}
        tables[name] = [
            pq.read_table(tmp_path / name / f"{one.key}.parquet", partitioning=None) for one in cells
        ]
    assert [table.num_rows for table in tables["ahead"]] == [ROWS, ROWS]
    assert tables["ahead"][0]["error"].to_pylist()[7] == "broken"
    for one, other in zip(*tables.values(), strict=True):
        assert one.equals(other)


def test_an_error_of_reading_ends_the_job(run, loaded, tmp_path, monkeypatch):
    """After the shards before it are written."""
    monkeypatch.setattr(predict_cells, "load_model", lambda *_: loaded)
    pope = plugins.load("benchmarks", "pope")
    read = pope.samples

    def unreadable(self, positions=None):
        if positions is not None and SHARD in positions:
            raise DataError("shapes-pope.parquet: cannot be read")
        return read(self, positions)

    monkeypatch.setattr(pope, "samples", unreadable)
    one = replace(cell("single", "norm", layer=2), axes={"ratio": 0.5, "seed": 0, "benchmark": "shapes"})
    with pytest.raises(DataError, match=r"shapes-pope\.parquet: cannot be read"):
        predict_cells.predict_cells(replace(run, store=Store(tmp_path)), [one])
    assert [file.name for file in tmp_path.glob("key.shards-*/*.parquet")] == ["00000.parquet"]
