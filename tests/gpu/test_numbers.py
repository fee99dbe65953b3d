"""What 16 bit and a GPU's kernels do to kept tokens and answers."""

import pytest
import torch

from prunegrid.checks.subject import REFERENCE, Setting, Subject
from prunegrid.predict.batches import predict_prompts
from prunegrid.predict.out_of_memory import BatchSize
from prunegrid.predict.prompts import PromptMaker, collate
from tests.gpu import torch_flash
from tests.gpu.comparing import LEAST_OVERLAP, finished, kept, overlap
from tests.gpu.figures import note
from tests.gpu.sizes import DEVICE, SIZE
from tests.predict.runs import cell, run
from tests.pruning import flash
from tests.pruning.saliency import plain, saliency

LAYER = 2
# One cut that keeps a quarter of the tokens.
RATIO = 0.75 * (1 - LAYER / SIZE.layers)
# Samples whose gradients are compared, in one batch.
GRADIENTS = 8


def single(criterion):
    return cell("single", criterion, RATIO, layer=LAYER)


def quarters(scores):
    """Return the top quarter of each row's scores, 1 where a token is of it; shape (rows, tokens)."""
    top = scores.topk(scores.shape[1] // 4).indices
    return torch.zeros_like(scores).scatter(1, top, 1.0)


def gradient_scores(loaded, samples, way):
    """Return the scores before LAYER, (samples, image tokens), and the first tokens that were explained."""
    inputs = collate(PromptMaker(loaded).prompts(samples), loaded).inputs
    image = loaded.family.image_token_id(loaded.model.config)
    columns = [(row == image).nonzero()[:, 0] for row in inputs["input_ids"]]
    with torch.no_grad():
        first = loaded.model(**inputs, logits_to_keep=1).logits[:, -1].argmax(-1)
    scores = torch.stack([one[-(SIZE.layers - LAYER)] for one in way(loaded.model, inputs, columns)])
    return scores.float().cpu(), first.cpu()


@pytest.fixture(scope="session")
def exact(load, adapter, samples):
    """Return the rows of each criterion in float32, and the scores of gradients."""
    loaded = load("float32")
    rows = {
        name: finished(run(loaded, adapter, samples, single(name), SIZE.large_batch // 8))
        for name in ("attention", "norm")
    }
    return rows, gradient_scores(loaded, samples[:GRADIENTS], plain)


def test_16_bit_ranks_as_float32_does(exact, load, adapter, samples, dtype):
    loaded = load(dtype)
    rows = {
        name: finished(run(loaded, adapter, samples, single(name), SIZE.large_batch // 8))
        for name in exact[0]
    }
    for name, wanted in exact[0].items():
        note(f"{dtype}, {name}: share of kept tokens as in float32", overlap(rows[name], wanted))
    assert overlap(rows["attention"], exact[0]["attention"]) >= LEAST_OVERLAP


def test_norms_are_those_of_the_states(load, adapter, samples, dtype):
    """Norms of a random model differ by little more than 16 bit rounds its states: those are ranked."""
    few = samples[:GRADIENTS]
    loaded = load(dtype)
    found = kept(finished(run(loaded, adapter, few, single("norm"), 1)))
    wanted = largest_norms(loaded, few, [len(one) for one in found])
    share = sum(len(a & b) / len(a) for a, b in zip(found, wanted, strict=True)) / len(found)
    note(f"{dtype}, norm: share of kept tokens as by the float64 norms of its states", share)
    # Norms are taken in float32: two of them may be as good as equal.
    assert share >= 0.999


def largest_norms(loaded, samples, numbers):
    """Return the image tokens of largest state before LAYER in an unpruned pass, so many of each sample."""
    found, layer = [], loaded.family.layers(loaded.model)[LAYER]
    image = loaded.family.image_token_id(loaded.model.config)
    for prompt in PromptMaker(loaded).prompts(samples):
        batch = collate([prompt], loaded)

        def remember(module, args, inputs=batch.inputs):
            norms = args[0][0].double().norm(dim=-1)[inputs["input_ids"][0] == image]
            order = norms.argsort(descending=True, stable=True).tolist()
            found.append(set(order[: numbers[len(found)]]))

        handle = layer.register_forward_pre_hook(remember)
        with torch.no_grad():
            loaded.model(**batch.inputs, logits_to_keep=1)
        handle.remove()
    return found


def test_gradients_in_16_bit_rank_as_those_of_one_graph_do(exact, load, samples, dtype):
    """Layer by layer is no less exact than one graph over all layers in that precision.

    Of the samples whose first token is that of float32: a random model's largest logits lie close together.
    """
    wanted, token = exact[1]
    shares = {}
    for name, way in {"one graph": plain, "layer by layer": saliency}.items():
        scores, first = gradient_scores(load(dtype), samples[:GRADIENTS], way)
        alike = first == token
        assert alike.any()
        assert (scores > 0).all() or name == "one graph"
        found, right = quarters(scores)[alike], quarters(wanted)[alike]
        shares[name] = float((found * right).sum() / right.sum())
        note(f"{dtype}, gradient, {name}: share of the top quarter as in float32", shares[name])
        note(f"{dtype}, gradient, {name}: share of first tokens as in float32", float(alike.float().mean()))
    assert shares["layer by layer"] >= shares["one graph"] - 0.02


def test_gradients_are_the_same_twice(load, adapter, samples, dtype):
    loaded = load(dtype)
    first, second = (finished(run(loaded, adapter, samples, single("gradient"), 8)) for _ in range(2))
    share = overlap(first, second)
    note(f"{dtype}: share of kept tokens that a gradient keeps when taken again", share)
    assert share >= LEAST_OVERLAP


def test_a_larger_batch_changes_few_rows(load, adapter, samples, dtype):
    loaded = load(dtype)
    for name, one in {"none": cell("none", None, 0.0), "attention": single("attention")}.items():
        small = finished(run(loaded, adapter, samples, one, max(1, SIZE.large_batch // 8)))
        large = finished(run(loaded, adapter, samples, one, SIZE.large_batch))
        note(
            f"{dtype}, {name}, batch {SIZE.large_batch} against an eighth: kept tokens alike",
            overlap(large, small),
        )
        for column in ("first_token_id", "prediction"):
            same = sum(a[column] == b[column] for a, b in zip(small, large, strict=True)) / len(small)
            note(f"{dtype}, {name}, batch {SIZE.large_batch} against an eighth: {column} alike", same)
        assert overlap(large, small) >= LEAST_OVERLAP


def test_a_batch_gives_the_same_twice(load, samples, dtype):
    """To the last bit of every logit, in decoding too."""
    subject = Subject(load(dtype), PromptMaker(load(dtype)).prompts(samples[:16]), 16)
    for setting in (None, REFERENCE, Setting("hierarchical", "gradient")):
        first, *others = (subject.answers(subject.prompts, 8, setting) for _ in range(4))
        for other in others:
            assert torch.equal(other.logits, first.logits), setting
            assert (other.tokens, other.kept) == (first.tokens, first.kept)


@pytest.mark.skipif(DEVICE == "cpu", reason="not run: flash attention has no kernel for a CPU")
def test_flash_attention_keeps_what_sdpa_keeps(load, adapter, samples, dtype, monkeypatch):
    """By PyTorch's own kernel: the package flash_attn is seldom installed."""
    loaded = load(dtype)
    flash.install(monkeypatch, torch_flash.padded, torch_flash.varlen)
    for name in ("attention", "gradient"):
        sdpa = finished(run(loaded, adapter, samples, single(name), 8))
        flash.use_flash(loaded.model)
        try:
            rows = finished(run(loaded, adapter, samples, single(name), 8))
        finally:
            flash.use_flash(loaded.model, "sdpa")
        share = overlap(rows, sdpa)
        note(f"{dtype}, {name}: share of kept tokens that flash attention keeps as SDPA does", share)
        same = sum(a["prediction"] == b["prediction"] for a, b in zip(rows, sdpa, strict=True)) / len(rows)
        note(f"{dtype}, {name}: answers of flash attention as SDPA's", same)
        assert share >= LEAST_OVERLAP


def test_sharing_layers_changes_nothing(load, adapter, samples, dtype):
    """Cells together against each alone, in batches alike: the same kernels on the same shapes."""
    loaded = load(dtype)
    some = [
        single("attention"),
        cell("hierarchical", "attention", 0.5, layers=(1, LAYER)),
        single("gradient"),
    ]
    prompts = PromptMaker(loaded).prompts(samples)
    together = predict_prompts(loaded, adapter, prompts, some, batch_size=8, max_new_tokens=3)
    for one, (rows, _) in zip(some, together, strict=True):
        alone = finished(run(loaded, adapter, samples, one, 8))
        at = f"{dtype}, {one.strategy[0]} x {one.criterion[0]}"
        share = overlap(finished(rows), alone)
        note(f"{at}: share of kept tokens in a bundle as alone", share)
        same = sum(a["prediction"] == b["prediction"] for a, b in zip(rows, alone, strict=True)) / len(rows)
        note(f"{at}: answers in a bundle as alone", same)
        assert share >= LEAST_OVERLAP, at


@pytest.mark.skipif(DEVICE == "cpu", reason="not run: memory of a CPU cannot be limited")
def test_a_batch_that_does_not_fit_is_halved(load, adapter, samples):
    loaded = load("bfloat16")
    wanted = finished(run(loaded, adapter, samples, single("attention"), 1))
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    finished(run(loaded, adapter, samples, single("attention"), SIZE.large_batch))
    peak, resting = torch.cuda.max_memory_reserved(), torch.cuda.memory_allocated()
    total = torch.cuda.get_device_properties(0).total_memory
    size = BatchSize(SIZE.large_batch)
    torch.cuda.empty_cache()
    try:
        # A third of what the whole batch took.
        torch.cuda.set_per_process_memory_fraction((resting + (peak - resting) / 3) / total)
        rows = finished(run(loaded, adapter, samples, single("attention"), size))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        torch.cuda.empty_cache()
    note("batch after memory ran out", size.size)
    assert 1 <= size.size < SIZE.large_batch
    assert overlap(rows, wanted) >= LEAST_OVERLAP
