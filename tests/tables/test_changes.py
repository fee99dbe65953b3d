"""Answers that turned wrong and right, and strata, against plain loops."""

import io

import numpy as np
import pandas as pd
import pytest

from prunegrid.tables import flat
from prunegrid.tables.build import make_tables
from prunegrid.tables.changes import COLUMNS
from prunegrid.tables.options import TableOptions
from tests.tables.made_up import cell

N = 90
OPTIONS = TableOptions(replicates=100)


def rows(scores: dict[str, list[list]], headline: str = "accuracy") -> pd.DataFrame:
    cells = [
        cell(strategy, own, headline, seed=seed, **({"criterion": "none", "ratio": 0.0} if floor else {}))
        for strategy, drawn in scores.items()
        for seed, own in enumerate(drawn)
        for floor in [strategy == "blind"]
    ]
    frame = pd.read_csv(io.StringIO(flat.render(make_tables(cells, [], OPTIONS)[0])))
    return frame.set_index("strategy")


def world() -> dict[str, list[list]]:
    """Scores of 0, one third and 1, with errors; `random` has three seeds."""
    generator = np.random.default_rng(0)

    def drawn() -> list:
        scores = generator.choice([0.0, 1 / 3, 1.0], N).tolist()
        return [None if generator.random() < 0.1 else score for score in scores]

    seeds = {"none": 1, "blind": 1, "hierarchical": 1, "random": 3}
    return {strategy: [drawn() for _ in range(n)] for strategy, n in seeds.items()}


def test_shares_that_turned_are_averaged_over_seeds_for_each_sample() -> None:
    scores = world()
    found = rows(scores)
    (none,) = scores["none"]
    for strategy in ("hierarchical", "random", "blind"):
        worse, better = [], []
        for number, before in enumerate(none):
            after = [own[number] for own in scores[strategy] if own[number] is not None]
            if before is not None and after:
                worse.append(sum(score < before for score in after) / len(after))
                better.append(sum(score > before for score in after) / len(after))
        assert found.b_right_to_wrong[strategy] == pytest.approx(np.mean(worse))
        assert found.b_wrong_to_right[strategy] == pytest.approx(np.mean(better))
    assert np.isnan(found.b_right_to_wrong["none"])


def test_strata_are_what_blind_answers_and_the_rest() -> None:
    scores = world()
    found = rows(scores)
    (blind,) = scores["blind"]
    for strategy in ("none", "hierarchical", "random"):
        parts: dict[bool, list[float]] = {True: [], False: []}
        for number, guess in enumerate(blind):
            known = [own[number] for own in scores[strategy] if own[number] is not None]
            if guess is not None and known:
                parts[guess >= 0.5].append(np.mean(known))
        row = found.loc[strategy]
        assert row.b_answerable_blind == pytest.approx(np.mean(parts[True]))
        assert row.b_needs_image == pytest.approx(np.mean(parts[False]))
        assert [row.b_n_answerable_blind, row.b_n_needs_image] == [len(parts[True]), len(parts[False])]
    assert np.isnan(found.b_needs_image["blind"])


def test_captions_are_neither_right_nor_wrong() -> None:
    found = rows(world(), "cider")
    assert found[[f"b_{name}" for name in COLUMNS]].isna().all(axis=None)
