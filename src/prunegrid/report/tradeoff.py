"""Figure of scores against compute: one panel per benchmark, one line per strategy or per criterion."""

import math
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from prunegrid.axis_names import BASELINE, NO_CRITERION
from prunegrid.report.compute_axis import ComputeAxis, compute_axis
from prunegrid.report.name_styles import NameStyles, Style
from prunegrid.report.saving import PHONE_STYLE, PHONE_WIDTH, legend_columns, own_style, save_figure
from prunegrid.tables.options import SCALE, TableOptions
from prunegrid.tables.signs import METRICS

_FRONT = "Pareto front"
# Inches: of a row of panels, and of a line of the legend.
_PANEL, _LEGEND_LINE = 2.15, 0.17
# Letters of the name of a metric beside a panel.
_LABEL = 22
# No panel shows fewer points, or a smaller share of its highest value: small differences are to look small.
_LEAST_POINTS, _LEAST_SHARE = 10.0, 0.1
# A floor that leaves the points less than this share of the height is named below them.
_LEAST_HEIGHT = 0.5


@dataclass(frozen=True)
class _Line:
    """A line of the figure: its name, its rows of all benchmarks, its colour and marker."""

    name: str
    rows: pd.DataFrame
    style: Style
    reference: bool


def plot_tradeoff(tables: str | Path, folder: str | Path, options: TableOptions | None = None) -> list[Path]:
    """Draw strategy.{svg,png} and criterion.{svg,png} from the tables' CSV files.

    Parameters
    ----------
    tables : path
        Folder with strategy.csv and criterion.csv.
    folder : path
        Where the figures go.
    options : TableOptions, optional
        Names the reference cell.

    Returns
    -------
    list of Path
        The files written.
    """
    tables, folder, options = Path(tables), Path(folder), options or TableOptions()
    strategies = pd.read_csv(tables / "strategy.csv", keep_default_na=True, dtype={"block": str})
    criteria = pd.read_csv(tables / "criterion.csv", keep_default_na=True, dtype={"block": str})
    first = strategies[strategies["block"].str.startswith(f"criterion {options.reference_criterion},")]
    if first.empty:
        first = strategies[strategies["ratio"] > 0]
    second = criteria[(criteria["strategy"] == options.reference_strategy) & (criteria["ratio"] > 0)]
    seen = pd.concat([strategies, criteria])
    styles = NameStyles(options, seen["strategy"].unique(), seen["criterion"].unique())
    named = _names(first, options)
    lines = _lines(first, named, options.reference_strategy, styles)
    others = _lines(second, second["criterion"], options.reference_criterion, styles)
    return [*_draw(strategies, lines, folder / "strategy"), *_draw(criteria, others, folder / "criterion")]


def _names(rows: pd.DataFrame, options: TableOptions) -> "pd.Series[str]":
    plain = rows["criterion"].isin([options.reference_criterion, NO_CRITERION])
    return rows["strategy"].where(plain, rows["strategy"] + " x " + rows["criterion"])


def _lines(rows: pd.DataFrame, names: "pd.Series[str]", reference: str, styles: NameStyles) -> list[_Line]:
    found = []
    for name, some in rows.groupby(names, sort=False):
        first = some.iloc[0]
        style = styles.of_row(str(first["strategy"]), str(first["criterion"]))
        found.append(_Line(str(name), some, style, name == reference))
    return found


def _draw(table: pd.DataFrame, lines: Sequence[_Line], path: Path) -> list[Path]:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    benchmarks = [c.removesuffix("_metric") for c in table.columns if c.endswith("_metric")]
    with own_style(PHONE_STYLE):
        n_columns = min(2, len(benchmarks))
        n_rows = -(-len(benchmarks) // n_columns)
        names = [*(line.name for line in lines), _FRONT, "unpruned", "blind"]
        legend_lines = -(-len(names) // legend_columns(names))
        figure, axes = plt.subplots(
            n_rows,
            n_columns,
            figsize=(PHONE_WIDTH, _PANEL * n_rows + _LEGEND_LINE * legend_lines + 0.1),
            squeeze=False,
            layout="constrained",
        )
        for panel in axes.flat[len(benchmarks) :]:
            panel.set_axis_off()
        panels = list(axes.flat[: len(benchmarks)])
        axis = compute_axis(
            [
                share
                for benchmark in benchmarks
                for line in lines
                for share in _points(table, line.rows, benchmark)["share"]
            ]
        )
        for place, (panel, benchmark) in enumerate(zip(panels, benchmarks, strict=True)):
            _panel(panel, table, lines, axis, benchmark)
            if place + n_columns < len(benchmarks):
                panel.set_xlabel("")
        _explain(figure, names)
        written = save_figure(figure, path)
        plt.close(figure)
    return written


def _explain(figure: Figure, names: Sequence[str]) -> None:
    """Say above the panels what the lines are: on a phone that is read first."""
    found = [zip(*panel.get_legend_handles_labels()[::-1], strict=True) for panel in figure.axes]
    drawn = {label: handle for pairs in found for label, handle in pairs}
    shown = [name for name in names if name in drawn]
    figure.legend(
        [drawn[name] for name in shown],
        shown,
        loc="outside upper left",
        ncols=legend_columns(shown),
        frameon=False,
        columnspacing=1.2,
        handlelength=1.6,
    )


def _points(table: pd.DataFrame, rows: pd.DataFrame, benchmark: str) -> pd.DataFrame:
    """Return the rows of a line on a benchmark with their `share` of the unpruned model's compute, by it."""
    x_name = f"{benchmark}_tflops_total"
    whole = table.loc[table["strategy_type"] == BASELINE, x_name].max()
    whole = whole if np.isfinite(whole) and whole > 0 else 1.0
    y_names = [f"{benchmark}_{name}" for name in ("value", "low", "high")]
    own = rows[[x_name, *y_names, "needs_answer"]].dropna(subset=[x_name, y_names[0]]).sort_values(x_name)
    return own.assign(share=own[x_name] / whole)


def _panel(
    panel: Axes, table: pd.DataFrame, lines: Sequence[_Line], axis: ComputeAxis, benchmark: str
) -> None:
    """Draw one benchmark."""
    y_name = f"{benchmark}_value"
    metric = table[f"{benchmark}_metric"].dropna().iloc[0]
    panel.set_title(benchmark, loc="left", fontweight="bold")
    panel.set_ylabel(textwrap.fill(METRICS.get(metric, metric), _LABEL))
    panel.grid(color="#e6e9ee", linewidth=0.8)
    panel.spines[["top", "right"]].set_visible(False)
    heights: list[float] = []
    points = []
    far: list[float] = []
    for line in lines:
        rows = _points(table, line.rows, benchmark)
        if rows.empty:
            continue
        colour, marker = line.style
        share, y = rows["share"].to_numpy(), SCALE * rows[y_name].to_numpy()
        low, high = (SCALE * rows[f"{benchmark}_{end}"].to_numpy() for end in ("low", "high"))
        heights += [*y, *low, *high]
        far += [x for x in share if axis.is_beyond(x)]
        errors = np.abs([y - low, high - y])
        x = np.array([axis.place(value) for value in share])
        panel.errorbar(x, y, yerr=errors, fmt="none", ecolor=colour, alpha=0.3, elinewidth=1)
        width, front = (2.2, 3) if line.reference else (1.3, 2)
        edge: dict[str, Any] = {"markeredgecolor": "white", "markeredgewidth": 0.4}
        style: dict[str, Any] = {
            "color": colour,
            "marker": marker,
            "markersize": 5,
            "linewidth": width,
            **edge,
        }
        beyond = np.array([axis.is_beyond(value) for value in share])
        # No line crosses the break.
        for place, some in enumerate(part for part in (~beyond, beyond) if part.any()):
            panel.plot(x[some], y[some], label=line.name if place == 0 else None, zorder=front, **style)
        # What needs the unpruned model's own answer is no way to save work.
        points += [(a, b) for a, b, needs in zip(share, y, rows["needs_answer"], strict=True) if not needs]
    anchors = table[table["ratio"] == 0]
    known = {
        strategy: SCALE * values.iloc[0]
        for strategy in (BASELINE, "blind")
        for values in [anchors.loc[anchors["strategy_type"] == strategy, y_name].dropna()]
        if len(values)
    }
    if BASELINE in known:
        points.append((1.0, known[BASELINE]))
        heights.append(known[BASELINE])
    _draw_front(panel, points, axis)
    _set_score_axis(panel, heights, known.get("blind"))
    for strategy, dashes, label in ((BASELINE, "-", "unpruned"), ("blind", ":", "blind")):
        if strategy in known:
            panel.axhline(known[strategy], color="#6b7480", linestyle=dashes, linewidth=1.1, label=label)
    axis.show(panel, far)


def _draw_front(panel: Axes, points: Sequence[tuple[float, float]], axis: ComputeAxis) -> None:
    """Draw the Pareto front as far as the axis goes."""
    best = pareto_front(points)
    inside = [(compute, score) for compute, score in best if compute <= axis.end]
    if len(best) > 1 and inside:
        # On to the axis's end at the height of its last point.
        places = [*inside, *([(axis.end, inside[-1][1])] if len(inside) < len(best) else [])]
        panel.plot(
            [compute for compute, _ in places],
            [score for _, score in places],
            drawstyle="steps-post",
            color="black",
            linestyle=(0, (1, 1.5)),
            linewidth=1.0,
            label=_FRONT,
            zorder=1.5,
        )


def _set_score_axis(panel: Axes, heights: Sequence[float], blind: float | None) -> None:
    """Show all points with their intervals, and the floor where that leaves them room; else name it."""
    heights = [height for height in heights if math.isfinite(height)]
    if not heights:
        return
    low, high = min(heights), max(heights)
    low = min(low, high - max(_LEAST_POINTS, _LEAST_SHARE * abs(high)))
    if blind is not None:
        if high - low >= _LEAST_HEIGHT * (max(high, blind) - min(low, blind)):
            low, high = min(low, blind), max(high, blind)
        else:
            panel.text(
                0.98,
                0.02,
                f"blind: {blind:.1f} ↓",
                ha="right",
                va="bottom",
                color="#444c56",
                transform=panel.transAxes,
            )
    margin = 0.06 * (high - low)
    panel.set_ylim(low - margin, high + margin)


def pareto_front(points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the points that no other is better than at as little compute, or as good at less, by compute.

    Parameters
    ----------
    points : iterable of (float, float)
        Compute and score.
    """
    front: list[tuple[float, float]] = []
    for compute, score in sorted(points, key=lambda point: (point[0], -point[1])):
        if not front or score > front[-1][1]:
            front.append((compute, score))
    return front
