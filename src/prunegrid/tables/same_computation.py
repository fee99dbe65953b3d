"""Rows whose names differ and whose computation does not: the same cuts, scored by the same criteria."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from prunegrid import plugins
from prunegrid.tables.cells import RowKey
from prunegrid.tables.told import Told

# Options that only choose who scores, which `scored_by` tells.
_CHOOSING = ("shallow", "deep", "deep_from", "parts")
# Options of a strategy that tell cells of one schedule apart.
_APPLIED = ("positions", "rounding")


def computations(told: Told) -> dict[RowKey, RowKey]:
    """Return row -> the first row of the table that is the same computation, mostly itself."""
    first: dict[str, RowKey] = {}
    return {key: first.setdefault(_identity(key, cells), key) for key, cells in told.items()}


def _identity(key: RowKey, cells: Sequence[tuple[int, Mapping[str, Any]]]) -> str:
    if not cells or not all(told.get("scored_by") for _, told in cells):
        # Nothing is scored: strategies that drop all, or none, are what their names say, wherever they do.
        where = [[seed, told.get("schedule")] for seed, told in cells]
        return json.dumps([key.strategy, key.criterion, key.ratio, where or key.match])
    return json.dumps(
        [
            [
                seed,
                told["schedule"],
                [cut[:2] for cut in told["scored_by"]],
                _applied(told.get("strategy")),
                {k: v for k, v in _options(told.get("criterion")).items() if k not in _CHOOSING},
            ]
            for seed, told in cells
        ],
        sort_keys=True,
    )


def _applied(strategy: Sequence[Any] | None) -> list[Any]:
    if strategy is None:
        return []
    name, options = strategy
    described = plugins.describe("strategies", name) if name in plugins.names("strategies") else {}
    return [options.get(option, described.get(option)) for option in _APPLIED]


def _options(plugin: Sequence[Any] | None) -> Mapping[str, Any]:
    return plugin[1] if plugin is not None else {}
