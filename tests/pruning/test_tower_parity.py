"""VisionZip, PruMerge+ and VScan against numbers that their authors' code produced.

tests/fixtures/parity/README.md says which. The features that are joined stand for hidden states.
"""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from prunegrid.plugins import build
from prunegrid.pruning.criterion import Ranking
from prunegrid.pruning.marked import Marked
from prunegrid.pruning.merging import merge
from prunegrid.pruning.selection import select
from tests.pruning.parity import OWN

# Sums of up to 200 numbers of float32.
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def stored() -> dict[str, Tensor]:
    found = {name: torch.from_numpy(value) for name, value in np.load(OWN / "tower.npz").items()}
    return {name: value if value.is_floating_point() else value.long() for name, value in found.items()}


def stage_of(features: Tensor, n: int, maps: dict[tuple[str, float], Tensor]) -> SimpleNamespace:
    image = torch.ones(1, len(features), dtype=torch.bool)
    return SimpleNamespace(
        hidden=features[None],
        image=image,
        text_after=torch.zeros_like(image),
        last=torch.zeros_like(image),
        numbers=torch.arange(len(features))[None],
        present=[len(features)],
        keep=[n],
        n_keep=torch.tensor([n]),
        vision=lambda *asked: maps[asked][None],
    )


def joined(stage: SimpleNamespace, name: str, options: dict, how: str) -> tuple[list[int], Tensor]:
    """Return the tokens that stay, and their states."""
    ranking = Ranking(build("criteria", name, options), False, how)
    merged = merge(ranking, stage, select(ranking, stage), None)
    return merged.stays[0].nonzero()[:, 0].tolist(), merged.hidden[0][merged.stays[0]]


@pytest.mark.parametrize("n", [64, 192])
def test_visionzip(stored, n):
    maps = {("cls_attention", -2): stored["visionzip/attention"]}
    maps["keys", -2] = stored["visionzip/keys"][:, None]
    stage = stage_of(stored["features"], n, maps)
    stay, found = joined(stage, "visionzip", {"before_projector": False}, "weighted")
    dominant = stored[f"visionzip/{n}/dominant"].tolist()
    assert set(dominant) <= set(stay)
    # The published code puts contextual tokens behind the dominant ones.
    contextual = [i for i in stay if i not in dominant]
    there = [*dominant, *contextual]
    theirs = stored[f"visionzip/{n}/joined"][[there.index(i) for i in stay]]
    torch.testing.assert_close(found, theirs, rtol=TOLERANCE, atol=TOLERANCE)
    # Contextual ones are far from what they were.
    moved = (theirs - stored["features"][stay]).abs().amax(1) > 100 * TOLERANCE
    assert int(moved.sum()) == n - len(dominant)


def test_prumerge(stored):
    maps = {("cls_similarity", -1): stored["prumerge/similarity"]}
    maps["keys", -1] = stored["prumerge/keys"][:, None]
    kept = stored["prumerge/kept"].tolist()
    stage = stage_of(stored["features"], len(kept), maps)
    stay, _ = joined(stage, "prumerge", {"before_projector": False}, "weighted")
    # Of the budget that the outliers of this picture give, all of them stay, and others than theirs.
    outliers = stored["prumerge/outliers"].tolist()
    assert set(outliers) <= set(stay) != set(kept)
    # What becomes of a token does not depend on the others that stay: with exactly theirs, all is theirs.
    image = Marked.of(stage.image, len(stage.image[0]))
    theirs = torch.zeros_like(stage.image)
    theirs[0, kept] = True
    weights = build("criteria", "prumerge").merge_weights(stage, Marked.of(theirs, len(kept)), image)
    ascending = sorted(kept)
    found = stored["features"][ascending] + weights[0] @ stored["features"]
    expected = stored["prumerge/joined"][[kept.index(i) for i in ascending]]
    torch.testing.assert_close(found, expected, rtol=TOLERANCE, atol=TOLERANCE)
    assert (expected - stored["features"][ascending]).abs().amax(1).min() > 100 * TOLERANCE


@pytest.mark.parametrize("n", [96, 288, 80])
def test_vscan(stored, n):
    row, column = torch.arange(576) // 24, torch.arange(576) % 24
    maps = {("cls_attention", 0.25): stored["vscan/shallow"], ("cls_attention", -2): stored["vscan/deep"]}
    maps["places", -1] = torch.stack([torch.ones(576), (row + 0.5) / 24, (column + 0.5) / 24], -1)
    stay, found = joined(stage_of(stored["features"], n, maps), "windows", {}, "average")
    theirs = stored[f"vscan/{n}/kept"].tolist()
    if n == 80:
        # 40 are not divided by 16 windows: the published code keeps 2 of each, 72 in all.
        assert len(theirs) == 72
        assert set(theirs) < set(stay)
        return
    assert stay == theirs
    if n == 96:
        torch.testing.assert_close(found, stored["vscan/96/joined"], rtol=TOLERANCE, atol=TOLERANCE)
