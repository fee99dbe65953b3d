"""All image tokens leave before one layer, to ask whether ranking deep tokens is worth anything."""

from dataclasses import dataclass
from typing import ClassVar

from prunegrid.errors import PruningError, UnreachableRatioError
from prunegrid.pruning.schedule import Schedule
from prunegrid.pruning.strategy import Strategy


@dataclass(frozen=True, kw_only=True)
class Exit(Strategy):
    """a = 1 before layer l, 0 from l on; l is free and whole, so the ratio is the nearest 1 - l/L."""

    ranks: ClassVar[bool] = False

    def solve(
        self, ratio: float | None, n_layers: int, *, seed: int = 0, n_tokens: int | None = None
    ) -> Schedule:
        """Return the exit whose ratio is nearest; of two as near, the later one."""
        if ratio is None:
            raise PruningError("strategy 'exit' needs a ratio")
        half = 0.5 / n_layers
        if not half <= ratio <= 1 - half:
            raise UnreachableRatioError(
                f"ratio {ratio:.3f} is out of reach: an exit among {n_layers} layers removes "
                f"{1 / n_layers:.3f} to {1 - 1 / n_layers:.3f}"
            )
        layer = min(range(n_layers - 1, 0, -1), key=lambda at: round(abs(1 - at / n_layers - ratio), 9))
        return Schedule(n_layers, ((layer, 0.0),))
