"""Figure of how alike criteria choose: shares of kept tokens that two criteria have in common."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from matplotlib.axes import Axes

from prunegrid.axis_names import SHARE, with_match
from prunegrid.report.saving import PHONE_STYLE, PHONE_TEXT, PHONE_WIDTH, own_style, save_figure
from prunegrid.report.shown_cells import metadata_of, of_share
from prunegrid.results.store import PREDICTIONS
from prunegrid.tables.options import TableOptions

_LONGEST_NAME = 20
# So many criteria have room for a number in every field.
_NUMBERS = 12
_NOTHING = "fewer than two criteria rank at one ratio and strategy"


@dataclass(frozen=True)
class Overlap:
    """How much of what one criterion keeps another keeps too, after one cut.

    Attributes
    ----------
    layer : int
        Before which the cut is.
    share : float
        Of the image tokens that stay: what two choices at random have in common on average.
    common : ndarray
        (criteria, criteria), float64: tokens that both keep / tokens that the first keeps, mean over samples,
        then over benchmarks.
    """

    layer: int
    share: float
    common: np.ndarray


def plot_overlap(
    cells: Iterable[Mapping[str, Any]], folder: str | Path, options: TableOptions | None = None
) -> list[Path]:
    """Draw overlap.{svg,png}: the reference strategy at its highest ratio, a panel a cut.

    Parameters
    ----------
    cells : iterable of mappings
        Cells of one model, each with benchmark, strategy, criterion, ratio, seed and folder, and `match`,
        which is optional. Of a criterion with several seeds the first is read.
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
    ranked = [cell for cell in of_share(cells, options) if cell["strategy"] == options.reference_strategy]
    ratio = max((cell["ratio"] for cell in ranked), default=0.0)
    criteria, cuts = read_overlaps(cell for cell in ranked if cell["ratio"] == ratio)
    shown = SHARE if options.several_matchings else ""
    title = with_match(f"{options.reference_strategy}, ratio {ratio:g}", shown)
    return _draw(criteria, cuts, title, Path(folder) / "overlap")


def read_overlaps(cells: Iterable[Mapping[str, Any]]) -> tuple[list[str], list[Overlap]]:
    """Return the criteria of cells of one strategy and ratio, and their overlaps after each cut.

    Samples that are an error row with any of the criteria are left out.
    """
    first: dict[tuple[str, str], Mapping[str, Any]] = {}
    for cell in sorted(cells, key=lambda cell: cell["seed"]):
        first.setdefault((cell["benchmark"], cell["criterion"]), cell)
    benchmarks = list(dict.fromkeys(benchmark for benchmark, _ in first))
    # Those that every benchmark has: a mean over other benchmarks would be another one.
    criteria = [
        criterion
        for criterion in dict.fromkeys(criterion for _, criterion in first)
        if all((benchmark, criterion) in first for benchmark in benchmarks)
    ]
    if len(criteria) < 2:
        return criteria, []
    schedule = metadata_of(first[benchmarks[0], criteria[0]])["schedule"]
    cuts = [(layer, share) for layer, share in schedule if share > 0]
    common = np.zeros((len(benchmarks), len(cuts), len(criteria), len(criteria)))
    for at, benchmark in enumerate(benchmarks):
        depths, starts = _depths([first[benchmark, criterion] for criterion in criteria])
        for number, (layer, _) in enumerate(cuts):
            common[at, number] = _common([depth > layer for depth in depths], starts)
    means = common.mean(0)
    return criteria, [Overlap(layer, share, mean) for (layer, share), mean in zip(cuts, means, strict=True)]


def _depths(cells: Sequence[Mapping[str, Any]]) -> tuple[list[np.ndarray], np.ndarray]:
    """Return per cell the depths of all samples' tokens, one after the other, and where samples start."""
    columns = ["sample_id", "token_depth", "status"]
    tables = [pq.read_table(Path(cell["folder"], PREDICTIONS), columns=columns) for cell in cells]
    alike = np.ones(len(tables[0]), dtype=bool)
    lengths = [np.diff(_offsets(table)) for table in tables]
    for table, length in zip(tables, lengths, strict=True):
        ok = np.array([status == "ok" for status in table["status"].to_pylist()])
        alike &= ok & (length == lengths[0]) & (length > 0)
    rows = pa.array(np.flatnonzero(alike))
    taken = [table.take(rows).combine_chunks() for table in tables]
    depths = [table["token_depth"].combine_chunks().flatten().to_numpy() for table in taken]
    return depths, _offsets(taken[0])[:-1]


def _offsets(table: pa.Table) -> np.ndarray:
    lengths = table["token_depth"].combine_chunks().value_lengths().fill_null(0)
    return np.concatenate([[0], np.cumsum(lengths.to_numpy(zero_copy_only=False))])


def _common(kept: Sequence[np.ndarray], starts: np.ndarray) -> np.ndarray:
    """Return the mean over samples of tokens that both keep / tokens that the first keeps."""
    found = np.full((len(kept), len(kept)), np.nan)
    if not len(starts):
        return found
    counts = [np.add.reduceat(one, starts, dtype=np.int64) for one in kept]
    for row, (one, count) in enumerate(zip(kept, counts, strict=True)):
        for column, other in enumerate(kept):
            both = np.add.reduceat(one & other, starts, dtype=np.int64)
            found[row, column] = (both / np.maximum(count, 1)).mean()
    return found


def _draw(criteria: Sequence[str], cuts: Sequence[Overlap], title: str, path: Path) -> list[Path]:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    side = 1.2 + 0.42 * len(criteria) if cuts else 1.4
    with own_style(PHONE_STYLE):
        figure, axes = plt.subplots(
            max(1, len(cuts)),
            1,
            figsize=(PHONE_WIDTH, min(side, PHONE_WIDTH) * max(1, len(cuts)) + 0.5),
            squeeze=False,
            layout="constrained",
        )
        if not cuts:
            axes[0, 0].set_axis_off()
            axes[0, 0].text(0.5, 0.5, _NOTHING, ha="center", va="center")
        for panel, cut in zip(axes[:, 0], cuts, strict=False):
            _panel(panel, criteria, cut, labelled=cut is cuts[-1])
        figure.suptitle(f"Kept tokens in common: {title}", x=0.01, ha="left", fontsize=PHONE_TEXT + 1)
        written = save_figure(figure, path)
        plt.close(figure)
    return written


def _panel(panel: Axes, criteria: Sequence[str], cut: Overlap, *, labelled: bool) -> None:
    names = [textwrap.shorten(name, _LONGEST_NAME, placeholder="…") for name in criteria]
    # A linear scale from nothing to all: dark fields have white numbers.
    panel.imshow(cut.common, cmap="Greys", vmin=0, vmax=1, aspect="auto")
    panel.set_title(
        f"after the cut before layer {cut.layer}; {100 * cut.share:.3g} % by chance",
        loc="left",
        fontweight="bold",
    )
    panel.set_yticks(range(len(names)), names)
    panel.set_xticks(range(len(names)), names if labelled else [""] * len(names), rotation=90)
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
    if len(names) > _NUMBERS:
        return
    for (row, column), value in np.ndenumerate(cut.common):
        if np.isfinite(value):
            colour = "white" if value > 0.55 else "black"
            panel.text(column, row, f"{100 * value:.0f}", ha="center", va="center", color=colour)
