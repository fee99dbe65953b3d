"""Cells that share layers get what they get alone: the same tensors, bit by bit, in every family."""

from dataclasses import dataclass, field
from itertools import product

import pytest
import torch

from prunegrid.criteria.norm import Norm
from prunegrid.criteria.staged import Staged
from prunegrid.errors import PruningError
from prunegrid.plugins import build, names
from prunegrid.pruning.context import Pruning
from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.families import supported_models
from prunegrid.pruning.prefix_sharing import PrefixSharing
from prunegrid.pruning.sharing_order import SharedPrefill, sharing_order
from tests.pruning.cases import first_cut_only, reads_layer_before
from tests.pruning.comparison import FAMILIES, STRATEGY_OPTIONS, WINDOWED, strategy_of
from tests.pruning.tiny import N_LAYERS

RANKED = ("hierarchical", "uniform", "constant", "random", "single", "pyramid", "cuts", "input")
# The same cuts, with other positions and counts.
RANKED += ("uniform contiguous", "uniform floor", "input original", "from the input on")
# What reads queries and keys, the layer's own, embeddings and gradients.
FEW = ("attention", "attention_own", "norm_input", "gradient")
# What the other families meet in `make test`: several cuts, drawn ones, moved positions, from layer 0 on.
SOME = ("hierarchical", "uniform contiguous", "random", "from the input on")
# What needs all image tokens meets one cut alone.
ONE_CUT = ("constant", "single", "input", "input original")
NEW_TOKENS = 3


def cells(model, criteria, ratios=(0.5,), family="llava", strategies=RANKED):
    """Return (name, pruning) of a grid of cells."""
    found = []
    for strategy, ratio in product((*strategies, "exit", "blind"), ratios):
        plugin = strategy_of(strategy, family)
        if family in WINDOWED and plugin.positions != "original":
            continue
        at_the_input = (
            plugin.ranks and plugin.solve(None if strategy == "cuts" else ratio, N_LAYERS).cuts[0][0] == 0
        )
        for criterion in criteria if strategy in RANKED else ("first",):
            if at_the_input and reads_layer_before(criterion):
                continue
            if first_cut_only(criterion) and strategy not in ONE_CUT:
                continue
            seeds = (1, 2) if "random" in (strategy, criterion) else (1,)
            for seed in seeds if (strategy, ratio) != ("blind", ratios[-1]) else (1,):
                share = ratio if plugin.has_ratio and strategy != "cuts" else None
                pruning = Pruning(model, plugin, build("criteria", criterion), share, seed)
                found.append((f"{strategy} {criterion} {ratio} {seed}", pruning))
    return found


@dataclass
class Outcome:
    kept: list
    explained: list
    tokens: list
    logits: torch.Tensor


@torch.no_grad()
def generate(pruning, batch, names_, sharing=None):
    pruning.sample_ids = names_
    with pruning.hooked(sharing):
        output = pruning.model.generate(
            **batch,
            max_new_tokens=NEW_TOKENS,
            min_new_tokens=NEW_TOKENS,
            do_sample=False,
            return_dict_in_generate=True,
            output_logits=True,
        )
    logits = torch.stack(output.logits, 1)
    return Outcome(pruning.kept, pruning.explained, output.sequences.tolist(), logits)


def image_tokens(pruning, batch):
    return (batch["input_ids"] == pruning._image_token_id).sum(1).tolist()


def together(grid, batch, sample_ids):
    """Return name -> outcome with shared layers, and how many prefill layers ran."""
    prunings = [pruning for _, pruning in grid]
    order = sharing_order([pruning.decisions(image_tokens(pruning, batch)) for pruning in prunings])
    sharing, found = PrefixSharing(order), {}
    for prefill in order:
        sharing.begin(prefill)
        outcome = generate(prunings[prefill.cells[0]], batch, sample_ids, sharing)
        # Nothing was lost on the way.
        assert sharing.shared == prefill.shared_before
        found.update({grid[cell][0]: outcome for cell in prefill.cells})
    return found, order


def assert_alike(found, alone):
    for name, outcome in alone.items():
        other = found[name]
        assert other.kept == outcome.kept, name
        assert other.tokens == outcome.tokens, name
        assert torch.equal(other.logits, outcome.logits), name
        assert other.explained == outcome.explained, name


# Windows, masks that look both ways, positions in three dimensions and features that enter later layers; the
# others' decoders are as LLaVA's.
OF_THEIR_OWN = ("gemma3", "llava_next", "qwen2_5_vl", "qwen3_vl")


def grids():
    """Return (family, criteria, ratios, strategies): every criterion, strategy and ratio in one family."""
    everything = names("criteria"), (0.3, 0.5), RANKED
    whole = pytest.mark.exhaustive
    found = [
        pytest.param("llava", *everything, marks=whole, id="llava-whole"),
        pytest.param("llava", names("criteria"), (0.5,), SOME, id="llava-criteria"),
        pytest.param("llava", ("attention", "norm"), (0.3, 0.5), RANKED, id="llava-strategies"),
    ]
    for family in sorted(set(FAMILIES) - {"llava"}):
        found.append(pytest.param(family, FEW, (0.5,), RANKED, marks=whole, id=f"{family}-whole"))
        found.append(
            pytest.param(family, FEW, (0.5,), SOME, marks=[] if family in OF_THEIR_OWN else whole, id=family)
        )
    return found


@pytest.mark.parametrize(("family", "criteria", "ratios", "strategies"), grids())
def test_cells_together_are_cells_alone(family, criteria, ratios, strategies):
    tiny = FAMILIES[family]
    model = tiny.model()
    rows = tiny.requests(model)
    batch, sample_ids = tiny.collate(rows), [row.name for row in rows]
    grid = cells(model, criteria, ratios, family, strategies)
    found, order = together(grid, batch, sample_ids)
    assert_alike(found, {name: generate(pruning, batch, sample_ids) for name, pruning in grid})
    # A grid in which nothing was shared would pass, too.
    n_layers = len(grid[0][1]._layers)
    assert sum(prefill.shared_before for prefill in order) > 0.15 * n_layers * len(order)
    assert sum(len(prefill.cells) for prefill in order) == len(grid)


def test_every_family_is_tested():
    assert set(supported_models()) <= set(FAMILIES)


def test_layers_that_are_shared_do_not_run():
    tiny = FAMILIES["llava"]
    model = tiny.model()
    rows = tiny.requests(model)
    batch, sample_ids = tiny.collate(rows), [row.name for row in rows]
    grid = cells(model, ("attention", "norm"))
    prunings = [pruning for _, pruning in grid]
    ran = []
    hooks = [
        layer.self_attn.register_forward_hook(lambda module, args, output: ran.append(output[0].shape[1]))
        for layer in model.model.language_model.layers
    ]
    _, order = together(grid, batch, sample_ids)
    for hook in hooks:
        hook.remove()
    n_layers = len(prunings[0]._layers)
    prefills = sum(width > 1 for width in ran)
    assert prefills == sum(n_layers - prefill.shared_before for prefill in order)
    assert prefills < 0.85 * n_layers * len(grid)


def test_a_failed_cell_costs_its_neighbours_nothing(monkeypatch):
    tiny = FAMILIES["llava"]
    model = tiny.model()
    rows = tiny.requests(model)
    batch, sample_ids = tiny.collate(rows), [row.name for row in rows]
    grid = cells(model, ("attention", "norm", "norm_input"))
    alone = {name: generate(pruning, batch, sample_ids) for name, pruning in grid}
    monkeypatch.setattr(Norm, "score", lambda self, stage: stage.hidden.float().norm(dim=-1) * torch.nan)
    prunings = [pruning for _, pruning in grid]
    order = sharing_order([pruning.decisions(image_tokens(pruning, batch)) for pruning in prunings])
    sharing, found, failed = PrefixSharing(order), {}, 0
    for prefill in order:
        sharing.begin(prefill)
        try:
            outcome = generate(prunings[prefill.cells[0]], batch, sample_ids, sharing)
        except PruningError:
            failed += 1
            continue
        found.update({grid[cell][0]: outcome for cell in prefill.cells})
    assert failed == len(RANKED) + 1
    assert_alike(found, {name: one for name, one in alone.items() if " norm " not in name})


def test_a_gradient_that_is_taken_over_counts_as_explained():
    tiny = FAMILIES["llava"]
    model = tiny.model()
    rows = tiny.requests(model)
    batch, sample_ids = tiny.collate(rows), [row.name for row in rows]
    grid = []
    for deep in ("gradient", "norm", "first"):
        strategy = build("strategies", "hierarchical", STRATEGY_OPTIONS.get("hierarchical"))
        criterion = build("criteria", "staged", {"shallow": "gradient", "deep": deep})
        grid.append((deep, Pruning(model, strategy, criterion, 0.5, 0)))
    found, order = together(grid, batch, sample_ids)
    assert all(prefill.shared_before for prefill in order[1:])
    assert set(found["norm"].explained) >= {1}
    assert_alike(found, {name: generate(pruning, batch, sample_ids) for name, pruning in grid})


def test_prefills_follow_what_cells_have_in_common():
    found = sharing_order(["aab", "abb", "aac", "aab", "caa"])
    assert found == [
        SharedPrefill((0, 3), 0, 2),
        SharedPrefill((2,), 2, 1),
        SharedPrefill((1,), 1, 0),
        SharedPrefill((4,), 0, 0),
    ]


def test_stages_tell_apart_what_ranks_apart():
    model = FAMILIES["llava"].model()

    def stages(criterion, strategy="single", seed=0, chosen=None, ratio=0.5, counts=(25, 25), **options):
        plugin = build("strategies", strategy, chosen or STRATEGY_OPTIONS.get(strategy))
        criterion = criterion if not isinstance(criterion, str) else build("criteria", criterion, options)
        return Pruning(model, plugin, criterion, ratio, seed).decisions(counts)

    assert stages("attention_deep") == stages("attention")
    assert stages("attention_deep") != stages("attention_shallow")
    assert stages("norm") != stages("norm", reverse=True)
    assert stages("random") != stages("random", seed=1)
    assert stages("gradient") != stages("gradient", answer_tokens=4)
    assert stages("first", "exit") == stages("norm", "exit", seed=1)
    assert stages("norm") != stages("norm", chosen={"layer": 2, "positions": "contiguous"})
    # Of 25 tokens 13 or 12.
    up, down = ({"cuts": [[2, 0.5]], "rounding": rounding} for rounding in ("half_up", "floor"))
    assert stages("norm", "cuts", chosen=up, ratio=None) != stages("norm", "cuts", chosen=down, ratio=None)
    of_cut = stages("staged", parts=["norm"])
    assert of_cut == stages("norm") != stages("staged", parts=["norm_input"])

    class Own(Staged):
        """A subclass that scores in its own way is no part of it."""

        def score(self, stage):
            return stage.numbers.float()

    assert stages(Own()) != stages("attention_deep")

    def first_cut(second_layer):
        layers = len(stages("norm"))
        ratio = 1 - (1 + 0.6 * (second_layer - 1) + 0.2 * (layers - second_layer)) / layers
        chosen = {"layers": [1, second_layer], "keep": [0.6, 0.2]}
        return stages("norm", "hierarchical", chosen=chosen, ratio=ratio)[1]

    # A row's own count tells, not the first row's alone.
    one, other = (stages("norm", ratio=ratio, counts=(4, 400)) for ratio in (0.5, 0.51))
    assert [stage and stage[0][0] for stage in one] == [stage and stage[0][0] for stage in other]
    assert one != other

    # Where deep scores begin tells apart only what is then ranked by another score.
    assert first_cut(2) == first_cut(3)


@dataclass(frozen=True, slots=True)
class Slotted(Criterion):
    power: float = 1.0


class Plain(Criterion):
    def __init__(self, power: float = 1.0) -> None:
        super().__init__()
        self._power = power


@pytest.mark.parametrize("kind", [Slotted, Plain])
def test_options_tell_criteria_apart_however_they_are_held(kind):
    assert kind(power=2.0).identity == kind(power=2.0).identity != kind(power=3.0).identity
    assert kind(power=2.0).identity[:2] == (__name__, kind.__name__)
    assert "reverse" not in dict(kind(power=2.0).identity[2:])


def test_what_is_cached_is_no_option():
    criterion = Staged()
    before = criterion.identity
    assert criterion._parts
    assert criterion.identity == before


@dataclass(frozen=True)
class Remembering(Criterion):
    """Adds up the scores of its stages, so that one that is taken over would be missing."""

    _seen: list = field(default_factory=list)

    def score(self, stage):
        self._seen.append(stage.layer)
        return stage.numbers.float() * len(self._seen)


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_criterion_that_remembers_is_refused_where_stages_are_shared(wrapped, monkeypatch):
    tiny = FAMILIES["llava"]
    model = tiny.model()
    rows = tiny.requests(model)
    batch, sample_ids = tiny.collate(rows), [row.name for row in rows]
    criterion = Remembering()
    if wrapped:
        monkeypatch.setattr(Staged, "_part", lambda self, name: Remembering())
        criterion = Staged()
    pruning = Pruning(model, build("strategies", "single", {"layer": 2}), criterion, 0.5, 0)
    assert generate(pruning, batch, sample_ids).kept
    order = sharing_order([pruning.decisions(image_tokens(pruning, batch))])
    sharing = PrefixSharing(order)
    sharing.begin(order[0])
    with pytest.raises(PruningError, match="Remembering holds something else after `score`"):
        generate(pruning, batch, sample_ids, sharing)
