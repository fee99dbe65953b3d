"""The key `image_mode`, pixel by pixel."""

import numpy as np
import pytest
from PIL import Image

from prunegrid.predict.aspect import set_aspect

CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073]


def noise(width, height):
    generator = np.random.default_rng(7)
    return Image.fromarray(generator.integers(0, 256, (height, width, 3), dtype=np.uint8))


def padded_as_published(image, colour):
    """LLaVA's `expand2square`, by arrays: the short side is centred, rounding down."""
    pixels = np.asarray(image)
    height, width = pixels.shape[:2]
    side = max(height, width)
    wanted = np.empty((side, side, 3), np.uint8)
    wanted[:] = colour
    top, left = (side - height) // 2, (side - width) // 2
    wanted[top : top + height, left : left + width] = pixels
    return wanted


@pytest.mark.parametrize("size", [(9, 4), (4, 9), (10, 5), (1, 7), (7, 1)])
@pytest.mark.parametrize(
    ("mean", "colour"), [(CLIP_MEAN, (122, 116, 104)), ([0.5] * 3, (127, 127, 127)), ([0.0] * 3, (0, 0, 0))]
)
def test_padding_is_of_the_mean_colour(size, mean, colour):
    """Cut to whole numbers, not rounded: 0.48145466 * 255 is 122.77."""
    image = noise(*size)
    assert np.array_equal(np.asarray(set_aspect(image, "pad", mean)), padded_as_published(image, colour))


@pytest.mark.parametrize("size", [(9, 4), (4, 9), (10, 5), (1, 7), (7, 1)])
def test_crop_is_the_centre_square(size):
    image = noise(*size)
    side, (width, height) = min(size), size
    top, left = (height - side) // 2, (width - side) // 2
    wanted = np.asarray(image)[top : top + side, left : left + side]
    assert np.array_equal(np.asarray(set_aspect(image, "crop", CLIP_MEAN)), wanted)


@pytest.mark.parametrize("mode", ["processor", "crop", "pad"])
def test_squares_and_the_processors_own_way_change_nothing(mode):
    for image in (noise(6, 6), *([noise(6, 3)] if mode == "processor" else [])):
        assert set_aspect(image, mode, CLIP_MEAN) is image
