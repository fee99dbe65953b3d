"""What is noted of every family's vision tower, against attention row by row and tokens patch by patch."""

import pytest
import torch

from prunegrid.errors import PruningError
from prunegrid.pruning.families import family_of
from prunegrid.pruning.tower import TowerWatch, features_with_maps
from prunegrid.pruning.vision_maps import KINDS, OF_CLASS_TOKEN, VisionMap, tower_layer
from tests.pruning.slow_tower import slowly
from tests.pruning.tiny_families import FAMILIES

HAVE_CLASS_TOKEN = ("llava", "llava_next", "internvl")
PROJECT_TOKENS = (*HAVE_CLASS_TOKEN, "llava_onevision")
# Ours is float32, theirs float64: some hundred sums of numbers around 1.
TOLERANCE = 1e-5


def kinds_of(name):
    lacking = set() if name in HAVE_CLASS_TOKEN else {*OF_CLASS_TOKEN}
    lacking |= {"places"} if name.startswith("qwen") else set()
    lacking |= set() if name in PROJECT_TOKENS else {"projector_inputs"}
    return [kind for kind in KINDS if kind not in lacking]


@pytest.fixture(scope="module", params=FAMILIES)
def tiny(request):
    family = FAMILIES[request.param]
    model = family.model()
    return request.param, model, [one for one in family.requests(model) if one.images]


def noted(name, model, request, maps):
    with torch.no_grad():
        if maps:
            return features_with_maps(family_of(name), model, request.images, maps)
        (found,) = family_of(name).features(model, [request.images])
    return found


def test_maps_are_over_the_image_tokens_and_change_no_feature(tiny):
    name, model, requests = tiny
    maps = [VisionMap(kind, -1) for kind in kinds_of(name)]
    for request in requests:
        plain, found = noted(name, model, request, []), noted(name, model, request, maps)
        assert plain.vision == {}
        assert all(torch.equal(a, b) for a, b in zip(found.images, plain.images, strict=True))
        n_tokens = sum(image.reshape(-1, image.shape[-1]).shape[0] for image in plain.images)
        assert {one.name for one in maps} == found.vision.keys()
        assert {len(value) for value in found.vision.values()} == {n_tokens}
        assert {value.dtype for value in found.vision.values()} == {torch.float32}


@pytest.mark.parametrize("kind", KINDS)
def test_maps_are_those_of_a_loop(tiny, kind):
    name, model, requests = tiny
    if kind not in kinds_of(name):
        return
    layers = len(family_of(name).tower_layers(model))
    for request in requests[:3]:
        for layer in {-1, -layers}:
            found = noted(name, model, request, [VisionMap(kind, layer)]).vision[f"{kind}@{layer}"]
            expected = slowly(kind, name, family_of(name), model, request.images, layer)
            torch.testing.assert_close(found.double(), expected.double(), atol=TOLERANCE, rtol=TOLERANCE)
        # So that another order of tokens would be seen; a class token of zeros looks at all alike first.
        if kind not in ("places", "grid", "projector_inputs") and (layers > 1 or kind not in OF_CLASS_TOKEN):
            last = slowly(kind, name, family_of(name), model, request.images, -1)
            assert last.std(0).min() > 10 * TOLERANCE


def test_a_tower_without_a_class_token_is_refused_by_name(tiny):
    name, model, _ = tiny
    for kind in OF_CLASS_TOKEN:
        if name in HAVE_CLASS_TOKEN:
            TowerWatch(family_of(name), model, [VisionMap(kind, -1)])
        else:
            with pytest.raises(PruningError, match=f"{name}.*no class token"):
                TowerWatch(family_of(name), model, [VisionMap(kind, -1)])


def test_places_within_tiles_are_refused_where_there_are_none(tiny):
    name, model, _ = tiny
    if "places" not in kinds_of(name):
        with pytest.raises(
            PruningError, match=f"{name}' takes pictures at their own size.*there are no tiles"
        ):
            TowerWatch(family_of(name), model, [VisionMap("places", -1)])


def test_a_projector_that_is_not_of_tokens_is_refused(tiny):
    name, model, _ = tiny
    if name not in PROJECT_TOKENS:
        with pytest.raises(PruningError, match=rf"family of '{name}' does not say .*\(projector\)"):
            TowerWatch(family_of(name), model, [VisionMap("projector_inputs", -1)])


def test_the_projector_makes_the_features_of_its_inputs(tiny):
    name, model, requests = tiny
    if name not in HAVE_CLASS_TOKEN:
        return
    family, width = family_of(name), family_of(name).projector_width(model.config.to_dict())
    for request in requests[:3]:
        found = noted(name, model, request, [VisionMap("projector_inputs", -1)])
        inputs = found.vision["projector_inputs@-1"]
        features = torch.cat([image.reshape(-1, image.shape[-1]) for image in found.images])
        assert inputs.shape == (len(features), width)
        behind = inputs.abs().sum(1) > 0
        with torch.no_grad():
            made = family.projector(model)(inputs)
        torch.testing.assert_close(made[behind], features[behind], rtol=1e-4, atol=1e-4)
        assert behind.all() == (name != "llava_next")


def test_a_fraction_names_a_layer(tiny):
    name, model, requests = tiny
    layers = len(family_of(name).tower_layers(model))
    maps = [VisionMap("keys", layer) for layer in (0.25, 0.99, 0, -1)]
    found = noted(name, model, requests[0], maps).vision
    assert torch.equal(found["keys@0.25"], found["keys@0"])
    assert torch.equal(found["keys@0.99"], found["keys@-1"])
    assert [tower_layer(0.25, n) for n in (1, 2, 3, 12, 24)] == [0, 0, 0, 2, 5]
    assert [tower_layer(0.99, n) for n in (layers, 24)] == [layers - 1, 23]
    assert tower_layer(-2, 24) == -2


def test_a_layer_that_is_not_there_is_refused(tiny):
    name, model, _ = tiny
    with pytest.raises(PruningError, match=r"layers, and layer -9 is asked for \(keys@-9\)"):
        TowerWatch(family_of(name), model, [VisionMap("keys", -9)])
    with pytest.raises(PruningError, match=r"layer 1.5 is asked for \(keys@1.5\).*or a fraction"):
        TowerWatch(family_of(name), model, [VisionMap("keys", 1.5)])
    with pytest.raises(PruningError, match="unknown vision map 'key'"):
        VisionMap("key", -1)
