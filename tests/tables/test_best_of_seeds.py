"""The best of several random subsets by the gold answer: a row of its own that claims nothing."""

import io

import numpy as np
import pandas as pd
import pytest

from prunegrid.tables import flat
from prunegrid.tables.build import make_tables
from prunegrid.tables.display import printed
from prunegrid.tables.options import TableOptions
from tests.tables.made_up import cell

OPTIONS = TableOptions(replicates=200, best_of=["random"])
SEEDS = 6


def cells(generator: np.random.Generator, headline: str = "accuracy"):
    """The unpruned model, the reference, and random tokens at several seeds, one error among them."""
    none, reference = ((generator.random(80) < p).astype(float).tolist() for p in (0.9, 0.7))
    drawn = [(generator.random(80) < 0.5).astype(float).tolist() for _ in range(SEEDS)]
    drawn[2][5] = None
    for scores in drawn:
        scores[7] = None
    random = [
        cell("hierarchical", s, headline, criterion="random", seed=k, compute={"tflops_total": 1.0 + k})
        for k, s in enumerate(drawn)
    ]
    best = np.nanmax(np.array(drawn, dtype=float)[:, [i for i in range(80) if i != 7]], axis=0)
    return [cell("none", none, headline), cell("hierarchical", reference, headline), *random], best


@pytest.mark.parametrize("headline", ["accuracy", "cider"])
def test_it_is_the_mean_of_the_best_scores_and_is_neither_tested_nor_ranked(headline: str) -> None:
    made, best = cells(np.random.default_rng(0), headline)
    _, table = make_tables(made, [], OPTIONS)
    rows = pd.read_csv(io.StringIO(flat.render(table))).set_index("criterion")
    row = rows.loc["random, best of 6 (uses the label)"]
    assert row.b_value == pytest.approx(best.mean())
    assert best.mean() > rows.b_value.drop(row.name).drop("none").max()
    assert (row.b_n, row.b_n_error, row.tflops_total, row.uses_label) == (80, 1, 3.5, True)
    assert row.b_low <= row.b_value <= row.b_high
    assert row.b_criterion_effect == pytest.approx(
        best.mean() - np.delete(made[1].load(["score"])["score"].to_numpy(), 7).mean()
    )
    tests = [
        "b_to_none_p",
        "b_to_none_p_holm",
        "b_to_none_p_mcnemar",
        "b_criterion_effect_p",
        "b_non_inferior",
    ]
    assert row[tests].isna().all()
    assert not row.b_best
    # It does not make the correction of the others stronger: random and the reference are two tests.
    assert rows.b_to_none_p_holm["random"] == min(1.0, 2 * rows.b_to_none_p["random"])
    lines = {line.fields[0].main: line for _, lines in printed(table).blocks for line in lines}
    fields = lines["random, best of 6 (uses the label)"].fields
    assert not any(field.bold or field.mark for field in fields)
    assert fields[5].below[-1] == "not tested"
    assert any("chosen by the gold answer" in note for note in printed(table).notes)


def test_the_mean_over_seeds_stays_as_it_is_and_no_block_is_fixed_at_it() -> None:
    made, _ = cells(np.random.default_rng(1))
    plain, more = (make_tables(made, [], o) for o in (TableOptions(replicates=200), OPTIONS))
    for without, with_best in zip(plain, more, strict=True):
        assert [b.heading for b in without.blocks] == [b.heading for b in with_best.blocks]
        kept = {row.key: row.results["b"] for row in with_best.rows if not row.uses_label}
        for row in without.rows:
            assert kept[row.key].value == row.results["b"].value
            assert kept[row.key].to_none == row.results["b"].to_none


def test_one_seed_has_no_best_one() -> None:
    made, _ = cells(np.random.default_rng(2))
    table = make_tables(made[:3], [], OPTIONS)[1]
    assert not any(row.uses_label for row in table.rows)
