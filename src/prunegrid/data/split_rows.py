"""Rows of which each makes as many samples as a list in it has entries."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, groupby, pairwise
from typing import Any

from prunegrid.data.rows import Row, Rows, chosen
from prunegrid.data.sources import Source


class SplitRows(Rows):
    """Rows of which `read` yields one for each entry of a list: the entry stands in place of the list.

    A row whose list is empty, or is no list, is one row as it stands. Positions and limits count what is
    yielded.

    Parameters
    ----------
    source, columns, optional, rename, aliases
        As of `Rows`.
    by : str
        The column that holds the list; making the rows reads it.
    limit, limit_seed : int, optional
        As of `Rows`, of what is yielded.

    Raises
    ------
    DataError
        As of `Rows`.
    """

    def __init__(
        self,
        source: Source,
        columns: Mapping[str, str],
        optional: Mapping[str, str] | None = None,
        *,
        by: str,
        rename: Mapping[str, str] | None = None,
        aliases: Mapping[str, str] | None = None,
        limit: int | None = None,
        limit_seed: int | None = None,
    ) -> None:
        super().__init__(source, columns, optional, rename=rename, aliases=aliases)
        self._by = by
        parts = [_parts(row.values.get(by)) for row in self._read(self.numbers, (by,))]
        starts = [0, *accumulate(parts)]
        selected = chosen(starts[-1], limit, limit_seed)
        # Of each its row, and its place there.
        self.numbers = [bisect_right(starts, number) - 1 for number in selected]
        self._places = [number - starts[row] for number, row in zip(selected, self.numbers, strict=True)]

    def read(
        self, positions: Sequence[int] | None = None, columns: Sequence[str] | None = None
    ) -> Iterator[Row]:
        """Yield rows in order, each read once for all of its entries; arguments as of `Rows`."""
        wanted = range(len(self.numbers)) if positions is None else positions
        if any(b <= a for a, b in pairwise(wanted)):
            raise ValueError("positions must be ascending and distinct")
        by_row = [(number, [*own]) for number, own in groupby(wanted, lambda at: self.numbers[at])]
        rows = self._read([number for number, _ in by_row], columns)
        for row, (_, own) in zip(rows, by_row, strict=True):
            for at in own:
                yield self._part(row, self._places[at])

    def _part(self, row: Row, place: int) -> Row:
        entries, values = row.values.get(self._by), row.values
        if isinstance(entries, list) and entries:
            values = {**values, self._by: entries[place]}
        return replace(row, values=values, part=place)


def _parts(entries: Any) -> int:
    return len(entries) if isinstance(entries, list) and entries else 1
