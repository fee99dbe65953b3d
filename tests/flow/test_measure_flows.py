"""What is asked with flows hidden, what is kept of it, and what a killed job goes on with."""

import gc
import weakref
from collections import Counter
from dataclasses import replace

import pytest
import torch

from prunegrid.errors import DataError
from prunegrid.flow import flow_answers
from prunegrid.flow.attention_shares import attention_shares
from prunegrid.flow.flow_answers import measure_flows, model_spec
from prunegrid.flow.hiding import hidden
from prunegrid.flow.maskings import in_layers, maskings
from prunegrid.jobs.measure_flow import left_out
from prunegrid.plugins import build
from prunegrid.predict.decoding import decode_greedily
from prunegrid.predict.loading import load_model
from prunegrid.predict.predict_cells import Shared
from prunegrid.predict.prompts import collate
from prunegrid.predict.requests import BenchmarkRun
from prunegrid.results.flow_rows import (
    FLOW_ROWS,
    FLOWS,
    HIDDEN_FLOWS,
    IMAGE_TO_IMAGE,
    TEXT_TO_IMAGE,
    Masking,
    read_flow_rows,
    write_flow_rows,
)
from prunegrid.results.predictions import TOO_LARGE, read
from prunegrid.results.store import Store
from prunegrid.scoring.score_flows import scored_rows
from tests.predict.runs import MODEL, make_samples

HIDE = [Masking(TEXT_TO_IMAGE, 0, 8), Masking(IMAGE_TO_IMAGE, 1, 2)]
N = 5


def test_windows_and_rests_of_both_flows():
    spans = {
        flow: [(m.first, m.end) for m in maskings(8, 0.25, 3) if m.flow == flow] for flow in HIDDEN_FLOWS
    }
    assert spans[TEXT_TO_IMAGE] == spans[IMAGE_TO_IMAGE] == [(0, 2), (3, 5), (6, 8), (0, 8), (3, 8)]
    assert [(m.first, m.end) for m in maskings(4, 9, 9)] == [(0, 4)] * 2


@pytest.mark.parametrize(("value", "expected"), [(0.125, 4), (1, 1), (5, 5), (0.01, 1)])
def test_a_share_is_rounded_down_to_a_layer(value, expected):
    assert in_layers(value, 32) == expected


@pytest.mark.parametrize(
    ("given", "taken"), [("flash_attention_2", "sdpa"), ("eager", "eager"), (None, "sdpa")]
)
def test_attention_takes_masks(given, taken):
    spec = {"dtype": "float32"} if given is None else {"attn_implementation": given}
    assert model_spec(spec)["attn_implementation"] == taken


class Questions:
    """What is asked of an adapter: drawings, one of which cannot be read."""

    free_text, max_new_tokens = False, 3

    def option_words(self, sample):
        return ("yes", "no")

    def __len__(self):
        return 40

    def samples(self, positions):
        found = make_samples(len(positions))
        return [*found[:-1], replace(found[-1], image=None, error="no picture")]


@pytest.fixture(scope="module")
def shared():
    shared = Shared(str(MODEL), {})
    shared.loaded = load_model(str(MODEL), model_spec({}))
    return shared


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("store"))
    return BenchmarkRun(str(MODEL), {}, None, {"max_new_tokens": 2}, store, batch_size=3)


@pytest.fixture(scope="module")
def files(run, shared, tmp_path_factory):
    return measure_flows(run, Questions(), N, HIDE, tmp_path_factory.mktemp("parts"), shared)


def test_answers_are_those_of_each_prompt_alone(files, shared):
    prompts = shared.maker.prompts(Questions().samples(range(N)))[:-1]
    assert list(files.predictions) == [None, *HIDE]
    for masking, file in files.predictions.items():
        rows, _ = read(file)
        assert [*rows["status"]] == ["ok"] * (N - 1) + ["error"]
        for prompt, (_, row) in zip(prompts, rows.iterrows(), strict=False):
            with hidden(shared.loaded.model, masking):
                tokens = decode_greedily(shared.loaded, collate([prompt], shared.loaded), 2).tokens[0]
            assert row["n_generated"] == len(tokens)
            assert row["first_token_id"] == tokens[0]


def test_rows_are_scored_and_hold_the_shares_of_each_prompt_alone(files, shared, tmp_path):
    rows = list(scored_rows(build("scorers", "pope"), files.predictions, files.shares))
    assert len(rows) == N * 3
    write_flow_rows(tmp_path / "b.parquet", rows, {"key": "k"})
    found, metadata = read_flow_rows(tmp_path / "b.parquet", "k")
    assert metadata == {"key": "k"}
    assert list(found.columns) == FLOW_ROWS.names
    assert Counter(found["flow"].fillna("")) == {"": N, **{m.flow: N for m in HIDE}}
    assert found["score"].isin([0, 1]).sum() == 3 * (N - 1)
    assert found.loc[found["status"] == "error", ["score", *FLOWS]].isna().all(axis=None)
    plain = found[found["flow"].isna()]
    for place, prompt in enumerate(shared.maker.prompts(Questions().samples(range(N)))[:-1]):
        (expected,) = attention_shares(shared.loaded.model, collate([prompt], shared.loaded).inputs)
        for number, flow in enumerate(FLOWS):
            torch.testing.assert_close(torch.tensor(plain.iloc[place][flow]), expected[:, number])
    with pytest.raises(DataError, match=r"under the key k, not other.*run `snakemake --cores 1 flow`"):
        read_flow_rows(tmp_path / "b.parquet", "other")
    (tmp_path / "b.checksum.json").write_text("{}")
    with pytest.raises(DataError, match="was changed after it was written"):
        read_flow_rows(tmp_path / "b.parquet")


def test_a_killed_job_goes_on_where_it_was(files, run, shared, monkeypatch):
    asked = []
    answers = flow_answers._answers

    def noted(*arguments):
        asked.append(arguments[4])
        return answers(*arguments)

    monkeypatch.setattr(flow_answers, "_answers", noted)
    lost = files.predictions[HIDE[1]]
    before = lost.read_bytes()
    lost.unlink()
    assert measure_flows(run, Questions(), N, HIDE, lost.parent, shared) == files
    assert asked == [HIDE[1]]
    assert lost.read_bytes() == before
    monkeypatch.setattr(flow_answers, "chosen_batch", None)
    assert measure_flows(run, Questions(), N, HIDE, lost.parent, shared) == files


class Pictures(Questions):
    """Questions whose pictures nobody but their reader holds; `held` are those that are still there."""

    def __init__(self):
        self.decoded = []

    def samples(self, positions):
        for sample in make_samples(len(positions)):
            picture = sample.image.copy()
            self.decoded.append(weakref.ref(picture))
            yield replace(sample, image=picture)
            del picture

    @property
    def held(self):
        gc.collect()
        return sum(one() is not None for one in self.decoded)


def test_no_decoded_picture_is_held_while_questions_are_answered(run, shared, tmp_path, monkeypatch):
    pictures, seen = Pictures(), []
    monkeypatch.setattr(flow_answers, "_write_shares", lambda *_: seen.append(pictures.held))
    monkeypatch.setattr(flow_answers, "chosen_batch", lambda *_: seen.append(pictures.held) or 2)
    measure_flows(run, pictures, 4, [], tmp_path, shared)
    assert len(pictures.decoded) == 4
    assert seen == [0, 0]


def test_the_log_tells_how_many_samples_are_left_out():
    shares = {name: [0.5] for name in FLOWS}
    plain = {"status": "ok", "error": None, **shares}
    rows = [{"sample_id": f"s{number}", **plain} for number in range(6)]
    hidden_rows = [{**row, **vars(HIDE[0]), **dict.fromkeys(FLOWS)} for row in rows]
    assert left_out([*rows, *hidden_rows]) == ""
    # One alone does not fit with a flow hidden, one has no shares, and one no picture.
    hidden_rows[0].update(status="error", error=TOO_LARGE)
    rows[1].update(dict.fromkeys(FLOWS))
    rows[2].update(status="error", error="DataError: no picture", **dict.fromkeys(FLOWS))
    hidden_rows[2].update(status="error", error="DataError: no picture")
    told = left_out([*rows, *hidden_rows])
    assert told.startswith("3 of the first 6 samples are left out")
    assert told.endswith(": 2 did not fit into memory")
