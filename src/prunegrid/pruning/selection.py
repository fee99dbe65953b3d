"""Which image tokens stay at a cut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from prunegrid.errors import PruningError
from prunegrid.pruning.criterion import Criterion, Ranking
from prunegrid.pruning.highest import highest, on_tie
from prunegrid.pruning.stage import Stage

# Of a stage, those that are read after the criterion.
_TENSORS = ("n_keep", "hidden", "image", "text_after", "last", "numbers")


@dataclass(frozen=True)
class Selection:
    """What a criterion selected.

    Attributes
    ----------
    stays : Tensor
        (batch, present tokens), bool.
    fault : Tensor
        (), bool: whether it is of no use. That is found out when the prefill is through, as asking the device
        would make it wait.
    fault_text : str
        What the criterion did then.
    scores : Tensor or None
        (batch, present tokens), float32: the higher, the rather a token stays; None of a set rule.
    tied : Tensor or None
        (batch,), bool: whether the last token that stays and the first that does not have the same score;
        None of a set rule.
    """

    stays: Tensor
    fault: Tensor
    fault_text: str
    scores: Tensor | None = None
    tied: Tensor | None = None


def select(ranking: Ranking, stage: Stage, shared: bool = False) -> Selection:
    """Mark the image tokens of each row that stay: the best-scored, or what a set rule selects.

    Parameters
    ----------
    ranking : Ranking
        Who ranks them, and whether the order is reversed.
    stage : Stage
        Tells the tokens present and how many to keep per row.
    shared : bool
        Other prefills take over what is selected.

    Raises
    ------
    PruningError
        If the criterion returns another shape or type, if it changes the stage in place, or if a shared
        selection changes what it holds: it would miss the stages that are taken over.
    """
    criterion = ranking.criterion
    before = criterion.identity if shared else None
    selection = (_select_set if criterion.selects_sets else _select_best)(criterion, stage, ranking.reverse)
    if shared and criterion.identity != before:
        called = "select" if criterion.selects_sets else "score"
        raise PruningError(
            f"criterion {type(criterion).__name__} holds something else after `{called}` than before: cells "
            f"share stages, so a {called} must follow from the options and the stage alone"
        )
    return selection


def _left_alone(call: Callable[[Stage], Tensor], stage: Stage) -> Tensor:
    """Return what a criterion makes of a stage; raise PruningError if it changes that in place."""
    before = _state(stage)
    found = call(stage)
    changed = [f"stage.{name}" for name, state in _state(stage).items() if state != before[name]]
    if changed:
        criterion: Any = getattr(call, "__self__", call)
        raise PruningError(
            f"criterion {type(criterion).__name__} changed {' and '.join(changed)} in place before layer "
            f"{stage.layer}: what follows reads it, too; change a copy"
        )
    return found


def _state(stage: Stage) -> dict[str, Any]:
    """Return what changes where a stage is written to; the device is not asked."""
    tensors = {name: getattr(stage, name) for name in _TENSORS}
    # How often each was written to, which is not counted in inference mode.
    written = {name: one._version for name, one in tensors.items() if not one.is_inference()}
    return {"keep": [*stage.keep], "present": [*stage.present], **written}


def _select_best(criterion: Criterion, stage: Stage, reverse: bool) -> Selection:
    """Mark the best-scored image tokens; ties go to the lower number, reversed or not."""
    scores = _left_alone(criterion.score, stage).float()
    if scores.shape != stage.image.shape:
        raise PruningError(
            f"criterion {type(criterion).__name__} returned scores of shape {tuple(scores.shape)}, "
            f"not {tuple(stage.image.shape)}"
        )
    if reverse:
        scores = -scores
    is_nan = (scores.isnan() & stage.image).any()
    stays = highest(scores, stage.image, stage.n_keep)
    return Selection(stays, is_nan, "returned NaN", scores, on_tie(scores, stage.image, stays))


def _select_set(criterion: Criterion, stage: Stage, reverse: bool) -> Selection:
    """Mark what a set rule selects; reversed, it is asked for as many as are dropped, and the others stay."""
    asked = stage.asked_for_the_others() if reverse else stage
    found = _left_alone(criterion.select, asked)
    if found.shape != stage.image.shape or found.dtype != torch.bool:
        raise PruningError(
            f"criterion {type(criterion).__name__} selected by a tensor of shape {tuple(found.shape)} and "
            f"type {found.dtype} before layer {stage.layer}; right is {tuple(stage.image.shape)}, torch.bool"
        )
    wrong = ((found & ~stage.image).any(1) | (found.sum(1) != asked.n_keep)).any()
    text = "did not select exactly the image tokens asked for (it selected text, others, or compared NaN)"
    return Selection(stage.image & ~found if reverse else found, wrong, text)
