"""Average pooling of grids of image tokens, against torch's, of fixed tensors and of models' own features."""

from types import SimpleNamespace

import pytest
import torch
from torch.nn.functional import adaptive_avg_pool1d, adaptive_avg_pool2d

from prunegrid import prune
from prunegrid.errors import PruningError
from prunegrid.plugins import build
from prunegrid.pruning.families import family_of
from prunegrid.pruning.marked import Marked
from prunegrid.pruning.patch_grid import TokenGrid
from prunegrid.pruning.token_grids import grid_map
from prunegrid.pruning.tower import TowerWatch
from prunegrid.pruning.vision_maps import VisionMap
from tests.pruning import plain_rules
from tests.pruning.tiny_families import FAMILIES

# One grid; a tile, and one whose rows have ends; lone tokens; no image; two tiles; nothing gone.
ROWS = (
    [TokenGrid(12, 12)],
    [TokenGrid(6, 6), TokenGrid(6, 13, True)],
    [TokenGrid(1, 1), TokenGrid(5, 2, True), TokenGrid(1, 1)],
    [],
    [TokenGrid(7, 3), TokenGrid(4, 4)],
    [TokenGrid(3, 3)],
)
ASKED = (50, 31, 5, 0, 20, 9)


def stage_of(rows: slice = slice(None)) -> SimpleNamespace:
    """Return what stands for a stage, cut down to some rows; text stands before and behind image tokens."""
    maps = [grid_map(grids, torch.device("cpu")) if grids else torch.zeros(0, 6) for grids in ROWS]
    width = max(map(len, maps)) + 5
    places = torch.zeros(len(ROWS), width, 6)
    for row, own in enumerate(maps):
        places[row, width - 2 - len(own) : width - 2] = own
    places, asked = places[rows], torch.tensor(ASKED[rows])
    return SimpleNamespace(
        image=places[..., 0] > 0, n_keep=asked, keep=asked.tolist(), vision=lambda kind, layer: places
    )


def weights_of(stage):
    criterion = build("criteria", "pool")
    stays = criterion.select(stage)
    kept = Marked.of(stays, max(1, *stage.keep))
    image = Marked.of(stage.image, int(stage.image.sum(1).max()))
    return stays, criterion.merge_weights(stage, kept, image) * (kept.valid[..., None] & image.valid[:, None])


def test_cells_are_those_of_the_definition():
    stage = stage_of()
    stays, weights = weights_of(stage)
    assert stays.sum(1).tolist() == list(ASKED)
    assert not (stays & ~stage.image).any()
    for row, n in enumerate(ASKED):
        places = stage.vision("grid", -1)[row][stage.image[row]].tolist()
        expected = torch.zeros_like(weights[row])
        found = stays[row][stage.image[row]].nonzero()[:, 0].tolist()
        assert found == plain_rules.pool(places, n)
        for i, some in plain_rules.pool_weights(places, found).items():
            for j, weight in some.items():
                at = expected.shape[0] - n + found.index(i), expected.shape[1] - len(places) + j
                expected[at] = weight
        torch.testing.assert_close(weights[row], expected, rtol=1e-6, atol=1e-7)
    # Where nothing is dropped, nothing is changed.
    assert not weights[ASKED.index(9)].any()


def test_a_row_is_pooled_alike_in_any_batch():
    together, weights = weights_of(stage_of())
    for row, n in enumerate(ASKED):
        if n:
            alone, own = weights_of(stage_of(slice(row, row + 1)))
            assert torch.equal(alone[0], together[row])
            assert torch.equal(own[0], weights[row, -own.shape[1] :, -own.shape[2] :])


@pytest.mark.parametrize(("side", "coarse"), [(24, 12), (24, 8), (24, 13), (24, 1), (24, 24), (5, 3)])
def test_a_square_grid_is_torchs_own_pooling(side, coarse):
    """Of LLaVA-1.5's 576 tokens 64 are 8 x 8."""
    places = grid_map([TokenGrid(side, side)], torch.device("cpu"))[None]
    stage = SimpleNamespace(
        image=torch.ones(1, side**2, dtype=torch.bool),
        n_keep=torch.tensor([coarse**2]),
        keep=[coarse**2],
        vision=lambda kind, layer: places,
    )
    stays, weights = weights_of(stage)
    tokens = torch.randn(side**2, 5, generator=torch.Generator().manual_seed(0))
    expected = adaptive_avg_pool2d(tokens.T.view(5, side, side), coarse).flatten(1).T
    torch.testing.assert_close(tokens[stays[0]] + weights[0] @ tokens, expected, rtol=1e-5, atol=1e-6)


def coarse(features, grid, bands):
    """Pool (tokens, d) to so many cells in each of some rows; an end of a row is one of its cells."""
    width = grid.columns - grid.ends
    rows = features.T.view(-1, grid.rows, grid.columns)
    bound = adaptive_avg_pool2d(rows[..., :width], (len(bands), width))
    found = []
    for band, cells in enumerate(bands):
        found.append(adaptive_avg_pool1d(bound[:, band], cells - grid.ends).T)
        if grid.ends:
            found.append(rows[:, 0, -1:].T)
    return torch.cat(found)


@pytest.mark.parametrize(
    ("name", "request_name", "ratio", "grids"),
    [
        # The whole picture, and its two tiles side by side, each row with an end.
        (
            "llava_next",
            "one",
            0.5,
            [(TokenGrid(6, 6), [4, 5, 4, 5]), (TokenGrid(6, 13, True), [9, 10, 10, 10])],
        ),
        # 2 x 2 patches a token: 3 x 4 of them.
        ("qwen2_5_vl", "one", 0.5, [(TokenGrid(3, 4), [3, 3])]),
    ],
)
def test_what_enters_the_decoder_is_pooled(name, request_name, ratio, grids):
    tiny = FAMILIES[name]
    model = tiny.model()
    request = next(one for one in tiny.requests(model) if one.name == request_name)
    family = family_of(name)
    entered = []
    with torch.no_grad():
        (features,) = family.features(model, [request.images])
        with prune(model, "input", "pool", ratio, strategy_options={"positions": "original"}) as pruning:
            hook = family.layers(model)[0].register_forward_pre_hook(
                lambda _, args, kwargs: entered.append(args[0] if args else kwargs["hidden_states"]),
                with_kwargs=True,
            )
            model(**tiny.collate([request]))
            hook.remove()
    tokens = torch.cat([image.reshape(-1, image.shape[-1]) for image in features.images])
    sizes = [grid.rows * grid.columns for grid, _ in grids]
    expected = torch.cat([coarse(part, *one) for part, one in zip(tokens.split(sizes), grids, strict=True)])
    ((_, kept),) = pruning.kept[0]
    assert len(kept) == len(expected) == sum(sizes) // 2
    start = int((request.ids == model.config.image_token_id).nonzero()[0])
    found = entered[0][0, start : start + len(kept)]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("tower", "select"), [("clip_vision_model", "full"), ("siglip_vision_model", "default")]
)
def test_tokens_that_are_no_grid_are_refused_by_name(tower, select):
    """CLIP's class token beside the patches; SigLIP, whose first patch is left out."""
    config = FAMILIES["llava"].model().config.to_dict()
    config["vision_feature_select_strategy"] = select
    config["vision_config"]["model_type"] = tower
    with pytest.raises(PruningError, match=r"'llava' makes (26|24) image tokens of 5 x 5 patches.*no grid"):
        family_of("llava").check_grid(config)


def test_a_model_is_refused_before_its_first_prompt():
    model = FAMILIES["llava"].model()
    model.config.vision_feature_select_strategy = "full"
    with pytest.raises(PruningError, match="no grid, which is asked for"):
        TowerWatch(family_of("llava"), model, [VisionMap("grid", -1)])
