"""A model family in a user's own folder: found, pruned, and its vision tower counted."""

from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoConfig, AutoModelForImageTextToText

from prunegrid import expected_compute, prune, supported_models
from prunegrid.cost.vision import vision_flops
from prunegrid.errors import PruningError
from prunegrid.plugin_folders import VARIABLE
from prunegrid.pruning.families import family_of
from tests.pruning.tiny_families import TEXT_CONFIG, VISION_CONFIG

OWN = '''"""VipLLaVA (arXiv 2312.00784): LLaVA-1.5 on several layers of CLIP."""

from prunegrid import Family
from prunegrid.cost.vit import vit_flops


class VipLlava(Family):
    """Every picture is one tile, every patch one token."""

    one_tile = True

    def vision_flops(self, config, grid):
        vision, width = config["vision_config"], config["text_config"]["hidden_size"]
        tiles, rows, columns = grid
        features = len(config["vision_feature_layer"]) * vision["hidden_size"]
        projector = 2 * tiles * rows * columns * (features * width + width**2)
        return vit_flops(vision, grid, class_token=True) + projector

    def tile_tokens(self, config):
        vision = config["vision_config"]
        return (vision["image_size"] // vision["patch_size"]) ** 2
'''
N_IMAGE, IMAGE_ID = 36, 99


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of plug-ins with one family."""
    file = tmp_path / "models" / "vipllava.py"
    file.parent.mkdir()
    file.write_text(OWN)
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    return file


def tiny_model():
    config = AutoConfig.for_model(
        "vipllava",
        text_config={**TEXT_CONFIG, "model_type": "llama"},
        vision_config={**VISION_CONFIG, "model_type": "clip_vision_model"},
        vision_feature_layer=[-2, -1],
        image_token_id=IMAGE_ID,
    )
    torch.manual_seed(0)
    return AutoModelForImageTextToText.from_config(config, attn_implementation="eager").eval()


def test_it_is_pruned_and_counted(own: Path) -> None:
    assert "vipllava" in supported_models()
    model = tiny_model()
    ids = torch.tensor([[3, 4, *[IMAGE_ID] * N_IMAGE, 5, 6, 7]])
    pixels = torch.randn(1, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    with prune(model, "single", "norm", 0.5, strategy_options={"layer": 2}) as pruning, torch.no_grad():
        model(input_ids=ids, pixel_values=pixels)
    ((_, kept),) = pruning.kept[0]
    assert pruning.schedule == [[(2, len(kept))]]
    assert 0 < len(kept) < N_IMAGE
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model.model.get_image_features(pixel_values=pixels)
    config = model.config.to_dict()
    grids = family_of("vipllava").grids(model.config, {"pixel_values": pixels})
    flops = vision_flops(config, grids)
    assert flops == pytest.approx(counter.get_total_flops(), rel=0.01)
    expected = expected_compute(config, "single", "norm", 0.5, strategy_options={"layer": 2})
    assert (expected["image_tokens"], expected["tflops_vision"]) == (N_IMAGE, flops / 1e12)


def test_its_folder_alone_makes_it_known(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert type(family_of("vipllava")).__name__ == "VipLlava"
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(PruningError, match=r"'vipllava' is not supported: did you mean 'llava'\?"):
        family_of("vipllava")


def test_what_it_does_not_define_is_named_with_its_file(own: Path) -> None:
    own.write_text(OWN.partition("    def tile_tokens")[0])
    with pytest.raises(PruningError, match=rf"{own}: .*VipLlava.*tile_tokens"):
        family_of("vipllava")
