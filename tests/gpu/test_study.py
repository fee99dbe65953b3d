"""A whole study in 16 bit on the device: predictions, scores, tables, measured times, and `check`."""

import json

import pandas as pd
import pyarrow.parquet as pq
import pytest

from prunegrid.results.measurements import read_measurements
from prunegrid.study.forecast import PARTS
from tests.gpu.figures import note
from tests.gpu.sizes import DEVICE, HALF, SIZE
from tests.workflow.study import HOME, Study

# Threads of a busy CPU wait for each other.
ONE_THREAD = ("--cores", "1") if DEVICE == "cpu" else ()


@pytest.fixture(scope="module", params=HALF)
def study(request, checkpoint, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param) / "project"
    made = Study(
        folder,
        {
            "models": ["random"],
            "model_specs": {"random": {"path": str(checkpoint), "dtype": request.param}},
            "benchmarks": ["shapes-pope"],
            "benchmark_specs": {"shapes-pope": {"limit": SIZE.samples, "max_new_tokens": 4}},
            "strategies": ["hierarchical", "uniform"],
            "criteria": ["attention", "norm", "gradient"],
            "ratios": [0.5],
            "seeds": [0],
            "batch_size": max(1, SIZE.large_batch // 4),
            "bundle_size": 10,
            "tables": {"replicates": 200},
            "latency": {
                "cells": [{"strategy": "hierarchical"}],
                "batch_sizes": [1, max(2, SIZE.large_batch // 8)],
                "samples": 3,
                "warmups": 1,
                "tokens": 9,
            },
        },
    )
    made.run(*ONE_THREAD)
    made.dtype = request.param
    return made


def test_every_cell_answers_on_this_device(study):
    cells = study.cells()
    assert len(cells) == 7
    for name, file in cells.items():
        rows = pq.read_table(file, partitioning=None)
        assert set(rows["status"].to_pylist()) == {"ok"}, name
        assert len(rows) == SIZE.samples
        metadata = json.loads(rows.schema.metadata[b"prunegrid"])
        assert metadata["dtype"] == study.dtype
        note(
            f"{study.dtype}: seconds of {metadata['cell']['strategy']} x {metadata['cell']['criterion']}",
            metadata["seconds"],
        )


def test_times_are_in_the_tables(study):
    results = study.folder / "results/random"
    rows, metadata = read_measurements(results / "latency.parquet")
    assert metadata["device"]["type"] == DEVICE
    assert rows["device_ms"].notna().all() == (DEVICE == "cuda")
    cells = pd.read_csv(results / "tables/cells.csv").dropna(subset=["prefill_ms"])
    assert len(cells) == 4
    for row in cells.itertuples():
        at = f"{study.dtype}, {row.strategy} x {row.criterion}"
        note(f"{at}: prefill ms", row.prefill_ms)
        note(
            f"{at}: speed-up, measured and of FLOPs",
            [round(row.prefill_speedup, 2), round(row.prefill_flops_speedup, 2)],
        )
    assert (results / "figures/speedup.svg").exists()


def test_check_passes(study):
    """`snakemake ... check` writes results/<model>/check.json with `passed`."""
    if not (HOME / "workflow/rules/check.smk").exists():
        pytest.skip("not run: this checkout has no rule `check`")
    output = study.run("check", *ONE_THREAD, check=False)
    found = json.loads((study.folder / "results/random/check.json").read_text(encoding="utf-8"))
    note(f"{study.dtype}: check passed", found["passed"])
    forecast_against_jobs(study)
    assert found["passed"], output[-4000:]


def forecast_against_jobs(study):
    """Note what the forecast, at the pace that `check` measured, says of the jobs that ran."""
    study.run("compute_plan", *ONE_THREAD)
    found = pd.read_csv(study.folder / "results/forecast.csv")
    jobs = [
        pd.read_csv(file, sep="\t")["s"].sum()
        for file in (study.folder / "results/logs/predict").rglob("*.benchmark.tsv")
    ]
    assert found["measured"].all()
    note(f"{study.dtype}: seconds of prediction jobs", float(sum(jobs)))
    note(f"{study.dtype}: seconds forecast", float(3600 * found["hours"].sum()))
    for part in PARTS:
        note(f"{study.dtype}: seconds forecast of {part}", float(3600 * found[part].sum()))
