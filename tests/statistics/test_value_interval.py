"""Intervals of values and rates, at and near their ends: Wilson's, by simulation, and through the metrics."""

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from prunegrid.statistics.clusters import Clusters
from prunegrid.statistics.resampling import Bootstrap
from prunegrid.statistics.sums import intervals, mean, mean_of, ratio
from prunegrid.statistics.value_interval import value_limits
from tests.statistics.table_limits import table_limits

TRIALS = 1500


@pytest.mark.parametrize("n", [50, 100, 500])
@pytest.mark.parametrize("right", [0.5, 0.97, 0.99, 1.0])
def test_of_single_rows_it_is_wilsons(n: int, right: float) -> None:
    value = round(right * n) / n
    found = value_limits(np.array([value]), np.array([value * (1 - value) / n]), np.array([n]))[:, 0]
    np.testing.assert_allclose(found, proportion_confint(value * n, n, method="wilson"), atol=1e-4)


@pytest.mark.parametrize("n", [50, 100, 500])
@pytest.mark.parametrize("accuracy", [0.8, 0.95, 0.98, 0.99, 1.0])
def test_coverage_near_the_ceiling(n: int, accuracy: float) -> None:
    correct = np.random.default_rng(n).random((n, TRIALS)) < accuracy
    low, high = table_limits(correct.astype(float), np.arange(n))
    covered = ((low <= accuracy) & (accuracy <= high)).mean()
    assert covered >= 0.93
    assert (high - low).min() > 0
    if accuracy < 0.9:
        assert covered <= 0.975


@pytest.mark.parametrize("accuracy", [0.9, 0.98])
def test_coverage_of_images_with_several_questions(accuracy: float) -> None:
    generator = np.random.default_rng(0)
    images = np.repeat(np.arange(80), 4)
    strength = 3.0
    easy = generator.beta(strength * accuracy, strength * (1 - accuracy), (80, TRIALS))[images]
    correct = (generator.random(easy.shape) < easy).astype(float)
    low, high = table_limits(correct, images)
    assert 0.93 <= ((low <= accuracy) & (accuracy <= high)).mean() <= 0.995
    # As if they were independent, it would be far too narrow.
    alone = np.array([proportion_confint(n, len(images), method="wilson") for n in correct.sum(axis=0)]).T
    assert ((alone[0] <= accuracy) & (accuracy <= alone[1])).mean() < 0.92


def test_questions_about_one_image_count_once_at_the_end() -> None:
    always = np.ones((400, 1))
    low, high = table_limits(always, np.repeat(np.arange(40), 10))[:, 0]
    np.testing.assert_allclose((low, high), proportion_confint(40, 40, method="wilson"), atol=1e-6)


def test_rates_at_their_ends_have_a_width_in_scores_json() -> None:
    gold = np.arange(60) % 2 == 0
    right, first = np.ones(60), np.arange(60) < 30
    clusters = Clusters.of([f"i{k // 2}" for k in range(60)])
    metrics = {
        "accuracy": mean(right),
        "recall": ratio(right * gold, gold),
        "f1": ratio(2 * right * gold, 2.0 * gold),
        "mean": mean_of([mean(np.where(half, right, np.nan)) for half in (first, ~first)]),
        "never": ratio(0 * right, gold),
        "nothing": ratio(0 * right, 0 * right),
        "cider": mean(7 * right),
    }
    found = intervals(metrics, clusters, Bootstrap(clusters.count, 300))
    wilson = proportion_confint(30, 30, method="wilson")
    for name in ("accuracy", "recall", "f1", "mean"):
        assert (found[name]["low"], found[name]["high"]) == pytest.approx(wilson), name
    assert (found["never"]["low"], found["never"]["high"]) == pytest.approx((0, 1 - wilson[0]))
    assert np.isnan([*found["nothing"].values()]).all()
    # What has no upper end keeps the bootstrap's.
    assert found["cider"] == {"value": 7.0, "low": 7.0, "high": 7.0}
