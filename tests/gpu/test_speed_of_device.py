"""Prefill and decoding against what the device could do, and how often a prefill waits for it."""

import warnings

import pytest
import torch

from prunegrid.cost.ledger import TokenCounts, sample_compute
from prunegrid.latency.measure import HowToMeasure
from prunegrid.latency.stopwatch import Stopwatch
from prunegrid.predict.batches import pruning_of
from prunegrid.predict.prompts import PromptMaker, collate
from prunegrid.results.measurements import GENERATE, PREFILL
from tests.gpu.figures import note, peaks
from tests.gpu.sizes import DEVICE, SIZE
from tests.latency.made import Drawings, bench, cell

HOW = HowToMeasure(batch_sizes=(1, max(2, SIZE.large_batch // 8)), samples=3, warmups=2, tokens=17)
# A prefill of `hierarchical` waits this often at most, whatever the number of layers.
MOST_WAITS = 10


def cells():
    return [
        cell("none", None, 0.0),
        cell("hierarchical", "attention", 0.5, layers=(1, 2)),
        cell("uniform", "norm", 0.5),
        cell("input", "norm_input", 0.5),
    ]


def half_flops(loaded, prompts):
    """Return FLOPs of the decoder where half of the image tokens enter it, 1e12."""
    return prefill_flops(loaded, collate(prompts, loaded), share=0.5)


def prefill_flops(loaded, batch, share=1.0):
    """Return FLOPs of the decoder for the prompts of a batch, 1e12."""
    config = loaded.model.config.to_dict()
    image = loaded.family.image_token_id(loaded.model.config)
    total = 0.0
    for prompt in batch.prompts:
        n_image = int((prompt.input_ids == image).sum())
        counts = TokenCounts(
            torch.full((SIZE.layers,), round(share * n_image)).numpy(),
            n_image,
            len(prompt.input_ids) - n_image,
            1,
            1,
            0,
            prompt.grids,
        )
        total += sample_compute(config, counts, [], pruned=False, eager=False)["tflops_prefill"]
    return total


def test_times_against_the_roofline(load, dtype):
    """Figures alone: what a device reaches is no matter of right and wrong."""
    loaded = load(dtype)
    rows = bench(loaded, HOW).measure("drawings", Drawings(SIZE.samples), cells())
    assert all(row["wall_ms"] > 0 for row in rows)
    assert (DEVICE == "cuda") == all(row["device_ms"] is not None for row in rows)
    assert (DEVICE == "cuda") == all((row["peak_memory_mb"] or 0) > 0 for row in rows)
    weights = sum(one.nbytes for one in loaded.model.model.language_model.parameters()) / 1e9
    prompts = PromptMaker(loaded).prompts(Drawings(SIZE.samples).samples(range(SIZE.samples)))
    for size in HOW.batch_sizes:
        flops = prefill_flops(loaded, collate(prompts[:size], loaded))
        whole = None
        for name in ("none", "hierarchical", "uniform", "input"):
            own = [row for row in rows if row.get("strategy") == name and row["batch_size"] == size]
            prefill = min(row["wall_ms"] for row in own if row["quantity"] == PREFILL)
            long, short = (
                min(row["wall_ms"] for row in own if row["quantity"] == GENERATE and row["n_generated"] == n)
                for n in (HOW.tokens, 1)
            )
            token = (long - short) / (HOW.tokens - 1)
            at = f"{dtype}, {name}, batch {size}"
            note(f"{at}: prefill, ms", prefill)
            note(f"{at}: ms a token", token)
            whole = whole or prefill
            if name == "input":
                note(f"{at}: speed-up of the prefill, measured", whole / prefill)
                note(f"{at}: speed-up of the prefill, by FLOPs", flops / half_flops(loaded, prompts[:size]))
            if name == "none":
                note(f"{at}: prefill, TFLOP/s", 1e3 * flops / prefill)
                note(f"{at}: decoding, GB/s of weights", 1e3 * weights / token)
                if peaks():
                    note(f"{at}: prefill, share of the card's TFLOP/s", 1e3 * flops / prefill / peaks()[0])
                    note(f"{at}: decoding, share of the card's GB/s", 1e3 * weights / token / peaks()[1])


@pytest.mark.skipif(DEVICE == "cpu", reason="not run: a CPU waits for nothing")
@pytest.mark.parametrize("name", ["hierarchical", "uniform"])
def test_a_prefill_waits_seldom_for_the_device(load, adapter, samples, name):
    loaded = load("bfloat16")
    (one,) = (some for some in cells() if some.strategy[0] == name)
    pruning = pruning_of(loaded, adapter, one, None)
    batch = collate(PromptMaker(loaded).prompts(samples[:8]), loaded)
    pruning.sample_ids = [prompt.sample.sample_id for prompt in batch.prompts]
    counts = []
    with torch.no_grad():
        for given in (None, pruning):
            with warnings.catch_warnings(record=True) as waits:
                warnings.simplefilter("always")
                if given is None:
                    _prefill(loaded, batch)
                else:
                    with given.hooked():
                        _prefill(loaded, batch)
            counts.append(sum("synchroniz" in str(wait.message) for wait in waits))
    note(f"{name}: waits of a prefill for the device, without and with pruning", counts)
    assert counts[1] - counts[0] <= MOST_WAITS


def _prefill(loaded, batch):
    torch.cuda.set_sync_debug_mode("warn")
    try:
        loaded.model(**batch.inputs, use_cache=True, logits_to_keep=1)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_time_is_told_by_the_device(load):
    """A call that the device works on long after it returns."""
    watch = Stopwatch(load("bfloat16").model)
    side = 4096 if DEVICE == "cuda" else 64
    matrix = torch.randn(side, side, device=DEVICE)

    def multiply():
        for _ in range(20):
            torch.mm(matrix, matrix)

    watch.time(multiply)
    timing = watch.time(multiply)
    assert timing.wall_ms > 0
    if DEVICE == "cuda":
        assert 0 < timing.device_ms <= timing.wall_ms
        assert timing.peak_memory_mb > 0
