"""Several pictures side by side: which token lies where, against each picture drawn alone."""

import numpy as np
import pytest
from PIL import Image

from prunegrid import draw_kept
from prunegrid.errors import PruningError
from prunegrid.gallery.seen import settings_of
from prunegrid.gallery.sheet import lay_out_several, side_by_side

COLOURS = ("red", "green", "blue")


def pictures(*sizes):
    return [Image.new("RGB", size, colour) for size, colour in zip(sizes, COLOURS, strict=False)]


def test_tokens_of_each_follow_those_before():
    images = pictures((40, 40), (40, 40), (40, 40))
    sheet, layout = lay_out_several(12, [(1, 2, 2)] * 3, {}, images, settings_of(None))
    (view,) = layout.views
    assert view.numbers.tolist() == [[0, 1, 4, 5, 8, 9], [2, 3, 6, 7, 10, 11]]
    assert view.tiles == (1, 3)
    assert sheet.size == (120, 40)
    assert [sheet.getpixel((x, 20)) for x in (20, 60, 100)] == [(255, 0, 0), (0, 128, 0), (0, 0, 255)]


def test_a_picture_of_fewer_rows_is_drawn_as_high():
    """Merged 2 x 2 patches of pictures at their own size: 2 x 3 and 1 x 2 tokens."""
    images = pictures((60, 40), (80, 40))
    sheet, layout = lay_out_several(8, [(1, 4, 6), (1, 2, 4)], {}, images, settings_of(None))
    (view,) = layout.views
    assert view.numbers.tolist() == [[0, 1, 2, 6, 6, 7, 7], [3, 4, 5, 6, 6, 7, 7]]
    assert view.tiles == (1, 1)
    assert sheet.size == (60 + 80, 40)


def test_tokens_that_end_rows_are_laid_out_nowhere():
    config = {"image_grid_pinpoints": [[4, 4]], "vision_config": {"image_size": 4}}
    images = pictures((4, 4), (4, 4))
    _, layout = lay_out_several(10, [(1, 2, 2)] * 2, config, images, settings_of(None))
    assert layout.views[0].numbers.tolist() == [[0, 1, 5, 6], [2, 3, 7, 8]]
    assert layout.beside.tolist() == [4, 9]


@pytest.mark.parametrize("kept", [[0, 3, 5], [], range(8)])
def test_each_half_is_the_picture_drawn_alone(kept):
    images = pictures((64, 64), (64, 64))
    both = np.asarray(draw_kept(images, kept, 8, [(1, 2, 2)] * 2))
    for number, image in enumerate(images):
        own = {token - 4 * number for token in kept if token // 4 == number}
        alone = np.asarray(draw_kept(image, own, 4, [(1, 2, 2)]))
        dimmed = (alone == np.asarray(image)).all(axis=2)
        half = both[:, 64 * number : 64 * (number + 1)]
        # A line stands between the pictures, and the veil's colour is chosen for both.
        inner = np.s_[4:-4, 4:-4]
        assert np.array_equal((half == np.asarray(image)).all(axis=2)[inner], dimmed[inner])


@pytest.mark.parametrize(
    ("n_tokens", "grids", "said"),
    [(8, [(2, 2, 2)], "tiles are not told apart"), (7, [(1, 2, 2), (1, 2, 4)], "not in proportion")],
)
def test_what_is_not_known_is_refused(n_tokens, grids, said):
    with pytest.raises(PruningError, match=said):
        lay_out_several(n_tokens, grids, {}, pictures((4, 4), (8, 4)), settings_of(None))


def test_a_large_picture_makes_no_large_sheet():
    sheet = side_by_side(pictures((4000, 3000), (30, 40)))
    assert sheet.size == (round(1024 * 4 / 3) + round(1024 * 3 / 4), 1024)
