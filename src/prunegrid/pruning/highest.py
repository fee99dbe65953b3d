"""The highest of some scores, row by row, without asking the device for a number."""

import torch
from torch import Tensor


def highest(scores: Tensor, among: Tensor, n: Tensor) -> Tensor:
    """Mark the n highest scores of each row; of equal scores the first is marked.

    Parameters
    ----------
    scores : Tensor
        (batch, tokens), float.
    among : Tensor
        (batch, tokens), bool: the tokens that count.
    n : Tensor
        (batch,), int64: how many of them are marked, at most as many as count.

    Returns
    -------
    Tensor
        (batch, tokens), bool.
    """
    # What does not count goes behind all that does, then a stable sort leaves ties in their order.
    scores = scores.masked_fill(~among, -torch.inf)
    by_score = scores.argsort(dim=1, descending=True, stable=True)
    others_last = (~among.gather(1, by_score)).to(torch.uint8).argsort(dim=1, stable=True)
    order = by_score.gather(1, others_last)
    marked = torch.arange(order.shape[1], device=order.device) < n[:, None]
    return torch.zeros_like(among).scatter(1, order, marked)


def on_tie(scores: Tensor, among: Tensor, stays: Tensor) -> Tensor:
    """Return whether the lowest score that stays equals the highest that does not.

    Parameters
    ----------
    scores, among, stays : Tensor
        (batch, tokens), float, bool, bool: `stays` of those `among`.

    Returns
    -------
    Tensor
        (batch,), bool; False where all or none stay.
    """
    goes = among & ~stays
    lowest = scores.masked_fill(~stays, torch.inf).amin(1)
    highest_gone = scores.masked_fill(~goes, -torch.inf).amax(1)
    return (lowest == highest_gone) & stays.any(1) & goes.any(1)


def unless_nan(marks: Tensor, scores: Tensor, among: Tensor) -> Tensor:
    """Return marks, but none in rows whose scores hold NaN, so that the engine refuses them.

    Parameters
    ----------
    marks, scores, among : Tensor
        (batch, tokens), bool, float, bool.
    """
    return marks & ~(scores.isnan() & among).any(1, keepdim=True)
