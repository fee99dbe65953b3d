"""By simulation: what 95 % intervals cover, and how often a true null is rejected."""

import numpy as np
import pytest

from prunegrid.statistics.clusters import Clusters
from prunegrid.statistics.resampling import Bootstrap, interval
from prunegrid.statistics.score_interval import score_limits
from prunegrid.statistics.testing import holm, sign_flip

TRIALS = 4000
REPLICATES = 1000


def limits(values: np.ndarray, clusters: Clusters) -> np.ndarray:
    """Percentile intervals of the means of columns, shape (2, columns)."""
    totals = Bootstrap(clusters.count, REPLICATES).totals(
        clusters.sums(np.hstack([values, np.ones((len(values), 1))]))
    )
    return interval(totals[:, :-1] / totals[:, -1:])


def coverage(found: np.ndarray, truth: float) -> float:
    return float(((found[0] <= truth) & (truth <= found[1])).mean())


def each(n: int) -> Clusters:
    return Clusters.of([f"{k:05d}" for k in range(n)])


@pytest.mark.parametrize("accuracy", [0.5, 0.8, 0.9])
def test_intervals_of_independent_questions(accuracy: float) -> None:
    correct = np.random.default_rng(0).random((300, TRIALS)) < accuracy
    assert 0.93 <= coverage(limits(correct, each(300)), accuracy) <= 0.97


def test_intervals_of_scores_with_a_long_tail() -> None:
    # Captions: most have little, a few have much.
    scores = np.random.default_rng(1).gamma(1.0, 1.0, (200, TRIALS))
    assert 0.93 <= coverage(limits(scores, each(200)), 1.0) <= 0.97


@pytest.mark.parametrize("sizes", ["equal", "unequal"])
def test_clustered_intervals_cover_where_naive_ones_fail(sizes: str) -> None:
    generator = np.random.default_rng(2)
    n_images = 120
    per_image = np.full(n_images, 6) if sizes == "equal" else generator.integers(1, 12, n_images)
    images = np.repeat(np.arange(n_images), per_image)
    easy = generator.beta(1.5, 1.5, (n_images, TRIALS))[images]
    correct = generator.random(easy.shape) < easy
    clustered = coverage(limits(correct, Clusters.of([f"{k:04d}" for k in images])), 0.5)
    assert 0.93 <= clustered <= 0.97
    assert coverage(limits(correct, each(len(images))), 0.5) < 0.88


@pytest.mark.parametrize(("n_images", "per_image"), [(400, 1), (150, 4)])
def test_intervals_of_paired_differences(n_images: int, per_image: int) -> None:
    """As the tables join them: the bootstrap's, wider where the score interval is."""
    generator = np.random.default_rng(3)
    images = np.repeat(np.arange(n_images), per_image)
    # One in five images is touched by pruning; half of its questions change, more for the worse.
    touched = (generator.random((n_images, TRIALS)) < 0.2)[images]
    changed = touched & (generator.random(touched.shape) < 0.5)
    difference = np.where(changed, np.where(generator.random(touched.shape) < 0.7, -1.0, 1.0), 0.0)
    truth = 0.2 * 0.5 * (0.3 - 0.7)
    clusters = Clusters.of([f"{k:04d}" for k in images])
    bootstrap = limits(difference, clusters)
    assert 0.93 <= coverage(bootstrap, truth) <= 0.97
    sums = clusters.sums(difference)
    scarce = score_limits(sums, np.full(sums.shape, float(per_image)))
    joined = np.stack([np.minimum(bootstrap[0], scarce[0]), np.maximum(bootstrap[1], scarce[1])])
    assert 0.94 <= coverage(joined, truth) <= 0.985


def rejected(p: np.ndarray) -> float:
    """Share of families, the rows, in which anything is rejected after Holm's correction."""
    return float(np.mean([holm(family).min() < 0.05 for family in p]))


@pytest.mark.parametrize("shared", [False, True], ids=["independent", "one reference"])
def test_family_wise_error_under_the_null(shared: bool) -> None:
    generator = np.random.default_rng(4)
    n_images, rows, families = 80, 12, 2500
    clusters = Clusters.of([f"{k:03d}" for k in np.repeat(np.arange(n_images), 2)])
    p = np.empty((families, rows))
    for start in range(0, families, 100):
        shape = (2 * n_images, 100, rows)
        if shared:
            # All rows and the reference answer alike well, and each is compared with it.
            easy = np.repeat(generator.random((n_images, 100, 1)), 2, axis=0)
            scores = generator.random(shape) < easy
            difference = scores - (generator.random((2 * n_images, 100, 1)) < easy).astype(float)
        else:
            difference = generator.choice([-1.0, 0, 1], size=shape, p=[0.15, 0.7, 0.15])
        sums = clusters.sums(difference.reshape(2 * n_images, -1))
        p[start : start + 100] = sign_flip(sums, 1500, seed=start).reshape(100, rows)
    assert rejected(p) <= 0.06
    # Nor is it a test that never rejects: uncorrected, about one in twenty does.
    assert 0.03 < (p < 0.05).mean() < 0.06
    assert np.mean(p.min(axis=1) < 0.05) > 0.2
