"""The files under config/: every one is valid, and names what is there."""

import os
import re
import shutil
import subprocess
import sys

import pytest
import yaml

from prunegrid import plugins
from prunegrid.study.compute_plan import compute_plan
from prunegrid.study.preflight import check_inputs
from tests.study.plans import HOME, planned

FILES = sorted((HOME / "config").glob("*.yaml"))
CATALOGUE = yaml.safe_load((HOME / "config/models.yaml").read_text(encoding="utf-8"))["model_specs"]
PUBLISHED = ["aokvqa", "scienceqa", "pope", "nocaps", "flickr30k"]
# Names of the hub's repositories, as their owners publish them.
REPOSITORIES = {
    "llava-hf/llava-1.5-7b-hf": 32,
    "llava-hf/llava-1.5-13b-hf": 40,
    "llava-hf/llava-v1.6-vicuna-7b-hf": 32,
    "llava-hf/llava-onevision-qwen2-7b-ov-hf": 28,
    "Qwen/Qwen2.5-VL-7B-Instruct": 28,
    "Qwen/Qwen3-VL-8B-Instruct": 36,
    "OpenGVLab/InternVL3-8B-hf": 28,
    "HuggingFaceTB/SmolVLM2-2.2B-Instruct": 24,
}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_file_is_valid_and_plans(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    plan = planned(file)
    assert plan.grid.cells
    for model in plan.config["models"]:
        spec = plan.config["model_specs"][model]
        assert plan.inputs.is_local(spec["path"]) or spec["path"] in REPOSITORIES
    for benchmark in plan.config["benchmarks"]:
        path = plan.config["benchmark_specs"][benchmark].get("path")
        adapter = plugins.describe("benchmarks", plan.config["benchmark_specs"][benchmark]["adapter"])
        assert path is None or path in adapter["hub_ids"] or path.startswith("resources/demo/")
    told = check_inputs(plan.inputs)
    if plan.config["benchmarks"] == PUBLISHED:
        assert len(told) == len(plan.config["models"]) + len(PUBLISHED), "all of it is on the hub"
        assert all("snakemake download" in line for line in told)
    for model in plan.config["models"]:
        names = [cell for bundle in plan.bundles(model).values() for cell in bundle]
        assert len({plan.keys.prediction_key(cell) for cell in names}) == len(names)


def test_every_model_of_the_catalogue_has_a_file_that_differs_by_its_name_alone():
    studies = {}
    for name in CATALOGUE:
        study = yaml.safe_load((HOME / f"config/{name}.yaml").read_text(encoding="utf-8"))
        assert study.pop("models") == [name]
        studies[name] = study
    first = next(iter(studies.values()))
    assert all(study == first for study in studies.values())
    assert first["benchmarks"] == PUBLISHED


def test_the_catalogue_says_what_a_job_needs():
    assert {spec["path"]: spec["layers"] for spec in CATALOGUE.values()} == REPOSITORIES
    for spec in CATALOGUE.values():
        assert {"dtype", "mem_mb", "runtime", "gpus"} <= set(spec)
        assert re.fullmatch("[0-9a-f]{40}", spec.get("revision", "0" * 40))


def test_the_published_sets_are_where_they_are_published():
    where = {
        name: (found["hub_ids"], found["hub_config"], found["hub_split"])
        for name in PUBLISHED
        for found in [plugins.describe("benchmarks", name)]
    }
    assert where == {
        "aokvqa": (("HuggingFaceM4/A-OKVQA",), None, "validation"),
        "scienceqa": (("lmms-lab-encoder/ScienceQA", "lmms-lab/ScienceQA"), "ScienceQA-IMG", "test"),
        "pope": (("lmms-lab-encoder/POPE", "lmms-lab/POPE"), None, "test"),
        "nocaps": (("lmms-lab-encoder/NoCaps", "lmms-lab/NoCaps"), None, "validation"),
        "flickr30k": (("lmms-lab-encoder/flickr30k", "lmms-lab/flickr30k"), None, "test"),
    }


def test_a_study_is_a_matter_of_choosing_names(tmp_path):
    study = tmp_path / "my.yaml"
    study.write_text(f"models: [llava-1.5-7b, qwen2.5-vl-7b]\nbenchmarks: [{', '.join(PUBLISHED)}]\n")
    plan = planned(study)
    # The demo's batches are the demo's.
    assert plan.config["batch_size"] == "auto"
    assert {cell.benchmark for cell in plan.grid.cells} == set(PUBLISHED)
    assert {cell.model for cell in plan.grid.cells} == {"llava-1.5-7b", "qwen2.5-vl-7b"}
    study.write_text("model_specs: {llava-1.5-7b: {batch_size: 2}}")
    spec = planned(study).config["model_specs"]["llava-1.5-7b"]
    assert spec == {**CATALOGUE["llava-1.5-7b"], **spec, "batch_size": 2}


def test_controls_go_over_the_study_of_a_model():
    plan = planned(HOME / "config/llava-1.5-7b.yaml", HOME / "config/controls.yaml")
    assert plan.config["models"] == ["llava-1.5-7b"]
    assert plan.config["benchmarks"] == PUBLISHED
    assert any(cell.criterion == "attention-reversed" for cell in plan.grid.cells)


def test_the_ablation_is_at_the_published_setting(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    ablation = HOME / "config/himap-ablation.yaml"
    for model, name in (("llava-1.5-7b", "7b"), ("llava-1.5-13b", "13b")):
        commit = CATALOGUE[model].get("revision", "a" * 40)
        folder = tmp_path / f"models--llava-hf--llava-1.5-{name}-hf"
        snapshot = folder / "snapshots" / commit
        snapshot.mkdir(parents=True)
        (folder / "refs").mkdir()
        (folder / "refs/main").write_text(commit)
        shutil.copy(HOME / f"tests/fixtures/hub_configs/llava-1.5-{name}-hf.json", snapshot / "config.json")
    few = {"strategies": ["hierarchical", "exit"], "criteria": ["attention"], "benchmarks": ["pope"]}
    plan = planned(ablation, **few)
    rows = compute_plan(plan).set_index(["model", "strategy", "ratio"])
    for model, ratio, unpruned, pruned in (
        ("llava-1.5-7b", 0.75, 2.986, 0.735),
        ("llava-1.5-13b", 0.775, 5.813, 1.291),
    ):
        cell = rows.loc[(model, "hierarchical", ratio)]
        assert cell["schedule"] == "2:288 8:72"
        assert cell["tflops_published"] == pytest.approx(pruned, abs=5e-4)
        assert rows.loc[(model, "none", 0.0), "tflops_published"] == pytest.approx(unpruned, abs=5e-4)
        assert (model, "exit", ratio) in rows.index


def test_the_ablation_has_what_its_two_tables_show():
    plan = planned(HOME / "config/himap-ablation.yaml")
    axes = {(c.model, c.strategy, c.criterion, c.ratio, c.seed) for c in plan.grid.cells}
    tables = plan.config["tables"]
    for model, ratio in (("llava-1.5-7b", 0.75), ("llava-1.5-13b", 0.775)):
        for strategy in ("hierarchical", "uniform", "constant", "single"):
            for criterion in tables["fixed_criteria"]:
                assert (model, strategy, criterion, ratio, 0) in axes
        for criterion in ("norm", "norm_input", "random", "gradient"):
            assert (model, "hierarchical", criterion, ratio, 0) in axes
        seeds = {seed for m, s, c, r, seed in axes if (m, s, c, r) == (model, "random", "attention", ratio)}
        assert len(seeds) == 10
        mismatched = {seed for m, s, *_, seed in axes if (m, s) == (model, "mismatched")}
        assert mismatched == {0, 1, 2}
    assert len(axes) * len(PUBLISHED) == 2325, "the number that the file tells"


@pytest.mark.parametrize(
    "name", [pytest.param("himap-ablation", marks=pytest.mark.exhaustive), "smolvlm2-2.2b"]
)
def test_a_dry_run_needs_no_download_and_a_run_does(name, tmp_path):
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--snakefile", HOME / "Snakefile"]
    command += ["--configfile", HOME / f"config/{name}.yaml"]
    environment = {**os.environ, "HF_HUB_CACHE": str(tmp_path / "cache"), "PYTHONPATH": str(HOME / "src")}

    def run(*arguments):
        return subprocess.run(
            [*command, *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    # All cells of every file are planned above; snakemake meets those of the larger one in `make test-all`.
    few = (
        []
        if name == "himap-ablation"
        else ["--config", "benchmarks=[pope]", "criteria=[norm]", "ratios=[0.5]"]
    )
    dry = run("--dry-run", "--quiet", "rules", *few)
    assert dry.returncode == 0, dry.stderr[-3000:]
    assert "to be downloaded before a run:" in dry.stderr
    if name == "smolvlm2-2.2b":
        real = run(*few)
        assert real.returncode == 1
        assert "not on this machine:" in real.stderr
        assert "run `snakemake download" in real.stderr
        assert "Traceback" not in real.stderr
        assert not list(tmp_path.rglob("*.done"))
