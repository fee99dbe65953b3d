"""Cells of `downsample` beside others, of a model that takes pictures at their own size: what each sees."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from prunegrid import plugins
from prunegrid.cost.ledger import TERA
from prunegrid.predict.batches import predict_prompts
from prunegrid.predict.predict_cells import Shared, predict_cells
from prunegrid.predict.prompts import PromptMaker
from prunegrid.predict.requests import BenchmarkRun
from prunegrid.predict.resized_images import smaller_grid
from prunegrid.results.predictions import read
from prunegrid.results.shards import CellShards
from prunegrid.results.store import Store
from prunegrid.scoring.cell_ledger import cell_compute
from tests.cost.counting import counted
from tests.families.pictures import write_benchmark
from tests.predict.own_size import SIDE, load_own_size
from tests.predict.runs import assert_same, cell
from tests.rounding import FACTOR, logits_noise

SHARD = 4


def named(key, *how, **options):
    return replace(cell(*how, **options), key=key, label=key)


CELLS = [
    named("half", "downsample", None, 0.5),
    named("whole", "none", None, 0.0),
    named("swapped", "mismatched", None, 0.0, seed=1),
    named("pruned", "single", "norm", 0.3, layer=2),
    named("quarter", "downsample", None, 0.75),
]


@pytest.fixture(scope="module")
def loaded():
    return load_own_size()


@pytest.fixture(scope="module")
def eager():
    """The counter does not know a CPU's fused attention; this one does the same products."""
    return load_own_size("eager")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_benchmark(tmp_path_factory.mktemp("own-size") / "benchmark")


@pytest.fixture(scope="module")
def adapter(data):
    return plugins.load("benchmarks", "vqa")({"adapter": "vqa", "path": str(data)})


def predict(loaded, data, store, cells):
    """Run cells in one bundle, with a fresh cache of features; return key -> rows."""
    spec = {"adapter": "vqa", "path": str(data), "max_new_tokens": 2, "limit": 2 * SHARD}
    run = BenchmarkRun("m", {"path": "m"}, str(data), spec, Store(store), batch_size=3, shard_size=SHARD)
    shared = Shared("m", {})
    shared.loaded = loaded
    predict_cells(run, cells, shared)
    return {one.key: read(store / f"{one.key}.parquet")[0] for one in cells}


@pytest.fixture(scope="module")
def together(loaded, data, tmp_path_factory):
    return predict(loaded, data, tmp_path_factory.mktemp("together") / "store", CELLS)


@pytest.mark.parametrize("one", CELLS, ids=lambda one: one.key)
def test_each_cell_of_a_bundle_sees_its_own_pictures(loaded, data, together, tmp_path, one):
    found = together[one.key]
    assert found.equals(predict(loaded, data, tmp_path / "store", [one])[one.key])
    good = found[found["status"] == "ok"]
    assert len(good) > SHARD
    # Some cannot be made smaller still.
    assert len(good) == len(found) or one.image_share is not None
    share = one.image_share or 1.0
    assert (good["n_image_tokens"] <= share * good["n_full_image_tokens"]).all()
    if one.image_share is None:
        assert (good["n_image_tokens"] == good["n_full_image_tokens"]).all()
    else:
        whole = together["whole"].set_index("sample_id")["n_image_tokens"]
        assert (good.set_index("sample_id")["n_full_image_tokens"] == whole[good["sample_id"]]).all()
    grids = good["image_grids"].map(lambda grids: sum(int(np.prod(grid)) for grid in grids))
    assert (grids == 4 * good["n_image_tokens"]).all()


def test_a_killed_bundle_goes_on_to_the_same_rows(loaded, data, together, tmp_path, monkeypatch):
    """All that the first shard lacks then are cells that change pictures, in different ways."""
    write, written = CellShards.write, []

    def killed(self, number, *rows):
        if "half" in written:
            raise KeyboardInterrupt
        write(self, number, *rows)
        written.append(self.finished.stem)

    with monkeypatch.context() as patch:
        patch.setattr(CellShards, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            predict(loaded, data, tmp_path / "store", CELLS)
    assert sorted(written) == ["half", "pruned", "whole"]
    found = predict(loaded, data, tmp_path / "store", CELLS)
    assert all(found[key].equals(together[key]) for key in found)


def test_batches_change_no_row(loaded, adapter):
    """Smaller pictures have other lengths, hence other padding."""
    maker = PromptMaker(loaded)
    samples = [*adapter.samples(range(5))]
    prompts = [maker.with_features(maker.prepared(sample, 0.5)) for sample in samples]
    assert len({len(prompt.input_ids) for prompt in prompts}) > 3
    alone, batched = (
        predict_prompts(loaded, adapter, prompts, CELLS[:1], batch_size=size, max_new_tokens=2)[0][0]
        for size in (1, 5)
    )
    inputs = [
        dict(maker.process(sample.images, prompt.text))
        for sample, prompt in zip(samples, prompts, strict=True)
    ]
    assert_same(batched, alone, FACTOR * logits_noise(loaded.model, inputs))


def test_several_pictures_are_each_made_smaller(loaded, adapter):
    """As if smaller ones had been in the data."""
    maker = PromptMaker(loaded)
    (sample,) = (one for one in adapter.samples() if one.more_images)
    whole, found = maker.prepared(sample), maker.prepared(sample, 0.5)
    assert len(sample.images) == len(found.prompt.grids) == 3
    assert len(set(whole.prompt.grids)) == 3
    full = 0
    smaller = []
    for image, (_, rows, columns), (_, high, wide) in zip(
        sample.images, whole.prompt.grids, found.prompt.grids, strict=True
    ):
        full += rows * columns // 4
        assert high * wide <= rows * columns / 2
        size = (wide * SIDE // 2, high * SIDE // 2)
        smaller.append(image.resize(size, Image.Resampling.BICUBIC))
    assert found.prompt.n_full_image_tokens == full
    wanted = maker.prepared(replace(sample, image=smaller[0], more_images=tuple(smaller[1:])))
    assert torch.equal(found.prompt.input_ids, wanted.prompt.input_ids)
    assert found.pixels.keys() == wanted.pixels.keys()
    assert all(torch.equal(found.pixels[name], wanted.pixels[name]) for name in found.pixels)
    assert found.picture == wanted.picture != whole.picture


@pytest.mark.parametrize(("mode", "size"), [("crop", (6, 8)), ("pad", (4, 6))])
def test_a_picture_made_square_is_made_smaller_as_a_square(loaded, adapter, mode, size):
    picture, side = Image.new("RGB", (size[0] * SIDE, size[1] * SIDE)), 6
    sample = replace(next(iter(adapter.samples())), image=picture)
    prompt = PromptMaker(loaded, image_mode=mode).prepared(sample, 0.34).prompt
    assert prompt.error is None
    assert prompt.n_full_image_tokens == side**2
    high, wide = smaller_grid(side, side, 0.34)
    assert high != wide
    assert prompt.grids == [(1, 2 * high, 2 * wide)]


@pytest.mark.parametrize(
    ("size", "share", "told"),
    [
        # Its `min_pixels` is that of 2 x 2 tokens.
        (
            (16, 16),
            0.5,
            "0.500 of their 4 image tokens, but the processor made 6: it enlarges pictures below",
        ),
        ((24, 24), 0.1, "a picture of 3 x 3 image tokens cannot be made of 0.100 of them"),
    ],
)
def test_a_picture_that_cannot_be_smaller_is_an_error_row(loaded, adapter, size, share, told):
    sample = next(iter(adapter.samples()))
    prompt = PromptMaker(loaded).prepared(replace(sample, image=Image.new("RGB", size)), share).prompt
    assert told in prompt.error
    assert PromptMaker(loaded).prepared(replace(sample, image=Image.new("RGB", size))).prompt.error is None


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_its_ledger_is_what_it_ran_with_the_tower(adapter, eager, share):
    for sample in adapter.samples(range(4, 11, 6)):
        of = named("smaller", "downsample", None, 1 - share)
        maker, found = PromptMaker(eager), []
        prepared = maker.prepared(sample, share)

        def run(maker=maker, prepared=prepared, of=of, found=found):
            prompt = maker.with_features(prepared)
            found.extend(predict_prompts(eager, adapter, [prompt], [of], batch_size=1, max_new_tokens=2))

        flops = counted(run)
        (((row,), _),) = found
        assert row["status"] == "ok"
        metadata = {
            "model": {"config": eager.model.config.to_dict()},
            "cell": of.axes,
            "criterion": None,
            "schedule": [],
            "n_layers": len(eager.family.layers(eager.model)),
            "scored_by": [],
            "attn_implementation": "eager",
        }
        ledger = cell_compute(pd.DataFrame([row]), metadata)
        assert flops == pytest.approx(ledger["tflops_total"] * TERA, rel=0.01)
        left = row["n_image_tokens"] / row["n_full_image_tokens"]
        assert ledger["ratio_achieved"] == pytest.approx(1 - left)
        assert 0.3 < left <= share
