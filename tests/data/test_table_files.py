"""What is read of a file's rows: all keys of all lines."""

import base64
import json
import math
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prunegrid import plugins
from prunegrid.errors import DataError
from tests.benchmarks import worlds


def adapter(name, path, **spec):
    return plugins.load("benchmarks", name)({"adapter": name, "path": str(path), **spec})


@pytest.fixture
def jsonl(tmp_path):
    """Write rows about one picture, under the keys given, to a JSONL file; return its path."""
    (tmp_path / "a.png").write_bytes(worlds.picture()["bytes"])

    def write(*rows):
        lines = [row if isinstance(row, str) else json.dumps({"image": "a.png", **row}) for row in rows]
        (tmp_path / "rows.jsonl").write_text("\n".join(lines), encoding="utf-8")
        return tmp_path / "rows.jsonl"

    return write


QUESTION = {"question": "Which?", "choices": ["cat", "dog"], "answer": "A"}


def test_keys_that_the_first_line_has_not_are_read(jsonl):
    later = {**QUESTION, "hint": "Look.", "question_id": "q7", "image_id": "i7"}
    first, second = adapter("mcq", jsonl(QUESTION, later)).samples()
    assert (first.sample_id, second.sample_id, second.image_id) == ("0", "q7", "i7")
    assert second.prompt.startswith("Context: Look.\nWhich?")
    assert not first.prompt.startswith("Context")
    rows = [{"question": "Which?", "answer": "a"}, {"question": "Which?", "answers": ["b", "b", "c"]}]
    assert [sample.answer for sample in adapter("vqa", jsonl(*rows)).samples()] == ["a", "b"]
    rows = [{"caption": None}, {"references": ["A cat."]}]
    none, some = adapter("caption", jsonl(*rows)).samples()
    assert some.references == ("A cat.",)
    assert "no captions" in none.error


def test_the_first_value_of_a_column_tells_its_type(jsonl):
    rows = [{**QUESTION, "hint": None}, {**QUESTION, "hint": ["a", "list"]}]
    with pytest.raises(DataError, match=r"'hint' is list<.*>, must be text"):
        adapter("mcq", jsonl(*rows)).check()
    with pytest.raises(DataError, match="missing columns: answer"):
        adapter("mcq", jsonl({"question": "Which?"}, {"choices": ["cat"]})).check()


def test_a_broken_first_line_is_an_error_row_as_any_other(jsonl):
    first, second = adapter("mcq", jsonl("{broken", QUESTION)).samples()
    assert "row 0: not a line of JSON" in first.error
    assert second.error is None
    for content in ('[{"image": "a.png"}]', '{\n"image": "a.png"\n}'):
        with pytest.raises(DataError, match=r"rows\.jsonl: no line is a row; the first: "):
            adapter("mcq", jsonl(content)).check()


def parquet(path, rows, **types):
    table = pa.Table.from_pylist([{"image": worlds.picture(), **row} for row in rows])
    for name, kind in types.items():
        table = table.set_column(table.column_names.index(name), name, table[name].cast(kind))
    pq.write_table(table, path)
    return path


def test_whole_numbers_that_a_frame_made_floats_are_whole(tmp_path):
    """Through pandas to Parquet and to JSONL, with one missing value in each column."""
    frame = pd.DataFrame(
        {"image": [worlds.picture()] * 3, "question": "How many?", "answer": [2, 0.5, None],
         "question_id": [7, 8, None]}
    )  # fmt: skip
    frame.to_parquet(tmp_path / "a.parquet")
    frame["image"] = [{"bytes": base64.b64encode(one["bytes"]).decode()} for one in frame["image"]]
    frame.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    lines = [json.dumps(row) for row in frame.to_dict("records")]
    assert "NaN" in lines[2]
    (tmp_path / "b.jsonl").write_text("\n".join(lines))
    for name in ("a.parquet", "a.jsonl", "b.jsonl"):
        samples = list(adapter("vqa", tmp_path / name).samples())
        assert [sample.answer for sample in samples] == ["2", "0.5", None], name
        assert [sample.sample_id for sample in samples] == ["7", "8", "2"], name
        assert "answer is null" in samples[2].error


@pytest.mark.parametrize(
    ("kind", "answers"),
    [
        (pa.float32(), ["2", "0.1"]),
        (pa.float16(), ["2", "0.1"]),
        (pa.decimal128(10, 2), ["2", "0.1"]),
        (pa.float64(), ["2", "0.1"]),
    ],
)
def test_numbers_are_written_as_they_show(tmp_path, kind, answers):
    rows = [{"question": "How many?", "answer": 2.0}, {"question": "How many?", "answer": 0.1}]
    if pa.types.is_decimal(kind) or pa.types.is_float16(kind):
        rows = [{**row, "answer": Decimal(str(row["answer"]))} for row in rows]
        table = pa.Table.from_pylist([{"image": worlds.picture(), **row} for row in rows])
        typed = pa.array([np.float16(r["answer"]) for r in rows] if kind == pa.float16() else
                         [r["answer"] for r in rows], kind)  # fmt: skip
        pq.write_table(table.set_column(2, "answer", typed), tmp_path / "a.parquet")
    else:
        parquet(tmp_path / "a.parquet", rows, answer=kind)
    assert [sample.answer for sample in adapter("vqa", tmp_path / "a.parquet").samples()] == answers


def test_numbers_in_lists(tmp_path):
    rows = [
        {"question": "?", "choices": [3.0, 2.5], "answer": 1.0},
        {"question": "?", "choices": [1.0, None], "answer": 0.0},
        {"question": "?", "choices": [1.0, math.inf], "answer": 0.0},
        {"question": "?", "choices": [1.0, 2.0], "answer": 0.5},
    ]
    samples = list(adapter("mcq", parquet(tmp_path / "a.parquet", rows)).samples())
    assert (samples[0].choices, samples[0].answer) == (("3", "2.5"), "B")
    assert [sample.error for sample in samples[1:]] == [
        "row 1: choices[1] is null, must be text",
        "row 2: choices[1] is float inf, must be text",
        "row 3: answer is 0.5, must be text or a whole number; a float has no more than 15 digits",
    ]


def test_an_id_that_a_float_cannot_hold_is_an_error(jsonl):
    rows = [{**QUESTION, "question_id": 2.0**53 + 2}, {**QUESTION, "question_id": 2**53 + 1}]
    rounded, exact = adapter("mcq", jsonl(*rows)).samples()
    assert "question_id is 9007199254740994.0, must be text or a whole number" in rounded.error
    assert exact.sample_id == "9007199254740993"


def test_a_missing_hint_is_none(jsonl):
    rows = [{**QUESTION, "hint": float("nan")}, {**QUESTION, "hint": "nan"}, {**QUESTION, "hint": 5.0}]
    missing, spelled, number = adapter("mcq", jsonl(*rows)).samples()
    assert missing.prompt.startswith("Which?")
    assert spelled.error == "row 1: hint is 'nan', as pandas spells a missing value: leave it null"
    assert number.prompt.startswith("Context: 5\nWhich?")


@pytest.mark.parametrize(
    ("text", "references", "fault"),
    [
        ("['A cat.', \"It's\"]", ("A cat.", "It's"), None),
        ('["A cat.", "A dog."]', ("A cat.", "A dog."), None),
        ("['A cat.' 'A dog.']", None, "a list written as text"),
        ("[sic] A cat.", ("[sic] A cat.",), None),
        ("nan", None, "as pandas spells a missing value"),
    ],
)
def test_captions_that_a_frame_made_text(jsonl, text, references, fault):
    (sample,) = adapter("caption", jsonl({"references": text})).samples()
    assert sample.references == references
    assert sample.error is None if fault is None else fault in sample.error


@pytest.mark.parametrize("answer", ["['a', 'b']", "nan"])
def test_an_answer_that_a_frame_made_text_is_an_error(jsonl, answer):
    (sample,) = adapter("vqa", jsonl({"question": "Which?", "answer": answer})).samples()
    assert "a list written as text" in sample.error or "missing value" in sample.error


def test_a_picture_needs_a_reference_with_a_word(jsonl):
    rows = [
        {"references": ["", " "]},
        {"references": ["...", "\n"]},
        {"references": "..."},
        {"references": ["", "Ein Hund."]},
    ]
    samples = list(adapter("caption", jsonl(*rows)).samples())
    assert [sample.error for sample in samples] == [
        "row 0: references has no word", "row 1: references has no word",
        "row 2: references has no word", None,
    ]  # fmt: skip
