"""Neither the batch nor the order of samples may change kept tokens, text or logits."""

import pytest
import torch

from prunegrid import prune
from prunegrid.plugins import names
from tests.pruning.cases import AT_THE_INPUT, SEVERAL_CUTS, first_cut_only, reads_layer_before
from tests.pruning.hooks import hooks_of
from tests.pruning.tiny import collate, requests, tiny_llava
from tests.rounding import FACTOR, doubled, logits_noise, noise

RANKED = ["hierarchical", "uniform", "constant", "random", "single", "pyramid", "input", "cuts"]
OPTIONS = {
    "hierarchical": {"layers": [1, 3]},
    "single": {"layer": 2},
    "cuts": {"cuts": [[1, 0.6], [3, 0.36]], "positions": "contiguous"},
}
PAIRS = [
    (s, c)
    for s in RANKED
    for c in names("criteria")
    if not (s in AT_THE_INPUT and reads_layer_before(c)) and not (s in SEVERAL_CUTS and first_cut_only(c))
] + [(s, "first") for s in ("exit", "blind", "none")]
NEW_TOKENS = 3


def marked(pair):
    """Return a pair, marked where others cover its strategy and its criterion, which meets one that turns."""
    strategy, criterion = pair
    own = [s for s, c in PAIRS if c == criterion and s in RANKED]
    met = strategy not in RANKED or strategy == own[names("criteria").index(criterion) % len(own)]
    return pytest.param(*pair, marks=[] if met else [pytest.mark.exhaustive])


@pytest.fixture(scope="module")
def model():
    return tiny_llava()


@pytest.fixture(scope="module")
def tolerance(model):
    """How far two ways to the same logits may lie apart."""
    return FACTOR * logits_noise(model, [collate(requests(16))])


def own_noise(alone, rows, strategy, criterion):
    """Return how far two ways to the logits of a pruned prompt may lie apart, by its own noise.

    A shorter prompt may round worse than the whole one.
    """
    exact, worst = tiny_llava().double(), 0.0
    for row in rows:
        (kept, _, logits) = generate(exact, [row], strategy, criterion, doubled)[row.name]
        assert kept == alone[row.name][0]
        worst = max(worst, noise(alone[row.name][2], logits))
    return FACTOR * worst


def generate(model, rows, strategy, criterion, cast=dict):
    """Return per sample (kept, tokens, logits of every step)."""
    ratio = None if strategy in ("blind", "none") else 0.5
    context = prune(
        model,
        strategy,
        criterion,
        ratio=ratio,
        seed=3,
        strategy_options=OPTIONS.get(strategy),
        sample_ids=[row.name for row in rows],
    )
    with context as pruning, torch.no_grad():
        output = model.generate(
            **cast(collate(rows)),
            max_new_tokens=NEW_TOKENS,
            min_new_tokens=NEW_TOKENS,
            do_sample=False,
            return_dict_in_generate=True,
            output_logits=True,
        )
    logits = torch.stack(output.logits, 1)
    tokens = output.sequences[:, -NEW_TOKENS:].tolist()
    return {row.name: (pruning.kept[i], tokens[i], logits[i]) for i, row in enumerate(rows)}


@pytest.mark.parametrize(("strategy", "criterion"), map(marked, PAIRS))
def test_batch_and_order_change_nothing(model, tolerance, strategy, criterion):
    rows = requests(16)
    alone = {}
    for row in rows:
        alone.update(generate(model, [row], strategy, criterion))
    for order in (rows, rows[7:][::-1] + rows[:7]):
        together = generate(model, order, strategy, criterion)
        for name, (kept, tokens, logits) in alone.items():
            assert together[name][0] == kept, name
            assert together[name][1] == tokens, name
            gap = float((together[name][2] - logits).abs().max())
            assert gap <= tolerance or gap <= own_noise(alone, rows, strategy, criterion), name
    if strategy not in ("none",):
        assert any(kept for kept, _, _ in alone.values())


def test_every_strategy_is_tested():
    assert set(names("strategies")) == {s for s, _ in PAIRS} | {"mismatched", "downsample"}
    met = [one.values for one in map(marked, PAIRS) if not one.marks]
    assert {s for s, _ in met} == {s for s, _ in PAIRS}
    assert {c for _, c in met} == {c for _, c in PAIRS}


def run_and_fail(model, inputs):
    with prune(model, "uniform", "gradient", ratio=0.5):
        model(**inputs)
        raise RuntimeError("on purpose")


def test_model_is_left_as_it_was(model):
    inputs = collate(requests(3))
    before = model(**inputs).logits
    configs = [layer.self_attn.config for layer in model.model.language_model.layers]
    # transformers hooks its own models on their first forward pass.
    hooks = hooks_of(model)
    with pytest.raises(RuntimeError, match="on purpose"):
        run_and_fail(model, inputs)
    assert torch.equal(model(**inputs).logits, before)
    after = [layer.self_attn.config for layer in model.model.language_model.layers]
    assert all(a is b for a, b in zip(after, configs, strict=True))
    assert hooks_of(model) == hooks
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_generations_may_interleave(model):
    first, second = requests(6)[1], requests(6)[3]
    with (
        prune(model, "hierarchical", "attention", 0.5, strategy_options=OPTIONS["hierarchical"]),
        torch.no_grad(),
    ):
        one = model(**collate([first]), use_cache=True)
        other = model(**collate([second]), use_cache=True)
        step = torch.tensor([[7]])
        mixed = model(input_ids=step, past_key_values=one.past_key_values).logits
        model(input_ids=step, past_key_values=other.past_key_values)
    with (
        prune(model, "hierarchical", "attention", 0.5, strategy_options=OPTIONS["hierarchical"]),
        torch.no_grad(),
    ):
        one = model(**collate([first]), use_cache=True)
        alone = model(input_ids=step, past_key_values=one.past_key_values).logits
    torch.testing.assert_close(mixed, alone, atol=0, rtol=0)
