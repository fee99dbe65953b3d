"""Pictures that a data set names by their path are part of its files, in any type of column."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prunegrid import plugins
from tests.benchmarks import worlds

STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
NAMED = {
    "struct": (STRUCT, lambda name: {"bytes": None, "path": name}),
    "path alone": (pa.struct([("path", pa.string())]), lambda name: {"path": name}),
    "large text": (pa.large_string(), str),
    "text": (pa.string(), str),
    "dictionary": (pa.dictionary(pa.int32(), pa.string()), str),
    "view": (pa.string_view(), str),
}


@pytest.fixture
def adapter(tmp_path):
    """Return an adapter of two questions about pictures in the files one.png and two.png."""
    for number, name in enumerate(("one", "two")):
        (tmp_path / f"{name}.png").write_bytes(worlds.picture(number)["bytes"])

    def make(kind, cells, **options):
        images = pa.array(cells, kind.value_type if pa.types.is_dictionary(kind) else kind)
        images = images.dictionary_encode() if pa.types.is_dictionary(kind) else images
        texts = {"question": ["Which?"] * len(cells), "answer": ["a"] * len(cells)}
        pq.write_table(pa.table({"image": images, **texts}), tmp_path / "a.parquet", **options)
        return plugins.load("benchmarks", "vqa")({"adapter": "vqa", "path": str(tmp_path / "a.parquet")})

    return make


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("statistics", [True, False])
def test_pictures_named_by_path_are_files_of_the_data(adapter, name, statistics):
    kind, cell = NAMED[name]
    reader = adapter(kind, [cell("one.png"), cell("two.png")], write_statistics=statistics)
    assert [file.name for file in reader.files()] == ["a.parquet", "one.png", "two.png"]
    assert [sample.error for sample in reader.samples()] == [None, None]


def test_one_named_among_stored_pictures_is_found(adapter):
    stored = {"bytes": worlds.picture()["bytes"], "path": "one.png"}
    reader = adapter(STRUCT, [stored, stored, {"bytes": None, "path": "two.png"}], row_group_size=1)
    assert [file.name for file in reader.files()] == ["a.parquet", "two.png"]
    # A path beside bytes is not read, no more than `datasets` reads it.
    empty = adapter(STRUCT, [{"bytes": b"", "path": "one.png"}])
    assert [file.name for file in empty.files()] == ["a.parquet"]
    assert next(empty.samples()).error == "row 0: image is empty"


def test_stored_pictures_are_not_read_to_look_for_paths(adapter, monkeypatch):
    reader = adapter(STRUCT, [worlds.picture(0), worlds.picture(1)])
    read = []
    rows = type(reader._opened()).read
    monkeypatch.setattr(
        "prunegrid.data.rows.Rows.read", lambda self, *a, **k: read.extend(a[0]) or rows(self, *a, **k)
    )
    assert [file.name for file in reader.files()] == ["a.parquet"]
    assert read == []


def test_a_limit_leaves_other_pictures_out(adapter, tmp_path):
    rows = [{"image": name, "question": "Which?", "answer": "a"} for name in ("one.png", "two.png")]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    spec = {"adapter": "vqa", "path": str(tmp_path / "a.jsonl"), "limit": 1}
    reader = plugins.load("benchmarks", "vqa")(spec)
    assert [file.name for file in reader.files()] == ["a.jsonl", "one.png"]
