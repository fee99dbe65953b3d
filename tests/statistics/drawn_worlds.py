"""Differences of a row that is drawn by seeds to one that is not, for simulations."""

from collections.abc import Sequence

import numpy as np

from prunegrid.statistics.clusters import Clusters
from prunegrid.statistics.resampling import Bootstrap
from prunegrid.tables.difference import Contrast, Difference, differences


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


def tabulated(made: Sequence[np.ndarray], images: int) -> list[Difference]:
    """Return what tables say of differences, each of shape (images x questions, seeds)."""
    clusters = Clusters.of(np.repeat(np.arange(images), len(made[0]) // images))
    contrasts = [
        Contrast(
            by_seed=by_seed,
            whole=1.0,
            n_draws=by_seed.shape[1],
            drawn="schedules",
            bounded=True,
            tested=True,
            binary=False,
            computed=frozenset(),
        )
        for by_seed in made
    ]
    return differences(contrasts, clusters, Bootstrap(images, 20), 200, 0)


def power_at_detectable(
    generator: np.random.Generator, images: int, seeds: int, spread: float, size: float, per_image: int = 1
) -> tuple[float, float]:
    """Return the loss that pilots without one say is found in 80 %, and how often it is.

    Returns
    -------
    loss, power : float
        The median of what the pilots say; of trials in which the same questions are lost with every seed.
        Both are NaN where most pilots say that no loss is.
    """

    def worlds(trials: int) -> list[np.ndarray]:
        return [drawn_differences(generator, images, seeds, spread, per_image) for _ in range(trials)]

    pilots = np.array([one.detectable(size) for one in tabulated(worlds(150), images)])
    loss = float(np.median(np.nan_to_num(pilots, nan=np.inf)))
    if np.isinf(loss):
        return np.nan, np.nan
    lost = [made - (generator.random((len(made), 1)) < loss) for made in worlds(1500)]
    return loss, float(np.mean([one.p <= size for one in tabulated(lost, images)]))
