"""Figure of the share of samples in which each patch survives: one map per criterion."""

import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.image import AxesImage

from prunegrid.axis_names import SHARE, with_match
from prunegrid.report.saving import PHONE_STYLE, PHONE_TEXT, PHONE_WIDTH, own_style, save_figure
from prunegrid.results.scores_file import read_score_file
from prunegrid.tables.options import TableOptions

_PER_LINE = 3
# Inches: of a line of maps, and of the scale.
_MAP, _SCALE = 1.72, 0.75
_TICKS = (0.0, 0.05, 0.25, 0.5, 1.0)
_CUTS = {"first_cut": "after the first cut", "kept": "after the last cut"}
_MARK = "#00e5ff"
# Letters of a line above a map.
_NAME = 20
_NOTHING = (
    "no cell has image tokens in a plain grid:\nits pictures are cut into tiles, or its tokens are no patches"
)


@dataclass(frozen=True)
class SurvivalMap:
    """Share of samples in which each patch survives a cut, mean over benchmarks and seeds.

    Attributes
    ----------
    criterion : str
    shares : dict
        Cut -> ndarray of float64, shape (rows, columns), NaN where no picture has a patch.
    """

    criterion: str
    shares: dict[str, np.ndarray]

    def centre(self, cut: str) -> tuple[float, float]:
        """Return the mean row and column of the survivors, in (0, 1)."""
        weights = np.nan_to_num(self.shares[cut])
        rows, columns = ((np.arange(n) + 0.5) / n for n in weights.shape)
        total = weights.sum() or 1.0
        return float(weights.sum(1) @ rows / total), float(weights.sum(0) @ columns / total)


def plot_survival(
    cells: Iterable[Mapping[str, Any]], folder: str | Path, options: TableOptions | None = None
) -> list[Path]:
    """Draw survival.{svg,png}: the reference strategy with every criterion, at the highest ratio.

    Of several matchings it shows that of shares.

    Parameters
    ----------
    cells : iterable of mappings
        Cells of one model, each with strategy, criterion, ratio and folder, and `match`, which is optional.
    folder : path
        Where the figure goes.
    options : TableOptions, optional
        Names the reference strategy.

    Returns
    -------
    list of Path
        The files written.
    """
    options = options or TableOptions()
    shown = SHARE if options.several_matchings else ""
    ranked = [c for c in cells if (c["strategy"], c.get("match", "")) == (options.reference_strategy, shown)]
    ratio = max((cell["ratio"] for cell in ranked), default=0.0)
    maps = read_maps(cell for cell in ranked if cell["ratio"] == ratio)
    title = with_match(f"{options.reference_strategy}, ratio {ratio:g}", shown)
    return _draw(maps, title, Path(folder) / "survival")


def read_maps(cells: Iterable[Mapping[str, Any]]) -> list[SurvivalMap]:
    """Return the maps of cells, one per criterion; cells whose maps have another size are left out.

    The size that counts is that of the first map.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    size = None
    for cell in cells:
        scores = read_score_file(cell["folder"])
        drawn = scores.get("positions", {}).get("map")
        if drawn is not None:
            size = size or (drawn["rows"], drawn["columns"])
            if (drawn["rows"], drawn["columns"]) == size:
                found.setdefault(cell["criterion"], []).append(drawn)
    return [
        SurvivalMap(criterion, {cut: _mean([np.array(m[cut], dtype=float) for m in maps]) for cut in _CUTS})
        for criterion, maps in found.items()
    ]


def _mean(maps: list[np.ndarray]) -> np.ndarray:
    known = np.array([~np.isnan(m) for m in maps]).sum(axis=0)
    total = np.nansum(maps, axis=0)
    return np.where(known, total / np.maximum(known, 1), np.nan)


def _draw(maps: list[SurvivalMap], title: str, path: Path) -> list[Path]:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    cuts = list(_CUTS)
    if all(np.array_equal(m.shares["first_cut"], m.shares["kept"], equal_nan=True) for m in maps):
        cuts = cuts[-1:]
    n_columns = min(_PER_LINE, max(1, len(maps)))
    n_lines = -(-max(1, len(maps)) // n_columns)
    with own_style({**PHONE_STYLE, "image.interpolation": "none"}):
        figure, axes = plt.subplots(
            n_lines * len(cuts),
            n_columns,
            figsize=(PHONE_WIDTH, _MAP * n_lines * len(cuts) + _SCALE),
            squeeze=False,
            layout="constrained",
        )
        for panel in axes.flat:
            panel.set_axis_off()
        figure.suptitle(title if maps else _NOTHING, x=0.01, ha="left", fontsize=PHONE_TEXT + 1)
        # Few survive the last cut: a linear scale would leave them all dark.
        scale = mpl.colors.PowerNorm(0.5, vmin=0, vmax=1)
        for number, drawn in enumerate(maps):
            line, column = divmod(number, n_columns)
            for row, cut in enumerate(cuts):
                panel = axes[line * len(cuts) + row, column]
                image = _panel(panel, drawn, cut, scale, name=row == 0)
                if column == 0:
                    panel.set_ylabel(_CUTS[cut])
        if maps:
            bar = figure.colorbar(
                image, ax=axes.ravel().tolist(), location="bottom", aspect=40, fraction=0.03, pad=0.02
            )
            bar.set_ticks(_TICKS, labels=[f"{100 * tick:g}" for tick in _TICKS])
            bar.set_label("% of samples in which the patch is left; steps of the square root")
        written = save_figure(figure, path)
        plt.close(figure)
    return written


def _panel(panel: Axes, drawn: SurvivalMap, cut: str, scale: Normalize, *, name: bool) -> AxesImage:
    """Draw one map: a cross at the survivors' mean place, thin lines at the middle of the picture."""
    row, column = drawn.centre(cut)
    panel.set_axis_on()
    panel.set_xticks([])
    panel.set_yticks([])
    panel.spines[:].set_visible(False)
    image = panel.imshow(drawn.shares[cut], cmap="magma", norm=scale, extent=(0, 1, 1, 0), aspect="equal")
    for line in (panel.axhline, panel.axvline):
        line(0.5, color="white", linewidth=0.5, alpha=0.5)
    panel.plot([column], [row], marker="+", color=_MARK, markersize=7, markeredgewidth=1.4)
    heading = [*textwrap.wrap(drawn.criterion, _NAME, max_lines=2)] if name else []
    panel.set_title("\n".join([*heading, f"row {row:.2f}, col {column:.2f}"]), fontsize=PHONE_TEXT)
    return image
