"""What a prefill tells of its cuts: in the middle of it, after an error, and where a score is NaN."""

from dataclasses import dataclass

import pytest
import torch

from prunegrid import prune
from prunegrid.criteria.norm import Norm
from prunegrid.errors import PruningError
from prunegrid.plugins import build
from prunegrid.pruning.context import Pruning
from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.prefix_sharing import PrefixSharing
from prunegrid.pruning.sharing_order import sharing_order
from prunegrid.pruning.stage import Stage
from tests.pruning import tiny

LAYERS = (2, 5)


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    return tiny.tiny_llava()


@pytest.fixture(scope="module")
def batch() -> dict[str, torch.Tensor]:
    return tiny.collate(tiny.requests(4))


def hierarchical(model, criterion, layers=LAYERS):
    return prune(model, "hierarchical", criterion, 0.5, strategy_options={"layers": layers})


@torch.no_grad()
def whole(model, batch):
    with hierarchical(model, "norm") as pruning:
        model(**batch)
    return pruning.kept


def test_kept_tokens_are_told_in_the_middle_of_a_prefill(model, batch):
    seen = []
    layers = model.model.language_model.layers
    with hierarchical(model, "norm") as pruning, torch.no_grad():
        handle = layers[LAYERS[1] - 1].register_forward_hook(
            lambda *_: seen.append([list(row) for row in pruning.kept])
        )
        model(**batch)
        handle.remove()
    assert seen == [[row[:1] for row in whole(model, batch)]]
    assert pruning.kept == whole(model, batch)
    assert [len(row) for row in pruning.kept] == [2, 2, 2, 0]


@pytest.mark.parametrize("inside", [False, True])
def test_kept_tokens_are_told_after_an_error(model, batch, inside):
    def fail(*_):
        raise torch.OutOfMemoryError("stand-in")

    wanted = [row[:1] for row in whole(model, batch)]
    handle = model.model.language_model.layers[LAYERS[0]].mlp.register_forward_hook(fail)
    with hierarchical(model, "norm") as pruning, torch.no_grad():
        with pytest.raises(torch.OutOfMemoryError):
            model(**batch)
        if inside:
            assert pruning.kept == wanted
        handle.remove()
    assert pruning.kept == wanted
    assert not pruning._kept._on_device


def test_one_prefill_after_another_tells_its_own(model, batch):
    row = tiny.collate(tiny.requests(4)[1:2])
    with hierarchical(model, "norm") as pruning, torch.no_grad():
        model(**batch)
        first = pruning.kept
        model(**row)
    assert first == whole(model, batch)
    assert pruning.kept == first[1:2]


@dataclass(frozen=True)
class NaNFrom(Criterion):
    """Scores of which one of a row is NaN from a layer on."""

    layer: int = 0
    row: int = 2

    def score(self, stage: Stage) -> torch.Tensor:
        scores = Norm().score(stage)
        if stage.layer >= self.layer:
            place = stage.image[self.row].int().argmax()
            scores[self.row, place] = torch.nan
        return scores


@pytest.mark.parametrize(("layer", "named"), [(0, 2), (2, 2), (3, 5), (5, 5)])
def test_nan_is_refused_by_criterion_and_first_layer(model, batch, layer, named):
    with (
        torch.no_grad(),
        hierarchical(model, NaNFrom(layer=layer)),
        pytest.raises(PruningError, match=f"^criterion NaNFrom returned NaN before layer {named}$"),
    ):
        model.generate(**batch, max_new_tokens=2)


def test_nan_of_text_does_not_matter(model, batch):
    class Text(Norm):
        def score(self, stage):
            return super().score(stage).masked_fill(~stage.image, torch.nan)

    with torch.no_grad(), hierarchical(model, Text()) as pruning:
        model(**batch)
    assert pruning.kept == whole(model, batch)


def test_nan_that_is_taken_over_is_refused_in_each_prefill(model, batch):
    """Both cells make the cut with the NaN; in the second, its layers do not run."""
    strategies = [
        build("strategies", "hierarchical", {"layers": [2, deep], "keep": [0.6, keep]})
        for deep, keep in ((5, 0.24), (4, 0.4))
    ]
    prunings = [
        Pruning(model, strategy, NaNFrom(layer=0), strategy_ratio(strategy), 0) for strategy in strategies
    ]
    counts = (batch["input_ids"] == tiny.IMAGE_ID).sum(1).tolist()
    order = sharing_order([pruning.decisions(counts) for pruning in prunings])
    assert order[1].shared_before == 4
    sharing = PrefixSharing(order)
    for prefill in order:
        sharing.begin(prefill)
        pruning = prunings[prefill.cells[0]]
        with (
            pruning.hooked(sharing),
            torch.no_grad(),
            pytest.raises(PruningError, match="NaNFrom returned NaN before layer 2"),
        ):
            model.generate(**batch, max_new_tokens=2)
        assert sharing.shared == prefill.shared_before


def strategy_ratio(strategy):
    first, second = strategy.layers
    kept = first + strategy.keep[0] * (second - first) + strategy.keep[1] * (tiny.N_LAYERS - second)
    return 1 - kept / tiny.N_LAYERS
