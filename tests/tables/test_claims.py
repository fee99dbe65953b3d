"""Cells that answer like the unpruned model: what may be claimed of them."""

import pytest

from prunegrid.tables.build import comparisons, make_tables
from prunegrid.tables.cells import RowKey
from prunegrid.tables.display import printed
from prunegrid.tables.options import TableOptions
from prunegrid.tables.signs import NO_LOSS
from tests.tables.made_up import cell

OPTIONS = TableOptions(replicates=200)


def to_none(n: int, headline: str = "accuracy", changed: int = 0):
    none = [1.0, 0.0, 1.0, 1.0] * (n // 4)
    pruned = [0.0] * changed + none[changed:]
    cells = [cell("none", none, headline), cell("single", pruned, headline)]
    rows = comparisons(cells, OPTIONS)["b"].results()
    return rows[RowKey("single", "attention", 0.5)]


@pytest.mark.parametrize("headline", ["accuracy", "cider"])
def test_no_loss_is_not_claimed_of_equal_answers_to_few_questions(headline: str) -> None:
    result = to_none(120, headline)
    assert result.to_none.value == 0
    assert result.to_none.low < -0.02 < 0.02 < result.to_none.high
    assert result.non_inferior is False
    assert result.to_none.detectable(0.05) > 0.015
    assert to_none(1200, headline).non_inferior is True


def test_one_change_is_no_better_than_none() -> None:
    assert to_none(120, changed=1).to_none.low < to_none(120).to_none.low


def test_the_printed_table_neither_marks_nor_promises_what_was_not_shown() -> None:
    answers = [1.0, 0.0] * 60
    cells = [cell("none", answers), cell("single", answers)]
    shown = printed(make_tables(cells, [], OPTIONS)[0])
    marks = {field.mark for _, lines in shown.blocks for line in lines for field in line.fields}
    assert not any(NO_LOSS in mark for mark in marks)
    assert not any("images can tell" in note for note in shown.notes)


@pytest.mark.parametrize("kind", [0, 1])
def test_the_note_tells_what_n_images_exclude_and_find_and_how_many_would(kind: int) -> None:
    """In the strategy table of strategies, in the criterion table of criteria, after its own correction."""
    answers = [1.0, 0.0] * 60
    cells = [cell("none", answers), cell("hierarchical", answers), cell("single", answers)]
    cells += [cell("hierarchical", answers, criterion="norm")]
    notes = printed(make_tables(cells, [], OPTIONS)[kind]).notes
    (note,) = [note for note in notes if "images can tell" in note]
    # Nothing changed: 3.8416 / (120 + 3.8416), and the exact test's point for a family of one.
    assert "b: what 120 images can tell" in note
    assert "loss of up to 3.1 points is not excluded; to exclude 1 takes 381" in note
    assert "from 6.5 points" in note
    assert "1 takes 790 or more" in note
