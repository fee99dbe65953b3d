"""What the profiles ask Snakemake for, seen in dry runs; `make test-cluster` submits to a real Slurm."""

import os
import re

import pytest
import yaml

from tests.workflow.study import HOME, Study

CONFIG = {
    "model_specs": {"demo": {"mem_mb": 16000, "runtime": 90, "gpus": 2}},
    "benchmarks": ["shapes-pope"],
    "benchmark_specs": {"shapes-pope": {"limit": 4}},
    "strategies": ["uniform"],
    "criteria": ["norm"],
    "ratios": [0.505],
    "seeds": [0],
}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return Study(tmp_path_factory.mktemp("profiles") / "project", CONFIG)


def resources(study, *arguments, profile="profiles/slurm"):
    """Return rule -> resources of its last job in a dry run."""
    output = study.run("--dry-run", "--logger-prunegrid-full", "--profile", profile, *arguments)
    found = re.findall(r"rule (\w+):\n(?: .*\n)*? +resources: (.*)\n", output)
    assert found, output
    return {rule: dict(part.split("=") for part in text.split(", ")) for rule, text in found}


def test_every_profile_repeats_the_default():
    default = yaml.safe_load((HOME / "profiles/default/config.yaml").read_text())
    profiles = sorted(HOME.glob("profiles/*/config.yaml"))
    assert len(profiles) > 1
    for file in profiles:
        assert default.items() <= yaml.safe_load(file.read_text()).items(), file


def test_slurm_gives_gpus_to_predictions_alone(study):
    asked = resources(study)
    predict = asked.pop("predict")
    assert predict["slurm_partition"] == "gpu"
    assert [predict[name] for name in ("mem_mb", "runtime", "gpu")] == ["16000", "90", "2"]
    assert {"render_benchmark", "score", "build_tables", "plot_tradeoff", "write_report"} < set(asked)
    for rule, needs in asked.items():
        assert needs["slurm_partition"] == "cpu", rule
        assert "gpu" not in needs, rule
        assert int(needs["mem_mb"]) >= 4000, rule
        assert int(needs["runtime"]) >= 60, rule


def test_a_retry_asks_for_more(study):
    first, third = resources(study), resources(study, "--attempt", "3")
    for rule, needs in first.items():
        for name in ("mem_mb", "runtime"):
            assert int(third[rule][name]) == 3 * int(needs[name]), (rule, name)
    assert third["predict"]["gpu"] == "2"


def test_a_cluster_is_told_no_number_of_cores(tmp_path):
    """A dry run has all cores whatever it is told; a list of all files has none."""
    latency = {"cells": [{"strategy": "uniform"}], "batch_sizes": [1]}
    study = Study(tmp_path / "project", {**CONFIG, "latency": latency}, cores=None)
    assert "measure_latency" in study.run("--summary", "--profile", "profiles/slurm")
    asked = resources(study)["measure_latency"]
    assert [asked[name] for name in ("slurm_partition", "gpu")] == ["gpu", "2"]


def test_a_site_has_its_own_partitions(study):
    site = """
default-resources:
  slurm_account: lab
  slurm_partition: short
  mem_mb: attempt * 3000
  runtime: attempt * 20
set-resources:
  predict:
    slurm_partition: "'large' if wildcards.model == 'demo' else 'small'"
    gpu_model: a100
"""
    (study.folder / "site.yaml").write_text(site)
    asked = resources(study, "--profile", "site.yaml")
    assert asked["predict"]["slurm_partition"] == "large"
    assert asked["predict"]["gpu_model"] == "a100"
    assert asked["predict"]["mem_mb"] == "16000"
    assert asked["score"]["slurm_partition"] == "short"
    assert asked["score"]["mem_mb"] == "3000"
    assert {needs["slurm_account"] for needs in asked.values()} == {"lab"}


def test_local_jobs_ask_for_devices(study):
    asked = resources(study, "--resources", "gpu=4", profile="profiles/local-gpus")
    assert asked["predict"]["gpu"] == "2"
    assert not any("gpu" in needs for rule, needs in asked.items() if rule != "predict")


def test_fewer_devices_than_a_job_needs_are_refused(study):
    output = study.run("--dry-run", "--profile", "profiles/local-gpus", check=False)
    assert "model_specs.demo.gpus is 2, but `--resources gpu=1`" in output
    assert "Traceback" not in output


@pytest.fixture
def devices(tmp_path, monkeypatch):
    """The names of three pretended devices, of which two are to be used."""
    tool = tmp_path / "nvidia-smi"
    names = [f"GPU-{number}-{tmp_path.name}" for number in range(3)]
    rows = "".join(f"echo {number}, {device}\n" for number, device in enumerate(names))
    tool.write_text(f"#!/bin/sh\n{rows}")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,0")
    return names


def test_local_jobs_hold_their_devices_and_wait_without_a_core(study, devices):
    study.run("--cores", "4", "--config", "bundle_size=1", "--until", "predict")
    assert re.search(r"^Provided resources: .*\bgpu\W+2\b", study.log(), re.M), study.log()
    logs = [file.read_text() for file in (study.folder / "results/logs/predict/demo").glob("*.log")]
    assert len(logs) == 2
    for log in logs:
        assert f"holds {devices[2]}, {devices[0]}\n" in log
        assert "waits until" not in log


def test_a_device_has_as_many_slots_as_are_asked_for(study, devices):
    shared = ["--config", "slots_per_gpu=3", "--until", "predict", "--forcerun", "predict"]
    study.run("--profile", "profiles/local-gpus", "--resources", "gpu=2", *shared)
    assert re.search(r"^Provided resources: .*\bgpu\W+6\b", study.log(), re.M), study.log()


def test_a_machine_with_fewer_devices_is_refused(study, devices, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    output = study.run("--dry-run", check=False)
    assert "model_specs.demo.gpus is 2, but this machine shows 1: change" in output
    assert "Traceback" not in output
