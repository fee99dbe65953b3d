"""Boxes in answers, and the scores of grounding."""

import json

import numpy as np
import pandas as pd
import pytest

from prunegrid.errors import DataError
from prunegrid.plugins import build
from prunegrid.scoring.answers import boxes

SIZE = (60, 40)
GOLD = (6.0, 4.0, 36.0, 24.0)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[0.1, 0.2, 0.3, 0.4]", [(0.1, 0.2, 0.3, 0.4)]),
        ("It is at [0.1,0.2,0.3,0.4].", [(0.1, 0.2, 0.3, 0.4)]),
        ("<ref>dog</ref><box>[[10, 20, 30, 40]]</box>", [(10, 20, 30, 40)]),
        ("the dog (10,20),(30,40)", [(10, 20, 30, 40)]),
        ("<box>(10, 20), (30, 40)</box>", [(10, 20, 30, 40)]),
        ('```json\n[\n\t{"bbox_2d": [10, 20, 30, 40], "label": "dog"},\n\t{"bbox_2d": [1, 2, 3, 4]}\n]\n```',
         [(10, 20, 30, 40), (1, 2, 3, 4)]),
        ("[[1, 2, 3, 4], [5, 6, 7, 8]]", [(1, 2, 3, 4), (5, 6, 7, 8)]),
        ("[-0.5, 0, 1, 1]", [(-0.5, 0, 1, 1)]),
        ("[10 20 30 40]", [(10, 20, 30, 40)]),
        ("[10, 20, 30]", []), ("10, 20, 30, 40", []), ("[a, b, c, d]", []), ("", []),
        ("[1, 2, 3, 4, 5]", []), ("[0.1, 0.2, 0.3,", []),
    ],
)  # fmt: skip
def test_boxes_in_a_text(text, found):
    assert boxes.boxes(text) == [pytest.approx(box) for box in found]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (GOLD, GOLD, 1.0),
        ((0, 0, 2, 2), (1, 1, 3, 3), 1 / 7),
        ((0, 0, 2, 2), (2, 0, 4, 2), 0.0),
        ((0, 0, 2, 2), (5, 5, 6, 6), 0.0),
        (GOLD, (36.0, 24.0, 6.0, 4.0), 0.0),
        (GOLD, (0, 0, 0, 0), 0.0),
        ((0, 0, 0, 0), (0, 0, 0, 0), 0.0),
        ((0, 0, 4, 4), (1, 1, 3, 3), 0.25),
    ],
)
def test_intersection_over_union(one, other, expected):
    assert boxes.iou(one, other) == boxes.iou(other, one) == pytest.approx(expected)


def test_intersection_over_union_is_that_of_counted_cells():
    """The slow way: unit cells that lie in both, over those that lie in either."""
    drawn = np.random.default_rng(0).integers(0, 12, (40, 2, 4))
    for pair in drawn:
        (one, other) = ((*np.minimum(b[:2], b[2:]), *np.maximum(b[:2], b[2:])) for b in pair)
        cells = [np.zeros((12, 12), bool), np.zeros((12, 12), bool)]
        for cell, box in zip(cells, (one, other), strict=True):
            cell[box[1] : box[3], box[0] : box[2]] = True
        both, either = (cells[0] & cells[1]).sum(), (cells[0] | cells[1]).sum()
        assert boxes.iou(one, other) == pytest.approx(both / either if either else 0.0)


def table(said: list[str | None], size: tuple[int, int] = SIZE, grid=(1, 4, 6)) -> pd.DataFrame:
    left, top, right, bottom = GOLD
    document = {"bbox": [left, top, right - left, bottom - top], "width": size[0], "height": size[1]}
    return pd.DataFrame(
        {
            "sample_id": [f"{number}/0" for number in range(len(said))],
            "image_id": [f"i{number // 2}" for number in range(len(said))],
            "choices": None, "answer": str([*GOLD]), "references": None, "choice_logits": None,
            "document": json.dumps(document), "prediction": said, "image_grids": [[list(grid)]] * len(said),
            "status": ["error" if one is None else "ok" for one in said],
        }
    )  # fmt: skip


def scored(said: list[str | None], *, size=SIZE, grid=(1, 4, 6), **options):
    return build("scorers", "refcoco", options).score(table(said, size, grid), replicates=100)


def test_scores_by_hand():
    """Right; half of the box, an IoU of exactly .5; a quarter; none; no box; an error row."""
    said = [
        "[0.1, 0.1, 0.6, 0.6]", "[0.1, 0.1, 0.6, 0.35]", "[0.1, 0.1, 0.35, 0.35]", "[0.7, 0.7, 0.8, 0.8]",
        "I see no such thing.", None,
    ]  # fmt: skip
    found = scored(said)
    value = {name: metric["value"] for name, metric in found.metrics.items()}
    assert (found.n, found.n_error, found.headline) == (6, 1, "accuracy")
    assert value["accuracy"] == pytest.approx(2 / 5)
    assert value["mean_iou"] == pytest.approx((1 + 0.5 + 0.25 + 0 + 0) / 5)
    assert value["box_rate"] == pytest.approx(4 / 5)
    assert value["centre_accuracy"] == pytest.approx(3 / 5)
    assert list(found.per_sample["gave_box"])[:5] == [1, 1, 1, 1, 0]
    assert found.per_sample["parsed_answer"][0] == "[6.0, 4.0, 36.0, 24.0]"
    assert pd.isna(found.per_sample["parsed_answer"][4])
    assert found.variants["accuracy"]["first"] == value["accuracy"]


def shown(frame: str, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return left, top, width and height of the picture that is shown, in the data set's pixels."""
    width, height = size
    side = {"whole": None, "padded": max(size), "cropped": min(size)}[frame]
    if side is None:
        return 0, 0, width, height
    return (width - side) / 2, (height - side) / 2, side, side


@pytest.mark.parametrize("frame", ["whole", "padded", "cropped"])
@pytest.mark.parametrize("coordinates", ["unit", "thousand", "pixels"])
@pytest.mark.parametrize("size", [(60, 40), (40, 60), (50, 50)])
def test_the_gold_box_in_any_coordinates_is_found(coordinates, frame, size):
    left, top, width, height = shown(frame, size)
    rows, columns = 7, 9
    units = {"unit": (1, 1), "thousand": (1000, 1000), "pixels": (columns * 14, rows * 14)}[coordinates]
    scale = (units[0] / width, units[1] / height)
    said = [(GOLD[at] - (left, top)[at % 2]) * scale[at % 2] for at in range(4)]
    found = scored([str(said)], size=size, grid=(1, rows, columns), coordinates=coordinates, frame=frame)
    assert found.metrics["mean_iou"]["value"] == pytest.approx(1.0)
    assert found.metrics["accuracy"]["value"] == 1.0


def test_frames_are_those_that_pictures_are_shown_in():
    """`set_aspect` cuts and pads; what is at a place of the shown picture is what the scorer takes it for."""
    from PIL import Image

    from prunegrid.predict.aspect import set_aspect

    for size in ((61, 40), (40, 61)):
        picture = Image.fromarray(np.random.default_rng(1).integers(1, 255, (*size[::-1], 3), np.uint8))
        left, top, right, bottom = 12, 13, 30, 31
        for mode, frame in (("pad", "padded"), ("crop", "cropped"), ("processor", "whole")):
            seen = set_aspect(picture, mode, (0, 0, 0))
            whole = np.asarray(picture)[top:bottom, left:right]
            (y, x), *_ = [
                (y, x)
                for y in range(seen.height - 17)
                for x in range(seen.width - 17)
                if np.array_equal(np.asarray(seen)[y : y + 18, x : x + 18], whole)
            ]
            said = [x / seen.width, y / seen.height, (x + 18) / seen.width, (y + 18) / seen.height]
            rows = table([str(said)], size)
            box = {"bbox": [left, top, 18, 18], "width": size[0], "height": size[1]}
            rows["document"] = json.dumps(box)
            found = build("scorers", "refcoco", {"frame": frame}).score(rows, replicates=10)
            assert found.metrics["mean_iou"]["value"] == pytest.approx(1.0), (size, mode)


def test_without_a_document_the_row_is_named():
    rows = table(["[0, 0, 1, 1]"]).assign(document=None)
    with pytest.raises(DataError, match="'0/0': its row has no document, which holds the gold box"):
        build("scorers", "refcoco", {}).score(rows, replicates=10)
