"""Figures of differences to the reference, with intervals: one panel per benchmark, a row per method."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from prunegrid.report.first_blocks import FirstBlocks, first_blocks
from prunegrid.report.forest import GREY, Point, draw_forest, draw_points
from prunegrid.tables.difference import LEVEL
from prunegrid.tables.options import SCALE, TableOptions
from prunegrid.tables.signs import METRICS

# An interval that reaches further than this many times the rest is cut off.
_WIDEST = 3.0
_TINY = 0.005


def plot_differences(
    tables: str | Path, folder: str | Path, options: TableOptions | None = None
) -> list[Path]:
    """Draw differences-strategy.{svg,png} and differences-criterion.{svg,png} from the tables' CSV files.

    Parameters
    ----------
    tables : path
        Folder with strategy.csv and criterion.csv.
    folder : path
        Where the figures go.
    options : TableOptions, optional
        Names the references.

    Returns
    -------
    list of Path
        The files written.
    """
    options = options or TableOptions()
    s0, c0 = options.reference_strategy, options.reference_criterion
    written = []
    for kind, reference, other in (("strategy", s0, c0), ("criterion", c0, s0)):
        blocks = first_blocks(Path(tables), kind, other)
        written += _draw(blocks, reference, Path(folder) / f"differences-{kind}")
    return written


def _draw(blocks: FirstBlocks, reference: str, path: Path) -> list[Path]:
    names = _names(blocks)
    told = Line2D([], [], color=GREY, marker="o", linestyle="", label="filled: told, p < 0.05 after Holm")
    untold = Line2D(
        [], [], color=GREY, marker="o", linestyle="", markerfacecolor="white", label="hollow: not told"
    )
    return draw_forest(
        partial(_panel, blocks, names),
        names,
        blocks.benchmarks,
        list(blocks.budgets),
        f"Difference to {reference}, {blocks.other} {blocks.fixed}",
        path,
        [told, untold],
    )


def _names(blocks: FirstBlocks) -> list[str]:
    """Return the rows that have a difference anywhere, in the table's order."""
    columns = [f"{benchmark}_{blocks.effect}" for benchmark in blocks.benchmarks]
    found: dict[str, None] = {}
    for rows in blocks.budgets.values():
        known = rows.reindex(columns=columns).notna().any(axis=1)
        found |= dict.fromkeys(rows.loc[known, blocks.kind])
    return list(found)


def _panel(blocks: FirstBlocks, names: Sequence[str], panel: Axes, benchmark: str) -> None:
    column = f"{benchmark}_{blocks.effect}"
    points = [
        Point(
            names.index(row[blocks.kind]),
            place,
            SCALE * row[column],
            SCALE * row[f"{column}_low"],
            SCALE * row[f"{column}_high"],
            filled=bool(row[f"{column}_p_holm"] < LEVEL),
        )
        for place, rows in enumerate(blocks.budgets.values())
        if column in rows
        for _, row in rows.dropna(subset=[column]).iterrows()
    ]
    draw_points(panel, points, len(blocks.budgets), *_limits(points))
    panel.axvline(0, color=GREY, linewidth=1, zorder=1)
    metric = blocks.metrics[benchmark]
    panel.set_xlabel(METRICS[metric] if metric == "cider" else "points")


def _limits(points: Sequence[Point]) -> tuple[float, float]:
    """Return ends of the axis that show 0, all values, and all intervals that are not far wider."""
    if not points:
        return -1.0, 1.0
    values = np.array([(one.value, one.low, one.high) for one in points])
    halves = np.maximum(values[:, 0] - values[:, 1], values[:, 2] - values[:, 0])
    reach = max(_WIDEST * float(np.median(halves)), 0.2 * float(np.abs(values[:, 0]).max()))
    low = max(float(np.nanmin(values[:, 1])), float(values[:, 0].min()) - reach)
    high = min(float(np.nanmax(values[:, 2])), float(values[:, 0].max()) + reach)
    low, high = min(low, 0.0), max(high, 0.0)
    return (low, high) if high - low > _TINY else (-1.0, 1.0)
