"""Tokens at even distances among some, row by row, without asking the device for a number."""

from torch import Tensor


def every_nth(among: Tensor, n: Tensor) -> Tensor:
    """Mark the first, and from there on every floor(m / n)-th of m tokens, until n are marked.

    Parameters
    ----------
    among : Tensor
        (batch, tokens), bool.
    n : Tensor
        (batch,), int64: at most as many as are among them.

    Returns
    -------
    Tensor
        (batch, tokens), bool.
    """
    place, n = among.cumsum(1) - 1, n[:, None]
    step = (among.sum(1, keepdim=True) // n.clamp_min(1)).clamp_min(1)
    return among & (place % step == 0) & (place // step < n)


def spread_evenly(among: Tensor, n: Tensor) -> Tensor:
    """Mark n of m tokens from the first to the end: the floor(i m / n)-th, i = 0..n-1.

    Parameters
    ----------
    among, n : Tensor
        See `every_nth`.

    Returns
    -------
    Tensor
        (batch, tokens), bool.
    """
    place, n, m = among.cumsum(1) - 1, n[:, None], among.sum(1, keepdim=True).clamp_min(1)
    # How many i have i m / n below a place: its own and those before it, less those before it.
    below = (place * n + m - 1) // m
    return among & (((place + 1) * n + m - 1) // m > below)
