"""Figure of measured speed-ups against those of FLOPs: one panel per benchmark and batch size."""

import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from prunegrid.axis_names import BASELINE, row_name
from prunegrid.report.name_styles import NameStyles, Style
from prunegrid.report.saving import (
    PHONE_STYLE,
    PHONE_TEXT,
    PHONE_WIDTH,
    legend_columns,
    own_style,
    save_figure,
)
from prunegrid.results.measurements import read_measurements
from prunegrid.tables.options import TableOptions

_SUFFIX = re.compile(r"prefill_speedup(_b\d+)?")
_TICKS = (0.1, 0.2, 0.5, 1, 2, 3, 5, 10, 20, 50)
_MARGIN = 1.15
# Letters of a line above the panels.
_DEVICE = 62


def plot_speedup(
    cells: str | Path, measurements: str | Path, folder: str | Path, options: TableOptions | None = None
) -> list[Path]:
    """Draw speedup.{svg,png}: how much faster a prefill is, against how many fewer FLOPs it has.

    Parameters
    ----------
    cells : path
        cells.csv of a model of which cells were measured.
    measurements : path
        Its latency.parquet, which names the device.
    folder : path
        Where the figure goes.
    options : TableOptions, optional
        Names all strategies and criteria, and the references.

    Returns
    -------
    list of Path
        The files written.
    """
    rows = pd.read_csv(cells)
    _, metadata = read_measurements(measurements)
    return _draw(rows, describe_run(metadata), Path(folder) / "speedup", options or TableOptions())


def describe_run(metadata: Mapping[str, Any]) -> str:
    """Return on what measurements were made: the device with its threads, the precision, the kernel."""
    device = metadata["device"]
    n_threads = device.get("threads")
    threads = f", {n_threads} thread{'s' if n_threads > 1 else ''}" if n_threads else ""
    return f"{device['name']}{threads}, {metadata['dtype']}, {metadata['attn_implementation']}"


def suffixes(rows: pd.DataFrame) -> dict[str, int]:
    """Return the endings of the columns of each batch size -> the size."""
    found = [match[1] or "" for name in rows if (match := _SUFFIX.fullmatch(str(name)))]
    return {suffix: int(rows[f"latency_batch_size{suffix}"].max()) for suffix in found}


def method(strategy: str, criterion: str) -> str:
    """Return what a cell runs, in words."""
    return row_name(strategy, criterion)


def _draw(rows: pd.DataFrame, device: str, path: Path, options: TableOptions) -> list[Path]:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    panels = [
        (benchmark, size, own.dropna(subset=[f"prefill_speedup{suffix}"]), suffix)
        for suffix, size in suffixes(rows).items()
        for benchmark, own in rows.groupby("benchmark", sort=False)
        if own[f"prefill_speedup{suffix}"].notna().any()
    ]
    pairs = dict.fromkeys(
        (strategy, criterion)
        for _, _, own, _ in panels
        for strategy, criterion in zip(own["strategy"], own["criterion"], strict=True)
        if strategy != BASELINE
    )
    known = NameStyles(options, rows["strategy"].unique(), rows["criterion"].unique())
    styles = {method(*pair): known.of_row(*pair) for pair in pairs}
    with own_style(PHONE_STYLE):
        n_columns = min(2, len(panels))
        n_rows = -(-len(panels) // n_columns)
        side = PHONE_WIDTH / n_columns
        legend_lines = -(-(len(styles) + 2) // legend_columns([*styles]))
        figure, axes = plt.subplots(
            n_rows,
            n_columns,
            figsize=(PHONE_WIDTH, (side + 0.2) * n_rows + 0.17 * legend_lines + 0.4),
            squeeze=False,
            layout="constrained",
        )
        lines = textwrap.wrap(device, _DEVICE)
        figure.suptitle("\n".join(lines), x=0.01, ha="left", fontsize=PHONE_TEXT)
        for panel in axes.flat[len(panels) :]:
            panel.set_axis_off()
        for panel, (benchmark, size, own, suffix) in zip(axes.flat, panels, strict=False):
            panel.set_title(f"{benchmark}\nbatch size {size}", loc="left", fontweight="bold")
            _panel(panel, own, suffix, styles)
        found = [zip(*panel.get_legend_handles_labels()[::-1], strict=True) for panel in axes.flat]
        drawn = {label: handle for pairs in found for label, handle in pairs}
        figure.legend(
            list(drawn.values()),
            list(drawn),
            loc="outside lower left",
            ncols=legend_columns([*drawn]),
            frameon=False,
        )
        written = save_figure(figure, path)
        plt.close(figure)
    return written


def _panel(panel: Axes, rows: pd.DataFrame, suffix: str, styles: Mapping[str, Style]) -> None:
    """Draw the cells of one benchmark, and the diagonal on which time falls as FLOPs do."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    flops, speedup = f"prefill_flops_speedup{suffix}", f"prefill_speedup{suffix}"
    unpruned = rows.loc[rows["strategy"] == BASELINE, f"prefill_ms{suffix}"].iloc[0]
    seen = [1.0]
    for name, (colour, marker) in styles.items():
        own = rows[[method(s, c) == name for s, c in zip(rows["strategy"], rows["criterion"], strict=True)]]
        own = own.dropna(subset=[flops]).sort_values(flops)
        if own.empty:
            continue
        x, y = own[flops].to_numpy(), own[speedup].to_numpy()
        low, high = (unpruned / own[f"prefill_ms_{quartile}{suffix}"].to_numpy() for quartile in ("q3", "q1"))
        bars = np.clip([y - low, high - y], 0, None)
        panel.errorbar(x, y, yerr=bars, fmt="none", ecolor=colour, alpha=0.35, elinewidth=1)
        panel.plot(x, y, color=colour, marker=marker, markersize=5, linewidth=1.2, label=name)
        seen += [*x.tolist(), *y.tolist()]
    low, high = min(seen) / _MARGIN, max(seen) * _MARGIN
    panel.plot([low, high], [low, high], color="#6b7480", linestyle=":", linewidth=1.1, label="as FLOPs fall")
    panel.plot(1, 1, color="#6b7480", marker="*", markersize=10, linestyle="none", label="unpruned")
    panel.grid(color="#e6e9ee", linewidth=0.8)
    panel.spines[["top", "right"]].set_visible(False)
    for axis, set_scale, set_limits in (
        (panel.xaxis, panel.set_xscale, panel.set_xlim),
        (panel.yaxis, panel.set_yscale, panel.set_ylim),
    ):
        set_scale("log")
        set_limits(low, high)
        axis.set_major_locator(FixedLocator(_TICKS))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.set_aspect("equal")
    panel.set_xlabel("times fewer FLOPs\nin the prefill (log scale)")
    panel.set_ylabel("times faster,\nmeasured (log scale)")
