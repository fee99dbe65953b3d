"""scores.json of a cell as columns of a table with one row per cell."""

from collections.abc import Mapping
from typing import Any

AXES = ("model", "benchmark", "strategy", "criterion", "ratio", "seed")


def number_columns(scores: Mapping[str, Any], asked: float | None = None) -> dict[str, float]:
    """Return the ledger, and the mean places of the kept tokens.

    Parameters
    ----------
    scores : mapping
        scores.json.
    asked : float, optional
        The cell's ratio in a study of several matchings: one computation may stand for cells of two, and its
        scores name the ratio of one of them.
    """
    positions = scores.get("positions", {})
    ledger = scores["compute"] if asked is None else {**scores["compute"], "ratio_requested": asked}
    return {**ledger, **{name: value for name, value in positions.items() if name != "map"}}


def metric_columns(scores: Mapping[str, Any]) -> dict[str, float]:
    """Return every metric with its limits, `{metric}_low` and `{metric}_high`, then `{metric}_{variant}`."""
    found: dict[str, float] = {}
    for metric, values in scores["metrics"].items():
        found |= {metric: values["value"], f"{metric}_low": values["low"], f"{metric}_high": values["high"]}
    for metric, values in scores["variants"].items():
        found |= {f"{metric}_{variant}": value for variant, value in values.items()}
    return found
