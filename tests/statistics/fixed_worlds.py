"""Differences of two rows that nothing draws, for simulations."""

from typing import Literal

import numpy as np

from prunegrid.statistics.clusters import Clusters
from prunegrid.statistics.resampling import Bootstrap
from prunegrid.statistics.testing import exact_sign_flip, sign_flip
from prunegrid.tables.difference import Contrast, Difference, differences

Kind = Literal["nothing else", "both ways", "several questions", "captions"]
KINDS: tuple[Kind, ...] = ("nothing else", "both ways", "several questions", "captions")
# Sign flips for one p at 5 %; proportionally more at a corrected level.
_FLIPS, _FLIPS_AT_FIVE = 2000, 50


def changes(kind: Kind, images: int, loss: float, generator: np.random.Generator, trials: int) -> np.ndarray:
    """Return differences of a true mean of -`loss`.

    Returns
    -------
    ndarray of float64, shape (images x questions, trials)
        Of right answers: nothing else changes, 6 % more do in each direction, or 4 % of the four questions
        about each image. Captions change all, by a normal with a standard deviation of 0.9.
    """
    shape = images * _questions(kind), trials
    if kind == "captions":
        return generator.normal(-loss, 0.9, shape)
    background = {"nothing else": 0.0, "both ways": 0.06, "several questions": 0.04}[kind]
    drawn = generator.random(shape)
    return np.where(drawn < background, 1.0, 0.0) - (drawn > 1 - background - loss)


def difference(values: np.ndarray, kind: Kind, clusters: Clusters) -> Difference:
    """Return what the tables say of one column of `changes`."""
    contrast = Contrast(
        by_seed=values[:, None],
        whole=6.0 if kind == "captions" else 1.0,
        n_draws=0,
        drawn="",
        bounded=kind != "captions",
        tested=True,
        binary=False,
        computed=frozenset(),
    )
    return differences([contrast], clusters, Bootstrap(clusters.count, 50), 50, 0)[0]


def fixed_power_at_detectable(
    generator: np.random.Generator, kind: Kind, images: int, size: float, trials: int
) -> tuple[float, float]:
    """Return the loss that pilots without one say is found in 80 %, and how often it is.

    Returns
    -------
    loss, power : float
        The median of what 25 pilots say; the share of trials in which the table's test rejects at `size`.
    """
    clusters = Clusters.of(np.repeat(np.arange(images), _questions(kind)))
    pilots = changes(kind, images, 0.0, generator, 25).T
    loss = float(np.median([difference(values, kind, clusters).detectable(size) for values in pilots]))
    sums = clusters.sums(changes(kind, images, loss, generator, trials))
    p = np.array([exact_sign_flip(column) for column in sums.T])
    if np.isnan(p).any():
        p = sign_flip(sums, round(_FLIPS_AT_FIVE * 0.05 / size) if size < 0.05 else _FLIPS)
    return loss, float((p <= size).mean())


def _questions(kind: Kind) -> int:
    return 4 if kind == "several questions" else 1
