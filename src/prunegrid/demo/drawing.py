"""Draw scenes as 64 x 64 pixel images, and say what each patch of an image shows."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from prunegrid.demo.scene import COLOURS, GRID, SHAPES, Object, Scene

PATCH = 8
SIDE = GRID * PATCH
GROUND = -1
UNCLEAR = -100

_RGB = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "teal": (0, 128, 128),
    "brown": (165, 42, 42),
    "gray": (128, 128, 128),
    "black": (0, 0, 0),
}
_SUPERSAMPLING = 4


@dataclass(frozen=True)
class PatchLabels:
    """Labels of patches, (8, 8): indices into COLOURS and SHAPES, GROUND, or UNCLEAR at thin edges."""

    colour: np.ndarray
    shape: np.ndarray


def render(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Draw a scene on a textured ground with grey specks.

    Returns
    -------
    numpy.ndarray
        (64, 64, 3) uint8.
    """
    canvas = _ground(rng)
    for thing in scene.objects:
        span = thing.cells * PATCH
        height, width = _extent(thing, rng)
        top = thing.row * PATCH + int(rng.integers(span - height + 1))
        left = thing.column * PATCH + int(rng.integers(span - width + 1))
        _paint(canvas, _mask(thing.kind.shape, height, width), top, left, _tint(thing.kind.colour, rng))
    return _to_bytes(canvas)


def scene_labels(scene: Scene) -> PatchLabels:
    """Return the patch labels of a scene: every cell of an object carries its colour and shape."""
    colour = np.full((GRID, GRID), GROUND)
    shape = np.full((GRID, GRID), GROUND)
    for thing in scene.objects:
        area = slice(thing.row, thing.row + thing.cells), slice(thing.column, thing.column + thing.cells)
        colour[area] = COLOURS.index(thing.kind.colour)
        shape[area] = SHAPES.index(thing.kind.shape)
    return PatchLabels(colour, shape)


def render_single(rng: np.random.Generator) -> tuple[np.ndarray, PatchLabels]:
    """Draw one free-standing shape of any size and place on a flat ground, in the manner of easy-VQA."""
    canvas = np.empty((SIDE, SIDE, 3))
    canvas[:] = rng.uniform(228, 255, 3)
    shape = SHAPES[rng.integers(3)]
    colour = COLOURS[rng.integers(len(COLOURS))]
    height = int(rng.integers(8, 44))
    width = int(rng.integers(8, 44)) if shape == "rectangle" else height
    mask = _mask(shape, height, width)
    top, left = int(rng.integers(SIDE - height + 1)), int(rng.integers(SIDE - width + 1))
    _paint(canvas, mask, top, left, _RGB[colour])
    whole = np.zeros((SIDE, SIDE))
    whole[top : top + height, left : left + width] = mask
    return _to_bytes(canvas), mask_labels(whole, colour, shape)


def mask_labels(mask: np.ndarray, colour: str, shape: str) -> PatchLabels:
    """Return the patch labels of a single shape that covers `mask` ((64, 64), 0 to 1)."""
    cover = mask.reshape(GRID, PATCH, GRID, PATCH).mean(axis=(1, 3))
    # The fullest patch always counts, else a small shape on the crossing of four patches would have none.
    inside = cover >= min(0.25, cover.max())
    edge = (cover > 0.02) & ~inside
    return PatchLabels(
        np.select([inside, edge], [COLOURS.index(colour), UNCLEAR], GROUND),
        np.select([inside, edge], [SHAPES.index(shape), UNCLEAR], GROUND),
    )


def _ground(rng: np.random.Generator) -> np.ndarray:
    """Return a light (64, 64, 3) ground: a slope, grain, and specks too pale to be objects."""
    ramp = np.linspace(-1, 1, SIDE)
    slope = rng.uniform(-8, 8) * ramp[:, None] + rng.uniform(-8, 8) * ramp[None, :]
    canvas = rng.uniform(212, 240, 3) + slope[:, :, None] + rng.normal(0, 4, (SIDE, SIDE, 1))
    for _ in range(rng.integers(6, 15)):
        height, width = rng.integers(1, 4, 2)
        top, left = rng.integers(0, SIDE - 3, 2)
        canvas[top : top + height, left : left + width] -= rng.uniform(18, 45)
    return canvas


def _extent(thing: Object, rng: np.random.Generator) -> tuple[int, int]:
    """Return height and width in pixels: nearly the object's cells, rectangles also a little flatter."""
    full = thing.cells * PATCH
    height = width = full - int(rng.integers(2))
    if thing.kind.shape == "rectangle":
        squeeze = int(rng.integers(3)) * thing.cells
        if rng.random() < 0.5:
            height -= squeeze
        else:
            width -= squeeze
    return height, width


def _tint(colour: str, rng: np.random.Generator) -> np.ndarray:
    return np.clip(np.array(_RGB[colour]) + rng.normal(0, 6, 3), 0, 255)


@cache
def _mask(shape: str, height: int, width: int) -> np.ndarray:
    """Return the (height, width) cover of a shape, 0 to 1, smooth at its edges."""
    fine_height, fine_width = height * _SUPERSAMPLING, width * _SUPERSAMPLING
    y = (np.arange(fine_height)[:, None] + 0.5) / fine_height * 2 - 1
    x = (np.arange(fine_width)[None, :] + 0.5) / fine_width * 2 - 1
    radius = np.hypot(x, y)
    inside = {
        "circle": radius <= 1,
        "rectangle": np.ones_like(radius, dtype=bool),
        "triangle": np.abs(x) <= (y + 1) / 2,
        "cross": np.minimum(np.abs(x), np.abs(y) + 0 * x) <= 0.3,
        "ring": (radius <= 1) & (radius >= 0.55),
    }[shape]
    cover: np.ndarray = inside.reshape(height, _SUPERSAMPLING, width, _SUPERSAMPLING).mean(axis=(1, 3))
    return cover


def _paint(canvas: np.ndarray, mask: np.ndarray, top: int, left: int, rgb: ArrayLike) -> None:
    height, width = mask.shape
    region = canvas[top : top + height, left : left + width]
    region += mask[:, :, None] * (np.array(rgb) - region)


def _to_bytes(canvas: np.ndarray) -> np.ndarray:
    rounded: np.ndarray = np.clip(np.rint(canvas), 0, 255).astype(np.uint8)
    return rounded
