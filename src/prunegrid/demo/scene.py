"""Draw scenes at random: a few coloured shapes, each on its own cells of an 8 x 8 grid.

A cell is one patch of the vision tower, so that one object is one image token (or four): dropping a
token loses an object.
"""

import zlib
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

GRID = 8
SHAPES = ("circle", "rectangle", "triangle", "cross", "ring")
COLOURS = ("red", "green", "blue", "yellow", "teal", "brown", "gray", "black")
PLACES = ("top left", "top right", "bottom left", "bottom right")
MIN_OBJECTS, MAX_OBJECTS = 3, 6
CROWDED = (5, 9)
LARGE_SHARE = 0.2


class Kind(NamedTuple):
    """A colour and a shape: what a question names."""

    colour: str
    shape: str

    def __str__(self) -> str:
        """Return the noun phrase without its article."""
        return f"{self.colour} {self.shape}"


KINDS = tuple(Kind(colour, shape) for colour in COLOURS for shape in SHAPES)

# Some kinds are up to three times as frequent as others, else there would be no popular absent objects.
# Neighbours in this order share neither colour nor shape.
BY_POPULARITY = tuple(KINDS[(7 * i) % len(KINDS)] for i in range(len(KINDS)))
_FREQUENCY = {kind: 3.0 - 2.0 * rank / (len(KINDS) - 1) for rank, kind in enumerate(BY_POPULARITY)}
_WEIGHTS = np.array([_FREQUENCY[kind] for kind in KINDS]) / sum(_FREQUENCY.values())


@dataclass(frozen=True)
class Object:
    """One object: its kind, its first cell (row, column) and its width in cells (1 or 2)."""

    kind: Kind
    row: int
    column: int
    cells: int = 1

    @property
    def place(self) -> str:
        """Return the quarter of the image that holds the object."""
        return PLACES[2 * (self.row >= GRID // 2) + (self.column >= GRID // 2)]


@dataclass(frozen=True)
class Scene:
    """Objects of distinct kinds in reading order (row by row, left to right)."""

    objects: tuple[Object, ...]

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Return the kinds present, in reading order."""
        return tuple(thing.kind for thing in self.objects)


def named_rng(name: str, seed: int, index: int = 0) -> np.random.Generator:
    """Return the generator of one named stream: other names, seeds or indices never share numbers."""
    return np.random.default_rng([zlib.crc32(name.encode()), seed, index])


def sample_scene(rng: np.random.Generator, fewest: int = MIN_OBJECTS, most: int = MAX_OBJECTS) -> Scene:
    """Draw a scene of 3 to 6 objects, or as many as asked, of distinct kinds on free cells."""
    count = int(rng.integers(fewest, most + 1))
    kinds = [KINDS[i] for i in rng.choice(len(KINDS), size=count, replace=False, p=_WEIGHTS)]
    taken = np.zeros((GRID, GRID), dtype=bool)
    objects = []
    for kind in kinds:
        cells = 2 if rng.random() < LARGE_SHARE else 1
        free = [corner for corner in _corners(cells) if not taken[_area(corner, cells)].any()]
        corner = free[rng.integers(len(free))]
        taken[_area(corner, cells)] = True
        objects.append(Object(kind, *corner, cells))
    return Scene(tuple(sorted(objects, key=lambda thing: (thing.row, thing.column))))


@cache
def _corners(cells: int) -> list[tuple[int, int]]:
    """Return the first cells at which an object lies inside one quarter of the image."""
    half = GRID // 2
    starts = [start for start in range(GRID) if start % half + cells <= half]
    return [(row, column) for row in starts for column in starts]


def _area(corner: tuple[int, int], cells: int) -> tuple[slice, slice]:
    row, column = corner
    return slice(row, row + cells), slice(column, column + cells)
