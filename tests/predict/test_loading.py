"""A model is what its files hold: weights that are missing, misshapen or left over are refused by name."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from prunegrid.errors import ConfigError
from prunegrid.predict.loading import load_model
from tests.predict.runs import MODEL


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
