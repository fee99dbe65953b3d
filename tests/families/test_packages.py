"""Families that need more than the base installation say so, once, and in a word."""

import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from transformers import AutoConfig

from prunegrid.errors import ConfigError, PruningError
from prunegrid.jobs.job_log import job_log
from prunegrid.predict.loading import greedy, load_model
from prunegrid.pruning.families import family_of, supported_models
from tests.families.checkpoints import RECIPES, raw_settings

NEEDY = ["internvl", "llava_onevision", "qwen2_5_vl", "qwen2_vl", "qwen3_vl", "smolvlm"]
PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]


@pytest.mark.parametrize("name", RECIPES)
def test_where_each_family_is_tested(name, checkpoint):
    """Skipped by name where a package is missing; `make test-families` fails instead."""
    checkpoint(name)


def test_which_families_need_packages():
    assert [name for name in supported_models() if family_of(name).packages] == NEEDY


def test_the_extra_holds_all_packages():
    wanted = {package for name in NEEDY for package in family_of(name).packages}
    assert {line.partition("==")[0] for line in PROJECT["optional-dependencies"]["families"]} == wanted


@pytest.fixture(scope="module")
def configured(tmp_path_factory):
    """Return a function: family -> a folder with nothing but its `config.json`."""

    def folder(name):
        path = tmp_path_factory.mktemp(name)
        AutoConfig.for_model(name, **raw_settings(name)).save_pretrained(path)
        return path

    return folder


@pytest.mark.parametrize("name", NEEDY)
def test_a_missing_package_is_one_clear_error(name, configured, monkeypatch, tmp_path, capsys):
    """Before anything large is read; a job ends with this line alone."""
    package = family_of(name).packages[-1]
    for other in family_of(name).packages[:-1]:
        monkeypatch.setitem(sys.modules, other, sys)
    monkeypatch.setitem(sys.modules, package, None)
    folder = configured(name)
    with pytest.raises(SystemExit) as ended, job_log(tmp_path / "log", "job"):
        load_model(str(folder), {})
    line = str(ended.value)
    assert f"ConfigError: model_specs: the processor of '{folder}' needs {package}" in line
    assert "pip install 'prunegrid[families]'" in line
    assert "\n" not in line
    assert capsys.readouterr().err == ""


def test_a_torchvision_that_does_not_fit_torch_is_the_same_error(configured, monkeypatch):
    def broken(name):
        raise RuntimeError("operator torchvision::nms does not exist")

    folder = configured("qwen2_vl")
    monkeypatch.setattr("prunegrid.predict.loading.importlib", SimpleNamespace(import_module=broken))
    with pytest.raises(ConfigError, match=r"nms does not exist.*prunegrid\[families\]"):
        load_model(str(folder), {})


def test_an_unsupported_family_is_refused_before_it_is_loaded(tmp_path):
    AutoConfig.for_model("paligemma").save_pretrained(tmp_path)
    with pytest.raises(PruningError, match=r"'paligemma' is not supported: .*valid: gemma3"):
        load_model(str(tmp_path), {})


def test_a_folder_without_a_model_is_one_clear_error(tmp_path):
    with pytest.raises(ConfigError, match="model_specs: cannot load"):
        load_model(str(tmp_path), {})


@pytest.mark.parametrize("name", RECIPES)
def test_only_the_ids_of_a_checkpoints_generation_settings_stay(name):
    from transformers import GenerationConfig

    ids = {"eos_token_id": [5, 7], "pad_token_id": 3, "suppress_tokens": [9], "bad_words_ids": [[11]]}
    found = greedy(GenerationConfig(**ids, **RECIPES[name].generation)).to_diff_dict()
    assert {key: found.get(key) for key in ids} == ids
    assert not set(found) & set(RECIPES[name].generation) - {"do_sample"}
    assert not found.get("do_sample")
