"""`batch_size: auto` takes what fits, whatever cells a job has, and changes no row."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from pyarrow import parquet

from prunegrid import plugins
from prunegrid.cost.batch_memory import batch_bytes, fitting_batch
from prunegrid.cost.decoder import Decoder
from prunegrid.demo.render_benchmark import render_benchmark
from prunegrid.jobs.batch_choice import batch_choice
from prunegrid.predict import free_memory as free_memory_module
from prunegrid.predict import predict_cells
from prunegrid.predict.free_memory import free_memory, of_card, of_main_memory
from prunegrid.predict.longest_prompt import longest_prompt
from prunegrid.predict.prompts import PromptMaker
from prunegrid.predict.requests import BenchmarkRun
from prunegrid.results.predictions import read_metadata
from prunegrid.results.store import Store
from tests.predict.runs import MODEL, assert_same, cell

GB = 10**9


def test_the_largest_power_of_two_that_fits(loaded):
    config = loaded.model.config.to_dict()
    one = batch_bytes(Decoder.from_config(config), 1, 90, 4, gradients=True)
    choose = batch_choice("auto")
    for size in (2, 16, 64):
        assert choose(config, 90, 4, int(size * one / 0.9) + 1) == size
        assert choose(config, 90, 4, int(size * one / 0.9) - 1) == size // 2
    assert choose(config, 90, 4, 0) == 1
    assert choose(config, 90, 4, 10**12) == 64
    assert batch_choice(5) == 5


def test_memory_of_a_card_counts_what_pytorch_keeps(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (10, 100))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 7)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 4)
    parameters = [
        SimpleNamespace(device=torch.device(name), nbytes=1) for name in ("cuda:0", "cuda:1", "cuda:0", "cpu")
    ]
    assert free_memory(SimpleNamespace(parameters=lambda: parameters)) == 2 * (10 + 7 - 4)
    # Half of each card, beside the two weights on the first.
    assert free_memory(SimpleNamespace(parameters=lambda: parameters), slots=2) == 2 * (50 - 2)


def test_memory_of_a_card_is_divided_among_its_slots():
    # The other job holds its part, or does not yet.
    for free in (2 * GB, 64 * GB):
        assert of_card(free, 80 * GB, 0, 14 * GB, 2) == 26 * GB
    assert of_card(64 * GB, 80 * GB, 1 * GB, 14 * GB, 1) == 65 * GB
    assert of_card(10 * GB, 20 * GB, 0, 14 * GB, 2) == 0


def test_memory_of_a_job_on_a_cpu(loaded):
    assert of_main_memory(2 * GB, 100 * GB, 8000) == 3 * GB
    assert of_main_memory(2 * GB, 4 * GB, 8000) == 2 * GB
    assert of_main_memory(2 * GB, 4 * GB, None) == 2 * GB
    assert of_main_memory(9 * GB, 4 * GB, 8000) == 0
    assert 2**20 < free_memory(loaded.model) < 2**50


@pytest.mark.parametrize(("card", "batch"), [(25.4, 8), (42.3, 16), (85.0, 64)])
def test_batches_of_cards(card, batch):
    """Of 24, 40 and 80 GB, for LLaVA-1.5-7B with 576 image tokens and 64 of text and answer."""
    llava = Decoder(32, 4096, 11008, 32, 32, 128, 32064)
    # Keys and values of 32 layers, 4,096 numbers of 2 bytes each: 2.7 GB for 8 samples.
    assert 8 * llava.cache_bytes(640, 2) == 8 * 2 * 32 * 4096 * 2 * 640 == 2_684_354_560
    free = card * GB - 0.5 * GB - 14.1 * GB
    assert fitting_batch(llava, free, 640, 2, gradients=True) == batch


@pytest.fixture(scope="module")
def questions(data):
    return plugins.load("benchmarks", "scienceqa")({"adapter": "scienceqa", "path": str(data)})


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "shapes-mcq.parquet"
    render_benchmark("shapes-mcq", path, rows=40)
    return path


def test_the_longest_prompt_is_found_without_reading_all_pictures(loaded, questions):
    maker = PromptMaker(loaded)
    longest = max(len(prompt.input_ids) for prompt in maker.prompts(questions.samples()))
    # A few tokens where the chat form and a text meet.
    assert 0 <= longest_prompt(maker, questions) - longest <= 4


def test_jobs_of_one_study_choose_one_batch_and_predict_alike(
    loaded, data, questions, tolerance, tmp_path, monkeypatch
):
    monkeypatch.setattr(predict_cells, "load_model", lambda *_: loaded)
    shapes = Decoder.from_config(loaded.model.config.to_dict())
    tokens = longest_prompt(PromptMaker(loaded), questions) + 4
    # Room for six samples, after what is left free.
    room = batch_bytes(shapes, 6, tokens, 4, gradients=True)
    monkeypatch.setattr(free_memory_module, "_available", lambda: round(room / 0.9 / 0.5))
    cells = [
        replace(
            cell(criterion=name, layers=[1, 2]),
            key=name,
            axes={"ratio": 0.5, "seed": 0, "benchmark": "shapes"},
        )
        for name in ("attention", "norm")
    ]
    run = BenchmarkRun(
        str(MODEL),
        {"path": "demo/model"},
        str(data),
        {"adapter": "scienceqa", "path": str(data), "max_new_tokens": 4},
        Store(tmp_path / "both"),
        batch_size=batch_choice("auto"),
        shard_size=16,
    )
    alone, by_one = (replace(run, store=Store(tmp_path / name)) for name in ("alone", "by one"))
    predict_cells.predict_cells(run, cells)
    # One cell of them, and of that at first some samples.
    predict_cells.predict_cells(replace(alone, job=2, n_jobs=2), cells[1:])
    predict_cells.predict_cells(alone, cells[1:])
    predict_cells.predict_cells(replace(by_one, batch_size=1), cells[1:])
    files = {store: tmp_path / store / "norm.parquet" for store in ("both", "alone", "by one")}
    sizes = {store: read_metadata(file)["batch_size"] for store, file in files.items()}
    assert sizes == {"both": 4, "alone": 4, "by one": 1}
    both, again, single = (parquet.read_table(file, partitioning=None).to_pylist() for file in files.values())
    assert both == again
    assert_same(both, single, tolerance)
