"""Differences of a row that is drawn by seeds to one that is not, for simulations."""

import numpy as np


def drawn_differences(
    generator: np.random.Generator, images: int, seeds: int, spread: float, per_image: int = 1
) -> np.ndarray:
    """Return differences of right answers, with a true mean of 0 over images and seeds.

    Parameters
    ----------
    generator : Generator
    images, seeds, per_image : int
        Number of images, of seeds, of questions about each image.
    spread : float
        Standard deviation of what a seed adds to accuracy; seeds are drawn anew.

    Returns
    -------
    ndarray of float64, shape (images x per_image, seeds)
        Three answers in ten are given anew, at the question's own difficulty; beside that, a seed makes some
        right or some wrong.
    """
    easy = np.repeat(generator.beta(3, 1, (images, 1)), per_image, axis=0)
    other = generator.random(easy.shape) < easy
    anew = generator.random((len(easy), seeds)) < 0.3
    mine = np.where(anew, generator.random(anew.shape) < easy, other)
    shift = generator.normal(0, spread, seeds)
    forced = generator.random(anew.shape) < np.abs(shift)
    return np.where(forced, np.sign(shift), mine.astype(float) - other)
