"""Cuts before layer 0, what the vision tower knows, sets and merging: in 16 bit, on a GPU's kernels."""

import pytest
import torch

from prunegrid import plugins, prune
from prunegrid.errors import PruningError
from prunegrid.predict.batches import predict_prompts, pruning_of
from prunegrid.predict.prompts import PromptMaker
from prunegrid.predict.requests import CellRun
from prunegrid.pruning.determinism import without_cudnn_attention
from tests.gpu.comparing import LEAST_OVERLAP, finished, kept, overlap
from tests.gpu.figures import note
from tests.gpu.sizes import SIZE

RATIO = 0.75
# Strategy, its options, criterion, its options.
WAYS = {
    "input x random": ("input", {}, "random", {}),
    "input x cls_attention": ("input", {}, "cls_attention", {}),
    "input x tower_attention_received": ("input", {}, "tower_attention_received", {}),
    "input x diversity": ("input", {}, "diversity", {}),
    "input x norm_input, averaged": ("input", {}, "norm_input", {"merge": "average"}),
    "single x attention_own, contiguous": (
        "single",
        {"layer": 1, "positions": "contiguous"},
        "attention_own",
        {},
    ),
    "single x text_relevance, recycled": ("single", {"layer": 1}, "text_relevance", {"merge": "recycle"}),
}
# Those whose scores do not come from a tower or decoder that rounds.
EXACT = ("input x random", "random_tokens")
# A mean that every method reaches on these few layers.
RATIO_OF_METHODS = 0.5


def way_of(method):
    declared = plugins.load("methods", method)
    return (declared.strategy, declared.strategy_options, declared.criterion, declared.criterion_options)


def fits(strategy, options):
    """Say whether a schedule of 32 layers can be had on these: cuts that fall on one layer cannot."""
    try:
        plugins.load("strategies", strategy)(**options).schedule_for(RATIO_OF_METHODS, SIZE.layers, seed=0)
    except PruningError:
        return False
    return True


# A method without a criterion keeps what its schedule says in any precision.
PUBLISHED = {name: way for name in plugins.names("methods") if (way := way_of(name))[2] is not None}
METHODS = {name: way for name, way in PUBLISHED.items() if fits(*way[:2])}


def ratio_of(way, strategy):
    if way in METHODS:
        return RATIO_OF_METHODS
    return RATIO if strategy == "input" else RATIO * (1 - 1 / SIZE.layers)


def rows_of(loaded, adapter, samples, way, batch_size):
    strategy, options, criterion, more = (WAYS | METHODS)[way]
    axes = {"ratio": ratio_of(way, strategy), "seed": 0}
    one = CellRun("key", "code", way, axes, (strategy, options), (criterion, more))
    maker = PromptMaker(loaded)
    maker.keep_maps(pruning_of(loaded, adapter, one, None).vision_maps)
    ((rows, _),) = predict_prompts(
        loaded, adapter, maker.prompts(samples), [one], batch_size=batch_size, max_new_tokens=3
    )
    return finished(rows)


@pytest.fixture(scope="session")
def in_float32(load, adapter, samples):
    loaded = load("float32")
    note("methods that the model has too few layers for", sorted(PUBLISHED.keys() - METHODS.keys()))
    return {way: rows_of(loaded, adapter, samples[:16], way, 8) for way in WAYS | METHODS}


def test_16_bit_runs_every_way(in_float32, load, adapter, samples, dtype):
    loaded = load(dtype)
    for way, wanted in in_float32.items():
        share = overlap(rows_of(loaded, adapter, samples[:16], way, 8), wanted)
        note(f"{dtype}, {way}: share of kept tokens as in float32", share)
        assert way not in EXACT or share == 1


def test_a_larger_batch_keeps_the_same(load, adapter, samples, dtype):
    loaded = load(dtype)
    for way in WAYS | METHODS:
        small, large = (rows_of(loaded, adapter, samples[:16], way, size) for size in (2, 16))
        share = overlap(large, small)
        note(f"{dtype}, {way}, batch 16 against 2: kept tokens alike", share)
        assert share >= LEAST_OVERLAP


def test_the_library_on_pixels_keeps_what_a_job_keeps(load, adapter, samples, dtype):
    """There the tower runs within the call, and what is read of it does not pass through main memory."""
    loaded = load(dtype)
    maker, model = PromptMaker(loaded), loaded.model
    for way, (strategy, options, criterion, more) in (WAYS | METHODS).items():
        shares = []
        for sample in samples[:2]:
            wanted = kept(rows_of(loaded, adapter, [sample], way, 1))[0]
            inputs = maker.process(sample.images, maker.chat_text(sample.prompt, 1))
            inputs = inputs.to(model.device, model.dtype)
            own = {
                "ratio": ratio_of(way, strategy),
                "seed": 0,
                "sample_ids": [sample.sample_id],
                "strategy_options": options,
                "criterion_options": more,
            }
            # As in a job, whose attention is the same each time.
            with (
                without_cudnn_attention(),
                torch.no_grad(),
                prune(model, strategy, criterion, **own) as pruning,
            ):
                model(**inputs, logits_to_keep=1)
            found = set(pruning.kept[0][-1][1])
            shares.append(len(found & wanted) / len(wanted))
        share = sum(shares) / len(shares)
        note(f"{dtype}, {way}: kept tokens of the library and a job alike", share)
        assert share >= LEAST_OVERLAP, way
