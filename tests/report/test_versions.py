"""What predictions were made with, in words and not in JSON."""

import pytest

from prunegrid.report.versions import in_words, versions
from tests.tables import worlds


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "not set"),
        (True, "yes"),
        (8, "8"),
        (["a.parquet", "b.parquet"], "a.parquet, b.parquet"),
        ([], "none"),
        (
            [{"name": "A Card", "memory_gb": 80, "cuda": None}, {"name": "B"}],
            "name: A Card, memory_gb: 80; name: B",
        ),
    ],
)
def test_values_in_words(value, words: str) -> None:
    assert in_words(value) == words


def test_what_is_set_nowhere_has_no_row_and_what_differs_has_one_each(tmp_path) -> None:
    files = {}
    for benchmark, split in (("one", None), ("two", "test")):
        files[benchmark] = tmp_path / f"{benchmark}.parquet"
        told = {"dtype": "<b>float32", "data": {"split": split, "revision": None}, "devices": [{"name": "A"}]}
        worlds.write(files[benchmark], [], told)
    text = versions(files)
    assert "revision" not in text
    assert "<td>all</td><td>&lt;b&gt;float32</td>" in text
    assert text.count("data.split") == 2
    assert "<td>one</td><td>not set</td>" in text
    assert "<td>two</td><td>test</td>" in text
    assert "<td>all</td><td>name: A</td>" in text
    assert "{" not in text
