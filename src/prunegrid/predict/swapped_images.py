"""Images of the `mismatched` control: each question is given the image of another sample."""

import io
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import IO

from PIL import Image

from prunegrid.data.adapter import Sample
from prunegrid.data.images import image_hash, joint_digest
from prunegrid.errors import DataError
from prunegrid.randomness import named_seed

# Stands for a sample's own pictures, which are not held while it waits for others.
_POINT = Image.new("RGB", (1, 1))
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


class SwappedImages:
    """Gives samples the images of others.

    The derangement is of all pictures of the benchmark, so that jobs which share the samples agree on it.
    What a shard is given is read from the data again, in the order of the data, and lies meanwhile in a
    temporary file, as PNG: never more pictures than the shard has. The file has no name, so that a job which
    is killed leaves nothing behind.

    Parameters
    ----------
    read : callable
        `Adapter.samples` of the benchmark.
    seeds : iterable of int
        Seeds of the cells.

    Raises
    ------
    DataError
        If the benchmark has fewer than two distinct pictures.
    """

    def __init__(self, read: Read, seeds: Iterable[int]) -> None:
        self._read = read
        self._places: dict[str, int] = {}
        pictures: dict[str, str] = {}
        for position, sample in enumerate(read(None)):
            if sample.image is not None and sample.image_id not in pictures:
                self._places[sample.image_id] = position
                pictures[sample.image_id] = joint_digest([image_hash(one) for one in sample.images])
        self._partners = {seed: partners(pictures, seed) for seed in seeds}

    def swapped(self, samples: Iterable[Sample], seed: int) -> Iterator[Sample]:
        """Yield the samples of a shard with all pictures of their partners, under their own `image_id`.

        Results stay paired by the image that a question is about. A broken sample stays as it is.
        """
        samples, partner = [to_be_swapped(sample) for sample in samples], self._partners[seed]
        needed = {partner[sample.image_id] for sample in samples if sample.image is not None}
        with tempfile.TemporaryFile() as file:
            places: dict[str, list[tuple[int, int]]] = {}
            for other in self._read(sorted(self._places[image_id] for image_id in needed)):
                places[other.image_id] = [_written(file, image) for image in other.images]
            for sample in samples:
                if sample.image is None:
                    yield sample
                    continue
                first, *more = (_opened(file, *place) for place in places[partner[sample.image_id]])
                yield replace(sample, image=first, more_images=tuple(more))


def to_be_swapped(sample: Sample) -> Sample:
    """Return a sample that holds none of its pictures, but still tells whether it could be shown."""
    return replace(sample, image=None if sample.image is None else _POINT, more_images=())


def _written(file: IO[bytes], image: Image.Image) -> tuple[int, int]:
    """Append a picture to a file, and return where it begins and its bytes."""
    start = file.tell()
    image.save(file, "PNG", compress_level=1)
    return start, file.tell() - start


def _opened(file: IO[bytes], start: int, n_bytes: int) -> Image.Image:
    file.seek(start)
    with Image.open(io.BytesIO(file.read(n_bytes))) as image:
        return image.convert("RGB")
