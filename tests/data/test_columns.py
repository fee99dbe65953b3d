"""Columns as different programs write them are read alike."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prunegrid import plugins
from prunegrid.data.columns import fits
from prunegrid.errors import DataError
from tests.benchmarks import worlds


class Named(pa.ExtensionType):
    """A type under another name, as writers of JSON columns have it."""

    def __init__(self):
        super().__init__(pa.string(), "tests.named")

    def __arrow_ext_serialize__(self):
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage, serialized):
        return cls()


TEXTS = [
    pa.string(),
    pa.large_string(),
    pa.string_view(),
    pa.dictionary(pa.int8(), pa.large_string()),
    Named(),
]
LISTS = [pa.list_, pa.large_list, lambda item: pa.list_(item, 2), pa.list_view, pa.large_list_view]


@pytest.mark.parametrize("make", LISTS)
def test_lists_of_any_kind(make):
    for text in TEXTS:
        assert fits(make(text), "list of text")
        assert not fits(make(text), "list of numbers")
    for number in (pa.int8(), pa.uint64(), pa.float16(), pa.float64(), pa.decimal128(5, 1)):
        assert fits(make(number), "list of numbers")
        assert not fits(make(number), "list of text")
    assert fits(make(pa.null()), "list of text")


@pytest.mark.parametrize("kind", [*TEXTS, pa.run_end_encoded(pa.int32(), pa.string()), pa.null()])
def test_texts_of_any_kind(kind):
    assert fits(kind, "text or integer")
    assert not fits(pa.bool_(), "text or integer")


def write(path, **columns):
    pq.write_table(pa.table({"image": [worlds.picture()] * 2, **columns}), path)
    return plugins.load("benchmarks", "mcq")({"adapter": "mcq", "path": str(path)})


def test_a_column_of_nothing_is_no_number(tmp_path):
    """As pandas writes a column of hints in which all are missing."""
    reader = write(
        tmp_path / "a.parquet",
        question=pa.array(["a?", "b?"], pa.dictionary(pa.int32(), pa.string())),
        choices=pa.array([["x", "y"]] * 2, pa.large_list(pa.dictionary(pa.int32(), pa.string()))),
        answer=pa.array([0.0, 1.0]),
        hint=pa.array([None, None], pa.float64()),
        question_id=pa.array([7.0, None]),
    )
    first, second = reader.samples()
    assert (first.error, first.prompt[:2], first.answer, first.sample_id) == (None, "a?", "A", "7")
    assert (second.choices, second.answer, second.sample_id) == (("x", "y"), "B", "1")
    with pytest.raises(DataError, match="'hint' is double, must be text"):
        write(
            tmp_path / "b.parquet", question=["a?"] * 2, choices=[["x"]] * 2, answer=[0, 0], hint=[1.5, None]
        ).check()


@pytest.mark.parametrize("pattern", ["part-*.parquet", "*/../part-[0-9].parquet"])
def test_a_folder_may_have_brackets_in_its_name(tmp_path, pattern):
    folder = tmp_path / "a[1]"
    (folder / "inner").mkdir(parents=True)
    worlds.write(folder / "part-0.parquet", "pope")
    reader = plugins.load("benchmarks", "pope")({"adapter": "pope", "path": str(folder / pattern)})
    assert reader.check() == 6
