"""Every statistic of a table against scipy, statsmodels and plain sums."""

import io

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from prunegrid.statistics.score_interval import score_limits
from prunegrid.tables import flat
from prunegrid.tables.build import make_tables
from prunegrid.tables.options import TableOptions
from tests.tables.made_up import cell

N = 240
SINGLE = [f"i{i:04d}" for i in range(N)]
# Images of one to six questions.
SHARED = [f"i{i:04d}" for i in np.repeat(np.arange(70), np.random.default_rng(0).integers(1, 7, 70))][:N]
ACCURACY = {"none": 0.85, "blind": 0.4, "hierarchical": 0.75, "uniform": 0.74, "single": 0.6}
SEEDS = (0, 1, 2)


class World:
    """Scores of an invented model, as arrays and as the table made of them."""

    def __init__(self, images: list[str], seed: int = 0, first_seed: int = 0) -> None:
        generator = np.random.default_rng(seed)
        # Questions on one image, and the same question in several rows, are alike.
        hard = pd.Series(images).map(dict(zip(sorted(set(images)), generator.random(N), strict=False)))
        hard = 0.5 * hard.to_numpy() + 0.5 * generator.random(N)
        self.images = images
        self.scores: dict[str, np.ndarray] = {}
        cells = []
        for strategy, accuracy in ACCURACY.items():
            drawn = [(0.7 * hard + 0.3 * generator.random(N) < accuracy).astype(float) for _ in SEEDS]
            drawn = drawn if strategy == "uniform" else drawn[:1]
            drawn[0][generator.random(N) < 0.03] = np.nan
            self.scores[strategy] = np.array(drawn)
            anchor = {"ratio": 0.0, "criterion": "none"} if strategy in ("none", "blind") else {}
            for number, scores in enumerate(drawn):
                listed = [None if np.isnan(s) else s for s in scores]
                cells.append(cell(strategy, listed, images=images, seed=first_seed + number, **anchor))
        options = TableOptions(replicates=20_000, accuracy_margin=20)
        table, _ = make_tables(cells, [], options)
        self.rows = pd.read_csv(io.StringIO(flat.render(table))).set_index("strategy")
        self.means = {
            s: np.nanmean(scores, axis=0) if len(scores) > 1 else scores[0]
            for s, scores in self.scores.items()
        }

    def sums(self, *columns: np.ndarray) -> tuple[np.ndarray, ...]:
        """Sums over images."""
        return tuple(pd.Series(c).groupby(np.array(self.images)).sum().to_numpy() for c in columns)

    def interval(self, statistic, *columns: np.ndarray) -> tuple[float, float]:
        """Percentile interval by scipy, images resampled."""
        found = stats.bootstrap(
            self.sums(*columns),
            statistic,
            paired=True,
            method="percentile",
            n_resamples=20_000,
            rng=9,
            batch=500,
        )
        return found.confidence_interval


@pytest.fixture(scope="module", params=[SINGLE, SHARED], ids=["single", "shared"])
def world(request) -> World:
    return World(request.param)


def sign_flips(sums: np.ndarray) -> float:
    found = stats.permutation_test(
        (sums,), np.sum, permutation_type="samples", n_resamples=50_000, batch=5000, rng=3
    )
    return float(found.pvalue)


def over_images_and_seeds(by_seed: np.ndarray, images: list[str]) -> tuple[list[float], float]:
    """Interval and p from statsmodels' table of variance of the images' contributions to the mean."""
    grand = by_seed[~np.isnan(by_seed)].mean()
    n = (~np.isnan(by_seed)).sum()
    rows = [
        {"image": image, "seed": seed, "part": 0.0 if np.isnan(value) else value - grand}
        for seed, values in enumerate(by_seed)
        for image, value in zip(images, values, strict=True)
    ]
    parts = pd.DataFrame(rows).groupby(["image", "seed"], as_index=False)["part"].sum()
    parts["part"] *= len(parts) / n
    table = anova_lm(ols("part ~ C(image) + C(seed)", parts).fit())
    square = table.sum_sq / table.df
    seeds = square["C(seed)"] / len(parts)
    clusters = max(square["C(image)"] - square["Residual"], 0) / len(parts)

    def half(size: float) -> float:
        quantiles = [stats.t.ppf(1 - size / 2, table.df[f"C({factor})"]) for factor in ("seed", "image")]
        return float(np.sqrt(quantiles[0] ** 2 * seeds + quantiles[1] ** 2 * clusters))

    p = optimize.brentq(lambda size: half(size) - abs(grand), 1e-12, 1 - 1e-12)
    return [grand - half(0.05), grand + half(0.05)], p


def known(*columns: np.ndarray) -> np.ndarray:
    return ~np.isnan(np.sum(columns, axis=0))


def ratio(top: np.ndarray, bottom: np.ndarray, axis: int = -1) -> np.ndarray:
    return top.sum(axis) / bottom.sum(axis)


def wilson(value: float, sums: np.ndarray, counts: np.ndarray) -> list[float]:
    """Wilson's interval of so many rows as have the variance of the images' sums, an imagined one added."""
    images = len(sums)
    variance = ((sums - value * counts) ** 2).sum() / counts.sum() ** 2
    rows = (value * (1 - value) + 1 / images) / (variance + 1 / images**2)
    return list(proportion_confint(value * rows, rows, method="wilson"))


def test_values_and_their_intervals(world: World) -> None:
    for strategy, scores in world.means.items():
        row, there = world.rows.loc[strategy], known(scores)
        assert row.b_value == pytest.approx(scores[there].mean())
        columns = np.where(there, scores, 0), there.astype(float)
        limits = world.interval(ratio, *columns)
        if strategy == "uniform":
            limits, _ = over_images_and_seeds(world.scores[strategy], world.images)
        scarce = wilson(row.b_value, *world.sums(*columns))
        joined = [min(limits[0], scarce[0]), max(limits[1], scarce[1])]
        np.testing.assert_allclose([row.b_low, row.b_high], joined, atol=0.004)


@pytest.mark.parametrize(("which", "other"), [("to_none", "none"), ("strategy_effect", "hierarchical")])
def test_differences_their_intervals_and_p(world: World, which: str, other: str) -> None:
    row, difference = world.rows.loc["single"], world.means["single"] - world.means[other]
    there = known(difference)
    assert row[f"b_{which}"] == pytest.approx(difference[there].mean())
    sums, counts = world.sums(np.where(there, difference, 0), there.astype(float))
    limits = world.interval(ratio, np.where(there, difference, 0), there.astype(float))
    scarce = score_limits(sums[:, None], counts[:, None])[:, 0]
    joined = [min(limits[0], scarce[0]), max(limits[1], scarce[1])]
    np.testing.assert_allclose(row[[f"b_{which}_low", f"b_{which}_high"]].astype(float), joined, atol=0.004)
    assert row[f"b_{which}_p"] == pytest.approx(sign_flips(sums), abs=0.012)


@pytest.mark.parametrize(("which", "other"), [("to_none", "none"), ("strategy_effect", "hierarchical")])
def test_differences_of_a_drawn_row_vary_over_images_and_seeds(world: World, which: str, other: str) -> None:
    row, by_seed = world.rows.loc["uniform"], world.scores["uniform"] - world.means[other]
    there = ~np.isnan(by_seed).all(axis=0)
    mean = np.array([np.nanmean(d) if known else np.nan for d, known in zip(by_seed.T, there, strict=True)])
    assert row[f"b_{which}"] == pytest.approx(mean[there].mean())
    (sums, counts) = world.sums(np.where(there, mean, 0), there.astype(float))
    limits, p = over_images_and_seeds(by_seed, world.images)
    scarce = score_limits(sums[:, None], counts[:, None])[:, 0]
    joined = [min(limits[0], scarce[0]), max(limits[1], scarce[1])]
    np.testing.assert_allclose(row[[f"b_{which}_low", f"b_{which}_high"]].astype(float), joined, atol=2e-3)
    assert row[f"b_{which}_p"] == pytest.approx(max(p, sign_flips(sums)), abs=0.012)
    assert row[f"b_{which}_p_given_draws"] == pytest.approx(sign_flips(sums), abs=0.012)
    each = [np.nanmean(d) for d in by_seed]
    found = row[[f"b_{which}_worst_draw", f"b_{which}_best_draw"]].astype(float)
    np.testing.assert_allclose(found, [min(each), max(each)])


def test_the_kept_gain(world: World) -> None:
    def kept(mine, none, blind, n_mine, n_none, n_blind, axis=-1):
        floor = ratio(blind, n_blind, axis)
        return (ratio(mine, n_mine, axis) - floor) / (ratio(none, n_none, axis) - floor)

    for strategy in ("hierarchical", "uniform", "single"):
        row = world.rows.loc[strategy]
        columns = [world.means[s] for s in (strategy, "none", "blind")]
        filled = [np.nan_to_num(c) for c in columns] + [known(c).astype(float) for c in columns]
        assert row.b_retained == pytest.approx(kept(*filled))
        limits = world.interval(kept, *filled)
        scale = world.rows.b_value["none"] - world.rows.b_value["blind"]
        joined = [
            min(limits[0], 1 + row.b_to_none_low / scale),
            max(limits[1], 1 + row.b_to_none_high / scale),
        ]
        np.testing.assert_allclose([row.b_retained_low, row.b_retained_high], joined, atol=0.015)


def test_holm_is_made_over_each_family_apart(world: World) -> None:
    for which in ("to_none", "strategy_effect"):
        tested = world.rows[world.rows[f"b_{which}_p"].notna()]
        expected = multipletests(tested[f"b_{which}_p"], method="holm")[1]
        np.testing.assert_allclose(tested[f"b_{which}_p_holm"], expected)
    assert world.rows.b_to_none_p.count() == 4  # all but none itself
    assert world.rows.b_strategy_effect_p.count() == 2  # rows at the reference's ratio, without itself


def test_mcnemar_stands_only_where_every_image_has_one_question_and_answers_are_right_or_wrong(
    world: World,
) -> None:
    single = world.images is SINGLE
    for strategy in ("single", "uniform"):
        for which, other in (("to_none", "none"), ("strategy_effect", "hierarchical")):
            p = world.rows.loc[strategy, f"b_{which}_p_mcnemar"]
            if not single or strategy == "uniform":  # averaged over seeds
                assert np.isnan(p)
                continue
            mine, theirs = world.scores[strategy][0], world.scores[other][0]
            both = known(mine, theirs)
            table = pd.crosstab(mine[both], theirs[both]).reindex(index=[0, 1], columns=[0, 1], fill_value=0)
            assert p == pytest.approx(mcnemar(table.to_numpy(), exact=True).pvalue)


def test_seeds_are_averaged_and_their_spread_stands_apart(world: World) -> None:
    row, by_seed = world.rows.loc["uniform"], np.nanmean(world.scores["uniform"], axis=1)
    assert row.n_seeds == 3
    assert row.b_seed_sd == pytest.approx(np.std(by_seed, ddof=1))
    assert (row.b_seed_low, row.b_seed_high) == pytest.approx((by_seed.min(), by_seed.max()))
    # The interval is that of the average: narrower than a single seed's.
    one = np.nan_to_num(world.scores["uniform"][1])
    low, high = world.interval(ratio, one, np.ones(N))
    assert row.b_high - row.b_low < high - low


def test_no_loss_is_a_lower_limit_above_the_margin(world: World) -> None:
    for strategy in ("hierarchical", "uniform", "single"):
        row = world.rows.loc[strategy]
        assert row.b_non_inferior == (row.b_to_none_low > -0.2)
    assert set(world.rows.b_non_inferior.dropna()) == {True, False}


def test_the_seed_alone_decides() -> None:
    world = World(SHARED)
    pd.testing.assert_frame_equal(world.rows, World(SHARED).rows)
