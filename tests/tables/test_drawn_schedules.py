"""Rows whose schedules a seed draws: what few of them can tell, and what tables say of it."""

import io

import numpy as np
import pandas as pd
import pytest

from prunegrid.tables import flat
from prunegrid.tables.build import make_tables
from prunegrid.tables.display import Field, printed
from prunegrid.tables.options import TableOptions
from prunegrid.tables.signs import NO_LOSS, SIGNIFICANT
from tests.tables.made_up import cell

N = 200
OPTIONS = TableOptions(replicates=200, best_of=["attention"])


def tabulated(
    accuracies: list[float], n: int = N, kind: int = 0
) -> tuple[pd.DataFrame, dict[str, list[Field]]]:
    """Return rows and printed lines of a model that is always right, and of schedules that are less often."""
    none = [1.0] * n
    drawn = [[1.0] * round(n * share) + [0.0] * (n - round(n * share)) for share in accuracies]
    cells = [cell("none", none), cell("hierarchical", none[: n // 2] + [0.0] * (n - n // 2))]
    cells += [cell("random", scores, seed=seed, draws_schedule=True) for seed, scores in enumerate(drawn)]
    table = make_tables(cells, [], OPTIONS)[kind]
    rows = pd.read_csv(io.StringIO(flat.render(table)))
    rows = rows[~rows.uses_label].set_index("strategy")
    return rows, {line.fields[0].main: line.fields for _, lines in printed(table).blocks for line in lines}


def test_three_that_differ_are_too_few() -> None:
    rows, lines = tabulated([0.95, 0.9, 0.6])
    row = rows.loc["random"]
    assert row.b_to_none_p_given_draws < 0.001
    assert row.b_to_none_p > 0.05
    assert row.b_to_none_too_few_draws
    assert row.b_to_none_low < 0 < row.b_to_none_high
    assert row.b_to_none == pytest.approx(-0.55 / 3)
    assert lines["random"][0].below == ("over 3 drawn schedules",)
    to_none = lines["random"][5]
    assert to_none.below[1] == "draws −40.0 to −5.0"  # noqa: RUF001
    assert to_none.below[2].endswith("too few schedules")
    assert SIGNIFICANT not in to_none.mark


def test_ten_that_agree_are_enough() -> None:
    rows, lines = tabulated([0.7, 0.72, 0.68, 0.71, 0.69] * 2)
    assert rows.b_to_none_p["random"] < 0.001
    assert not rows.b_to_none_too_few_draws["random"]
    assert "too few" not in lines["random"][5].below[2]
    assert SIGNIFICANT in lines["random"][5].mark


def test_one_is_neither_tested_nor_said_to_lose_nothing() -> None:
    rows, lines = tabulated([1.0], 1200)
    row = rows.loc["random"]
    assert np.isnan(row.b_to_none_p)
    assert np.isnan(row.b_to_none_p_holm)
    assert pd.isna(row.b_non_inferior)
    assert row.b_to_none_low > -0.01
    assert lines["random"][0].below == ("one drawn schedule",)
    assert lines["random"][5].below[-1] == "not tested; too few schedules"
    assert NO_LOSS not in lines["random"][5].mark
    # It makes the correction of the others no stronger: that of hierarchical is the only test.
    assert rows.b_to_none_p_holm["hierarchical"] == rows.b_to_none_p["hierarchical"]


def test_the_best_of_them_by_the_label_is_no_drawn_row() -> None:
    _, lines = tabulated([0.95, 0.9, 0.6], kind=1)
    (best,) = (fields for name, fields in lines.items() if "uses the label" in name)
    assert best[0].below == ()
    assert best[5].below[-1] == "not tested"
