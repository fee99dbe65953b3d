"""No pruning: the baseline of every table."""

from dataclasses import dataclass
from typing import ClassVar

from prunegrid.pruning.schedule import Schedule
from prunegrid.pruning.strategy import Strategy


@dataclass(frozen=True, kw_only=True)
class Unpruned(Strategy):
    """a_l = 1 in every layer."""

    ranks: ClassVar[bool] = False
    has_ratio: ClassVar[bool] = False
    prunes: ClassVar[bool] = False

    def solve(
        self, ratio: float | None = None, n_layers: int = 1, *, seed: int = 0, n_tokens: int | None = None
    ) -> Schedule:
        """Return the empty schedule."""
        return Schedule(n_layers)
