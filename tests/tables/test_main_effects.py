"""Averages over the other axis: against plain loops and an own bootstrap."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from prunegrid.tables import main_effects_table
from prunegrid.tables.build import summarised
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


def effects(world: World) -> dict:
    _, found, benchmarks = summarised(world.cells, [], OPTIONS)
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
        np.testing.assert_allclose([own.low, own.high], limits, atol=0.006)
        if strategy != "hierarchical":
            difference = own.value - found["strategy", "hierarchical"].value
            assert own.difference == pytest.approx(difference)
            drawn = [
                world.kept([strategy], CRITERIA, pick) - world.kept(["hierarchical"], CRITERIA, pick)
                for pick in picks[:400]
            ]
            assert own.difference_low == pytest.approx(np.quantile(drawn, 0.025), abs=0.01)
    assert found["strategy", "single"].n_rows == len(CRITERIA) * len(RATIOS)
    tests = [found["strategy", name].p for name in STRATEGIES[1:]]
    holm = [found["strategy", name].p_holm for name in STRATEGIES[1:]]
    np.testing.assert_allclose(holm, multipletests(tests, method="holm")[1])


def test_only_rows_that_all_have_are_averaged() -> None:
    rows = members(World().cells)
    # uniform x gradient lacks a ratio: no criterion is averaged over that row, nor a strategy over gradient.
    assert len(rows["criterion", "norm"]) == len(STRATEGIES) * len(RATIOS) - 1
    assert {row[1] for row in rows["strategy", "uniform"]} == set(CRITERIA)
    assert ("strategy", "exit") not in rows
    sizes = {
        axis: {len(own) for (of, _), own in rows.items() if of == axis} for axis in ("strategy", "criterion")
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


def test_the_table_in_its_formats(study) -> None:
    texts = {e: (study.tables / f"main_effects.{e}").read_text() for e in ("md", "tex", "html")}
    frame = pd.read_csv(study.tables / "main_effects.csv")
    assert set(frame.axis) == {"strategy", "criterion"}
    for text in texts.values():
        assert "An average hides interactions" in text
        assert "hierarchical" in text
        assert "Holm" in text


def test_a_study_with_nothing_to_average_says_so() -> None:
    _, found, benchmarks = summarised([cell("none", [1.0] * 5), cell("single", [1.0] * 5)], [], OPTIONS)
    assert not found
    shown = main_effects_table.printed(found, "m", benchmarks, OPTIONS)
    assert "nothing to average" in shown.blocks[0][0]
