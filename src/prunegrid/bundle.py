"""Run cells: per-sample predictions of one model on one benchmark, written in shards."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from pyarrow import parquet

from prunegrid import plugins
from prunegrid.errors import DataError
from prunegrid.inputs import PromptMaker
from prunegrid.loading import LoadedModel, load_model
from prunegrid.metadata import cell_metadata
from prunegrid.mismatch import ImageSpool
from prunegrid.predict import predict_prompts
from prunegrid.predictions import SCHEMA, write_rows, write_table
from prunegrid.pruning import Saliencies
from prunegrid.runs import BenchmarkRun, CellRun

if TYPE_CHECKING:
    from prunegrid.benchmarks.base import Adapter, Sample


def predict_cells(run: BenchmarkRun, cells: Sequence[CellRun]) -> None:
    """Compute cells into the store.

    Samples are read in shards; each cell's rows of a shard are written at once, so that a killed run
    goes on from there. What cells share is computed once per shard: decoded images, token ids, vision
    features, gradients.
    """
    loaded = load_model(run.model_path, run.model_spec)
    adapter = plugins.load("benchmarks", run.benchmark_spec["adapter"])(
        {**run.benchmark_spec, "path": run.data_path}
    )
    run.say(f"{run.model_path} is loaded on {loaded.model.device}, {len(cells)} cells to run")
    _Bundle(run, loaded, adapter, cells).run()


class _Bundle:
    def __init__(
        self, run: BenchmarkRun, loaded: LoadedModel, adapter: Adapter, cells: Sequence[CellRun]
    ) -> None:
        self._run, self._loaded, self._adapter, self._cells = run, loaded, adapter, cells
        spec = run.model_spec
        self._maker = PromptMaker(
            loaded, spec.get("system_prompt", "none"), spec.get("image_mode", "processor")
        )
        self._seconds: dict[str, float] = {}

    def run(self) -> None:
        spool = None
        if any(cell.swaps_images for cell in self._cells):
            spool = ImageSpool(self._adapter.samples())
        n_shards = 0
        for number, samples in enumerate(_chunks(self._adapter.samples(), self._run.shard_size)):
            n_shards = number + 1
            todo = [cell for cell in self._cells if not self._shard(cell, number).exists()]
            if todo:
                self._run_shard(number, samples, todo, spool)
        for cell in self._cells:
            self._finish(cell, n_shards)

    def _run_shard(
        self, number: int, samples: Sequence[Sample], cells: Sequence[CellRun], spool: ImageSpool | None
    ) -> None:
        batch_size = self._run.batch_size
        prompts = self._maker.prompts(samples, batch_size)
        saliencies: Saliencies = {}
        started = time.monotonic()
        for position, cell in enumerate(cells, start=1):
            before = time.monotonic()
            if cell.swaps_images:
                partners = spool.partners(cell.axes["seed"])
                seen = self._maker.prompts(spool.swapped(samples, partners), batch_size)
            else:
                seen = prompts
            rows = predict_prompts(
                self._loaded,
                self._adapter,
                seen,
                cell,
                batch_size=batch_size,
                max_new_tokens=self._run.max_new_tokens(self._adapter),
                saliencies=saliencies,
            )
            write_rows(self._shard(cell, number), rows)
            now = time.monotonic()
            self._seconds[cell.key] = self._seconds.get(cell.key, 0.0) + now - before
            left = (now - started) / position * (len(cells) - position)
            errors = sum(row["status"] == "error" for row in rows)
            self._run.say(
                f"[{position}/{len(cells)}] {cell.label}: {len(rows)} samples, "
                f"{f'{errors} errors, ' if errors else ''}{len(rows) / (now - before):.0f}/s, "
                f"about {left:.0f} s left" + (f" in shard {number}" if number else "")
            )

    def _shard(self, cell: CellRun, number: int) -> Path:
        # Shards of another size hold other rows.
        folder = f"{cell.key}.shards-{self._run.shard_size}"
        return self._run.store / folder / f"{number:05d}.parquet"

    def _finish(self, cell: CellRun, n_shards: int) -> None:
        """Join a cell's shards into its file."""
        shards = [self._shard(cell, number) for number in range(n_shards)]
        tables = [parquet.read_table(shard, schema=SCHEMA, partitioning=None) for shard in shards]
        table = pa.concat_tables(tables) if tables else SCHEMA.empty_table()
        found, wanted = table["sample_id"].to_pylist(), self._adapter.sample_ids()
        if found != wanted:
            raise DataError(
                f"{cell.label}: its shards hold {len(found)} samples, not the benchmark's {len(wanted)} in "
                f"their order; delete {self._run.store}/{cell.key}.shards-* and run again"
            )
        seconds = self._seconds.get(cell.key, 0.0)
        metadata = cell_metadata(self._run, self._loaded, self._adapter, cell, table, seconds)
        write_table(self._run.store / f"{cell.key}.parquet", table, metadata)
        for folder in self._run.store.glob(f"{cell.key}.shards-*"):
            shutil.rmtree(folder, ignore_errors=True)


def _chunks(samples: Iterable[Sample], size: int) -> Iterator[list[Sample]]:
    samples = iter(samples)
    while chunk := list(islice(samples, size)):
        yield chunk
