"""The names of config/benchmarks.yaml: each is a task of the list in docs/tasks.md, and plans."""

from importlib.util import find_spec

import pytest
import yaml

from prunegrid import plugins
from tests.lmms_tasks.published import CASES
from tests.study.plans import HOME, planned

FILE = HOME / "config/benchmarks.yaml"
SPECS = yaml.safe_load(FILE.read_text(encoding="utf-8"))["benchmark_specs"]
ASKED = ["gqa", "textvqa", "mme", "mmbench", "seed", "chartqa", "docvqa"]


@pytest.mark.parametrize("name", SPECS)
def test_it_is_a_task_that_is_run_or_a_benchmark_with_data_of_its_own(name):
    if SPECS[name]["adapter"] == "lmms_eval":
        assert SPECS[name]["task"] in CASES
    else:
        assert plugins.load("benchmarks", SPECS[name]["adapter"]).hub_ids
        assert "path" not in SPECS[name]


@pytest.mark.skipif(
    find_spec("lmms_eval") is None, reason="lmms-eval is not installed: `make test-tasks` plans its tasks"
)
@pytest.mark.parametrize("names", [ASKED, [*SPECS]])
def test_a_study_of_them_plans(names, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    plan = planned(FILE, benchmarks=names, exclude=[], latency={"cells": []})
    assert {cell.benchmark for cell in plan.grid.cells} == {*names}
    keys = {plan.keys.prediction_key(cell) for cell in plan.grid.cells}
    assert len(keys) == len(plan.grid.cells)
