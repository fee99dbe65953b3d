"""How many cells go through batches together, before their rows of a shard are written."""

import pytest

from prunegrid.predict import batches
from prunegrid.predict.batches import group_cells
from prunegrid.predict.prompts import PromptMaker
from tests.predict.runs import cell, make_samples

CELLS = [cell("single", criterion, 0.1, layer=layer) for criterion in ("norm", "last") for layer in (1, 2, 3)]


@pytest.mark.parametrize(
    ("most_rows", "sizes"),
    [(16_384, [6]), (4 * 5, [3, 3]), (4 * 3, [3, 3]), (4 * 2, [2, 2, 2]), (3, [1] * 6)],
)
def test_a_group_makes_at_most_so_many_rows(loaded, adapter, monkeypatch, most_rows, sizes):
    prompts = PromptMaker(loaded).prompts(make_samples(4))
    monkeypatch.setattr(batches, "MOST_ROWS", most_rows)
    groups = group_cells(loaded, adapter, prompts, CELLS)
    assert [len(group) for group in groups] == sizes
    # One row a cell is the least.
    assert all(len(group) * len(prompts) <= max(most_rows, len(prompts)) for group in groups)
    # Together are those that cut before the same layer or later: the latest cuts share most.
    layers = [one.strategy[1]["layer"] for group in groups for one in group]
    assert layers == sorted(layers)
    assert {id(one) for group in groups for one in group} == {id(one) for one in CELLS}


def test_no_cells_make_no_group(loaded, adapter):
    assert group_cells(loaded, adapter, [], []) == []
