"""Features on disk: bit for bit what was stored, bounded, and never a reason to fail."""

import logging
import os

import pytest
import torch

from prunegrid.predict import feature_store
from prunegrid.predict.feature_store import FeatureStore
from prunegrid.predict.prompts import PromptMaker
from prunegrid.pruning.family import Features
from tests.predict.runs import make_samples

MANY = 10**9


def features(seed=0, dtype=torch.float32):
    torch.manual_seed(seed)
    numbers = torch.randn(7, 5)
    # Bits that a conversion would lose.
    numbers[0, :3] = torch.tensor([float("nan"), -0.0, float("inf")])
    shared = torch.arange(6)
    return Features(
        [numbers.to(dtype), numbers.to(dtype).T],
        {
            "deep": [torch.ones(2, 3, dtype=torch.bfloat16), (shared, shared[:2])],
            "sizes": {"grid": (3, 4, None)},
        },
    )


def bits(value):
    """Return a nested value with tensors as their type, shape and bytes."""
    if isinstance(value, torch.Tensor):
        flat = value.contiguous().reshape(-1).view(torch.uint8)
        return str(value.dtype), tuple(value.shape), bytes(flat.tolist())
    if isinstance(value, dict):
        return {key: bits(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(bits, value))
    return value


def same(one, other):
    return bits([one.images, one.beside]) == bits([other.images, other.beside])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_features_come_back_bit_for_bit(tmp_path, dtype):
    stored = features(dtype=dtype)
    FeatureStore(tmp_path / "new", "one", MANY).write("picture", stored)
    store = FeatureStore(tmp_path / "new", "one", MANY)
    assert same(store.read("picture"), stored)
    assert store.read("another picture") is None
    assert FeatureStore(tmp_path / "new", "other weights", MANY).read("picture") is None


def damaged(data):
    """Return a file cut short, and files with one bit turned: in a tensor, in the header, in its length."""
    flipped = [data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] for at in (len(data) - 1, 40, 0)]
    return [data[: len(data) // 2], b"", *flipped]


def test_what_is_damaged_is_removed_and_told(tmp_path, caplog):
    store = FeatureStore(tmp_path, "one", MANY)
    store.write("picture", features())
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    for broken in damaged(whole):
        caplog.clear()
        file.write_bytes(broken)
        assert store.read("picture") is None
        assert "is damaged" in caplog.text
        assert not file.exists()
    store.write("picture", features())
    assert same(store.read("picture"), features())


def test_the_least_recently_used_make_room(tmp_path):
    FeatureStore(tmp_path, "one", MANY).write("0", features())
    size = next(tmp_path.iterdir()).stat().st_size
    store = FeatureStore(tmp_path, "one", MANY)
    for name in ("1", "2"):
        store.write(name, features())
    for age, file in enumerate([store._file("1"), store._file("0"), store._file("2")]):
        os.utime(file, (1000 - age, 1000 - age))
    later = FeatureStore(tmp_path, "one", 3 * size)
    assert later.read("0") is not None
    later.write("3", features())
    # "2" was used first, but "0" by this job.
    assert [later.read(name) is not None for name in "0123"] == [True, True, False, True]


def test_a_job_does_not_push_out_what_it_uses_itself(tmp_path, caplog):
    store = FeatureStore(tmp_path, "one", MANY)
    store.write("0", features())
    os.utime(store._file("0"), (1000, 1000))
    store = FeatureStore(tmp_path, "one", 2.5 * next(tmp_path.iterdir()).stat().st_size)
    caplog.set_level(logging.INFO)
    for name in "0123":
        if store.read(name) is None:
            store.write(name, features())
    assert [store.read(name) is not None for name in "0123"] == [True, True, False, False]
    assert caplog.text.count("is full") == 1


def test_where_nothing_can_be_written_jobs_go_on(tmp_path, caplog, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    store = FeatureStore(tmp_path / "file" / "below", "one", MANY)
    (tmp_path / "file").touch()
    store.write("0", features())
    assert store.read("0") is None
    monkeypatch.setattr(feature_store, "atomic_path", full)
    other = FeatureStore(tmp_path / "folder", "one", MANY)
    for name in "01":
        other.write(name, features())
    assert caplog.text.count("No space left on device") == 1
    # What it cannot hold is no fault of the picture.
    strange = FeatureStore(tmp_path / "folder", "one", MANY)
    strange.write("0", Features([torch.ones(1)], {"what": object()}))
    assert "TypeError: object among features" in caplog.text


def test_a_second_job_encodes_nothing(loaded, tmp_path, monkeypatch):
    calls, encode = [], type(loaded.family)._encode
    monkeypatch.setattr(
        type(loaded.family), "_encode", lambda *arguments: calls.append(1) or encode(*arguments)
    )
    samples = make_samples(8)
    plain = PromptMaker(loaded).prompts(samples)
    calls.clear()
    for encoded in (4, 4):
        store = FeatureStore(tmp_path, "one", MANY)
        prompts = PromptMaker(loaded, store=store).prompts(samples)
        assert len(calls) == encoded
        for one, other in zip(prompts, plain, strict=True):
            assert same(one.features, other.features)
