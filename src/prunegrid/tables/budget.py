"""Rows whose strategy could not remove what was asked, for `match: share`: `exit` drops whole layers."""

from collections.abc import Mapping

from prunegrid.axis_names import SHARE

# As far as a solved schedule may be from the ratio that was asked (docs/definitions.md, Strategies).
RATIO_TOLERANCE = 0.005
_ROUNDING = 1e-9


def missed_budget(numbers: Mapping[str, float], match: str) -> tuple[float, float] | None:
    """Return the ratio asked and the one achieved, where they differ by more than the tolerance.

    Parameters
    ----------
    numbers : mapping
        A ledger.
    match : str
        What is equal at one ratio; for total compute see `compute_gap`.
    """
    asked, achieved = numbers.get("ratio_requested"), numbers.get("ratio_achieved")
    if match != SHARE or not asked or achieved is None:
        return None
    return (asked, achieved) if abs(achieved - asked) > RATIO_TOLERANCE + _ROUNDING else None


def budget_columns(numbers: Mapping[str, float], match: str) -> dict[str, bool | None]:
    """Return a cell's column of cells.csv, an empty field where shares are not matched."""
    return {"budget_missed": missed_budget(numbers, match) is not None if match == SHARE else None}
