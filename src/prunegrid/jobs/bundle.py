"""What the jobs of a bundle have in common: its cells, benchmark by benchmark, and what the stores lack."""

import logging
import traceback
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from typing import TypeVar

from prunegrid.errors import PrunegridError
from prunegrid.jobs.job_log import lines_about
from prunegrid.jobs.planned_code import PlannedCode
from prunegrid.results.shards import CellShards
from prunegrid.results.store import Store
from prunegrid.study.grid import Cell
from prunegrid.study.markers import Marker
from prunegrid.study.plan import Plan

_LOG = logging.getLogger(__name__)
_Work = TypeVar("_Work")


def cells_by_benchmark(
    plan: Plan, bundle: tuple[str, str], keys: Iterable[str]
) -> dict[str, dict[str, Cell]]:
    """Return benchmark -> key -> cell of a bundle, given as (model, name); keys in the bundle's order."""
    model, name = bundle
    found: dict[str, dict[str, Cell]] = {}
    for key, cell in zip(keys, plan.bundles(model)[name], strict=True):
        found.setdefault(cell.benchmark, {})[key] = cell
    return found


def each_benchmark(work: Mapping[str, _Work], do: Callable[[str, _Work], dict[str, list[str]]]) -> Marker:
    """Do the work of a job for one benchmark after the other; one that fails ends the job at the end.

    Parameters
    ----------
    work : mapping
        Benchmark -> what is to be done.
    do : callable
        Takes a benchmark and its work; returns key -> files that the store then holds.

    Returns
    -------
    dict
        Benchmark -> what `do` returned.

    Raises
    ------
    Exception
        What a benchmark failed with, after the others are done.
    """
    left: Marker = {}
    failed: list[Exception] = []
    shares = len(work) > 1
    for benchmark, own in work.items():
        with lines_about(benchmark) if shares else nullcontext():
            try:
                left[benchmark] = do(benchmark, own)
            except Exception as error:
                _LOG.error(f"FAILED: {type(error).__name__}: {error}", exc_info=error)
                # What its frames hold, tensors too, is not needed any more; the next benchmark may need the
                # room.
                traceback.clear_frames(error.__traceback__)
                named = isinstance(error, PrunegridError) and shares
                failed.append(type(error)(f"{benchmark}: {error}") if named else error)
    if failed:
        # One that nobody expected comes first: only its traceback tells where it comes from.
        raise min(failed, key=lambda error: isinstance(error, PrunegridError))
    return left


def missing_cells(store: Store, cells: Mapping[str, Cell]) -> dict[str, Cell]:
    """Return key -> cell of those whose predictions the store does not hold."""
    missing = {}
    for key, cell in cells.items():
        file = store.predictions(key)
        if not store.has_predictions(key):
            missing[key] = cell
            if store.is_to_retry(key):
                _LOG.info(f"{cell.label}: rows that did not fit into a smaller device are computed again")
            elif file.exists():
                _LOG.warning(f"{file} is cut short; {cell.label} is computed again")
    _LOG.info(f"{len(cells) - len(missing)} of {len(cells)} cells are in the store")
    return missing


def cell_shards(
    plan: Plan, model: str, benchmark: str, cells: Mapping[str, Cell], planned: PlannedCode
) -> dict[str, CellShards]:
    """Return key -> shards of cells of a model and benchmark, given as key -> cell."""
    store, size = plan.store(model, benchmark), plan.config["shard_size"]
    sample_ids = plan.inputs.adapter(benchmark).sample_ids()
    return {
        key: CellShards(store, key, size, sample_ids, planned.of(key, plan.keys.prediction_code(cell)))
        for key, cell in cells.items()
    }


def finished_files(store: Store, keys: Iterable[str]) -> dict[str, list[str]]:
    """Return key -> the file of its predictions, as markers list it."""
    return {key: [store.name(store.predictions(key))] for key in keys}
