"""Image features on disk, for later jobs of the same model: a picture is encoded once per model and device.

It only saves time. What is damaged is removed and computed again; where nothing can be written, jobs go on
without.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from prunegrid.files import atomic_path
from prunegrid.pruning.family import Features

_LOG = logging.getLogger(__name__)
_ENDING = ".safetensors"
_BEHIND = 1.0  # seconds
_LENGTH_BYTES = 8  # of the header, before it


class FeatureStore:
    """A folder of features, one file a picture, bounded in bytes; several jobs may use it at once.

    Where it is full, the files that were used least recently make room, but none that was used since this
    job began: pictures that come round in one order would otherwise push each other out, and none be found.

    Parameters
    ----------
    folder : Path
        The folder.
    identity : str
        Hash of all that features depend on beside the picture.
    most_bytes : float
        Most bytes of files.
    """

    def __init__(self, folder: Path, identity: str, most_bytes: float) -> None:
        self._folder, self._identity, self._most = folder, identity, most_bytes
        # File systems stamp a little behind the clock.
        self._began = time.time() - _BEHIND
        self._held = sum(size for _, size, _ in self._files())
        self._works = True

    def read(self, picture: str) -> Features | None:
        """Return the features of a picture, None if they are not there whole.

        Parameters
        ----------
        picture : str
            Its hash.
        """
        file = self._file(picture)
        try:
            features = _from_bytes(file.read_bytes())
            os.utime(file)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            _LOG.warning(f"{file} is damaged ({error}); its picture is encoded again")
            with suppress(OSError):
                file.unlink(missing_ok=True)
            return None
        return features

    def write(self, picture: str, features: Features) -> None:
        """Keep the features of a picture, where there is room for them."""
        if not self._works:
            return
        try:
            data = _to_bytes(features)
            if not self._make_room(len(data)):
                return
            with atomic_path(self._file(picture)) as temporary:
                temporary.write_bytes(data)
            self._held += len(data)
        except (OSError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
            self._works = False
            _LOG.warning(f"features are not kept in {self._folder}: {type(error).__name__}: {error}")

    def _file(self, picture: str) -> Path:
        name = hashlib.sha256(f"{self._identity} {picture}".encode()).hexdigest()
        return self._folder / f"{name}{_ENDING}"

    def _files(self) -> list[tuple[float, int, Path]]:
        """Return time of last use, size and path of all files, half-written ones of killed jobs too."""
        found = []
        try:
            with os.scandir(self._folder) as entries:
                for entry in entries:
                    try:
                        stat = entry.stat()
                    except FileNotFoundError:  # Another job removed it.
                        continue
                    found.append((stat.st_mtime, stat.st_size, Path(entry.path)))
        except OSError:
            pass
        return found

    def _make_room(self, size: int) -> bool:
        """Remove old files until there is room for another one; return whether there is."""
        if self._held + size <= self._most:
            return True
        # Other jobs have written and removed files, too.
        files = sorted(self._files())
        self._held = sum(held for _, held, _ in files)
        for used, held, file in files:
            if self._held + size <= self._most or used >= self._began:
                break
            file.unlink(missing_ok=True)
            self._held -= held
        if self._held + size > self._most:
            self._works = False
            _LOG.info(f"{self._folder} is full: {self._held / 1e9:.1f} GB (feature_store_gb)")
        return self._works


def _to_bytes(features: Features) -> bytes:
    """Return a safetensors file of features, with their form and a checksum in its metadata."""
    tensors: dict[str, Tensor] = {}
    form = json.dumps(_taken_apart([features.images, features.beside, features.vision], tensors))
    return save(tensors, {"form": form, "sha256": _checksum(form, tensors)})


def _from_bytes(data: bytes) -> Features:
    """Return the features of a file.

    Raises
    ------
    ValueError, KeyError, TypeError, SafetensorError
        If it is damaged.
    """
    end = _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES], "little")
    told = json.loads(data[_LENGTH_BYTES:end])["__metadata__"]
    tensors = load(data)
    if _checksum(told["form"], tensors) != told["sha256"]:
        raise ValueError("its checksum is another one")
    return Features(*_put_together(json.loads(told["form"]), tensors))


def _checksum(form: str, tensors: Mapping[str, Tensor]) -> str:
    found = hashlib.sha256(form.encode())
    for name, tensor in sorted(tensors.items()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        found.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def _taken_apart(value: Any, tensors: dict[str, Tensor]) -> Any:
    """Return a nested value as JSON, with the names of its tensors, which are put into `tensors`."""
    if isinstance(value, Tensor):
        name = str(len(tensors))
        # A copy: safetensors refuses tensors that share memory.
        tensors[name] = value.detach().clone(memory_format=torch.contiguous_format)
        return {"tensor": name}
    if isinstance(value, Mapping):
        return {"mapping": [[key, _taken_apart(part, tensors)] for key, part in value.items()]}
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_taken_apart(part, tensors) for part in value]}
    if value is None or isinstance(value, bool | int | float | str):
        return {"value": value}
    raise TypeError(f"{type(value).__name__} among features")


def _put_together(form: Any, tensors: Mapping[str, Tensor]) -> Any:
    ((kind, content),) = form.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "mapping":
        return {key: _put_together(part, tensors) for key, part in content}
    if kind == "value":
        return content
    parts = [_put_together(part, tensors) for part in content]
    return parts if kind == "list" else tuple(parts)
