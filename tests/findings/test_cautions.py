"""Each warning where it belongs, and nowhere else."""

from dataclasses import replace

import pytest

from prunegrid.findings.cautions import cautions_of
from prunegrid.tables.build import make_tables
from prunegrid.tables.options import TableOptions
from tests.findings.made_up import OPTIONS, N, right, study
from tests.tables.made_up import cell
from tests.tables.two_matchings import BOTH
from tests.tables.two_matchings import cells as of_two_matchings


def warned(cells, options: TableOptions = OPTIONS) -> list[str]:
    return cautions_of(make_tables(cells, [], options))


def test_a_study_without_fault_has_no_warning() -> None:
    assert warned(study(none=180, hierarchical=150, single=170)) == []


def test_a_toy_is_called_one() -> None:
    assert "Toy model" in warned(study(none=180, hierarchical=150), replace(OPTIONS, toy=True))[0]


def test_errors_are_counted() -> None:
    cells = [*study(none=180, hierarchical=150), cell("single", [None, None, *right(150, N - 2)])]
    (one,) = warned(cells)
    assert one.startswith("b: 2 error rows, in 1 of 3 table rows.")


@pytest.mark.parametrize(
    ("none", "hierarchical", "single", "ceiling"),
    [(198, 197, 196, True), (194, 194, 194, True), (193, 198, 198, False), (198, 197, 150, False)],
)
def test_a_ceiling_is_where_unpruned_and_most_rows_are(none, hierarchical, single, ceiling) -> None:
    found = warned(study(none=none, hierarchical=hierarchical, single=single))
    assert any("a ceiling" in text for text in found) == ceiling


def test_captions_have_no_ceiling() -> None:
    cells = [cell(name, right(N), headline="cider") for name in ("none", "hierarchical", "single")]
    assert not any("a ceiling" in text for text in warned(cells))


def test_a_model_that_knows_nothing_is_named_without_a_second_warning() -> None:
    (one,) = warned(study(none=0, hierarchical=0))
    assert one.startswith("On b the unpruned model has the score 0")


@pytest.mark.parametrize(("seeds", "few"), [(1, True), (4, True), (5, False)])
def test_few_drawn_schedules(seeds: int, few: bool) -> None:
    cells = study(none=180, hierarchical=150)
    cells += [cell("random", right(150), seed=s, draws_schedule=True) for s in range(seeds)]
    found = warned(cells)
    assert any("trategy random: over" in text for text in found) == few
    if seeds == 1:
        assert any("a single schedule: it is not tested" in text for text in found)


def test_draws_that_keep_a_difference_from_being_told_are_counted() -> None:
    cells = study(none=180, hierarchical=100)
    cells += [
        cell("random", right(c), seed=s, draws_schedule=True) for s, c in enumerate((90, 100, 130, 170, 190))
    ]
    assert any("comparisons the images alone would tell" in text for text in warned(cells))


def test_degenerate_rows_and_missed_budgets() -> None:
    few = {"tflops_total": 2.0, "min_image_tokens": 1.0, "ratio_achieved": 0.6}
    cells = [*study(none=180, hierarchical=150), cell("exit", right(150), criterion="none", compute=few)]
    found = warned(cells)
    assert any("1 of 2 rows at ratio 0.5" in text for text in found)
    assert any("exit removes 0.600 instead of 0.5" in text for text in found)
    assert len(found) == 2


@pytest.mark.parametrize(("share", "told"), [(0.0, False), (0.05, False), (0.0501, True), (1.0, True)])
def test_cuts_on_ties_are_told_beyond_a_share(share: float, told: bool) -> None:
    compute = {"tflops_total": 2.0, "ratio_achieved": 0.5, "tied_cuts": share}
    cells = [*study(none=180, hierarchical=150), cell("single", right(150), compute=compute)]
    found = [text for text in warned(cells) if text.startswith("Cuts that fell on a tie: single with ")]
    assert len(found) == told
    assert not told or f"({100 * share:.0f} %)" in found[0]


def test_rows_that_do_not_cost_the_same() -> None:
    found = warned(of_two_matchings(), BOTH)
    assert any("1 rows do not have the reference's total compute" in text for text in found)
