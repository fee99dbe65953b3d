"""Vision features: once per distinct picture across shards, of a picture alone, in bounded memory."""

import pytest
import torch

from prunegrid.predict import feature_cache
from prunegrid.predict.prompts import PromptMaker
from prunegrid.predict.swapped_images import SwappedImages, partners
from tests.predict.runs import assert_same, cell, make_samples, reading, run


@pytest.fixture
def encoded(loaded, monkeypatch):
    """Images that the vision tower has run on, per call."""
    calls, encode = [], type(loaded.family)._encode

    def counted(family, model, pixels):
        calls.append(len(pixels["pixel_values"]))
        return encode(family, model, pixels)

    monkeypatch.setattr(type(loaded.family), "_encode", counted)
    return calls


def same(prompts, others):
    return all(
        torch.equal(one.features.images[0], other.features.images[0])
        for one, other in zip(prompts, others, strict=True)
    )


def test_a_picture_is_encoded_once_across_shards(loaded, encoded):
    samples, maker = make_samples(8), PromptMaker(loaded)
    whole = maker.prompts(samples)
    assert encoded == [1] * 4
    again = maker.prompts(samples[::-1])
    spool = SwappedImages(reading(samples), [0])
    swapped = maker.prompts(spool.swapped(samples, 0))
    assert encoded == [1] * 4
    assert same(again[::-1], whole)
    partner = partners({sample.image_id: sample.image_id for sample in samples}, 0)
    first = {prompt.sample.image_id: prompt for prompt in whole}
    assert same(swapped, [first[partner[sample.image_id]] for sample in samples])


def test_cached_features_are_bounded_and_change_no_number(loaded, encoded, monkeypatch):
    samples = make_samples(8)
    whole = PromptMaker(loaded).prompts(samples)
    size = whole[0].features.images[0].nbytes
    monkeypatch.setattr(feature_cache.FeatureCache.__init__, "__defaults__", (2 * size,))
    maker = PromptMaker(loaded)
    for kept in (True, False):
        encoded.clear()
        assert same(maker.prompts(samples), whole)
        assert len(encoded) == 4, kept
        assert len(maker._features._cached) == 2
        assert maker._features._cached_bytes == 2 * size
    # Alone in a shard, and after others: a resumed run sees other pictures than the first one.
    assert same(PromptMaker(loaded).prompts(samples[-1:]), whole[-1:])


def test_features_wait_in_main_memory(loaded):
    (prompt,) = PromptMaker(loaded).prompts(make_samples(1))
    assert prompt.features.images[0].device.type == "cpu"


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory: ..."),
        MemoryError(),
    ],
)
def test_a_picture_too_large_for_memory_is_an_error_row(loaded, adapter, monkeypatch, error, tolerance):
    samples = make_samples(4)
    wanted = run(loaded, adapter, samples, cell(layers=[1, 2]))
    encode, calls = type(loaded.family)._encode, []

    def sometimes(family, model, pixels):
        calls.append(pixels)
        if len(calls) == 1:
            raise error
        return encode(family, model, pixels)

    monkeypatch.setattr(type(loaded.family), "_encode", sometimes)
    rows = run(loaded, adapter, samples, cell(layers=[1, 2]))
    assert [row["status"] for row in rows] == ["error", "ok", "ok", "ok"]
    assert "does not fit into memory" in rows[0]["error"]
    assert_same(rows[1:], wanted[1:], tolerance)


def test_another_error_of_the_vision_tower_stops_the_job(loaded, monkeypatch):
    def broken(*_):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(type(loaded.family), "_encode", broken)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        PromptMaker(loaded).prompts(make_samples(1))
