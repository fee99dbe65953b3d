"""Sets that grow by the best token at a time, for all rows of a batch at once."""

from collections.abc import Callable

import torch
from torch import Tensor


def greedy(
    valid: Tensor, n: Tensor, most: int, gains: Callable[[], Tensor], take: Callable[[Tensor], object]
) -> Tensor:
    """Mark n places of each row: always the one that gains most, of equal ones the first.

    Parameters
    ----------
    valid : Tensor
        (batch, places), bool: those that may be marked.
    n : Tensor
        (batch,), int64.
    most : int
        The largest n.
    gains : callable
        Returns (batch, places), float: what each place would gain now.
    take : callable
        Is given (batch, 1), int64: the places that are marked next. Rows that have their n are given places
        as well; they no longer count.

    Returns
    -------
    Tensor
        (batch, places), bool. A row whose gains were NaN has none marked, which the engine refuses.
    """
    marked = torch.zeros_like(valid)
    is_nan = torch.zeros_like(n, dtype=torch.bool)
    for step in range(most):
        gain, counts = gains(), step < n
        is_nan = is_nan | (counts & (gain.isnan() & valid).any(1))
        best = gain.masked_fill(marked | ~valid, -torch.inf).argmax(1, keepdim=True)
        marked = marked.scatter(1, best, marked.gather(1, best) | counts[:, None])
        take(best)
    return marked & ~is_nan[:, None]
