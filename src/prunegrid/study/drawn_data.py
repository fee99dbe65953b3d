"""Which code has drawn a file of the demo: its Parquet metadata say so. Imports no torch."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

_DRAWN_BY = b"prunegrid_drawn_by"


def with_drawn_by(table: pa.Table, key: str) -> pa.Table:
    """Return a table whose metadata hold the key of what has drawn it."""
    return table.replace_schema_metadata({**(table.schema.metadata or {}), _DRAWN_BY: key.encode()})


def is_drawn_by(path: str | Path, key: str) -> bool:
    """Return whether a file is there, and was drawn by what has this key."""
    try:
        metadata = pq.read_metadata(path).metadata or {}
    except (OSError, pa.ArrowException):
        return False
    return bool(metadata.get(_DRAWN_BY) == key.encode())
