"""Which cells figures of what is kept are drawn of, and what their predictions tell of it."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from prunegrid.axis_names import SHARE
from prunegrid.results.predictions import read_metadata_if_any
from prunegrid.results.store import PREDICTIONS
from prunegrid.tables.options import TableOptions


def metadata_of(cell: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is written beside the rows of a cell's predictions: schedule, layers, versions."""
    return read_metadata_if_any(Path(cell["folder"], PREDICTIONS))


def of_share(cells: Iterable[Mapping[str, Any]], options: TableOptions) -> list[Mapping[str, Any]]:
    """Return cells with a ratio; of several matchings those that remove equal shares."""
    shown = SHARE if options.several_matchings else ""
    return [cell for cell in cells if cell["ratio"] > 0 and cell.get("match", "") == shown]
