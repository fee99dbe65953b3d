"""Images of the `mismatched` control: each question is given the image of another sample."""

import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from prunegrid.data.adapter import Sample
from prunegrid.data.images import image_hash
from prunegrid.errors import DataError
from prunegrid.randomness import named_seed

# Yields the samples at ascending positions of a benchmark, or all of them.
Read = Callable[[Sequence[int] | None], Iterable[Sample]]


def partners(pictures: Mapping[str, str], seed: int) -> dict[str, str]:
    """Return a derangement of distinct pictures: image id -> id of another picture.

    It is one cycle through the pictures in an order drawn from the seed and their ids, so it does not
    depend on the order of samples. A picture with several ids goes by the first of them in the alphabet.

    Parameters
    ----------
    pictures : mapping
        Image id -> what tells its picture from others, such as its hash.
    seed : int
        Seed of the order.

    Raises
    ------
    DataError
        If there are fewer than two distinct pictures.
    """
    names: dict[str, str] = {}
    for image_id in sorted(pictures):
        names.setdefault(pictures[image_id], image_id)
    order = sorted(names.values(), key=lambda name: (named_seed("mismatched", seed, name), name))
    if len(order) < 2:
        raise DataError("the strategy `mismatched` needs at least two distinct images")
    after = dict(zip(order, [*order[1:], order[0]], strict=True))
    return {image_id: after[names[picture]] for image_id, picture in pictures.items()}


class ImageSpool:
    """Images that some samples are given instead of their own, as PNG files in a temporary folder.

    The derangement is of all pictures of the benchmark, so that jobs which share the samples agree on it;
    on disk are the pictures of these samples' partners alone.

    Parameters
    ----------
    read : callable
        `Adapter.samples` of the benchmark.
    positions : collection of int
        Positions of the samples that are to see other pictures.
    seeds : iterable of int
        Seeds of the cells.

    Raises
    ------
    DataError
        If the benchmark has fewer than two distinct pictures.
    """

    def __init__(self, read: Read, positions: Collection[int], seeds: Iterable[int]) -> None:
        places: dict[str, int] = {}
        pictures: dict[str, str] = {}
        asked: set[str] = set()
        chosen = frozenset(positions)
        for position, sample in enumerate(read(None)):
            if sample.image is None:
                continue
            if sample.image_id not in places:
                places[sample.image_id], pictures[sample.image_id] = position, image_hash(sample.image)
            if position in chosen:
                asked.add(sample.image_id)
        self._partners = {seed: partners(pictures, seed) for seed in seeds}
        needed = {partner[image_id] for partner in self._partners.values() for image_id in asked}
        self._folder = tempfile.TemporaryDirectory(prefix="prunegrid-images-")
        self._files: dict[str, Path] = {}
        for sample in read(sorted(places[image_id] for image_id in needed)):
            file = Path(self._folder.name, f"{len(self._files)}.png")
            assert sample.image is not None  # they were, when the places were found
            sample.image.save(file, compress_level=1)
            self._files[sample.image_id] = file

    def swapped(self, samples: Iterable[Sample], seed: int) -> Iterator[Sample]:
        """Yield the samples with the picture of their partner, under their own `image_id`.

        Results stay paired by the image that a question is about. A broken sample stays as it is.
        """
        for sample in samples:
            if sample.image is None:
                yield sample
                continue
            with Image.open(self._files[self._partners[seed][sample.image_id]]) as image:
                yield replace(sample, image=image.convert("RGB"))
