"""What the predictions of rows tell of how they were made: schedules, and who scored at each cut."""

from collections.abc import Mapping, Sequence
from typing import Any

from prunegrid.tables.cells import RowKey, ScoredCell

# Row -> (seed, metadata of predictions.parquet) of each of its cells; empty for what has none.
Told = Mapping[RowKey, Sequence[tuple[int, Mapping[str, Any]]]]


def read_told(cells: Sequence[ScoredCell]) -> Told:
    """Read the metadata of every row's cells on one benchmark: they follow from the model and the row."""
    groups: dict[RowKey, list[ScoredCell]] = {}
    for cell in cells:
        own = groups.setdefault(cell.row, [])
        if not own or own[0].benchmark == cell.benchmark:
            own.append(cell)
    return {
        key: [(cell.seed, told) for cell in own if (told := cell.metadata()) and not cell.uses_label]
        for key, own in groups.items()
    }
