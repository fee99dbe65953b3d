"""Which image tokens stay at a cut."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from prunegrid.errors import PruningError
from prunegrid.pruning.criterion import Criterion, Ranking
from prunegrid.pruning.highest import highest, on_tie
from prunegrid.pruning.stage import Stage


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
        If the criterion returns another shape or type, or changes a tensor of the stage in place, or if a
        shared selection changes what the criterion holds: it would miss the stages that are taken over.
    """
    criterion = ranking.criterion
    before = criterion.identity if shared else None
    versions = _versions(stage)
    selection = (_select_set if criterion.selects_sets else _select_best)(criterion, stage, ranking.reverse)
    called = "select" if criterion.selects_sets else "score"
    if changed := [name for name, version in _versions(stage).items() if version != versions[name]]:
        raise PruningError(
            f"criterion {type(criterion).__name__}: `{called}` changes stage.{changed[0]} in place, which "
            "the model and other cells go on with: work on a copy"
        )
    if shared and criterion.identity != before:
        raise PruningError(
            f"criterion {type(criterion).__name__} holds something else after `{called}` than before: cells "
            f"share stages, so a {called} must follow from the options and the stage alone"
        )
    return selection


def _versions(stage: Stage) -> dict[str, int | list[int]]:
    """Return how often each tensor of a stage was written to, but those of inference mode; and its list."""
    held = {field.name: getattr(stage, field.name) for field in fields(stage)}
    tensors = {name: one for name, one in held.items() if isinstance(one, Tensor) and not one.is_inference()}
    return {**{name: one._version for name, one in tensors.items()}, "keep": list(stage.keep)}


def _select_best(criterion: Criterion, stage: Stage, reverse: bool) -> Selection:
    """Mark the best-scored image tokens; ties go to the lower number, reversed or not."""
    scores = criterion.score(stage).float()
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
    found = criterion.select(asked)
    if found.shape != stage.image.shape or found.dtype != torch.bool:
        raise PruningError(
            f"criterion {type(criterion).__name__} selected by a tensor of shape {tuple(found.shape)} and "
            f"type {found.dtype} before layer {stage.layer}; right is {tuple(stage.image.shape)}, torch.bool"
        )
    wrong = ((found & ~stage.image).any(1) | (found.sum(1) != asked.n_keep)).any()
    text = "did not select exactly the image tokens asked for (it selected text, others, or compared NaN)"
    return Selection(stage.image & ~found if reverse else found, wrong, text)
