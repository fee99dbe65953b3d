"""HiMAP's schedule: two cuts, the second much deeper (arXiv 2503.13108)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from prunegrid.errors import UnreachableRatioError
from prunegrid.pruning.schedule import Cuts, Schedule, increasing_layers
from prunegrid.pruning.solve_ratio import TOLERANCE
from prunegrid.pruning.strategy import Strategy


@dataclass(frozen=True, kw_only=True)
class Hierarchical(Strategy):
    """a = 1 before K1, k from K1 on, k^3 from K2 on; k is free.

    At L = 32, K1 = 2, K2 = 8 and ratio 0.75 this is k = 1/2 and k^3 = 1/8, the published setting.

    Parameters
    ----------
    layers : sequence of int or float
        (K1, K2); fractions are of L.
    keep : sequence of float, optional
        The shares of N kept after each cut, explicitly. Nothing is free then: the ratio follows, and a
        requested ratio must agree with it.
    """

    layers: Sequence[float] = (2, 8)
    keep: Sequence[float] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.keep is None and len(self.layers) != 2:
            raise ValueError(f"layers must name two cuts, got {list(self.layers)} (or give `keep` for each)")
        if self.keep is not None:
            falling = all(b <= a for a, b in zip(self.keep, self.keep[1:], strict=False))
            if len(self.keep) != len(self.layers) or not falling or not all(0 < k <= 1 for k in self.keep):
                raise ValueError(
                    f"keep must give one share in (0, 1] per layer, non-increasing; got {list(self.keep)}"
                )

    def cuts(self, strength: float, n_layers: int) -> Cuts:
        """Return the two cuts for k = 1 - strength."""
        first, second = increasing_layers(self.layers, n_layers)
        k = 1 - strength
        return [(first, k), (second, k**3)]

    def solve(
        self, ratio: float | None, n_layers: int, *, seed: int = 0, n_tokens: int | None = None
    ) -> Schedule:
        """Solve k, or take `keep` as it stands."""
        layers = increasing_layers(self.layers, n_layers)
        deep_from = layers[1] if len(layers) > 1 else None
        if self.keep is None:
            schedule = super().solve(ratio, n_layers, seed=seed, n_tokens=n_tokens)
            return replace(schedule, deep_from=deep_from)
        cuts = tuple(zip(layers, map(float, self.keep), strict=True))
        schedule = Schedule(n_layers, cuts, deep_from=deep_from, rounding=self.rounding)
        if ratio is not None and abs(schedule.ratio() - ratio) > TOLERANCE:
            fixed = schedule.ratio()
            raise UnreachableRatioError(
                f"ratio {ratio:.3f} is out of reach: keep={list(self.keep)} fixes it at {fixed:.3f}"
            )
        return schedule
