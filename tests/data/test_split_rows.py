"""Rows that make several samples: one for each entry of a list, whatever is asked for."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prunegrid.data.sources import Source, locate
from prunegrid.data.split_rows import SplitRows

TABLES = (
    [{"name": "a", "parts": ["x", "y", "z"]}, {"name": "b", "parts": []}],
    [{"name": "c", "parts": None}, {"name": "d", "parts": ["u"]}, {"name": "e", "parts": ["v", "w"]}],
)
SCHEMA = pa.schema([("name", pa.string()), ("parts", pa.list_(pa.string()))])
# Of all files in order: name, what stands in place of the list, and its place there.
WHOLE = [
    ("a", "x", 0), ("a", "y", 1), ("a", "z", 2), ("b", [], 0), ("c", None, 0), ("d", "u", 0), ("e", "v", 0),
    ("e", "w", 1),
]  # fmt: skip


@pytest.fixture
def source(tmp_path) -> Source:
    for number, rows in enumerate(TABLES):
        table = pa.Table.from_pylist(rows, SCHEMA)
        pq.write_table(table, tmp_path / f"{number}.parquet", row_group_size=1)
    return locate([str(tmp_path)])


def split(source: Source, **how) -> SplitRows:
    return SplitRows(source, {"name": "text", "parts": "list of text"}, by="parts", **how)


def seen(rows) -> list[tuple]:
    return [(row.get("name"), row.get("parts"), row.part) for row in rows]


def test_each_entry_is_a_row_in_order(source):
    rows = split(source)
    assert len(rows) == len(WHOLE)
    assert seen(rows.read()) == WHOLE
    assert [row.number for row in rows.read()] == [0, 0, 0, 1, 2, 3, 4, 4]


@pytest.mark.parametrize("positions", [[0], [1, 2], [2, 3, 4], [0, 6, 7], [7], []])
def test_what_is_asked_for_is_what_stands_there(source, positions):
    assert seen(split(source).read(positions)) == [WHOLE[at] for at in positions]


def test_a_limit_counts_entries(source):
    assert seen(split(source, limit=2).read()) == WHOLE[:2]
    small, large = (seen(split(source, limit=n, limit_seed=1).read()) for n in (3, 5))
    assert len(small) == 3
    assert set(map(str, small)) < set(map(str, large)) < set(map(str, WHOLE))
    assert large == [one for one in WHOLE if one in large], "their order is kept"


def test_columns_that_are_not_asked_for_are_not_read(source):
    (row,) = split(source).read([7], columns=("name",))
    assert (row.values, row.part) == ({"name": "e"}, 1)
    assert split(source).naming_files("name") == [*range(len(WHOLE))], "each entry's own position"


def test_positions_must_ascend(source):
    with pytest.raises(ValueError, match="ascending"):
        next(split(source).read([2, 1]))


def test_a_row_is_read_once_for_its_entries(source, monkeypatch):
    rows = split(source)
    read = []
    kept = SplitRows._read
    monkeypatch.setattr(
        SplitRows,
        "_read",
        lambda self, numbers, columns: read.append([*numbers]) or kept(self, numbers, columns),
    )
    assert len(list(rows.read([0, 1, 2, 7]))) == 4
    assert read == [[0, 4]]
