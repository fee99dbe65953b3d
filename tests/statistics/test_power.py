"""Differences said to be found with a power of 80 % are: by simulation of the table's own test."""

import numpy as np
import pytest
from scipy import stats

from prunegrid.statistics.clusters import Clusters
from prunegrid.statistics.power import clusters_to_exclude, detectable_share, pairs_needed, power
from prunegrid.statistics.resampling import Bootstrap
from prunegrid.statistics.score_interval import score_limits
from prunegrid.statistics.testing import exact_sign_flip, sign_flip
from prunegrid.tables.difference import Contrast, Difference, differences

TRIALS = 1500
FAMILY = 250


def changes(kind: str, images: int, loss: float, generator: np.random.Generator, trials: int) -> np.ndarray:
    """Return differences, shape (rows, trials), of a true mean of -loss."""
    per_image = 4 if kind == "several questions" else 1
    shape = images * per_image, trials
    if kind == "captions":
        # All change, most a little, and by more than they lose in the mean.
        return generator.normal(-loss, 0.9, shape)
    background = {"nothing else": 0.0, "both ways": 0.06, "several questions": 0.04}[kind]
    drawn = generator.random(shape)
    return np.where(drawn < background, 1.0, 0.0) - (drawn > 1 - background - loss)


def difference(values: np.ndarray, kind: str, clusters: Clusters) -> Difference:
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


@pytest.mark.parametrize("size", [0.05, 0.05 / FAMILY])
@pytest.mark.parametrize("kind", ["nothing else", "both ways", "several questions", "captions"])
def test_the_power_at_the_detectable_difference(kind: str, size: float) -> None:
    generator = np.random.default_rng(5)
    images = 120
    clusters = Clusters.of(np.repeat(np.arange(images), 4 if kind == "several questions" else 1))
    pilots = changes(kind, images, 0.0, generator, 25).T
    loss = float(np.median([difference(values, kind, clusters).detectable(size) for values in pilots]))
    sums = clusters.sums(changes(kind, images, loss, generator, TRIALS))
    p = np.array([exact_sign_flip(column) for column in sums.T])
    if np.isnan(p).any():
        p = sign_flip(sums, round(50 / (size / 0.05)) if size < 0.05 else 2000)
    assert 0.75 <= (p <= size).mean() <= 0.85


def test_power_is_that_of_the_exact_sign_test_by_enumeration() -> None:
    for pairs, both, loss, size in ((40, 0, 0.2, 0.05), (40, 4, 0.2, 0.05), (60, 3, 0.3, 0.002)):
        total = 0.0
        for better in range(pairs + 1):
            for worse in range(pairs + 1 - better):
                chances = [both / pairs, both / pairs + loss, 1 - 2 * both / pairs - loss]
                chance = stats.multinomial.pmf([better, worse, pairs - better - worse], pairs, chances)
                changed = better + worse
                if changed and worse > better and stats.binomtest(worse, changed).pvalue <= size:
                    total += chance
        assert power(pairs, both, loss, size) == pytest.approx(total, abs=1e-9)


def test_the_points_of_a_hundred_unchanged_answers() -> None:
    assert detectable_share(100, 0, 0.05) == pytest.approx(0.078, abs=5e-4)
    assert detectable_share(100, 0, 0.05 / 312) == pytest.approx(0.167, abs=5e-4)
    assert np.isnan(detectable_share(5, 0, 0.05))


def test_n_needed_is_the_fewest() -> None:
    for size in (0.05, 0.05 / FAMILY):
        needed = pairs_needed(0.02, size)
        assert power(needed, 0, 0.02, size) >= 0.8 > power(needed - 1, 0, 0.02, size)
    enough = clusters_to_exclude(0.01)
    for n, excluded in ((enough, True), (enough - 1, False)):
        low = score_limits(np.zeros((n, 1)), np.ones((n, 1)))[0, 0]
        assert (low >= -0.01) == excluded
