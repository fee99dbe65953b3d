"""Score prediction files of one benchmark, and write scores.json and scores.parquet of each cell.

Beside scores.json (docs/interface.md) lies scores.parquet: each sample's scores, so that tables compare
cells in pairs without scoring again.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from prunegrid import plugins
from prunegrid.files import atomic_path, write_text
from prunegrid.results.predictions import read
from prunegrid.results.store import SAMPLES, SCORES
from prunegrid.scoring.scorer import Scores

# All that scorers read: the largest columns, such as token_depth, are none of them.
COLUMNS = (
    "sample_id",
    "image_id",
    "choices",
    "answer",
    "references",
    "prediction",
    "choice_logits",
    "status",
)

# What tells one sample's error from another's of its kind: names in quotes, addresses, numbers.
_DETAIL = re.compile(r"'[^']*'|\"[^\"]*\"|0x[0-9a-f]+|\d+(\.\d+)?")
_LONGEST_KIND = 120


class CellFiles(Mapping[Any, pd.DataFrame]):
    """Predictions of cells, read whenever they are asked for, so that memory holds one cell at a time.

    Parameters
    ----------
    files : mapping
        Key -> predictions.parquet.
    more : sequence of str
        Columns to read beside `COLUMNS`.
    """

    def __init__(self, files: Mapping[Any, str | Path], more: Sequence[str] = ()) -> None:
        self._files, self._columns = files, [*COLUMNS, *more]

    def __getitem__(self, key: Any) -> pd.DataFrame:
        return read(self._files[key], self._columns)[0]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


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
        Name of a file in scorers/.
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
    plugin = plugins.build("scorers", scorer, dict(options or {}))
    yield from plugin.score_cells(CellFiles(files, plugin.columns), replicates, seed)


def error_kinds(errors: Iterable[str]) -> dict[str, int]:
    """Count errors by kind, the most frequent first: what differs between samples is left out."""
    kinds = Counter(_DETAIL.sub("...", error)[:_LONGEST_KIND] for error in errors)
    return dict(kinds.most_common())


def write_scores(
    folder: str | Path,
    scores: Scores,
    compute: Mapping[str, Any],
    positions: Mapping[str, Any] | None = None,
    errors: Iterable[str] = (),
) -> None:
    """Write scores.parquet and then scores.json into a cell's folder.

    `compute` is of `cell_ledger.cell_compute`, `positions` of `positions.cell_positions`; `errors` are those
    of error rows, counted by kind.
    """
    folder = Path(folder)
    table = pa.Table.from_pandas(scores.per_sample, preserve_index=False)
    with atomic_path(folder / SAMPLES) as temporary:
        pq.write_table(table, temporary)
    content = scores.as_json() | {
        "errors": error_kinds(errors),
        "compute": dict(compute),
        "positions": dict(positions or {}),
    }
    write_text(folder / SCORES, json.dumps(content, indent=1, allow_nan=False) + "\n")
