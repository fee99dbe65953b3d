"""Best score per sample over the seeds of a random criterion: an upper bound that uses the gold answers.

It tells how much of a loss is the fault of the choice of tokens, and how much of their number.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pyarrow as pa

from prunegrid.tables.cells import RowKey, ScoredCell

# A type of criterion that no block of the strategy table is fixed at.
TYPE = "best of seeds"


def best_of_seeds(cells: Sequence[ScoredCell], criteria: Sequence[str]) -> list[ScoredCell]:
    """Return one computed cell per benchmark and row of the given criteria that was run with several seeds.

    Parameters
    ----------
    cells : sequence of ScoredCell
        Scored cells of one model.
    criteria : sequence of str
        Names of random criteria.

    Returns
    -------
    list of ScoredCell
        Each sample has the best score that it has with any seed; `uses_label` is set. The ledger is the
        mean over seeds, that of one subset.
    """
    groups: dict[tuple[str, RowKey], list[ScoredCell]] = {}
    for cell in cells:
        if cell.criterion in criteria:
            groups.setdefault((cell.benchmark, cell.row), []).append(cell)
    return [_best(seeds) for seeds in groups.values() if len(seeds) > 1]


def _best(seeds: Sequence[ScoredCell]) -> ScoredCell:
    first = seeds[0]
    scores = _load(seeds, ("score",))["score"].to_numpy(zero_copy_only=False)
    known = scores[np.isfinite(scores)]
    headline = first.scores["headline"]
    ledgers = pd.DataFrame([cell.numbers for cell in seeds])
    return replace(
        first,
        criterion=f"{first.criterion}, best of {len(seeds)} (uses the label)",
        criterion_type=TYPE,
        scores={
            "n": first.scores["n"],
            "n_error": len(scores) - len(known),
            "headline": headline,
            "headline_variant": first.scores["headline_variant"],
            "metrics": {headline: {"value": float(known.mean()) if len(known) else None}},
            "variants": {},
            "compute": ledgers.mean(numeric_only=True).to_dict(),
        },
        load=partial(_load, seeds),
        uses_label=True,
        # Nothing is inferred about other schedules.
        draws_schedule=False,
    )


def _load(seeds: Sequence[ScoredCell], columns: Sequence[str]) -> pa.Table:
    """Load columns with the best score of each sample, one seed in memory at a time."""
    table = seeds[0].load(["sample_id", "image_id", "parsed_answer"])
    best = pd.Series(np.nan, index=table["sample_id"].to_pylist())
    for cell in seeds:
        own = cell.load(["sample_id", "score"])
        scores = pd.Series(
            own["score"].to_numpy(zero_copy_only=False), own["sample_id"].to_pylist(), dtype=float
        )
        best = pd.Series(np.fmax(best, scores.reindex(best.index)))
    no_answer = pa.nulls(len(best), pa.string())
    table = table.set_column(2, "parsed_answer", no_answer).append_column("score", pa.array(best.to_numpy()))
    return table.select(list(columns))
