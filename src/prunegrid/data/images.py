"""Decode the images of a data set, bytes, Base64 text or files, to upright 8-bit RGB."""

import hashlib
import io
import os
import stat
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from prunegrid.data.image_texts import decoded_text, from_base64, shown
from prunegrid.errors import ConfigError, DataError

_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N", "I")


# Those of benchmarks. Of the others that Pillow knows, some call programs (EPS) or are not maintained.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
# A medium-format camera's 102 million fit.
MOST_PIXELS = 120_000_000
# Most processors scale the short side to some hundred pixels: a strip of 1 x 200,000 would become 67 million
# wide. Qwen2-VL's refuses what is longer than this.
MOST_ASPECT = 200
MOST_BYTES = 2**29

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

    def read_all(self, value: Any, folder: Path) -> list[Picture]:
        """Return the decoded images of a cell that may hold a list of several; a fault says of which."""
        cells, found = cells_of(value), []
        for number, cell in enumerate(cells, 1):
            try:
                found.append(self.read(cell, folder))
            except DataError as error:
                of = "" if len(cells) == 1 else f"image {number} of {len(cells)}: "
                raise DataError(f"{of}{error}") from error
        return found


def cells_of(value: Any) -> list[Any]:
    """Return the images of a cell, each encoded: those of its list, or the one that it is.

    Raises
    ------
    DataError
        If the list is empty.
    """
    if not isinstance(value, list):
        return [value]
    if not value:
        raise DataError("image is an empty list")
    return value


def joint_digest(digests: Sequence[str]) -> str:
    """Return what tells several images in their order from others: of one its own digest."""
    return digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()


def encoded(value: Any, folder: Path) -> bytes:
    """Return the encoded bytes of an image cell.

    Parameters
    ----------
    value : dict, bytes, str or list
        The hub's struct of bytes and path; or bytes; or a text: a path, a `data:` URL, or the Base64 of an
        image, wrapped or not; or a list of one of these. JSONL has no bytes: its `bytes` are Base64.
    folder : Path
        The folder of the data file, to which paths are relative.

    Raises
    ------
    DataError
        If there is no image, it cannot be read, or its path leaves `folder`.
    """
    value = _only(value)
    if isinstance(value, dict):
        # As `datasets` reads it: a path is only asked for where there are no bytes.
        inner = value.get("bytes")
        inner = decoded_text(inner) or from_base64(inner) if isinstance(inner, str) else inner
        value = value.get("path") if inner is None else inner
    if isinstance(value, str) and value:
        inline = decoded_text(value)
        data = _from_file(value, folder) if inline is None else inline
    elif isinstance(value, bytes):
        data = value
    else:
        raise DataError(
            "image is null" if value is None else f"image is {type(value).__name__}, not an image"
        )
    if not data:
        raise DataError("image is empty")
    return data


def _only(value: Any) -> Any:
    """Return the image of a list of one; other values as they are."""
    if not isinstance(value, list):
        return value
    if len(value) != 1:
        raise DataError(f"image is a list of {len(value)}, must be one image")
    return value[0]


def image_files(value: Any, folder: Path) -> list[Path]:
    """Return the files that an image cell, or a list of several, names by their paths.

    Raises
    ------
    DataError
        If a path leaves `folder`, or there is no image.
    """
    return [file for cell in cells_of(value) if (file := _named_file(cell, folder)) is not None]


def _named_file(value: Any, folder: Path) -> Path | None:
    if isinstance(value, dict):
        value = value.get("path") if value.get("bytes") is None else None
    if not isinstance(value, str) or not value or decoded_text(value) is not None:
        return None
    return _inside(value, folder)


def _inside(path: str, folder: Path) -> Path:
    """Return a path below `folder`; raise DataError if it leaves it."""
    # By name and not resolved: links inside the folder are the user's own way of placing images elsewhere.
    root = os.path.abspath(folder)  # noqa: PTH100
    full = os.path.normpath(os.path.join(root, path))  # noqa: PTH118
    if os.path.commonpath([root, full]) != root:
        raise DataError(
            f"image path {shown(path)} leaves the folder of its data file: use a path inside {folder}"
        )
    return Path(full)


def _from_file(path: str, folder: Path) -> bytes:
    """Read a file that is one: a pipe would be waited for, and a device has no end."""
    try:
        # A pipe that nobody writes to is opened at once, and seen.
        opened = os.open(_inside(path, folder), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            state = os.fstat(opened)
            if not stat.S_ISREG(state.st_mode):
                raise DataError(f"image {shown(path)} is no file, but a folder, device or pipe")
            if state.st_size > MOST_BYTES:
                raise DataError(
                    f"image {shown(path)} has {state.st_size} bytes, at most {MOST_BYTES} are read"
                )
            with os.fdopen(opened, "rb", closefd=False) as file:
                return file.read(MOST_BYTES)
        finally:
            os.close(opened)
    except (OSError, ValueError) as error:
        told = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise DataError(f"image {shown(path)} cannot be read: {told}") from error


def decode(data: bytes) -> Image.Image:
    """Decode an image to upright RGB.

    EXIF rotation is applied. Transparency is dropped, not blended, as `convert("RGB")` of the published
    harnesses does. 16-bit grey is scaled to 8 bit, where `convert` alone would clip it to white. Of several
    frames the first is taken.

    Parameters
    ----------
    data : bytes
        Of a format in `FORMATS`.

    Returns
    -------
    Image
        Mode RGB.

    Raises
    ------
    DataError
        If it is no image, truncated, too large or too narrow, or floating-point.
    ConfigError
        If Pillow was told to fill up truncated images: of all cells of a process they would become good.
    """
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise ConfigError(
            "PIL.ImageFile.LOAD_TRUNCATED_IMAGES was set, by a plug-in or what it imports, and broken images "
            "would be read as good ones in all cells of this process: take it out"
        )
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            # The size stands in the header: what it asks for is not yet taken.
            check_size(*image.size)
            image.load()
            return _to_rgb(ImageOps.exif_transpose(image))
    except DataError:
        raise
    except UnidentifiedImageError as error:
        # Pillow's own message holds an address, and an error row must be the same in every run.
        raise DataError(
            f"image cannot be decoded ({len(data)} bytes): none of {', '.join(FORMATS)}"
        ) from error
    except Exception as error:
        # Pillow's decoders raise errors of a dozen kinds, struct.error and SyntaxError among them.
        raise DataError(f"image cannot be decoded ({len(data)} bytes): {error}") from error


def check_size(width: int, height: int) -> None:
    """Refuse a picture that takes the machine's memory, as it is or scaled up by its short side.

    Raises
    ------
    DataError
        With the size, and how large it may be.
    """
    if width * height > MOST_PIXELS:
        raise DataError(f"image has {width} x {height} pixels, at most {MOST_PIXELS} are read")
    if max(width, height) > MOST_ASPECT * min(width, height):
        raise DataError(
            f"image has {width} x {height} pixels: one side is more than {MOST_ASPECT} times the other"
        )


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
