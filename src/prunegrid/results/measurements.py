"""Schema, writer and reader of latency.parquet: single measurements of time and memory. No torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from prunegrid.errors import DataError
from prunegrid.results.predictions import METADATA_KEY
from prunegrid.results.sealed import is_sealed, sealed_path
from prunegrid.results.store import checksum_of

if TYPE_CHECKING:
    import pandas as pd

# What is timed: the vision tower and projector on one picture; one forward pass of a prompt; the generation
# of exactly `n_generated` tokens, prompt included.
VISION, PREFILL, GENERATE = "vision", "prefill", "generate"

# docs/columns.md says what each column holds.
MEASUREMENTS = pa.schema(
    [
        pa.field("position", pa.int32(), nullable=False),
        pa.field("benchmark", pa.string(), nullable=False),
        ("strategy", pa.string()),
        ("criterion", pa.string()),
        ("ratio", pa.float64()),
        ("seed", pa.int32()),
        ("match", pa.string()),
        pa.field("quantity", pa.string(), nullable=False),
        pa.field("batch_size", pa.int32(), nullable=False),
        pa.field("round", pa.int32(), nullable=False),
        ("sample_ids", pa.list_(pa.string())),
        ("n_tokens", pa.int32()),
        ("n_image_tokens", pa.int32()),
        ("n_generated", pa.int32()),
        pa.field("wall_ms", pa.float64(), nullable=False),
        ("device_ms", pa.float64()),
        ("peak_memory_mb", pa.float64()),
        ("clock_mhz", pa.int32()),
        ("throttle", pa.string()),
    ]
)


def write_measurements(path: str | Path, rows: Sequence[Mapping[str, Any]], metadata: dict[str, Any]) -> None:
    """Write the measurements of a model atomically, the checksum of the file first.

    Parameters
    ----------
    path : path
        The file; its checksum stands beside it.
    rows : sequence of mapping
        Columns of `MEASUREMENTS`.
    metadata : dict
        What they were measured with; `key` is the hash of all that they depend on.
    """
    content = {METADATA_KEY: json.dumps(metadata, sort_keys=True)}
    table = pa.Table.from_pylist(list(rows), schema=MEASUREMENTS).replace_schema_metadata(content)
    with sealed_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)


def read_measurements(path: str | Path, key: str | None = None) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read the measurements of a model.

    Parameters
    ----------
    path : path
        The file.
    key : str, optional
        The key that it has to have been measured under.

    Returns
    -------
    DataFrame
        One row per measurement.
    dict
        What they were measured with.

    Raises
    ------
    DataError
        If it is no whole file of measurements, has another key, or was changed after it was measured.
    """
    remedy = f"delete {path} and run `snakemake --cores 1 latency`"
    try:
        table = pq.read_table(path, partitioning=None, page_checksum_verification=True)
        metadata: dict[str, Any] = json.loads((table.schema.metadata or {}).get(METADATA_KEY, "{}"))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise DataError(f"{path} is no readable file of measurements: {error}; {remedy}") from error
    if not table.schema.equals(MEASUREMENTS) or not metadata or not checksum_of(path).exists():
        raise DataError(f"{path} is no file of measurements; {remedy}")
    if key is not None and metadata.get("key") != key:
        raise DataError(
            f"{path} was measured under the key {metadata.get('key')}, not {key}: with other code, another "
            f"model or other settings; {remedy}"
        )
    if not is_sealed(path):
        raise DataError(f"{path} was changed after it was measured: its checksum is another one; {remedy}")
    return table.to_pandas(), metadata
