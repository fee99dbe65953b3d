"""Another sample's image: the floor of a model that sees, but sees the wrong thing."""

from dataclasses import dataclass
from typing import ClassVar

from prunegrid.pruning.schedule import Schedule
from prunegrid.pruning.strategy import Strategy


@dataclass(frozen=True, kw_only=True)
class Mismatched(Strategy):
    """Unpruned, but each question is shown an image drawn by a seeded derangement over distinct images.

    The exchange happens where samples are read (`predict.predict_cells`); the model itself is not pruned.
    """

    stochastic: ClassVar[bool] = True
    ranks: ClassVar[bool] = False
    has_ratio: ClassVar[bool] = False
    prunes: ClassVar[bool] = False
    swaps_images: ClassVar[bool] = True

    def solve(
        self, ratio: float | None = None, n_layers: int = 1, *, seed: int = 0, n_tokens: int | None = None
    ) -> Schedule:
        """Return the empty schedule."""
        return Schedule(n_layers)
