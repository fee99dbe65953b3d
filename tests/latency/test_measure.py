"""What is measured, how often, and in which order; no assertion on how long anything took."""

from collections import Counter

import pandas as pd
import pytest
import torch

from prunegrid.errors import ConfigError, DataError
from prunegrid.latency import measure
from prunegrid.latency.measure import spread
from prunegrid.latency.stopwatch import Timing
from prunegrid.results.measurements import GENERATE, MEASUREMENTS, PREFILL, VISION
from tests.latency.made import HOW, Drawings, bench, cells

ORDER = ["none", "hierarchical", "exit"]


@pytest.fixture(scope="module")
def rows(loaded):
    return pd.DataFrame(bench(loaded).measure("b", Drawings(6), cells()))


def test_the_columns_are_those_of_the_schema(rows):
    assert set(rows) | {"position"} == set(MEASUREMENTS.names)


def test_pictures_are_encoded_apart_from_cells(rows):
    vision = rows[rows["quantity"] == VISION]
    assert len(vision) == HOW.samples
    assert vision["strategy"].isna().all()
    assert (vision["batch_size"] == 1).all()


def test_cells_take_turns_on_every_batch(rows):
    timed = rows[rows["quantity"] != VISION]
    for size in HOW.batch_sizes:
        own = timed[timed["batch_size"] == size]
        assert own["round"].is_monotonic_increasing
        one_round = [(name, *what) for name in ORDER for what in ((PREFILL, 0), (GENERATE, 1), (GENERATE, 4))]
        found = list(zip(own["strategy"], own["quantity"], own["n_generated"].astype(int), strict=True))
        assert found == one_round * HOW.samples
        assert (own.groupby("round")["sample_ids"].agg(lambda ids: len({tuple(i) for i in ids})) == 1).all()
        assert own["sample_ids"].map(len).eq(size).all()


def test_a_cpu_tells_wall_time_alone(rows):
    assert (rows["wall_ms"] > 0).all()
    assert rows[["device_ms", "peak_memory_mb", "clock_mhz", "throttle"]].isna().all(axis=None)


class Counted:
    """Counts what a cell runs, instead of running it; times nothing."""

    def __init__(self, monkeypatch):
        self.runs, self.inside = [], []
        counted = self
        monkeypatch.setattr(measure._Runs, "prefill", lambda run: counted.note(run, "prefill"))
        monkeypatch.setattr(measure._Runs, "generate", lambda run, tokens: counted.note(run, tokens))

    def note(self, run, what):
        name = "none" if run.pruning is None else type(run.pruning.strategy).__name__.lower()
        self.runs.append((name, run.batch.inputs["input_ids"].shape[1], what))


def test_each_cell_warms_up_once_per_prompt_length(loaded, monkeypatch):
    counted = Counted(monkeypatch)
    drawings = Drawings(6)
    found = pd.DataFrame(bench(loaded, measure.HowToMeasure((1,), 6, 3, 4)).measure("b", drawings, cells()))
    lengths = found.loc[found["quantity"] == PREFILL, "n_tokens"]
    assert lengths.nunique() > 1
    runs = Counter(counted.runs)
    for length in lengths.unique():
        rounds = (
            found.loc[found["quantity"] == PREFILL].drop_duplicates("round")["n_tokens"] == length
        ).sum()
        for name in ORDER:
            # One more in the first and the last round, after the clocks were read.
            more = sum(found.loc[found["round"] == number, "n_tokens"].max() == length for number in (0, 5))
            assert runs[name, length, "prefill"] == 3 + rounds + more
            assert runs[name, length, 4] == 1 + rounds
            assert runs[name, length, 1] == rounds


def test_what_runs_is_pruned_as_the_cell_says(loaded, monkeypatch):
    """The prune context is the cell's own, and entered before the clock starts."""
    hooked = []
    run = bench(loaded)
    time = run._watch.time

    def noted(call):
        hooks = sum(len(layer._forward_pre_hooks) for layer in loaded.family.layers(loaded.model))
        hooked.append(hooks > 0)
        return time(call)

    monkeypatch.setattr(run._watch, "time", noted)
    run.measure("b", Drawings(4), cells())
    per_round = [False] * 3 + [True] * 6
    assert hooked[HOW.samples :] == per_round * HOW.samples * len(HOW.batch_sizes)
    assert not any(layer._forward_pre_hooks for layer in loaded.family.layers(loaded.model))


def test_the_length_is_forced(loaded):
    """The model's own answers are shorter than what is timed."""
    prompts = bench(loaded)._prompts("b", Drawings(2))
    runs = measure._Runs(loaded, measure.collate(prompts[:1], loaded), None)
    found = []
    generate = loaded.model.generate

    def kept(**arguments):
        found.append(generate(**arguments))
        return found[-1]

    with pytest.MonkeyPatch.context() as patch, torch.no_grad():
        patch.setattr(loaded.model, "generate", kept)
        runs.generate(12)
    new = found[0][0, runs.batch.inputs["input_ids"].shape[1] :]
    assert len(new) == 12
    assert loaded.model.generation_config.eos_token_id not in new
    with torch.no_grad():
        free = generate(**runs.batch.inputs, max_new_tokens=12, pad_token_id=0)
    assert free.shape[1] < found[0].shape[1], "this model would end by itself"


def test_a_generation_of_another_length_is_refused(loaded):
    prompts = bench(loaded)._prompts("b", Drawings(2))
    runs = measure._Runs(loaded, measure.collate(prompts[:1], loaded), None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loaded.model, "generate", lambda **given: given["input_ids"])
        with pytest.raises(DataError, match="asked to generate 3 tokens, the model generated 0"):
            runs.generate(3)


def test_a_batch_that_does_not_fit_is_named(loaded, monkeypatch):
    def fails(call):
        raise torch.OutOfMemoryError("CUDA out of memory")

    run = bench(loaded)
    monkeypatch.setattr(run, "_vision", lambda prompts: [])
    monkeypatch.setattr(run._watch, "time", fails)
    with pytest.raises(ConfigError, match=r"latency.batch_sizes: b: 1 prompts do not fit"):
        run.measure("b", Drawings(4), cells())


def test_clocks_are_read_in_the_first_and_the_last_round(loaded, monkeypatch):
    run = bench(loaded)
    readings = iter(range(1000, 2000))
    monkeypatch.setattr(
        type(run.clocks), "read", lambda self: {"clock_mhz": str(next(readings)), "throttle": "0x0"}
    )
    monkeypatch.setattr(run._watch, "time", lambda call: Timing(1.0, None, None))
    rows = pd.DataFrame(run.measure("b", Drawings(4), cells()))
    read = rows[rows["clock_mhz"].notna()]
    assert list(read["clock_mhz"]) == list(range(1000, 1000 + len(read)))
    assert set(read["quantity"]) == {PREFILL}
    assert set(read["round"]) == {0, HOW.samples - 1}
    assert len(read) == 2 * len(ORDER) * len(HOW.batch_sizes)


@pytest.mark.parametrize(
    ("n", "wanted", "positions"), [(10, 5, [0, 2, 4, 6, 8]), (3, 5, [0, 1, 2]), (7, 3, [0, 2, 4])]
)
def test_samples_are_spread_over_the_benchmark(n, wanted, positions):
    assert spread(n, wanted) == positions
