"""Which ways of generating are honoured, and which are refused."""

import pytest
import torch
from transformers import GenerationConfig, StaticCache

from prunegrid import prune
from prunegrid.errors import PruningError
from tests.pruning.tiny import collate, requests, tiny_llava


@pytest.fixture(scope="module")
def model():
    return tiny_llava()


def generate(model, rows, criterion="random", **settings):
    with prune(model, "single", criterion, 0.5, sample_ids=[row.name for row in rows]) as pruning:
        with torch.no_grad():
            output = model.generate(**collate(rows), max_new_tokens=4, **settings)
        return output, pruning.kept


@pytest.mark.parametrize("criterion", ["random", "attention_shallow", "gradient"])
def test_beams_share_kept_tokens_and_do_not_mix_samples(model, criterion):
    rows = requests(4)[:3]
    settings = {"num_beams": 3, "num_return_sequences": 2, "do_sample": False}
    together, kept = generate(model, rows, criterion, **settings)
    for index, row in enumerate(rows):
        alone, own = generate(model, [row], criterion, **settings)
        assert kept[3 * index : 3 * index + 3] == own
        assert own[0] == own[1] == own[2]
        assert torch.equal(together[2 * index : 2 * index + 2, -4:], alone[:, -4:])


def test_beams_equal_beams_of_a_model_that_keeps_all(model):
    rows = requests(4)[:3]
    settings = {"num_beams": 3, "do_sample": False, "max_new_tokens": 4}
    with torch.no_grad():
        wanted = model.generate(**collate(rows), **settings)
    with (
        prune(model, "hierarchical", "norm", strategy_options={"layers": [2, 4], "keep": [1.0, 1.0]}),
        torch.no_grad(),
    ):
        assert torch.equal(model.generate(**collate(rows), **settings), wanted)


def test_several_samples_of_one_prompt(model):
    output, kept = generate(model, requests(3)[:2], do_sample=True, num_return_sequences=3)
    assert len(output) == 6
    assert kept[0] == kept[1] == kept[2] != kept[3]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"use_cache": False}, "prune anew"),
        ({"prefill_chunk_size": 30}, "whole prompt"),
        ({"cache_implementation": "static"}, "dynamic cache"),
        ({"cache_implementation": "quantized"}, "dynamic cache"),
        ({"prompt_lookup_num_tokens": 2}, "assisted decoding"),
    ],
)
def test_what_cannot_be_right_is_refused(model, settings, message):
    with pytest.raises(PruningError, match=message):
        generate(model, requests(2)[:1], **settings)
    assert "generate" not in vars(model)


def test_a_static_cache_is_refused(model):
    cache = StaticCache(model.config.get_text_config(), max_cache_len=100)
    with pytest.raises(PruningError, match="StaticCache"):
        generate(model, requests(2)[:1], past_key_values=cache)


def test_a_configuration_handed_over_takes_the_rest_from_the_models_own(model, monkeypatch):
    monkeypatch.setattr(model.generation_config, "cache_implementation", "static")
    for configuration in ({"generation_config": GenerationConfig(do_sample=False)}, {}):
        with pytest.raises(PruningError, match="dynamic cache"):
            generate(model, requests(3)[:2], **configuration)


def test_a_configuration_handed_over_by_place_counts(model):
    inputs = collate(requests(3)[:1])
    settings = GenerationConfig(num_beams=2, max_new_tokens=4, do_sample=False)
    with prune(model, "single", "norm", 0.5) as pruning, torch.no_grad():
        model.generate(inputs.pop("input_ids"), settings, **inputs)
    assert len(pruning.kept) == 2


def test_a_hybrid_cache_of_a_checkpoint_is_a_dynamic_one(model, monkeypatch):
    """So says Gemma 3's `generation_config.json`, and transformers reads it as nothing said."""
    rows = requests(3)[:2]
    wanted = generate(model, rows)
    monkeypatch.setattr(model.generation_config, "cache_implementation", "hybrid")
    found = generate(model, rows)
    assert torch.equal(found[0], wanted[0])
    assert found[1] == wanted[1]
