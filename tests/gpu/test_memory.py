"""Memory of predictions on a device: what is promised of gradients, and what `batch_size: auto` expects."""

import gc

import pytest
import torch

from prunegrid.cost.batch_memory import USED_SHARE, batch_bytes
from prunegrid.cost.decoder import Decoder
from prunegrid.jobs.batch_choice import batch_choice
from prunegrid.predict.batches import predict_prompts
from prunegrid.predict.free_memory import free_memory
from prunegrid.predict.prompts import PromptMaker, collate
from tests.gpu.figures import note
from tests.gpu.sizes import DEVICE, SIZE
from tests.predict.runs import cell

pytestmark = pytest.mark.skipif(DEVICE == "cpu", reason="not run: nothing tells the memory of a CPU")
BATCH = max(1, SIZE.large_batch // 4)


CELLS = {
    "none": cell("none", None, 0.0),
    "hierarchical": cell("hierarchical", "attention", 0.5, layers=(1, 2)),
    "uniform": cell("uniform", "norm", 0.5),
    "gradient": cell("single", "gradient", 0.5, layer=2),
}


def peak_of(loaded, adapter, samples, cells, batch):
    """Return the bytes that predictions of cells in one bundle take beside what lies on the device."""
    gc.collect()
    torch.cuda.empty_cache()
    resting = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    prompts = PromptMaker(loaded).prompts(samples)
    for rows, _ in predict_prompts(loaded, adapter, prompts, cells, batch_size=batch, max_new_tokens=3):
        assert [row["error"] for row in rows] == [None] * len(rows)
    return torch.cuda.max_memory_allocated() - resting


def test_a_gradient_takes_at_most_twice_a_prefill(load, adapter, samples):
    loaded = load("bfloat16")
    unpruned = peak_of(loaded, adapter, samples[:BATCH], [CELLS["none"]], BATCH)
    gradient = peak_of(loaded, adapter, samples[:BATCH], [CELLS["gradient"]], BATCH)
    note(f"batch {BATCH}: GB of an unpruned prediction", unpruned / 1e9)
    note(f"batch {BATCH}: GB with a gradient", gradient / 1e9)
    assert gradient <= 2 * unpruned


def test_memory_is_as_estimated(load, adapter, samples):
    """`batch_size: auto` leaves a tenth of the free memory unused."""
    loaded = load("bfloat16")
    decoder = Decoder.from_config(loaded.model.config.to_dict())
    tokens = collate(PromptMaker(loaded).prompts(samples[:BATCH]), loaded).inputs["input_ids"].shape[1]
    bundles = {**{name: [one] for name, one in CELLS.items()}, "a bundle of them": [*CELLS.values()]}
    for name, cells in bundles.items():
        peak = peak_of(loaded, adapter, samples[:BATCH], cells, BATCH)
        estimate = batch_bytes(decoder, BATCH, tokens, 2, gradients=True)
        note(f"{name}, batch {BATCH}: peak of memory as a share of the estimate", peak / estimate)
        assert peak <= estimate / USED_SHARE


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
        for name in ("none", "gradient"):
            peak = peak_of(loaded, adapter, samples, [CELLS[name]], batch)
            free = limit - torch.cuda.memory_allocated()
            note(f"{name} alone, batch {batch}: peak as a share of what was free", peak / free)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        torch.cuda.empty_cache()


def test_free_memory_is_what_the_device_has(load):
    loaded = load("bfloat16")
    free, total = torch.cuda.mem_get_info()
    assert abs(free_memory(loaded.model) - free) <= 0.05 * total
