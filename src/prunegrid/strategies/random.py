"""Random pruning across layers: random depths and random cut shares."""

from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import ClassVar

from prunegrid.errors import PruningError, UnreachableRatioError
from prunegrid.pruning.schedule import Cuts, Schedule
from prunegrid.pruning.solve_ratio import solve
from prunegrid.pruning.strategy import Strategy
from prunegrid.randomness import named_seed

MOST_DRAWS = 10_000
# A draw that reaches the ratio only by dropping next to everything leaves nothing to rank.
LEAST_SHARE = 0.02


@dataclass(frozen=True, kw_only=True)
class RandomLayers(Strategy):
    """M layers drawn without replacement from 1..L-1, each dropping a random share.

    The i-th cut drops the share s u_i of the tokens still present, u_i uniform in [0, 1), and the scale
    s is solved for the ratio. A draw that cannot reach it with 2 % of the tokens left is drawn anew;
    `Schedule.attempts` counts the draws, so its inverse is the acceptance rate.

    Parameters
    ----------
    cuts : int
        M.
    """

    stochastic: ClassVar[bool] = True

    # It has a `solve` of its own, which asks for no `cuts(strength)`.
    cuts: int = 2  # type: ignore[assignment]

    def solve(
        self, ratio: float | None, n_layers: int, *, seed: int = 0, n_tokens: int | None = None
    ) -> Schedule:
        """Draw schedules from the seed until one reaches the ratio."""
        if ratio is None:
            raise PruningError("strategy 'random' needs a ratio")
        if not 1 <= self.cuts < n_layers:
            raise PruningError(f"random: cuts={self.cuts} is not among 1..{n_layers - 1}")
        # The sample does not enter: all samples of a cell share one schedule.
        source = Random(named_seed("random strategy", seed, n_layers, self.cuts))
        for attempt in range(1, MOST_DRAWS + 1):
            layers = sorted(sorted(range(1, n_layers), key=lambda _: source.random())[: self.cuts])
            drops = [source.random() for _ in layers]
            scaled = partial(_scaled, layers=layers, drops=drops)
            try:
                shares = solve(scaled, ratio, n_layers)
            except UnreachableRatioError:
                continue
            if shares.cuts[-1][1] >= LEAST_SHARE:
                return replace(solve(scaled, ratio, n_layers, n_tokens, self.rounding), attempts=attempt)
        most = (n_layers - 1) / n_layers
        raise UnreachableRatioError(
            f"ratio {ratio:.3f} is out of reach: none of {MOST_DRAWS} random schedules with {self.cuts} "
            f"cuts in {n_layers} layers removes that much (at most {most:.3f})"
        )


def _scaled(strength: float, layers: list[int], drops: list[float]) -> Cuts:
    # At strength 1 the largest cut drops everything.
    scale = strength / max(drops)
    share, cuts = 1.0, []
    for layer, drop in zip(layers, drops, strict=True):
        share *= 1 - scale * drop
        cuts.append((layer, share))
    return cuts
