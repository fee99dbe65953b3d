"""The job of the rule `join`: cells' files of the shards that parallel jobs have left. Imports no torch."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prunegrid.jobs.bundle import (
    cell_shards,
    cells_by_benchmark,
    each_benchmark,
    finished_files,
    missing_cells,
)
from prunegrid.jobs.planned_code import PlannedCode
from prunegrid.study.grid import Cell
from prunegrid.study.markers import Marker
from prunegrid.study.plan import Plan

_LOG = logging.getLogger(__name__)


def join(
    config: Mapping[str, Any],
    home: Path,
    bundle: tuple[str, str],
    keys: list[str],
    code: Mapping[str, Any] | None = None,
) -> Marker:
    """Make the files of a bundle's cells of the shards that its parallel jobs have left.

    Parameters
    ----------
    config, home, bundle, keys, code
        As of `prunegrid.jobs.predict.predict`.

    Returns
    -------
    dict
        Benchmark -> key -> files that the store then holds, for the job's marker.

    Raises
    ------
    DataError
        If a shard is missing, damaged, or of another key or code; the next run computes it.
    """
    planned = PlannedCode(code)
    plan = Plan(config, home)
    model, _ = bundle

    def join_own(benchmark: str, cells: dict[str, Cell]) -> dict[str, list[str]]:
        store = plan.store(model, benchmark)
        missing = missing_cells(store, cells)
        for key, shards in cell_shards(plan, model, benchmark, missing, planned).items():
            shards.join()
            _LOG.info(f"{missing[key].label}: {len(shards)} shards joined")
        return finished_files(store, cells)

    return each_benchmark(cells_by_benchmark(plan, bundle, keys), join_own)
