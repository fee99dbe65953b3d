"""What every strategy shares: the base class that turns a ratio into a schedule. Imports no torch."""

import inspect
from dataclasses import dataclass, replace
from typing import ClassVar

from prunegrid.errors import ConfigError, PruningError
from prunegrid.plugins import Plugin, name_of
from prunegrid.pruning.schedule import ROUNDINGS, Cuts, Schedule
from prunegrid.pruning.solve_ratio import solve

# The criterion that says which tokens stay where a strategy keeps some and has none ranked.
UNRANKED = "first"

# The positions of the tokens that stay: those of the unpruned prompt, or 0, 1, ... without gaps.
ORIGINAL, CONTIGUOUS = "original", "contiguous"


@dataclass(frozen=True, kw_only=True)
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
    prunes : bool
        Its schedule drops tokens: one without cuts is refused.
    swaps_images : bool
        Each question is shown another sample's image.
    resizes_images : bool
        Pictures are made smaller before the processor is given them, so that a ratio fewer image tokens are
        made of each; only families that take pictures at their own size can.

    Parameters
    ----------
    positions : str
        Where the tokens that stay are taken to stand: `original`, at the places that they had in the prompt,
        or `contiguous`: after every cut they move up, and generated tokens follow on the last one. Positions
        in three dimensions stay as they are.
    rounding : str
        How a share of the image tokens becomes a whole number: `half_up`, `floor` or `half_even`.

    Raises
    ------
    ConfigError
        If an option has another value.
    """

    stochastic: ClassVar[bool] = False
    ranks: ClassVar[bool] = True
    has_ratio: ClassVar[bool] = True
    prunes: ClassVar[bool] = True
    swaps_images: ClassVar[bool] = False
    resizes_images: ClassVar[bool] = False

    # Values themselves: a plan reads them without importing the file.
    positions: str = "original"
    rounding: str = "half_up"

    def __post_init__(self) -> None:
        for name, valid in (("positions", (ORIGINAL, CONTIGUOUS)), ("rounding", ROUNDINGS)):
            if getattr(self, name) not in valid:
                raise ConfigError(
                    f"strategy {name_of(self)!r}: {name}={getattr(self, name)!r} is none of "
                    f"{', '.join(map(repr, valid))}"
                )

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
            N of the sample at hand: see `prunegrid.pruning.solve_ratio.solve`. Layers must not depend on it.

        Raises
        ------
        UnreachableRatioError
            If no strength reaches the ratio.
        """
        if ratio is None:
            raise PruningError(f"strategy {name_of(self)!r} needs a ratio")
        return solve(lambda strength: self.cuts(strength, n_layers), ratio, n_layers, n_tokens, self.rounding)

    def schedule_for(
        self, ratio: float | None, n_layers: int, *, seed: int = 0, n_tokens: int | None = None
    ) -> Schedule:
        """Return what `solve` returns, if that is what the class says of itself.

        Parameters
        ----------
        ratio, n_layers, seed, n_tokens : float or None, int, int, int or None
            See `solve`.

        Raises
        ------
        ConfigError
            If a strategy that prunes returns a schedule without cuts, or one that does not prune has some.
        """
        found = self.solve(ratio, n_layers, seed=seed, n_tokens=n_tokens)
        if bool(found.cuts) == self.prunes:
            return replace(found, rounding=self.rounding)
        says = "no cuts, and would run unpruned" if self.prunes else f"cuts {list(found.cuts)}"
        raise ConfigError(
            f"{_file_of(type(self))}: strategy {name_of(self)!r} has `prunes = {self.prunes}`, but "
            f"its schedule for ratio {ratio} and {n_layers} layers has {says}"
        )


def _file_of(kind: type) -> str:
    try:
        return inspect.getfile(kind)
    except (TypeError, OSError):
        # Defined in an interactive session.
        return kind.__qualname__
