"""Read rows of one Parquet or JSONL file, in batches of 32."""

import json
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from prunegrid.data.cell_values import from_arrow, without_nan
from prunegrid.data.columns import may_name_files
from prunegrid.errors import DataError

# Rows held at once; with photographs of 200 kB that is some 6 MB.
_BATCH = 32
_HALF = re.compile("[\ud800-\udfff]")

# (number in the file, values, what is wrong with the row as a whole)
RawRow = tuple[int, dict[str, Any], str | None]


class ParquetShard:
    """A Parquet file; opening it reads the footer only."""

    def __init__(self, file: Path) -> None:
        self.file = file
        with self._open() as parquet:
            self.types = {
                # pandas has no other type for a column in which every value is missing.
                field.name: pa.null()
                if pa.types.is_floating(field.type) and _all_null(parquet.metadata, field.name)
                else field.type
                for field in parquet.schema_arrow
            }
            groups = [parquet.metadata.row_group(i).num_rows for i in range(parquet.metadata.num_row_groups)]
        self.starts = [sum(groups[:i]) for i in range(len(groups) + 1)]
        self.n_rows = self.starts[-1]

    def _open(self) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(self.file, memory_map=True)
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError(f"{self.file}: not a readable Parquet file: {error}") from error

    def may_have(self, column: str) -> bool:
        """Tell whether a column can be asked for."""
        return column in self.types

    def may_name_files(self, column: str) -> bool:
        """Tell whether a column of images may hold paths, from the footer: no image is read."""
        if column not in self.types or not may_name_files(self.types[column]):
            return False
        with self._open() as parquet:
            return not _all_set(parquet.metadata, f"{column}.bytes")

    def rows(self, numbers: Sequence[int], columns: Sequence[str]) -> Iterator[RawRow]:
        """Yield the rows with the given ascending numbers; row groups without any are not read."""
        if not columns:
            yield from ((number, {}, None) for number in numbers)
            return
        with self._open() as parquet:
            for group, (start, stop) in enumerate(zip(self.starts, self.starts[1:], strict=False)):
                wanted = numbers[bisect_left(numbers, start) : bisect_left(numbers, stop)]
                if not wanted:
                    continue
                batches = parquet.iter_batches(batch_size=_BATCH, row_groups=[group], columns=list(columns))
                try:
                    for batch in batches:
                        stop_batch = start + batch.num_rows
                        here = wanted[bisect_left(wanted, start) : bisect_left(wanted, stop_batch)]
                        for number in here:
                            yield (number, *_values(batch, number - start))
                        start = stop_batch
                        if start > wanted[-1]:
                            break
                except (pa.ArrowInvalid, OSError) as error:
                    told = " ".join(str(error).split())  # Arrow's messages may have several lines.
                    raise DataError(f"{self.file}: row group {group} cannot be read: {told}") from error


def _all_set(metadata: pq.FileMetaData, leaf: str) -> bool:
    """Return whether a leaf column is there and null in no row, as far as the footer tells."""
    return all(nulls == 0 for nulls, _ in _nulls(metadata, leaf))


def _all_null(metadata: pq.FileMetaData, leaf: str) -> bool:
    """Return whether a leaf column is there and null in every row, as far as the footer tells."""
    return all(nulls == n_rows for nulls, n_rows in _nulls(metadata, leaf))


def _nulls(metadata: pq.FileMetaData, leaf: str) -> Iterator[tuple[int | None, int]]:
    """Yield (nulls of a leaf column or None where it is not told, rows) of each row group."""
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        columns = [group.column(at) for at in range(group.num_columns)]
        counts = [
            one.statistics.null_count
            for one in columns
            if one.path_in_schema == leaf and one.statistics and one.statistics.has_null_count
        ]
        yield (counts[0] if counts else None), group.num_rows


def _values(batch: pa.RecordBatch, index: int) -> tuple[dict[str, Any], str | None]:
    values, faults = {}, []
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            values[name] = from_arrow(column[index])
        except UnicodeDecodeError:
            faults.append(f"{name} is not UTF-8 text")
    return values, "; ".join(faults) or None


class JsonLines:
    """A JSONL file: one JSON object a line, blank lines ignored.

    Its columns are the keys of all lines; the first value that is not null tells the type of each.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.n_rows = 0
        self.types: dict[str, pa.DataType] = {}
        first_fault, n_faults = "", 0
        for _, line in self._lines():
            self.n_rows += 1
            values, fault = _parse(line)
            if fault:
                n_faults += 1
                first_fault = first_fault or fault
            for name, value in values.items():
                if name not in self.types or pa.types.is_null(self.types[name]):
                    self.types[name] = _infer(value)
        # Among good rows, a broken one is an error row.
        if n_faults and n_faults == self.n_rows:
            raise DataError(f"{file}: no line is a row; the first: {first_fault}")

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        with self.file.open("rb") as handle:
            yield from enumerate(line for line in handle if line.strip())

    def may_have(self, column: str) -> bool:
        """Tell whether a column can be asked for: any; a row without it has null."""
        return True

    def may_name_files(self, column: str) -> bool:
        """Tell whether a column of images may hold paths: any line's text may be one."""
        return True

    def rows(self, numbers: Sequence[int], columns: Sequence[str]) -> Iterator[RawRow]:
        """Yield the rows with the given ascending numbers (blank lines do not count)."""
        remaining = iter(numbers)
        wanted = next(remaining, None)
        for number, line in self._lines():
            if wanted is None:
                return
            if number == wanted:
                values, fault = _parse(line)
                yield number, {name: values.get(name) for name in columns}, fault
                wanted = next(remaining, None)


def _parse(line: bytes) -> tuple[dict[str, Any], str | None]:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as error:
        return {}, f"not a line of JSON: {error}"
    if not isinstance(values, dict):
        return {}, f"must be a JSON object, is {type(values).__name__}"
    if b"NaN" in line:
        # No JSON, but pandas and Python write it.
        values = without_nan(values)
    if b"\\ud" in line or b"\\uD" in line or b"\xed" in line:
        return _mended(values)
    return values, None


def _mended(values: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
    """Return values without halves of surrogate pairs, and which had some: no file can hold such a text."""
    mended = {_without_halves(name): _without_halves(value) for name, value in values.items()}
    broken = [name for name, value in mended.items() if values.get(name) != value]
    fault = f"{', '.join(broken)}: half of a surrogate pair, which is no character" if broken else None
    return mended, fault


def _without_halves(value: Any) -> Any:
    if isinstance(value, str):
        return _HALF.sub("\ufffd", value)
    if isinstance(value, list):
        return [_without_halves(item) for item in value]
    if isinstance(value, dict):
        return {_without_halves(key): _without_halves(item) for key, item in value.items()}
    return value


def _infer(value: Any) -> pa.DataType:
    try:
        return pa.infer_type([value])
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        # A mixed list or a huge number: the rows say one by one what is wrong with it.
        return pa.null()


def open_shard(file: Path) -> ParquetShard | JsonLines:
    """Open a file by its ending."""
    return ParquetShard(file) if file.suffix == ".parquet" else JsonLines(file)
