"""kill -9 of a prediction job, again and again: what is lost, and what comes out in the end."""

import json
import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from prunegrid.demo.render_benchmark import render_benchmark
from prunegrid.predict import predict_cells
from prunegrid.predict.requests import BenchmarkRun, CellRun
from prunegrid.results.store import Store

MODEL = Path(__file__).parents[2] / "demo/model"
SHARD = 3
CELLS = [
    CellRun(
        "plain",
        "code",
        "plain",
        {"ratio": 0.5, "seed": 0},
        ("hierarchical", {"layers": [1, 2]}),
        ("attention", {}),
    ),
    CellRun("explained", "code", "explained", {"ratio": 0.3, "seed": 0}, ("single", {}), ("gradient", {})),
    CellRun("swapped", "code", "swapped", {"ratio": 0.0, "seed": 1}, ("mismatched", {}), None),
]
# A child of a process that has imported torch and loaded the model starts in milliseconds.
FORK = multiprocessing.get_context("fork")


class Job:
    """A prediction job in a process of its own.

    Parameters
    ----------
    store : Path
        Its store; beside it, a log with the number of every shard that a job begins to compute.
    """

    def __init__(self, loaded, data: Path, store: Path) -> None:
        self.log = store.with_suffix(".log")
        run = BenchmarkRun(
            str(MODEL),
            {"path": "demo/model"},
            str(data),
            {"adapter": "pope", "path": str(data), "max_new_tokens": 4},
            Store(store),
            batch_size=2,
            shard_size=SHARD,
        )
        self.process = FORK.Process(target=self._work, args=(run, loaded))
        self._begun = self.begun()
        self.process.start()

    def _work(self, run: BenchmarkRun, loaded) -> None:
        run_shard = predict_cells._Bundle._run_shard

        def logged(self, number, *others):
            handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(handle, f"{number}\n".encode())
            os.close(handle)
            run_shard(self, number, *others)

        # The threads that computed before the fork are not in the child, which would wait for them.
        torch.set_num_threads(1)
        log = self.log
        predict_cells._Bundle._run_shard = logged
        predict_cells.load_model = lambda *_: loaded
        predict_cells.predict_cells(run, CELLS)

    def begun(self) -> list[int]:
        """Return the shards that jobs on this store have begun to compute."""
        return [int(line) for line in self.log.read_text().split()] if self.log.exists() else []

    def wait_until_it_computes(self) -> None:
        while self.begun() == self._begun:
            assert self.process.is_alive(), "the job ended before it could be killed"
            time.sleep(0.001)

    def kill(self) -> None:
        assert self.process.is_alive(), "the job ended before it could be killed"
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()
        assert self.process.exitcode == -signal.SIGKILL

    def finish(self) -> None:
        self.process.join()
        assert self.process.exitcode == 0


def written(store: Path) -> dict[str, tuple[int, int]]:
    stats = {str(file.relative_to(store)): file.stat() for file in store.glob("*.shards-*/0*.parquet")}
    return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in stats.items()}


@pytest.mark.parametrize(("kills", "rows"), [(5, 30), pytest.param(10, 60, marks=pytest.mark.exhaustive)])
def test_kills_lose_at_most_a_shard_each(loaded, tmp_path, kills, rows):
    data, n_shards = tmp_path / "shapes-pope.parquet", rows // SHARD
    render_benchmark("shapes-pope", data, rows=rows)
    undisturbed = Job(loaded, data, tmp_path / "undisturbed")
    undisturbed.wait_until_it_computes()
    started = time.monotonic()
    undisturbed.finish()
    per_shard = (time.monotonic() - started) / n_shards
    assert undisturbed.begun() == list(range(n_shards))

    store = tmp_path / "killed"
    before: dict[str, tuple[int, int]] = {}
    for number in range(kills):
        job = Job(loaded, data, store)
        job.wait_until_it_computes()
        time.sleep(random.Random(number).uniform(0, 2) * per_shard)
        job.kill()
        files = written(store)
        assert files | before == files, "a shard that was whole before is not what it was"
        before = files
        # All that was begun is there, but for the shard that was being computed.
        *done, last = job.begun()
        assert {
            f"{cell.key}.shards-{SHARD}/{shard:05d}.parquet"
            for cell in CELLS
            for shard in done
            if shard != last
        } <= set(files)
    assert len(files) < len(CELLS) * n_shards
    assert not list(store.glob("*.parquet"))

    job = Job(loaded, data, store)
    job.finish()
    assert n_shards < len(job.begun()) <= n_shards + kills
    for cell in CELLS:
        killed, wanted = (
            pq.read_table(tmp_path / name / f"{cell.key}.parquet") for name in ("killed", "undisturbed")
        )
        assert killed.num_rows == rows
        assert killed.equals(wanted)
        ours, theirs = (json.loads(table.schema.metadata[b"prunegrid"]) for table in (killed, wanted))
        assert ours.pop("seconds") > 0 < theirs.pop("seconds")
        assert ours == theirs
    left = {file.name for file in (tmp_path / "undisturbed").iterdir()}
    assert {file.name for file in store.iterdir()} == left
    assert not any("shards" in name for name in left)
