"""Scores of a benchmark's cells as vectors over its samples, in one order for all cells.

Thousands of cells of thousands of samples do not fit into memory, nor need they: ids are held once, and a
cell's file is read whenever its scores are asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from prunegrid.statistics.calibration import expected_calibration_error
from prunegrid.statistics.clusters import Clusters
from prunegrid.tables.cells import ScoredCell

# Columns of scores.parquet, in the order of `LogitScores`.
_LOGITS = ("brier", "confidence", "confident_correct")


@dataclass(frozen=True)
class LogitScores:
    """What the first position's logits say of each sample; see `scoring.scorer.LOGIT_SCORES`.

    Attributes
    ----------
    brier, confidence, correct : ndarray of float64, shape (samples,)
        Squared error over all options; probability of the most likely one; whether that is the gold one. NaN
        where logits are unknown.
    """

    brier: np.ndarray
    confidence: np.ndarray
    correct: np.ndarray

    @property
    def known(self) -> np.ndarray:
        """Where logits are known: ndarray of bool, shape (samples,)."""
        known: np.ndarray = ~np.isnan(self.confidence)
        return known

    def error(self, where: np.ndarray | slice = slice(None)) -> float:
        """Return the expected calibration error of some samples, all by default; NaN of none."""
        return expected_calibration_error(self.confidence[where], self.correct[where])


@dataclass(frozen=True)
class CellScores:
    """Scores and extracted answers of one cell, by sample.

    Attributes
    ----------
    seed : int
    score : ndarray of float64, shape (samples,)
        NaN where there is no answer.
    parsed_answer : pa.ChunkedArray of string
        Extracted answers; null where none was read.
    logits : LogitScores or None
        None where the benchmark has no options, or they were not asked for.
    """

    seed: int
    score: np.ndarray
    parsed_answer: pa.ChunkedArray
    logits: LogitScores | None = None

    @property
    def binary(self) -> bool:
        """Whether every score is 0 or 1."""
        return bool(np.isin(self.score, [0.0, 1.0])[~np.isnan(self.score)].all())


@dataclass(frozen=True)
class RowScores:
    """Scores of one row of a table, by sample.

    Attributes
    ----------
    score : ndarray of float64, shape (samples,)
        Averaged over the seeds that answered the sample; NaN if none did.
    binary : bool
        Whether every score of every seed is 0 or 1.
    by_seed : dict
        Seed -> scores, as `score`; empty for a row of one seed.
    """

    score: np.ndarray
    binary: bool
    by_seed: Mapping[int, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(cls, cells: Sequence[CellScores]) -> "RowScores":
        """Return the scores of a row from those of its cells, one a seed."""
        several = len(cells) > 1
        return cls(
            score=mean_of_seeds(np.column_stack([cell.score for cell in cells])),
            binary=all(cell.binary for cell in cells),
            by_seed={cell.seed: cell.score for cell in cells} if several else {},
        )

    @property
    def answered(self) -> np.ndarray:
        """Where the score is known: ndarray of bool, shape (samples,)."""
        known: np.ndarray = ~np.isnan(self.score)
        return known


class AlignedScores:
    """All samples of a benchmark, in the order of the first cell that has them.

    Parameters
    ----------
    cells : sequence of ScoredCell
        All cells of the benchmark.
    baseline : ScoredCell or None
        Its images make the clusters: `mismatched` shows others.
    """

    def __init__(self, cells: Sequence[ScoredCell], baseline: ScoredCell | None) -> None:
        self._cells = cells
        self._baseline = baseline

    @cached_property
    def ids(self) -> "pd.Index[str]":
        """Sample ids."""
        first = self._cells[0].load(["sample_id"])["sample_id"]
        index: pd.Index[str] = pd.Index(first.to_pandas())
        for cell in self._cells[1:]:
            ids = cell.load(["sample_id"])["sample_id"]
            if not ids.equals(first):
                index = index.append(pd.Index(ids.to_pandas()).difference(index, sort=False))
        return index

    @cached_property
    def clusters(self) -> Clusters:
        """Samples grouped by image."""
        first = self._baseline or self._cells[0]
        images = self._images_of(first)
        for cell in self._cells:
            if not images.isna().any():
                break
            images = images.fillna(self._images_of(cell))
        return Clusters.of(images)

    def _images_of(self, cell: ScoredCell) -> "pd.Series[str]":
        images: pd.DataFrame = cell.load(["sample_id", "image_id"]).to_pandas()
        return images.set_index("sample_id")["image_id"].reindex(self.ids)

    def scores(self, cells: Sequence[ScoredCell]) -> RowScores:
        """Read the cells of one row, a cell a seed."""
        return RowScores.of([self.read(cell) for cell in cells])

    def read(self, cell: ScoredCell, logits: bool = False) -> CellScores:
        """Read one cell, what its options' logits say too if `logits`."""
        asked = _LOGITS if logits and "brier" in cell.scores["metrics"] else ()
        table = cell.load(["sample_id", "score", "parsed_answer", *asked])
        places = self._places(table["sample_id"])
        # A scorer of a user's own may have a metric of that name and other columns.
        there = bool(asked) and set(asked) <= set(table.column_names)
        return CellScores(
            seed=cell.seed,
            score=_numbers(table["score"], places),
            parsed_answer=_taken(table["parsed_answer"].cast(pa.string()), places),
            logits=LogitScores(*(_numbers(table[name], places) for name in asked)) if there else None,
        )

    def predicted(self, cell: ScoredCell, columns: Sequence[str]) -> pa.Table | None:
        """Read columns of a cell's predictions, null where it lacks a sample; None where it has no file."""
        table = cell.predictions(["sample_id", *columns])
        if table is None:
            return None
        places = self._places(table["sample_id"])
        return pa.table({name: _taken(table[name], places) for name in columns})

    def _places(self, ids: pa.ChunkedArray) -> np.ndarray | None:
        """Return where each sample stands in a file, -1 where it is not; None if the order is the same."""
        # pandas writes longer texts than Arrow's: another type is no other order.
        if ids.cast(pa.string()).equals(self._arrow_ids):
            return None
        places: np.ndarray = pd.Index(ids.to_pandas()).get_indexer(self.ids)
        return places

    @cached_property
    def _arrow_ids(self) -> pa.ChunkedArray:
        return pa.chunked_array([pa.array(self.ids, pa.string())])


def mean_of_seeds(values: np.ndarray) -> np.ndarray:
    """Return the mean of the known values of each sample, shape (samples,), of (samples, seeds)."""
    if values.shape[1] == 1:
        only: np.ndarray = values[:, 0]
        return only
    known = ~np.isnan(values)
    total, count = np.where(known, values, 0.0).sum(axis=1), known.sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def same_answers(mine: CellScores, theirs: CellScores) -> np.ndarray:
    """Return whether both said the same, shape (samples,): 1 or 0, NaN where not both answered.

    See `alike`.
    """
    unknown = np.isnan(mine.score) | np.isnan(theirs.score)
    return np.where(unknown, np.nan, alike(mine.parsed_answer, theirs.parsed_answer))


def alike(answers: pa.ChunkedArray, others: pa.ChunkedArray) -> np.ndarray:
    """Return whether parsed answers are the same, shape (samples,), float64: 1 or 0.

    Two outputs in which no answer was read agree. Where none was read in any, all are NaN: the scorer reads
    none, as those of lmms-eval.

    Parameters
    ----------
    answers, others : ChunkedArray of string
        Of the same samples, in one order.
    """
    if answers.null_count == len(answers) and others.null_count == len(others):
        return np.full(len(answers), np.nan)
    same = pc.or_(
        pc.fill_null(pc.equal(answers, others), False), pc.and_(pc.is_null(answers), pc.is_null(others))
    )
    alike_or_not: np.ndarray = same.to_numpy().astype(np.float64)
    return alike_or_not


def _numbers(values: pa.ChunkedArray, places: np.ndarray | None) -> np.ndarray:
    numbers: np.ndarray = values.cast(pa.float64()).to_numpy()
    return numbers if places is None else np.where(places >= 0, numbers[places], np.nan)


def _taken(values: pa.ChunkedArray, places: np.ndarray | None) -> pa.ChunkedArray:
    if places is None:
        return values
    return values.take(pa.array(places, mask=places < 0))
