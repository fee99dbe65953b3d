"""Which results of a plan are in the stores, and which published files are those of their cells' keys."""

from pathlib import Path

from prunegrid.errors import PrunegridError
from prunegrid.files import is_whole_parquet
from prunegrid.results.predictions import read_metadata
from prunegrid.results.store import PREDICTIONS, SAMPLES, SCORES
from prunegrid.study.grid import Cell
from prunegrid.study.plan import Plan


def is_stored(plan: Plan, cell: Cell) -> bool:
    """Return whether the store holds a cell's predictions and scores."""
    store = plan.store(cell.model, cell.benchmark)
    return store.has_predictions(plan.keys.prediction_key(cell)) and store.has_scores(
        plan.keys.score_key(cell)
    )


def is_published(plan: Plan, cell: Cell) -> bool:
    """Return whether a cell's published files are those of its keys: links to the store, or copies."""
    store, key = plan.store(cell.model, cell.benchmark), plan.keys.prediction_key(cell)
    predictions, scores = _published(plan, cell, PREDICTIONS), _published(plan, cell, SCORES)
    scored = store.scores(plan.keys.score_key(cell)) / SCORES
    try:
        return (
            _published(plan, cell, SAMPLES).exists()
            and (scores.samefile(scored) or scores.read_bytes() == scored.read_bytes())
            and (predictions.samefile(store.predictions(key)) or read_metadata(predictions).get("key") == key)
        )
    except (OSError, PrunegridError):
        return False


def is_displaced(plan: Plan, cell: Cell) -> bool:
    """Return whether a cell's published files are there, but cut short or not its own."""
    file = _published(plan, cell, PREDICTIONS)
    return file.exists() and not (is_whole_parquet(file) and is_published(plan, cell))


def _published(plan: Plan, cell: Cell, name: str) -> Path:
    return Path(plan.config["results_dir"], cell.folder, name)
