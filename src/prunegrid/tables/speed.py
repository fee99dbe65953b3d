"""Measured times and memory of cells: medians and quartiles of single measurements, and speed-ups."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from prunegrid.axis_names import BASELINE
from prunegrid.results.measurements import GENERATE, PREFILL, VISION
from prunegrid.tables.cells import ScoredCell

# A cell whose clock moved by more is marked.
MOST_CLOCK_DRIFT = 0.03
_CELL = ["benchmark", "strategy", "criterion", "ratio", "seed", "match"]
_Cell = tuple[str, str, str, float, int, str]


def with_speed(cells: Sequence[ScoredCell], measurements: pd.DataFrame) -> list[ScoredCell]:
    """Return cells with what was measured of them, NaN where nothing was.

    Parameters
    ----------
    cells : sequence of ScoredCell
        Cells of one model.
    measurements : DataFrame
        Rows of `prunegrid.results.measurements.MEASUREMENTS`.
    """
    measurements = measurements.fillna({"match": ""})
    found: dict[_Cell, dict[str, float]] = {}
    for number, size in enumerate(_batch_sizes(measurements)):
        suffix = "" if number == 0 else f"_b{size}"
        for cell, values in _of_batch(cells, measurements, size).items():
            own = found.setdefault(cell, {})
            own |= {f"{name}{suffix}": value for name, value in values.items()}
    names = list(dict.fromkeys(name for values in found.values() for name in values))
    return [
        replace(cell, speed={name: found.get(_key(cell), {}).get(name, np.nan) for name in names})
        for cell in cells
    ]


def _batch_sizes(measurements: pd.DataFrame) -> list[int]:
    """Return the sizes in the order in which they were measured."""
    ordered = measurements[measurements["quantity"] == PREFILL].sort_values("position")
    return [int(size) for size in ordered["batch_size"].unique()]


def _of_batch(
    cells: Sequence[ScoredCell], measurements: pd.DataFrame, size: int
) -> dict[_Cell, dict[str, float]]:
    """Return cell -> its numbers at one batch size, speed-ups against the unpruned cell included."""
    vision = measurements[measurements["quantity"] == VISION]
    rows = measurements[(measurements["quantity"] != VISION) & (measurements["batch_size"] == size)]
    found: dict[_Cell, dict[str, float]] = {}
    for axes, own in rows.groupby(_CELL, sort=False):
        key: _Cell = axes  # type: ignore[assignment]
        benchmark = key[0]
        pictures = vision.loc[vision["benchmark"] == benchmark, "wall_ms"]
        found[key] = {"latency_batch_size": float(size), **_times(own), **quartiles("vision_ms", pictures)}
    computed = {_key(cell): _prefill_flops(cell) for cell in cells}
    for key, values in found.items():
        unpruned = next(k for k in found if k[0] == key[0] and k[1] == BASELINE)
        values["prefill_speedup"] = found[unpruned]["prefill_ms"] / values["prefill_ms"]
        values["prefill_flops_speedup"] = _ratio(computed.get(unpruned), computed.get(key))
    return found


def _times(own: pd.DataFrame) -> dict[str, float]:
    """Return the numbers of one cell at one batch size from its measurements."""
    prefill = own[own["quantity"] == PREFILL]
    clocks = own["clock_mhz"].dropna()
    return {
        "latency_n": float(len(prefill)),
        **quartiles("prefill_ms", prefill["wall_ms"]),
        **quartiles("prefill_device_ms", prefill["device_ms"]),
        **quartiles("ms_per_token", ms_per_token(own)),
        "peak_memory_mb": float(own["peak_memory_mb"].max()),
        "clock_drift": float(clocks.max() / clocks.min() - 1) if len(clocks) > 1 else np.nan,
    }


def ms_per_token(own: pd.DataFrame) -> "pd.Series[float]":
    """Return what each further token takes, per round: the difference of two generations over their lengths'.

    Parameters
    ----------
    own : DataFrame
        Measurements of one cell at one batch size.
    """
    generations = own[own["quantity"] == GENERATE]
    wall = generations.pivot_table(index="round", columns="n_generated", values="wall_ms")
    lengths = [int(length) for length in generations["n_generated"]]
    short, long = min(lengths), max(lengths)
    per_token: pd.Series[float] = (wall[long] - wall[short]) / (long - short)
    return per_token


def quartiles(name: str, values: "pd.Series[float]") -> dict[str, float]:
    """Return the median under a name, and the quartiles under `{name}_q1` and `{name}_q3`; NaN of nothing."""
    known = values.dropna().astype(float)
    if known.empty:
        return dict.fromkeys((name, f"{name}_q1", f"{name}_q3"), np.nan)
    first, median, third = known.quantile([0.25, 0.5, 0.75])
    return {name: float(median), f"{name}_q1": float(first), f"{name}_q3": float(third)}


def _prefill_flops(cell: ScoredCell) -> float:
    """Return FLOPs of what a measured prefill runs: the decoder and the criterion, 1e12."""
    compute = cell.scores["compute"]
    return float(compute.get("tflops_prefill", np.nan) + compute.get("tflops_scoring", np.nan))


def _ratio(whole: float | None, part: float | None) -> float:
    return whole / part if whole and part else np.nan


def _key(cell: ScoredCell) -> _Cell:
    return cell.benchmark, cell.strategy, cell.criterion, cell.ratio, cell.seed, cell.match
