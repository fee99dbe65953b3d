"""Which attention calls are told of: those that a cut reads, of a prefill, and none afterwards."""

import pytest
import torch

from prunegrid import prune
from prunegrid.errors import PruningError
from tests.pruning.tiny import collate, requests, tiny_llava


@pytest.fixture(scope="module")
def model():
    return tiny_llava()


@pytest.fixture
def told(monkeypatch):
    """Return the layers of which an observer was told, call by call."""
    from prunegrid.pruning import attention

    calls = []
    observed = attention._observed

    def noted(module, *args, **kwargs):
        calls.append(module.layer_idx)
        return observed(module, *args, **kwargs)

    monkeypatch.setitem(attention.ALL_ATTENTION_FUNCTIONS, attention.OBSERVED, noted)
    return calls


@pytest.mark.parametrize(
    ("strategy", "criterion", "options", "wanted"),
    [
        ("hierarchical", "attention", {"layers": [2, 5]}, [1, 4]),
        # The layer's own, and the one before it.
        ("single", "attention_own", {"layer": 3}, [2, 3]),
        ("exit", "random", {}, []),
        ("input", "norm_input", {}, []),
    ],
)
def test_only_what_a_cut_reads_is_told_of(model, told, strategy, criterion, options, wanted):
    configs = [layer.self_attn.config for layer in model.model.language_model.layers]
    with prune(model, strategy, criterion, 0.5, strategy_options=options), torch.no_grad():
        model.generate(**collate(requests(3)), max_new_tokens=3, do_sample=False)
    assert told == wanted
    after = [layer.self_attn.config for layer in model.model.language_model.layers]
    assert all(one is other for one, other in zip(after, configs, strict=True))


def test_nothing_is_told_of_after_an_error(model, told):
    layers = model.model.language_model.layers
    configs = [layer.self_attn.config for layer in layers]

    def fails(*_):
        raise RuntimeError("stand-in")

    batch = collate(requests(2))
    with prune(model, "hierarchical", "attention", 0.5, strategy_options={"layers": [2, 5]}), torch.no_grad():
        cache = model(**batch, use_cache=True).past_key_values
        # The attention of layer 1 was about to be told of.
        handle = layers[1].self_attn.register_forward_pre_hook(fails)
        with pytest.raises(RuntimeError, match="stand-in"):
            model(**batch, use_cache=True)
        handle.remove()
        told.clear()
        mask = torch.cat([batch["attention_mask"], torch.ones_like(batch["attention_mask"][:, :1])], dim=1)
        model(input_ids=batch["input_ids"][:, -1:], attention_mask=mask, past_key_values=cache)
    assert told == []
    assert all(layer.self_attn.config is config for layer, config in zip(layers, configs, strict=True))


def test_contexts_do_not_nest(model):
    with prune(model, "exit", "random", 0.5):
        with pytest.raises(PruningError, match="do not nest"), prune(model, "exit", "random", 0.5):
            pass
        with pytest.raises(PruningError, match="do not nest"), prune(model, "exit", "random", 0.5):
            pass
    with prune(model, "exit", "random", 0.5):
        pass
