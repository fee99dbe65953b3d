"""Figures of differences to the reference, with intervals: one panel per benchmark, a row per method."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.typing import RcKeyType

from prunegrid.report.first_blocks import FirstBlocks, first_blocks
from prunegrid.report.saving import COLOURS, MARKERS, own_style, save_figure
from prunegrid.tables.difference import LEVEL
from prunegrid.tables.options import SCALE, TableOptions
from prunegrid.tables.signs import METRICS, MINUS

# A page shows it 364 px wide on a phone: text of 9 pt is 9 px or more there.
_WIDTH, _TEXT = 5.0, 9
# Longest name of a row that leaves room for three panels, and for two.
_THREE, _TWO = 16, 24
# Inches: of a line, between rows, and of all that is not rows.
_LINE, _GAP, _FRAME = 0.13, 0.1, 0.62
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
    from matplotlib import pyplot as plt

    style: dict[RcKeyType, Any] = {"font.size": _TEXT, "axes.titlesize": _TEXT, "legend.fontsize": _TEXT}
    style |= {"xtick.labelsize": _TEXT, "ytick.labelsize": _TEXT, "axes.axisbelow": True}
    names = _names(blocks)
    longest = max((len(name) for name in names), default=0)
    columns = min(3 if longest <= _THREE else 2 if longest <= _TWO else 1, max(1, len(blocks.benchmarks)))
    lines = -(-max(1, len(blocks.benchmarks)) // columns)
    height = lines * (_FRAME + len(names) * (_GAP + _LINE * len(blocks.budgets)))
    with own_style(style):
        figure, axes = plt.subplots(
            lines,
            columns,
            figsize=(_WIDTH, height + 0.5 + 0.16 * (len(blocks.budgets) + 2)),
            squeeze=False,
            sharey=True,
            layout="constrained",
        )
        for panel in axes.flat[len(blocks.benchmarks) :]:
            panel.set_axis_off()
        for panel, benchmark in zip(axes.flat, blocks.benchmarks, strict=False):
            _panel(panel, blocks, benchmark, names)
        _explain(figure, blocks, reference)
        written = save_figure(figure, path)
        plt.close(figure)
    return written


def _names(blocks: FirstBlocks) -> list[str]:
    """Return the rows that have a difference anywhere, in the table's order."""
    columns = [f"{benchmark}_{blocks.effect}" for benchmark in blocks.benchmarks]
    found: dict[str, None] = {}
    for rows in blocks.budgets.values():
        known = rows.reindex(columns=columns).notna().any(axis=1)
        found |= dict.fromkeys(rows.loc[known, blocks.kind])
    return list(found)


def _panel(panel: Axes, blocks: FirstBlocks, benchmark: str, names: list[str]) -> None:
    column = f"{benchmark}_{blocks.effect}"
    number = len(blocks.budgets)
    drawn: list[tuple[float, float, float, float, float, int]] = []
    for place, rows in enumerate(blocks.budgets.values()):
        if column not in rows:
            continue
        for _, row in rows.dropna(subset=[column]).iterrows():
            offset = (place - (number - 1) / 2) / (number + 1)
            ends = (SCALE * row[f"{column}{end}"] for end in ("", "_low", "_high"))
            drawn.append((names.index(row[blocks.kind]) + offset, *ends, row[f"{column}_p_holm"], place))
    low, high = _limits(drawn)
    for y, value, lower, upper, corrected, place in drawn:
        colour = COLOURS[place % len(COLOURS)]
        told = bool(corrected < LEVEL)
        panel.plot([max(lower, low), min(upper, high)], [y, y], color=colour, linewidth=1.3, zorder=2)
        for end, cut, sign in ((lower, lower < low, "<"), (upper, upper > high, ">")):
            if cut:
                panel.plot([low if end < low else high], [y], sign, color=colour, markersize=4, clip_on=False)
        panel.plot(
            [np.clip(value, low, high)],
            [y],
            MARKERS[place % len(MARKERS)],
            color=colour,
            markerfacecolor=colour if told else "white",
            markersize=4.5,
            zorder=3,
        )
    panel.axvline(0, color="#444c56", linewidth=1, zorder=1)
    margin = 0.06 * (high - low)
    panel.set_xlim(low - margin, high + margin)
    panel.set_ylim(len(names) - 0.4, -0.6)
    panel.set_yticks(range(len(names)), names)
    panel.tick_params(axis="y", length=0)
    panel.grid(axis="x", color="#e6e9ee", linewidth=0.8)
    panel.spines[["top", "right", "left"]].set_visible(False)
    panel.set_title(_short(benchmark), loc="left", fontweight="bold")
    _set_ticks(panel)
    metric = blocks.metrics[benchmark]
    panel.set_xlabel(METRICS[metric] if metric == "cider" else "points")


def _short(name: str) -> str:
    """Return a name that fits above a panel."""
    return name if len(name) <= _TWO else f"{name[: _TWO - 1]}…"


def _limits(drawn: list[tuple[float, float, float, float, float, int]]) -> tuple[float, float]:
    """Return ends of the axis that show 0, all values, and all intervals that are not far wider."""
    if not drawn:
        return -1.0, 1.0
    values = np.array([one[1:4] for one in drawn])
    halves = np.maximum(values[:, 0] - values[:, 1], values[:, 2] - values[:, 0])
    reach = max(_WIDEST * float(np.median(halves)), 0.2 * float(np.abs(values[:, 0]).max()))
    low = max(float(np.nanmin(values[:, 1])), float(values[:, 0].min()) - reach)
    high = min(float(np.nanmax(values[:, 2])), float(values[:, 0].max()) + reach)
    low, high = min(low, 0.0), max(high, 0.0)
    return (low, high) if high - low > _TINY else (-1.0, 1.0)


def _set_ticks(panel: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    panel.xaxis.set_major_locator(MaxNLocator(3, integer=True))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", MINUS)))


def _explain(figure: Figure, blocks: FirstBlocks, reference: str) -> None:
    """Say what the points are: in words and markers, as in grey no colour tells."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=COLOURS[i % len(COLOURS)], marker=MARKERS[i % len(MARKERS)], label=heading)
        for i, heading in enumerate(blocks.budgets)
    ]
    grey = "#444c56"
    handles += [
        Line2D([], [], color=grey, marker="o", linestyle="", label="filled: told, p < 0.05 after Holm"),
        Line2D(
            [], [], color=grey, marker="o", linestyle="", markerfacecolor="white", label="hollow: not told"
        ),
    ]
    figure.suptitle(
        f"Difference to {reference}, {blocks.other} {blocks.fixed}", x=0.01, ha="left", fontsize=_TEXT + 1
    )
    narrow = any(len(heading) > _TWO for heading in blocks.budgets)
    figure.legend(handles=handles, loc="outside lower left", ncols=1 if narrow else 2, frameon=False)
