"""Which ways of generating are honoured, and which are refused."""

import copy

import pytest
import torch
from transformers import DynamicCache, GenerationConfig, StaticCache

from prunegrid import prune
from prunegrid.checks.masked_forward import masked_logits
from prunegrid.errors import PruningError
from tests.pruning.tiny import collate, requests, tiny_llava
from tests.rounding import FACTOR, logits_noise


@pytest.fixture(scope="module")
def model():
    return tiny_llava()


@pytest.fixture(scope="module")
def tolerance(model):
    """How far two ways to the same logits may lie apart."""
    return FACTOR * logits_noise(model, [collate(requests(4)[:2])])


# Cuts between layers and before the first, of some tokens and of all.
SCHEDULES = [("hierarchical", {"layers": [2, 4]}), ("input", {"positions": "original"}), ("blind", {})]


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
        ({"assistant_early_exit": 2}, "assisted decoding"),
        (
            {"assistant_model": tiny_llava(n_layers=1)},
            "assistant_model=<LlavaForConditionalGeneration>. cannot",
        ),
        ({"use_mtp": True}, "assisted decoding"),
        ({"guidance_scale": 1.5}, "guidance_scale=1.5. cannot be pruned: a second prompt"),
        ({"negative_prompt_ids": torch.tensor([[3, 4]])}, "negative_prompt_ids=<Tensor>. cannot"),
        ({"token_healing": True}, "the end of the prompt"),
        ({"custom_generate": lambda model, *_, **__: None}, "custom_generate=<function>. cannot"),
        ({"penalty_alpha": 0.6, "top_k": 4}, "penalty_alpha=0.6. cannot .* other code"),
        ({"dola_layers": "high"}, "dola_layers='high'"),
        ({"num_beams": 4, "num_beam_groups": 2}, "num_beam_groups=2"),
        ({"num_beams": 2, "force_words_ids": [[5]]}, r"force_words_ids=\[\[5\]\]"),
        ({"num_beams": 2, "constraints": [5]}, "constraints"),
    ],
)
def test_what_cannot_be_right_is_refused(model, settings, message):
    with pytest.raises(PruningError, match=message):
        generate(model, requests(2)[:1], **settings)
    assert "generate" not in vars(model)


def test_what_a_refused_setting_is_without_effect_is_honoured(model):
    rows = requests(4)[:3]
    wanted, _ = generate(model, rows)
    found, _ = generate(model, rows, guidance_scale=1.0, penalty_alpha=0.0, num_beam_groups=1, use_mtp=False)
    assert torch.equal(found, wanted)


def test_a_setting_given_by_place_counts(model):
    """The assistant is the seventh of `generate`."""
    with prune(model, "single", "norm", 0.5), pytest.raises(PruningError, match="assistant_model"):
        model.generate(collate(requests(3)[:1])["input_ids"], None, None, None, None, None, tiny_llava())


def test_continuous_batching_is_refused(model):
    with prune(model, "single", "norm", 0.5), pytest.raises(PruningError, match="continuous batching"):
        model.generate_batch([requests(2)[0].ids.tolist()])
    assert "init_continuous_batching" not in vars(model)


@pytest.mark.parametrize(
    "settings",
    [
        {"num_beams": 3, "num_return_sequences": 3, "do_sample": False},
        {"num_beams": 2, "num_return_sequences": 2, "do_sample": True},
        {"num_return_sequences": 3, "do_sample": True},
    ],
)
def test_all_that_is_returned_has_the_probability_of_the_slow_way(model, tolerance, settings):
    """Beams and samples: the slow way masks dropped tokens and caches nothing."""
    rows = requests(4)[:2]
    with prune(model, "hierarchical", "norm", 0.5, strategy_options={"layers": [2, 4]}) as pruning:
        torch.manual_seed(3)
        # Without samplers' filters the scores are log probabilities.
        found = model.generate(
            **collate(rows),
            max_new_tokens=4,
            min_new_tokens=4,
            eos_token_id=None,
            suppress_tokens=None,
            top_k=0,
            return_dict_in_generate=True,
            output_scores=True,
            **settings,
        )
    log_probabilities = model.compute_transition_scores(
        found.sequences, found.scores, getattr(found, "beam_indices", None), normalize_logits=True
    )
    copies = len(found.sequences) // len(rows)
    beams = len(pruning.kept) // len(rows)
    assert copies > 1
    for place, sequence in enumerate(found.sequences):
        row = place // copies
        tokens = sequence[-4:].tolist()
        slow = masked_logits(model, collate([rows[row]]), pruning.kept[row * beams], tokens).log_softmax(-1)
        torch.testing.assert_close(log_probabilities[place], slow[range(4), tokens], atol=tolerance, rtol=0)


def test_several_tokens_at_once_go_on_as_one_by_one(model, tolerance):
    """The next turn of a chat, after a prompt whose layers hold different tokens."""
    rows, turn = requests(4)[:2], torch.tensor([[7, 8, 9], [11, 5, 4]])
    for strategy, options in SCHEDULES:
        inputs = collate(rows)
        mask = torch.cat([inputs["attention_mask"], torch.ones_like(turn)], 1)
        ratio = None if strategy == "blind" else 0.5
        with prune(model, strategy, "norm", ratio, strategy_options=options) as pruning, torch.no_grad():
            cache = model(**inputs, use_cache=True).past_key_values
            found = model(input_ids=turn, attention_mask=mask, past_key_values=cache).logits
        for place, row in enumerate(rows):
            tokens = [*turn[place].tolist(), 0]
            slow = masked_logits(model, collate([row]), pruning.kept[place], tokens)[1:]
            torch.testing.assert_close(found[place], slow, atol=tolerance, rtol=0)


@pytest.mark.parametrize("copied", [False, True])
@pytest.mark.parametrize("strategy", ["single", "input", "blind"])
def test_a_cache_is_refused_after_its_context(model, strategy, copied):
    """One prompt alone has no mask: the model would attend to what layer 0 dropped, without a word."""
    for rows in (requests(3)[:1], requests(3)[:2]):
        with prune(model, strategy, "norm", None if strategy == "blind" else 0.5), torch.no_grad():
            cache = model(**collate(rows), use_cache=True).past_key_values
            if copied:
                cache = copy.deepcopy(cache)
        step = {"input_ids": torch.full((len(rows), 1), 7), "past_key_values": cache}
        with pytest.raises(PruningError, match="a prune context that has ended"):
            model(**step)
        with (
            prune(model, strategy, "norm", None if strategy == "blind" else 0.5),
            pytest.raises(PruningError, match="not filled inside this prune context"),
        ):
            model(**step)


def test_a_cache_that_the_user_made_is_refused_after_its_context(model):
    inputs = collate(requests(3)[:1])
    cache = DynamicCache()
    with prune(model, "single", "norm", 0.5), torch.no_grad():
        model(**inputs, past_key_values=cache, use_cache=True)
        model(input_ids=torch.tensor([[7]]), past_key_values=cache)
    with pytest.raises(PruningError, match="a prune context that has ended"):
        model(input_ids=torch.tensor([[7]]), past_key_values=cache)


def test_a_cache_of_an_unpruned_prompt_outlives_its_context(model):
    inputs = collate(requests(3)[:1])
    step = torch.tensor([[7]])
    with torch.no_grad():
        wanted = model(input_ids=step, past_key_values=model(**inputs, use_cache=True).past_key_values).logits
        with prune(model, "none"):
            cache = model(**inputs, use_cache=True).past_key_values
        assert torch.equal(model(input_ids=step, past_key_values=cache).logits, wanted)


@pytest.mark.parametrize(
    ("asked", "message"),
    [("labels", "labels: the logits of a pruned"), ("logits_to_keep", "logits_to_keep: a tensor")],
)
def test_what_counts_the_tokens_of_the_whole_prompt_is_refused(model, asked, message):
    inputs = collate(requests(3)[:2])
    given = {"labels": inputs["input_ids"], "logits_to_keep": torch.tensor([3, 4])}[asked]
    with prune(model, "single", "norm", 0.5), pytest.raises(PruningError, match=message):
        model(**inputs, **{asked: given})
    with torch.no_grad():
        wanted = model(**inputs, **{asked: given})
        with prune(model, "none"):
            found = model(**inputs, **{asked: given})
    assert torch.equal(found.logits, wanted.logits)
    assert found.loss == wanted.loss


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
