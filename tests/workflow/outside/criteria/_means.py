"""A helper: its name begins with an underscore, so it is no criterion."""

from torch import Tensor

from prunegrid import Stage


def image_mean(stage: Stage) -> Tensor:
    """Return the mean hidden state of the image tokens present, shape (batch, 1, hidden size)."""
    image = stage.image[..., None]
    return (stage.hidden * image).sum(1, keepdim=True) / image.sum(1, keepdim=True).clamp_min(1)
