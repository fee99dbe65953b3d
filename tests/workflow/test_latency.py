"""What is measured is a job of its own: it needs no prediction, and runs again when what it is of changes."""

import pytest

from prunegrid.results.flow_rows import read_flow_rows
from prunegrid.results.measurements import read_measurements
from tests.workflow.study import Study

CELLS = [{"strategy": "exit"}]
LATENCY = {"cells": CELLS, "samples": 2, "warmups": 0, "tokens": 2}
MEASURED = {"measure_latency": 1, "latency": 1}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    made = Study(
        tmp_path_factory.mktemp("latency") / "project",
        {
            "benchmarks": ["shapes-pope"],
            "benchmark_specs": {"shapes-pope": {"limit": 4}},
            "strategies": ["exit", "uniform"],
            "criteria": ["norm"],
            "ratios": [0.505],
            "tables": {"reference_strategy": "uniform", "reference_criterion": "norm"},
            "latency": LATENCY,
            "flow": {"benchmarks": True, "window": 8, "stride": 8},
        },
    )
    made.output = made.run("latency", "flow")
    return made


def test_cells_are_measured_without_predictions(study):
    assert not study.cells()
    rows, metadata = read_measurements(study.folder / "results/demo/latency.parquet")
    assert [cell["strategy"] for cell in metadata["cells"]] == ["none", "exit"]
    assert metadata["threads"] == 2, "all cores of the run"
    assert set(rows["strategy"].dropna()) == {"none", "exit"}


def test_it_is_part_of_a_study_that_names_cells(study):
    planned = study.planned()
    assert "measure_latency" not in planned, "they are measured"
    assert planned["plot_speedup"] == 1
    planned = study.planned("--config", "latency={cells: []}")
    assert "plot_speedup" not in planned
    assert planned["predict"] == 1


@pytest.mark.parametrize(
    ("config", "jobs"),
    [
        ("seeds=[0]", {}),
        ("batch_size=3", {}),
        ("tables={replicates: 300}", {}),
        ("strategies=[exit]", {}),
        ("latency={samples: 3}", MEASURED),
        ("strategies=[exit, uniform, blind] latency={cells: [{strategy: [exit, blind]}]}", MEASURED),
        ("model_specs={demo: {dtype: bfloat16}}", MEASURED),
    ],
)
def test_it_runs_again_when_what_it_measures_changes(study, config, jobs):
    assert study.planned("latency", "--config", *config.replace("] lat", "]\nlat").split("\n")) == jobs


def test_nothing_to_measure_is_said(study):
    output = study.run("latency", "--config", "latency={cells: []}", check=False)
    assert "latency.cells fits no cell of the grid, so there is nothing to measure" in output
    assert "Traceback" not in output
    output = study.run("flow", "--config", "flow={benchmarks: false}", check=False)
    assert "flow.benchmarks names none, so there is nothing to measure" in output
    assert "Traceback" not in output


def test_flows_are_measured_without_predictions_too(study):
    """In the same run: its own would take as long to start as to compute."""
    rows, metadata = read_flow_rows(study.folder / "results/flow/demo/shapes-pope.parquet")
    assert len(rows) == 4 * 3, "nothing hidden, and each flow hidden everywhere"
    assert metadata["how"] == {"limit": 250, "window": 8, "stride": 8}
    assert not list(study.folder.glob("results/flow/demo/.parts/*")), "parts of what is finished are removed"
    figures = study.folder / "results/demo/figures"
    assert {file.name for file in figures.glob("flow*")} == {
        *(f"flow.{ending}" for ending in ("csv", "json", "png", "svg")),
        "flow.checksums.json",
    }
    assert "demo: flows of attention: no suggestion of K1 and K2" in study.output


def test_flows_are_measured_again_when_they_are_asked_for_otherwise(study):
    jobs = {"measure_flow": 1, "plot_flow": 1, "flow": 1}
    assert study.planned("flow", "--config", "flow={limit: 3}") == jobs
