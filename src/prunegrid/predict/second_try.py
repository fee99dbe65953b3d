"""Rows of a finished cell that did not fit into memory: compute these again, and take over all others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from prunegrid.results.computed_on import all_devices, batch_range
from prunegrid.results.predictions import TOO_LARGE, read_finished
from prunegrid.results.store import Store


@dataclass(frozen=True)
class SecondTry:
    """A finished cell some of whose rows did not fit.

    Attributes
    ----------
    table : Table
        All rows of its file.
    metadata : dict
        The file's metadata.
    """

    table: pa.Table
    metadata: dict[str, Any]

    @classmethod
    def of(cls, store: Store, key: str) -> SecondTry | None:
        """Return the cell's file if its rows are to be tried again, None if it is to be computed whole."""
        return cls(*read_finished(store.predictions(key))) if store.is_to_retry(key) else None

    def rows(self, positions: Sequence[int]) -> list[dict[str, Any]]:
        """Return the rows at some consecutive positions."""
        rows: list[dict[str, Any]] = self.table.slice(positions[0], len(positions)).to_pylist()
        return rows

    def merged_metadata(self, shard: Mapping[str, Any], n_rows: int) -> dict[str, Any]:
        """Return a shard's metadata with the devices and batches of before, and its part of the seconds."""
        before = self.metadata
        return {
            **shard,
            "device": ", ".join(sorted({*before["device"].split(", "), shard["device"]})),
            "devices": all_devices([before, shard]),
            "batch_sizes": batch_range([before["batch_sizes"], shard["batch_sizes"]]),
            "seconds": shard["seconds"] + before["seconds"] * n_rows / len(self.table),
        }


def too_large(rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return the places of rows that did not fit into memory."""
    return [place for place, row in enumerate(rows) if row["error"] == TOO_LARGE]
