"""Every published method through snakemake to the table, on a family with a class token and one without."""

import pandas as pd
import pytest

from prunegrid import plugins
from tests.families.available import FAMILIES_HERE
from tests.families.pictures import write_benchmark
from tests.workflow.study import Study

METHODS = plugins.names("methods")
# LLaVA-1.5, and Qwen2.5-VL where its packages are: `make test-families`.
OTHER = "qwen2_5_vl" if "qwen2_5_vl" in FAMILIES_HERE else "idefics3"
MODELS = {"llava": "with", OTHER: "without"}
RATIO = 0.5


@pytest.fixture(scope="module")
def study(tmp_path_factory, checkpoint):
    folder = tmp_path_factory.mktemp("methods")
    data = write_benchmark(folder / "benchmark")
    study = Study(
        folder / "project",
        {
            "models": list(MODELS.values()),
            "model_specs": {name: {"path": str(checkpoint(family))} for family, name in MODELS.items()},
            "benchmarks": ["mine"],
            "benchmark_specs": {
                "mine": {"adapter": "vqa", "path": str(data), "max_new_tokens": 2, "limit": 3}
            },
            "strategies": [],
            "criteria": [],
            "methods": METHODS,
            # Its layers 2, 6 and 15 of 32 are no three layers of these models' 8.
            "method_specs": {"sparsevlm": {"strategy_options": {"layers": [1, 2, 4]}}},
            "methods_reversed": False,
            "ratios": [RATIO],
            "seeds": [0],
            "bundle_size": 50,
            "batch_size": 3,
            "tables": {"replicates": 100, "reference_method": "random_tokens"},
        },
    )
    study.run()
    return study


def cannot(family):
    return {name for name in METHODS if family in plugins.load("methods", name).cannot}


@pytest.mark.parametrize("family", MODELS)
def test_every_method_is_run_or_left_out_by_name(study, family):
    folder = study.folder / "results" / MODELS[family] / "tables"
    cells = pd.read_csv(folder / "cells.csv", keep_default_na=False)
    assert (cells["n_error"] == 0).all()
    rows = pd.read_csv(folder / "methods.csv", keep_default_na=False).set_index("method")
    left_out = cannot(family)
    assert set(rows.index) >= set(METHODS)
    assert {name for name in METHODS if rows.loc[name, "unreachable"]} == left_out
    assert set(cells["strategy"]) == {"none", *METHODS} - left_out
    assert {"visionzip", "fastervlm"} <= cannot(OTHER)
    for name in left_out:
        assert plugins.load("methods", name).cannot[family] in rows.loc[name, "unreachable"]
