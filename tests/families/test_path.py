"""Every family's whole path: its checkpoint in the hub's layout, its own processor, pruning, text."""

from dataclasses import replace
from functools import cache

import pandas as pd
import pytest
import torch
from pyarrow import parquet

from prunegrid import plugins, prune
from prunegrid.cost.vision import vision_flops
from prunegrid.predict.aspect import set_aspect
from prunegrid.predict.batches import predict_prompts
from prunegrid.predict.loading import load_model
from prunegrid.predict.predict_cells import predict_cells
from prunegrid.predict.prediction_rows import token_depth
from prunegrid.predict.prompts import PromptMaker
from prunegrid.predict.requests import BenchmarkRun, CellRun
from prunegrid.pruning.families import supported_models
from prunegrid.results.predictions import read
from prunegrid.results.store import Store
from prunegrid.scoring.cell_ledger import cell_compute
from tests.cost.counting import counted
from tests.families.checkpoints import RECIPES, as_published
from tests.families.pictures import PICTURES, write_benchmark
from tests.families.reference import NEW_TOKENS, answer, inputs_of, raw_model
from tests.predict.runs import assert_same
from tests.rounding import FACTOR, logits_noise, outputs_noise

LAYERS = {"layers": [1, 3]}
CELLS = {
    "none": ("none", {}, None, 0.0),
    "attention": ("hierarchical", LAYERS, "attention", 0.5),
    "gradient": ("hierarchical", LAYERS, "gradient", 0.5),
    "norm": ("uniform", {}, "norm", 0.4),
    "random": ("single", {"layer": 2}, "random", 0.5),
    "blind": ("blind", {}, None, 0.0),
    "mismatched": ("mismatched", {}, None, 0.0),
}
# Families that cut a picture into tiles, or take it at its own size: tokens depend on the picture.
FIXED = ("llava", "gemma3")


def cell_of(key):
    strategy, options, criterion, ratio = CELLS[key]
    ranking = (criterion, {}) if criterion else None
    return CellRun(key, "code", key, {"ratio": ratio, "seed": 3}, (strategy, options), ranking)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_benchmark(tmp_path_factory.mktemp("benchmark"))


@pytest.fixture(scope="module")
def adapter(data):
    return plugins.load("benchmarks", "vqa")({"adapter": "vqa", "path": str(data)})


@pytest.fixture(scope="module")
def samples(adapter):
    return list(adapter.samples())


@pytest.fixture(scope="module")
def prompts(loaded, samples):
    return PromptMaker(loaded).prompts(samples)


@pytest.fixture(scope="module")
def raw(folder):
    return raw_model(folder)


@pytest.fixture(scope="module")
def references(loaded, samples):
    """Return per sample what transformers' own way makes of it."""
    return [inputs_of(loaded.processor, sample.images, sample.prompt) for sample in samples]


def features(model, family, inputs):
    """Return the features of all pictures of prompts."""
    with torch.no_grad():
        return [image for one in family.features(model, inputs) for image in one.images]


@pytest.fixture(scope="module")
def features_tolerance(loaded, references):
    """How far two ways to the same features may lie apart."""
    return FACTOR * outputs_noise(
        loaded.model, lambda model, inputs: features(model, loaded.family, inputs), references
    )


@pytest.fixture(scope="module")
def tolerance(loaded, references):
    """How far two ways to the same logits may lie apart."""
    return FACTOR * logits_noise(loaded.model, references)


@pytest.fixture(scope="module")
def predicted(folder, data, tmp_path_factory):
    """Return a function: batch size, cells that share a run -> the file of each."""

    def predicted(batch_size, *keys):
        store = tmp_path_factory.mktemp("store")
        run = BenchmarkRun(
            str(folder),
            {"path": "tiny", "attn_implementation": "eager"},
            str(data),
            {"adapter": "vqa", "path": "questions", "max_new_tokens": NEW_TOKENS},
            Store(store),
            batch_size=batch_size,
            shard_size=5,
        )
        predict_cells(run, [cell_of(key) for key in keys])
        return {key: store / f"{key}.parquet" for key in keys}

    return predicted


@pytest.fixture(scope="module")
def cells(predicted):
    """Return the files of all cells, in batches."""
    return predicted(4, *CELLS)


@pytest.fixture(scope="module")
def alone(predicted):
    """Return a function: a cell -> its file, of each prompt alone."""
    return cache(lambda key: predicted(1, key)[key])


def rows_of(file):
    return parquet.read_table(file, partitioning=None).to_pylist()


def marked(key, kept):
    """Return a cell, marked where `tests/pruning` and `tests/predict` have its strategy and criterion."""
    return pytest.param(key, marks=[pytest.mark.exhaustive] * (key not in kept))


def test_every_family_has_a_checkpoint():
    assert sorted(RECIPES) == supported_models()


def test_prompts_are_the_processors_own(loaded, prompts, references, features_tolerance):
    """Token ids, and with them one BOS; and pixels: seen in the grids and features."""
    for prompt, reference in zip(prompts, references, strict=True):
        assert prompt.error is None
        assert prompt.input_ids.tolist() == reference["input_ids"][0].tolist()
        images = features(loaded.model, loaded.family, [reference])
        for found, expected in zip(prompt.features.images, images, strict=True):
            torch.testing.assert_close(found, expected, atol=features_tolerance, rtol=0)
        assert prompt.grids == loaded.family.grids(loaded.model.config, reference)


def test_one_bos(family, loaded, prompts):
    """Where a family has one; `<|im_start|>` is SmolVLM's, and stands before the first turn alone."""
    bos = loaded.processor.tokenizer.bos_token_id
    for prompt in prompts:
        if bos is None:
            assert family in ("llava_onevision", "qwen2_vl", "qwen2_5_vl", "qwen3_vl", "internvl")
        else:
            assert prompt.input_ids[0] == bos
            assert (prompt.input_ids == bos).sum() == 1


def test_pictures_exercise_tiles_and_grids(family, loaded, samples, prompts):
    image_id = loaded.family.image_token_id(loaded.model.config)
    counts = {
        sample.sample_id.split()[0]: int((prompt.input_ids == image_id).sum())
        for sample, prompt in zip(samples, prompts, strict=True)
        if len(sample.images) == 1
    }
    assert counts.keys() == PICTURES.keys()
    assert len(set(counts.values())) == 1 if family in FIXED else len(set(counts.values())) >= 3, counts


def test_vision_ledger(loaded, prompts, references):
    """Grids of what the processor gave, against a count of the tower on the very pixels."""
    config = loaded.model.config.to_dict()
    for prompt, reference in zip(prompts, references, strict=True):
        flops = counted(lambda reference=reference: loaded.family.features(loaded.model, [reference]))
        assert vision_flops(config, prompt.grids) == pytest.approx(flops, rel=0.01)


def test_whole_ledger(cells, raw, references):
    """A cell's ledger against a count of one pruned forward pass from pixels."""
    metadata = read(cells["attention"])[1]
    for row, reference in zip(rows_of(cells["attention"]), references, strict=True):
        ledger = cell_compute(pd.DataFrame([{**row, "n_generated": 1}]), metadata)["tflops_total"]
        with prune(raw, "hierarchical", "attention", 0.5, strategy_options=LAYERS):
            flops = counted(lambda reference=reference: raw(**reference, logits_to_keep=1))
        assert ledger * 1e12 == pytest.approx(flops, rel=0.01)


@pytest.mark.parametrize("key", CELLS)
def test_no_row_fails(cells, key):
    rows = rows_of(cells[key])
    assert len(rows) == 11
    assert {row["status"] for row in rows} == {"ok"}, [row["error"] for row in rows]


@pytest.mark.parametrize("key", [marked(key, ("attention", "gradient")) for key in CELLS])
def test_batches_are_each_alone(cells, alone, tolerance, key):
    assert_same(rows_of(cells[key]), rows_of(alone(key)), tolerance)


@pytest.mark.parametrize(
    "key", [marked(key, ("none", "attention", "gradient", "blind")) for key in CELLS if key != "mismatched"]
)
def test_rows_are_what_pixels_give(cells, raw, loaded, samples, references, tolerance, key):
    """Features handed over in batches, against the raw model's own `generate` on pixel values."""
    strategy, options, criterion, ratio = CELLS[key]
    pruning = {
        "strategy": strategy,
        "criterion": criterion or "first",
        "ratio": ratio or None,
        "seed": 3,
        "strategy_options": options,
    }
    n_layers = len(loaded.family.layers(loaded.model))
    dropped = 0
    for sample, reference, row in zip(samples, references, rows_of(cells[key]), strict=True):
        found = answer(raw, reference, sample.sample_id, **pruning)
        assert row["n_generated"] == len(found.tokens)
        assert row["first_token_id"] == found.tokens[0]
        assert row["prediction"] == loaded.processor.tokenizer.decode(found.tokens, skip_special_tokens=True)
        depth = token_depth(row["n_image_tokens"], n_layers, found.kept)
        assert list(row["token_depth"]) == depth
        dropped += sum(layers < n_layers for layers in depth)
        logits = [one["logit"] for one in row["first_topk"]]
        best = found.first[[one["id"] for one in row["first_topk"]]]
        torch.testing.assert_close(torch.tensor(logits), best, atol=tolerance, rtol=0)
    assert bool(dropped) == (key != "none")


def test_mismatched_sees_another_picture(cells):
    rows, own = rows_of(cells["mismatched"]), rows_of(cells["none"])
    assert [row["image_id"] for row in rows] == [row["image_id"] for row in own]
    first = [[one["logit"] for one in row["first_topk"]] for row in rows]
    assert all(a != [one["logit"] for one in b["first_topk"]] for a, b in zip(first, own, strict=True))


def test_the_files_say_which_backend(cells):
    for key in CELLS:
        assert read(cells[key])[1]["image_backend"].endswith("ImageProcessorPil")


def test_the_published_layout_is_the_same(
    family, folder, loaded, samples, prompts, features_tolerance, tmp_path
):
    """Most repositories keep an older layout, and older names of image processors."""
    old = load_model(str(as_published(folder, family, tmp_path / "old")), {})
    assert type(old.processor) is type(loaded.processor)
    again = PromptMaker(old).prompts(samples)
    for prompt, other in zip(again, prompts, strict=True):
        assert prompt.text == other.text
        assert prompt.input_ids.tolist() == other.input_ids.tolist()
        # Without eager attention the tower rounds otherwise.
        for found, expected in zip(prompt.features.images, other.features.images, strict=True):
            torch.testing.assert_close(found, expected, atol=features_tolerance, rtol=0)


@pytest.mark.parametrize("mode", ["crop", "pad"])
def test_image_modes(loaded, samples, mode):
    """Any processor, also of grids by size, is given the square, and nothing else is asked of it."""
    mean = loaded.processor.image_processor.image_mean
    squares = []
    for sample in samples:
        first, *more = (set_aspect(image, mode, mean) for image in sample.images)
        squares.append(replace(sample, image=first, more_images=tuple(more)))
    assert all(image.width == image.height for sample in squares for image in sample.images)
    found = PromptMaker(loaded, image_mode=mode).prompts(samples)
    for prompt, same in zip(found, PromptMaker(loaded).prompts(squares), strict=True):
        assert prompt.error is None
        assert prompt.grids == same.grids
        assert prompt.input_ids.tolist() == same.input_ids.tolist()
        for features, expected in zip(prompt.features.images, same.features.images, strict=True):
            assert torch.equal(features, expected)
        assert all(rows == columns for _, rows, columns in prompt.grids)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_lower_precision_runs(folder, adapter, samples, dtype):
    loaded = load_model(str(folder), {"dtype": dtype})
    prompts = PromptMaker(loaded).prompts(samples[:4])
    assert {image.dtype for prompt in prompts for image in prompt.features.images} == {getattr(torch, dtype)}
    for key in ("attention", "gradient"):
        ((rows, _),) = predict_prompts(
            loaded, adapter, prompts, [cell_of(key)], batch_size=4, max_new_tokens=2
        )
        assert [row["error"] for row in rows if row["status"] != "ok"] == []
