"""Tokens are gathered as by looking up each row's by itself."""

from itertools import product

import pytest
import torch

from prunegrid.pruning.token_layout import Layout, gather_tokens

BATCH, TOKENS, WIDTH = 3, 11, 5


def some_index(batch=BATCH):
    return torch.rand(batch, TOKENS).argsort(1)[:, :WIDTH].sort(1).values


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("batch", [1, BATCH])
@pytest.mark.parametrize("before", [(), (4,), (2, 3)])
@pytest.mark.parametrize("after", [(), (6,), (2, 7)])
def test_tokens_of_each_row(before, after, batch, turned):
    tensor = torch.randn(*before, batch, TOKENS, *after)
    dim = len(before) + 1
    if turned:
        tensor = tensor.transpose(dim - 1, dim).contiguous().transpose(dim - 1, dim)
    index = some_index()
    found = gather_tokens(tensor, index, dim)
    assert found.shape == (*before, BATCH, WIDTH, *after)
    for row, place in product(range(BATCH), range(WIDTH)):
        wanted = tensor.select(dim - 1, row if batch > 1 else 0).select(dim - 1, index[row, place])
        assert torch.equal(found.select(dim - 1, row).select(dim - 1, place), wanted)
    assert torch.equal(gather_tokens(tensor, index, dim - tensor.dim()), found)


@pytest.mark.parametrize("dtype", [torch.bool, torch.float32])
@pytest.mark.parametrize(("batch", "heads"), [(1, 1), (BATCH, 1), (BATCH, 2), (1, 2)])
def test_a_mask_is_cut_entry_by_entry(batch, heads, dtype):
    lowest = torch.finfo(torch.float32).min
    seen = torch.rand(batch, heads, TOKENS, TOKENS) > 0.4
    mask = seen if dtype == torch.bool else torch.where(seen, 0.0, lowest)
    valid = torch.ones(BATCH, WIDTH, dtype=torch.bool)
    valid[1, :2] = False
    columns = some_index()
    found = Layout(columns, valid, TOKENS).prefill_mask(mask)
    assert found.shape == (BATCH, heads, WIDTH, WIDTH)
    for row, head, query, key in product(*map(range, found.shape)):
        entry = mask[row if batch > 1 else 0, head, columns[row, query], columns[row, key]]
        hidden = torch.tensor(False) if dtype == torch.bool else torch.tensor(lowest)
        own = query == key and not valid[row, query]
        wanted = (~hidden if dtype == torch.bool else torch.tensor(0.0)) if own else entry
        assert found[row, head, query, key] == (wanted if own or valid[row, key] else hidden)
