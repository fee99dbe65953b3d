"""The set rules on fixed tensors against loops (plain_rules.py), in a ragged batch, without a model."""

from types import SimpleNamespace

import pytest
import torch

from prunegrid.errors import ConfigError
from prunegrid.plugins import build
from tests.pruning import plain_rules

# Image tokens of the rows, and how many are asked for: many, none, all, one, fewer than pivots, more than
# the hidden size.
PRESENT = (60, 0, 12, 15, 9, 40)
ASKED = (17, 0, 12, 1, 3, 33)
TEXT = (7, 5, 1, 0, 3, 12)
HIDDEN = 24
# Rules that read the vision tower.
OF_TOWER = ("deduplication", "salient_coverage", "chunks")


def stage_of(rows: slice = slice(None)) -> SimpleNamespace:
    """Return what stands for a stage, cut down to some rows; text stands before and behind image tokens."""
    generator = torch.Generator().manual_seed(3)
    width = max(have + text for have, text in zip(PRESENT, TEXT, strict=True)) + 3
    image = torch.zeros(len(PRESENT), width, dtype=torch.bool)
    after = torch.zeros_like(image)
    for row, (have, text) in enumerate(zip(PRESENT, TEXT, strict=True)):
        image[row, width - text - have : width - text] = True
        after[row, width - text :] = True
    # Three vectors that most tokens lean to, so that some are similar; two tokens are equal.
    means = torch.randn(3, HIDDEN, generator=generator)
    groups = torch.randint(0, 3, image.shape, generator=generator)
    hidden = torch.randn(*image.shape, HIDDEN, generator=generator) + means[groups]
    hidden[0, -20] = hidden[0, -30]
    embedded = torch.randn(*image.shape, HIDDEN, generator=generator) + means[groups]
    keys = torch.randn(*image.shape, 2, 8, generator=generator)
    # Attention of a class token is positive; features, of another width, lean as hidden states do.
    attention = torch.rand(*image.shape, generator=generator) ** 3
    features = (
        torch.randn(*image.shape, 20, generator=generator) + torch.randn(3, 20, generator=generator)[groups]
    )
    features[0, -20] = features[0, -30]
    # No patch stands behind some tokens.
    features[5, -40:-35] = attention[5, -40:-35] = 0
    # A chunk of orthogonal tokens in two rows: nothing of it varies.
    hidden[0, -67:-63] = torch.eye(HIDDEN)[:4]
    hidden[5, -31:-28] = torch.eye(HIDDEN)[:3]
    seen = {"cls_attention": attention, "features": features}
    return SimpleNamespace(
        hidden=hidden[rows],
        image=image[rows],
        text_after=after[rows],
        keep=list(ASKED[rows]),
        n_keep=torch.tensor(ASKED[rows]),
        keys=lambda: keys[rows],
        embeddings=lambda: embedded[rows],
        most_marked=lambda marks: int(marks.sum(1).max()),
        present=list(PRESENT[rows]),
        vision=lambda kind, layer: seen[kind][rows],
    )


def wanted(name: str, stage: SimpleNamespace, row: int) -> list[int]:
    """Return what a rule selects, by its formula, as numbers of image tokens."""

    def vectors(tensor: torch.Tensor, marks: torch.Tensor) -> list[torch.Tensor]:
        return list(tensor[row][marks[row]].flatten(1).double())

    image, text = stage.image, stage.text_after
    states, n = vectors(stage.hidden, image), stage.keep[row]
    if name == "diversity":
        return plain_rules.diversity(states, n)
    if name == "duplication":
        keys = stage.keys()
        return plain_rules.duplication(
            vectors(keys, image), vectors(keys, text), states, vectors(stage.hidden, text), n
        )
    if name in OF_TOWER:
        attention = stage.vision("cls_attention", -2)[row][image[row]].tolist()
        of = states if name == "chunks" else vectors(stage.vision("features", -2), image)
        return getattr(plain_rules, name)(of, attention, n)
    embedded, words = vectors(stage.embeddings(), image), vectors(stage.embeddings(), text)
    return getattr(plain_rules, name)(states, embedded, words, n)


RULES = ("diversity", "duplication", "conditional_dpp", "coverage", *OF_TOWER)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_selects_what_its_formula_says(name):
    stage = stage_of()
    found = build("criteria", name).select(stage)
    assert found.sum(1).tolist() == list(ASKED)
    assert not (found & ~stage.image).any()
    for row, n in enumerate(ASKED):
        if n:
            numbers = stage.image[row].nonzero()[:, 0]
            assert found[row][numbers].nonzero()[:, 0].tolist() == wanted(name, stage, row), row


@pytest.mark.parametrize("name", RULES)
def test_a_row_is_selected_alike_in_any_batch(name):
    together = build("criteria", name).select(stage_of())
    for row in range(len(PRESENT)):
        alone = build("criteria", name).select(stage_of(slice(row, row + 1)))
        assert torch.equal(alone[0], together[row])


@pytest.mark.parametrize("name", RULES)
def test_what_is_not_a_number_selects_nothing(name):
    """So that the engine refuses it: it asked for others."""
    stage = stage_of()
    stage.hidden[0, -20] = stage.vision("features", -2)[0, -20] = torch.nan
    found = build("criteria", name).select(stage)
    assert not found[0].any()
    assert found[1:].sum(1).tolist() == list(ASKED[1:])


@pytest.mark.parametrize("name", OF_TOWER)
def test_attention_that_is_not_a_number_selects_nothing(name):
    stage = stage_of()
    stage.vision("cls_attention", -2)[0, -20] = torch.nan
    found = build("criteria", name).select(stage)
    assert not found[0].any()
    assert found[1:].sum(1).tolist() == list(ASKED[1:])


@pytest.mark.parametrize(
    "keep", [list(PRESENT), [0] * 6, [1, 0, 1, 1, 1, 1], [59, 0, 11, 14, 8, 39], [33] * 6]
)
@pytest.mark.parametrize("name", OF_TOWER)
def test_a_rule_selects_any_number(name, keep):
    """All, none, one, all but one; odd numbers, whose lists the published VisPruner cannot divide."""
    stage = stage_of()
    stage.keep = [min(have, n) for have, n in zip(PRESENT, keep, strict=True)]
    stage.n_keep = torch.tensor(stage.keep)
    found = build("criteria", name).select(stage)
    for row, n in enumerate(stage.keep):
        numbers = stage.image[row].nonzero()[:, 0]
        assert found[row].sum() == n
        assert found[row][numbers].nonzero()[:, 0].tolist() == (wanted(name, stage, row) if n else []), row


@pytest.mark.parametrize("important", [0.0, 0.3, 1.0])
def test_the_share_that_attention_selects_is_an_option(important):
    stage = stage_of()
    found = build("criteria", "deduplication", {"important": important}).select(stage)
    for row in (0, 5):
        attention = stage.vision("cls_attention", -2)[row][stage.image[row]].tolist()
        features = list(stage.vision("features", -2)[row][stage.image[row]].double())
        by_loops = plain_rules.deduplication(features, attention, ASKED[row], important)
        assert found[row][stage.image[row]].nonzero()[:, 0].tolist() == by_loops


def test_options_out_of_bounds_are_refused():
    with pytest.raises(ConfigError, match=r"important: 1\.5 is no share: give a number from 0 to 1"):
        build("criteria", "deduplication", {"important": 1.5})
    with pytest.raises(ConfigError, match=r"chunks: 0 is too few: give 1 or more"):
        build("criteria", "chunks", {"chunks": 0})


@pytest.mark.parametrize(("alike", "quota"), [(0.0, 5), (0.5, 6)])
def test_a_chunk_counts_less_where_nothing_of_it_varies(alike, quota):
    """HoloV's variance cancels but there: 16 chunks of 8 with equal attention, tokens of one orthogonal."""
    states = torch.full((128, 128), 0.5).fill_diagonal_(1.0)
    states[:8] = torch.full((128,), alike).repeat(8, 1)
    states[:8] += torch.eye(128)[:8]
    stage = SimpleNamespace(
        hidden=states[None],
        image=torch.ones(1, 128, dtype=torch.bool),
        keep=[96],
        n_keep=torch.tensor([96]),
        present=[128],
        most_marked=lambda marks: 128,
        vision=lambda kind, layer: torch.full((1, 128), 1 / 128),
    )
    assert build("criteria", "chunks").select(stage)[0, :8].sum() == quota
