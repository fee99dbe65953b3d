"""Find the one free parameter of a strategy at which it removes the requested ratio."""

from collections.abc import Callable

from prunegrid.errors import UnreachableRatioError
from prunegrid.pruning.schedule import HALF_UP, Cuts, Schedule, count_tokens, removed

# An achieved ratio may differ from the requested one by this much.
TOLERANCE = 0.005
# Bisection steps: enough to exhaust the mantissa of a double on [0, 1].
_STEPS = 60
# Only exit and blind drop everything: any other share stays above 0, hence at least 1 token.
_STRONGEST = 1 - 2**-40


def solve(
    cuts: Callable[[float], Cuts],
    ratio: float,
    n_layers: int,
    n_tokens: int | None = None,
    rounding: str = HALF_UP,
) -> Schedule:
    """Find the strength in [0, 1] at which `cuts` removes `ratio`.

    Solved over the reals, so that shares do not depend on a sample. Only where rounding to whole
    tokens then misses by more than 0.005 is the strength moved to the nearest integer solution.

    Parameters
    ----------
    cuts : callable
        strength -> [(layer, share)]; what is removed must not decrease with the strength.
    ratio : float
        Requested 1 - mean(a_l).
    n_layers : int
        L.
    n_tokens : int, optional
        N of the sample.
    rounding : str
        How shares become whole tokens; see `prunegrid.pruning.schedule.count_tokens`.

    Raises
    ------
    UnreachableRatioError
        If even the strongest cut removes less, or the weakest more.
    """

    def strength_for(remove: Callable[[float], float]) -> tuple[float, float]:
        """Bisect to the last strength below the ratio and the first that reaches it."""
        low, high = 0.0, _STRONGEST
        for _ in range(_STEPS):
            middle = (low + high) / 2
            low, high = (low, middle) if remove(middle) >= ratio else (middle, high)
        return low, high

    def real(strength: float) -> float:
        return removed(cuts(strength), n_layers, 1.0)

    least, most = real(0.0), real(_STRONGEST)
    if not least - TOLERANCE <= ratio <= most + TOLERANCE:
        raise UnreachableRatioError(
            f"ratio {ratio:.3f} is out of reach: {least:.3f} to {most:.3f} with {n_layers} layers"
        )
    best = strength_for(real)[1]
    if n_tokens:

        def whole(strength: float) -> float:
            return removed(count_tokens(cuts(strength), n_tokens, rounding), n_layers, n_tokens)

        if abs(whole(best) - ratio) > TOLERANCE:
            best = min(strength_for(whole), key=lambda strength: abs(whole(strength) - ratio))
    solved = tuple((layer, float(share)) for layer, share in cuts(best))
    return Schedule(n_layers, solved, rounding=rounding)
