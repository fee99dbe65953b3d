"""A check passes on the engine as it is, in every dtype, and each sabotage makes it fail and say where."""

import pytest
import torch

import prunegrid
from prunegrid.checks import whole_model
from prunegrid.checks.batch_agreement import batch_agreement
from prunegrid.checks.check import check_subject
from prunegrid.checks.counted_flops import counted_flops
from prunegrid.checks.equal_logits import equal_logits
from prunegrid.checks.kept_sets import kept_sets
from prunegrid.checks.precision_loss import precision_loss
from prunegrid.cost.decoder import Decoder
from prunegrid.criteria.attention_deep import AttentionDeep
from prunegrid.errors import DataError
from prunegrid.pruning import cutting, gradients, selection
from prunegrid.pruning.layer_hooks import LayerHooks
from prunegrid.pruning.token_layout import Layout
from tests.checks.subjects import IMAGE_TOKENS, demo, unscaled
from tests.predict.runs import make_samples
from tests.pruning.sabotage import Change

DTYPES = ["float32", "bfloat16", pytest.param("float16", marks=pytest.mark.exhaustive)]
PACE = {
    "encode_seconds_per_picture", "prepare_seconds_per_sample", "prefill_flops_per_second",
    "decode_seconds_per_step", "gradient_flops_per_second", "batch_size", "device",
}  # fmt: skip


@pytest.fixture(scope="module", params=DTYPES)
def subject(request):
    return demo(request.param)


def test_it_passes_and_changes_nothing_of_the_model(subject):
    model = subject.model
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    settings, kernel = model.generation_config, model.config.get_text_config()._attn_implementation
    result = check_subject(subject)
    assert result.passed, str(result)
    assert len(result.findings) == 7
    assert set(result.pace) == PACE
    assert all(value > 0 for name, value in result.pace.items() if name.endswith(("second", "picture")))
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert model.generation_config is settings
    assert model.config.get_text_config()._attn_implementation == kernel
    # transformers has hooks of its own.
    hooks = [
        hook for m in model.modules() for hook in (*m._forward_pre_hooks.values(), *m._forward_hooks.values())
    ]
    assert not any(getattr(hook, "__module__", "").startswith("prunegrid") for hook in hooks)


# What is done wrong -> changes, the step that fails, and what it names.
SABOTAGES = {
    "positions of kept tokens closed up": (
        [
            Change(
                LayerHooks,
                "_cut_arguments",
                "tuple(layout.gather(part, dim=-2) for part in parts)",
                "tuple(part[:, : hidden.shape[1]] for part in parts)",
            )
        ],
        equal_logits,
        "largest difference",
    ),
    "padding seen in the prompt": (
        [Change(Layout, "_hide_padding", "_hide(mask, ~self.valid[:, None, None, :])", "mask")],
        equal_logits,
        "in a batch",
    ),
    "dropped tokens seen by later ones": (
        [Change(Layout, "decode_mask", "_hide(cut, ~seen[:, None, None, :])", "cut")],
        equal_logits,
        "in a batch",
    ),
    "the lowest scores stay": (
        [Change(selection, "_select_best", "if reverse:", "if not reverse:")],
        kept_sets,
        "hierarchical x attention, before layer 1",
    ),
    "deep cuts ask the text": (
        [
            Change(
                AttentionDeep,
                "score",
                "stage.attention_received(stage.image)",
                "stage.attention_received(stage.text_after)",
            )
        ],
        kept_sets,
        "hierarchical x attention, before layer 2",
    ),
    "a product of a layer left out of the ledger": (
        [Change(Decoder, "layer", "return ", "return 0.9 * ")],
        counted_flops,
        "of what torch counts",
    ),
}


@pytest.fixture(scope="module")
def coarse():
    """Return the demo model in the dtype in which most is rounding."""
    return demo("bfloat16")


@pytest.mark.parametrize("name", SABOTAGES)
def test_a_sabotage_is_found_where_it_is(name, coarse, monkeypatch):
    changes, step, says = SABOTAGES[name]
    for change in changes:
        change.apply(monkeypatch)
    if step is kept_sets:
        monkeypatch.setattr(cutting, "select", selection.select)
    found = step(coarse)
    assert found.passed is False, found
    assert says in found.says


def test_a_gradient_without_scaling_is_found(monkeypatch):
    monkeypatch.setattr(gradients, "_scaled", unscaled)
    monkeypatch.setattr(gradients, "_of_logits", plain_gradient)
    found = precision_loss(demo("float16"))
    assert found.passed is False
    assert "of the gradient scores are 0" in found.says


def plain_gradient(kept, logits, answer, counts, peak):
    """Stand in for `gradients._of_logits`, as it is usually written."""
    with torch.enable_grad():
        chosen = logits.log_softmax(-1).gather(2, answer[:, :, None])[..., 0]
        (gradient,) = torch.autograd.grad((chosen * counts).sum(), kept.last, retain_graph=True)
    return gradient, torch.zeros(len(gradient), dtype=torch.int32)


def test_chance_in_the_model_is_found(monkeypatch):
    subject = demo()
    with torch.no_grad():
        answers = type(subject).answers

    def noisy(self, *args):
        found = answers(self, *args)
        found.tokens[0][0] = int(torch.randint(10**6, ()))
        return found

    monkeypatch.setattr(type(subject), "answers", noisy)
    found = batch_agreement(subject)
    assert found.passed is False
    assert "not deterministic" in found.says


@pytest.fixture(scope="module")
def whole():
    return demo()


def test_a_model_that_does_not_end_its_turns(whole, monkeypatch):
    monkeypatch.setattr(whole.model.generation_config, "eos_token_id", 7)
    assert "'</s>' ends a turn" in whole_model.whole_model(whole).says


def test_another_number_of_image_tokens(whole, monkeypatch):
    monkeypatch.setitem(vars(whole), "image_tokens", 576)
    found = whole_model.whole_model(whole)
    assert found.passed is False
    assert f"[{IMAGE_TOKENS}] image tokens, the catalogue says 576" in found.says


def test_weights_that_are_no_numbers(monkeypatch):
    subject = demo()
    name, weight = next(iter(subject.model.named_parameters()))
    with torch.no_grad():
        weight.view(-1)[0] = torch.nan
    assert f"1 weights are not finite, {name} first" in whole_model.whole_model(subject).says


def test_a_step_that_raises_is_a_finding(whole, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("no kernel image is available")

    monkeypatch.setattr(whole.model, "generate", broken)
    result = check_subject(whole)
    assert "engine equals slow path" in result.failed
    assert "RuntimeError: no kernel image is available" in str(result)


def test_the_entry_takes_objects_and_pictures(whole, monkeypatch):
    seen = []
    monkeypatch.setattr("prunegrid.checks.check.check_subject", lambda subject: seen.append(subject))
    samples = make_samples(2)
    pairs = [(sample.image, sample.prompt) for sample in samples]
    for given in (samples, pairs):
        prunegrid.check(whole.model, whole.loaded.processor, given, batch_size=2)
    one, other = seen
    assert [p.input_ids.tolist() for p in one.prompts] == [p.input_ids.tolist() for p in other.prompts]
    with pytest.raises(DataError, match="no sample to check with"):
        prunegrid.check(whole.model, whole.loaded.processor, [])
