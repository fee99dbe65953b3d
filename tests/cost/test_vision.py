"""The ledger of vision towers against torch's own count, on the towers as they run."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForImageTextToText
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from prunegrid.cost.vision import vision_flops
from prunegrid.pruning.patch_grid import default_grid
from tests.cost.towers import CASES


@pytest.mark.parametrize("case", CASES)
def test_vision_flops_are_those_of_the_tower(case):
    settings, inputs, grids = CASES[case]
    config = CONFIG_MAPPING[case.split()[0]].from_dict(settings)
    # The counter does not know the fused attention of a CPU; eager attention does the same products.
    model = AutoModelForImageTextToText.from_config(config, attn_implementation="eager").eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model.get_image_features(**inputs)
    assert vision_flops(config.to_dict(), grids) == pytest.approx(counter.get_total_flops(), rel=0.01)


def test_default_grid_is_the_towers_own_size():
    assert default_grid({"vision_config": {"image_size": 336, "patch_size": 14}}) == (1, 24, 24)
    assert default_grid({"vision_config": {"image_size": [448, 448], "patch_size": [14, 14]}}) == (1, 32, 32)
