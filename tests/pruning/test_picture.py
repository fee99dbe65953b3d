"""The picture of kept tokens: which pixels are left as they were, for each way to make tokens of patches."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoProcessor

import prunegrid
from prunegrid.criteria import First
from prunegrid.errors import PruningError
from prunegrid.predict.loading import load_model
from prunegrid.pruning.picture import picture
from prunegrid.strategies import Single
from tests.predict.runs import MODEL

GREY = Image.new("RGB", (120, 80), (200, 100, 40))


def pruning(kind="made up", counts=(24,), grids=((1, 4, 6),), kept=(((2, [0, 7, 23]), (4, [7])),)):
    config = SimpleNamespace(model_type=kind)
    return SimpleNamespace(
        model=SimpleNamespace(config=config), n_image_tokens=list(counts), grids=list(grids), kept=list(kept)
    )


def bright(drawn, rows, columns):
    """Return which of rows x columns equal parts are as bright as before; each must be of one colour."""
    pixels = np.asarray(drawn)
    found = set()
    for row, line in enumerate(np.array_split(pixels, rows, axis=0)):
        for column, patch in enumerate(np.array_split(line, columns, axis=1)):
            colours = {tuple(colour) for colour in patch.reshape(-1, 3).tolist()}
            assert colours in ({(200, 100, 40)}, {(50, 25, 10)}), (row, column, colours)
            if (200, 100, 40) in colours:
                found.add(row * columns + column)
    return found


def test_dropped_patches_are_dimmed_after_each_cut():
    assert bright(picture(pruning(), GREY), 4, 6) == {7}
    assert bright(picture(pruning(), GREY, cut=0), 4, 6) == {0, 7, 23}
    assert bright(picture(pruning(kept=[[]]), GREY), 4, 6) == set(range(24))


def test_four_patches_that_became_one_token_stay_together():
    merged = pruning(counts=[6], grids=[(1, 4, 6)], kept=[[(2, [1, 5])]])
    assert bright(picture(merged, GREY), 2, 3) == {1, 5}
    assert bright(picture(merged, GREY), 4, 6) == {2, 3, 8, 9, 16, 17, 22, 23}


def test_rows_without_an_image_have_no_picture():
    two = pruning(counts=[24, 0, 24], grids=[(1, 4, 6)] * 2, kept=[[(2, [0])], [], [(2, [5])]])
    assert bright(picture(two, GREY, row=2), 4, 6) == bright(picture(two, GREY, row=-1), 4, 6) == {5}
    with pytest.raises(PruningError, match="row 1 has no image tokens"):
        picture(two, GREY, row=1)


@pytest.mark.parametrize(
    ("one", "options", "match"),
    [
        (
            pruning("llava_next", [60], [(5, 4, 6)], [[]]),
            {},
            "'llava_next' made 60 image tokens of 5 x 4 x 6 patches",
        ),
        (pruning("internvl", [48], [(1, 4, 6)] * 2, [[]]), {}, "'internvl': 2 pictures or tiles for 1 rows"),
        (pruning(counts=[25]), {}, "made 25 image tokens of 1 x 4 x 6 patches"),
        (pruning(grids=[]), {}, "image features, not pixels"),
        (pruning(), {"row": 1}, "row 1 is not among the 1 rows"),
        (pruning(counts=[], kept=[]), {}, "row 0 is not among the 0 rows"),
        (pruning(), {"cut": 2}, "cut 2 is not among the 2 of row 0, before layers 2, 4"),
    ],
)
def test_what_cannot_be_drawn_is_refused(one, options, match):
    with pytest.raises(PruningError, match=match):
        picture(one, GREY, **options)


def test_a_processor_tells_what_part_was_seen():
    square = pruning(counts=[16], grids=[(1, 4, 4)], kept=[[(2, [0])]])
    with pytest.raises(
        PruningError, match="120 x 80 pixels, its tokens 4 columns and 4 rows: give the processor"
    ):
        picture(square, GREY)
    stretched = picture(square, GREY, processor=SimpleNamespace(do_center_crop=False))
    assert bright(stretched, 4, 4) == {0}
    cropped = picture(square, GREY, processor=SimpleNamespace(do_center_crop=True))
    assert bright(cropped.crop((20, 0, 100, 80)), 4, 4) == {0}
    assert set(np.unique(np.asarray(cropped)[:, [0, 19, 100, 119]])) == {0}
    with pytest.raises(PruningError, match="pads images"):
        picture(square, GREY, processor=SimpleNamespace(do_pad=True))


def test_a_model_keeps_what_the_picture_shows():
    loaded = load_model(str(MODEL), {})
    processor = AutoProcessor.from_pretrained(MODEL)
    image = Image.fromarray(np.full((64, 96, 3), (200, 100, 40), np.uint8))
    text = processor.apply_chat_template(
        [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Is it grey?"}]}],
        add_generation_prompt=True,
    )
    inputs = processor(images=[image] * 2, text=[text] * 2, return_tensors="pt").to(loaded.model.device)
    with torch.no_grad(), prunegrid.prune(loaded.model, Single(layer=2), First(), ratio=0.6) as pruned:
        loaded.model.generate(**inputs, max_new_tokens=1)
    assert pruned.grids == [(1, 8, 8)] * 2
    for row in range(2):
        drawn = picture(pruned, image, row, processor=processor).crop((16, 0, 80, 64))
        assert bright(drawn, 8, 8) == set(pruned.kept[row][0][1])
