"""Figure and table of schedules: the share of image tokens that each strategy leaves in each layer."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from matplotlib.axes import Axes

from prunegrid.files import write_text
from prunegrid.report.name_styles import NameStyles
from prunegrid.report.saving import (
    PHONE_STYLE,
    PHONE_TEXT,
    PHONE_WIDTH,
    own_style,
    save_figure,
)
from prunegrid.report.shown_cells import metadata_of, of_share
from prunegrid.results.store import PREDICTIONS
from prunegrid.tables.options import TableOptions

_PANEL, _LEGEND_LINE = 2.0, 0.17
_NOTHING = "no strategy of this study has a ratio"
# Of schedules.csv.
COLUMNS = ("strategy", "ratio", "draw", "n_layers", "n_image_tokens", "layer", "share", "tokens")


@dataclass(frozen=True)
class ShownSchedule:
    """A schedule, and what it left of one sample.

    Attributes
    ----------
    n_layers : int
        L.
    cuts : tuple of (int, float)
        Layer, share of N that is left from there on.
    n_image_tokens : int
        N of the cell's first sample that was answered, 0 without one.
    tokens : tuple of int
        Per cut: how many of that sample's are left.
    """

    n_layers: int
    cuts: tuple[tuple[int, float], ...]
    n_image_tokens: int = field(compare=False)
    tokens: tuple[int, ...] = field(compare=False)

    @property
    def shares(self) -> np.ndarray:
        """Share of N present in each layer, (L,), float64."""
        shares = np.ones(self.n_layers)
        for layer, share in self.cuts:
            shares[layer:] = share
        return shares


def plot_schedules(
    cells: Iterable[Mapping[str, Any]], folder: str | Path, options: TableOptions | None = None
) -> list[Path]:
    """Draw schedules.{svg,png}, and write schedules.csv with the same cuts in numbers.

    There is a panel a ratio, a line a strategy, and a thin one for each further schedule that was drawn.

    Parameters
    ----------
    cells : iterable of mappings
        Cells of one model, each with strategy, ratio, seed and folder, and `match`, which is optional.
    folder : path
        Where the figure goes.
    options : TableOptions, optional
        Tells whether there are several matchings, of which that of shares is shown, and all names.

    Returns
    -------
    list of Path
        The files written.
    """
    path = Path(folder) / "schedules"
    options = options or TableOptions()
    found = read_schedules(cells, options)
    write_text(path.with_suffix(".csv"), _table(found))
    return [*_draw(found, path, options), path.with_suffix(".csv")]


def read_schedules(
    cells: Iterable[Mapping[str, Any]], options: TableOptions
) -> dict[float, dict[str, list[ShownSchedule]]]:
    """Return ratio -> strategy -> its distinct schedules.

    One cell is read of each strategy, ratio and seed: a schedule depends on nothing else. That of one whose
    cuts are numbers of tokens is the one that its ratio is solved with.
    """
    one_of: dict[tuple[float, str, int], Mapping[str, Any]] = {}
    for cell in of_share(cells, options):
        one_of.setdefault((cell["ratio"], cell["strategy"], cell["seed"]), cell)
    found: dict[float, dict[str, list[ShownSchedule]]] = {}
    for (ratio, strategy, _), cell in one_of.items():
        schedule = _schedule(cell)
        known = found.setdefault(ratio, {}).setdefault(strategy, [])
        if schedule not in known:
            known.append(schedule)
    return {ratio: found[ratio] for ratio in sorted(found)}


def _schedule(cell: Mapping[str, Any]) -> ShownSchedule:
    told = metadata_of(cell)
    cuts = tuple((layer, share) for layer, share in told["schedule"])
    rows = pq.read_table(Path(cell["folder"], PREDICTIONS), columns=["token_depth"])["token_depth"]
    # Error rows have none.
    answered = (np.array(row.as_py()) for row in rows if row.is_valid and len(row))
    depth = next(answered, np.array([], dtype=int))
    tokens = tuple(int((depth > layer).sum()) for layer, _ in cuts)
    return ShownSchedule(told["n_layers"], cuts, len(depth), tokens)


def _table(found: Mapping[float, Mapping[str, Sequence[ShownSchedule]]]) -> str:
    """Return the text of schedules.csv, one row per cut."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    for ratio, by_strategy in found.items():
        for strategy, schedules in by_strategy.items():
            for draw, one in enumerate(schedules):
                for (layer, share), tokens in zip(one.cuts, one.tokens, strict=True):
                    rows.writerow(
                        [strategy, ratio, draw, one.n_layers, one.n_image_tokens, layer, share, tokens]
                    )
    return text.getvalue()


def _draw(
    found: Mapping[float, Mapping[str, Sequence[ShownSchedule]]], path: Path, options: TableOptions
) -> list[Path]:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    names = list(dict.fromkeys(name for by_strategy in found.values() for name in by_strategy))
    styles = NameStyles(options, names)
    columns = min(2, max(1, len(found)))
    lines = -(-max(1, len(found)) // columns)
    with own_style(PHONE_STYLE):
        height = _PANEL * lines + 0.6 + _LEGEND_LINE * -(-len(names) // 2)
        figure, axes = plt.subplots(
            lines, columns, figsize=(PHONE_WIDTH, height), squeeze=False, sharey=True, layout="constrained"
        )
        for panel in axes.flat[max(1, len(found)) :]:
            panel.set_axis_off()
        if not found:
            axes[0, 0].set_axis_off()
            axes[0, 0].text(0.5, 0.5, _NOTHING, ha="center", va="center")
        for panel, (ratio, by_strategy) in zip(axes.flat, found.items(), strict=False):
            _panel(panel, ratio, by_strategy, names, styles)
        for panel in axes[:, 0]:
            if found:
                panel.set_ylabel("image tokens, % of N")
        figure.suptitle("Image tokens in each layer", x=0.01, ha="left", fontsize=PHONE_TEXT + 1)
        handles = {
            label: handle
            for panel in axes.flat
            for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)
        }
        if handles:
            shown = [name for name in names if name in handles]
            figure.legend(
                [handles[name] for name in shown], shown, loc="outside lower left", ncols=2, frameon=False
            )
        written = save_figure(figure, path)
        plt.close(figure)
    return written


def _panel(
    panel: Axes,
    ratio: float,
    by_strategy: Mapping[str, Sequence[ShownSchedule]],
    names: Sequence[str],
    styles: NameStyles,
) -> None:
    """Draw one ratio. Lines of equal height lie over each other: each begins its marks at another layer."""
    from matplotlib.ticker import MaxNLocator

    for name, schedules in by_strategy.items():
        place = names.index(name)
        colour, marker = styles.of(name)
        for number, schedule in enumerate(schedules):
            shares = 100 * schedule.shares
            layers = np.arange(len(shares))
            panel.plot(
                np.append(layers, len(shares)),
                np.append(shares, shares[-1]),
                drawstyle="steps-post",
                color=colour,
                linewidth=1.4 if number == 0 else 0.6,
                alpha=1.0 if number == 0 else 0.5,
                marker=marker if number == 0 else "",
                markevery=(place % len(shares), max(1, len(shares) // 4)),
                markersize=4,
                label=name if number == 0 else None,
            )
    panel.set_title(f"ratio {ratio:g}", loc="left", fontweight="bold")
    panel.set_xlabel("decoder layer")
    panel.set_ylim(-3, 104)
    panel.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    panel.grid(color="#e6e9ee", linewidth=0.8)
    panel.spines[["top", "right"]].set_visible(False)
