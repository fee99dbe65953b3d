"""The job of a check: a table, check.json, and an error that names the step that failed."""

import json
from pathlib import Path

import pytest
import yaml
from safetensors.torch import load_file, save_file

from prunegrid.errors import PrunegridError
from prunegrid.jobs import check_model as job
from prunegrid.study.config import validate
from prunegrid.study.descriptions import describe_check
from prunegrid.study.plan import Plan
from tests.benchmarks import worlds
from tests.study.plans import HOME, SCHEMA
from tests.workflow.checkpoint import N_IMAGE, write_checkpoint


@pytest.fixture
def plan(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    worlds.write(tmp_path / "data.parquet", "pope")
    write_checkpoint(tmp_path / "model")
    config = yaml.safe_load((HOME / "config.yaml").read_text())
    config |= {
        "models": ["tiny"],
        "model_specs": {"tiny": {"path": str(tmp_path / "model"), "image_tokens": N_IMAGE}},
        "benchmarks": ["seen"],
        "benchmark_specs": {"seen": {"adapter": "pope", "path": "data.parquet"}},
        "batch_size": 2,
        "latency": {},
        "exclude": [],
    }
    return Plan(validate(config, SCHEMA), HOME)


def test_it_prints_a_table_and_writes_what_it_found(plan, capsys):
    job.check_model(plan, "tiny", threads=1)
    printed = capsys.readouterr().out
    found = json.loads(Path("results/tiny/check.json").read_text())
    assert found["passed"] is True
    assert [step["step"] for step in found["steps"]] == [
        line.split("  ")[0] for line in printed.splitlines()[1:] if not line.startswith(" ")
    ]
    assert {"load_seconds", "read_seconds_per_sample", "prefill_flops_per_second"} <= set(found["pace"])
    described = describe_check(plan, "tiny")
    assert {name: found[name] for name in ("code", "weights")} == {
        name: described[name] for name in ("code", "weights")
    }
    assert described["state"]


def test_a_missing_weight_fails_the_job_by_name(plan, tmp_path, capsys):
    file = tmp_path / "model/model.safetensors"
    weights = load_file(file)
    (gone,) = [name for name in weights if "layers.3.mlp.down_proj" in name]
    save_file({name: tensor for name, tensor in weights.items() if name != gone}, file, {"format": "pt"})
    with pytest.raises(PrunegridError, match=r"tiny: the check failed: loads whole; see results/tiny"):
        job.check_models(plan, threads=1)
    assert "layers.3.mlp.down_proj" in capsys.readouterr().out
    assert json.loads(Path("results/tiny/check.json").read_text())["passed"] is False
