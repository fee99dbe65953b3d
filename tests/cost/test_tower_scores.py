"""FLOPs of what criteria read of the vision tower, against a count of the tower with and without it."""

import numpy as np
import pytest
import torch

from prunegrid.cost.ledger import TERA, TokenCounts, sample_compute
from prunegrid.cost.tower_scores import tower_score_flops
from prunegrid.pruning.families import family_of
from prunegrid.pruning.tower import features_with_maps
from prunegrid.pruning.vision_maps import OF_CLASS_TOKEN, VisionMap
from tests.cost.counting import counted
from tests.pruning.tiny import N_LAYERS
from tests.pruning.tiny_families import FAMILIES

TOLERANCE = 0.01


@pytest.fixture(scope="module", params=FAMILIES)
def tower(request):
    family = FAMILIES[request.param]
    model = family.model()
    model.set_attn_implementation("eager")
    return family_of(request.param), model, family.request(model, "two", 2, 9, False).images


def extra(family, model, pixels, kind, layer):
    """Return the FLOPs that noting a map adds to the tower's own."""
    with torch.no_grad():
        maps = [VisionMap(kind, layer)]
        whole = counted(lambda: features_with_maps(family, model, pixels, maps))
        return whole - counted(lambda: family.features(model, [pixels]))


@pytest.mark.parametrize(
    ("kind", "cost"),
    [
        ("attention_received", "tower_rows"),
        ("attention_of_all", "tower_all_rows"),
        ("cls_attention", "cls_row"),
        ("cls_similarity", "cls_joined_row"),
        ("keys", None),
    ],
)
def test_rows_of_attention(tower, kind, cost):
    family, model, pixels = tower
    config = model.config.to_dict()
    if kind in OF_CLASS_TOKEN and not family.has_class_token(config):
        return
    grids = family.grids(model.config, pixels)
    # Windows in some layers of one family, and not in others.
    for layer in range(-len(family.tower_layers(model)), 0):
        words = cost and f"hidden+{cost}@{layer}"
        ledger = tower_score_flops(config, grids, [words])
        assert extra(family, model, pixels, kind, layer) == pytest.approx(ledger, rel=TOLERANCE)
        assert bool(ledger) == (cost is not None)
        # However many cuts read it.
        assert tower_score_flops(config, grids, [words, None, words]) == ledger


def test_it_is_booked_as_scoring(tower):
    family, model, pixels = tower
    config, grids = model.config.to_dict(), family.grids(model.config, pixels)
    tokens = np.full(N_LAYERS, 20)
    tokens[2:] = 10
    sample = TokenCounts(tokens, 20, 15, 9, grids=grids)

    def booked(cost, pruned=True):
        return sample_compute(config, sample, [(2, cost)], pruned=pruned, eager=False)

    with_rows, without = booked("tower_rows"), booked(None)
    more = tower_score_flops(config, grids, ["tower_rows"]) / TERA
    assert with_rows["tflops_scoring"] == pytest.approx(more)
    assert with_rows["tflops_total"] - without["tflops_total"] == pytest.approx(more)
    assert with_rows["tflops_vision"] == without["tflops_vision"]
