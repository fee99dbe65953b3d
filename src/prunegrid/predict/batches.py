"""Predict cells on prompts, in batches of similar length; halve the batch where memory runs out."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from accelerate.utils.memory import clear_device_cache

from prunegrid import plugins
from prunegrid.errors import PrunegridError
from prunegrid.predict.common_fault import check_rows
from prunegrid.predict.loading import LoadedModel
from prunegrid.predict.out_of_memory import BatchSize
from prunegrid.predict.prediction_rows import RowMaker, error_row
from prunegrid.predict.prompts import Prompt, collate
from prunegrid.predict.requests import CellRun
from prunegrid.pruning.context import Pruning
from prunegrid.pruning.explained_answer import options_for
from prunegrid.pruning.memory_errors import ran_out
from prunegrid.pruning.prefill import Saliencies
from prunegrid.pruning.prefix_sharing import PrefixSharing
from prunegrid.pruning.sharing_order import SharedPrefill, sharing_order
from prunegrid.pruning.strategy import UNRANKED
from prunegrid.results.predictions import TOO_LARGE

if TYPE_CHECKING:
    from prunegrid.data.adapter import Adapter

PredictionRow = dict[str, Any]
# Rows that cells which go through batches together make before they are written: so much work a killed run
# loses at most. Each further cell shares more layers, and takes no more of the device's memory.
MOST_ROWS = 16_384


@dataclass
class Predicted:
    """A cell's predictions.

    Attributes
    ----------
    rows : dict of int to dict
        Place of the prompt -> row of `prunegrid.results.predictions.SCHEMA`.
    seconds : float
        What it took. Layers that cells share are counted for the cell that ran them.
    """

    rows: dict[int, PredictionRow] = field(default_factory=dict)
    seconds: float = 0.0


def predict_prompts(
    loaded: LoadedModel,
    adapter: Adapter,
    prompts: Sequence[Prompt],
    cells: Sequence[CellRun],
    *,
    batch_size: int | BatchSize,
    max_new_tokens: int,
    saliencies: Saliencies | None = None,
) -> list[tuple[list[PredictionRow], float]]:
    """Predict cells on prompts; decoder layers that cells have in common are run once a batch.

    Parameters
    ----------
    loaded : LoadedModel
        The model.
    adapter : Adapter
        The benchmark: which words' first logits are stored, and whether answers are free text.
    prompts : sequence of Prompt
        Those with an error become error rows.
    cells : sequence of CellRun
        The cells; all of them see these prompts.
    batch_size : int or BatchSize
        Prompts per pass; halved where memory runs out. A `BatchSize` keeps what was found for the next call.
    max_new_tokens : int
        Longest answer.
    saliencies : mutable mapping, optional
        Gradients shared between cells.

    Returns
    -------
    list of (list of dict, float)
        Per cell the rows of `results.predictions.SCHEMA` in the prompts' order, and its seconds. A prompt
        that does not fit into memory alone is an error row.

    Raises
    ------
    PrunegridError
        If not even the shortest of several prompts fits into memory, or if the first of a cell's samples all
        fail alike.
    """
    size = batch_size if isinstance(batch_size, BatchSize) else BatchSize(batch_size)
    broken = {place: error_row(prompt) for place, prompt in enumerate(prompts) if prompt.error is not None}
    # No picture can be read, say, or no prompt can be made for this model.
    if len(broken) == len(prompts):
        check_rows(_labels(cells), list(broken.values()), len(prompts))
    found = [Predicted(dict(broken)) for _ in cells]
    prunings = [pruning_of(loaded, adapter, cell, saliencies) for cell in cells]
    maker = RowMaker(loaded, adapter, max_new_tokens)
    # Prompts of one length need no padding among themselves.
    good = sorted(
        (place for place in range(len(prompts)) if place not in broken),
        key=lambda place: (len(prompts[place].input_ids), place),
    )
    # Cells of which no sample has an answer yet.
    unproven = set(range(len(cells)))
    todo = deque([(good, list(range(len(cells))))] if good else [])
    while todo:
        places, numbers = todo.popleft()
        some, rest = places[: size.size], places[size.size :]
        if rest:
            todo.appendleft((rest, numbers))
        left = _Pass(loaded, maker, prunings, found).run(prompts, some, numbers)
        if sum(len(prefill.cells) for prefill in left) < len(numbers):
            size.passed()
        for number in unproven.intersection(numbers):
            computed = [row for place, row in found[number].rows.items() if place not in broken]
            check_rows(cells[number].label, computed, len(good))
            if any(row["status"] == "ok" for row in computed):
                unproven.remove(number)
        if not left:
            continue
        clear_device_cache(garbage_collection=True)
        if len(some) > 1:
            size.shrink(len(some))
            todo.appendleft((some, [number for prefill in left for number in prefill.cells]))
            continue
        alone = list(left[0].cells)
        others = [number for prefill in left[1:] for number in prefill.cells]
        if len(alone) < len(numbers):
            # What it left for the cells around it takes memory, too: by itself it may fit.
            todo.extendleft((some, again) for again in (others, alone) if again)
            continue
        # Where one does not fit, longer ones will not; and it may be the device that is taken, not the prompt
        # that is large.
        if some[0] == good[0] and len(good) > 1:
            those = _labels([cells[number] for number in alone])
            raise PrunegridError(
                f"{those}: not even the shortest of {len(good)} samples fits into the memory of "
                f"{loaded.model.device}; free it, or ask for more"
            )
        for number in alone:
            found[number].rows[some[0]] = error_row(replace(prompts[some[0]], error=TOO_LARGE))
    return [([one.rows[place] for place in range(len(prompts))], one.seconds) for one in found]


def _labels(cells: Sequence[CellRun]) -> str:
    return ", ".join(cell.label for cell in cells)


def group_cells(
    loaded: LoadedModel, adapter: Adapter, prompts: Sequence[Prompt], cells: Sequence[CellRun]
) -> list[list[CellRun]]:
    """Return cells in groups for `predict_prompts`, those that share most layers in one group.

    Parameters
    ----------
    loaded, adapter : LoadedModel, Adapter
        Model and benchmark.
    prompts : sequence of Prompt
        What the cells will see.
    cells : sequence of CellRun
        All of them see these prompts.
    """
    image_id = loaded.family.image_token_id(loaded.model.config)
    # Counts differ little from prompt to prompt, and a worse order costs time only.
    counts = [int((prompt.input_ids == image_id).sum()) for prompt in prompts if prompt.error is None][:1]
    prunings = [pruning_of(loaded, adapter, cell, None) for cell in cells]
    order = [
        cells[number]
        for prefill in _sharing_order(prunings, range(len(cells)), counts)
        for number in prefill.cells
    ]
    most = max(1, MOST_ROWS // max(1, len(prompts)))
    n_groups = max(1, -(-len(order) // most))
    size = max(1, -(-len(order) // n_groups))
    return [order[start : start + size] for start in range(0, len(order), size)]


@dataclass(frozen=True)
class _Pass:
    """One batch of prompts, which all cells predict."""

    loaded: LoadedModel
    maker: RowMaker
    prunings: Sequence[Pruning | None]
    found: Sequence[Predicted]

    def run(
        self, prompts: Sequence[Prompt], places: Sequence[int], numbers: Sequence[int]
    ) -> list[SharedPrefill]:
        """Predict cells on the prompts at some places; return the prefills left when memory ran out."""
        batch = collate([prompts[place] for place in places], self.loaded)
        counts = batch.image_tokens(self.loaded.family.image_token_id(self.loaded.model.config))
        order = _sharing_order(self.prunings, numbers, counts)
        sharing = PrefixSharing(order)
        for position, prefill in enumerate(order):
            before = time.monotonic()
            pruning = self.prunings[prefill.cells[0]]
            sharing.begin(prefill)
            try:
                rows = self.maker.rows(batch, pruning, None if pruning is None else sharing)
            except (RuntimeError, MemoryError) as error:
                if not ran_out(error):
                    raise
                return order[position:]
            seconds = time.monotonic() - before
            for number in prefill.cells:
                self.found[number].rows.update(zip(places, map(dict, rows), strict=True))
                self.found[number].seconds += seconds / len(prefill.cells)
        return []


def _sharing_order(
    prunings: Sequence[Pruning | None], numbers: Iterable[int], counts: Sequence[int]
) -> list[SharedPrefill]:
    """Return the order of cells in which most layers are run once for several; `counts` are image tokens.

    Unpruned cells come first and share nothing.
    """
    numbers = list(numbers)
    pruned = {number: one for number in numbers if (one := prunings[number]) is not None}
    order = sharing_order([pruning.decisions(counts) for pruning in pruned.values()])
    places = list(pruned)
    named = [
        SharedPrefill(tuple(places[at] for at in prefill.cells), prefill.shared_before, prefill.shared_after)
        for prefill in order
    ]
    return [*(SharedPrefill((number,), 0, 0) for number in numbers if number not in pruned), *named]


def build_criterion(cell: CellRun, free_text: bool) -> Any:
    """Build the cell's criterion; for free text, gradients are of all answer tokens, not the first."""
    if cell.criterion is None:
        return None
    name, options = cell.criterion
    return plugins.build("criteria", name, options_for(name, options, free_text=free_text))


def pruning_of(
    loaded: LoadedModel, adapter: Adapter, cell: CellRun, saliencies: Saliencies | None
) -> Pruning | None:
    """Return how a cell prunes, or None for the model as it is."""
    strategy = plugins.build("strategies", *cell.strategy)
    ratio, seed = cell.ratio if strategy.has_ratio else None, cell.axes["seed"]
    if not strategy.prunes:
        # Raises if there are cuts all the same.
        strategy.schedule_for(ratio, len(loaded.family.layers(loaded.model)), seed=seed)
        return None
    return Pruning(
        loaded.model,
        strategy,
        build_criterion(cell, adapter.free_text) or plugins.build("criteria", UNRANKED),
        ratio,
        seed,
        saliencies=saliencies,
    )
