"""A study of six of lmms-eval's tasks on a small random model and the demo's, from its plan to its tables."""

from importlib.util import find_spec

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.lmms_tasks.published import CASES
from tests.workflow.checkpoint import write_checkpoint
from tests.workflow.study import Study

pytestmark = pytest.mark.skipif(
    find_spec("lmms_eval") is None, reason="lmms-eval is not installed: `make test-tasks` runs this study"
)
MODELS = ["tiny", "demo"]
TASKS = ["gqa", "textvqa_val", "mme", "mmbench_en_dev_static", "docvqa_val", "chartqa"]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tasks")
    for task in TASKS:
        pq.write_table(pa.Table.from_pylist([row for row, _, _ in CASES[task]]), folder / f"{task}.parquet")
    made = Study(
        folder / "project",
        {
            "models": MODELS,
            "model_specs": {
                "tiny": {"path": str(write_checkpoint(folder / "model")), "dtype": "float32", "toy": True}
            },
            "benchmarks": TASKS,
            "benchmark_specs": {
                task: {
                    "adapter": "lmms_eval", "task": task, "path": f"{folder}/{task}.parquet",
                    "max_new_tokens": 4,
                }
                for task in TASKS
            },
            "strategies": ["uniform", "pyramid"],
            "criteria": ["attention", "norm"],
            "ratios": [0.5],
            "tables": {"reference_strategy": "uniform", "reference_criterion": "attention"},
        },
        preloaded=False,
    )  # fmt: skip
    made.output = made.run()
    return made


@pytest.mark.parametrize("model", MODELS)
def test_it_ends_in_tables(study, model):
    tables = study.folder / f"results/{model}/tables"
    cells = pd.read_csv(tables / "cells.csv", keep_default_na=False, na_values=[""])
    assert set(cells["benchmark"]) == {*TASKS}
    assert (cells["n_error"] == 0).all()
    assert (cells["n"] == cells["benchmark"].map({task: len(CASES[task]) for task in TASKS})).all()
    pruned = cells[cells["strategy"] != "none"]
    for axis, two in (("strategy", {"uniform", "pyramid"}), ("criterion", {"attention", "norm"})):
        assert set(pruned[axis]) == two
        shown = pd.read_csv(tables / f"{axis}.csv")
        assert {*two, "none"} <= set(shown[axis])
    assert len(pruned) == 2 * 2 * len(TASKS)
    assert cells.loc[cells["benchmark"] == "mme", "mme"].notna().all()
    assert cells.loc[cells["benchmark"] == "docvqa_val", "accuracy"].notna().all()


def test_the_page_names_their_headlines(study):
    assert "MME: acc and acc+" in (study.folder / "results/report.html").read_text(encoding="utf-8")


def test_nothing_is_left_to_do(study):
    assert not study.planned()


@pytest.mark.parametrize(
    ("task", "told"),
    [("mmvet", "judge"), ("videomme", "it shows videos"), ("chartqaa", "did you mean 'chartqa'")],
)
def test_what_cannot_be_run_is_refused_in_the_plan(study, task, told):
    asked = f"benchmark_specs={{chartqa: {{task: {task}}}}}"
    output = study.run("--dry-run", "--config", asked, check=False)
    assert "benchmark_specs.chartqa: " in output
    assert told in output
    assert f"'{task}'" in output
