"""A model is what its files hold: weights that are missing, misshapen or left over are refused by name."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from prunegrid.errors import ConfigError
from prunegrid.predict.loading import load_model
from prunegrid.predict.prompts import PromptMaker
from tests.predict.runs import MODEL, make_samples


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(MODEL, tmp_path / "model")


def change(folder: Path, *remove: str, **put: torch.Tensor) -> None:
    file = folder / "model.safetensors"
    weights = load_file(file)
    names = {
        name.rsplit("layers.3.", 1)[-1]: name for name in weights if "layers.3." in name and "mlp" in name
    }
    for name in remove:
        del weights[names[name]]
    weights |= {names.get(name, name): tensor for name, tensor in put.items()}
    save_file(weights, file, metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("remove", "put", "told"),
    [
        (
            ("mlp.up_proj.weight", "mlp.down_proj.weight"),
            {},
            r"2 weights are missing, .*layers\.3\.mlp\.down_proj",
        ),
        (
            (),
            {"mlp.up_proj.weight": torch.zeros(4, 4)},
            r"1 weights have another shape: .*up_proj.* \[4, 4\] for \[",
        ),
        (
            (),
            {"adapter.weight": torch.zeros(2)},
            r"1 weights belong to nothing in the model: adapter\.weight",
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused_by_name(folder, remove, put, told):
    change(folder, *remove, **put)
    with pytest.raises(ConfigError, match=rf"the weights of '.*model' do not fit its config\.json: {told}"):
        load_model(str(folder), {})


def test_a_processor_without_patch_size_is_refused(folder):
    file = folder / "processor_config.json"
    settings = json.loads(file.read_text())
    settings["patch_size"] = None
    file.write_text(json.dumps(settings))
    with pytest.raises(ConfigError, match=r"the processor of '.*' has no patch_size"):
        load_model(str(folder), {})


CUT = {"direction": "Right", "max_length": 150, "strategy": "LongestFirst", "stride": 0}
PAD = {"strategy": {"Fixed": 2000}, "direction": "Left", "pad_to_multiple_of": None}
PAD |= {"pad_id": 0, "pad_type_id": 0, "pad_token": "<pad>"}


@pytest.fixture(scope="module")
def long_prompt():
    """Return a sample, and how many tokens its prompt has."""
    sample = make_samples(1)[0]
    sample = replace(sample, prompt=sample.prompt + " Really?" * 20)
    n_tokens = PromptMaker(load_model(str(MODEL), {})).n_tokens(sample)
    assert n_tokens > CUT["max_length"]
    return sample, n_tokens


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("tokenizer.json", {"truncation": CUT, "padding": PAD}),
        ("tokenizer_config.json", {"max_length": 150, "truncation": True}),
        ("tokenizer_config.json", {"max_length": 2000, "padding": "max_length"}),
        ("tokenizer_config.json", {"pad_to_multiple_of": 64, "padding": True}),
    ],
)
def test_a_tokenizer_that_cuts_or_pads_takes_prompts_whole(folder, long_prompt, name, settings):
    """A prompt beyond the context is the documented error, and not cut to fit."""
    sample, whole = long_prompt
    file = folder / name
    file.write_text(json.dumps(json.loads(file.read_text()) | settings))
    loaded = load_model(str(folder), {})
    maker = PromptMaker(loaded)
    assert maker.n_tokens(sample) == whole
    loaded.model.config.text_config.max_position_embeddings = whole - 1
    (prompt,) = maker.prompts([sample])
    assert f"the prompt has {whole} tokens, the model's context" in prompt.error
