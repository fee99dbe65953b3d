"""No image at all: the floor that every table needs."""

from dataclasses import dataclass
from typing import ClassVar

from prunegrid.pruning.schedule import Schedule
from prunegrid.pruning.strategy import Strategy


@dataclass(frozen=True, kw_only=True)
class Blind(Strategy):
    """No image token enters layer 0; text keeps its positions."""

    ranks: ClassVar[bool] = False
    has_ratio: ClassVar[bool] = False

    def solve(
        self, ratio: float | None = None, n_layers: int = 1, *, seed: int = 0, n_tokens: int | None = None
    ) -> Schedule:
        """Return the one cut before layer 0."""
        return Schedule(n_layers, ((0, 0.0),))
