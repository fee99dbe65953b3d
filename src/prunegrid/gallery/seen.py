"""Which part of a picture a model's image tokens cover: all, its middle, or it and what was put around."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunegrid.predict.aspect import set_aspect

if TYPE_CHECKING:
    from PIL.Image import Image

    from prunegrid.gallery.layout import PictureLayout

# Left, top, right and bottom, as shares of width and height.
Box = tuple[float, float, float, float]
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)
_SETTINGS = ("do_center_crop", "do_pad", "image_mean", "image_processor_type")
# What CLIP's processor does where no file says otherwise.
_OF_CLIP = {"do_center_crop": True}
# The one whose `do_pad` makes a picture square; others pad a batch of tiles.
_MAKES_SQUARE = "LlavaImageProcessor"


def settings_of(processor: Any) -> dict[str, Any]:
    """Return what decides which part is seen, of a processor or image processor of transformers."""
    if processor is None:
        return {}
    inner = getattr(processor, "image_processor", processor)
    kind = type(inner).__name__.removesuffix("Fast").removesuffix("Pil")
    found = {name: getattr(inner, name, None) for name in _SETTINGS}
    return {**found, "image_processor_type": kind}


def stored_settings(folder: str | Path, backend: str) -> dict[str, Any]:
    """Return the same of a model in a folder, from the files of its processor.

    Parameters
    ----------
    folder : path
        The model's. One that is not here has no files.
    backend : str
        `image_backend` of its predictions, which tells the kind where there is no file.
    """
    found: dict[str, Any] = _OF_CLIP.copy() if backend.startswith("CLIP") else {}
    for name in ("preprocessor_config.json", "processor_config.json"):
        file = Path(folder, name)
        if file.is_file():
            told = json.loads(file.read_text(encoding="utf-8"))
            own = told.get("image_processor", told)
            found |= {key: own[key] for key in _SETTINGS if key in own}
    return found


def as_given(image: Image, mode: str, settings: Mapping[str, Any]) -> Image:
    """Return a picture as the model's processor takes it: cut or padded to a square where that is asked for.

    Parameters
    ----------
    image : Image
        RGB.
    mode : str
        `image_mode` of the predictions: processor, crop or pad.
    settings : mapping
        Of `settings_of` or `stored_settings`.
    """
    kind = str(settings.get("image_processor_type")).removesuffix("Fast")
    pads = mode == "processor" and bool(settings.get("do_pad")) and kind == _MAKES_SQUARE
    return set_aspect(image, "pad" if pads else mode, settings.get("image_mean") or (0.5, 0.5, 0.5))


def seen_box(size: tuple[int, int], layout: PictureLayout, settings: Mapping[str, Any]) -> Box:
    """Return the part of a picture that its tokens cover.

    Parameters
    ----------
    size : (int, int)
        Width and height of the picture, as `as_given` returns it.
    layout : PictureLayout
        Where its tokens lie. Tiles are never cropped.
    settings : mapping
        Of `settings_of` or `stored_settings`.
    """
    if layout.is_tiled or not settings.get("do_center_crop"):
        return WHOLE
    rows, columns = layout.views[0].numbers.shape
    # The shorter side is resized to the crop's: the largest box of the grid's shape, in the middle.
    width, height = size
    wide, high = min(1.0, height * columns / rows / width), min(1.0, width * rows / columns / height)
    return (1 - wide) / 2, (1 - high) / 2, (1 + wide) / 2, (1 + high) / 2
