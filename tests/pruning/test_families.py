"""Every family: pruning is the same alone and in a batch, and nothing changes where nothing is dropped."""

from contextlib import nullcontext

import pytest
import torch

from prunegrid import prune
from prunegrid.checks.masked_forward import appended, masked_logits
from prunegrid.errors import PruningError
from prunegrid.pruning.families import family_of, supported_models
from tests.pruning.hooks import hooks_of
from tests.pruning.tiny import IMAGE_ID
from tests.pruning.tiny_families import FAMILIES, GEMMA_WINDOW, MISTRAL_WINDOW
from tests.rounding import FACTOR, doubled, in_double, logits_noise, noise

# Cuts fall among Qwen3-VL's deep-stack layers and around Gemma 3's layers of full attention.
PAIRS = [
    ("hierarchical", "attention"),
    ("hierarchical", "attention_last"),
    ("uniform", "norm"),
    ("uniform", "random"),
    ("constant", "gradient"),
    ("exit", "first"),
    ("blind", "first"),
]
OPTIONS = {"hierarchical": {"layers": [1, 3]}, "single": {"layer": 2}}
NEW_TOKENS = 4


@pytest.fixture(scope="module", params=FAMILIES)
def tiny(request):
    family = FAMILIES[request.param]
    model = family.model()
    return family, model, family.requests(model)


@pytest.fixture(scope="module")
def tolerance(tiny):
    """How far two ways to the same logits may lie apart."""
    family, model, rows = tiny
    return FACTOR * logits_noise(model, [family.collate(rows)])


def generate(model, inputs, context):
    """Return (tokens, logits of every step)."""
    with context, torch.no_grad():
        output = model.generate(
            **inputs,
            max_new_tokens=NEW_TOKENS,
            min_new_tokens=NEW_TOKENS,
            do_sample=False,
            return_dict_in_generate=True,
            output_logits=True,
        )
    return output.sequences[:, -NEW_TOKENS:].tolist(), torch.stack(output.logits, 1)


def pruned(tiny, rows, strategy, criterion, **settings):
    """Return per sample (kept, tokens, logits)."""
    family, model, _ = tiny
    fixed = strategy in ("blind", "none") or "strategy_options" in settings
    ratio = None if fixed else 0.5
    settings = {"strategy_options": OPTIONS.get(strategy), **settings}
    names = [row.name for row in rows]
    context = prune(model, strategy, criterion, ratio, seed=3, sample_ids=names, **settings)
    kept = []
    with context as pruning:
        tokens, logits = generate(model, family.collate(rows), nullcontext())
        kept = pruning.kept
    return {name: (kept[i], tokens[i], logits[i]) for i, name in enumerate(names)}


def cases():
    """Return all pairs in all families; but for LLaVA, pairs are marked except one in three, which turn."""
    for place, family in enumerate(sorted(FAMILIES, key=lambda name: name != "llava")):
        for number, pair in enumerate(PAIRS):
            further = place and (number + place) % 3
            yield pytest.param(family, *pair, marks=[pytest.mark.exhaustive] * bool(further))


def test_all_families_are_tested():
    assert supported_models() == sorted(FAMILIES)


def test_another_family_is_refused_by_name():
    with pytest.raises(PruningError, match=r"'paligemma'.*llava_next.*qwen3_vl"):
        family_of("paligemma")


@pytest.mark.parametrize(("tiny", "strategy", "criterion"), cases(), indirect=["tiny"])
def test_batch_equals_each_alone(tiny, tolerance, strategy, criterion):
    rows = tiny[2]
    together = pruned(tiny, rows, strategy, criterion)
    for row in rows:
        kept, tokens, logits = pruned(tiny, [row], strategy, criterion)[row.name]
        assert together[row.name][0] == kept, row.name
        assert together[row.name][1] == tokens, row.name
        torch.testing.assert_close(together[row.name][2], logits, atol=tolerance, rtol=0)
        assert bool(kept) == bool(row.images)


@pytest.mark.parametrize(("tiny", "strategy", "criterion"), cases(), indirect=["tiny"])
def test_pruned_equals_masked(tiny, tolerance, strategy, criterion):
    """Dropping tokens before a layer is forbidding that layer and later ones to attend to them."""
    family, model, rows = tiny
    for row in rows[:3]:
        kept, tokens, logits = pruned(tiny, [row], strategy, criterion)[row.name]
        expected = masked_logits(model, family.collate([row]), kept, tokens)
        torch.testing.assert_close(logits, expected, atol=tolerance, rtol=0)


def test_none_is_the_plain_model(tiny):
    family, model, rows = tiny
    tokens, logits = generate(model, family.collate(rows), nullcontext())
    for row, (kept, found, same) in enumerate(pruned(tiny, rows, "none", "first").values()):
        assert kept == []
        assert found == tokens[row]
        assert torch.equal(same, logits[row])


def test_keeping_all_changes_nothing(tiny, tolerance):
    family, model, rows = tiny
    tokens, logits = generate(model, family.collate(rows), nullcontext())
    options = {"layers": [1, 3], "keep": [1.0, 1.0]}
    found = pruned(tiny, rows, "hierarchical", "attention", strategy_options=options)
    for row, (_, same, close) in enumerate(found.values()):
        assert same == tokens[row]
        torch.testing.assert_close(close, logits[row], atol=tolerance, rtol=0)


def test_pruning_matters(tiny, tolerance):
    """The tests above tell something only if dropped tokens move the logits."""
    family, model, rows = tiny
    _, plain = generate(model, family.collate(rows[:1]), nullcontext())
    for strategy, criterion in PAIRS:
        logits = pruned(tiny, rows[:1], strategy, criterion)[rows[0].name][2]
        assert (logits - plain[0]).abs().max() > max(1e-2, 10 * tolerance), strategy


def test_features_stand_in_for_pixels(tiny, tolerance):
    name_of, model, rows = tiny
    family = family_of(name_of.name)
    rows = [row for row in rows if row.images]
    inputs = name_of.collate(rows)
    tokens, logits = generate(model, inputs, nullcontext())
    with torch.no_grad():
        features = family.features(model, [row.images for row in rows])
    given = {key: inputs[key] for key in ("input_ids", "attention_mask")}
    given.update(family.feature_inputs(model, features, inputs["input_ids"]))
    context = prune(model, "hierarchical", "attention", 0.5, strategy_options=OPTIONS["hierarchical"])
    found, close = generate(model, given, nullcontext())
    assert found == tokens
    torch.testing.assert_close(close, logits, atol=tolerance, rtol=0)
    expected = generate(model, inputs, context)[1]
    context = prune(model, "hierarchical", "attention", 0.5, strategy_options=OPTIONS["hierarchical"])
    torch.testing.assert_close(generate(model, given, context)[1], expected, atol=tolerance, rtol=0)


@pytest.mark.parametrize("criterion", ["attention_shallow", "attention_deep", "attention_last"])
def test_scores_are_the_models_own_attention(tiny, criterion):
    """Grouped heads, q/k norms, windows and two-way masks: as eager attention computes them."""
    family, model, rows = tiny
    kept = pruned(tiny, rows, "single", criterion)
    model.set_attn_implementation("eager")
    double = in_double(model)

    def attention(of, inputs):
        with torch.no_grad():
            return of(**inputs, output_attentions=True).attentions[1][0].mean(0)

    try:
        for row in rows[:3]:
            inputs = family.collate([row])
            columns = (row.ids == IMAGE_ID).nonzero()[:, 0]
            seeing = {
                "attention_shallow": range(int(columns[-1]) + 1, len(row.ids)),
                "attention_deep": columns.tolist(),
                "attention_last": [len(row.ids) - 1],
            }[criterion]
            scores, exact = (
                attention(of, given)[list(seeing)].sum(0)[columns]
                for of, given in ((model, inputs), (double, doubled(inputs)))
            )
            ((_, found),) = kept[row.name][0]
            best = scores.argsort(descending=True, stable=True)[: len(found)]
            # Sets may differ where scores tie: the model's windows leave many at exactly 0.
            torch.testing.assert_close(
                scores[found].sort().values,
                scores[best].sort().values,
                atol=FACTOR * noise(scores, exact),
                rtol=0,
            )
    finally:
        model.set_attn_implementation("sdpa")


@pytest.mark.parametrize("answer_tokens", [1, 3])
def test_gradients_are_those_of_the_plain_model(tiny, answer_tokens):
    """Under `generate`, padded: against each prompt alone, its answer appended, positions from scratch."""
    family, model, rows = tiny
    rows, found = rows[:3], {}
    options = {"criterion_options": {"answer_tokens": answer_tokens}, "saliencies": found}
    pruned(tiny, rows, "constant", "gradient", **options)
    double = in_double(model)

    def saliency(of, inputs, answer):
        states = []
        layer = family_of(family.name).layers(of)[2]
        handle = layer.register_forward_pre_hook(lambda _, args: states.append(args[0]))
        logits = of(**appended(inputs, answer[:-1]), use_cache=False).logits[0, -answer_tokens:]
        handle.remove()
        chosen = logits.log_softmax(-1)[range(answer_tokens), answer].sum()
        (gradient,) = torch.autograd.grad(chosen, states)
        return (states[0] * gradient).abs().sum(-1)[0, : inputs["input_ids"].shape[1]]

    for row in rows:
        inputs = family.collate([row])
        answer = []
        for _ in range(answer_tokens):
            with torch.no_grad():
                last = model(**appended(inputs, answer), use_cache=False).logits[0, -1]
            answer.append(int(last.argmax()))
        expected = saliency(model, inputs, answer)[row.ids == IMAGE_ID]
        exact = saliency(double, doubled(inputs), answer)[row.ids == IMAGE_ID]
        torch.testing.assert_close(
            found[row.name, 0, answer_tokens][0][2], expected, atol=FACTOR * noise(expected, exact), rtol=0
        )


def test_without_generate(tiny, tolerance):
    """The model makes the cache itself, and the positions of both calls."""
    family, model, rows = tiny
    step = torch.tensor([[7]])
    for row in rows[:3]:
        context = prune(model, "hierarchical", "attention", 0.5, strategy_options=OPTIONS["hierarchical"])
        inputs = family.collate([row])
        with context as pruning, torch.no_grad():
            first = model(**inputs, use_cache=True)
            second = model(input_ids=step, past_key_values=first.past_key_values)
        expected = masked_logits(model, inputs, pruning.kept[0], [7, 0])
        found = torch.stack([first.logits[0, -1], second.logits[0, -1]])
        torch.testing.assert_close(found, expected, atol=tolerance, rtol=0)


def test_model_is_left_as_it_was(tiny):
    family, model, rows = tiny
    before = generate(model, family.collate(rows), nullcontext())
    hooks = hooks_of(model)
    pruned(tiny, rows, "hierarchical", "attention")
    assert hooks_of(model) == hooks
    after = generate(model, family.collate(rows), nullcontext())
    assert after[0] == before[0]
    assert torch.equal(after[1], before[1])


@pytest.mark.parametrize(("name", "window"), [("gemma3", GEMMA_WINDOW), ("llava_next", MISTRAL_WINDOW)])
def test_windows(name, window):
    """Windows of the tiny models end among image tokens; flash attention cannot count them."""
    family = FAMILIES[name]
    model = family.model()
    row = family.requests(model)[2]
    assert len(row.ids) > 2 * window
    context = prune(model, "single", "norm", 0.5)
    with context as pruning, torch.no_grad():
        pruning._hooks._flash = True
        with pytest.raises(PruningError, match=f"window of {window}"):
            model(**family.collate([row]))
