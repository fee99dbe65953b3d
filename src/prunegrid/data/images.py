"""Decode the images of a data set, bytes, Base64 text or files, to upright 8-bit RGB."""

import base64
import binascii
import hashlib
import io
import os
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from prunegrid.errors import DataError

_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N", "I")


# Holds POPE's 500 photographs, which come up again in each of its three categories.
CACHE_BYTES = 512 * 2**20


@dataclass(frozen=True)
class Picture:
    """A decoded image. It may be shared by samples: do not change it in place."""

    image: Image.Image

    @property
    def n_bytes(self) -> int:
        """Size of its pixels, three bytes each."""
        return 3 * self.image.width * self.image.height

    @cached_property
    def digest(self) -> str:
        """Its `image_hash`, computed once."""
        return image_hash(self.image)


class ImageReader:
    """Decode images, keeping those used last: many questions may be about one image, as in POPE.

    Parameters
    ----------
    cache_bytes : int
        Most bytes of decoded pixels kept; the image read last is kept in any case.
    """

    def __init__(self, cache_bytes: int = CACHE_BYTES) -> None:
        self._most = cache_bytes
        self._held = 0
        self._kept: OrderedDict[bytes, Picture] = OrderedDict()

    def read(self, value: Any, folder: Path) -> Picture:
        """Return the decoded image of a cell; `value` and `folder` as in `encoded`."""
        data = encoded(value, folder)
        key = hashlib.sha256(data).digest()
        if key not in self._kept:
            self._kept[key] = Picture(decode(data))
            self._held += self._kept[key].n_bytes
            while self._held > self._most and len(self._kept) > 1:
                self._held -= self._kept.popitem(last=False)[1].n_bytes
        self._kept.move_to_end(key)
        return self._kept[key]


def encoded(value: Any, folder: Path) -> bytes:
    """Return the encoded bytes of an image cell.

    Parameters
    ----------
    value : dict, bytes or str
        The hub's struct of bytes and path; or bytes; or a path. In JSONL, where there are no bytes,
        `bytes` is Base64 text, and a text may be a `data:` URI.
    folder : Path
        The folder of the data file, to which paths are relative.

    Raises
    ------
    DataError
        If there is no image, it cannot be read, or its path leaves `folder`.
    """
    if isinstance(value, dict):
        # As `datasets` reads it: a path is only asked for where there are no bytes.
        inner = value.get("bytes")
        inner = _from_base64(inner) if isinstance(inner, str) else inner
        value = value.get("path") if inner is None else inner
    if isinstance(value, bytes):
        data = value
    elif isinstance(value, str) and value.startswith("data:"):
        data = _from_base64(value.partition(",")[2])
    elif isinstance(value, str) and value:
        data = _from_file(value, folder)
    else:
        raise DataError(
            "image is null" if value is None else f"image is {type(value).__name__}, not an image"
        )
    if not data:
        raise DataError("image is empty")
    return data


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise DataError(f"image is not Base64: {error}") from error


def image_file(value: Any, folder: Path) -> Path | None:
    """Return the file that an image cell names by its path, None if it names none.

    Raises
    ------
    DataError
        If the path leaves `folder`.
    """
    if isinstance(value, dict):
        value = value.get("path") if value.get("bytes") is None else None
    if not isinstance(value, str) or not value or value.startswith("data:"):
        return None
    return _inside(value, folder)


def _inside(path: str, folder: Path) -> Path:
    """Return a path below `folder`; raise DataError if it leaves it."""
    # By name and not resolved: links inside the folder are the user's own way of placing images elsewhere.
    root = os.path.abspath(folder)  # noqa: PTH100
    full = os.path.normpath(os.path.join(root, path))  # noqa: PTH118
    if os.path.commonpath([root, full]) != root:
        raise DataError(f"image path {path!r} leaves the folder of its data file: use a path inside {folder}")
    return Path(full)


def _from_file(path: str, folder: Path) -> bytes:
    try:
        return _inside(path, folder).read_bytes()
    except (OSError, ValueError) as error:
        raise DataError(f"image {path!r} cannot be read: {error}") from error


def decode(data: bytes) -> Image.Image:
    """Decode an image to upright RGB.

    EXIF rotation is applied. Transparency is dropped, not blended, as `convert("RGB")` of the published
    harnesses does. 16-bit grey is scaled to 8 bit, where `convert` alone would clip it to white. Of several
    frames the first is taken.

    Parameters
    ----------
    data : bytes
        Any format that Pillow reads.

    Returns
    -------
    Image
        Mode RGB.

    Raises
    ------
    DataError
        If it is no image, truncated, too large (Pillow's limit), or floating-point.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            return _to_rgb(ImageOps.exif_transpose(image))
    except DataError:
        raise
    except UnidentifiedImageError as error:
        # Pillow's own message holds an address, and an error row must be the same in every run.
        raise DataError(
            f"image cannot be decoded ({len(data)} bytes): no format that Pillow knows"
        ) from error
    except Exception as error:
        # Pillow's decoders raise errors of a dozen kinds, struct.error and SyntaxError among them.
        raise DataError(f"image cannot be decoded ({len(data)} bytes): {error}") from error


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in _SIXTEEN_BIT:
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise DataError(
                f"image has values from {values.min()} to {values.max()}: store it with 8 or 16 bits"
            )
        image = Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))
    elif image.mode == "F":
        raise DataError("image is floating-point, whose range is undefined: store it with 8 or 16 bits")
    elif image.mode == "P":
        # Straight to RGB, Pillow warns of a palette with transparency; the pixels are the same.
        image = image.convert("RGBA")
    # A copy in any case: the opened file is closed.
    return image.convert("RGB") if image.mode != "RGB" else image.copy()


def image_hash(image: Image.Image) -> str:
    """Return the SHA-256 of an image's mode, size and pixels, the same however it was stored."""
    width, height = image.size
    return hashlib.sha256(f"{image.mode} {width}x{height}\n".encode() + image.tobytes()).hexdigest()
