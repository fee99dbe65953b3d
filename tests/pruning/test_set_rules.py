"""A criterion that selects sets: what it is asked for, and what is refused of what it returns."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import torch

from prunegrid import prune
from prunegrid.criteria.norm import Norm
from prunegrid.criteria.staged import Staged
from prunegrid.errors import PruningError
from prunegrid.plugins import build
from prunegrid.pruning.context import Pruning
from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.highest import highest
from prunegrid.pruning.prefix_sharing import PrefixSharing
from prunegrid.pruning.schedule import Schedule
from prunegrid.pruning.sharing_order import sharing_order
from prunegrid.pruning.stage import Stage
from tests.pruning import tiny
from tests.pruning.comparison import Spread
from tests.pruning.synchronising import prefill_waits

LAYERS = (2, 5)


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    return tiny.tiny_llava()


@pytest.fixture(scope="module")
def batch() -> dict[str, torch.Tensor]:
    return tiny.collate(tiny.requests(4))


@torch.no_grad()
def kept(model, batch, criterion):
    with prune(model, "hierarchical", criterion, 0.5, strategy_options={"layers": LAYERS}) as pruning:
        model(**batch)
    return pruning.kept


@dataclass(frozen=True, kw_only=True)
class SetByNorm(Criterion):
    """The set rule that says what `norm` says by scores."""

    asked: list = field(default_factory=list)

    def select(self, stage: Stage) -> torch.Tensor:
        self.asked.append((stage.layer, stage.keep, stage.n_keep.tolist()))
        return highest(stage.hidden.float().norm(dim=-1), stage.image, stage.n_keep)


def test_a_set_rule_is_asked_for_what_stays(model, batch):
    rule = SetByNorm()
    assert kept(model, batch, rule) == kept(model, batch, "norm")
    assert [layer for layer, *_ in rule.asked] == [*LAYERS]
    assert all(keep == n_keep for _, keep, n_keep in rule.asked)
    assert [rows for _, rows, _ in rule.asked] == [
        [len(row[cut][1]) if row else 0 for row in kept(model, batch, "norm")] for cut in (0, 1)
    ]


def test_a_reversed_set_rule_is_asked_for_what_is_dropped(model, batch):
    rule = SetByNorm(reverse=True)
    # Norms of random tokens hold no ties, where alone the two could part.
    found = kept(model, batch, rule)
    assert found == kept(model, batch, Norm(reverse=True))
    before = [tiny.N_IMAGE] * 3 + [0]
    for (_, asked, _), cut in zip(rule.asked, (0, 1), strict=True):
        stay = [len(row[cut][1]) if row else 0 for row in found]
        assert asked == [have - n for have, n in zip(before, stay, strict=True)]
        before = stay


def test_the_default_selects_the_highest_scores(model, batch):
    @dataclass(frozen=True, kw_only=True)
    class Asking(Norm):
        selected: list = field(default_factory=list)

        def score(self, stage):
            if not self.selected:
                self.selected.append(torch.empty(0))
                self.selected[0] = stage.numbers.masked_fill(~self.select(stage), -1)
            return super().score(stage)

    asking = Asking()
    assert not asking.selects_sets
    assert Spread().selects_sets
    found = kept(model, batch, asking)
    wanted = [[int(number) for number in row if number >= 0] for row in asking.selected[0]]
    assert wanted == [row[0][1] if row else [] for row in found]


def test_a_subclass_of_a_delegating_criterion_may_select():
    class Own(Staged):
        def select(self, stage):
            return stage.image

    own = Own()
    assert own.resolve(1, Schedule(8, ((1, 0.5),))) is own


@dataclass(frozen=True)
class Faulty(Criterion):
    """Selects by norm, then spoils it from a layer on."""

    spoil: Callable = lambda found, stage: found
    layer: int = 0

    def select(self, stage: Stage) -> torch.Tensor:
        found = highest(stage.hidden.float().norm(dim=-1), stage.image, stage.n_keep)
        return self.spoil(found, stage) if stage.layer >= self.layer else found


def one_less(found, stage):
    return found & (found.cumsum(1) > 1)


def all_of_them(found, stage):
    return stage.image


def text_for_an_image_token(found, stage):
    return one_less(found, stage) | stage.last


@pytest.mark.parametrize("spoil", [one_less, all_of_them, text_for_an_image_token])
@pytest.mark.parametrize(("layer", "named"), [(0, 2), (3, 5)])
@pytest.mark.parametrize("reverse", [False, True])
def test_another_number_or_text_is_refused_by_criterion_and_layer(model, batch, spoil, layer, named, reverse):
    with pytest.raises(
        PruningError, match=f"^criterion Faulty did not select exactly .* before layer {named}$"
    ):
        kept(model, batch, Faulty(spoil=spoil, layer=layer, reverse=reverse))


def no_keep(found, stage):
    stage.keep.clear()
    return found


def other_present(found, stage):
    stage.present[0] += 1
    return found


def none_asked_for(found, stage):
    stage.n_keep.zero_()
    return found & False


def other_states(found, stage):
    stage.hidden.mul_(2)
    return found


@dataclass(frozen=True)
class FaultyScores(Faulty):
    """Scores by norm, and spoils the stage."""

    select = Criterion.select

    def score(self, stage: Stage) -> torch.Tensor:
        norm = stage.hidden.float().norm(dim=-1)
        self.spoil(norm > 0, stage)
        return norm


@pytest.mark.parametrize(
    ("spoil", "name"),
    [(no_keep, "keep"), (other_present, "present"), (none_asked_for, "n_keep"), (other_states, "hidden")],
)
@pytest.mark.parametrize("kind", [Faulty, FaultyScores])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_stage_that_is_changed_in_place_is_refused(model, batch, spoil, name, kind, reverse):
    told = rf"^criterion {kind.__name__} changed stage\.{name} in place before layer 2: .*; change a copy$"
    with pytest.raises(PruningError, match=told):
        kept(model, batch, kind(spoil=spoil, reverse=reverse))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda found, stage: found[:, :3], r"shape \(4, 3\) and type torch.bool before layer 2; right is"),
        (lambda found, stage: found.float(), r"type torch.float32 before layer 2; right is .* torch.bool"),
    ],
)
def test_another_shape_or_type_is_refused(model, batch, spoil, says):
    with pytest.raises(PruningError, match=f"^criterion Faulty selected by a tensor of .*{says}"):
        kept(model, batch, Faulty(spoil=spoil))


def test_a_set_rule_is_checked_without_waiting(model, batch):
    def of_engine(criterion):
        def pruned():
            return prune(model, "uniform", criterion, 0.5)

        return len(prefill_waits(model, batch, pruned).of_engine)

    assert of_engine(Spread()) == of_engine(Norm())


@pytest.mark.parametrize("reverse", [False, True])
def test_cells_share_what_a_set_rule_selected(model, batch, reverse):
    strategy = build("strategies", "single", {"layer": 2})
    criteria = [Spread(reverse=reverse), Spread(reverse=not reverse), Norm()]
    prunings = [Pruning(model, strategy, criterion, 0.5, 0) for criterion in criteria]
    counts = (batch["input_ids"] == tiny.IMAGE_ID).sum(1).tolist()
    decisions = [pruning.decisions(counts) for pruning in prunings]
    assert len({str(one) for one in decisions}) == 3
    order = sharing_order(decisions)
    assert sum(prefill.shared_before for prefill in order) == 4
    sharing = PrefixSharing(order)
    for prefill in order:
        sharing.begin(prefill)
        pruning = prunings[prefill.cells[0]]
        with pruning.hooked(sharing), torch.no_grad():
            model.generate(**batch, max_new_tokens=2)
        together = pruning.kept
        with pruning.hooked(), torch.no_grad():
            model.generate(**batch, max_new_tokens=2)
        assert together == pruning.kept


def test_a_set_rule_that_remembers_is_refused_where_stages_are_shared(model, batch):
    pruning = Pruning(model, build("strategies", "single", {"layer": 2}), SetByNorm(), 0.5, 0)
    counts = (batch["input_ids"] == tiny.IMAGE_ID).sum(1).tolist()
    order = sharing_order([pruning.decisions(counts)])
    sharing = PrefixSharing(order)
    sharing.begin(order[0])
    with (
        pruning.hooked(sharing),
        torch.no_grad(),
        pytest.raises(PruningError, match="SetByNorm holds something else after `select`"),
    ):
        model.generate(**batch, max_new_tokens=2)
