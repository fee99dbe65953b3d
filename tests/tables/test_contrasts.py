"""Two questions, each by its own contrast: against plain sums over samples."""

import io
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from prunegrid.axis_names import NO_CRITERION
from prunegrid.tables import flat
from prunegrid.tables.blocks import Table
from prunegrid.tables.build import make_tables
from prunegrid.tables.display import printed
from prunegrid.tables.options import TableOptions
from tests.tables.made_up import cell

N = 150
IMAGES = [f"i{k // 2:03d}" for k in range(N)]
STRATEGIES, CRITERIA = ("hierarchical", "constant", "single"), ("attention", "attention_shallow", "random")
SEEDS = {"random": (0, 1, 2, 3)}
OPTIONS = TableOptions(replicates=2000)


def told(strategy: str, criterion: str) -> dict:
    """Return metadata: `constant` cuts once, early, so that two criteria are one there."""
    cuts = {"hierarchical": [1, 4], "constant": [1], "single": [3]}.get(strategy, [])
    parts = ["attention_shallow" if layer < 3 else "attention_deep" for layer in cuts]
    scored = parts if criterion == "attention" else [criterion] * len(cuts)
    return {
        "schedule": [[layer, 0.5] for layer in cuts],
        "scored_by": [[layer, by, None] for layer, by in zip(cuts, scored, strict=True)],
        "criterion": [criterion, {}],
        "strategy": [strategy, {"layers": cuts}],
    }


class World:
    """Scores by row and seed, and both tables made of them."""

    def __init__(self) -> None:
        generator = np.random.default_rng(3)
        hard = np.repeat(generator.random(N // 2), 2)
        self.scores: dict[tuple[str, str], np.ndarray] = {}
        cells = []
        axes = [("none", NO_CRITERION), ("exit", NO_CRITERION), *product(STRATEGIES, CRITERIA)]
        for number, (strategy, criterion) in enumerate(axes):
            if (strategy, criterion) == ("constant", "attention_shallow"):
                drawn = self.scores["constant", "attention"]
            else:
                seeds = SEEDS.get(criterion, (0,))
                luck = generator.random((len(seeds), N))
                drawn = (0.6 * hard + 0.4 * luck < 0.85 - 0.05 * number).astype(float)
                drawn[generator.random(drawn.shape) < 0.02] = np.nan
            self.scores[strategy, criterion] = drawn
            for seed, scores in enumerate(drawn):
                listed = [None if np.isnan(score) else score for score in scores]
                about = told(strategy, criterion)
                cells.append(
                    cell(
                        strategy,
                        listed,
                        images=IMAGES,
                        seed=seed,
                        criterion=criterion,
                        metadata=lambda about=about: about,
                    )
                )
        self.tables = make_tables(cells, [], OPTIONS)

    def rows(self, kind: int) -> pd.DataFrame:
        frame = pd.read_csv(io.StringIO(flat.render(self.tables[kind])), keep_default_na=True)
        frame = frame.fillna({"criterion": NO_CRITERION})
        return frame.drop_duplicates(["strategy", "criterion"]).set_index(["strategy", "criterion"])

    def contrast(self, *signed: tuple[int, str, str]) -> np.ndarray:
        """Return per sample the mean over seeds of a sum of rows, by plain loops."""
        seeds = max(len(self.scores[s, c]) for _, s, c in signed)
        found = []
        for sample in range(N):
            known = []
            for seed in range(seeds):
                value = 0.0
                for sign, strategy, criterion in signed:
                    own = self.scores[strategy, criterion]
                    value += sign * own[seed if len(own) > 1 else 0][sample]
                if not np.isnan(value):
                    known.append(value)
            found.append(np.mean(known) if known else np.nan)
        return np.array(found)


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def sign_flips(column: np.ndarray) -> float:
    sums = pd.Series(np.nan_to_num(column)).groupby(IMAGES).sum().to_numpy()
    found = stats.permutation_test((sums,), np.sum, permutation_type="samples", n_resamples=20_000, rng=1)
    return float(found.pvalue)


def check(row: pd.Series, kind: str, expected: np.ndarray) -> None:
    assert row[f"b_{kind}"] == pytest.approx(np.nanmean(expected)), (row.name, kind)
    assert row[f"b_{kind}_low"] < row[f"b_{kind}"] < row[f"b_{kind}_high"]
    name = f"b_{kind}_p" if row[f"b_{kind}_draws"] == 0 else f"b_{kind}_p_given_draws"
    assert row[name] == pytest.approx(sign_flips(expected), abs=0.025), (row.name, kind)


def test_a_strategys_effect_is_at_its_own_criterion(world: World) -> None:
    rows = world.rows(0)
    for strategy, criterion in product(STRATEGIES[1:], CRITERIA):
        expected = world.contrast((1, strategy, criterion), (-1, "hierarchical", criterion))
        check(rows.loc[strategy, criterion], "strategy_effect", expected)
    without = world.contrast((1, "exit", NO_CRITERION), (-1, "hierarchical", "attention"))
    check(rows.loc["exit", NO_CRITERION], "strategy_effect", without)
    assert rows.b_strategy_effect["hierarchical"].isna().all()


def test_a_criterions_effect_is_at_its_own_strategy(world: World) -> None:
    rows = world.rows(1)
    for strategy, criterion in product(STRATEGIES, CRITERIA[1:]):
        if (strategy, criterion) != ("constant", "attention_shallow"):
            expected = world.contrast((1, strategy, criterion), (-1, strategy, "attention"))
            check(rows.loc[strategy, criterion], "criterion_effect", expected)
    assert rows.xs("attention", level=1).b_criterion_effect.isna().all()


def test_the_interaction_is_the_difference_of_two_such(world: World) -> None:
    for kind in (0, 1):
        rows = world.rows(kind)
        for strategy, criterion in product(STRATEGIES[1:], CRITERIA[1:]):
            expected = world.contrast(
                (1, strategy, criterion),
                (-1, "hierarchical", criterion),
                (-1, strategy, "attention"),
                (1, "hierarchical", "attention"),
            )
            check(rows.loc[strategy, criterion], "interaction", expected)
        assert rows.b_interaction.count() == 4


def test_what_is_the_same_computation_is_one_test(world: World) -> None:
    strategy, criterion = (world.rows(kind) for kind in (0, 1))
    # It is no contrast with itself, and its loss is not tested twice.
    assert np.isnan(criterion.loc["constant", "attention_shallow"].b_criterion_effect)
    for rows in (strategy, criterion):
        tests = rows.drop(index=("constant", "attention_shallow")).b_to_none_p.dropna()
        holm = multipletests(tests, method="holm")[1]
        np.testing.assert_allclose(rows.loc[tests.index].b_to_none_p_holm, holm)
        twin = rows.loc[[("constant", "attention"), ("constant", "attention_shallow")]]
        assert twin.b_to_none_p_holm.nunique() == 1
    # Against the reference strategy they are two questions: its own two rows differ.
    tests = strategy.b_strategy_effect_p.dropna()
    np.testing.assert_allclose(
        strategy.loc[tests.index].b_strategy_effect_p_holm, multipletests(tests, method="holm")[1]
    )


@pytest.mark.parametrize("kind", [0, 1])
def test_the_notes_tell_families_twins_and_the_scores_used(world: World, kind: int) -> None:
    table: Table = world.tables[kind]
    notes = " ".join(printed(table).all_notes)
    rows = world.rows(kind)
    for contrast in table.contrasts:
        twins = int(contrast == "to_none")
        assert table.families[contrast] == rows[f"b_{contrast}_p"].count() - twins
        assert f"Holm over {table.families[contrast]} tests" in notes
    assert "hierarchical: attention_shallow 1, attention_deep 4" in notes
    assert "single: attention_deep 3" in notes
    assert "constant x attention = constant x attention_shallow" in notes
    assert ("To reference strategy:" in notes) == (kind == 0)
