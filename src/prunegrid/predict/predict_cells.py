"""Predict the cells of one model and benchmark, and write their rows in shards."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

from prunegrid import plugins
from prunegrid.predict.batches import group_cells, predict_prompts, pruning_of
from prunegrid.predict.feature_identity import feature_identity
from prunegrid.predict.feature_store import FeatureStore
from prunegrid.predict.free_memory import free_memory
from prunegrid.predict.loading import LoadedModel, load_model
from prunegrid.predict.longest_prompt import longest_prompt
from prunegrid.predict.metadata import shard_metadata
from prunegrid.predict.out_of_memory import BatchSize
from prunegrid.predict.pace import Pace
from prunegrid.predict.prompts import Prepared, Prompt, PromptMaker
from prunegrid.predict.read_ahead import ReadAhead
from prunegrid.predict.requests import BenchmarkRun, CellRun, KeptFeatures
from prunegrid.predict.second_try import SecondTry, too_large
from prunegrid.predict.swapped_images import SwappedImages, to_be_swapped
from prunegrid.pruning.determinism import allow_determinism
from prunegrid.pruning.prefill import Saliencies
from prunegrid.results.shards import CellShards

if TYPE_CHECKING:
    from prunegrid.data.adapter import Adapter, Sample

_LOG = logging.getLogger(__name__)
# Most pixels that wait for the model: 380 samples of LLaVA-1.5, 70 of LLaVA-NeXT's largest.
_AHEAD_BYTES = 2**29
# Shard -> the cells that lack it.
Missing = Mapping[int, Sequence[CellRun]]


class Shared:
    """A model and its prompt maker, shared by the benchmarks of a job; loaded when first needed.

    Parameters
    ----------
    model_path : str
        Folder or hub id.
    model_spec : mapping
        Entry of the configuration.
    features : KeptFeatures, optional
        Where image features are kept for later jobs.
    """

    def __init__(
        self, model_path: str, model_spec: Mapping[str, Any], features: KeptFeatures | None = None
    ) -> None:
        self._path, self._spec, self._features = model_path, model_spec, features

    @cached_property
    def loaded(self) -> LoadedModel:
        """The model."""
        allow_determinism()
        return load_model(self._path, self._spec)

    @cached_property
    def maker(self) -> PromptMaker:
        """Makes prompts; its cache of image features serves all benchmarks of the job."""
        spec, kept = self._spec, self._features
        store = None
        if kept is not None:
            identity = feature_identity(self.loaded, kept.key)
            store = FeatureStore(kept.folder, identity, kept.most_bytes)
        return PromptMaker(
            self.loaded, spec.get("system_prompt", "none"), spec.get("image_mode", "processor"), store
        )


def predict_cells(run: BenchmarkRun, cells: Sequence[CellRun], shared: Shared | None = None) -> None:
    """Predict the job's shards of cells into the store; a job of all shards joins them.

    Samples are read in shards; each cell's rows of a shard are written at once, so that a killed run
    goes on from there. What cells share is computed once per shard: decoded images, token ids, vision
    features, gradients.

    Parameters
    ----------
    run : BenchmarkRun
        Model, benchmark and the job's part. A job with all shards joins them; one of several does not.
    cells : sequence of CellRun
        The cells.
    shared : Shared, optional
        The model, where other benchmarks run on it too.
    """
    shared = shared or Shared(run.model_path, run.model_spec)
    adapter = plugins.load("benchmarks", run.benchmark_spec["adapter"])(
        {**run.benchmark_spec, "path": run.data_path}
    )
    shards = {
        cell.key: CellShards(run.store, cell.key, run.shard_size, adapter.sample_ids(), cell.code)
        for cell in cells
    }
    mine = run.own_shards(len(adapter))
    if not mine:
        _LOG.info(
            f"nothing to do: {len(adapter)} samples make fewer than {run.n_jobs} shards of {run.shard_size}"
        )
    missing = {
        number: todo
        for number in mine
        if (todo := [cell for cell in cells if not shards[cell.key].is_done(number)])
    }
    n_all, n_missing = len(mine) * len(cells), sum(map(len, missing.values()))
    if n_missing < n_all:
        _LOG.info(f"{n_all - n_missing} of {n_all} shards are there")
    if missing:
        device = shared.loaded.model.device
        _LOG.info(f"{run.model_path} is loaded on {device}, {len(cells)} cells to run")
        run = replace(run, batch_size=chosen_batch(run, shared, adapter))
        _Bundle(run, shared, adapter, shards, missing).run()
    if run.n_jobs == 1:
        for cell in cells:
            shards[cell.key].join()


def chosen_batch(run: BenchmarkRun, shared: Shared, adapter: Adapter) -> int:
    """Return the samples per pass of all cells of a benchmark: a number, or as many as fit into memory.

    The choice depends on the benchmark's longest prompt, not on the cells or the samples of the job.
    """
    if isinstance(run.batch_size, int):
        return run.batch_size
    model = shared.loaded.model
    tokens = longest_prompt(shared.maker, adapter) + run.max_new_tokens(adapter)
    free = free_memory(model, run.slots_per_gpu, run.model_spec.get("mem_mb"))
    batch = run.batch_size(model.config.to_dict(), tokens, model.dtype.itemsize, free)
    _LOG.info(f"batch size {batch}: for {tokens} tokens a sample, {free / 1e9:.1f} GB are free")
    return batch


def _groups(cells: Sequence[CellRun]) -> list[list[CellRun]]:
    """Return the cells of a shard that see the same samples; each that changes images sees its own."""
    plain = [cell for cell in cells if not _sees_own(cell)]
    return [*([plain] if plain else []), *([cell] for cell in cells if _sees_own(cell))]


def _sees_own(cell: CellRun) -> bool:
    return cell.swaps_images or cell.image_share is not None


class _Bundle:
    def __init__(
        self,
        run: BenchmarkRun,
        shared: Shared,
        adapter: Adapter,
        shards: Mapping[str, CellShards],
        missing: Missing,
    ) -> None:
        self._run, self._adapter, self._shards, self._missing = run, adapter, shards, missing
        self._loaded, self._maker = shared.loaded, shared.maker
        cells = {cell.key: cell for some in missing.values() for cell in some}.values()
        prunings = (pruning_of(self._loaded, adapter, cell, None) for cell in cells)
        self._maker.keep_maps(one for each in prunings if each is not None for one in each.vision_maps)
        self._second_tries = {key: SecondTry.of(run.store, key) for key in shards}
        self._batch_sizes: dict[tuple[str, ...], BatchSize] = {}
        assert isinstance(run.batch_size, int)  # `chosen_batch` has chosen it
        self._together = run.batch_size

    @cached_property
    def _other_images(self) -> SwappedImages:
        """Images of other samples, for the cells that swap images."""
        cells = {cell.key: cell for cells in self._missing.values() for cell in cells}.values()
        return SwappedImages(
            self._adapter.samples, {cell.axes["seed"] for cell in cells if cell.swaps_images}
        )

    def _positions(self, shard: int) -> Sequence[int]:
        return next(iter(self._shards.values())).positions(shard)

    def run(self) -> None:
        work = [
            (cell.label, len(self._positions(shard)))
            for shard, cells in self._missing.items()
            for cell in cells
        ]
        pace = Pace(work)
        prepared = self._prepared(self._maker.apart())
        with ReadAhead(prepared, lambda one: one.n_bytes, _AHEAD_BYTES) as ahead:
            for number, cells in self._missing.items():
                self._run_shard(number, cells, ahead, pace)

    def _prepared(self, maker: PromptMaker) -> Iterator[Prepared]:
        """Read and preprocess what the shards need, in their order; it runs in a thread of its own."""
        for number, cells in self._missing.items():
            groups = _groups(cells)
            swaps = any(group[0].swaps_images for group in groups)
            told: list[Sample] = []
            for group in groups:
                first = group[0]
                seen: Iterable[Sample] = (
                    told if first.swaps_images and told else self._adapter.samples(self._positions(number))
                )
                if first.swaps_images:
                    seen = self._other_images.swapped(seen, first.axes["seed"])
                tells = swaps and not told and not first.swaps_images
                for sample in seen:
                    if tells:
                        told.append(to_be_swapped(sample))
                    yield maker.prepared(sample, first.image_share).without_image()

    def _run_shard(
        self, number: int, cells: Sequence[CellRun], ahead: Iterator[Prepared], pace: Pace
    ) -> None:
        for group in _groups(cells):
            self._run_cells(number, islice(ahead, len(self._positions(number))), group, pace)

    def _run_cells(
        self, number: int, prepared: Iterable[Prepared], cells: Sequence[CellRun], pace: Pace
    ) -> None:
        """Run cells that see the same samples; of those of a second try only what did not fit."""
        again = {
            cell.key: (second, second.rows(self._positions(number)))
            for cell in cells
            if (second := self._second_tries[cell.key])
        }
        first_tries = [cell for cell in cells if cell.key not in again]
        needed = {place for _, rows in again.values() for place in too_large(rows)}
        prompts = [
            self._maker.with_features(one) if first_tries or place in needed else one.prompt
            for place, one in enumerate(prepared)
        ]
        for cell in cells:
            if cell.key in again:
                self._run_again(number, prompts, cell, *again[cell.key])
                pace.done(cell.label, len(prompts), 0, 0.0)
        if not first_tries:
            return
        cells = first_tries
        saliencies: Saliencies = {}
        for group in group_cells(self._loaded, self._adapter, prompts, cells):
            size = self._batch_size(group)
            found = predict_prompts(
                self._loaded,
                self._adapter,
                prompts,
                group,
                batch_size=size,
                max_new_tokens=self._run.max_new_tokens(self._adapter),
                saliencies=saliencies,
            )
            used = size.take_used()
            for cell, (rows, seconds) in zip(group, found, strict=True):
                metadata = shard_metadata(self._run, self._loaded, self._adapter, cell, seconds, used)
                self._run.check_planned(cell)
                self._shards[cell.key].write(number, rows, metadata)
                pace.done(cell.label, len(rows), sum(row["status"] == "error" for row in rows), seconds)

    def _run_again(
        self,
        number: int,
        prompts: Sequence[Prompt],
        cell: CellRun,
        second: SecondTry,
        rows: list[dict[str, Any]],
    ) -> None:
        """Write a shard of a finished cell anew: what did not fit is tried again, the rest taken over."""
        again = too_large(rows)
        seconds = 0.0
        for place in again:
            # Each alone: all of them are large, and those that still do not fit stay error rows.
            (((row,), own),) = predict_prompts(
                self._loaded,
                self._adapter,
                [prompts[place]],
                [cell],
                batch_size=1,
                max_new_tokens=self._run.max_new_tokens(self._adapter),
            )
            rows[place], seconds = row, seconds + own
        used = {"smallest": 1, "largest": 1} if again else second.metadata["batch_sizes"]
        metadata = shard_metadata(self._run, self._loaded, self._adapter, cell, seconds, used)
        self._run.check_planned(cell)
        self._shards[cell.key].write(number, rows, second.merged_metadata(metadata, len(rows)))

    def _batch_size(self, group: Sequence[CellRun]) -> BatchSize:
        """Return the batch size of a group of cells, which an earlier shard may have halved."""
        keys = tuple(cell.key for cell in group)
        return self._batch_sizes.setdefault(keys, BatchSize(self._together))
