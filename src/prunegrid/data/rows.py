"""Read the selected rows of a data set one at a time, and only the columns that are asked for."""

import hashlib
import heapq
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from prunegrid.data.cell_values import is_missing, is_number, spelled, whole
from prunegrid.data.columns import check_columns
from prunegrid.data.sources import Source
from prunegrid.data.table_files import open_shard
from prunegrid.errors import DataError


@dataclass(frozen=True)
class Row:
    """One row; its readers raise DataError naming the column, so that an adapter can report a broken row.

    Attributes
    ----------
    number : int
        Its number in the whole set, over all files, from 0; a limit does not change it.
    file : Path
        The file it is from.
    values : dict
        Column -> value, for the columns asked for that the file has.
    error : str or None
        What is wrong with the row as a whole (a line that is no JSON).
    part : int
        Which of the samples that a row makes, from 0; see `prunegrid.data.split_rows`.
    """

    number: int
    file: Path
    values: dict[str, Any]
    error: str | None = None
    part: int = 0

    def get(self, name: str) -> Any:
        """Return the value of a column, None if it is absent or null."""
        if self.error:
            raise DataError(self.error)
        return self.values.get(name)

    def text(self, name: str) -> str:
        """Return a text that is not blank, as it stands."""
        value = self.get(name)
        if not isinstance(value, str):
            raise DataError(f"{name} is {_what(value)}, must be text")
        if not value.strip():
            raise DataError(f"{name} is empty")
        return value

    def integer(self, name: str) -> int:
        """Return a whole number; 2.0 is one."""
        value = whole(self.get(name))
        if value is None:
            raise DataError(f"{name} is {_what(self.get(name))}, must be an integer")
        return value

    def optional_text(self, name: str) -> str:
        """Return a text as it stands or a number written out; empty where there is none.

        Of a column that often has none: "nan" is what a frame made of that.
        """
        value = self.get(name)
        return "" if value is None else not_missing(as_text(value, name), name)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of at least one text; numbers are written out."""
        value = self.get(name)
        if not isinstance(value, list):
            raise DataError(f"{name} is {_what(value)}, must be a list of text")
        if not value:
            raise DataError(f"{name} is an empty list")
        return tuple(as_text(item, f"{name}[{position}]") for position, item in enumerate(value))

    def described(self, name: str) -> tuple[str, ...]:
        """Return a list of texts of which at least one has a letter or digit: captions of a picture."""
        texts = self.texts(name)
        if not any(letter.isalnum() for text in texts for letter in text):
            raise DataError(f"{name} has no word")
        return texts

    def identifier(self, name: str) -> str:
        """Return a text or whole number as text."""
        value = self.get(name)
        if not is_number(value):
            return self.text(name)
        if (number := whole(value)) is None:
            raise DataError(
                f"{name} is {value}, must be text or a whole number; a float has no more than 15 digits"
            )
        return str(number)


def as_text(value: Any, name: str) -> str:
    """Return a text as it stands or a number written out; `name` is for the message."""
    if isinstance(value, str):
        return value
    if is_number(value) and math.isfinite(value):
        return spelled(value)
    raise DataError(f"{name} is {_what(value)}, must be text")


def not_missing(text: str, name: str) -> str:
    """Return a text; raise DataError if it is what a frame made of a missing value."""
    if is_missing(text):
        raise DataError(f"{name} is {text!r}, as pandas spells a missing value: leave it null")
    return text


def _what(value: Any) -> str:
    if is_number(value):
        return f"{type(value).__name__} {value}"
    return "null" if value is None else type(value).__name__


class Rows:
    """The selected rows of a data set; making it checks every file's columns and reads no row of Parquet.

    Parameters
    ----------
    source : Source
        Its files.
    columns, optional : mapping
        Column -> type family (`prunegrid.data.columns.FAMILIES`); optional ones may be absent.
    rename : mapping, optional
        Column as named here -> its name in the files.
    aliases : mapping, optional
        Column as named here -> another name that is taken where no file has the first.
    limit : int, optional
        The first `limit` rows only, or that many drawn at random if there is a `limit_seed`.
    limit_seed : int, optional
        Seed of the sample; its rows keep their order. A larger sample of one seed holds the smaller.
    all_columns : bool
        Whether all that the files have is read, not only the columns named.

    Raises
    ------
    DataError
        Naming the file and the columns that are missing or of the wrong type, or an empty set.
    """

    def __init__(
        self,
        source: Source,
        columns: Mapping[str, str],
        optional: Mapping[str, str] | None = None,
        *,
        rename: Mapping[str, str] | None = None,
        aliases: Mapping[str, str] | None = None,
        limit: int | None = None,
        limit_seed: int | None = None,
        all_columns: bool = False,
    ) -> None:
        self.source = source
        self._rename = dict(rename or {})
        self._shards = [open_shard(file) for file in source.files]
        there = {name for shard in self._shards for name in shard.types}
        for name, other in (aliases or {}).items():
            if name not in there and other in there:
                self._rename.setdefault(name, other)
        optional = dict(optional or {})
        total, self._starts = 0, []
        for shard in self._shards:
            self._starts.append(total)
            total += shard.n_rows
            # A JSONL file without lines has no columns.
            if shard.types or shard.n_rows:
                names = {self._in_file(name): family for name, family in columns.items()}
                names |= {
                    self._in_file(name): family
                    for name, family in optional.items()
                    if name in self._rename or name in shard.types
                }
                check_columns(shard.file, shard.types, names)
        if not total:
            raise DataError(f"{', '.join(str(file) for file in source.files)}: holds no row")
        self.present = frozenset(
            name
            for name in (*columns, *optional)
            if any(self._in_file(name) in s.types for s in self._shards)
        )
        self.types = {name: kind for shard in reversed(self._shards) for name, kind in shard.types.items()}
        self.found = sorted({name for shard in self._shards for name in shard.types})
        if all_columns:
            self.present |= {*self.found}
        self.numbers: Sequence[int] = chosen(total, limit, limit_seed)

    def _in_file(self, name: str) -> str:
        return self._rename.get(name, name)

    def __len__(self) -> int:
        return len(self.numbers)

    def naming_files(self, name: str) -> list[int]:
        """Return positions of the rows whose images may be named by a path; reads no image."""
        named = [shard.may_name_files(self._in_file(name)) for shard in self._shards]
        return [
            position
            for position, number in enumerate(self.numbers)
            if named[bisect_right(self._starts, number) - 1]
        ]

    def read(
        self, positions: Sequence[int] | None = None, columns: Sequence[str] | None = None
    ) -> Iterator[Row]:
        """Yield rows in order.

        Parameters
        ----------
        positions : sequence of int, optional
            Ascending positions among the selected rows; default all. Files and row groups without
            any of them are not read.
        columns : sequence of str, optional
            Default all that are there.
        """
        numbers = self.numbers if positions is None else [self.numbers[position] for position in positions]
        if any(b <= a for a, b in pairwise(numbers)):
            raise ValueError("positions must be ascending and distinct")
        yield from self._read(numbers, columns)

    def _read(self, numbers: Sequence[int], columns: Sequence[str] | None) -> Iterator[Row]:
        """Yield the rows with ascending numbers."""
        names = [name for name in (self.present if columns is None else columns) if name in self.present]
        for start, shard in zip(self._starts, self._shards, strict=True):
            here = numbers[bisect_left(numbers, start) : bisect_left(numbers, start + shard.n_rows)]
            if not here:
                continue
            in_file = {name: self._in_file(name) for name in sorted(names)}
            wanted = [column for column in dict.fromkeys(in_file.values()) if shard.may_have(column)]
            for number, values, error in shard.rows([number - start for number in here], wanted):
                named = {name: values.get(column) for name, column in in_file.items()}
                yield Row(start + number, shard.file, named, error)


def chosen(total: int, limit: int | None, seed: int | None) -> Sequence[int]:
    """Return the numbers that a limit leaves: the first, or with a seed a sample; all where it is none."""
    if limit is None or limit >= total:
        return range(total)
    return range(limit) if seed is None else _sample(total, limit, seed)


def _sample(total: int, size: int, seed: int) -> list[int]:
    """Draw rows by hash and not by a library's generator: the same for ever, nested for growing sizes."""

    def key(number: int) -> bytes:
        return hashlib.sha256(f"{seed}/{number}".encode()).digest()

    return sorted(heapq.nsmallest(size, range(total), key=key))
