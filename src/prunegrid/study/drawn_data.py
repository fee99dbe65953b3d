"""Which code has drawn a file of the demo, and whether it is still what was drawn. Imports no torch."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from prunegrid.results.sealed import is_sealed, sealed_path

_DRAWN_BY = b"prunegrid_drawn_by"


def write_drawn(path: str | Path, table: pa.Table, key: str) -> None:
    """Write a drawn table atomically, its checksum first; its metadata hold the key of what has drawn it.

    Keys of cells hold this key in place of the file's content.
    """
    told = table.replace_schema_metadata({**(table.schema.metadata or {}), _DRAWN_BY: key.encode()})
    with sealed_path(path) as temporary:
        pq.write_table(told, temporary)


def is_drawn_by(path: str | Path, key: str) -> bool:
    """Return whether a file is there, was drawn by what has this key, and was not changed since."""
    try:
        metadata = pq.read_metadata(path).metadata or {}
    except (OSError, ValueError, pa.ArrowException):
        return False
    return bool(metadata.get(_DRAWN_BY) == key.encode()) and is_sealed(path)
