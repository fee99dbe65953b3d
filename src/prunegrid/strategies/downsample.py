"""Smaller pictures: a baseline, which beats many methods on usual benchmarks (arXiv 2510.07143)."""

from dataclasses import dataclass
from typing import ClassVar

from prunegrid.errors import PruningError
from prunegrid.pruning.schedule import Schedule
from prunegrid.pruning.strategy import Strategy


@dataclass(frozen=True, kw_only=True)
class Downsample(Strategy):
    """Unpruned, but each picture is resized so that at most 1 - ratio of its image tokens are made of it.

    It happens where samples are read (`predict.resized_images`); the model itself is not pruned. The vision
    tower computes less, too.
    """

    ranks: ClassVar[bool] = False
    prunes: ClassVar[bool] = False
    resizes_images: ClassVar[bool] = True

    def solve(
        self, ratio: float | None, n_layers: int, *, seed: int = 0, n_tokens: int | None = None
    ) -> Schedule:
        """Return the empty schedule."""
        if ratio is None:
            raise PruningError("strategy 'downsample' needs a ratio")
        return Schedule(n_layers)
