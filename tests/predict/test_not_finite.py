"""Logits that are no numbers make an error row, of that sample alone, and not beyond its answer's end."""

import pytest
import torch

from prunegrid.predict.decoding import _Watched
from tests.predict.runs import assert_same, cell, make_samples, run

BROKEN = [float("nan"), float("inf")]


@pytest.fixture
def breaking(loaded):
    """Let the head return a value in a row at some position of the answer, for one token or for all."""

    def breaks(value, row, position, *, tokens=slice(None)):
        calls = []
        head = loaded.model.get_output_embeddings()

        def broken(module, inputs, logits):
            if len(calls) == position:
                logits = logits.clone()
                logits[row, -1, tokens] = value
            calls.append(position)
            return logits

        handles.append(head.register_forward_hook(broken))

    handles = []
    yield breaks
    for handle in handles:
        handle.remove()


@pytest.mark.parametrize("value", BROKEN)
@pytest.mark.parametrize("tokens", [slice(None), slice(7, 8)])
def test_broken_logits_are_an_error_row_of_that_sample(loaded, adapter, tolerance, breaking, value, tokens):
    samples = make_samples(4)
    some_cell = cell("none", None, 0)
    whole = run(loaded, adapter, samples, some_cell)
    breaking(value, 1, 0, tokens=tokens)
    rows = run(loaded, adapter, samples, some_cell)
    assert [row["status"] for row in rows].count("error") == 1
    (broken,) = [row for row in rows if row["status"] == "error"]
    told = (
        "the model's logits are NaN or infinite in float32: its numbers do not fit; set `dtype` to bfloat16"
    )
    assert broken["error"].startswith(told)
    assert (broken["prediction"], broken["first_topk"]) == ("", [])
    others = [row for row in rows if row["status"] == "ok"]
    assert_same(others, [row for row in whole if row["sample_id"] != broken["sample_id"]], tolerance)


def test_a_later_position_counts(loaded, adapter, breaking):
    samples = make_samples(1)
    some_cell = cell("none", None, 0)
    (whole,) = run(loaded, adapter, samples, some_cell)
    last = whole["n_generated"] - 1
    assert last >= 1
    breaking(float("nan"), 0, last)
    (row,) = run(loaded, adapter, samples, some_cell)
    assert row["status"] == "error"


def test_tokens_that_are_never_generated_break_nothing(loaded, adapter, breaking):
    samples = make_samples(2)
    some_cell = cell("none", None, 0)
    whole = run(loaded, adapter, samples, some_cell)
    # Minus infinity, as processors of `generate` have it.
    unlikely = whole[0]["first_topk"][0]["id"] + 1
    breaking(-torch.inf, 0, 0, tokens=slice(unlikely, unlikely + 1))
    assert {row["status"] for row in run(loaded, adapter, samples, some_cell)} == {"ok"}


def test_what_follows_the_end_of_an_answer_does_not_count():
    """Shorter answers of a batch go on with padding."""
    watched = _Watched()
    for position in range(3):
        scores = torch.zeros(3, 4)
        scores[0, 0] = float("nan") if position == 2 else 0
        scores[1, 0] = float("nan") if position == 1 else 0
        watched(torch.zeros(3, 1), scores)
    assert watched.first_broken([3, 3, 3]) == [2, 1, None]
    assert watched.first_broken([2, 2, 2]) == [None, 1, None]
