"""The `mismatched` control: which image each question sees instead of its own."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from PIL import Image

from prunegrid.benchmarks.base import Sample
from prunegrid.errors import DataError
from prunegrid.randomness import named_seed


def partners(image_ids: Iterable[str], seed: int) -> dict[str, str]:
    """Return a derangement of distinct images: each image -> another one.

    It is one cycle through the images in an order drawn from the seed and their ids, so it does not
    depend on the order of samples.

    Raises
    ------
    DataError
        If there are fewer than two distinct images.
    """
    order = sorted(set(image_ids), key=lambda image_id: (named_seed("mismatched", seed, image_id), image_id))
    if len(order) < 2:
        raise DataError("the strategy `mismatched` needs at least two distinct images")
    return dict(zip(order, [*order[1:], order[0]], strict=True))


class ImageSpool:
    """Distinct images of a benchmark on disk, without loss, for samples that see another one's."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="prunegrid-images-")
        self._files: dict[str, Path] = {}
        for sample in samples:
            if sample.image is not None and sample.image_id not in self._files:
                file = Path(self._folder.name, f"{len(self._files)}.png")
                sample.image.save(file, compress_level=1)
                self._files[sample.image_id] = file

    def partners(self, seed: int) -> dict[str, str]:
        """Return the derangement of all images; see `partners`."""
        return partners(self._files, seed)

    def swapped(self, samples: Iterable[Sample], partner: Mapping[str, str]) -> Iterator[Sample]:
        """Yield the samples with the picture of their partner, under their own `image_id`.

        Results stay paired by the image that a question is about. A broken sample stays as it is.
        """
        for sample in samples:
            if sample.image is None:
                yield sample
                continue
            with Image.open(self._files[partner[sample.image_id]]) as image:
                yield replace(sample, image=image.convert("RGB"))
