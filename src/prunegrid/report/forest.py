"""Figures of values with intervals: a panel a benchmark, a row a method, a mark a budget."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from prunegrid.report.saving import (
    MARKERS,
    PHONE_STYLE,
    PHONE_TEXT,
    PHONE_WIDTH,
    budget_colour,
    own_style,
    save_figure,
)
from prunegrid.tables.signs import MINUS

# Longest name of a row that leaves room for three panels, and for two.
_THREE, _TWO = 16, 24
# Inches: of a line, between rows, and of all that is not rows.
_LINE, _GAP, _FRAME = 0.13, 0.1, 0.62
# Of what is said of all points.
GREY = "#444c56"


@dataclass(frozen=True)
class Point:
    """A value with its interval.

    Attributes
    ----------
    row : int
        Number of the method.
    budget : int
        Number of the budget: its colour, marker, and place in the row.
    value, low, high : float
        In the units of the axis.
    filled : bool
        Whether the mark is filled.
    """

    row: int
    budget: int
    value: float
    low: float
    high: float
    filled: bool = True


def draw_forest(
    fill: Callable[[Axes, str], None],
    rows: Sequence[str],
    benchmarks: Sequence[str],
    budgets: Sequence[str],
    title: str,
    path: Path,
    handles: Sequence[Line2D] = (),
) -> list[Path]:
    """Draw a figure and return the files written.

    Parameters
    ----------
    fill : callable
        Draws into the panel of a benchmark, with `draw_points`.
    rows, benchmarks, budgets : sequence of str
        Methods, panels, and what the legend calls the marks.
    title : str
    path : Path
        Of the figure, without an ending.
    handles : sequence of Line2D
        What the legend says beside the budgets.
    """
    from matplotlib import pyplot as plt

    longest = max((len(name) for name in rows), default=0)
    columns = min(3 if longest <= _THREE else 2 if longest <= _TWO else 1, max(1, len(benchmarks)))
    lines = -(-max(1, len(benchmarks)) // columns)
    height = lines * (_FRAME + len(rows) * (_GAP + _LINE * len(budgets)))
    with own_style(PHONE_STYLE):
        figure, axes = plt.subplots(
            lines,
            columns,
            figsize=(PHONE_WIDTH, height + 0.5 + 0.16 * (len(budgets) + len(handles))),
            squeeze=False,
            sharey=True,
            layout="constrained",
        )
        for panel in axes.flat[len(benchmarks) :]:
            panel.set_axis_off()
        for panel, benchmark in zip(axes.flat, benchmarks, strict=False):
            fill(panel, benchmark)
            _frame(panel, benchmark, rows)
        _explain(figure, budgets, handles, title)
        written = save_figure(figure, path)
        plt.close(figure)
    return written


def draw_points(panel: Axes, points: Sequence[Point], n_budgets: int, low: float, high: float) -> None:
    """Draw values and intervals; what lies beyond the ends of the axis is cut off, with an arrow."""
    for one in points:
        y = one.row + (one.budget - (n_budgets - 1) / 2) / (n_budgets + 1)
        colour = budget_colour(one.budget, n_budgets)
        panel.plot([max(one.low, low), min(one.high, high)], [y, y], color=colour, linewidth=1.3, zorder=2)
        for end, cut, sign in ((low, one.low < low, "<"), (high, one.high > high, ">")):
            if cut:
                panel.plot([end], [y], sign, color=colour, markersize=4, clip_on=False)
        panel.plot(
            [np.clip(one.value, low, high)],
            [y],
            MARKERS[one.budget % len(MARKERS)],
            color=colour,
            markerfacecolor=colour if one.filled else "white",
            markersize=4.5,
            zorder=3,
        )
    margin = 0.06 * (high - low)
    panel.set_xlim(low - margin, high + margin)


def _frame(panel: Axes, benchmark: str, rows: Sequence[str]) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    panel.set_ylim(len(rows) - 0.4, -0.6)
    panel.set_yticks(range(len(rows)), rows)
    panel.tick_params(axis="y", length=0)
    panel.grid(axis="x", color="#e6e9ee", linewidth=0.8)
    panel.spines[["top", "right", "left"]].set_visible(False)
    panel.set_title(_short(benchmark), loc="left", fontweight="bold")
    panel.xaxis.set_major_locator(MaxNLocator(3, integer=True))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", MINUS)))


def _short(name: str) -> str:
    """Return a name that fits above a panel."""
    return name if len(name) <= _TWO else f"{name[: _TWO - 1]}…"


def _explain(figure: Figure, budgets: Sequence[str], handles: Sequence[Line2D], title: str) -> None:
    """Say what the points are: in words and markers, as in grey no colour tells."""
    marks = [
        Line2D([], [], color=budget_colour(i, len(budgets)), marker=MARKERS[i % len(MARKERS)], label=heading)
        for i, heading in enumerate(budgets)
    ]
    figure.suptitle(title, x=0.01, ha="left", fontsize=PHONE_TEXT + 1)
    narrow = any(len(heading) > _TWO for heading in budgets)
    figure.legend(
        handles=[*marks, *handles], loc="outside lower left", ncols=1 if narrow else 2, frameon=False
    )
