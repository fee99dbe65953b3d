"""From prediction files to score files, several cells of one benchmark in one process.

Beside scores.json (the contract) lies scores.parquet: each sample's scores, so that tables compare
cells in pairs without scoring again.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from prunegrid import plugins
from prunegrid.errors import DataError
from prunegrid.files import atomic_path, write_text
from prunegrid.scoring.base import Scores

PREDICTIONS = "predictions.parquet"
SCORES = "scores.json"
SAMPLES = "scores.parquet"
METADATA = b"prunegrid"

_NEEDED = (
    "sample_id",
    "image_id",
    "choices",
    "answer",
    "references",
    "prediction",
    "choice_logits",
    "status",
)

Compute = Callable[[pd.DataFrame, dict[str, Any]], dict[str, Any]]


def read_predictions(path: str | Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read a predictions file and check what scoring needs.

    Returns
    -------
    DataFrame
        One row per sample.
    dict
        The file's `prunegrid` metadata; empty if it has none.

    Raises
    ------
    DataError
        If the file is missing or unreadable, lacks a column, or repeats a sample id.
    """
    path = Path(path)
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"{path}: cannot be read as Parquet: {error}") from error
    missing = [name for name in _NEEDED if name not in table.column_names]
    if missing:
        raise DataError(f"{path}: lacks column {', '.join(missing)}; found {', '.join(table.column_names)}")
    predictions = table.to_pandas()
    repeated = predictions["sample_id"][predictions["sample_id"].duplicated()]
    if len(repeated):
        raise DataError(f"{path}: sample_id {repeated.iloc[0]!r} stands twice; sample ids are unique")
    unknown = predictions["status"][~predictions["status"].isin(["ok", "error"])]
    if len(unknown):
        raise DataError(
            f"{path}: status is 'ok' or 'error', found {unknown.iloc[0]!r} in row {unknown.index[0]}"
        )
    return predictions, json.loads((table.schema.metadata or {}).get(METADATA, b"{}"))


def score_cells(
    scorer: str,
    files: Mapping[Any, str | Path],
    options: Mapping[str, Any] | None = None,
    *,
    replicates: int = 10_000,
    seed: int = 0,
) -> Iterator[tuple[Any, Scores]]:
    """Score cells of one benchmark.

    Parameters
    ----------
    scorer : str
        Name of a file in scoring/.
    files : mapping
        Key -> predictions.parquet.
    options : mapping, optional
        The scorer's options, such as {"extra": ["bleu"]}.
    replicates, seed : int
        Of the bootstrap behind the intervals.

    Yields
    ------
    key, Scores
    """
    cells = {key: read_predictions(path)[0] for key, path in files.items()}
    yield from plugins.build("scoring", scorer, dict(options or {})).score_cells(cells, replicates, seed)


def write_scores(folder: str | Path, scores: Scores, compute: Mapping[str, Any]) -> None:
    """Write scores.parquet and then scores.json into a cell's folder."""
    folder = Path(folder)
    table = pa.Table.from_pandas(scores.per_sample, preserve_index=False)
    with atomic_path(folder / SAMPLES) as temporary:
        pq.write_table(table, temporary)
    content = scores.as_json() | {"compute": dict(compute)}
    write_text(folder / SCORES, json.dumps(content, indent=1, allow_nan=False) + "\n")


def score_folders(
    scorer: str,
    folders: Sequence[str | Path],
    compute: Compute,
    options: Mapping[str, Any] | None = None,
    *,
    replicates: int = 10_000,
    seed: int = 0,
    report: Callable[[Path], None] | None = None,
) -> None:
    """Score the cells that lie in `folders` and write their score files.

    Parameters
    ----------
    scorer : str
        Name of a file in scoring/.
    folders : sequence of paths
        Cell folders of one benchmark, each with its predictions.parquet.
    compute : callable
        (predictions, metadata) -> compute block of scores.json.
    options, replicates, seed
        See `score_cells`.
    report : callable, optional
        Called with each folder that is done.
    """
    read = {Path(folder): read_predictions(Path(folder) / PREDICTIONS) for folder in folders}
    plugin = plugins.build("scoring", scorer, dict(options or {}))
    cells = {folder: predictions for folder, (predictions, _) in read.items()}
    for folder, scores in plugin.score_cells(cells, replicates, seed):
        write_scores(folder, scores, compute(*read[folder]))
        if report:
            report(folder)
