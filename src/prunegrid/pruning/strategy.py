"""What every strategy shares: the base class that turns a ratio into a schedule. Imports no torch."""

from dataclasses import dataclass
from typing import ClassVar

from prunegrid.errors import PruningError
from prunegrid.plugins import Plugin
from prunegrid.pruning.schedule import Cuts, Schedule
from prunegrid.pruning.solve_ratio import solve

# The criterion that says which tokens stay where a strategy keeps some and has none ranked.
UNRANKED = "first"


@dataclass(frozen=True)
class Strategy(Plugin):
    """Base of all strategies. A leaf defines `cuts`; one with no free strength overrides `solve`.

    Class attributes
    ----------------
    stochastic : bool
        The schedule (or the input) is drawn from the seed.
    ranks : bool
        A criterion chooses the tokens; otherwise the strategy stands once, with criterion `none`.
    has_ratio : bool
        It takes a ratio.
    swaps_images : bool
        Each question is shown another sample's image.
    """

    stochastic: ClassVar[bool] = False
    ranks: ClassVar[bool] = True
    has_ratio: ClassVar[bool] = True
    swaps_images: ClassVar[bool] = False

    def cuts(self, strength: float, n_layers: int) -> Cuts:
        """Return [(layer, share of N)] for a strength in [0, 1]: 0 drops nothing, 1 the most.

        What is removed must not decrease with the strength.
        """
        raise NotImplementedError

    def solve(
        self, ratio: float | None, n_layers: int, *, seed: int = 0, n_tokens: int | None = None
    ) -> Schedule:
        """Return the schedule that removes `ratio` of the image-token work.

        Parameters
        ----------
        ratio : float or None
            1 - mean over layers of a_l.
        n_layers : int
            L.
        seed : int
            Seed of drawn schedules.
        n_tokens : int, optional
            N of the sample at hand: see `prunegrid.pruning.solve_ratio.solve`.

        Raises
        ------
        UnreachableRatioError
            If no strength reaches the ratio.
        """
        if ratio is None:
            raise PruningError(f"strategy {type(self).__name__.lower()!r} needs a ratio")
        return solve(lambda strength: self.cuts(strength, n_layers), ratio, n_layers, n_tokens)
