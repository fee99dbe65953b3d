"""What fails for every sample stops the job with its reason; what fails for some becomes their error rows."""

from dataclasses import replace

import pytest

from prunegrid.errors import PrunegridError, PruningError
from prunegrid.predict import decoding
from prunegrid.predict.common_fault import check_rows
from tests.predict.runs import cell, make_samples, run


def rows(*errors: str | None) -> list[dict[str, str | None]]:
    return [
        {"sample_id": f"s{number}", "status": "error" if error else "ok", "error": error}
        for number, error in enumerate(errors)
    ]


@pytest.mark.parametrize(
    ("errors", "of", "raises"),
    [
        (["a"] * 8, 100, True),
        (["a"] * 7, 100, False),
        (["a"] * 2, 2, True),
        (["a"], 1, False),
        (["a"] * 7 + [None], 8, False),
        (["a"] * 7 + ["b"], 8, False),
        ([f"s{n} has {n} tokens, in 'file {n}'" for n in range(8)], 8, True),
    ],
)
def test_what_counts_as_alike(errors: list[str | None], of: int, raises: bool) -> None:
    if raises:
        with pytest.raises(
            PrunegridError, match=f"^cell: the first {len(errors)} samples all failed alike: "
        ):
            check_rows("cell", rows(*errors), of)
    else:
        check_rows("cell", rows(*errors), of)


@pytest.mark.parametrize("batch_size", [1, 4, 16])
def test_a_fault_of_all_samples_ends_the_job(loaded, adapter, monkeypatch, batch_size):
    """Flash attention, say, given a mask that it cannot read."""
    calls, real = [], decoding.decode_greedily

    def fails(loaded, batch, max_new_tokens, pruning=None, sharing=None):
        calls.append(len(batch.prompts))
        raise ValueError("the mask has 4 dimensions")

    monkeypatch.setattr("prunegrid.predict.prediction_rows.decode_greedily", fails)
    told = r"label: the first \d+ samples all failed alike: ValueError: the mask has 4 dimensions"
    with pytest.raises(PrunegridError, match=told):
        run(loaded, adapter, make_samples(24), cell("uniform"), batch_size=batch_size)
    assert sum(size == 1 for size in calls) <= 16, "it went on with further batches"
    monkeypatch.setattr("prunegrid.predict.prediction_rows.decode_greedily", real)
    assert {row["status"] for row in run(loaded, adapter, make_samples(4), cell("uniform"))} == {"ok"}


def test_a_fault_of_most_samples_does_not(loaded, adapter, monkeypatch):
    real = decoding.decode_greedily

    def fails(loaded, batch, max_new_tokens, pruning=None, sharing=None):
        if any(prompt.sample.sample_id != "random/3" for prompt in batch.prompts):
            raise PruningError(f"sample {batch.prompts[0].sample.sample_id!r} cannot be pruned")
        return real(loaded, batch, max_new_tokens, pruning, sharing)

    monkeypatch.setattr("prunegrid.predict.prediction_rows.decode_greedily", fails)
    found = run(loaded, adapter, make_samples(6), cell("uniform"), batch_size=6)
    assert [row["status"] for row in found] == ["error"] * 3 + ["ok"] + ["error"] * 2


def test_pictures_that_all_cannot_be_read_end_the_job(loaded, adapter):
    broken = [
        replace(sample, image=None, error=f"DataError: '{sample.sample_id}.jpg' cannot be read")
        for sample in make_samples(4)
    ]
    with pytest.raises(PrunegridError, match=r"all failed alike: DataError: 'random/0\.jpg' cannot be read"):
        run(loaded, adapter, broken, cell("uniform"))
    (row,) = run(loaded, adapter, broken[:1], cell("uniform"))
    assert row["status"] == "error"
