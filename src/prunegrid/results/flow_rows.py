"""Schema, writer and reader of what hiding flows of attention did to answers, sample by sample. No torch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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

# Named by queries, then keys: what tokens of the first kind read of tokens of the second.
TEXT_TO_IMAGE, IMAGE_TO_IMAGE = "text_to_image", "image_to_image"
TEXT_TO_TEXT, IMAGE_TO_TEXT = "text_to_text", "image_to_text"
FLOWS = (TEXT_TO_IMAGE, IMAGE_TO_IMAGE, TEXT_TO_TEXT, IMAGE_TO_TEXT)
HIDDEN_FLOWS = (TEXT_TO_IMAGE, IMAGE_TO_IMAGE)


@dataclass(frozen=True, order=True)
class Masking:
    """A flow that is hidden in the layers first, ..., end - 1.

    Attributes
    ----------
    flow : str
        One of `HIDDEN_FLOWS`.
    first, end : int
        The layers, from 0; end is not one of them.
    """

    flow: str
    first: int
    end: int

    def __str__(self) -> str:
        return f"{self.flow} hidden in layers {self.first} to {self.end - 1}"


# docs/columns.md says what each column holds.
FLOW_ROWS = pa.schema(
    [
        pa.field("sample_id", pa.string(), nullable=False),
        ("image_id", pa.string()),
        ("flow", pa.string()),
        ("first", pa.int32()),
        ("end", pa.int32()),
        ("prediction", pa.string()),
        ("parsed_answer", pa.string()),
        ("score", pa.float64()),
        pa.field("status", pa.string(), nullable=False),
        ("error", pa.string()),
        *((flow, pa.list_(pa.float32())) for flow in FLOWS),
    ]
)


def write_flow_rows(path: str | Path, rows: Sequence[Mapping[str, Any]], metadata: Mapping[str, Any]) -> None:
    """Write rows atomically, the checksum of the file first.

    Parameters
    ----------
    path : path
        The file; its checksum stands beside it.
    rows : sequence of mapping
        Columns of `FLOW_ROWS`.
    metadata : mapping
        What they were computed with; `key` is the hash of all that they depend on.
    """
    content = {METADATA_KEY: json.dumps(dict(metadata), sort_keys=True)}
    table = pa.Table.from_pylist(list(rows), schema=FLOW_ROWS).replace_schema_metadata(content)
    with sealed_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)


def read_flow_rows(path: str | Path, key: str | None = None) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read rows.

    Parameters
    ----------
    path : path
        The file.
    key : str, optional
        The key that they have to have been computed under.

    Returns
    -------
    DataFrame
        One row per sample and masking; the unmasked model's have no `flow`.
    dict
        What they were computed with.

    Raises
    ------
    DataError
        If it is no whole file of such rows, has another key, or was changed after it was written.
    """
    remedy = f"delete {path} and run `snakemake --cores 1 flow`"
    try:
        table = pq.read_table(path, partitioning=None, page_checksum_verification=True)
        metadata: dict[str, Any] = json.loads((table.schema.metadata or {}).get(METADATA_KEY, "{}"))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise DataError(f"{path} is no readable file of flows: {error}; {remedy}") from error
    if not table.schema.equals(FLOW_ROWS) or not metadata or not checksum_of(path).exists():
        raise DataError(f"{path} is no file of flows; {remedy}")
    if key is not None and metadata.get("key") != key:
        raise DataError(
            f"{path} was computed under the key {metadata.get('key')}, not {key}: with other code, another "
            f"model or other settings; {remedy}"
        )
    if not is_sealed(path):
        raise DataError(f"{path} was changed after it was written: its checksum is another one; {remedy}")
    return table.to_pandas(), metadata
