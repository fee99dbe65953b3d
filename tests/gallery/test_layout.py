"""Where tokens lie, compared with what transformers' processors and models make of a picture of coordinates.

Every pixel of that picture tells where it is, red for left to right and green for top to bottom, so that what
becomes of it tells which part each token shows.
"""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil
from transformers.models.llava_next.modeling_llava_next import LlavaNextModel
from transformers.models.llava_onevision.modeling_llava_onevision import LlavaOnevisionModel

from prunegrid.errors import PruningError
from prunegrid.gallery.layout import lay_out

SIZES = [(300, 200), (200, 300), (640, 480), (500, 90), (90, 500), (256, 256), (1000, 350), (350, 1000)]
PINPOINTS = [[56, 112], [112, 56], [112, 112], [168, 56], [56, 168]]
TILE, PATCH = 56, 14
SIDE = TILE // PATCH


def coordinates(size):
    """Return a picture whose pixels tell their place, from 0 to 255."""
    width, height = size
    x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    return Image.fromarray((np.stack([x, y, 0 * x], axis=-1) * 255).astype(np.uint8))


def shown_by_patches(pixels, patch):
    """Return per tile and patch, row by row, the mean place (x, y) that it shows: (tiles, patches, 2)."""
    found = []
    for tile in np.asarray(pixels, dtype=float):
        rows, columns = tile.shape[-2] // patch, tile.shape[-1] // patch
        found.append(
            [
                tile[:2, r * patch : (r + 1) * patch, c * patch : (c + 1) * patch].mean(axis=(1, 2)) / 255
                for r in range(rows)
                for c in range(columns)
            ]
        )
    return np.array(found)


def places(layout, n_tokens):
    """Return per token the place (x, y) at which it is drawn, NaN for those beside the picture."""
    found = np.full((n_tokens, 2), np.nan)
    for view in layout.views:
        rows, columns = view.numbers.shape
        for row in range(rows):
            for column in range(columns):
                found[view.numbers[row, column]] = (column + 0.5) / columns, (row + 0.5) / rows
    return found


@pytest.mark.parametrize(("rows", "columns", "side"), [(4, 6, 1), (4, 6, 2), (28, 6, 2), (64, 64, 4)])
def test_a_grid_of_patches_or_of_merged_ones(rows, columns, side):
    n = rows * columns // side**2
    layout = lay_out(n, [(1, rows, columns)], {}, (100, 50))
    (view,) = layout.views
    assert view.numbers.shape == (rows // side, columns // side)
    assert view.numbers.ravel().tolist() == list(range(n))
    assert not layout.is_tiled


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("longest", [3 * TILE, 4 * TILE])
def test_tiles_of_idefics3(size, longest):
    processor = Idefics3ImageProcessorPil(
        size={"longest_edge": longest},
        max_image_size={"longest_edge": TILE},
        do_rescale=False,
        do_normalize=False,
    )
    pixels = processor(coordinates(size), return_tensors="np")["pixel_values"][0]
    # Two by two patches become one token: the mean of what they show.
    _check_tiles(pixels, size, merged=2)


@pytest.mark.parametrize("size", SIZES)
def test_tiles_of_internvl(size):
    processor = GotOcr2ImageProcessorPil(
        size={"height": TILE, "width": TILE}, crop_to_patches=True, max_patches=12, do_rescale=False,
        do_normalize=False,
    )  # fmt: skip
    _check_tiles(processor(coordinates(size), return_tensors="np")["pixel_values"], size, merged=2)


def _check_tiles(pixels, size, merged):
    tiles = len(pixels)
    shown = shown_by_patches(pixels, PATCH * merged).reshape(-1, 2)
    layout = lay_out(len(shown), [(tiles, SIDE, SIDE)], {}, size)
    assert np.abs(places(layout, len(shown)) - shown).max() < 0.03
    assert [view.overview for view in layout.views] == ([False, True] if tiles > 1 else [False])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("model", "most"),
    [(LlavaNextModel, None), (LlavaOnevisionModel, "anyres_max_1")],
    ids=["next", "onevision"],
)
def test_rows_with_a_token_at_their_end(size, model, most):
    processor = LlavaNextImageProcessorPil(
        size={"height": TILE, "width": TILE}, crop_size={"height": TILE, "width": TILE},
        image_grid_pinpoints=PINPOINTS, do_rescale=False, do_normalize=False,
    )  # fmt: skip
    pixels = processor(coordinates(size), return_tensors="np")["pixel_values"][0]
    config = {"image_grid_pinpoints": PINPOINTS, "vision_config": {"image_size": TILE, "patch_size": PATCH}}
    told = SimpleNamespace(
        image_grid_pinpoints=PINPOINTS, vision_config=SimpleNamespace(**config["vision_config"])
    )
    features = [torch.tensor(shown_by_patches(pixels, PATCH), dtype=torch.float32)]
    more = {"vision_feature_select_strategy": "default"} if most is None else {"vision_aspect_ratio": most}
    packed, _ = model.pack_image_features(
        SimpleNamespace(config=told), features, [size[::-1]], image_newline=torch.tensor([-1.0, -1.0]), **more
    )
    # LLaVA-NeXT returns one tensor of all pictures, LLaVA-OneVision one for each.
    shown = np.asarray(packed[0] if isinstance(packed, list) else packed)
    layout = lay_out(len(shown), [(len(pixels), SIDE, SIDE)], {**config, "vision_aspect_ratio": most}, size)
    assert layout.beside.tolist() == np.flatnonzero(shown[:, 0] == -1).tolist()
    drawn = places(layout, len(shown))
    assert np.flatnonzero(np.isnan(drawn[:, 0])).tolist() == layout.beside.tolist()
    on_it = ~np.isnan(drawn[:, 0])
    # Patches at the edge of the picture hold a part of what it was padded with.
    inner = on_it & (drawn > 0.2).all(axis=1) & (drawn < 0.8).all(axis=1)
    assert np.abs(drawn - shown)[inner].max() < 0.13
    overview = layout.views[-1].numbers.ravel()
    assert np.abs(drawn - shown)[overview].max() < 0.03


def test_one_tile_with_a_token_at_its_end():
    config = {"image_grid_pinpoints": PINPOINTS, "vision_config": {"image_size": TILE}}
    layout = lay_out(SIDE**2 + 1, [(1, SIDE, SIDE)], config, (50, 50))
    assert layout.views[0].numbers.ravel().tolist() == list(range(SIDE**2))
    assert layout.beside.tolist() == [SIDE**2]


@pytest.mark.parametrize(
    ("n_tokens", "grids"),
    [(15, [(1, 4, 4)]), (0, [(1, 4, 4)]), (32, [(1, 4, 4)] * 2), (17, [(3, 4, 4)]), (5, [])],
)
def test_what_is_no_known_layout_is_refused(n_tokens, grids):
    with pytest.raises(PruningError, match=f"{n_tokens} image tokens"):
        lay_out(n_tokens, grids, {}, (60, 60))


@pytest.mark.parametrize(("n_tokens", "tiles"), [(71, 5), (70, 3)])
def test_a_wrong_count_of_tokens_or_tiles_is_refused(n_tokens, tiles):
    config = {"image_grid_pinpoints": PINPOINTS, "vision_config": {"image_size": TILE}}
    assert lay_out(70, [(5, SIDE, SIDE)], config, (300, 200)).views[0].numbers.shape == (6, 8)
    with pytest.raises(PruningError, match="should have"):
        lay_out(n_tokens, [(tiles, SIDE, SIDE)], config, (300, 200))
