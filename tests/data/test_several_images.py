"""Rows that show several pictures: names of the column, ids, files, and what is wrong with one of them."""

import json

import pytest
from PIL import Image

from prunegrid import plugins
from prunegrid.data.images import image_hash, joint_digest

COLOURS = {"a.png": "red", "b.png": "green", "c.png": "blue"}


def reader(folder, rows, adapter="vqa", **spec):
    for name, colour in COLOURS.items():
        Image.new("RGB", (8, 6), colour).save(folder / name)
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return plugins.load("benchmarks", adapter)(
        {"adapter": adapter, "path": str(folder / "rows.jsonl"), **spec}
    )


def row(images, column="images", **more):
    return {column: images, "question": "Which?", "answer": "a", **more}


@pytest.mark.parametrize("column", ["image", "images"])
def test_pictures_come_in_their_order(tmp_path, column):
    adapter = reader(tmp_path, [row(["b.png", "a.png"], column), row(["c.png"], column)])
    first, second = adapter.samples()
    assert [image.getpixel((0, 0)) for image in first.images] == [(0, 128, 0), (255, 0, 0)]
    assert first.image is first.images[0]
    assert len(second.images) == 1
    assert [first.error, second.error] == [None, None]
    assert {file.name for file in adapter.files()} == {"rows.jsonl", *COLOURS}


def test_a_picture_alone_has_the_id_that_it_had(tmp_path):
    alone, listed, both, turned = reader(
        tmp_path, [row("a.png"), row(["a.png"]), row(["a.png", "b.png"]), row(["b.png", "a.png"])]
    ).samples()
    assert alone.image_id == listed.image_id == image_hash(Image.new("RGB", (8, 6), "red"))
    assert both.image_id == joint_digest([image_hash(image) for image in both.images])
    assert len({alone.image_id, both.image_id, turned.image_id}) == 3


def test_a_fault_says_of_which_picture(tmp_path):
    faults = [
        sample.error
        for sample in reader(tmp_path, [row(["a.png", "none.png"]), row([]), row(["a.png"])]).samples()
    ]
    assert faults[0].startswith("row 0: image 2 of 2: image 'none.png' cannot be read")
    assert faults[1:] == ["row 1: image is an empty list", None]


def test_an_id_stands_for_one_set_of_pictures(tmp_path):
    rows = [row(["a.png", "b.png"], image_id="x"), row(["a.png"], image_id="x")]
    samples = list(reader(tmp_path, rows).samples())
    assert samples[0].error is None
    assert samples[1].error == "row 1: image_id 'x' is that of another picture, in row 0"


def test_published_sets_have_one_picture_a_row(tmp_path):
    rows = [
        {"id": "1", "question_id": "1", "question": "Is it?", "answer": "yes", "image_source": "s",
         "image": ["a.png", "b.png"], "category": "random"}
    ]  # fmt: skip
    (sample,) = reader(tmp_path, rows, "pope").samples()
    assert "image is a list of 2, must be one image" in sample.error
