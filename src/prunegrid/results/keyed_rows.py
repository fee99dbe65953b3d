"""Parquet files of rows that stand under one key, with a checksum beside each: written and read. No torch."""

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


@dataclass(frozen=True)
class KeyedRows:
    """A kind of such files.

    Attributes
    ----------
    schema : pa.Schema
        Of the rows.
    what : str
        What they are, for messages.
    made, finished : str
        What was done under the key, and what a file was before it was changed: computed, written.
    target : str
        Of `snakemake`, which makes them.
    """

    schema: pa.Schema
    what: str
    made: str
    finished: str
    target: str

    def write(self, path: str | Path, rows: Sequence[Mapping[str, Any]], metadata: Mapping[str, Any]) -> None:
        """Write rows atomically, the checksum of the file first.

        Parameters
        ----------
        path : path
            The file; its checksum stands beside it.
        rows : sequence of mapping
            Columns of `schema`.
        metadata : mapping
            What they were made with; `key` is the hash of all that they depend on.
        """
        content = {METADATA_KEY: json.dumps(dict(metadata), sort_keys=True)}
        table = pa.Table.from_pylist(list(rows), schema=self.schema).replace_schema_metadata(content)
        with sealed_path(path) as temporary:
            pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)

    def read(self, path: str | Path, key: str | None = None) -> tuple[pd.DataFrame, dict[str, Any]]:
        """Read rows, and what they were made with.

        Parameters
        ----------
        path : path
            The file.
        key : str, optional
            The key that it has to have been made under.

        Raises
        ------
        DataError
            If it is no whole file of such rows, has another key, or was changed after it was written.
        """
        remedy = f"delete {path} and run `snakemake --cores 1 {self.target}`"
        try:
            table = pq.read_table(path, partitioning=None, page_checksum_verification=True)
            metadata: dict[str, Any] = json.loads((table.schema.metadata or {}).get(METADATA_KEY, "{}"))
        except (OSError, ValueError, pa.ArrowException) as error:
            raise DataError(f"{path} is no readable file of {self.what}: {error}; {remedy}") from error
        if not table.schema.equals(self.schema) or not metadata or not checksum_of(path).exists():
            raise DataError(f"{path} is no file of {self.what}; {remedy}")
        if key is not None and metadata.get("key") != key:
            raise DataError(
                f"{path} was {self.made} under the key {metadata.get('key')}, not {key}: with other code, "
                f"another model or other settings; {remedy}"
            )
        if not is_sealed(path):
            raise DataError(
                f"{path} was changed after it was {self.finished}: its checksum is another one; {remedy}"
            )
        return table.to_pandas(), metadata
