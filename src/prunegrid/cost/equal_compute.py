"""`match: tflops_total`: solve for the ratio at which a cell's total FLOPs are the reference cell's.

The target at a ratio is what the reference cell costs there: tower, prefill, scoring and decoding of the
prompt that the configuration's `compute_plan` assumes. Every other cell's one free parameter is solved for
that target; to what predicts, it is then a cell of another ratio.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from prunegrid.cost.expected import expected_compute
from prunegrid.errors import UnreachableRatioError

# A total that is farther from the reference's, relative to it, is marked in tables.
MATCH_TOLERANCE = 0.005
# Ratios are tried in steps of one millionth.
_UNIT = 1_000_000
# Twice the tolerance of strategies, so that no ratio within their reach is stepped over.
_STEP = 10_000
_SCAN = 500

# strategy, strategy_options, criterion, criterion_options of `expected_compute`.
Settings = Mapping[str, Any]


def matched_ratio(
    config: Mapping[str, Any],
    settings: Settings,
    reference: Settings,
    ratio: float,
    seed: int,
    assumed: Mapping[str, Any],
) -> float:
    """Return the ratio at which a cell's total FLOPs are those of the reference at `ratio`.

    Parameters
    ----------
    config : mapping
        The model's configuration.
    settings, reference : mapping
        The cell's and the reference's `strategy`, `strategy_options`, `criterion`, `criterion_options`.
    ratio : float
        Ratio of the reference.
    seed : int
        Seed of the cell's schedule.
    assumed : mapping
        `image_tokens`, `text_before`, `text_after`, `generated` of `expected_compute`.

    Returns
    -------
    float
        A multiple of one millionth whose total is within 0.5 % of the target, or else the nearest that
        whole tokens allow.

    Raises
    ------
    UnreachableRatioError
        If the cell costs more, or less, at every ratio.
    """
    target = expected_compute(config, ratio=ratio, seed=0, **reference, **assumed)["tflops_total"]

    @cache
    def total(millionths: int) -> float | None:
        """Total relative to the target; None where the strategy does not reach the ratio."""
        if not 0 < millionths < _UNIT:
            return None
        try:
            found = expected_compute(config, ratio=millionths / _UNIT, seed=seed, **settings, **assumed)
        except UnreachableRatioError:
            return None
        if found["tflops_scoring"] > target:
            raise UnreachableRatioError(
                f"ratio {ratio:.3f} at equal total compute is out of reach: scoring alone takes "
                f"{found['tflops_scoring'] / target:.2f} times the reference's total"
            )
        return float(found["tflops_total"] / target)

    def miss(millionths: int) -> float:
        found = total(millionths)
        return float("inf") if found is None else abs(found - 1)

    start = round(ratio * _UNIT)
    if total(start) == 1:
        return ratio
    low, high = _bracket(total, start)
    while high - low > 1:
        middle = (low + high) // 2
        found = total(middle)
        # Where the middle is out of reach, so is one of the ends: go towards the other one.
        more = total(low) is None if found is None else found > 1
        low, high = (middle, high) if more else (low, middle)
    best = min((low, high), key=miss)
    if miss(best) > MATCH_TOLERANCE:
        # Drawn schedules jump where another draw is accepted.
        best = min([best, *range(best - _STEP, best + _STEP, _SCAN)], key=miss)
    found = total(best)
    if found is not None and miss(best) > MATCH_TOLERANCE and None in (total(low), total(high)):
        bound = "at least" if found > 1 else "at most"
        raise UnreachableRatioError(
            f"ratio {ratio:.3f} at equal total compute is out of reach: it takes {bound} "
            f"{found:.3f} times the reference's total"
        )
    return best / _UNIT


def _bracket(total: Callable[[int], float | None], start: int) -> tuple[int, int]:
    """Return two ratios between which the total falls to the target, or the strategy's reach ends.

    At least one of them is within reach.
    """
    if total(start) is None:
        # A strategy ends at some highest ratio; a schedule that is given has but one, which may be higher.
        tried = [*range(start, 0, -_STEP), *range(start, _UNIT, _STEP)]
        reached = next((k for k in tried if total(k) is not None), None)
        if reached is None:
            raise UnreachableRatioError("no ratio is within reach")
        start = reached
    first = total(start)
    step = _STEP if first is not None and first > 1 else -_STEP
    end = start
    while (found := total(end)) is not None and (found > 1) == (step > 0):
        start, end = end, end + step
    return min(start, end), max(start, end)
