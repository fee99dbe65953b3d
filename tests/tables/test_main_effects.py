"""Averages over the other axis: against plain loops and an own bootstrap."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from prunegrid.statistics.score_interval import score_limits
from prunegrid.tables import main_effects_table
from prunegrid.tables.build import compared
from prunegrid.tables.kept import Group
from prunegrid.tables.main_effects import members
from prunegrid.tables.options import TableOptions
from tests.tables.made_up import cell

STRATEGIES, CRITERIA, RATIOS = ("hierarchical", "single", "uniform"), ("attention", "norm"), (0.5, 0.75)
BENCHMARKS = {"small": 60, "large": 150}
OPTIONS = TableOptions(replicates=4000)


class World:
    """Scores of two benchmarks; one more criterion needs the answer, one strategy lacks a ratio of it."""

    def __init__(self, seeds: int = 1) -> None:
        generator = np.random.default_rng(2)
        self.scores: dict[tuple, np.ndarray] = {}
        self.cells = []
        for benchmark, n in BENCHMARKS.items():
            hard = generator.random(n)
            axes = [("none", "none", 0.0), ("exit", "none", 0.5), *product(STRATEGIES, CRITERIA, RATIOS)]
            axes += [
                (s, "gradient", r) for s, r in product(STRATEGIES, RATIOS) if (s, r) != ("uniform", 0.75)
            ]
            for number, axis in enumerate(axes):
                drawn = seeds if axis[0] == "uniform" else 1
                luck = generator.random((drawn, n)) + generator.normal(0, 0.3, (drawn, 1)) * (drawn > 1)
                scores = (0.6 * hard + 0.4 * luck < 0.9 - 0.02 * number).astype(float)
                self.scores[benchmark, axis] = scores
                for seed in range(drawn):
                    self.cells.append(self._cell(benchmark, axis, scores[seed].tolist(), seed))

    @staticmethod
    def _cell(benchmark: str, axis: tuple, scores: list, seed: int):
        from dataclasses import replace

        strategy, criterion, ratio = axis
        made = cell(strategy, scores, benchmark=benchmark, criterion=criterion, ratio=ratio, seed=seed)
        return replace(made, needs_answer=criterion == "gradient")

    def kept(self, strategies, criteria, picks: dict[str, np.ndarray], seed: int | None = None) -> float:
        """Mean over benchmarks and rows of score / unpruned score, of picked samples, by plain loops."""
        found = []
        for benchmark, pick in picks.items():
            own = []
            for axis in product(strategies, criteria, RATIOS):
                scores = self.scores[benchmark, axis]
                mine = scores.mean(axis=0) if seed is None or len(scores) == 1 else scores[seed]
                own.append(mine[pick].mean() / self.scores[benchmark, ("none", "none", 0.0)][0][pick].mean())
            found.append(np.mean(own))
        return float(np.mean(found))

    def changes(self, mine: list[tuple], others: list[tuple]) -> list[np.ndarray]:
        """By benchmark, per sample: mean of some rows less mean of others, in unpruned scores."""
        found = []
        for benchmark in BENCHMARKS:
            none = self.scores[benchmark, ("none", "none", 0.0)][0].mean()
            means = [
                np.mean([self.scores[benchmark, axis].mean(axis=0) for axis in axes], axis=0)
                for axes in (mine, others)
            ]
            found.append((means[0] - means[1]) / none)
        return found

    def scarce(self, mine: list[tuple], others: list[tuple]) -> tuple[float, float]:
        """How far the score intervals of benchmarks reach below and above the mean of them."""
        below, above = [], []
        for benchmark, change in zip(BENCHMARKS, self.changes(mine, others), strict=True):
            whole = 1 / self.scores[benchmark, ("none", "none", 0.0)][0].mean()
            low, high = score_limits(change[:, None], np.ones((len(change), 1)), whole)[:, 0]
            below.append(change.mean() - low)
            above.append(high - change.mean())
        n = len(BENCHMARKS)
        return np.sqrt(np.sum(np.square(below))) / n, np.sqrt(np.sum(np.square(above))) / n


def effects(world: World) -> dict:
    made = compared(world.cells, [], OPTIONS)
    found, benchmarks = made.effects, made.averaged
    assert benchmarks == [*BENCHMARKS]
    return {(effect.axis, effect.name): effect for effect in found}


ALL = {benchmark: np.arange(n) for benchmark, n in BENCHMARKS.items()}


def test_values_and_intervals_without_draws() -> None:
    world = World()
    found = effects(world)
    generator = np.random.default_rng(0)
    picks = [{b: generator.integers(0, n, n) for b, n in BENCHMARKS.items()} for _ in range(1500)]
    for strategy in STRATEGIES:
        own = found["strategy", strategy]
        assert own.value == pytest.approx(world.kept([strategy], CRITERIA, ALL))
        limits = np.quantile([world.kept([strategy], CRITERIA, pick) for pick in picks], [0.025, 0.975])
        rows = [*product([strategy], CRITERIA, RATIOS)]
        below, above = world.scarce(rows, [("none", "none", 0.0)])
        joined = [min(limits[0], own.value - below), max(limits[1], own.value + above)]
        np.testing.assert_allclose([own.low, own.high], joined, atol=0.006)
        if strategy != "hierarchical":
            difference = own.value - found["strategy", "hierarchical"].value
            assert own.difference == pytest.approx(difference)
            drawn = [
                world.kept([strategy], CRITERIA, pick) - world.kept(["hierarchical"], CRITERIA, pick)
                for pick in picks[:400]
            ]
            others = [*product(["hierarchical"], CRITERIA, RATIOS)]
            low = min(np.quantile(drawn, 0.025), difference - world.scarce(rows, others)[0])
            assert own.difference_low == pytest.approx(low, abs=0.01)
            parts = np.concatenate([change / len(change) for change in world.changes(rows, others)])
            p = stats.permutation_test(
                (parts,), np.sum, permutation_type="samples", n_resamples=20_000, batch=5000, rng=3
            ).pvalue
            assert own.p == pytest.approx(p, abs=0.012)
    assert found["strategy", "single"].n_rows == len(CRITERIA) * len(RATIOS)
    tests = [found["strategy", name].p for name in STRATEGIES[1:]]
    holm = [found["strategy", name].p_holm for name in STRATEGIES[1:]]
    np.testing.assert_allclose(holm, multipletests(tests, method="holm")[1])


def test_only_rows_that_all_have_are_averaged() -> None:
    rows = members(World().cells)
    # uniform x gradient lacks a ratio: no criterion is averaged over that row, nor a strategy over gradient.
    assert len(rows[Group("criterion", "norm")]) == len(STRATEGIES) * len(RATIOS) - 1
    assert {row[1] for row in rows[Group("strategy", "uniform")]} == set(CRITERIA)
    assert Group("strategy", "exit") not in rows
    sizes = {
        axis: {len(own) for group, own in rows.items() if group.axis == axis}
        for axis in ("strategy", "criterion")
    }
    assert all(len(found) == 1 for found in sizes.values())


def test_draws_widen_what_is_averaged_over_them() -> None:
    world = World(seeds=4)
    found = effects(world)
    own = found["strategy", "uniform"]
    by_seed = [world.kept(["uniform"], CRITERIA, ALL, seed) for seed in range(4)]
    assert own.n_draws == 4
    assert own.value == pytest.approx(np.mean(by_seed))
    # 3.182 is Student's t for three degrees of freedom; images add to it.
    assert own.high - own.value >= 3.182 * np.std(by_seed, ddof=1) / 2 - 1e-6
    assert found["strategy", "single"].n_draws == 0


def test_an_interval_is_open_where_no_answer_changed() -> None:
    answers = [1.0] * 90 + [0.0] * 30
    cells = [cell("none", answers)]
    cells += [cell(s, answers, criterion=c) for s in ("hierarchical", "single") for c in CRITERIA]
    found = compared(cells, [], OPTIONS).effects
    for own in found:
        assert own.value == pytest.approx(1)
        # Of 120 answers, a loss of 3.8416 / (120 + 3.8416) is not excluded, of the 0.75 that is right.
        assert own.low == pytest.approx(1 - 3.8416 / 123.8416 / 0.75, abs=1e-3)
        assert own.high == pytest.approx(2 - own.low)
    (single,) = (own for own in found if own.name == "single")
    assert single.p == 1
    assert single.difference_low == pytest.approx(own.low - 1)


def test_one_draw_is_said_and_not_tested() -> None:
    answers = [1.0] * 60
    cells = [cell("none", answers)]
    cells += [cell("hierarchical", answers, criterion=c) for c in CRITERIA]
    cells += [cell("random", answers[:40] + [0.0] * 20, criterion=c, draws_schedule=True) for c in CRITERIA]
    made = compared(cells, [], OPTIONS)
    found, benchmarks = made.effects, made.averaged
    (own,) = (one for one in found if one.name == "random")
    assert np.isnan(own.p)
    shown = main_effects_table.printed(found, "m", benchmarks, OPTIONS)
    lines = {line.fields[0].main: line for _, lines in shown.blocks for line in lines}
    assert lines["random"].fields[0].below == ("one drawn schedule",)
    assert lines["random"].fields[2].below[-1] == "not tested"


def test_the_table_in_its_formats(study) -> None:
    texts = {e: (study.tables / f"main_effects.{e}").read_text() for e in ("md", "tex", "html")}
    frame = pd.read_csv(study.tables / "main_effects.csv")
    assert set(frame.axis) == {"strategy", "criterion"}
    for text in texts.values():
        assert "An average hides interactions" in text
        assert "hierarchical" in text
        assert "Holm" in text


def test_a_study_with_nothing_to_average_says_so() -> None:
    made = compared([cell("none", [1.0] * 5), cell("single", [1.0] * 5)], [], OPTIONS)
    found, benchmarks = made.effects, made.averaged
    assert not found
    shown = main_effects_table.printed(found, "m", benchmarks, OPTIONS)
    assert "nothing to average" in shown.blocks[0][0]
