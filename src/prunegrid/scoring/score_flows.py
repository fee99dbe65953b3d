"""Rows of what hiding flows did: predictions scored, sample by sample. Imports no torch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from prunegrid.results.flow_rows import FLOWS, Masking
from prunegrid.scoring.score import CellFiles
from prunegrid.scoring.scorer import Scorer

# Texts that pandas may take for numbers where they are missing.
_TEXTS = ("sample_id", "image_id", "prediction", "parsed_answer", "status", "error")


def scored_rows(
    scorer: Scorer, predictions: Mapping[Masking | None, str | Path], shares: str | Path
) -> Iterator[dict[str, Any]]:
    """Score predictions.

    Parameters
    ----------
    scorer : Scorer
        Of the benchmark.
    predictions : mapping
        What is hidden, None for nothing -> its predictions.
    shares : path
        Shares of attention, a row per sample.

    Yields
    ------
    dict
        Columns of `results.flow_rows.FLOW_ROWS`; shares stand in the rows with nothing hidden.
    """
    found = {row.pop("sample_id"): row for row in pq.read_table(shares, partitioning=None).to_pylist()}
    files = CellFiles(predictions, [*scorer.columns, "error"])
    for masking, own, scored in scorer.rows_of_cells(files):
        where = {} if masking is None else vars(masking)
        told = own.join(scored[["score", "parsed_answer"]])
        for row in told.to_dict("records"):
            yield {
                **{name: row[name] if isinstance(row[name], str) else None for name in _TEXTS},
                **where,
                "score": None if math.isnan(row["score"]) else float(row["score"]),
                **(dict.fromkeys(FLOWS) if masking else found[row["sample_id"]]),
            }
