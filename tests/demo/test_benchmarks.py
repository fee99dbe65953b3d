"""The demo's Parquet files: the hub's schemas, seeded, balanced from the first row on."""

import io
import random
from collections import Counter
from pathlib import Path

import easy_vqa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from prunegrid.demo.render_benchmark import SCHEMAS, render_benchmark
from prunegrid.demo.scene import COLOURS, SHAPES
from prunegrid.results.store import checksum_of
from prunegrid.study.drawn_data import is_drawn_by
from tests.results.flipped import damaged

IMAGE = "struct<bytes: binary, path: string>"
SHORT_ANSWERS = {
    "image": IMAGE,
    "question_id": "string",
    "image_id": "string",
    "question": "string",
    "answer": "string",
}
HUB_COLUMNS = {
    "shapes-pope": {
        "id": "string",
        "question_id": "string",
        "question": "string",
        "answer": "string",
        "image_source": "string",
        "image": IMAGE,
        "category": "string",
    },
    "shapes-mcq": {
        "image": IMAGE,
        "question": "string",
        "choices": "list<element: string>",
        "answer": "int8",
        "hint": "string",
        "task": "string",
        "grade": "string",
        "subject": "string",
        "topic": "string",
        "category": "string",
        "skill": "string",
        "lecture": "string",
        "solution": "string",
    },
    "shapes-caption": {
        "image": IMAGE,
        "image_coco_url": "string",
        "image_date_captured": "string",
        "image_file_name": "string",
        "image_height": "int32",
        "image_width": "int32",
        "image_id": "int32",
        "image_license": "int8",
        "image_open_images_id": "string",
        "annotations_ids": "list<element: int32>",
        "annotations_captions": "list<element: string>",
    },
    "shapes-list": SHORT_ANSWERS,
    "easyvqa": SHORT_ANSWERS,
}


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("benchmarks")
    for name in SCHEMAS:
        render_benchmark(name, folder / f"{name}.parquet", rows=48)
    return {name: pq.read_table(folder / f"{name}.parquet") for name in SCHEMAS}


@pytest.mark.parametrize("name", HUB_COLUMNS)
def test_schema_is_the_hubs(tables, name):
    found = {field.name: str(field.type).replace("item:", "element:") for field in tables[name].schema}
    assert list(found.items()) == list(HUB_COLUMNS[name].items())
    assert tables[name].num_rows == 48


@pytest.mark.parametrize("name", HUB_COLUMNS)
def test_images_decode(tables, name):
    image = Image.open(io.BytesIO(tables[name]["image"][0].as_py()["bytes"]))
    assert image.size == (64, 64)


@pytest.mark.parametrize("name", HUB_COLUMNS)
def test_same_seed_same_rows_other_seed_other_rows(tables, name, tmp_path):
    render_benchmark(name, tmp_path / "again.parquet", rows=48)
    render_benchmark(name, tmp_path / "other.parquet", rows=48, seed=1)
    assert pq.read_table(tmp_path / "again.parquet").equals(tables[name])
    assert not pq.read_table(tmp_path / "other.parquet").equals(tables[name])


def test_pope_is_balanced_from_the_start_and_numbers_each_category(tables):
    rows = tables["shapes-pope"].to_pylist()
    assert len({row["image"]["path"] for row in rows[:8]}) == 8
    cases = Counter((row["category"], row["answer"]) for row in rows[:24])
    assert len(cases) == 6
    assert max(cases.values()) - min(cases.values()) <= 2
    for category in ("random", "popular", "adversarial"):
        numbers = [row["question_id"] for row in rows if row["category"] == category]
        assert numbers == [str(number) for number in range(1, len(numbers) + 1)]


def test_pope_repeats_its_positives_in_every_category(tables):
    positives = Counter(
        (row["image"]["path"], row["question"])
        for row in tables["shapes-pope"].to_pylist()
        if row["answer"] == "yes"
    )
    assert set(positives.values()) == {3}


def test_mcq_letters_and_topics_are_balanced(tables):
    rows = tables["shapes-mcq"].to_pylist()
    assert set(Counter(row["answer"] for row in rows[:16]).values()) == {4}
    assert Counter(row["category"] for row in rows[:16]) == {"relation": 8, "color": 4, "shape": 4}
    assert 0.2 < sum(bool(row["hint"]) for row in rows) / len(rows) < 0.6


def test_captions_have_five_references(tables):
    assert {len(row["annotations_captions"]) for row in tables["shapes-caption"].to_pylist()} == {5}


def test_lists_name_every_object_of_their_picture(tables):
    for row in tables["shapes-list"].to_pylist():
        words = row["answer"].replace(",", "").replace(" and ", " ").split()
        assert 5 <= len(words) <= 9
        assert set(words) <= set(COLOURS if "color" in row["question"] else SHAPES)


def test_easyvqa_is_the_published_test_split(tables):
    questions, answers, images = easy_vqa.get_test_questions()
    paths = easy_vqa.get_test_image_paths()
    for row in tables["easyvqa"].to_pylist():
        number = int(row["question_id"])
        assert (row["question"], row["answer"]) == (questions[number], answers[number])
        assert row["image_id"] == str(images[number])
        assert row["image"]["bytes"] == Path(paths[images[number]]).read_bytes()


def test_unknown_name_is_refused_with_the_valid_ones(tmp_path):
    with pytest.raises(ValueError, match="shapes-pope"):
        render_benchmark("shapes", tmp_path / "x.parquet")


def test_a_drawn_file_with_any_flipped_bit_is_drawn_again(tmp_path: Path) -> None:
    """The key of a cell holds what draws its data, and not what the file holds."""
    file = tmp_path / "shapes-pope.parquet"
    render_benchmark("shapes-pope", file, rows=2, key="drawn")
    chosen = random.Random(17)
    for one in (file, checksum_of(file)):
        for _ in range(40):
            with damaged(one, chosen):
                assert not is_drawn_by(file, "drawn")
    assert is_drawn_by(file, "drawn")
    assert not is_drawn_by(file, "edited")
    checksum_of(file).unlink()
    assert not is_drawn_by(file, "drawn")
