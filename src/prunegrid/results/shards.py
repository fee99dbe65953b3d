"""Write, check and join the shards of a cell: Parquet files of some of its rows each. Imports no torch.

Every file is written at once or not at all, and two jobs that write one file write the same rows: jobs need
no locks among themselves.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import compute as pc
from pyarrow import parquet

from prunegrid import plugins
from prunegrid.errors import DataError
from prunegrid.files import write_sealed
from prunegrid.results.computed_on import all_devices, batch_range
from prunegrid.results.predictions import (
    METADATA_KEY,
    SCHEMA,
    TOO_LARGE,
    is_other_code,
    write_finished,
    write_rows,
)
from prunegrid.results.sealed import is_sealed
from prunegrid.results.store import Store

_LOG = logging.getLogger(__name__)


class CellShards:
    """The shards of one cell, each a file `{number}.parquet` of up to `size` rows.

    Parameters
    ----------
    store : Store
        Where they lie, and the file that they are joined to.
    key : str
        The cell's.
    size : int
        Samples per shard. Shards of another size hold other rows and lie in a folder of their own.
    sample_ids : sequence of str
        All ids of the benchmark, in order.
    code : str
        Hash of the code that its key stands for.
    """

    def __init__(self, store: Store, key: str, size: int, sample_ids: Sequence[str], code: str) -> None:
        self.finished = store.predictions(key)
        self._store, self._key = store, key
        self._folder = store.shards(key, size)
        self._size = size
        self._sample_ids, self._code = sample_ids, code

    def __len__(self) -> int:
        return -(-len(self._sample_ids) // self._size)

    def positions(self, number: int) -> range:
        """Return the positions of a shard's samples among those of the benchmark."""
        return range(number * self._size, min((number + 1) * self._size, len(self._sample_ids)))

    def file(self, number: int) -> Path:
        """Return the file of a shard."""
        return self._folder / f"{number:05d}.parquet"

    def write(self, number: int, rows: Sequence[dict[str, Any]], metadata: dict[str, Any]) -> None:
        """Write a shard: its rows, and what will be the metadata of the whole, but of these rows."""
        write_rows(self.file(number), rows, metadata)

    def read(self, number: int) -> pa.Table:
        """Read a shard.

        Raises
        ------
        DataError
            If the file is missing, damaged, or not what this shard has to be: of this cell, its code and
            these samples.
        """
        file, positions = self.file(number), self.positions(number)
        try:
            sealed = is_sealed(file)
            # By its full name: PyArrow takes `~` and `name:` at the beginning for its own.
            table = parquet.read_table(file.absolute(), partitioning=None, page_checksum_verification=True)
            metadata = _metadata(table)
            complete = table.schema.equals(SCHEMA) and bool(metadata)
        except (OSError, ValueError, pa.ArrowException) as error:
            told = " ".join(str(error).split())  # Arrow's messages may have several lines.
            raise DataError(f"{file} cannot be read: {told}") from error
        if not complete:
            raise DataError(f"{file} is not a shard of predictions")
        # Pages of rows have checksums of their own, what a file says of itself has not.
        if not sealed:
            raise DataError(f"{file} is not what was written: its checksum differs")
        if metadata.get("key") != self._key:
            raise DataError(f"{file} is of another cell: its key is {metadata.get('key')}")
        if is_other_code(metadata, self._code):
            raise DataError(f"{file} was computed by other code than its key stands for")
        if table["sample_id"].to_pylist() != [*self._sample_ids[positions.start : positions.stop]]:
            raise DataError(f"{file} does not hold samples {positions.start} to {positions.stop - 1}")
        return table

    def is_done(self, number: int) -> bool:
        """Return whether a shard is there and whole; warn of one that is there and is not."""
        if not self.file(number).exists():
            return False
        try:
            self.read(number)
        except DataError as error:
            _LOG.warning(f"{error}; its samples are computed again")
            return False
        return True

    def join(self) -> None:
        """Make the cell's file of its shards, and remove them.

        Raises
        ------
        DataError
            If a shard is missing or damaged. A damaged one is removed: the next run computes it. One that
            cannot be opened stays.
        """
        tables = []
        for number in range(len(self)):
            try:
                tables.append(self.read(number))
            except DataError as error:
                # What the system does not let us read may be whole.
                if getattr(error.__cause__, "errno", None) is None:
                    self.file(number).unlink(missing_ok=True)
                raise DataError(f"{error}; run again to compute its samples") from error
        table = pa.concat_tables(table.replace_schema_metadata(None) for table in tables)
        metadata = joined_metadata(
            [json.loads(table.schema.metadata[METADATA_KEY]) for table in tables], table
        )
        note = self._store.too_large(self._key)
        if metadata["too_large"]:
            # First: a finished file that lacks it would never be tried again.
            memory = max((device["memory_gb"] for device in metadata["devices"]), default=0)
            write_sealed(note, {"rows": metadata["too_large"], "memory_gb": memory})
        write_finished(self.finished, table, metadata)
        if not metadata["too_large"]:
            note.unlink(missing_ok=True)
        for folder in self._store.all_shards(self._key):
            shutil.rmtree(folder, ignore_errors=True)


def _metadata(table: pa.Table) -> dict[str, Any]:
    metadata: dict[str, Any] = json.loads((table.schema.metadata or {}).get(METADATA_KEY, "{}"))
    return metadata


def joined_metadata(shards: Sequence[Mapping[str, Any]], table: pa.Table) -> dict[str, Any]:
    """Return the metadata of a cell's file.

    Parameters
    ----------
    shards : sequence of mapping
        Metadata of its shards.
    table : Table
        All of its rows.

    Returns
    -------
    dict
        That of the shards, with all devices, the smallest and largest batch and the sum of their seconds, and
        the schedule: where all samples have as many image tokens, as it was run.
    """
    first = shards[0]
    sizes = pc.unique(table.filter(pc.equal(table["status"], "ok"))["n_image_tokens"]).to_pylist()
    schedule = plugins.build("strategies", *first["strategy"]).schedule_for(
        first["share_ratio"],
        first["n_layers"],
        seed=first["cell"]["seed"],
        n_tokens=sizes[0] if len(sizes) == 1 else None,
    )
    return {
        **first,
        "schedule": [list(cut) for cut in schedule.cuts],
        "schedule_attempts": schedule.attempts,
        "batch_sizes": batch_range(shard["batch_sizes"] for shard in shards),
        "devices": all_devices(shards),
        "too_large": pc.sum(pc.equal(table["error"], TOO_LARGE)).as_py() or 0,
        "device": ", ".join(sorted({shard["device"] for shard in shards})),
        "seconds": round(sum(shard["seconds"] for shard in shards), 3),
    }
