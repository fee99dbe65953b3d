"""From samples to rows, with the embedded model."""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from prunegrid.criteria.norm import Norm
from prunegrid.demo.render_benchmark import render_benchmark
from prunegrid.errors import ConfigError, DataError, PrunegridError
from prunegrid.predict.batches import group_cells, predict_prompts
from prunegrid.predict.out_of_memory import BatchSize
from prunegrid.predict.predict_cells import predict_cells
from prunegrid.predict.prediction_rows import token_depth
from prunegrid.predict.prompts import PromptMaker, collate
from prunegrid.predict.requests import BenchmarkRun
from prunegrid.predict.swapped_images import SwappedImages, partners
from prunegrid.pruning.prefix_sharing import PrefixSharing
from prunegrid.results.predictions import read
from prunegrid.results.store import Store
from prunegrid.scoring.cell_ledger import cell_compute
from tests.predict.runs import MODEL, assert_same, cell, make_samples, reading, run
from tests.workflow.faults import check


@pytest.mark.parametrize("criterion", ["attention", "random", "gradient"])
def test_batches_and_order_change_no_row(loaded, adapter, criterion, tolerance):
    samples = make_samples(6)
    some_cell = cell(criterion=criterion, layers=[1, 2])
    alone = run(loaded, adapter, samples, some_cell, batch_size=1)
    assert_same(run(loaded, adapter, samples, some_cell, batch_size=6), alone, tolerance)
    assert_same(run(loaded, adapter, samples[::-1], some_cell, batch_size=4)[::-1], alone, tolerance)


def test_batches_shrink_where_memory_runs_out(loaded, adapter, monkeypatch, tolerance):
    samples = make_samples(7)
    wanted = run(loaded, adapter, samples, cell(layers=[1, 2]), batch_size=7)
    sizes, generate = [], loaded.model.generate

    def small(**inputs):
        sizes.append(len(inputs["input_ids"]))
        if sizes[-1] > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB")
        return generate(**inputs)

    monkeypatch.setattr(loaded.model, "generate", small)
    assert_same(run(loaded, adapter, samples, cell(layers=[1, 2]), batch_size=7), wanted, tolerance)
    assert sizes == [7, 3, 1, 1, 1, 1, 1, 1, 1]


def test_a_batch_size_that_fits_is_kept(loaded, adapter, monkeypatch):
    generate, sizes, size = loaded.model.generate, [], BatchSize(8)

    def small(**inputs):
        sizes.append(len(inputs["input_ids"]))
        if sizes[-1] > 3:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried ...")
        return generate(**inputs)

    monkeypatch.setattr(loaded.model, "generate", small)
    samples, some_cell = make_samples(8), cell(layers=[1, 2])
    for _ in range(2):
        run(loaded, adapter, samples, some_cell, batch_size=size)
    assert sizes == [8, 4, 2, 2, 2, 2, 2, 2, 2, 2]


def test_a_sample_too_large_for_memory_is_an_error_row(loaded, adapter, monkeypatch, tolerance):
    samples, cells = make_samples(5), [cell(layers=[1, 2]), cell("single", "norm", 0.3)]
    prompts = PromptMaker(loaded).prompts(samples)
    longest = max(len(prompt.input_ids) for prompt in prompts)
    large = [len(prompt.input_ids) == longest for prompt in prompts]
    assert 0 < sum(large) < 5
    limits = {"batch_size": 4, "max_new_tokens": 3}
    wanted = predict_prompts(loaded, adapter, prompts, cells, **limits)
    generate = loaded.model.generate

    def small(**inputs):
        if inputs["input_ids"].shape[1] == longest:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB")
        return generate(**inputs)

    monkeypatch.setattr(loaded.model, "generate", small)
    for (rows, _), (others, _) in zip(
        predict_prompts(loaded, adapter, prompts, cells, **limits), wanted, strict=True
    ):
        assert [row["status"] == "error" for row in rows] == large
        for row in rows:
            if row["status"] == "error":
                check("a device's memory is exhausted", row["error"], 1)
        fits = [place for place in range(5) if not large[place]]
        assert_same([rows[place] for place in fits], [others[place] for place in fits], tolerance)


def test_a_device_that_is_taken_stops_the_job(loaded, adapter, monkeypatch):
    """Its rows would else be errors for good, though another day they fit."""

    def full(**_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB")

    monkeypatch.setattr(loaded.model, "generate", full)
    with pytest.raises(
        PrunegridError, match="not even the shortest of 4 samples fits into the memory of cpu"
    ) as caught:
        run(loaded, adapter, make_samples(4), cell(layers=[1, 2]))
    check("a device's memory is exhausted", str(caught.value), 0)


def test_shared_gradients_are_the_same(loaded, adapter, tolerance):
    samples, memo = make_samples(4), {}
    first = run(loaded, adapter, samples, cell("single", "gradient", 0.3), saliencies=memo)
    assert len(memo) == 4
    before = {key: value.clone() for key, (value, _) in memo.items()}
    again = run(loaded, adapter, samples, cell("single", "gradient", 0.3), saliencies=memo)
    assert_same(first, again, tolerance)
    assert_same(first, run(loaded, adapter, samples, cell("single", "gradient", 0.3)), tolerance)
    assert all(torch.equal(memo[key][0], before[key]) for key in memo)


def test_a_broken_sample_is_an_error_row(loaded, adapter, tolerance):
    samples = make_samples(4)
    samples[2] = replace(samples[2], image=None, error="the image cannot be read: truncated")
    rows = run(loaded, adapter, samples, cell(layers=[1, 2]))
    assert [row["status"] for row in rows] == ["ok", "ok", "error", "ok"]
    assert rows[2]["error"] == "the image cannot be read: truncated"
    assert rows[2]["prediction"] == ""
    others = [samples[i] for i in (0, 1, 3)]
    assert_same([rows[i] for i in (0, 1, 3)], run(loaded, adapter, others, cell(layers=[1, 2])), tolerance)


def test_a_sample_that_fails_while_it_runs_is_an_error_row(loaded, adapter, monkeypatch, tolerance):
    samples = make_samples(4)
    score = Norm.score

    def sometimes(self, stage):
        # As an overflow in float16 would.
        poison = torch.tensor([name == samples[1].sample_id for name in stage.sample_ids])
        return score(self, stage).masked_fill(poison[:, None], torch.nan)

    wanted = run(loaded, adapter, samples, cell("single", "norm", 0.3))
    monkeypatch.setattr(Norm, "score", sometimes)
    rows = run(loaded, adapter, samples, cell("single", "norm", 0.3))
    assert [row["status"] for row in rows] == ["ok", "error", "ok", "ok"]
    assert "returned NaN" in rows[1]["error"]
    good = (0, 2, 3)
    assert_same([rows[i] for i in good], [wanted[i] for i in good], tolerance)


def test_system_prompt_goes_before_the_image(loaded):
    assert PromptMaker(loaded, "vicuna_v1").chat_text("What?").startswith("A chat between")


def test_a_template_without_a_system_turn_is_refused(loaded, monkeypatch):
    monkeypatch.setattr(loaded.processor, "chat_template", "{{ messages[0]['content'][1]['text'] + 1 }}")
    with pytest.raises(ConfigError, match="chat template cannot render"):
        PromptMaker(loaded, "vicuna_v1")


def bundle(tmp_path, store, shard_size):
    path = tmp_path / "shapes-caption.parquet"
    if not path.exists():
        render_benchmark("shapes-caption", path, rows=12)
    spec = {"adapter": "nocaps", "path": str(path), "max_new_tokens": 6}
    return BenchmarkRun(
        str(MODEL),
        {"path": "demo/model"},
        str(path),
        spec,
        Store(tmp_path / store),
        batch_size=3,
        shard_size=shard_size,
    )


def test_a_resumed_run_is_an_undisturbed_one(tmp_path, monkeypatch, tolerance):
    """Also with shards of another size, which end in batches of another size: they round otherwise."""
    one = replace(cell("single", "gradient", 0.3), axes={"ratio": 0.3, "seed": 0, "benchmark": "shapes"})
    predict_cells(bundle(tmp_path, "whole", 12), [one])
    for size in (5, 12):
        store = f"killed-{size}"
        with monkeypatch.context() as patch:
            patch.setattr("prunegrid.results.shards.write_finished", interrupted)
            with pytest.raises(KeyboardInterrupt):
                predict_cells(bundle(tmp_path, store, 5), [one])
        predict_cells(bundle(tmp_path, store, size), [one])
        files = [tmp_path / name / "key.parquet" for name in (store, "whole")]
        found, wanted = (pq.read_table(file, partitioning=None).to_pylist() for file in files)
        assert_same(found, wanted, tolerance)
        assert size != 12 or found == wanted
        found, wanted = (cell_compute(*read(file)) for file in files)
        assert found == wanted
        assert {path.name for path in (tmp_path / store).iterdir()} == {"key.parquet", "key.checksum.json"}


def interrupted(*_):
    raise KeyboardInterrupt


def test_rows_tell_what_happened(loaded, adapter):
    (row,) = run(loaded, adapter, make_samples(1), cell("exit", None, 0.5))
    n_layers = loaded.model.config.text_config.num_hidden_layers
    n_image = row["n_image_tokens"]
    assert row["token_depth"] == [n_layers // 2] * n_image
    assert row["prompt"].startswith("USER: <image>\n")
    assert row["prompt"].endswith(" ASSISTANT:")
    assert row["first_topk"][0]["id"] == row["first_token_id"]
    assert len(row["first_topk"]) == 5
    assert len(row["choice_logits"]) == 2
    prompt = PromptMaker(loaded).prompts(make_samples(1))[0]
    assert row["n_text_tokens"] + n_image == len(prompt.input_ids)


def test_features_given_are_features_computed(loaded, tolerance):
    """Image features computed apart and handed to `generate` give what pixels give."""
    sample = make_samples(1)[0]
    maker = PromptMaker(loaded)
    batch = collate(maker.prompts([sample]), loaded)
    pixels = loaded.processor(images=sample.image, text=maker.chat_text(sample.prompt), return_tensors="pt")
    with torch.no_grad():
        given, computed = loaded.model(**batch.inputs).logits, loaded.model(**pixels).logits
    torch.testing.assert_close(given, computed, atol=tolerance, rtol=0)


def test_token_depth():
    assert token_depth(4, 6, [(1, [0, 2, 3]), (4, [3])]) == [4, 1, 4, 6]
    assert token_depth(3, 6, []) == [6, 6, 6]


def test_partners_are_a_derangement_of_pictures():
    images = {f"image {i}": f"picture {i}" for i in range(50)}
    found = partners(images, seed=3)
    assert sorted(found) == sorted(found.values()) == sorted(images)
    assert all(image != other for image, other in found.items())
    assert partners(dict(reversed(images.items())), seed=3) == found
    assert partners(images, seed=4) != found


def test_pictures_with_several_ids_are_never_partners_of_themselves():
    """Their ids see one other picture, and all other images see what they saw before."""
    images = {f"image {i}": f"picture {i}" for i in range(50)}
    twice = images | {f"other {i}": f"picture {i}" for i in range(0, 50, 2)}
    for seed in range(3):
        found = partners(twice, seed)
        assert all(twice[image] != twice[other] for image, other in found.items())
        assert {image: other for image, other in found.items() if image in images} == partners(images, seed)
        assert all(found[f"other {i}"] == found[f"image {i}"] for i in range(0, 50, 2))
    with pytest.raises(DataError, match="at least two distinct images"):
        partners({"a": "same", "b": "same"}, 0)


def test_mismatched_samples_see_their_partner(loaded):
    samples = make_samples(6)
    samples[4] = replace(samples[4], image=None, error="the image cannot be read: truncated")
    partner = partners({sample.image_id: sample.image_id for sample in samples}, 0)
    own = {sample.image_id: sample.image for sample in samples if sample.image is not None}
    others = SwappedImages(reading(samples), [0, 1])
    for sample, swapped in zip(samples, others.swapped(samples, 0), strict=True):
        if sample.image is None:
            assert swapped == sample
            continue
        assert swapped.image_id == sample.image_id
        assert np.array_equal(np.asarray(swapped.image), np.asarray(own[partner[sample.image_id]]))


def test_a_shard_keeps_the_pictures_of_its_own_partners_alone(loaded, tmp_path, monkeypatch):
    """On disk, and for as long as it runs; weighed against the pictures of the whole benchmark.

    In a file without a name, which a job that is killed does not leave behind.
    """
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def open_files():
        """Return the sizes of the files below the folder that are open in this process."""
        links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
        return [link.stat().st_size for link in links if str(link.readlink()).startswith(str(tmp_path))]

    samples, read = make_samples(24), []
    everything = 0
    for number, image in enumerate({sample.image_id: sample.image for sample in samples}.values()):
        image.save(tmp_path / f"{number}.png", compress_level=1)
        everything += (tmp_path / f"{number}.png").stat().st_size
        (tmp_path / f"{number}.png").unlink()
    others = SwappedImages(reading(samples, read), [0])
    assert open_files() == []
    whole = list(others.swapped(samples, 0))
    for start in range(0, 24, 4):
        found, weight = [], 0
        for sample in others.swapped(samples[start : start + 4], 0):
            found.append(sample)
            assert list(tmp_path.iterdir()) == []
            (weight,) = open_files()
        assert 0 < weight < everything / 4
        assert open_files() == []
        for mine, theirs in zip(found, whole[start : start + 4], strict=True):
            assert np.array_equal(np.asarray(mine.image), np.asarray(theirs.image))
    assert [positions is None for positions in read] == [True, *[False] * 7]


def test_cells_together_are_cells_alone(loaded, adapter):
    """Row by row and bit by bit, however the cells are grouped, and the ledger with them."""
    samples = make_samples(7)
    samples[2] = replace(samples[2], image=None, error="the image cannot be read: truncated")
    prompts = PromptMaker(loaded).prompts(samples)
    cells = [
        cell("hierarchical", "attention", layers=[1, 3]),
        cell("hierarchical", "attention_shallow", layers=[1, 3]),
        cell("none", None),
        cell("single", "gradient", 0.3),
        cell("single", "attention_deep", 0.3),
        cell("single", "attention", 0.3),
        cell("random", "random", seed=1),
        cell("exit", None),
        cell("blind", None),
    ]

    def predicted(some):
        found = predict_prompts(loaded, adapter, prompts, some, batch_size=4, max_new_tokens=3)
        return [rows for rows, _ in found]

    alone = [predicted([one])[0] for one in cells]
    assert predicted(cells) == alone
    assert predicted(cells[::-1])[::-1] == alone
    groups = group_cells(loaded, adapter, prompts, cells)
    assert sorted(cells.index(one) for group in groups for one in group) == list(range(len(cells)))
    assert [rows for group in groups for rows in predicted(group)] == [
        alone[cells.index(one)] for group in groups for one in group
    ]


def test_batches_shrink_for_cells_together(loaded, adapter, monkeypatch, tolerance):
    prompts = PromptMaker(loaded).prompts(make_samples(7))
    cells = [cell(layers=[1, 2]), cell("single", "norm", 0.3), cell("single", "random", 0.3)]
    limits = {"batch_size": 7, "max_new_tokens": 3}
    wanted = predict_prompts(loaded, adapter, prompts, cells, **limits)
    generate, calls = loaded.model.generate, []

    def small(**inputs):
        calls.append(len(inputs["input_ids"]))
        # The third cell in turn is the one that asks for too much.
        if calls[-1] > 2 and len(calls) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB")
        return generate(**inputs)

    monkeypatch.setattr(loaded.model, "generate", small)
    found = predict_prompts(loaded, adapter, prompts, cells, **limits)
    assert calls[:3] == [7, 7, 7]
    assert max(calls[4:]) < 3
    for (rows, _), (others, _) in zip(found, wanted, strict=True):
        assert_same(rows, others, tolerance)


def test_what_cells_share_makes_no_sample_too_large(loaded, adapter, monkeypatch, tolerance):
    prompts = PromptMaker(loaded).prompts(make_samples(2))
    cells = [cell("single", name, 0.3, layer=2) for name in ("norm", "attention_deep", "random", "first")]
    limits = {"batch_size": 2, "max_new_tokens": 3}
    wanted = predict_prompts(loaded, adapter, prompts, cells, **limits)
    keep, kept = PrefixSharing.record_input, []

    def small(self, layer, *entering):
        keep(self, layer, *entering)
        if self._entering:
            kept.append(layer)
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB")

    monkeypatch.setattr(PrefixSharing, "record_input", small)
    found = predict_prompts(loaded, adapter, prompts, cells, **limits)
    assert kept
    for (rows, _), (others, _) in zip(found, wanted, strict=True):
        assert_same(rows, others, tolerance)
