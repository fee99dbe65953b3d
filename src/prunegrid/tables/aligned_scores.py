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

from prunegrid.statistics.clusters import Clusters
from prunegrid.tables.cells import ScoredCell


@dataclass(frozen=True)
class RowScores:
    """Scores and extracted answers of one row of a table, by sample.

    Attributes
    ----------
    score : ndarray of float64, shape (samples,)
        Averaged over the seeds that answered the sample; NaN if none did.
    parsed_answer : pa.ChunkedArray of string or None
        Extracted answers; None for a row of several seeds.
    binary : bool
        Whether every score of every seed is 0 or 1.
    by_seed : dict
        Seed -> scores, as `score`; empty for a row of one seed.
    """

    score: np.ndarray
    parsed_answer: pa.ChunkedArray | None
    binary: bool
    by_seed: Mapping[int, np.ndarray] = field(default_factory=dict)

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
        total, count = np.zeros(len(self.ids)), np.zeros(len(self.ids), dtype=np.int64)
        parsed, binary = None, True
        by_seed: dict[int, np.ndarray] = {}
        for cell in cells:
            table = cell.load(["sample_id", "score", "parsed_answer"])
            score, places = table["score"].cast(pa.float64()).to_numpy(), self._places(table["sample_id"])
            binary &= bool(np.isin(score, [0.0, 1.0])[~np.isnan(score)].all())
            if places is not None:
                score = np.where(places >= 0, score[places], np.nan)
            known = ~np.isnan(score)
            total += np.where(known, score, 0.0)
            count += known
            if len(cells) > 1:
                by_seed[cell.seed] = score
            else:
                parsed = _taken(table["parsed_answer"].cast(pa.string()), places)
        mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
        return RowScores(mean, parsed, binary, by_seed)

    def _places(self, ids: pa.ChunkedArray) -> np.ndarray | None:
        """Return where each sample stands in a file, -1 where it is not; None if the order is the same."""
        if ids.equals(self._arrow_ids):
            return None
        places: np.ndarray = pd.Index(ids.to_pandas()).get_indexer(self.ids)
        return places

    @cached_property
    def _arrow_ids(self) -> pa.ChunkedArray:
        return pa.chunked_array([pa.array(self.ids, pa.string())])


def agreement(mine: RowScores, theirs: RowScores) -> float:
    """Return the share of samples that both answered on which both said the same; NaN if there are none."""
    if mine.parsed_answer is None or theirs.parsed_answer is None:
        return np.nan
    same = pc.or_(
        pc.fill_null(pc.equal(mine.parsed_answer, theirs.parsed_answer), False),
        pc.and_(pc.is_null(mine.parsed_answer), pc.is_null(theirs.parsed_answer)),
    )
    both = mine.answered & theirs.answered
    return float(same.to_numpy()[both].mean()) if both.any() else np.nan


def _taken(values: pa.ChunkedArray, places: np.ndarray | None) -> pa.ChunkedArray:
    if places is None:
        return values
    return values.take(pa.array(places, mask=places < 0))
