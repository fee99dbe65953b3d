"""Reading a file of predictions: the same rows as pyarrow's general reader gives, and no damaged ones."""

import random
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from prunegrid.errors import DataError
from prunegrid.results.predictions import (
    SCHEMA,
    prediction_row,
    read,
    read_finished,
    read_metadata,
    write_rows,
)

COLUMNS = ["token_depth", "sample_id", "status", "first_topk", "image_grids", "prediction"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Rows with lists, structs and nulls, in a folder that looks like a partition."""
    draw = random.Random(0)
    rows = [
        {
            "sample_id": f"s{i}",
            "image_id": f"i{i // 3}",
            "references": draw.choice([None, [], ["a dog", "two dogs"]]),
            "prediction": None if i % 7 == 0 else f"{draw.random()}",
            "n_image_tokens": 64,
            "n_full_image_tokens": 64,
            "image_grids": [[1, 8, 8]] * draw.randint(0, 2),
            "token_depth": [draw.randint(0, 8) for _ in range(64)],
            "first_topk": [{"id": k, "logit": draw.random()} for k in range(5)],
            "choice_logits": draw.choice([None, [0.5, -1.0]]),
            "status": "error" if i % 7 == 0 else "ok",
        }
        for i in range(100)
    ]
    path = tmp_path / "seed=1" / "predictions.parquet"
    write_rows(path, rows, {"key": "k"})
    return path


@pytest.mark.parametrize("columns", [None, COLUMNS, ["status"]])
def test_rows_are_those_of_the_general_reader(file: Path, columns: list[str] | None) -> None:
    found, metadata = read(file, columns)
    general = pq.read_table(file, columns=columns or SCHEMA.names, partitioning=None).to_pandas()
    pd.testing.assert_frame_equal(found, general, check_exact=True)
    assert list(found) == list(general)
    assert metadata == {"key": "k"}


def test_a_damaged_page_is_not_read(file: Path) -> None:
    content = bytearray(file.read_bytes())
    column = pq.ParquetFile(file).metadata.row_group(0).column(SCHEMA.names.index("prediction"))
    content[column.dictionary_page_offset + column.total_compressed_size // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(DataError, match="not a readable file"):
        read(file, ["prediction"])
    read(file, ["sample_id"])


def test_a_flipped_bit_of_what_a_file_says_of_itself_is_no_traceback(file: Path) -> None:
    """PyArrow decodes names of columns as it opens a file; with the highest bit set they are no text."""
    content, chosen = file.read_bytes(), random.Random(11)
    footer = int.from_bytes(content[-8:-4], "little") + 8
    refused = 0
    for _ in range(80):
        place = len(content) - 1 - chosen.randrange(footer)
        changed = content[place] ^ 0x80
        file.write_bytes(content[:place] + bytes([changed]) + content[place + 1 :])
        for reads in (read, read_finished, read_metadata):
            try:
                reads(file)
            except DataError:
                refused += 1
    assert refused > 100


def test_what_is_not_known_of_a_row_is_empty_or_null(tmp_path: Path) -> None:
    row = prediction_row(sample_id="s", status="error", error="no image")
    assert list(row) == SCHEMA.names
    write_rows(tmp_path / "row.parquet", [row], {})
    (found,) = pq.read_table(tmp_path / "row.parquet").to_pylist()
    assert {name for name, value in found.items() if value is None} == {
        "choices", "answer", "references", "document", "first_token_id", "choice_logits",
    }  # fmt: skip
    assert (found["prediction"], found["n_generated"], found["token_depth"]) == ("", 0, [])
    assert (found["sample_id"], found["status"], found["error"]) == ("s", "error", "no image")


def test_a_column_that_is_not_in_the_schema_is_refused() -> None:
    with pytest.raises(KeyError, match=r"'n_image_token'.*did you mean 'n_image_tokens'"):
        prediction_row(sample_id="s", n_image_token=3)
