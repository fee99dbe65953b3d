"""Shares of attention, and answers with a flow hidden, are those of the slow way in every family."""

import pytest
import torch

from prunegrid import prune
from prunegrid.errors import PruningError
from prunegrid.flow.attention_shares import attention_shares
from prunegrid.flow.hiding import hidden
from prunegrid.results.flow_rows import FLOWS, IMAGE_TO_IMAGE, TEXT_TO_IMAGE, Masking
from tests.flow import slow
from tests.pruning import flash
from tests.pruning.hooks import hooks_of
from tests.pruning.tiny import N_LAYERS
from tests.pruning.tiny_families import FAMILIES
from tests.rounding import FACTOR, logits_noise

NEW_TOKENS = 4
# Layers 1 to 3: Qwen3-VL's deep stack, and sliding and full attention of Gemma 3.
CASES = [
    Masking(TEXT_TO_IMAGE, 1, 4),
    Masking(IMAGE_TO_IMAGE, 1, 4),
    Masking(TEXT_TO_IMAGE, 0, N_LAYERS),
    Masking(IMAGE_TO_IMAGE, 0, N_LAYERS),
]


@pytest.fixture(scope="module", params=FAMILIES)
def tiny(request):
    family = FAMILIES[request.param]
    model = family.model()
    return family, model, slow.eager(model), family.requests(model)


@pytest.fixture(scope="module")
def tolerance(tiny):
    """How far two ways to the same logits may lie apart."""
    family, model, _, rows = tiny
    return FACTOR * logits_noise(model, [family.collate(rows)])


@torch.no_grad()
def generate(model, inputs):
    """Return (tokens, logits of every step)."""
    output = model.generate(
        **inputs,
        max_new_tokens=NEW_TOKENS,
        min_new_tokens=NEW_TOKENS,
        do_sample=False,
        return_dict_in_generate=True,
        output_logits=True,
    )
    return output.sequences[:, -NEW_TOKENS:].tolist(), torch.stack(output.logits, 1)


def test_shares_are_those_of_the_attention_that_the_model_returns(tiny):
    family, model, eager, rows = tiny
    found = attention_shares(model, family.collate(rows))
    assert found.shape == (len(rows), N_LAYERS, len(FLOWS))
    for number, row in enumerate(rows):
        expected = slow.shares(eager, family.collate([row]))
        for place, flow in enumerate(FLOWS):
            # Sums of softmax weights, which are at most 1: float32 keeps six digits of them.
            torch.testing.assert_close(
                found[number, :, place], torch.tensor(expected[flow]), atol=2e-5, rtol=0, equal_nan=True
            )
    shown = torch.tensor([bool(row.images) for row in rows])
    for parts in ((0, 2), (1, 3)):
        sums = found[:, :, parts].sum(-1)
        torch.testing.assert_close(sums[shown], torch.ones_like(sums[shown]), atol=2e-5, rtol=0)
        assert sums[~shown].isnan().all()
    # Layers and flows differ, else agreement would say little.
    assert (found[shown].amax(1) - found[shown].amin(1))[:, :2].amin() > 1e-3


@pytest.fixture(scope="module")
def plain(tiny):
    family, model, _, rows = tiny
    return generate(model, family.collate(rows))


@pytest.mark.parametrize("masking", CASES, ids=str)
def test_hiding_is_a_mask_of_each_layer(tiny, plain, tolerance, masking):
    """In a padded batch with a cache, against each prompt alone without."""
    family, model, eager, rows = tiny
    with hidden(model, masking):
        tokens, found = generate(model, family.collate(rows))
    for number, row in enumerate(rows):
        expected = slow.logits(eager, family.collate([row]), tokens[number], masking)
        torch.testing.assert_close(found[number], expected, atol=tolerance, rtol=0)
        # The first position was asked the same with nothing hidden.
        changed = float((found[number, 0] - plain[1][number, 0]).abs().max())
        assert changed > 100 * tolerance if row.images else changed <= tolerance


def left_on(model):
    """Return what a context might forget: hooks, and configurations of its own."""
    return hooks_of(model), [id(module.config) for module in model.modules() if hasattr(module, "config")]


def test_hiding_nothing_changes_nothing_and_leaves_nothing(tiny, plain, tolerance):
    family, model, _, rows = tiny
    before = left_on(model)
    with hidden(model, None):
        tokens, found = generate(model, family.collate(rows))
    assert tokens == plain[0]
    torch.testing.assert_close(found, plain[1], atol=tolerance, rtol=0)
    assert left_on(model) == before


def test_nothing_is_left_after_an_error():
    model = FAMILIES["llava"].model()
    before = left_on(model)
    with pytest.raises(RuntimeError, match="stop"), hidden(model, None):
        raise RuntimeError("stop")
    assert left_on(model) == before


def test_image_tokens_of_the_last_layer_are_read_by_nobody():
    family = FAMILIES["llava"]
    model = family.model()
    inputs = family.collate(family.requests(model)[:1])
    with hidden(model, None):
        _, expected = generate(model, inputs)
    with hidden(model, Masking(IMAGE_TO_IMAGE, N_LAYERS - 1, N_LAYERS)):
        _, found = generate(model, inputs)
    assert torch.equal(found, expected)


def test_to_hide_image_tokens_from_text_from_a_layer_on_is_to_drop_them_there(tiny, tolerance):
    layer = 3
    family, model, _, rows = tiny
    with hidden(model, Masking(TEXT_TO_IMAGE, layer, N_LAYERS)):
        tokens, found = generate(model, family.collate(rows))
    with prune(model, "exit", "first", 1 - layer / N_LAYERS):
        dropped, expected = generate(model, family.collate(rows))
    assert tokens == dropped
    torch.testing.assert_close(found, expected, atol=tolerance, rtol=0)


def test_nothing_is_hidden_while_the_model_is_pruned_nor_pruned_while_something_is_hidden():
    model = FAMILIES["llava"].model()
    before = left_on(model)
    pruned = prune(model, "exit", "first", 0.5)
    refused = pytest.raises(PruningError, match="is being pruned already: no flow can be hidden")
    with pruned, refused, hidden(model, None):
        pass
    refused = pytest.raises(PruningError, match="has a flow hidden already: no flow can be hidden")
    with hidden(model, None), refused, hidden(model, None):
        pass
    refused = pytest.raises(PruningError, match="has a flow hidden already: prune contexts do not nest")
    with hidden(model, None), refused, prune(model, "exit", "first", 0.5):
        pass
    assert left_on(model) == before
    with hidden(model, None):
        pass


def test_a_prompt_in_pieces_is_refused():
    model = FAMILIES["llava"].model()
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.no_grad(), hidden(model, None):
        cache = model(input_ids=ids, use_cache=True).past_key_values
        cache.crop(-2)
        with pytest.raises(PruningError, match="in pieces"):
            model(input_ids=ids[:, 2:], past_key_values=cache)


def test_attention_that_takes_no_such_mask_is_refused():
    family = FAMILIES["llava"]
    model = family.model()
    flash.use_flash(model)
    with pytest.raises(PruningError, match="not in flash_attention_2: use attn_implementation='sdpa'"):
        attention_shares(model, family.collate(family.requests(model)))
    with pytest.raises(PruningError, match="not in flash_attention_2"), hidden(model, None):
        pass


def test_eager_attention_is_hidden_from_likewise():
    family = FAMILIES["gemma3"]
    model = family.model()
    inputs = family.collate(family.requests(model))
    masking = Masking(IMAGE_TO_IMAGE, 0, 3)
    with hidden(model, masking):
        tokens, _ = generate(model, inputs)
    eager = slow.eager(model)
    with hidden(eager, masking):
        assert generate(eager, inputs)[0] == tokens
