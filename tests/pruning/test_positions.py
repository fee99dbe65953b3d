"""Contiguous positions: each layer sees the prompt that is left as if it had never been longer.

Against the oracle, which moves the columns that a layer may look at, and against the plain model on a prompt
that really is shorter.
"""

import pytest
import torch

from prunegrid import prune
from prunegrid.errors import PruningError
from tests.pruning.comparison import (
    FAMILIES,
    MULTIMODAL,
    SEED,
    STEPS,
    UNWINDOWED,
    VARIANTS,
    WINDOWED,
    differences,
    eager_of,
    expected,
    inputs_of,
    measured,
    model_of,
    requests_of,
    tolerance_of,
)
from tests.pruning.oracle import forward

# Every way to cut with other positions, counts or places; scores of the layer before, of the layer's own
# queries and keys, and of hidden states.
PAIRS = [
    ("hierarchical contiguous", "attention"),
    ("uniform contiguous", "attention_own"),
    ("uniform contiguous", "attention_last"),
    ("exit contiguous", None),
    ("blind contiguous", None),
    ("input", "norm"),
    ("input", "attention_own"),
    ("input original", "norm"),
    ("from the input on", "attention_own"),
    ("from the input on", "gradient"),
    ("uniform floor", "norm"),
    ("halves to even", "first"),
]
MOVING = [name for name in FAMILIES if name not in WINDOWED] + [*UNWINDOWED]
ONE_DIMENSIONAL = [name for name in MOVING if name not in MULTIMODAL]


def cases():
    """Return all pairs in all families; but for LLaVA, pairs are marked except one in four, which turn."""
    for place, family in enumerate(sorted(MOVING, key=lambda name: name != "llava")):
        for number, pair in enumerate(PAIRS):
            further = place and (number + place) % 4
            yield pytest.param(family, *pair, marks=[pytest.mark.exhaustive] * bool(further))


@pytest.mark.parametrize(("family", "strategy", "scoring"), cases())
def test_engine_is_the_oracle(family, strategy, scoring):
    found = differences(family, list(requests_of(family)), strategy, scoring)
    assert not found, "\n".join(map(" ".join, found))


def test_every_variant_is_tried():
    assert {strategy for strategy, _ in PAIRS} >= set(VARIANTS)


@pytest.mark.parametrize(("strategy", "scoring"), PAIRS)
def test_eager_attention_is_the_oracle(strategy, scoring):
    """One by one: what the model's own eager attention makes of padding in float64 is NaN."""
    model = model_of("llava")
    model.set_attn_implementation("eager")
    try:
        for name in requests_of("llava"):
            assert not differences("llava", [name], strategy, scoring)
    finally:
        model.set_attn_implementation("sdpa")


@torch.no_grad()
def shortened(family, name, kept):
    """Let the plain model answer a prompt of the embeddings that are left, (steps, vocabulary)."""
    model, eager = model_of(family), eager_of(family)
    inputs = inputs_of(family, [name])
    ids = inputs["input_ids"][0]
    image = (ids == eager.image_token_id).nonzero()[:, 0]
    dropped = set(image.tolist()) - set(image[kept].tolist())
    left = [column for column in range(len(ids)) if column not in dropped]
    embeddings = forward(eager, inputs).entering[0][:, left]
    logits, tokens = [], []
    for _ in range(STEPS):
        # Without ids the family's own marks of image tokens are not made; rows of this test need none.
        decoder = (
            model.model.language_model if hasattr(model.model, "language_model") else model.model.text_model
        )
        states = decoder(inputs_embeds=embeddings, use_cache=False).last_hidden_state[:, -1]
        logits.append(model.lm_head(states)[0].float())
        allowed = logits[-1].clone()
        allowed[eager.unsaid] = -torch.inf
        tokens.append(int(allowed.argmax()))
        new = model.get_input_embeddings()(torch.tensor([[tokens[-1]]]))
        embeddings = torch.cat([embeddings, new], dim=1)
    return torch.stack(logits), tokens


@pytest.mark.parametrize("scoring", ["norm", "attention_own", "random"])
@pytest.mark.parametrize("family", [name for name in ONE_DIMENSIONAL if name != "gemma3 unwindowed"])
def test_input_is_a_shorter_prompt(family, scoring):
    """Gemma 3 is left out: image tokens see each other both ways, which it reads off the ids."""
    rows = list(requests_of(family))
    for name, got in measured(family, rows, "input", scoring).items():
        logits, tokens = shortened(family, name, got.kept[0][1] if got.kept else [])
        torch.testing.assert_close(got.logits, logits, atol=tolerance_of(family), rtol=0)
        assert got.tokens == tokens


@pytest.mark.parametrize("family", ONE_DIMENSIONAL)
def test_positions_matter(family):
    name = next(iter(requests_of(family)))
    moved, kept = (expected(family, name, strategy, "norm") for strategy in ("input", "input original"))
    assert moved.kept == kept.kept
    assert (moved.logits - kept.logits).abs().max() > 1000 * tolerance_of(family)


@pytest.mark.parametrize("family", MULTIMODAL)
def test_positions_in_three_dimensions_stay(family):
    rows = list(requests_of(family))
    moved, kept = (measured(family, rows, strategy, "norm") for strategy in ("input", "input original"))
    for name in rows:
        assert torch.equal(moved[name].logits, kept[name].logits)


@pytest.mark.parametrize("family", WINDOWED)
def test_a_window_among_moved_tokens_is_refused(family):
    model = model_of(family)
    inputs = inputs_of(family, list(requests_of(family))[2:3])
    with (
        prune(model, "input", "norm", 0.5, SEED),
        torch.no_grad(),
        pytest.raises(PruningError, match=r"positions='contiguous'.*window of \d+.*positions='original'"),
    ):
        model(**inputs)
