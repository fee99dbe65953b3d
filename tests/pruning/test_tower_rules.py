"""Rules that read the vision tower, on fixed tensors against loops (plain_rules.py), in a ragged batch."""

from types import SimpleNamespace

import pytest
import torch

from prunegrid.plugins import build
from prunegrid.pruning.marked import Marked
from prunegrid.pruning.spacing import every_nth, spread_evenly
from tests.pruning import plain_rules

# Image tokens of the rows, and how many are asked for: many, none, all, one, few, more than half.
PRESENT = (144, 0, 12, 15, 9, 60)
ASKED = (40, 0, 12, 1, 3, 33)
HEADS, SIZE = 3, 6
JOINING = ("visionzip", "prumerge")
RULES = (*JOINING, "windows")


def stage_of(rows: slice = slice(None)) -> SimpleNamespace:
    """Return what stands for a stage, cut down to some rows; text stands before and behind image tokens."""
    generator = torch.Generator().manual_seed(5)
    width = max(PRESENT) + 7
    image = torch.zeros(len(PRESENT), width, dtype=torch.bool)
    for row, have in enumerate(PRESENT):
        image[row, width - have - 2 : width - 2] = True
    # Most alike, some far above: outliers, more than are asked for in the last row but one. Two are equal.
    attention = torch.rand(*image.shape, generator=generator)
    attention = torch.where(attention > 0.85, 5 + attention, attention)
    attention[4, -6:-2] += 20
    attention[0, -20] = attention[0, -30]
    keys = torch.randn(*image.shape, HEADS, SIZE, generator=generator)
    # Two tiles side by side, of rows of six tokens; the last of a row has no patch behind it.
    number = (image.cumsum(1) - 1).clamp_min(0)
    tile, row, column = number % 12 // 6 + 1, number // 12, number % 6
    places = torch.stack([tile, (row + 0.5) / 12, (column + 0.5) / 5], -1)
    maps = {
        "cls_attention": attention,
        "shallow": torch.rand(*image.shape, generator=generator).round(decimals=2),
        "cls_similarity": attention / attention.sum(),
        "keys": keys,
        "places": places.masked_fill((column == 5)[..., None], 0.0),
    }

    def vision(kind: str, layer: float) -> torch.Tensor:
        found = maps["shallow" if kind == "cls_attention" and layer == 0.25 else kind][rows]
        return torch.where(image[rows].reshape(*found.shape[:2], *[1] * (found.dim() - 2)), found, 0.0)

    return SimpleNamespace(
        image=image[rows],
        keep=list(ASKED[rows]),
        n_keep=torch.tensor(ASKED[rows]),
        present=list(PRESENT[rows]),
        vision=vision,
    )


def values(stage: SimpleNamespace, kind: str, row: int, layer: float = -2) -> list[torch.Tensor]:
    return list(stage.vision(kind, layer)[row][stage.image[row]].double())


def wanted(name: str, stage: SimpleNamespace, row: int) -> list[int]:
    if name == "visionzip":
        attention = [float(value) for value in values(stage, "cls_attention", row)]
        return plain_rules.visionzip(attention, stage.keep[row], 5 / 32)
    if name == "windows":
        both = [[float(value) for value in values(stage, "cls_attention", row, at)] for at in (0.25, -2)]
        places = [place.tolist() for place in values(stage, "places", row)]
        return plain_rules.windows(*both, places, stage.keep[row], 4)
    similarity = [float(value) for value in values(stage, "cls_similarity", row)]
    return plain_rules.prumerge(similarity, stage.keep[row])


@pytest.mark.parametrize("name", RULES)
def test_a_rule_selects_what_its_formula_says(name):
    stage = stage_of()
    found = build("criteria", name).select(stage)
    assert found.sum(1).tolist() == list(ASKED)
    assert not (found & ~stage.image).any()
    for row, n in enumerate(ASKED):
        if n:
            assert found[row][stage.image[row]].nonzero()[:, 0].tolist() == wanted(name, stage, row), row


@pytest.mark.parametrize("name", JOINING)
def test_tokens_that_stay_gain_what_the_formula_says(name):
    stage, criterion = stage_of(), build("criteria", name)
    stays = criterion.select(stage)
    kept, image = Marked.of(stays, max(ASKED)), Marked.of(stage.image, max(PRESENT))
    weights = criterion.merge_weights(stage, kept, image)
    assert weights.shape == (len(PRESENT), max(ASKED), max(PRESENT))
    for row, n in enumerate(ASKED):
        if not n:
            continue
        columns = stage.image[row].nonzero()[:, 0].tolist()
        stay = [columns.index(column) for column in stays[row].nonzero()[:, 0].tolist()]
        keys = values(stage, "keys", row)
        if name == "visionzip":
            attention = [float(value) for value in values(stage, "cls_attention", row)]
            plain = plain_rules.visionzip_weights(attention, keys, stay, 5 / 32)
        else:
            similarity = [float(value) for value in values(stage, "cls_similarity", row)]
            plain = plain_rules.prumerge_weights(similarity, keys, stay, 32)
        expected = torch.zeros(max(ASKED), max(PRESENT))
        for i, some in plain.items():
            place = max(ASKED) - n + stay.index(i)
            for j, weight in some.items():
                expected[place, max(PRESENT) - PRESENT[row] + j] = weight
        valid = kept.valid[row][:, None] & image.valid[row]
        torch.testing.assert_close(weights[row] * valid, expected, rtol=1e-6, atol=0)
        # All are added somewhere, and one alone has nobody to add to what no contextual token is for.
        assert bool(plain) == (name == "prumerge" or (int(n * 5 / 32) > 0 and n < PRESENT[row]))


@pytest.mark.parametrize("name", RULES)
def test_a_row_is_selected_alike_in_any_batch(name):
    criterion = build("criteria", name)
    together = criterion.select(stage_of())
    for row in range(len(PRESENT)):
        assert torch.equal(criterion.select(stage_of(slice(row, row + 1)))[0], together[row])


@pytest.mark.parametrize("name", JOINING)
def test_weights_of_a_row_are_alike_in_any_batch(name):
    criterion, stage = build("criteria", name), stage_of()
    stays = criterion.select(stage)
    of_all = [Marked.of(stays, max(ASKED)), Marked.of(stage.image, max(PRESENT))]
    weights = criterion.merge_weights(stage, *of_all)
    for row, n in enumerate(ASKED):
        if n:
            alone, have = stage_of(slice(row, row + 1)), PRESENT[row]
            own = [Marked.of(stays[row : row + 1], n), Marked.of(alone.image, have)]
            assert torch.equal(criterion.merge_weights(alone, *own)[0], weights[row, -n:, -have:])


@pytest.mark.parametrize("name", RULES)
def test_what_is_not_a_number_selects_nothing(name):
    """So that the engine refuses it: it asked for others."""
    stage, kind = stage_of(), "cls_similarity" if name == "prumerge" else "cls_attention"
    maps, broken = stage.vision, stage.vision(kind, -2).clone()
    broken[0, -20] = torch.nan
    stage.vision = lambda asked, layer: broken if asked == kind else maps(asked, layer)
    found = build("criteria", name).select(stage)
    assert not found[0].any()
    assert found[1:].sum(1).tolist() == list(ASKED[1:])


def test_windows_are_those_of_the_authors_where_their_tokens_divide():
    """LLaVA-1.5: of 96 tokens, the best 3 of each 6 x 6 window, and the best 48 of the rest."""
    generator = torch.Generator().manual_seed(1)
    shallow, deep = torch.rand(1, 576, generator=generator), torch.rand(1, 576, generator=generator)
    row, column = torch.arange(576) // 24, torch.arange(576) % 24
    places = torch.stack([torch.ones(576), (row + 0.5) / 24, (column + 0.5) / 24], -1)[None]
    maps = {("cls_attention", 0.25): shallow, ("cls_attention", -2): deep, ("places", -1): places}
    stage = SimpleNamespace(
        image=torch.ones(1, 576, dtype=torch.bool),
        n_keep=torch.tensor([96]),
        vision=lambda *asked: maps[asked],
    )
    expected = torch.zeros(24, 24, dtype=torch.bool)
    grid = shallow.view(24, 24)
    for top in range(0, 24, 6):
        for left in range(0, 24, 6):
            window = grid[top : top + 6, left : left + 6].flatten()
            for place in window.argsort(descending=True)[:3].tolist():
                expected[top + place // 6, left + place % 6] = True
    expected = expected.flatten()
    rest = deep[0].masked_fill(expected, 0.0)
    expected[rest.argsort(descending=True)[:48]] = True
    assert torch.equal(build("criteria", "windows").select(stage)[0], expected)


def test_visionzip_has_the_papers_counts():
    attention = torch.rand(1, 576, generator=torch.Generator().manual_seed(0))
    for n, dominant in ((64, 54), (128, 108), (192, 162)):
        stage = SimpleNamespace(
            image=torch.ones(1, 576, dtype=torch.bool), n_keep=torch.tensor([n]), vision=lambda *_: attention
        )
        stays = build("criteria", "visionzip").select(stage)[0]
        best = attention[0].argsort(descending=True)[:dominant]
        assert stays[best].all()
        # The others begin with the first of the rest.
        rest = torch.ones(576, dtype=torch.bool)
        rest[best] = False
        contextual = (stays & rest)[rest].nonzero()[:, 0].tolist()
        assert (
            contextual == list(range(0, 576 - dominant, (576 - dominant) // (n - dominant)))[: n - dominant]
        )


def test_spacing():
    marks = torch.ones(1, 10, dtype=torch.bool)

    def places(rule, n):
        return rule(marks, torch.tensor([n]))[0].nonzero()[:, 0].tolist()

    assert [places(every_nth, n) for n in (0, 3, 4, 10)] == [[], [0, 3, 6], [0, 2, 4, 6], [*range(10)]]
    assert [places(spread_evenly, n) for n in (0, 3, 4, 10)] == [[], [0, 3, 6], [0, 2, 5, 7], [*range(10)]]
