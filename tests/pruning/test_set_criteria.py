"""The set rules on fixed tensors against loops (plain_rules.py), in a ragged batch, without a model."""

from types import SimpleNamespace

import pytest
import torch

from prunegrid.plugins import build
from tests.pruning import plain_rules

# Image tokens of the rows, and how many are asked for: many, none, all, one, fewer than pivots, more than
# the hidden size.
PRESENT = (60, 0, 12, 15, 9, 40)
ASKED = (17, 0, 12, 1, 3, 33)
TEXT = (7, 5, 1, 0, 3, 12)
HIDDEN = 24


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
    return SimpleNamespace(
        hidden=hidden[rows],
        image=image[rows],
        text_after=after[rows],
        keep=list(ASKED[rows]),
        n_keep=torch.tensor(ASKED[rows]),
        keys=lambda: keys[rows],
        embeddings=lambda: embedded[rows],
        most_marked=lambda marks: int(marks.sum(1).max()),
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
    embedded, words = vectors(stage.embeddings(), image), vectors(stage.embeddings(), text)
    return getattr(plain_rules, name)(states, embedded, words, n)


RULES = ("diversity", "duplication", "conditional_dpp", "coverage")


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
    stage.hidden[0, -20] = torch.nan
    found = build("criteria", name).select(stage)
    assert not found[0].any()
    assert found[1:].sum(1).tolist() == list(ASKED[1:])
