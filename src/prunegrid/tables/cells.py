"""Read the scores of cells, and write cells.csv."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from prunegrid.errors import DataError
from prunegrid.files import write_text
from prunegrid.results.predictions import METADATA_KEY
from prunegrid.results.remedy import remedy
from prunegrid.results.score_columns import AXES, metric_columns, number_columns
from prunegrid.results.scores_file import read_score_file
from prunegrid.results.store import PREDICTIONS, SAMPLES

_SAMPLE_COLUMNS = ("sample_id", "image_id", "score", "parsed_answer")
# Fewer image tokens than this in any layer, and a schedule is degenerate.
_FEWEST = 4


class RowKey(NamedTuple):
    """What makes a row of a table.

    Attributes
    ----------
    strategy, criterion : str
    ratio : float
    match : str
        What is equal at the ratio, in a study of several matchings; else empty.
    """

    strategy: str
    criterion: str
    ratio: float
    match: str = ""


def _nothing(_columns: Sequence[str] = ()) -> None:
    """Stand for the metadata, or the predictions, of a cell that has none."""


@dataclass(frozen=True)
class ScoredCell:
    """A cell of the grid with its scores.

    Attributes
    ----------
    model, benchmark, strategy, criterion : str
    ratio : float
    seed : int
    match : str
        See `RowKey`.
    strategy_type, criterion_type : str
        Plug-ins behind the names.
    needs_answer : bool
        The criterion needs the unpruned answer.
    scores : dict
        scores.json.
    load : callable
        Takes names of columns and returns them: sample_id, image_id, score (null or NaN in error rows),
        parsed_answer.
    uses_label : bool
        No run, but chosen from several by the gold answers; see `tables.best_of_seeds`.
    speed : mapping
        Its measured times and memory; empty where no cell was measured (see `tables.speed`).
    draws_schedule : bool
        The seed draws where tokens are dropped, and how many.
    metadata : callable
        Returns the metadata of its predictions; None where there are none.
    questions : callable
        Returns the columns choices and answer of its predictions; None where there are none.
    predictions : callable
        Takes names of columns and returns them, of its predictions; None where there are none.
    """

    model: str
    benchmark: str
    strategy: str
    criterion: str
    ratio: float
    seed: int
    strategy_type: str
    criterion_type: str
    needs_answer: bool
    scores: Mapping[str, Any]
    load: Callable[[Sequence[str]], pa.Table]
    uses_label: bool = False
    speed: Mapping[str, float] = field(default_factory=dict)
    draws_schedule: bool = False
    metadata: Callable[[], Mapping[str, Any] | None] = _nothing
    questions: Callable[[], pa.Table | None] = _nothing
    match: str = ""
    predictions: Callable[[Sequence[str]], pa.Table | None] = _nothing

    @property
    def row(self) -> RowKey:
        """Return what makes a row of a table."""
        return RowKey(self.strategy, self.criterion, self.ratio, self.match)

    @property
    def numbers(self) -> dict[str, float]:
        """Return the ledger, the mean places of the kept tokens, and what was measured."""
        return {**number_columns(self.scores, self.ratio if self.match else None), **self.speed}

    @property
    def degenerate(self) -> bool:
        """Whether a layer is left with fewer than 4 image tokens."""
        return bool(self.scores["compute"].get("min_image_tokens", _FEWEST) < _FEWEST)


# What tables read of scores.json.
_SCORES = ("n", "n_error", "headline", "metrics")


def read_cells(cells: Iterable[Mapping[str, Any]]) -> list[ScoredCell]:
    """Read the scores of cells.

    Parameters
    ----------
    cells : iterable of mappings
        The axes, `folder`, `needs_answer`, `strategy_type`, `criterion_type`; `draws_schedule` and `match`,
        which are optional.

    Raises
    ------
    DataError
        If a score file is missing or broken.
    """
    return [_read(cell) for cell in cells]


def _read(cell: Mapping[str, Any]) -> ScoredCell:
    folder = Path(cell["folder"])
    scores = read_score_file(folder, _SCORES)
    _load(folder, ())
    axes = {name: cell[name] for name in AXES}
    return ScoredCell(
        **axes,
        strategy_type=cell["strategy_type"],
        criterion_type=cell["criterion_type"],
        needs_answer=cell["needs_answer"],
        scores=scores,
        load=partial(_load, folder),
        draws_schedule=cell.get("draws_schedule", False),
        metadata=partial(_metadata, folder),
        questions=partial(_predictions, folder, ("choices", "answer")),
        predictions=partial(_predictions, folder),
        match=cell.get("match", ""),
    )


def _metadata(folder: Path) -> Mapping[str, Any] | None:
    """Read what a cell's predictions tell of how they were made."""
    try:
        told = pq.read_schema(folder / PREDICTIONS).metadata or {}
        found = json.loads(told.get(METADATA_KEY, b"{}"))
    except (OSError, ValueError, pa.ArrowException):
        return None
    return found if isinstance(found, dict) else None


def _predictions(folder: Path, columns: Sequence[str]) -> pa.Table | None:
    """Read some columns of a cell's predictions; None where one is missing."""
    try:
        # One file, opened once: `read_table` would look for a data set of many.
        with pq.ParquetFile(folder / PREDICTIONS) as file:
            there = set(columns) <= set(file.schema_arrow.names)
            return file.read(list(columns)) if there else None
    except (OSError, ValueError, pa.ArrowException):
        return None


def _load(folder: Path, columns: Sequence[str]) -> pa.Table:
    """Read some columns of a cell's per-sample scores; all must be there, whichever are asked for."""
    try:
        with pq.ParquetFile(folder / SAMPLES) as file:
            missing = [name for name in _SAMPLE_COLUMNS if name not in file.schema_arrow.names]
            if not missing:
                return file.read(list(columns))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise _unreadable(folder / SAMPLES, error) from error
    raise _unreadable(folder / SAMPLES, f"it lacks column {', '.join(missing)}")


def _unreadable(file: Path, why: object) -> DataError:
    return DataError(f"{file} cannot be read ({why}); {remedy(file)}")


def write_cells(
    cells: Sequence[ScoredCell], path: Path, more: Callable[[ScoredCell], Mapping[str, Any]] | None = None
) -> None:
    """Write cells.csv: per cell its axes, n, errors, ledger, places of kept tokens, metrics, variants.

    `match` is one of the axes where any cell has it.
    `more` returns further columns, which stand after the ledger.
    """
    rows = []
    axes = [*AXES, *(["match"] if any(cell.match for cell in cells) else [])]
    for cell in cells:
        row = {name: getattr(cell, name) for name in axes}
        row |= {"n": cell.scores["n"], "n_error": cell.scores["n_error"]}
        row |= cell.numbers
        row |= more(cell) if more is not None else {}
        rows.append(row | metric_columns(cell.scores))
    frame = pd.DataFrame(rows)
    write_text(path, frame.to_csv(index=False, lineterminator="\n"))
