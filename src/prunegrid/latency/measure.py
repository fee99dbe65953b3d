"""Measure cells of one benchmark: cell after cell on each sample, so that drift of clocks cancels.

Every cell has a prune context of its own, and no layer is taken over from another cell. All cells run with
the model's one attention kernel.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from accelerate.utils.memory import clear_device_cache

from prunegrid.errors import ConfigError, DataError
from prunegrid.latency.clocks import Clocks, megahertz
from prunegrid.latency.stopwatch import Stopwatch
from prunegrid.predict.batches import pruning_of
from prunegrid.predict.decoding import greedy_settings, pruned
from prunegrid.predict.loading import LoadedModel
from prunegrid.predict.prompts import Batch, Prompt, PromptMaker, collate
from prunegrid.predict.requests import CellRun
from prunegrid.pruning.context import Pruning
from prunegrid.pruning.memory_errors import ran_out
from prunegrid.results.measurements import GENERATE, PREFILL, VISION

if TYPE_CHECKING:
    from prunegrid.data.adapter import Adapter

Row = dict[str, Any]
_LOG = logging.getLogger(__name__)
_AXES = ("strategy", "criterion", "ratio", "seed", "match")
# What a processor returns beside pixels.
_TEXT = ("input_ids", "attention_mask")


@dataclass(frozen=True)
class HowToMeasure:
    """The `latency` section of the configuration, without its cells.

    Attributes
    ----------
    batch_sizes : sequence of int
        Prompts per pass; each is measured for itself.
    samples : int
        Batches that each cell is timed on, each once.
    warmups : int
        Passes of a cell that are not timed, before its first one of a prompt length.
    tokens : int
        Length of the longer of two generations, at least 2; the shorter has 1.
    """

    batch_sizes: Sequence[int]
    samples: int
    warmups: int
    tokens: int


class Bench:
    """A model on which the cells of a benchmark are measured.

    Parameters
    ----------
    loaded : LoadedModel
        The model.
    maker : PromptMaker
        Makes its prompts.
    how : HowToMeasure
        How often, and at which sizes.
    """

    def __init__(self, loaded: LoadedModel, maker: PromptMaker, how: HowToMeasure) -> None:
        self._loaded, self._maker, self._how = loaded, maker, how
        self._watch, self.clocks = Stopwatch(loaded.model), Clocks(loaded.model.device)
        self._image_id = loaded.family.image_token_id(loaded.model.config)

    @torch.no_grad()
    def measure(self, benchmark: str, adapter: Adapter, cells: Sequence[CellRun]) -> list[Row]:
        """Return the measurements of cells of a benchmark, in the order in which they were made.

        Parameters
        ----------
        benchmark : str
            Its name in the configuration.
        adapter : Adapter
            The benchmark; the samples are spread evenly over it.
        cells : sequence of CellRun
            Each is measured on all of these samples.

        Returns
        -------
        list of dict
            Rows of `prunegrid.results.measurements.MEASUREMENTS`.

        Raises
        ------
        DataError
            If no sample can be run.
        ConfigError
            If a batch does not fit into memory.
        """
        prunings = [pruning_of(self._loaded, adapter, cell, None) for cell in cells]
        self._maker.keep_maps(one for each in prunings if each is not None for one in each.vision_maps)
        prompts = self._prompts(benchmark, adapter)
        sizes = ", ".join(map(str, self._how.batch_sizes))
        _LOG.info(f"{benchmark}: {len(cells)} cells at batch sizes {sizes}")
        rows = list(self._vision(prompts))
        for size in self._how.batch_sizes:
            batches = _batches(prompts, size, self._how.samples)
            try:
                rows += self._rounds(batches, cells, prunings)
            except (RuntimeError, MemoryError) as error:
                if not ran_out(error):
                    raise
                raise ConfigError(
                    f"latency.batch_sizes: {benchmark}: {size} prompts do not fit into the memory of "
                    f"{self._loaded.model.device}: leave {size} out"
                ) from error
            clear_device_cache(garbage_collection=True)
        return [{"benchmark": benchmark, **row} for row in rows]

    def _prompts(self, benchmark: str, adapter: Adapter) -> list[Prompt]:
        """Return prompts by length, so that batches need little padding and lengths change seldom."""
        wanted = self._how.samples * max(self._how.batch_sizes)
        samples = adapter.samples(spread(len(adapter), wanted))
        prompts = [prompt for prompt in self._maker.prompts(samples) if prompt.error is None]
        if not prompts:
            raise DataError(f"{benchmark}: none of its samples can be run, so nothing can be measured")
        return sorted(prompts, key=lambda prompt: len(prompt.input_ids))

    def _vision(self, prompts: Sequence[Prompt]) -> Iterator[Row]:
        """Time the vision tower and projector on one sample after the other, as predictions are made."""
        warm: set[str] = set()
        for number, place in enumerate(spread(len(prompts), self._how.samples)):
            prompt = prompts[place]
            inputs = self._maker.process(prompt.sample.images, prompt.text)
            pixels = {name: value for name, value in inputs.items() if name not in _TEXT}
            encode = partial(self._loaded.family.features, self._loaded.model, [pixels])
            if str(prompt.grids) not in warm:
                warm.add(str(prompt.grids))
                for _ in range(self._how.warmups):
                    encode()
            n_image = int((prompt.input_ids == self._image_id).sum())
            yield {
                "quantity": VISION,
                "batch_size": 1,
                "round": number,
                "sample_ids": [prompt.sample.sample_id],
                "n_image_tokens": n_image,
                **asdict(self._watch.time(encode)),
            }

    def _rounds(
        self,
        batches: Sequence[Sequence[Prompt]],
        cells: Sequence[CellRun],
        prunings: Sequence[Pruning | None],
    ) -> Iterator[Row]:
        """Time all cells on one batch after the other."""
        warm: set[tuple[int, ...]] = set()
        for number, prompts in enumerate(batches):
            batch = collate(prompts, self._loaded)
            shape = tuple(batch.inputs["input_ids"].shape)
            runs = [_Runs(self._loaded, batch, pruning) for pruning in prunings]
            if shape not in warm:
                warm.add(shape)
                for run in runs:
                    self._warm_up(run)
            reads_clocks = number in (0, len(batches) - 1)
            for cell, run in zip(cells, runs, strict=True):
                common = {
                    **{axis: cell.axes.get(axis) for axis in _AXES},
                    "batch_size": len(prompts),
                    "round": number,
                    "sample_ids": [prompt.sample.sample_id for prompt in prompts],
                    "n_tokens": shape[1],
                    "n_image_tokens": max(batch.image_tokens(self._image_id)),
                }
                yield from ({**common, **row} for row in self._timed(run, reads_clocks))

    def _warm_up(self, run: _Runs) -> None:
        with run.hooked():
            for _ in range(self._how.warmups):
                run.prefill()
            run.generate(self._how.tokens)

    def _timed(self, run: _Runs, reads_clocks: bool) -> Iterator[Row]:
        """Time a prefill, and two generations whose difference is that of decoding."""
        with run.hooked():
            if reads_clocks:
                # While clocks were read the device idled: not the pass after it.
                run.prefill()
            prefill = asdict(self._watch.time(run.prefill))
            read = self.clocks.read() if reads_clocks else None
            seen = {"clock_mhz": megahertz(read), "throttle": (read or {}).get("throttle")}
            yield {"quantity": PREFILL, "n_generated": 0, **prefill, **seen}
            for tokens in (1, self._how.tokens):
                timing = self._watch.time(partial(run.generate, tokens))
                yield {"quantity": GENERATE, "n_generated": tokens, **asdict(timing)}


@dataclass(frozen=True)
class _Runs:
    """What is run of one cell on one batch."""

    loaded: LoadedModel
    batch: Batch
    pruning: Pruning | None

    def hooked(self) -> AbstractContextManager[None]:
        """Return the cell's prune context; to enter and leave it is not what is timed."""
        return pruned(self.pruning, self.batch.prompts)

    def prefill(self) -> None:
        """Run the prompt once, up to the logits of its last position."""
        self.loaded.model(**self.batch.inputs, use_cache=True, logits_to_keep=1)

    def generate(self, tokens: int) -> None:
        """Generate exactly so many tokens, whatever the model would end with."""
        generate: Any = self.loaded.model.generate
        found = generate(
            **self.batch.inputs,
            min_new_tokens=tokens,
            max_new_tokens=tokens,
            **greedy_settings(self.loaded),
        )
        new = found.shape[1] - self.batch.inputs["input_ids"].shape[1]
        if new != tokens:
            raise DataError(f"asked to generate {tokens} tokens, the model generated {new}")


def spread(n: int, wanted: int) -> list[int]:
    """Return at most `wanted` positions among `n`, as evenly as can be."""
    count = min(n, wanted)
    return [place * n // count for place in range(count)]


def _batches(prompts: Sequence[Prompt], size: int, count: int) -> list[list[Prompt]]:
    """Return so many batches of a size; prompts come again where there are too few."""
    n = len(prompts)
    # Of many prompts those of all lengths, each batch with neighbours.
    chosen = [prompts[place] for place in spread(n, size * count)]
    return [[chosen[(number * size + i) % len(chosen)] for i in range(size)] for number in range(count)]
