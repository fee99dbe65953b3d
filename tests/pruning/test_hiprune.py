"""HiPrune's rule on fixed tensors: against loops in a ragged batch, and against its authors' steps."""

from types import SimpleNamespace

import pytest
import torch

from prunegrid.errors import ConfigError
from prunegrid.plugins import build
from prunegrid.pruning.patch_grid import TokenGrid
from prunegrid.pruning.token_grids import grid_map
from tests.pruning import plain_rules

# A square; two tiles; none; a row with ends; one that asks for all.
ROWS = ([TokenGrid(12, 12)], [TokenGrid(5, 5)] * 2, [], [TokenGrid(6, 7, True)], [TokenGrid(3, 4)])
ASKED = (90, 27, 0, 12, 12)


def stage_of(rows: slice = slice(None)) -> SimpleNamespace:
    """Return what stands for a stage, cut down to some rows; text between image tokens, too."""
    generator = torch.Generator().manual_seed(3)
    maps = [grid_map(grids, torch.device("cpu")) if grids else torch.zeros(0, 6) for grids in ROWS]
    width = max(map(len, maps)) + 6
    places, middle, deep = (
        torch.zeros(len(ROWS), width, 6),
        *torch.rand(2, len(ROWS), width, generator=generator),
    )
    for row, own in enumerate(maps):
        columns = [*range(1, width)][-len(own) - 2 :] if len(own) else []
        # Two text tokens between the first and the second grid, or behind the only one.
        first = int((own[:, 0] == 1).sum()) if len(own) else 0
        columns = columns[:first] + columns[first + 2 :]
        places[row, columns] = own
    image = places[..., 0] > 0
    kinds = {("attention_of_all", 0.375): middle, ("attention_of_all", -2): deep, ("grid", -1): places}
    return SimpleNamespace(
        image=image[rows],
        n_keep=torch.tensor(ASKED[rows]),
        keep=list(ASKED[rows]),
        present=image[rows].sum(1).tolist(),
        vision=lambda *asked: kinds[asked][rows],
    )


@pytest.mark.parametrize("alpha", [0.1, 0.6, 1.0])
def test_it_selects_what_its_formula_says(alpha):
    stage = stage_of()
    found = build("criteria", "hiprune", {"alpha": alpha}).select(stage)
    assert found.sum(1).tolist() == list(ASKED)
    assert not (found & ~stage.image).any()
    for row, n in enumerate(ASKED):
        image = stage.image[row]
        both = [stage.vision("attention_of_all", at)[row][image].tolist() for at in (0.375, -2)]
        places = stage.vision("grid", -1)[row][image].tolist()
        assert found[row][image].nonzero()[:, 0].tolist() == plain_rules.hiprune(*both, places, n, alpha)


def test_a_row_is_selected_alike_in_any_batch():
    criterion = build("criteria", "hiprune", {"alpha": 1.0})
    together = criterion.select(stage_of())
    for row in range(len(ROWS)):
        if ROWS[row]:
            assert torch.equal(criterion.select(stage_of(slice(row, row + 1)))[0], together[row])


@pytest.mark.parametrize(("n", "anchors"), [(192, 4), (128, 3), (64, 1), (25, 0), (75, 2)])
def test_anchors_are_as_many_as_the_papers(n, anchors):
    """Python rounds 0.5 to 0 and 1.5 to 2. An anchor in a corner has two neighbours."""
    middle = torch.zeros(1, 576)
    middle[0, [0, 100, 300, 575]] = torch.tensor([4.0, 3.0, 2.0, 1.0])
    deep = torch.linspace(1, 2, 576)[None]
    kinds = {
        ("attention_of_all", 0.375): middle,
        ("attention_of_all", -2): deep,
        ("grid", -1): grid_map([TokenGrid(24, 24)], torch.device("cpu"))[None],
    }
    stage = SimpleNamespace(
        image=torch.ones(1, 576, dtype=torch.bool),
        n_keep=torch.tensor([n]),
        present=[576],
        vision=lambda *asked: kinds[asked],
    )
    around = ([0, 1, 24], [76, 99, 100, 101, 124], [276, 299, 300, 301, 324], [551, 574, 575])[:anchors]
    expected = {place for some in around for place in some}
    for place in reversed(range(576)):
        if len(expected) < n:
            expected.add(place)
    found = build("criteria", "hiprune").select(stage)[0].nonzero()[:, 0].tolist()
    assert found == sorted(expected)


def test_what_is_not_a_number_selects_nothing():
    stage = stage_of()
    maps = stage.vision
    broken = maps("attention_of_all", -2).clone()
    broken[0, -9] = torch.nan
    stage.vision = lambda *asked: broken if asked == ("attention_of_all", -2) else maps(*asked)
    found = build("criteria", "hiprune").select(stage)
    assert not found[0].any()
    assert found[1:].sum(1).tolist() == list(ASKED[1:])


def test_a_share_outside_of_0_to_1_is_refused():
    with pytest.raises(ConfigError, match=r"alpha must be a share from 0 to 1, got 1\.5"):
        build("criteria", "hiprune", {"alpha": 1.5})
