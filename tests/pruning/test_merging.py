"""Merging on fixed tensors against loops; what it is refused for; what cells share."""

from types import SimpleNamespace

import pytest
import torch

from prunegrid import prune
from prunegrid.criteria.norm import Norm
from prunegrid.criteria.staged import Staged
from prunegrid.errors import ConfigError, PruningError
from prunegrid.plugins import build
from prunegrid.pruning.context import Pruning
from prunegrid.pruning.criterion import Ranking
from prunegrid.pruning.highest import highest
from prunegrid.pruning.merging import merge
from prunegrid.pruning.prefix_sharing import PrefixSharing
from prunegrid.pruning.recycling import recycled
from prunegrid.pruning.schedule import Schedule
from prunegrid.pruning.selection import Selection
from prunegrid.pruning.sharing_order import sharing_order
from tests.pruning import tiny
from tests.pruning.comparison import FAMILIES, Spread
from tests.pruning.plain_merging import averages, into_nearest, recycle
from tests.pruning.synchronising import prefill_waits

WAYS = ("average", "recycle")
# Image tokens of each row before and after a cut: many, no image, nothing dropped, one that stays, and so on.
PRESENT = (150, 0, 20, 9, 40, 3)
KEEP = (31, 0, 20, 1, 11, 2)
TEXT, HIDDEN = 5, 6


def situation(dtype: torch.dtype, seed: int = 0) -> tuple[SimpleNamespace, torch.Tensor, torch.Tensor]:
    """Return what stands for a stage, sizes of the tokens, and scores; rows are padded on the left."""
    generator = torch.Generator().manual_seed(seed)
    width = max(PRESENT) + TEXT + 4
    image = torch.zeros(len(PRESENT), width, dtype=torch.bool)
    for row, have in enumerate(PRESENT):
        # Text stands among the image tokens, too.
        places = width - TEXT - have - 1 + torch.arange(have + 1)
        image[row, places[places != width - TEXT - have // 2 - 1][:have]] = True
    assert image.sum(1).tolist() == list(PRESENT)
    hidden = torch.randn(*image.shape, HIDDEN, generator=generator).to(dtype)
    stage = SimpleNamespace(
        hidden=hidden,
        image=image,
        numbers=torch.where(image, image.cumsum(1) - 1, -1),
        present=list(PRESENT),
        keep=list(KEEP),
        n_keep=torch.tensor(KEEP),
    )
    sizes = torch.randint(1, 5, image.shape, generator=generator)
    # Scores with ties.
    return stage, sizes, torch.randint(0, 30, image.shape, generator=generator).float()


def choice(stage, scores) -> Selection:
    return Selection(highest(scores, stage.image, stage.n_keep), torch.tensor(False), "", scores)


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("sized", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_it_is_the_plain_one(how, sized, dtype):
    stage, sizes, scores = situation(dtype)
    merged = merge(Ranking(Norm(), False, how), stage, choice(stage, scores), sizes if sized else None)
    assert merged.hidden.dtype == dtype
    assert merged.stays.sum(1).tolist() == list(KEEP)
    changed = 0
    for row, keep in enumerate(KEEP):
        image = stage.image[row].nonzero()[:, 0].tolist()
        states = {column: stage.hidden[row, column].double() for column in image}
        own = {column: int(sizes[row, column]) if sized else 1 for column in image}
        ranked = sorted(image, key=lambda column: (-float(scores[row, column]), column))
        stay, into = sorted(ranked[:keep]), {}
        if how == "recycle":
            stay, into = recycle(states, ranked, keep)
        elif keep:
            into = into_nearest(states, stay, [column for column in image if column not in stay])
        assert merged.stays[row].nonzero()[:, 0].tolist() == stay
        wanted = stage.hidden[row].clone()
        for column, mean in averages(states, own, into).items():
            assert not torch.equal(mean.to(dtype), wanted[column])
            # Sums in float32, then rounded once.
            tolerance = max(1e-6, 2 * torch.finfo(dtype).eps)
            torch.testing.assert_close(
                merged.hidden[row, column].double(), mean, rtol=tolerance, atol=tolerance
            )
            wanted[column] = merged.hidden[row, column]
            members = [column, *(one for one, target in into.items() if target == column)]
            assert int(merged.sizes[row, column]) == sum(own[one] for one in members)
            changed += 1
        # All others are what they were, bit by bit.
        assert torch.equal(merged.hidden[row], wanted)
    assert changed > (30 if how == "average" else 4)


def test_drop_changes_nothing():
    stage, sizes, scores = situation(torch.float32)
    merged = merge(Ranking(Norm(), False, "drop"), stage, choice(stage, scores), sizes)
    assert merged.hidden is stage.hidden
    assert merged.sizes is sizes


@pytest.mark.parametrize("how", WAYS)
def test_a_row_is_merged_alike_in_any_batch(how):
    stage, sizes, scores = situation(torch.float32)
    together = merge(Ranking(Norm(), False, how), stage, choice(stage, scores), sizes)
    for row in range(len(PRESENT)):
        one = slice(row, row + 1)
        alone = SimpleNamespace(
            **{name: getattr(stage, name)[one] for name in vars(stage)},
        )
        if KEEP[row] == PRESENT[row]:
            continue
        merged = merge(Ranking(Norm(), False, how), alone, choice(alone, scores[one]), sizes[one])
        assert torch.equal(merged.stays, together.stays[one])
        assert torch.equal(merged.sizes, together.sizes[one])
        torch.testing.assert_close(merged.hidden, together.hidden[one], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_weighted_sums_are_those_of_a_loop(dtype):
    stage, sizes, scores = situation(dtype)
    generator = torch.Generator().manual_seed(2)
    table = torch.rand(*stage.image.shape, stage.image.shape[1], generator=generator)
    # To some nothing is added, and whatever stands for places without a token does not count.
    table[:, ::3] = 0
    table[~stage.image] = torch.nan
    table.transpose(1, 2)[~stage.image] = torch.nan

    class Weighing(Norm):
        def merge_weights(self, stage, kept, image):
            rows = torch.arange(len(table))[:, None, None]
            return table[rows, kept.index[..., None], image.index[:, None]]

    selection = choice(stage, scores)
    merged = merge(Ranking(Weighing(), False, "weighted"), stage, selection, sizes)
    assert merged.sizes is sizes
    assert torch.equal(merged.stays, selection.stays)
    assert merged.hidden.dtype == dtype
    for row, keep in enumerate(KEEP):
        stay = selection.stays[row].nonzero()[:, 0].tolist()
        assert len(stay) == keep
        wanted = stage.hidden[row].clone()
        for i in stay:
            if i % 3 == 0 or keep == PRESENT[row]:
                continue
            total = stage.hidden[row, i].double()
            for j in stage.image[row].nonzero()[:, 0].tolist():
                total = total + float(table[row, i, j]) * stage.hidden[row, j].double()
            tolerance = max(1e-5, 2 * torch.finfo(dtype).eps)
            torch.testing.assert_close(
                merged.hidden[row, i].double(), total, rtol=tolerance, atol=max(1e-5, tolerance)
            )
            wanted[i] = merged.hidden[row, i]
        # All others are what they were, bit by bit.
        assert torch.equal(merged.hidden[row], wanted)


def test_how_many_are_recycled():
    assert recycled(present=576, keep=192) == (115, 12)
    assert recycled(present=13, keep=3) == (3, 1)
    # Three dropped: 30 % of them is none, so the last that stays is a cluster of itself.
    assert recycled(present=13, keep=10) == (1, 1)
    assert recycled(present=400, keep=5) == (118, 4)
    assert (
        recycled(present=10, keep=1)
        == recycled(present=10, keep=10)
        == recycled(present=10, keep=0)
        == (0, 0)
    )


def test_equal_states_make_clusters_of_their_own():
    """Peaks with the same state stay apart, and nothing is lost where all distances are 0."""
    stage, _, scores = situation(torch.float32)
    stage.hidden[:] = 1.0
    merged = merge(Ranking(Norm(), False, "recycle"), stage, choice(stage, scores), None)
    assert merged.stays.sum(1).tolist() == list(KEEP)
    assert torch.equal(merged.hidden, stage.hidden)
    counted = torch.where(merged.stays, merged.sizes, 0).sum(1).tolist()
    pools = [recycled(have, keep) for have, keep in zip(PRESENT, KEEP, strict=True)]
    assert counted == [keep + pooled - peaks for keep, (pooled, peaks) in zip(KEEP, pools, strict=True)]


def test_far_states_do_not_lose_their_density():
    """exp(-distance) of all of them is 0 in float32: the order is that of float64."""
    stage, _, scores = situation(torch.float32)
    stage.hidden *= 12
    merged = merge(Ranking(Norm(), False, "recycle"), stage, choice(stage, scores), None)
    row, image = 0, stage.image[0].nonzero()[:, 0].tolist()
    states = {column: stage.hidden[row, column].double() for column in image}
    ranked = sorted(image, key=lambda column: (-float(scores[row, column]), column))
    assert merged.stays[row].nonzero()[:, 0].tolist() == recycle(states, ranked, KEEP[row])[0]


# --- as an option ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    return tiny.tiny_llava()


@pytest.fixture(scope="module")
def batch() -> dict[str, torch.Tensor]:
    return tiny.collate(tiny.requests(4))


def test_an_unknown_way_is_refused():
    with pytest.raises(ConfigError, match=r"'mean'.*average"):
        Norm(merge="mean")
    with pytest.raises(ConfigError, match=r"'averge'.*average"):
        build("criteria", "norm", {"merge": "averge"})


def test_a_set_rule_cannot_recycle(model):
    with pytest.raises(PruningError, match=r"'comparison' selects sets and has no scores.*drop or average"):
        Pruning(model, build("strategies", "single", {"layer": 2}), Spread(merge="recycle"), 0.5, 0)


def test_a_criterion_without_weights_is_refused(model):
    with pytest.raises(PruningError, match=r"'norm' does not say how much.*drop or average, not weighted"):
        Pruning(model, build("strategies", "single", {"layer": 2}), Norm(merge="weighted"), 0.5, 0)


def test_a_parts_own_way_counts_first(monkeypatch):
    parts = {"attention_shallow": Norm(merge="recycle"), "attention_deep": Norm()}
    monkeypatch.setattr(Staged, "_part", lambda self, name: parts[name])
    schedule = Schedule(8, ((1, 0.5), (4, 0.2)))
    assert [Staged(merge="average", deep_from=3).ranking(layer, schedule).merge for layer in (1, 4)] == [
        "recycle",
        "average",
    ]
    assert Staged(deep_from=3).ranking(4, schedule).merge == "drop"


def test_each_part_has_a_way_of_its_own():
    schedule = Schedule(8, ((0, 0.5), (4, 0.2)))
    parts = {"parts": ["norm", "first"]}
    found = build("criteria", "staged", {**parts, "merges": ["average", "drop"]})
    assert found.scored_by(schedule) == [(0, "norm", "hidden+average"), (4, "first", None)]
    assert [found.ranking(layer, schedule).merge for layer in (0, 4)] == ["average", "drop"]
    for options in ({"merges": ["drop"]}, {"merges": ["drop", "drop"], "merge": "average"}):
        with pytest.raises(ConfigError, match=r"at each of 2 parts, in place of merge: got \['drop'"):
            build("criteria", "staged", {**parts, **options})
    with pytest.raises(ConfigError, match=r"'averge'.*average"):
        build("criteria", "staged", {**parts, "merges": ["averge", "drop"]}).ranking(0, schedule)


def test_what_merging_costs_stands_with_who_scores():
    schedule = Schedule(8, ((1, 0.5), (4, 0.2)))
    found = build(
        "criteria", "staged", {"shallow": "norm", "deep": "first", "deep_from": 3, "merge": "average"}
    )
    assert found.scored_by(schedule) == [(1, "norm", "hidden+average"), (4, "first", "average")]
    assert Norm().scored_by(schedule) == [(1, "norm", "hidden"), (4, "norm", "hidden")]


@pytest.mark.parametrize("how", WAYS)
def test_merging_waits_for_nothing(model, batch, how):
    def of_engine(criterion):
        return len(prefill_waits(model, batch, lambda: prune(model, "uniform", criterion, 0.5)).of_engine)

    assert of_engine(Norm(merge=how)) == of_engine(Norm())


@pytest.mark.parametrize("name", ["visionzip", "prumerge"])
def test_weighted_sums_wait_for_nothing(model, batch, name):
    def of_engine(criterion, **options):
        built = build("criteria", criterion, {"tower_layer": -1, **options})
        return len(prefill_waits(model, batch, lambda: prune(model, "uniform", built, 0.5)).of_engine)

    assert of_engine(name, merge="weighted") == of_engine("cls_attention")


@pytest.mark.parametrize("family", ["llava", "qwen3_vl", "gemma3"])
def test_cells_share_what_was_merged(family):
    tiny_family = FAMILIES[family]
    model = tiny_family.model()
    rows = tiny_family.requests(model)
    batch, sample_ids = tiny_family.collate(rows), [row.name for row in rows]
    counts = (batch["input_ids"] == tiny.IMAGE_ID).sum(1).tolist()
    strategies = [
        build("strategies", "hierarchical", {"layers": [1, deep], "keep": [0.6, keep]})
        for deep, keep in ((3, 0.3), (3, 0.2), (4, 0.3))
    ]
    grid = [
        Pruning(model, strategy, Norm(merge=how), sum_of(strategy), 0, sample_ids)
        for how in ("drop", *WAYS)
        for strategy in strategies
    ]
    decisions = [pruning.decisions(counts) for pruning in grid]
    assert len({str(one[1]) for one in decisions}) == 3
    order = sharing_order(decisions)
    # The cells of one way share the layers up to the second cut at least.
    assert sum(prefill.shared_before >= 3 for prefill in order) == 6
    sharing, logits = PrefixSharing(order), {}
    for prefill in order:
        sharing.begin(prefill)
        pruning = grid[prefill.cells[0]]
        with torch.no_grad():
            with pruning.hooked(sharing):
                together, kept = model(**batch, use_cache=True).logits, pruning.kept
            with pruning.hooked():
                alone = model(**batch, use_cache=True).logits
        assert sharing.shared == prefill.shared_before
        assert kept == pruning.kept
        assert torch.equal(together, alone)
        logits[prefill.cells[0]] = alone
    assert not torch.equal(logits[0], logits[3])


@pytest.mark.parametrize("name", ["visionzip", "prumerge"])
def test_cells_share_what_was_added_up(model, batch, name):
    sample_ids = [row.name for row in tiny.requests(4)]
    counts = (batch["input_ids"] == tiny.IMAGE_ID).sum(1).tolist()
    strategies = [
        build("strategies", "hierarchical", {"layers": [0, 3], "keep": [0.6, keep]}) for keep in (0.3, 0.2)
    ]
    grid = [
        Pruning(model, strategy, criterion, sum_of(strategy), 0, sample_ids)
        for how in ("drop", "weighted")
        for criterion in [build("criteria", name, {"tower_layer": -1, "merge": how})]
        for strategy in strategies
    ]
    order = sharing_order([pruning.decisions(counts) for pruning in grid])
    # What is dropped and what is added up share nothing, as they part before the first layer.
    assert sorted(prefill.shared_before for prefill in order) == [0, 0, 3, 3]
    sharing, logits = PrefixSharing(order), {}
    for prefill in order:
        sharing.begin(prefill)
        pruning = grid[prefill.cells[0]]
        with torch.no_grad():
            with pruning.hooked(sharing):
                together, kept = model(**batch, use_cache=True).logits, pruning.kept
            with pruning.hooked():
                alone = model(**batch, use_cache=True).logits
        assert kept == pruning.kept
        assert torch.equal(together, alone)
        logits[prefill.cells[0]] = alone
    assert not torch.equal(logits[0], logits[2])


def sum_of(strategy):
    (first, second), keep = strategy.layers, strategy.keep
    return 1 - (first + keep[0] * (second - first) + keep[1] * (tiny.N_LAYERS - second)) / tiny.N_LAYERS
