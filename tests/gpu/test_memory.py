"""Memory of predictions on a device: what is promised of gradients, and what `batch_size: auto` expects."""

import gc

import pytest
import torch

from prunegrid.cost.batch_memory import batch_bytes
from prunegrid.cost.decoder import Decoder
from prunegrid.jobs.batch_choice import batch_choice
from prunegrid.predict.free_memory import free_memory
from prunegrid.predict.prompts import PromptMaker, collate
from tests.gpu.figures import note
from tests.gpu.sizes import DEVICE, SIZE
from tests.predict.runs import cell, run

pytestmark = pytest.mark.skipif(DEVICE == "cpu", reason="not run: nothing tells the memory of a CPU")
BATCH = max(1, SIZE.large_batch // 4)


def peak_of(loaded, adapter, samples, one, batch):
    """Return the bytes that predictions take beside what lies on the device."""
    gc.collect()
    torch.cuda.empty_cache()
    resting = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    rows = run(loaded, adapter, samples, one, batch)
    assert [row["error"] for row in rows] == [None] * len(rows)
    return torch.cuda.max_memory_allocated() - resting


def test_a_gradient_takes_at_most_twice_a_prefill(load, adapter, samples):
    loaded = load("bfloat16")
    unpruned = peak_of(loaded, adapter, samples[:BATCH], cell("none", None, 0.0), BATCH)
    gradient = peak_of(loaded, adapter, samples[:BATCH], cell("single", "gradient", 0.5, layer=2), BATCH)
    note(f"batch {BATCH}: GB of an unpruned prediction", unpruned / 1e9)
    note(f"batch {BATCH}: GB with a gradient", gradient / 1e9)
    assert gradient <= 2 * unpruned


def test_memory_is_as_estimated(load, adapter, samples):
    """`batch_size: auto` leaves a tenth of the free memory unused."""
    loaded = load("bfloat16")
    decoder = Decoder.from_config(loaded.model.config.to_dict())
    tokens = collate(PromptMaker(loaded).prompts(samples[:BATCH]), loaded).inputs["input_ids"].shape[1]
    for name, one in {
        "none": cell("none", None, 0.0),
        "hierarchical": cell("hierarchical", "attention", 0.5, layers=(1, 2)),
        "gradient": cell("single", "gradient", 0.5, layer=2),
    }.items():
        peak = peak_of(loaded, adapter, samples[:BATCH], one, BATCH)
        estimate = batch_bytes(decoder, BATCH, tokens, 2, gradients=True)
        note(f"{name}, batch {BATCH}: peak of memory as a share of the estimate", peak / estimate)


def test_auto_finds_a_batch_that_fits(load, adapter, samples):
    """Memory is limited to the weights and what 12 samples are estimated to take."""
    loaded = load("bfloat16")
    decoder = Decoder.from_config(loaded.model.config.to_dict())
    tokens = collate(PromptMaker(loaded).prompts(samples), loaded).inputs["input_ids"].shape[1]
    gc.collect()
    torch.cuda.empty_cache()
    limit = torch.cuda.memory_reserved() + batch_bytes(decoder, 12, tokens, 2, gradients=True)
    total = torch.cuda.get_device_properties(0).total_memory
    choose = batch_choice("auto")
    assert not isinstance(choose, int)
    batch = choose(loaded.model.config.to_dict(), tokens, 2, limit - torch.cuda.memory_reserved())
    note("batch that auto chooses where 12 are estimated to fit", batch)
    assert batch == 8
    try:
        torch.cuda.set_per_process_memory_fraction(limit / total)
        for one in (cell("none", None, 0.0), cell("single", "gradient", 0.5, layer=2)):
            peak = peak_of(loaded, adapter, samples, one, batch)
            note(
                f"{one.strategy[0]}, batch {batch}: peak as a share of what was free",
                peak / (limit - torch.cuda.memory_allocated()),
            )
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        torch.cuda.empty_cache()


def test_free_memory_is_what_the_device_has(load):
    loaded = load("bfloat16")
    free, total = torch.cuda.mem_get_info()
    assert abs(free_memory(loaded.model) - free) <= 0.05 * total
