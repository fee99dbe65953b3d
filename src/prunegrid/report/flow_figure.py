"""Figure and table of flows of attention, and the layers that they suggest for two cuts."""

from __future__ import annotations

import csv
import io
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import astuple, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from prunegrid.files import write_text
from prunegrid.findings.suggested_layers import SuggestedLayers, suggest_layers
from prunegrid.report.forest import GREY
from prunegrid.report.saving import (
    COLOURS,
    MARKERS,
    PHONE_STYLE,
    PHONE_TEXT,
    PHONE_WIDTH,
    own_style,
    save_figure,
)
from prunegrid.results.flow_rows import HIDDEN_FLOWS, IMAGE_TO_IMAGE, TEXT_TO_IMAGE, read_flow_rows
from prunegrid.tables.difference import LEVEL
from prunegrid.tables.flow_effects import DIFFERENCE, SHARE, FlowEffect, flow_effects
from prunegrid.tables.options import SCALE, TableOptions

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LOG = logging.getLogger(__name__)
# Of flow.csv.
COLUMNS = tuple(field.name for field in fields(FlowEffect))
_WORDS = {TEXT_TO_IMAGE: "text reads image", IMAGE_TO_IMAGE: "image reads image"}
# Inches: of the panel of shares, of a row of panels, and of all else.
_TOP, _ROW, _FRAME = 1.9, 1.6, 0.75
# Layers by which the marks of the two flows stand apart.
_APART = 0.14


def plot_flow(
    model: str,
    files: Mapping[str, str | Path],
    keys: Mapping[str, str],
    folder: str | Path,
    options: TableOptions | None = None,
    margin: float = 5.0,
) -> list[Path]:
    """Draw flow.{svg,png}, and write flow.csv with all numbers and flow.json with what they suggest.

    Parameters
    ----------
    model : str
        Its name.
    files : mapping
        Benchmark -> what `results.flow_rows.write_flow_rows` wrote.
    keys : mapping
        Benchmark -> the key that it has to have been computed under.
    folder : path
        Where the files go.
    options : TableOptions, optional
        Replicates and seed of intervals and tests.
    margin : float
        Loss, in points, that a suggestion takes for none.

    Returns
    -------
    list of Path
        The files written.
    """
    found = {name: read_flow_rows(path, keys[name]) for name, path in files.items()}
    effects = flow_effects(found, options or TableOptions())
    suggestion = suggest_layers(effects, margin)
    path = Path(folder) / "flow"
    table, told = path.with_suffix(".csv"), path.with_suffix(".json")
    write_text(table, _table(effects))
    content = {
        "model": model,
        "k1": suggestion.k1,
        "k2": suggestion.k2,
        "margin": margin,
        "samples": {one.benchmark: one.n_asked for one in effects},
        "sentence": suggestion.sentence,
        "reasons": list(suggestion.reasons),
    }
    write_text(told, json.dumps(content, ensure_ascii=False, indent=1) + "\n")
    for text in (suggestion.sentence, *suggestion.reasons):
        _LOG.info(text)
    return [*draw_flow(effects, suggestion, margin, path), table, told]


def _table(effects: Sequence[FlowEffect]) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    rows.writerows(["" if value != value else value for value in astuple(one)] for one in effects)
    return text.getvalue()


def draw_flow(
    effects: Sequence[FlowEffect], suggestion: SuggestedLayers, margin: float, path: Path
) -> list[Path]:
    """Draw shares by layer, and below them what hiding costs: a row a benchmark, windows left, rests right.

    Parameters
    ----------
    effects : sequence of FlowEffect
        All of one model.
    suggestion : SuggestedLayers
        Whose layers are marked.
    margin : float
        In points; drawn as a line.
    path : Path
        Of the figure, without an ending.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import MaxNLocator

    benchmarks = list(dict.fromkeys(one.benchmark for one in effects))
    n_layers = effects[0].n_layers
    with own_style(PHONE_STYLE):
        height = _TOP + _ROW * len(benchmarks) + _FRAME
        figure = plt.figure(figsize=(PHONE_WIDTH, height), layout="constrained")
        grid = figure.add_gridspec(1 + len(benchmarks), 2, height_ratios=[_TOP, *[_ROW] * len(benchmarks)])
        top = figure.add_subplot(grid[0, :])
        _shares(top, effects, benchmarks)
        panels = [top]
        for row, benchmark in enumerate(benchmarks, start=1):
            left = figure.add_subplot(grid[row, 0], sharex=top)
            right = figure.add_subplot(grid[row, 1], sharex=top, sharey=left)
            own = [one for one in effects if one.benchmark == benchmark and one.quantity == DIFFERENCE]
            whole = {one for one in own if one.end == n_layers}
            widths = {one.end - one.first for one in own if one not in whole}
            width = max(widths, default=n_layers)
            _costs(left, [one for one in own if one.end - one.first <= width], spans=True)
            _costs(right, [one for one in own if one in whole], spans=False)
            for panel in (left, right):
                panel.axhline(-margin, color=GREY, linewidth=0.9, linestyle=":", zorder=1)
                panel.axhline(0, color=GREY, linewidth=0.9, zorder=1)
            left.set_title(benchmark, loc="left", fontweight="bold")
            left.set_ylabel("points")
            right.tick_params(labelleft=False)
            panels += [left, right]
        for panel in panels:
            panel.xaxis.set_major_locator(MaxNLocator(6, integer=True))
            panel.grid(color="#e6e9ee", linewidth=0.8)
            panel.spines[["top", "right"]].set_visible(False)
            _cuts(panel, suggestion, named=panel is top)
        top.set_xlim(-0.6, n_layers - 0.4)
        top.set_xlabel("decoder layer")
        panels[-2].set_xlabel(_window_label(width, n_layers - max(one.first for one in own)))
        panels[-1].set_xlabel("hidden from this layer on")
        figure.suptitle(
            "Flows of attention, and what hiding them costs", x=0.01, ha="left", fontsize=PHONE_TEXT + 1
        )
        handles, labels = top.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower left", ncols=2, frameon=False)
        written = save_figure(figure, path)
        plt.close(figure)
    return written


def _window_label(width: int, last: int) -> str:
    """Return the label of windows of so many layers, of which the last one may have fewer."""
    label = "hidden in " + ("this layer" if width == 1 else f"{width} layers around this")
    return label if last >= width else f"{label},\nthe last in {last}"


def _look(flow: str) -> dict[str, Any]:
    place = HIDDEN_FLOWS.index(flow)
    return {"color": COLOURS[place], "marker": MARKERS[place], "markersize": 4.5}


def _shares(panel: Axes, effects: Sequence[FlowEffect], benchmarks: Sequence[str]) -> None:
    """Draw the share of each layer: the mean over benchmarks, and each of several as a thin line."""
    for flow in HIDDEN_FLOWS:
        own = [one for one in effects if one.quantity == SHARE and one.flow == flow]
        lines = np.array(
            [
                [one.value for one in sorted(own, key=lambda one: one.first) if one.benchmark == benchmark]
                for benchmark in benchmarks
            ]
        )
        look = _look(flow)
        layers = np.arange(lines.shape[1])
        panel.plot(
            layers,
            100 * lines.mean(axis=0),
            label=_WORDS[flow],
            linestyle="-" if flow == TEXT_TO_IMAGE else "--",
            linewidth=1.4,
            **look,
        )
        for line in lines if len(benchmarks) > 1 else ():
            panel.plot(layers, 100 * line, color=look["color"], linewidth=0.5, alpha=0.6)
    panel.set_ylim(0, 103)
    panel.set_ylabel("% of attention")
    panel.set_title("share of attention, by layer", loc="left")


def _costs(panel: Axes, effects: Sequence[FlowEffect], *, spans: bool) -> None:
    """Draw differences with intervals, filled where told; `spans`: over the layers of a window."""
    for one in effects:
        look = _look(one.flow)
        side = _APART if one.flow == IMAGE_TO_IMAGE else -_APART
        x = (one.first + one.end - 1) / 2 + side if spans else one.first + side
        low, value, high = (SCALE * number for number in (one.low, one.value, one.high))
        if not np.isfinite(value):
            continue
        panel.plot([x, x], [low, high], color=look["color"], linewidth=1)
        if spans and one.end - one.first > 1:
            panel.plot([one.first, one.end - 1], [value, value], color=look["color"], linewidth=1, alpha=0.5)
        face = look["color"] if one.p_corrected < LEVEL else "white"
        panel.plot([x], [value], **look, markerfacecolor=face, linestyle="")


def _cuts(panel: Axes, suggestion: SuggestedLayers, *, named: bool) -> None:
    """Mark the layers before which cuts are suggested."""
    cuts: dict[int, list[str]] = {}
    for name, layer in (("K1", suggestion.k1), ("K2", suggestion.k2)):
        if layer is not None:
            cuts.setdefault(layer, []).append(name)
    for layer, names in cuts.items():
        panel.axvline(layer - 0.5, color="black", linewidth=1, linestyle=(0, (4, 2)), zorder=1)
        if named:
            panel.annotate(
                f"{', '.join(names)} = {layer}",
                (layer - 0.5, 1.0),
                xycoords=("data", "axes fraction"),
                xytext=(3, -3),
                textcoords="offset points",
                va="top",
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
            )
