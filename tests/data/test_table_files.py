"""What is read of a file's rows: all keys of all lines."""

import json

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
