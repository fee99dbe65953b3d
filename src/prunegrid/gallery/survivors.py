"""What survives each cut in the cells that are drawn: of one strategy, of one criterion, of methods."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from prunegrid import plugins
from prunegrid.axis_names import NO_CRITERION, SHARE
from prunegrid.results.predictions import read
from prunegrid.results.store import PREDICTIONS
from prunegrid.tables.options import TableOptions

# Cuts of a schedule that are drawn: of more, the first, the last, and some between.
MOST_CUTS = 4
COLUMNS = ("sample_id", "token_depth", "image_grids", "n_image_tokens", "status")


@dataclass(frozen=True)
class SideBySide:
    """Cells that are drawn side by side.

    Attributes
    ----------
    varied : str
        criterion or strategy: what differs between them; method: they are methods.
    fixed : str
        The name of the other one; empty of methods.
    ratio : float
    cells : tuple of mappings
        As `study.descriptions.describe_cell` returns them; of several seeds the first.
    """

    varied: str
    fixed: str
    ratio: float
    cells: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Survivors:
    """What one cell kept of one sample.

    Attributes
    ----------
    cuts : tuple of (int, ndarray of bool, shape (N,))
        Layer before which a cut is, and which image tokens it keeps.
    left_out : int
        Cuts that are not among them.
    """

    cuts: tuple[tuple[int, np.ndarray], ...]
    left_out: int


def comparisons(cells: Sequence[Mapping[str, Any]], options: TableOptions) -> list[SideBySide]:
    """Return what is drawn of one benchmark: the highest ratio first; of several matchings that of shares.

    Parameters
    ----------
    cells : sequence of mappings
        Those of the benchmark.
    options : TableOptions
        Names the reference strategy and criterion.
    """
    match = SHARE if options.several_matchings else ""
    pruned = [c for c in cells if c["ratio"] and c.get("match", "") == match]
    ranked = [c for c in pruned if c["criterion"] != NO_CRITERION and c["strategy"] not in options.methods]
    found = []
    for ratio in sorted({cell["ratio"] for cell in pruned}, reverse=True):
        beside = []
        for varied, kind, fixed in (
            ("criterion", "strategy", options.reference_strategy),
            ("strategy", "criterion", options.reference_criterion),
        ):
            own = [cell for cell in ranked if cell["ratio"] == ratio and cell[kind] == fixed]
            if own:
                beside.append(SideBySide(varied, fixed, ratio, tuple(_first_seeds(own, varied))))
        # A single cell is compared with nothing, and mostly stands in the other one.
        found += [one for one in beside if len(one.cells) > 1] or beside[:1]
        methods = [c for c in pruned if c["ratio"] == ratio and _is_method(c, options)]
        if methods:
            found.append(SideBySide("method", "", ratio, tuple(_first_seeds(methods, "strategy"))))
    return found


def _is_method(cell: Mapping[str, Any], options: TableOptions) -> bool:
    """Return whether a cell is of a method as published, not upside down, and leaves out tokens.

    One that has smaller pictures in place of it has other tokens than those that are drawn.
    """
    own = cell["criterion"] in (NO_CRITERION, cell["strategy"])
    if not own or cell["strategy"] not in options.methods:
        return False
    return bool(plugins.describe("strategies", cell["strategy_type"])["prunes"])


def _first_seeds(cells: Sequence[Mapping[str, Any]], varied: str) -> list[Mapping[str, Any]]:
    """Return the cell of the first seed for each name, in the order of the configuration."""
    first: dict[str, Mapping[str, Any]] = {}
    # Sorting by seed keeps the order of the first seed.
    for cell in sorted(cells, key=lambda cell: int(cell["seed"])):
        first.setdefault(cell[varied], cell)
    return [*first.values()]


def survivors(
    cell: Mapping[str, Any], sample_ids: Sequence[str]
) -> tuple[pd.DataFrame, dict[str, Survivors]]:
    """Read what a cell kept of some samples.

    Parameters
    ----------
    cell : mapping
        With `folder`.
    sample_ids : sequence of str
        Error rows and unknown ones are left out.

    Returns
    -------
    DataFrame
        `COLUMNS` of these samples, by sample_id.
    dict
        sample_id -> what was kept.
    """
    rows, metadata = read(Path(cell["folder"], PREDICTIONS), COLUMNS)
    rows = rows[rows["sample_id"].isin(set(sample_ids)) & (rows["status"] == "ok")].set_index("sample_id")
    layers = [int(layer) for layer, _ in metadata["schedule"]]
    drawn = drawn_cuts(layers)
    kept = {
        str(sample_id): Survivors(
            tuple((layer, np.asarray(depth) > layer) for layer in drawn), len(layers) - len(drawn)
        )
        for sample_id, depth in rows["token_depth"].items()
    }
    return rows, kept


def drawn_cuts(layers: Sequence[int]) -> list[int]:
    """Return the layers whose cuts are drawn: all, or the first, the last and some at equal steps between."""
    if len(layers) <= MOST_CUTS:
        return list(layers)
    places = np.linspace(0, len(layers) - 1, MOST_CUTS).round().astype(int)
    return [layers[place] for place in places]
