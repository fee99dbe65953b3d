"""Which pixels are veiled, compared with a loop over pixels that asks for each where it lies."""

import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import prunegrid
from prunegrid.errors import PruningError
from prunegrid.gallery.veil import veil_colour, veil_png

PICTURE = Image.new("RGB", (60, 40), (200, 150, 100))
CROPS = SimpleNamespace(do_center_crop=True, do_pad=False, image_mean=None)


def veiled(drawn, colour=(200, 150, 100)):
    """Return which pixels differ from the picture's colour."""
    return (np.asarray(drawn) != colour).any(axis=-1)


def slowly(width, height, rows, columns, number_at, kept, box=(0, 0, 1, 1)):
    """Return the same by asking for every pixel which token it belongs to."""
    expected = np.ones((height, width), dtype=bool)
    left, top, right, bottom = box[0] * width, box[1] * height, box[2] * width, box[3] * height
    for y in range(height):
        for x in range(width):
            if left <= x < right and top <= y < bottom:
                row = int((y + 0.5 - top) / (bottom - top) * rows)
                column = int((x + 0.5 - left) / (right - left) * columns)
                expected[y, x] = number_at(row, column) not in kept
    return expected


@pytest.mark.parametrize("kept", [set(), {0}, {5, 6, 23}, set(range(24))])
def test_one_tile(kept):
    drawn = prunegrid.draw_kept(PICTURE, kept, 24, [(1, 4, 6)])
    assert drawn.size == PICTURE.size
    assert (veiled(drawn) == slowly(60, 40, 4, 6, lambda r, c: 6 * r + c, kept)).all()


def test_merged_patches_of_a_ragged_grid():
    kept = {1, 9, 20}
    # 14 x 6 patches, 2 x 2 of them a token: 7 rows of 3.
    drawn = prunegrid.draw_kept(PICTURE, kept, 21, [(1, 14, 6)])
    assert (veiled(drawn) == slowly(60, 40, 7, 3, lambda r, c: 3 * r + c, kept)).all()


def test_tiles_stand_in_their_grid_and_the_overview_beside_them():
    # Six tiles, 2 x 3, of 2 x 2 tokens, and the whole: 28 tokens.
    kept = {0, 3, 5, 14, 22, 24, 27}

    def number(row, column):
        tile = 3 * (row // 2) + column // 2
        return 4 * tile + 2 * (row % 2) + column % 2

    drawn = np.asarray(prunegrid.draw_kept(PICTURE, kept, 28, [(7, 4, 4)]))
    tiles, overview = drawn[:, :60], drawn[:, -60:]
    expected = slowly(60, 40, 4, 6, number, kept)
    lines = (tiles == 128).all(axis=-1)
    assert lines[20].all()
    assert lines[:, 20].all()
    assert lines[:, 40].all()
    assert lines.sum() == 60 + 2 * 40 - 2
    assert (veiled(tiles)[~lines] == expected[~lines]).all()
    assert (veiled(overview) == slowly(60, 40, 2, 2, lambda r, c: 24 + 2 * r + c, kept)).all()
    assert drawn.shape[1] > 120


def test_ends_of_rows_are_not_drawn():
    config = {"image_grid_pinpoints": [[28, 56]], "vision_config": {"image_size": 28}}
    # The whole, 2 x 2; then 2 rows of 4 with an end each: token 4 + 5 r + c.
    picture = Image.new("RGB", (80, 40), (200, 150, 100))
    kept = {4, 8, 13, 10}
    drawn = np.asarray(prunegrid.draw_kept(picture, kept, 14, [(3, 2, 2)], config))[:, :80]
    lines = (drawn == 128).all(axis=-1)
    expected = slowly(80, 40, 2, 4, lambda r, c: 4 + 5 * r + c, kept)
    assert (veiled(drawn)[~lines] == expected[~lines]).all()


def test_what_a_processor_cuts_off_is_veiled():
    drawn = prunegrid.draw_kept(PICTURE, {0, 3}, 4, [(1, 2, 2)], processor=CROPS)
    box = (10 / 60, 0, 50 / 60, 1)
    assert (veiled(drawn) == slowly(60, 40, 2, 2, lambda r, c: 2 * r + c, {0, 3}, box)).all()


def test_a_width_scales_the_drawing():
    drawn = prunegrid.draw_kept(PICTURE, {5}, 24, [(1, 4, 6)], width=120)
    assert drawn.size == (120, 80)
    assert (veiled(drawn) == slowly(120, 80, 4, 6, lambda r, c: 6 * r + c, {5})).all()


def test_a_dark_picture_has_a_light_veil():
    dark = Image.new("RGB", (60, 40), (5, 5, 5))
    drawn = np.asarray(prunegrid.draw_kept(dark, {0}, 4, [(1, 2, 2)]))
    assert drawn[0, 0].tolist() == [5, 5, 5]
    assert drawn[-1, -1].min() > 150
    assert sum(veil_colour(PICTURE)) < sum(veil_colour(dark))


@pytest.mark.parametrize("kept", [{4}, {-1}, [0, 9]])
def test_a_number_of_no_token_is_refused(kept):
    with pytest.raises(PruningError, match="none of 4 image tokens"):
        prunegrid.draw_kept(PICTURE, kept, 4, [(1, 2, 2)])


def test_the_veil_of_the_page_has_a_pixel_per_token():
    kept = np.random.default_rng(0).random((24, 24)) < 0.3
    file = veil_png(kept)
    drawn = Image.open(io.BytesIO(file)).convert("RGBA")
    assert drawn.size == (24, 24)
    assert ((np.asarray(drawn)[..., 3] == 0) == kept).all()
    assert len(file) < 300
