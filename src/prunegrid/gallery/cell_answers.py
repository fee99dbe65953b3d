"""Read what cells answered: the scores of all samples to choose some, then the answers to these."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from prunegrid.axis_names import BASELINE
from prunegrid.errors import DataError
from prunegrid.results.remedy import remedy
from prunegrid.results.store import PREDICTIONS, SAMPLES
from prunegrid.tables.blocks import ANCHORS

# A score of so much is called right, where a benchmark has right and wrong answers.
_RIGHT = 0.5
_ASKED = ("image_id", "question", "choices", "answer", "references")


@dataclass(frozen=True)
class Answer:
    """What one cell answered to one sample.

    Attributes
    ----------
    text : str
        As generated; of an error row, what went wrong.
    score : float
        NaN for an error row.
    right : bool or None
        None for captions and error rows.
    turned : int
        1 if the score is higher than the unpruned model's, -1 if it is lower, else 0; 0 for captions.
    """

    text: str
    score: float
    right: bool | None
    turned: int

    @property
    def is_error(self) -> bool:
        """Whether the cell did not answer."""
        return bool(np.isnan(self.score))


def prunes(cell: Mapping[str, Any]) -> bool:
    """Return whether a cell prunes: the unpruned model and those without the image do not."""
    return cell["strategy_type"] not in ANCHORS


def read_scores(cells: Sequence[Mapping[str, Any]]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Read the scores of all samples of one benchmark.

    Parameters
    ----------
    cells : sequence of mappings
        Each with `folder`.

    Returns
    -------
    list of str
        sample_id, in the order of the first cell.
    ndarray of float64, shape (cells, samples)
        Scores; NaN in error rows.
    ndarray of int64, shape (cells, samples)
        Equal numbers are equal parsed answers; -1 in error rows.
    """
    ids: pd.Index | None = None
    scores, answers = [], []
    for cell in cells:
        own = _read(cell, SAMPLES, ("score", "parsed_answer"))
        ids = own.index if ids is None else ids
        own = own.reindex(ids)
        score = own["score"].to_numpy(dtype=float)
        told = own["parsed_answer"].fillna("").to_numpy(dtype=object)
        same = (pd.util.hash_array(told) >> np.uint64(1)).astype(np.int64)
        scores.append(score)
        answers.append(np.where(np.isnan(score), -1, same))
    return [] if ids is None else [*map(str, ids)], np.stack(scores), np.stack(answers)


def read_asked(cell: Mapping[str, Any]) -> pd.DataFrame:
    """Return what was asked of every sample, by sample_id: `_ASKED`."""
    return _read(cell, PREDICTIONS, _ASKED)


def read_answers(
    cells: Sequence[Mapping[str, Any]], scores: np.ndarray, sample_ids: Sequence[str], bounded: bool
) -> dict[str, list[Answer]]:
    """Read the answers of cells to some samples.

    Parameters
    ----------
    cells : sequence of mappings
        Each with `folder` and `strategy`.
    scores : ndarray of float64, shape (cells, samples)
        Of these samples; NaN in error rows.
    sample_ids : sequence of str
    bounded : bool
        Whether scores are between 0 and 1, so that an answer is right or wrong.

    Returns
    -------
    dict
        sample_id -> an answer per cell.
    """
    unpruned = [own for cell, own in zip(cells, scores, strict=True) if cell["strategy"] == BASELINE]
    found: dict[str, list[Answer]] = {sample_id: [] for sample_id in sample_ids}
    for cell, own in zip(cells, scores, strict=True):
        rows = _read(cell, PREDICTIONS, ("prediction", "error")).reindex(list(sample_ids))
        turned = np.sign(own - unpruned[0]) if unpruned and bounded else np.zeros(len(own))
        for number, (sample_id, text, error) in enumerate(rows.itertuples()):
            score = float(own[number])
            failed = np.isnan(score)
            found[sample_id].append(
                Answer(
                    str(error if failed else text),
                    score,
                    None if failed or not bounded else score >= _RIGHT,
                    int(np.nan_to_num(turned[number])),
                )
            )
    return found


def _read(cell: Mapping[str, Any], name: str, columns: Sequence[str]) -> pd.DataFrame:
    """Return columns of one of a cell's files, by sample_id.

    Raises
    ------
    DataError
        If it cannot be read, naming it.
    """
    file = Path(cell["folder"], name)
    try:
        # One file, opened once: `read_table` would look for a data set of many.
        with pq.ParquetFile(file) as opened:
            rows: pd.DataFrame = opened.read(["sample_id", *columns]).to_pandas()
    except (OSError, ValueError, pa.ArrowException) as error:
        raise DataError(f"{file} cannot be read ({error}); {remedy(file)}") from error
    return rows.set_index("sample_id")
