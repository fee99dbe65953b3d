"""Aspect of an image before the model's processor sees it: unchanged, cropped or padded to a square.

The key `image_mode` of a model's specification says which.
"""

from collections.abc import Sequence

from PIL import Image

from prunegrid.data.images import check_size


def set_aspect(image: Image.Image, mode: str, mean: Sequence[float]) -> Image.Image:
    """Crop or pad an image to a square, or return it as it is.

    Parameters
    ----------
    image : Image
        RGB.
    mode : str
        `processor`: unchanged, so that the processor decides. `crop`: to the centre square. `pad`: with the
        mean colour on both sides of the shorter axis, as LLaVA's `expand2square`, which FastV evaluates with.
    mean : sequence of float
        The processor's `image_mean`, from 0 to 1; the colour of the padding, cut to whole numbers.

    Raises
    ------
    DataError
        If the padded square is larger than an image may be.
    """
    if mode == "processor" or image.width == image.height:
        return image
    short, long = sorted(image.size)
    if mode == "crop":
        left, top = (image.width - short) // 2, (image.height - short) // 2
        return image.crop((left, top, left + short, top + short))
    # A narrow picture becomes as large as its long side squared.
    check_size(long, long)
    padded = Image.new("RGB", (long, long), tuple(int(value * 255) for value in mean))
    padded.paste(image, ((long - image.width) // 2, (long - image.height) // 2))
    return padded
