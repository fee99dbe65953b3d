"""Predict one cell on prompts: batches of like length, smaller ones where memory runs out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size

from prunegrid import plugins
from prunegrid.generate import error_row, generate_rows
from prunegrid.inputs import Prompt
from prunegrid.loading import LoadedModel
from prunegrid.pruning import Saliencies, prune
from prunegrid.runs import CellRun
from prunegrid.saliency import MOST_ANSWER_TOKENS

if TYPE_CHECKING:
    from prunegrid.benchmarks.base import Adapter


def predict_prompts(
    loaded: LoadedModel,
    adapter: Adapter,
    prompts: Sequence[Prompt],
    cell: CellRun,
    *,
    batch_size: int,
    max_new_tokens: int,
    saliencies: Saliencies | None = None,
) -> list[dict[str, Any]]:
    """Predict one cell on prompts, in their order.

    Parameters
    ----------
    loaded : LoadedModel
        The model.
    adapter : Adapter
        The benchmark: which words' first logits are stored, and whether answers are free text.
    prompts : sequence of Prompt
        Those with an error become error rows.
    cell : CellRun
        The cell.
    batch_size : int
        Prompts per pass; halved where memory runs out.
    max_new_tokens : int
        Longest answer.
    saliencies : mutable mapping, optional
        Gradients shared between cells.

    Returns
    -------
    list of dict
        Rows of `prunegrid.predictions.SCHEMA`.
    """
    good = [place for place, prompt in enumerate(prompts) if prompt.error is None]
    # Prompts of one length need no padding among themselves.
    good.sort(key=lambda place: (len(prompts[place].input_ids), place))
    rows = {place: error_row(prompt) for place, prompt in enumerate(prompts) if prompt.error is not None}
    criterion = build_criterion(cell, adapter.free_text)

    with _context(loaded, cell, criterion, saliencies) as pruning:
        start = 0
        while start < len(good):
            places = good[start : start + batch_size]
            try:
                found = generate_rows(
                    loaded, adapter, [prompts[place] for place in places], pruning, max_new_tokens
                )
            except RuntimeError as error:
                if len(places) == 1 or not should_reduce_batch_size(error):
                    raise
                batch_size = len(places) // 2
                clear_device_cache(garbage_collection=True)
                continue
            rows.update(zip(places, found, strict=True))
            start += len(places)
    return [rows[place] for place in range(len(prompts))]


def build_criterion(cell: CellRun, free_text: bool) -> Any:
    """Build the cell's criterion; free text is explained by all of its tokens, not by the first."""
    if cell.criterion is None:
        return None
    name, options = cell.criterion
    if free_text and "answer_tokens" in plugins.describe("criteria", name)["options"]:
        options = {"answer_tokens": MOST_ANSWER_TOKENS, **options}
    return plugins.build("criteria", name, options)


def _context(loaded: LoadedModel, cell: CellRun, criterion: Any, saliencies: Saliencies | None):
    strategy = plugins.build("strategies", *cell.strategy)
    if not strategy.has_ratio and cell.strategy[0] != "blind":
        return nullcontext(None)
    return prune(
        loaded.model,
        strategy,
        criterion if criterion is not None else "first",
        ratio=cell.axes["ratio"] if strategy.has_ratio else None,
        seed=cell.axes["seed"],
        saliencies=saliencies,
    )
