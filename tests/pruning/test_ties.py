"""Whether a cut fell on a tie: against sorted lists, in a batch and alone, taken over or not."""

from dataclasses import dataclass

import pytest
import torch

from prunegrid import prune
from prunegrid.plugins import build
from prunegrid.pruning import cutting, highest, selection
from prunegrid.pruning.context import Pruning
from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.kept_tokens import KeptTokens
from prunegrid.pruning.prefix_sharing import PrefixSharing
from prunegrid.pruning.sharing_order import sharing_order
from prunegrid.pruning.stage import Stage
from tests.pruning import tiny
from tests.pruning.sabotage import Change

LAYERS = [2, 5]


def coarse(number: int, layer: int, row: int) -> float:
    """Return a score: distinct before one layer, of few values before the other; rows differ in which."""
    return float((7 * number + 3 * layer + row) % tiny.N_IMAGE // (1 + 6 * ((row + layer) % 2)))


@dataclass(frozen=True)
class Coarse(Criterion):
    """Scores of few values; text has the highest one, and more of it, which must not count."""

    distinct: bool = False

    def score(self, stage: Stage) -> torch.Tensor:
        rows = [int(name.split()[1]) for name in stage.sample_ids]
        scores = torch.full(stage.numbers.shape, 3.0)
        for place, row in enumerate(rows):
            for column, number in enumerate(stage.numbers[place].tolist()):
                if number >= 0:
                    scores[place, column] = number if self.distinct else coarse(number, stage.layer, row)
        return scores


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    return tiny.tiny_llava()


@torch.no_grad()
def prefill(model, criterion, rows=range(4), strategy="hierarchical", **options) -> Pruning:
    requests = [tiny.requests(4)[row] for row in rows]
    names = [request.name for request in requests]
    with prune(model, strategy, criterion, 0.5, sample_ids=names, strategy_options=options) as pruning:
        model(**tiny.collate(requests))
    return pruning


def plain(pruning: Pruning, reverse: bool = False) -> list[list[bool]]:
    """Return the same from the kept tokens alone, by sorted lists."""
    found: list[list[bool]] = [[] for _ in pruning.kept]
    for row, cuts in enumerate(pruning.kept):
        present = [*range(tiny.N_IMAGE)]
        for layer, kept in cuts:
            scores = sorted((coarse(number, layer, row) for number in present), reverse=not reverse)
            found[row].append(scores[len(kept) - 1] == scores[len(kept)])
            present = kept
    return found


@pytest.mark.parametrize("reverse", [False, True])
def test_ties_are_those_of_sorted_lists(model, reverse):
    pruning = prefill(model, Coarse(reverse=reverse), layers=LAYERS)
    assert pruning.ties == plain(pruning, reverse)
    assert {True, False} <= {tied for row in pruning.ties for tied in row}
    assert [len(row) for row in pruning.ties] == [2, 2, 2, 0]


def test_a_row_alone_has_the_ties_that_it_has_in_a_batch(model):
    whole = prefill(model, Coarse(), layers=LAYERS).ties
    assert [prefill(model, Coarse(), [row], layers=LAYERS).ties[0] for row in range(4)] == whole


def test_distinct_scores_set_rules_clusters_and_exits_have_none(model):
    assert prefill(model, Coarse(distinct=True), layers=LAYERS).ties == [[False, False]] * 3 + [[]]
    assert prefill(model, "diversity", layers=LAYERS).ties == [[]] * 4
    assert prefill(model, Coarse(merge="recycle"), layers=LAYERS).ties == [[]] * 4
    assert prefill(model, "norm", strategy="exit").ties == [[]] * 4


def test_ties_of_cuts_that_are_taken_over_are_told_in_each_prefill(model):
    batch = tiny.collate(tiny.requests(4))
    counts = (batch["input_ids"] == tiny.IMAGE_ID).sum(1).tolist()
    names = [request.name for request in tiny.requests(4)]
    prunings = []
    for deep, keep in ((5, 0.24), (4, 0.4)):
        strategy = build("strategies", "hierarchical", {"layers": [2, deep], "keep": [0.6, keep]})
        kept = 2 + 0.6 * (deep - 2) + keep * (tiny.N_LAYERS - deep)
        prunings.append(Pruning(model, strategy, Coarse(), 1 - kept / tiny.N_LAYERS, 0, names))
    order = sharing_order([pruning.decisions(counts) for pruning in prunings])
    assert order[1].shared_before > LAYERS[0]
    sharing = PrefixSharing(order)
    for taken in order:
        sharing.begin(taken)
        pruning = prunings[taken.cells[0]]
        with pruning.hooked(sharing), torch.no_grad():
            model(**batch)
        assert pruning.ties == plain(pruning)


def test_a_cut_of_all_or_none_is_no_tie():
    scores = torch.tensor([[-torch.inf, 1.0, 1.0]]).expand(4, 3)
    among = torch.tensor([[True, True, True], [True, True, True], [True, True, True], [False, True, True]])
    stays = torch.tensor([[True, True, True], [False] * 3, [False, True, False], [False, True, True]])
    assert highest.on_tie(scores, among, stays).tolist() == [False, False, True, False]


MUTATIONS = {
    "highest that stays": Change(selection, "on_tie", "amin(1)", "amax(1)"),
    "lowest that goes": Change(selection, "on_tie", "amax(1)", "amin(1)"),
    "text counts": Change(selection, "on_tie", "among & ~stays", "~stays"),
    "any order": Change(selection, "on_tie", "lowest == ", "lowest >= "),
    "row before": Change(KeptTokens, "settle", "bool(tied[row])", "bool(tied[row - 1])"),
    "first cut's": Change(
        KeptTokens, "settle", "(start := start + cut.tied.numel())", "start + cut.tied.numel()"
    ),
    "rows without a cut": Change(cutting.Cutter, "cut", "0 < after[row] < before[row]", "row"),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_mutation_is_seen(model, name, monkeypatch):
    def holds() -> bool:
        runs = [(prefill(model, Coarse(reverse=turn), layers=LAYERS), turn) for turn in (False, True)]
        return all(pruning.ties == plain(pruning, turn) for pruning, turn in runs)

    assert holds()
    MUTATIONS[name].apply(monkeypatch)
    assert not holds()
