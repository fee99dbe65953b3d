"""Schema, writer and reader of predictions.parquet, one row per sample (docs/columns.md). No torch."""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from prunegrid.errors import DataError
from prunegrid.nearest import nearest
from prunegrid.results.remedy import remedy
from prunegrid.results.sealed import sealed_path

if TYPE_CHECKING:
    import pandas as pd

# The error of a row whose prompt did not fit into the device's memory, alone.
TOO_LARGE = "OutOfMemoryError: the sample alone does not fit into memory"
METADATA_KEY = b"prunegrid"
_STATUSES = ("ok", "error")
# What PyArrow raises where bytes of a file are other ones.
_DAMAGED = (OSError, ValueError, pa.ArrowException)

# docs/columns.md says what each column holds. For the ledger: n_text_after, text tokens after the row's
# last image token; image_grids, what the vision tower ran on, [tiles, rows, columns] of patches; n_explained,
# tokens of the unpruned answer that a gradient was taken of.
SCHEMA = pa.schema(
    [
        pa.field("sample_id", pa.string(), nullable=False),
        ("image_id", pa.string()),
        ("prompt", pa.string()),
        ("question", pa.string()),
        ("choices", pa.list_(pa.string())),
        ("answer", pa.string()),
        ("references", pa.list_(pa.string())),
        ("document", pa.string()),
        ("prediction", pa.string()),
        ("n_image_tokens", pa.int32()),
        ("n_full_image_tokens", pa.int32()),
        ("n_text_tokens", pa.int32()),
        ("n_text_after", pa.int32()),
        ("image_grids", pa.list_(pa.list_(pa.int32()))),
        ("n_generated", pa.int32()),
        ("n_explained", pa.int32()),
        ("token_depth", pa.list_(pa.int16())),
        ("cut_ties", pa.list_(pa.bool_())),
        ("first_token_id", pa.int32()),
        ("first_topk", pa.list_(pa.struct([("id", pa.int32()), ("logit", pa.float32())]))),
        ("choice_logits", pa.list_(pa.float32())),
        ("status", pa.string()),
        ("error", pa.string()),
    ]
)

# Null where there is none; the other columns are then empty, or 0.
_OPTIONAL = ("choices", "answer", "references", "document", "first_token_id", "choice_logits", "error")


def prediction_row(**known: Any) -> dict[str, Any]:
    """Return one row of the schema from the columns that are known.

    Of an error row those of the answer are not: empty text, an empty list, 0, or null where a column may be.

    Raises
    ------
    KeyError
        If there is no such column.
    """
    for name in known:
        if name not in SCHEMA.names:
            raise KeyError(f"predictions.parquet has no column {name!r}: {nearest(name, SCHEMA.names)}")
    return {column.name: known.get(column.name, _nothing(column)) for column in SCHEMA}


def _nothing(column: pa.Field) -> Any:
    if column.name in _OPTIONAL:
        return None
    if pa.types.is_list(column.type):
        return []
    return "" if pa.types.is_string(column.type) else 0


def write_rows(
    path: str | Path, rows: Sequence[dict[str, Any]], metadata: dict[str, Any] | None = None
) -> None:
    """Write rows of a cell atomically, their checksum first."""
    write_finished(path, pa.Table.from_pylist(list(rows), schema=SCHEMA), metadata)


def write_finished(path: str | Path, table: pa.Table, metadata: dict[str, Any] | None) -> None:
    """Write the file of a whole cell atomically, its checksum first, so that no finished file lacks one."""
    with sealed_path(path) as temporary:
        _write(temporary, table, metadata)


def is_other_code(metadata: Mapping[str, Any], planned: str) -> bool:
    """Return whether the code that computed a file is not the planned one.

    Another version of Python reads another syntax tree from the same code, so that hashes can be compared
    only within one.
    """
    python = str(metadata.get("packages", {}).get("python", "")).split(".")[:2]
    return python == [*platform.python_version_tuple()[:2]] and metadata.get("code") != planned


def _write(path: Path, table: pa.Table, metadata: dict[str, Any] | None) -> None:
    if metadata is not None:
        table = table.replace_schema_metadata({METADATA_KEY: json.dumps(metadata, sort_keys=True)})
    pq.write_table(table, path, compression="zstd", write_page_checksum=True)


def read(path: str | Path, columns: Sequence[str] | None = None) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read a cell's predictions.

    Parameters
    ----------
    path : path
        The file.
    columns : sequence of str, optional
        Only these.

    Returns
    -------
    DataFrame
        One row per sample.
    dict
        The file's metadata.

    Raises
    ------
    DataError
        If it is not a whole file of predictions, repeats a sample id, or has an unknown status.
    """
    wanted = list(columns or SCHEMA.names)
    try:
        # One file, opened once: `read_table` would look for a data set of many, at twice the time.
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            schema = file.schema_arrow
            missing = [name for name in wanted if name not in schema.names]
            table = None if missing else file.read(columns=wanted)
    except _DAMAGED as error:
        raise _unreadable(path, error) from error
    if table is None:
        raise DataError(f"{path} lacks column {', '.join(missing)}; found {', '.join(schema.names)}")
    metadata = _metadata(path, schema)
    _check_rows(path, table)
    return table.to_pandas(), metadata


def read_finished(path: str | Path) -> tuple[pa.Table, dict[str, Any]]:
    """Read a cell's predictions as a table of exactly the rows that were written, and its metadata.

    Raises
    ------
    DataError
        As of `read`.
    """
    try:
        table = pq.read_table(path, partitioning=None, page_checksum_verification=True)
    except _DAMAGED as error:
        raise _unreadable(path, error) from error
    return table, _metadata(path, table.schema)


def read_metadata(path: str | Path) -> dict[str, Any]:
    """Read the metadata of a file of predictions.

    Raises
    ------
    DataError
        If it is no whole file, or prunegrid did not write it.
    """
    try:
        return _metadata(path, pq.read_schema(path))
    except _DAMAGED as error:
        raise _unreadable(path, error) from error


def read_metadata_if_any(path: str | Path) -> dict[str, Any]:
    """Read the metadata of a file of predictions; nothing where prunegrid wrote none.

    Raises
    ------
    DataError
        If it is no whole file.
    """
    try:
        schema = pq.read_schema(path)
    except _DAMAGED as error:
        raise _unreadable(path, error) from error
    return _metadata(path, schema) if METADATA_KEY in (schema.metadata or {}) else {}


def _metadata(path: str | Path, schema: pa.Schema) -> dict[str, Any]:
    if METADATA_KEY not in (schema.metadata or {}):
        raise DataError(f"{path} has no prunegrid metadata: it was not written by prunegrid; {remedy(path)}")
    try:
        metadata = json.loads(schema.metadata[METADATA_KEY])
    except ValueError as error:
        raise _unreadable(path, f"its metadata are damaged: {error}") from error
    if not isinstance(metadata, dict):
        raise _unreadable(path, "its metadata are damaged: they are no JSON object")
    return metadata


def _unreadable(path: str | Path, why: object) -> DataError:
    return DataError(f"{path} is not a readable file of predictions: {why}; {remedy(path)}")


def _check_rows(path: str | Path, table: pa.Table) -> None:
    if "sample_id" in table.column_names:
        ids = table["sample_id"]
        if len(ids.unique()) < len(ids):
            first, _ = Counter(ids.to_pylist()).most_common(1)[0]
            raise DataError(f"{path}: sample_id {first!r} stands twice; sample ids are unique")
    if "status" in table.column_names:
        unknown = [status for status in table["status"].unique().to_pylist() if status not in _STATUSES]
        if unknown:
            row = table["status"].to_pylist().index(unknown[0])
            raise DataError(f"{path}: status is 'ok' or 'error', found {unknown[0]!r} in row {row}")
