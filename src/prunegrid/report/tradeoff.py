"""Figure of scores against compute: one panel per benchmark, one line per strategy or per criterion."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.typing import RcKeyType

from prunegrid.axis_names import BASELINE, NO_CRITERION
from prunegrid.report.saving import COLOURS, MARKERS, own_style, save_figure
from prunegrid.tables.options import SCALE, TableOptions
from prunegrid.tables.signs import METRICS

# That of the reference cell.
_REFERENCE = ("black", "o")
_FRONT = "Pareto front"
# As many as fit beside one row of panels.
_LEGEND_LINES = 14
# A gradient costs several forward passes: a linear axis would squeeze all else.
_LOG_FROM = 1.5
# No axis shows less than this share of the unpruned model's compute: small differences are to look small.
_LEAST_SPAN = 0.2
# Steps between ticks of a logarithmic axis: many on a short one.
_FEW_TICKS, _MANY_TICKS, _LONG = (1, 2, 5), (1, 1.5, 2, 3, 5, 7), 20


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
    lines = _by_name(first, _names(first, "strategy", options))
    second = criteria[(criteria["strategy"] == options.reference_strategy) & (criteria["ratio"] > 0)]
    others = _by_name(second, second["criterion"])
    return [
        *_draw(strategies, lines, options.reference_strategy, folder / "strategy"),
        *_draw(criteria, others, options.reference_criterion, folder / "criterion"),
    ]


def _names(rows: pd.DataFrame, axis: str, options: TableOptions) -> "pd.Series[str]":
    plain = rows["criterion"].isin([options.reference_criterion, NO_CRITERION])
    return rows[axis].where(plain, rows["strategy"] + " x " + rows["criterion"])


def _by_name(rows: pd.DataFrame, names: "pd.Series[str]") -> dict[str, pd.DataFrame]:
    return {str(name): some for name, some in rows.groupby(names, sort=False)}


def _draw(table: pd.DataFrame, lines: dict[str, pd.DataFrame], reference: str, path: Path) -> list[Path]:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    benchmarks = [c.removesuffix("_metric") for c in table.columns if c.endswith("_metric")]
    style: dict[RcKeyType, Any] = {
        "font.size": 9,
        "axes.axisbelow": True,
    }
    with own_style(style):
        n_columns = min(2, len(benchmarks))
        n_rows = -(-len(benchmarks) // n_columns)
        legend_columns = -(-(len(lines) + 3) // (_LEGEND_LINES * n_rows))
        figure, axes = plt.subplots(
            n_rows,
            n_columns,
            figsize=(4.1 * n_columns + 2.0 * legend_columns, 3.1 * n_rows),
            squeeze=False,
            layout="constrained",
        )
        styles = _styles(lines, reference)
        for panel in axes.flat[len(benchmarks) :]:
            panel.set_axis_off()
        panels = list(axes.flat[: len(benchmarks)])
        shares = [
            share
            for panel, benchmark in zip(panels, benchmarks, strict=True)
            for share in _panel(panel, table, lines, styles, reference, benchmark)
        ]
        for panel in panels:
            _set_compute_axis(panel, shares)
        found = [zip(*panel.get_legend_handles_labels()[::-1], strict=True) for panel in axes.flat]
        drawn = {label: handle for pairs in found for label, handle in pairs}
        names = [name for name in (*lines, _FRONT, "unpruned", "blind") if name in drawn]
        figure.legend(
            [drawn[name] for name in names],
            names,
            loc="outside right center",
            ncols=legend_columns,
            frameon=False,
        )
        written = save_figure(figure, path)
        plt.close(figure)
    return written


def _styles(names: Iterable[str], reference: str) -> dict[str, tuple[str, str]]:
    """Return name -> (colour, marker): once for all panels, and all different for 81 names."""
    n = len(COLOURS)
    others = [name for name in names if name != reference]
    styles = {
        # Every round of colours begins one marker later.
        name: (COLOURS[i % n], MARKERS[(i + i // n) % len(MARKERS)])
        for i, name in enumerate(others)
    }
    return {reference: _REFERENCE, **styles}


def _panel(
    panel: Axes,
    table: pd.DataFrame,
    lines: dict[str, pd.DataFrame],
    styles: dict[str, tuple[str, str]],
    reference: str,
    benchmark: str,
) -> list[float]:
    """Draw one benchmark; return the compute of its points and of the unpruned model, which is 1."""
    x_name, y_name = f"{benchmark}_tflops_total", f"{benchmark}_value"
    metric = table[f"{benchmark}_metric"].dropna().iloc[0]
    panel.set_title(benchmark, loc="left", fontweight="bold")
    panel.set_ylabel(METRICS.get(metric, metric))
    panel.grid(color="#e6e9ee", linewidth=0.8)
    panel.spines[["top", "right"]].set_visible(False)
    whole = table.loc[table["strategy_type"] == BASELINE, x_name].max()
    whole = whole if np.isfinite(whole) and whole > 0 else 1.0
    seen = [1.0]
    points = []
    for name, rows in lines.items():
        rows = rows.dropna(subset=[x_name, y_name]).sort_values(x_name)
        if rows.empty:
            continue
        colour, marker = styles[name]
        x, y = rows[x_name].to_numpy() / whole, SCALE * rows[y_name].to_numpy()
        errors = SCALE * np.abs(
            [rows[y_name] - rows[f"{benchmark}_low"], rows[f"{benchmark}_high"] - rows[y_name]]
        )
        panel.errorbar(x, y, yerr=errors, fmt="none", ecolor=colour, alpha=0.25, elinewidth=1)
        width, front = (2.2, 3) if name == reference else (1.3, 2)
        edge: dict[str, Any] = {"markeredgecolor": "white", "markeredgewidth": 0.4}
        panel.plot(
            x, y, color=colour, marker=marker, markersize=5, linewidth=width, label=name, zorder=front, **edge
        )
        seen += x.tolist()
        # What needs the unpruned model's own answer is no way to save work.
        points += [(a, b) for a, b, needs in zip(x, y, rows["needs_answer"], strict=True) if not needs]
    unpruned = table.loc[table["strategy_type"] == BASELINE, y_name].dropna()
    points += [(1.0, SCALE * value) for value in unpruned.iloc[:1]]
    best = pareto_front(points)
    if len(best) > 1:
        panel.plot(
            [compute for compute, _ in best],
            [score for _, score in best],
            drawstyle="steps-post",
            color="black",
            linestyle=(0, (1, 1.5)),
            linewidth=1.0,
            label=_FRONT,
            zorder=1.5,
        )
    for strategy, dashes, label in ((BASELINE, "-", "unpruned"), ("blind", ":", "blind")):
        values = table.loc[(table["strategy_type"] == strategy) & (table["ratio"] == 0), y_name].dropna()
        if len(values):
            panel.axhline(
                SCALE * values.iloc[0], color="#6b7480", linestyle=dashes, linewidth=1.1, label=label
            )
    return seen


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


def _set_compute_axis(panel: Axes, shares: list[float]) -> None:
    """Show all points of the figure and the unpruned model's compute, and say it where steps are factors."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    high = max(shares)
    low = min(*shares, high - _LEAST_SPAN)
    label = "total compute, % of unpruned"
    if high > _LOG_FROM:
        panel.set_xscale("log")
        margin = (high / low) ** 0.05
        panel.set_xlim(low / margin, high * margin)
        steps = _FEW_TICKS if high / low > _LONG else _MANY_TICKS
        panel.xaxis.set_major_locator(FixedLocator([s * 10.0**k for k in range(-4, 4) for s in steps]))
        panel.xaxis.set_minor_locator(NullLocator())
        label += " (log scale)"
    else:
        margin = 0.05 * (high - low)
        panel.set_xlim(low - margin, high + margin)
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}"))
    panel.set_xlabel(label)
