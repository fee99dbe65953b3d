"""A whole study of every family at once: plan, predictions, scores, ledgers, tables and report."""

import json

import pandas as pd
import pyarrow.parquet as pq
import pytest

from prunegrid.results.predictions import read
from tests.families.available import FAMILIES_HERE
from tests.families.pictures import PICTURES, write_benchmark
from tests.workflow.study import Study

# Other tests of the workflow are of LLaVA-1.5.
NAMES = [name for name in FAMILIES_HERE if name != "llava"]
# none and mismatched; hierarchical x (attention, norm)
PER_MODEL = 4
N_LAYERS = 8


def label(name):
    return name.replace("_", "-")


@pytest.fixture(scope="module")
def study(tmp_path_factory, checkpoint):
    folder = tmp_path_factory.mktemp("families")
    data = write_benchmark(folder / "benchmark")
    study = Study(
        folder / "project",
        {
            "models": [label(name) for name in NAMES],
            "model_specs": {label(name): {"path": str(checkpoint(name))} for name in NAMES},
            "benchmarks": ["mine"],
            "benchmark_specs": {"mine": {"adapter": "vqa", "path": str(data), "max_new_tokens": 3}},
            "strategies": ["hierarchical", "mismatched"],
            "strategy_specs": {"hierarchical": {"options": {"layers": [1, 3]}}},
            "criteria": ["attention", "norm"],
            "ratios": [0.5],
            "seeds": [0],
            "bundle_size": 50,
            "batch_size": 4,
            "tables": {"replicates": 200},
        },
    )
    study.run("--until", "build_tables")
    return study


def test_every_cell_of_every_family_is_there(study):
    assert len(study.cells()) == PER_MODEL * len(NAMES)
    for name, file in study.cells().items():
        rows = pq.read_table(file, partitioning=None).to_pylist()
        assert [row["error"] for row in rows if row["status"] != "ok"] == [], name
        assert {row["sample_id"].split()[0] for row in rows} == {*PICTURES, "several"}
        assert read(file)[1]["image_backend"].endswith("ImageProcessorPil")


@pytest.mark.parametrize("name", NAMES)
def test_ledgers_and_tables(study, name):
    results = study.folder / "results" / label(name)
    cells = pd.read_csv(results / "tables/cells.csv")
    assert len(cells) == PER_MODEL
    assert (cells["n"] == 11).all()
    assert (cells["n_error"] == 0).all()
    pruned = cells[cells["strategy"] == "hierarchical"]
    assert pruned["ratio_achieved"].sub(0.5).abs().max() < 0.02
    whole = cells[cells["strategy"] == "none"].iloc[0]
    for column in ("tflops_published", "tflops_prefill", "tflops_total"):
        assert (pruned[column] < whole[column]).all()
    # Pictures of another size, for questions that share theirs: only there does the tower see other tiles.
    assert cells[cells["strategy"] != "mismatched"]["tflops_vision"].nunique() == 1
    assert whole["tflops_vision"] > 0
    for table in ("strategy", "criterion"):
        assert "hierarchical" in (results / f"tables/{table}.md").read_text()


def test_every_row_is_scored(study):
    for file in study.cells().values():
        scores = json.loads((file.parent / "scores.json").read_text())
        assert scores["n"] == 11


# Pages of several models are written in tests/report.
@pytest.mark.exhaustive
def test_the_page_has_every_family(study):
    study.run()
    report = (study.folder / "results/report.html").read_text()
    assert all(label(name) in report for name in NAMES)
