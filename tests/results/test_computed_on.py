"""Cells that were not computed alike are named, where that can change their numbers."""

import pytest

from prunegrid.results.computed_on import all_devices, batch_range, mixtures

CPU = {"type": "cpu", "name": "Xeon", "memory_gb": 64.0, "cuda": None, "threads": 2}
A100 = {"type": "cuda", "name": "A100", "memory_gb": 79.3, "cuda": "12.8", "threads": None}
H100 = {**A100, "name": "H100"}


def computed(devices=(A100,), smallest=16, largest=16, kernel="sdpa", dtype="bfloat16"):
    """Return the metadata of a cell."""
    return {
        "devices": list(devices),
        "batch_sizes": {"smallest": smallest, "largest": largest},
        "attn_implementation": kernel,
        "dtype": dtype,
    }


def test_cells_computed_alike_are_not_named():
    assert mixtures({"a": computed(), "b": computed()}) == []
    assert mixtures({}) == mixtures({"older": {"dtype": "bfloat16"}}) == []


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (computed([H100]), "devices A100, 79.3 GB; H100, 79.3 GB"),
        (computed([{**A100, "memory_gb": 39.4}]), "devices A100, 39.4 GB; A100, 79.3 GB"),
        (computed(smallest=4), "batches of 4 to 16; 16"),
        (computed(kernel="flash_attention_2"), "attention kernels flash_attention_2; sdpa"),
        (computed(dtype="float16"), "precisions bfloat16; float16"),
    ],
)
def test_cells_that_differ_are_named(other, named):
    assert mixtures({"a": computed(), "b": other}) == [named]


def test_a_cell_of_mixed_shards_is_named():
    shards = [computed([H100], 8, 8), computed([A100], 2, 8), computed([H100], 8, 8)]
    joined = {**computed(all_devices(shards)), "batch_sizes": batch_range(s["batch_sizes"] for s in shards)}
    assert mixtures({"a": joined}) == ["devices A100, 79.3 GB; H100, 79.3 GB", "batches of 2 to 8"]


def test_float32_on_a_cpu_is_the_same_everywhere():
    exact = computed([CPU], dtype="float32"), computed([{**CPU, "threads": 8}], 1, 4, dtype="float32")
    assert mixtures(dict(enumerate(exact))) == []
    assert mixtures(dict(enumerate([*exact, computed([A100], dtype="float32")])))
    assert mixtures({"a": computed([CPU]), "b": computed([CPU], 8, 8)}) == ["batches of 8; 16"]
