"""Which image tokens stay at a cut."""

import torch
from torch import Tensor

from prunegrid.errors import PruningError
from prunegrid.pruning.criterion import Ranking
from prunegrid.pruning.stage import Stage


def select(ranking: Ranking, stage: Stage, shared: bool = False) -> tuple[Tensor, Tensor]:
    """Mark the best-scored image tokens of each row; ties go to the lower number.

    Parameters
    ----------
    ranking : Ranking
        Who scores them, and whether the lowest scores stay.
    stage : Stage
        Tells the tokens present and how many to keep per row.
    shared : bool
        Other prefills take over what is selected.

    Returns
    -------
    Tensor
        (batch, present tokens), bool.
    Tensor
        (), bool: whether a score is NaN. Then the selection is of no use; that is found out when the prefill
        is through, as asking the device would make it wait.

    Raises
    ------
    PruningError
        If the criterion returns another shape, or if a shared selection changes what it holds: it would miss
        the stages that are taken over.
    """
    criterion = ranking.criterion
    before = criterion.identity if shared else None
    scores = criterion.score(stage).float()
    if shared and criterion.identity != before:
        raise PruningError(
            f"criterion {type(criterion).__name__} holds something else after `score` than before: cells "
            "share stages, so a score must follow from the options and the stage alone"
        )
    if scores.shape != stage.image.shape:
        raise PruningError(
            f"criterion {type(criterion).__name__} returned scores of shape {tuple(scores.shape)}, "
            f"not {tuple(stage.image.shape)}"
        )
    if ranking.reverse:
        scores = -scores
    is_nan = (scores.isnan() & stage.image).any()
    # Text goes behind every image token, then a stable sort leaves ties in the order of the numbers.
    scores = scores.masked_fill(~stage.image, -torch.inf)
    by_score = scores.argsort(dim=1, descending=True, stable=True)
    text_last = (~stage.image.gather(1, by_score)).to(torch.uint8).argsort(dim=1, stable=True)
    order = by_score.gather(1, text_last)
    among = torch.arange(order.shape[1], device=order.device) < stage.n_keep[:, None]
    return torch.zeros_like(stage.image).scatter(1, order, among), is_nan
