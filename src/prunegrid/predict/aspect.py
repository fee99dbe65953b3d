"""What becomes of an image that is not square, before the model's processor sees it (key `image_mode`)."""

from collections.abc import Sequence

from PIL import Image


def square(image: Image.Image, mode: str, mean: Sequence[float]) -> Image.Image:
    """Return an image as the processor is given it.

    Parameters
    ----------
    image : Image
        RGB.
    mode : str
        `processor`: as it is. `crop`: its centre square. `pad`: in the middle of a square of the mean
        colour, as LLaVA's `expand2square`, which FastV evaluates with.
    mean : sequence of float
        The processor's `image_mean`, from 0 to 1; the colour of the padding, cut to whole numbers.
    """
    if mode == "processor" or image.width == image.height:
        return image
    short, long = sorted(image.size)
    if mode == "crop":
        left, top = (image.width - short) // 2, (image.height - short) // 2
        return image.crop((left, top, left + short, top + short))
    padded = Image.new("RGB", (long, long), tuple(int(value * 255) for value in mean))
    padded.paste(image, ((long - image.width) // 2, (long - image.height) // 2))
    return padded
