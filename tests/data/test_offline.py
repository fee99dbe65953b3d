"""A job that would need the hub ends at once, and says what to run."""

import json

import pytest

from prunegrid.errors import ConfigError
from prunegrid.jobs.job_log import job_log
from prunegrid.jobs.predict import predict
from prunegrid.study.config import validate
from prunegrid.study.plan import Plan
from prunegrid.study.preflight import check_model
from tests.benchmarks import worlds
from tests.study.plans import HOME, SCHEMA, configuration

COMMIT = "a" * 40
SHARDS = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def snapshot(cache, name="models--owner--model"):
    """Make the folder of a downloaded repository."""
    folder = cache / name / "snapshots" / COMMIT
    folder.mkdir(parents=True)
    (cache / name / "refs").mkdir()
    (cache / name / "refs/main").write_text(COMMIT)
    return folder


def run(tmp_path, **changes):
    config = validate(configuration(strategies=["blind"], **changes), SCHEMA)
    plan = Plan(config, HOME)
    keys = [plan.keys.prediction_key(cell) for cell in plan.bundles("m")["b-0000"]]
    with job_log(tmp_path / "log", "m b"):
        predict(config, HOME, ("m", "b-0000"), "", keys, 1)


HUB_MODEL = {"m": {"path": "owner/model", "layers": 8}}
HUB_DATA = {"b": {"adapter": "pope"}}


def test_without_its_model(tmp_path, cache):
    worlds.write(tmp_path / "data.parquet", "pope")
    with pytest.raises(SystemExit, match=r"m b: NotDownloadedError: .*owner/model .*run `snakemake download"):
        run(tmp_path, model_specs=HUB_MODEL)


def test_without_its_data(tmp_path, cache):
    demo = {"m": {"path": str(HOME / "demo/model")}}
    with pytest.raises(
        SystemExit, match=r"NotDownloadedError: benchmark_specs\.b: .*run `snakemake download`"
    ):
        run(tmp_path, model_specs=demo, benchmark_specs=HUB_DATA)


def test_with_half_of_its_model(tmp_path, cache):
    worlds.write(tmp_path / "data.parquet", "pope")
    folder = snapshot(cache)
    (folder / "config.json").write_text(json.dumps({"model_type": "llava", "num_hidden_layers": 8}))
    with pytest.raises(SystemExit, match=r"is without model\.safetensors: run `snakemake download"):
        run(tmp_path, model_specs=HUB_MODEL)
    (folder / "model.safetensors.index.json").write_text(json.dumps(SHARDS))
    (folder / "model-00001-of-00002.safetensors").write_bytes(b"")
    with pytest.raises(SystemExit, match=r"is without model-00002-of-00002\.safetensors: run `snakemake"):
        run(tmp_path, model_specs=HUB_MODEL)


def test_half_a_model_of_ones_own_is_not_to_be_downloaded(tmp_path, cache):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "llava", "num_hidden_layers": 8}))
    (folder / "pytorch_model.bin").write_bytes(b"a pickle")
    plan = Plan(validate(configuration(model_specs={"m": {"path": "mine"}}), SCHEMA), HOME)
    with pytest.raises(ConfigError, match=r"mine is without model\.safetensors; .* safetensors files alone"):
        check_model(plan.inputs, "m")
