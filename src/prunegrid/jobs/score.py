"""The job of the rule `score`. Imports no torch."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prunegrid.jobs.bundle import each_benchmark
from prunegrid.jobs.planned_code import PlannedCode
from prunegrid.results.checksums import check_predictions, scores_are_current, write_checksums
from prunegrid.results.predictions import read
from prunegrid.results.store import CHECKSUMS, Store
from prunegrid.scoring import cell_ledger, cell_ties, positions
from prunegrid.scoring.score import score_cells, write_scores
from prunegrid.study.grid import Cell
from prunegrid.study.markers import Marker
from prunegrid.study.plan import Plan

_LOG = logging.getLogger(__name__)


def score(
    config: Mapping[str, Any],
    home: Path,
    model: str,
    keys: Mapping[str, Mapping[str, str]],
    code: Mapping[str, Any] | None = None,
) -> Marker:
    """Score those cells of a bundle whose scores the stores do not hold.

    A benchmark that fails does not keep the bundle's others from being scored.

    Parameters
    ----------
    config : mapping
        The workflow's configuration, as `config.validate` returns it.
    home : Path
        Folder of the Snakefile.
    model : str
        Of which model.
    keys : mapping
        Benchmark -> key of the predictions -> key of the scores.
    code : mapping, optional
        The code that scores each benchmark, as planned; see `jobs.planned_code.PlannedCode`.

    Returns
    -------
    dict
        Benchmark -> key of the scores -> files that the store then holds, for the job's marker.

    Raises
    ------
    Exception
        What a benchmark failed with, after the others are done.
    """
    planned = PlannedCode(code)
    plan = Plan(config, home)

    def score_own(benchmark: str, own: Mapping[str, str]) -> dict[str, list[str]]:
        store = plan.store(model, benchmark)
        _score(plan, store, model, benchmark, own, planned)
        return {key: [store.name(store.scores(key) / CHECKSUMS)] for key in own.values()}

    return each_benchmark(keys, score_own)


def _score(
    plan: Plan, store: Store, model: str, benchmark: str, keys: Mapping[str, str], planned: PlannedCode
) -> None:
    made_under = {
        scores: predictions
        for predictions, scores in keys.items()
        if not scores_are_current(store, predictions, scores)
    }
    files = {scores: store.predictions(key) for scores, key in made_under.items()}
    _LOG.info(f"scores of {len(keys) - len(files)} of {len(keys)} cells are in the store")
    if not files:
        return
    for key in made_under.values():
        check_predictions(store, key)
    tables = plan.config["tables"]
    scored = score_cells(
        plan.inputs.scorer(benchmark),
        files,
        plan.inputs.scorer_options(benchmark, model),
        replicates=tables["replicates"],
        seed=tables["seed"],
    )
    for number, (key, scores) in enumerate(scored, start=1):
        columns = dict.fromkeys([*cell_ledger.COLUMNS, *positions.COLUMNS, *cell_ties.COLUMNS, "error"])
        rows, metadata = read(files[key], [*columns])
        write_scores(
            store.scores(key),
            scores,
            {**cell_ledger.cell_compute(rows, metadata), **cell_ties.cell_ties(rows)},
            positions.cell_positions(rows, metadata),
            rows["error"].dropna(),
        )
        planned.check(benchmark, plan.keys.scoring_files(benchmark), f"scores of {benchmark}")
        write_checksums(store, made_under[key], key)
        if scores.n and scores.n_error == scores.n:
            name = Cell(**metadata["cell"]).label
            _LOG.warning(f"{name}: all {scores.n} rows are errors, the first: {rows['error'].iloc[0]}")
        if number % 50 == 0 or number == len(files):
            _LOG.info(f"{number} of {len(files)} cells scored")
