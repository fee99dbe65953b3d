"""A criterion that hands layers to others: who scores, in which order, at what cost, and what cells share."""

from dataclasses import dataclass
from typing import ClassVar

import pandas as pd
import pytest

from prunegrid import prune
from prunegrid.criteria.attention_last import AttentionLast
from prunegrid.criteria.gradient import Gradient
from prunegrid.criteria.norm import Norm
from prunegrid.criteria.staged import Staged
from prunegrid.errors import PruningError
from prunegrid.plugins import build
from prunegrid.predict.prediction_rows import token_depth
from prunegrid.pruning.context import Pruning
from prunegrid.pruning.criterion import Criterion, Ranking
from prunegrid.pruning.schedule import Schedule
from prunegrid.pruning.strategy import Strategy
from prunegrid.scoring.cell_ledger import cell_compute
from prunegrid.strategies.hierarchical import Hierarchical
from prunegrid.strategies.pyramid import Pyramid
from tests.cost.counting import counted
from tests.pruning.tiny import IMAGE_ID, N_IMAGE, N_LAYERS, collate, requests, tiny_llava

SCHEDULE = Schedule(8, ((1, 0.8), (3, 0.5), (5, 0.2)), deep_from=5)
LAYERS = (1, 3, 5)


@dataclass(frozen=True, kw_only=True)
class Thirds(Criterion):
    """Three parts under names of its own."""

    delegates: ClassVar[tuple[str, ...]] = ("early", "middle", "late")

    early: str = "attention_shallow"
    middle: str = "norm"
    late: str = "attention_last"

    def resolve(self, layer: int, schedule: Schedule) -> Criterion:
        return build("criteria", self.early if layer < 2 else self.middle if layer < 4 else self.late)


@dataclass(frozen=True, kw_only=True)
class HandsOn(Criterion):
    """Hands every layer to what it holds; "anew": to another of itself, without end."""

    to: object = None

    def resolve(self, layer: int, schedule: Schedule) -> Criterion:
        return HandsOn(to="anew") if self.to == "anew" else self.to


def test_a_criterion_resolves_to_itself_by_default():
    norm = Norm()
    assert norm.resolve(1, SCHEDULE) is norm
    assert norm.ranking(1, SCHEDULE) == Ranking(norm, False)
    assert norm.scored_by(SCHEDULE) == [(layer, "norm", "hidden") for layer in (1, 3, 5)]


def test_three_parts_are_resolved_each_for_its_layers():
    assert Thirds().scored_by(SCHEDULE) == [
        (1, "attention_shallow", "text_rows"),
        (3, "norm", "hidden"),
        (5, "attention_last", "last_row"),
    ]


def test_staged_takes_the_schedules_hint_its_own_option_or_a_quarter():
    def deep(criterion, schedule):
        parts = [criterion.ranking(layer, schedule).criterion for layer in range(1, 8)]
        return 1 + [type(part).__name__ for part in parts].index("AttentionDeep")

    assert deep(Staged(), SCHEDULE) == 5
    assert deep(Staged(deep_from=3), SCHEDULE) == 3
    assert deep(Staged(), Schedule(8, SCHEDULE.cuts)) == 2
    # A part that hands on in turn.
    assert deep(Staged(shallow="norm", deep="attention", deep_from=2), SCHEDULE) == 5


def test_staged_takes_one_part_for_each_cut():
    parts = Staged(parts=["norm", "attention", "attention_own"])
    # The second hands on in turn: layer 3 is before the schedule's deep cuts.
    assert [name for _, name, _ in parts.scored_by(SCHEDULE)] == [
        "norm",
        "attention_shallow",
        "attention_own",
    ]
    with pytest.raises(PruningError, match=r"names 3 criteria, but there are 2 cuts, before layers 1, 3"):
        parts.scored_by(Schedule(8, SCHEDULE.cuts[:2]))
    assert Staged(parts=["norm"]).identity != Staged(parts=["random"]).identity


@dataclass(frozen=True, kw_only=True)
class NoneFromTheStart(Strategy):
    """Drops every image token before layer 0, where no layer before has shown any attention."""

    has_ratio: ClassVar[bool] = False

    def solve(
        self, ratio: float | None, n_layers: int, *, seed: int = 0, n_tokens: int | None = None
    ) -> Schedule:
        return Schedule(n_layers, ((0, 0.0),))


def test_a_cut_that_keeps_no_token_asks_no_criterion():
    schedule = Schedule(8, ((1, 0.5), (4, 0.0)))
    assert Norm().rankings(schedule) == {1: Ranking(Norm(), False)}
    assert Norm().scored_by(schedule) == [(1, "norm", "hidden")]
    pruning = Pruning(tiny_llava(), NoneFromTheStart(), AttentionLast(), None, 0)
    assert pruning.vision_maps == ()


def test_every_reverse_on_the_way_counts():
    for reverse in (False, True):
        for of_part in (False, True):
            ranking = HandsOn(reverse=reverse, to=Norm(reverse=of_part)).ranking(1, SCHEDULE)
            assert ranking.reverse == (reverse != of_part)
            again = HandsOn(reverse=True, to=HandsOn(reverse=reverse, to=Norm(reverse=of_part)))
            assert again.ranking(1, SCHEDULE).reverse != ranking.reverse


@pytest.mark.parametrize(
    ("to", "match"),
    [
        (Norm, "resolves to <class .*Norm'> before layer 3: it must be a criterion"),
        (None, "resolves to None before layer 3"),
        ("anew", "'test_delegation' does not resolve before layer 3"),
    ],
)
def test_what_is_no_criterion_is_refused(to, match):
    with pytest.raises(PruningError, match=match):
        HandsOn(to=to).ranking(3, SCHEDULE)


@pytest.fixture(scope="module")
def model():
    model = tiny_llava()
    # The counter does not know the fused attention of a CPU; eager attention does the same products.
    model.set_attn_implementation("eager")
    return model


def pruning_of(model, criterion, seed=0):
    return Pruning(model, Pyramid(layers=LAYERS), criterion, 0.5, seed)


def test_what_cells_share_is_told_by_who_scores(model):
    def decisions(criterion, **changes):
        return pruning_of(model, criterion, **changes).decisions([N_IMAGE])

    thirds = decisions(Thirds())
    for layer, part in ((1, "attention_shallow"), (3, "norm"), (5, "attention_last")):
        assert thirds[layer] == decisions(build("criteria", part))[layer]
        assert thirds[layer] != decisions(build("criteria", part, {"reverse": True}))[layer]
        assert thirds[layer] == decisions(HandsOn(reverse=True, to=Thirds(reverse=True)))[layer]
        assert thirds[layer] != decisions(Thirds(), seed=1)[layer]
    other = decisions(Thirds(middle="norm_input"))
    assert [one == two for one, two in zip(thirds, other, strict=True)].count(False) == 1
    assert thirds[3] != other[3]
    # Where deep scores begin matters only where another part then scores.
    one, other = (
        Pruning(model, Hierarchical(layers=(1, second), keep=(0.8, 0.4)), Staged(), None, 0)
        for second in (2, 4)
    )
    assert one.decisions([N_IMAGE])[:2] == other.decisions([N_IMAGE])[:2]


def test_a_delegating_criterion_keeps_what_its_parts_keep(model):
    request = requests(3)[1]

    def kept(criterion):
        with prune(model, Pyramid(layers=LAYERS), criterion, 0.5) as pruning:
            model(**collate([request]))
        return pruning.kept[0]

    alone = kept(build("criteria", "attention_shallow"))
    together = kept(Thirds())
    assert together[0] == alone[0]
    assert together[1:] != alone[1:]
    assert (
        kept(HandsOn(to=Thirds(), reverse=True))[0]
        == kept(build("criteria", "attention_shallow", {"reverse": True}))[0]
    )


@pytest.mark.parametrize("late", ["attention_last", "gradient"])
def test_its_ledger_is_what_it_ran(model, late):
    request = requests(3)[1]
    criterion, strategy = Thirds(late=late), Pyramid(layers=LAYERS)
    with prune(model, strategy, criterion, 0.5) as pruning:
        flops = counted(lambda: model(**collate([request]), logits_to_keep=1))
    config = model.config.to_dict()
    n_text = len(request.ids) - N_IMAGE
    row = {
        "token_depth": token_depth(N_IMAGE, N_LAYERS, pruning.kept[0]),
        "n_image_tokens": N_IMAGE,
        "n_full_image_tokens": N_IMAGE,
        "n_text_tokens": n_text,
        "n_text_after": n_text - int((request.ids == IMAGE_ID).nonzero()[0]),
        "image_grids": [[1, 5, 5]],
        "n_generated": 1,
        "n_explained": pruning.explained[0],
        "status": "ok",
    }
    schedule = strategy.solve(0.5, N_LAYERS)
    metadata = {
        "model": {"config": config},
        "cell": {"ratio": 0.5},
        "schedule": schedule.cuts,
        "scored_by": criterion.scored_by(schedule),
        "attn_implementation": "eager",
    }
    found = cell_compute(pd.DataFrame([row]), metadata)
    # The counter sees matrix products only, not the norm's sums of squares; pixels go through the tower again
    # for a gradient.
    present = pruning.schedule[0][0][1]
    norms = 2 * model.config.text_config.hidden_size * present / 1e12
    again = found["tflops_vision"] if late == "gradient" else 0.0
    assert flops / 1e12 == pytest.approx(found["tflops_total"] - norms + again, rel=0.01)
    assert found["tflops_scoring"] > norms


def test_parts_that_take_options_are_told_apart(model):
    one, other = (
        pruning_of(model, HandsOn(to=Gradient(answer_tokens=tokens))).decisions([N_IMAGE])
        for tokens in (1, 4)
    )
    assert one[1] != other[1]
    assert pruning_of(model, HandsOn(to=AttentionLast())).decisions([N_IMAGE])[1] != one[1]
