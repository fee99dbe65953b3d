"""Cache of image features in main memory: the vision tower runs once per distinct picture."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import torch
from accelerate.utils import send_to_device
from torch import Tensor

from prunegrid.predict.feature_store import FeatureStore
from prunegrid.predict.loading import LoadedModel
from prunegrid.pruning.determinism import without_cudnn_attention
from prunegrid.pruning.family import Features
from prunegrid.pruning.tower import features_with_maps
from prunegrid.pruning.vision_maps import VisionMap

# Holds those of POPE's 500 photographs for a 13B LLaVA-1.5, 6 MB each: they come up again in each category.
CACHE_BYTES = 4 * 2**30


class FeatureCache:
    """Image features by picture, the least recently used dropped beyond a number of bytes.

    A picture goes through the vision tower alone: its features then depend on nothing else, neither on
    the batch size nor on which pictures a resumed run still has to see.

    Parameters
    ----------
    loaded : LoadedModel
        The model.
    cache_bytes : int
        Most bytes of features that stay for the next request.
    store : FeatureStore, optional
        Features of earlier jobs, on disk; those that are computed are added.

    Attributes
    ----------
    maps : tuple of VisionMap
        What of the tower is kept with features; it may be changed between calls.
    """

    def __init__(
        self, loaded: LoadedModel, cache_bytes: int = CACHE_BYTES, *, store: FeatureStore | None = None
    ) -> None:
        self._loaded, self._store = loaded, store
        self.maps: tuple[VisionMap, ...] = ()
        self._max_bytes = cache_bytes
        self._cached_bytes = 0
        self._cached: OrderedDict[str, Features] = OrderedDict()

    def of(self, name: str, pixels: Mapping[str, Tensor]) -> Features:
        """Return the features of a picture.

        Parameters
        ----------
        name : str
            Hash of the picture, of which the pixels were always made in the same way.
        pixels : mapping
            What the processor returned of it.
        """
        if name in self._cached and not self._has_maps(self._cached[name]):
            self._cached_bytes -= _n_bytes(self._cached.pop(name))
        if name not in self._cached:
            self._cached[name] = self._stored(name) or self._computed(name, pixels)
            self._cached_bytes += _n_bytes(self._cached[name])
        self._cached.move_to_end(name)
        found = self._cached[name]
        while self._cached_bytes > self._max_bytes and self._cached:
            self._cached_bytes -= _n_bytes(self._cached.popitem(last=False)[1])
        return found

    def _has_maps(self, features: Features) -> bool:
        return all(one.name in features.vision for one in self.maps)

    def _stored(self, name: str) -> Features | None:
        found = None if self._store is None else self._store.read(name)
        # Those of a job that needed fewer are computed anew, and take their place.
        return found if found is not None and self._has_maps(found) else None

    def _computed(self, name: str, pixels: Mapping[str, Tensor]) -> Features:
        features = self._compute(pixels)
        if self._store is not None:
            self._store.write(name, features)
        return features

    @torch.no_grad()
    def _compute(self, pixels: Mapping[str, Tensor]) -> Features:
        with without_cudnn_attention():
            family, model = self._loaded.family, self._loaded.model
            if self.maps:
                found = features_with_maps(family, model, dict(pixels), self.maps)
            else:
                (found,) = family.features(model, [dict(pixels)])
        parts = (send_to_device(part, "cpu") for part in (found.images, found.beside, found.vision))
        return Features(*parts)


def _n_bytes(features: Features) -> int:
    return sum(tensor.nbytes for tensor in _tensors([features.images, features.beside, features.vision]))


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return [tensor for part in parts for tensor in _tensors(part)]
