"""A test of the tests: an engine with a wrong definition must not pass for the right one.

Each mutation rewrites a line of the engine, in memory, to something that a careful reader could have
written; the comparison of `test_oracle` has to see it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from prunegrid.criteria import chunks, deduplication
from prunegrid.criteria.attention_deep import AttentionDeep
from prunegrid.criteria.attention_deep_mean import AttentionDeepMean
from prunegrid.criteria.norm import Norm
from prunegrid.criteria.norm_input import NormInput
from prunegrid.criteria.prumerge import PruMerge
from prunegrid.criteria.random import RandomOrder
from prunegrid.criteria.salient_coverage import SalientCoverage
from prunegrid.criteria.staged import Staged
from prunegrid.criteria.visionzip import VisionZip
from prunegrid.criteria.windows import Windows
from prunegrid.pruning import attention, gradients, merging, selection, stage, tower
from prunegrid.pruning import schedule as strategies
from prunegrid.pruning.context import Pruning
from prunegrid.pruning.criterion import Criterion
from prunegrid.pruning.layer_hooks import LayerHooks
from prunegrid.pruning.moved_up import MovedUp
from prunegrid.pruning.prefill import Prefill
from prunegrid.pruning.token_layout import Layout
from tests.pruning.comparison import differences, requests_of
from tests.pruning.sabotage import Change

FAMILY = "llava"


def close_up_later_positions(patch: pytest.MonkeyPatch) -> None:
    """Let positions of generated tokens go on from the pruned length."""
    original = Pruning._enter_model

    def closed_up(self, model, args, kwargs):
        original(self, model, args, kwargs)
        cache = kwargs.get("past_key_values")
        if cache is None or cache.get_seq_length() == 0:
            return None
        gone = self.n_image_tokens[0] - len(self.kept[0][-1][1])
        return args, {**kwargs, "position_ids": kwargs["position_ids"] - gone}

    patch.setattr(Pruning, "_enter_model", closed_up)


def forget_sizes(patch: pytest.MonkeyPatch) -> None:
    """Let each cut merge as if it were the first one that does."""
    patch.setattr(Prefill, "sizes", None)


@dataclass(frozen=True)
class Mutation:
    """A wrong definition, where it must be seen, and in what."""

    changes: list[Change | Callable[[pytest.MonkeyPatch], None]]
    strategy: str
    scoring: str | None
    seen_in: str = "kept"
    ragged: bool = False
    family: str = FAMILY

    def apply(self, patch: pytest.MonkeyPatch) -> None:
        """Mutate the engine."""
        for change in self.changes:
            (change.apply if isinstance(change, Change) else change)(patch)


RECEIVED = (stage.Stage, "attention_received", "self._projected, rows, self.layout.valid")
SCORES = (stage, "attention_received")
SUM_OF_ROWS = "stage.attention_received(stage.image)"
AT_OR_AFTER = "stage.image.flip(1).cumsum(1).flip(1)"

MUTATIONS = {
    # Which attention.
    "layer l-2": Mutation(
        [
            Change(
                LayerHooks,
                "_enter_layer",
                """run.projected = None
    read = self._read_at(run, index + 1)
    run.entered_before = hidden if read else None
    self._watch.only(*[index] if read else [])""",
                """run.projected = run.projected if index + 1 in run.cuts else None
    run.entered_before = hidden
    self._watch.only(*[index] if index + 2 in run.cuts else [])""",
            )
        ],
        "single",
        "attention_shallow",
    ),
    "last text row left out": Mutation(
        [Change(*RECEIVED, "self._projected, rows & ~self.last, self.layout.valid")],
        "uniform",
        "attention_shallow",
        ragged=True,
    ),
    "last text row only": Mutation(
        [Change(*RECEIVED, "self._projected, self.last, self.layout.valid")],
        "hierarchical",
        "attention_shallow",
    ),
    "deep scores by text rows": Mutation(
        [Change(AttentionDeep, "score", SUM_OF_ROWS, "stage.attention_received(stage.text_after)")],
        "hierarchical",
        "attention",
    ),
    "deep from the layer after": Mutation(
        [Change(Staged, "resolve", "layer >=", "layer >")], "hierarchical", "attention"
    ),
    # How it is computed.
    "no causal mask": Mutation(
        [Change(attention, "_masked", "device=at.device) <= at", "device=at.device) < tokens + 0 * at")],
        "hierarchical",
        "attention_deep",
    ),
    "softmax over image columns": Mutation(
        [
            Change(*RECEIVED, "self._projected, rows, self.image"),
            Change(attention, "_masked", "| (torch.arange(tokens, device=at.device) == at[:, :, None])", ""),
        ],
        "hierarchical",
        "attention_shallow",
    ),
    "max over heads": Mutation(
        [Change(*SCORES, ".mean(dim=1)", ".amax(dim=1)")], "hierarchical", "attention_shallow"
    ),
    "heads grouped the other way": Mutation(
        [
            Change(
                *SCORES,
                ".float()\n        # Grouped",
                ".float().unflatten(1, (-1, key_heads)).transpose(1, 2)\n        # Grouped",
            )
        ],
        "hierarchical",
        "attention_shallow",
    ),
    "no scaling": Mutation(
        [Change(*SCORES, " * projected.scaling", "")], "hierarchical", "attention_shallow"
    ),
    "padding counts in scores": Mutation(
        [Change(attention, "_masked", "~mask", "(torch.arange(tokens) > at[:, :, None])[:, None]")],
        "hierarchical",
        "attention_shallow",
        ragged=True,
    ),
    # Means where sums belong: only a divisor that differs by column changes a ranking.
    "deep mean for deep sum": Mutation(
        [Change(AttentionDeep, "score", SUM_OF_ROWS, f"{SUM_OF_ROWS} / {AT_OR_AFTER}.clamp_min(1)")],
        "hierarchical",
        "attention_deep",
    ),
    "deep sum for deep mean": Mutation(
        [Change(AttentionDeepMean, "score", AT_OR_AFTER, "stage.image.sum(1, keepdim=True)")],
        "hierarchical",
        "attention_deep_mean",
    ),
    "deep mean over dropped rows": Mutation(
        [Change(AttentionDeepMean, "score", AT_OR_AFTER, "(stage.most_image_tokens - stage.numbers)")],
        "uniform",
        "attention_deep_mean",
    ),
    # Other scores.
    "norm of the embedding": Mutation(
        [Change(Norm, "score", "stage.hidden", "stage.embeddings()")], "uniform", "norm", ragged=True
    ),
    "norm_input of the hidden state": Mutation(
        [Change(NormInput, "score", "stage.embeddings()", "stage.hidden")],
        "uniform",
        "norm_input",
        ragged=True,
    ),
    "random by row number": Mutation(
        [Change(RandomOrder, "score", "stage.sample_ids", "map(str, range(len(stage.sample_ids)))")],
        "constant",
        "random",
        ragged=True,
    ),
    "random alike in all layers": Mutation(
        [Change(RandomOrder, "score", "sample_id, stage.layer", "sample_id, 1")], "uniform", "random"
    ),
    "gradient without the state": Mutation(
        [Change(gradients, "_scores", "kept.states[index].float() * gradient", "gradient")],
        "uniform",
        "gradient",
        ragged=True,
    ),
    "gradient summed before abs": Mutation(
        [Change(gradients, "_scores", ".abs().sum(-1)", ".sum(-1).abs()")], "single", "gradient"
    ),
    "gradient of the logit": Mutation(
        [Change(gradients, "_of_logits", "-nn.functional.softplus(against)", "gold[..., 0]")],
        "uniform",
        "gradient",
        ragged=True,
    ),
    "gradient at layer l-1": Mutation(
        [Change(stage.Stage, "unpruned_saliency", "self.layer]", "self.layer - 1]")], "single", "gradient"
    ),
    "gradient of the first token only": Mutation(
        [Change(gradients, "_of_logits", "(chosen * counts).sum(1)", "chosen[:, 0]")],
        "uniform",
        "long answer",
    ),
    "gradient_other of the answer": Mutation(
        [Change(gradients, "ranked_token", "indices[:, rank]", "indices[:, 0]")], "single", "gradient_other"
    ),
    # Choosing.
    "ties to the higher number": Mutation(
        [
            Change(
                selection,
                "highest",
                "scores.argsort(dim=1, descending=True, stable=True)",
                "scores.shape[1] - 1 - scores.flip(1).argsort(dim=1, descending=True, stable=True)",
            )
        ],
        "hierarchical",
        "ties",
    ),
    "ties turn with reverse": Mutation(
        [
            Change(
                selection,
                "highest",
                "scores.argsort(dim=1, descending=True, stable=True)",
                "scores.shape[1] - 1 - scores.flip(1).argsort(dim=1, descending=True, stable=True)",
            )
        ],
        "hierarchical",
        "ties reversed",
    ),
    "reverse forgotten": Mutation(
        [Change(selection, "_select_best", "scores = -scores", "pass")], "hierarchical", "deep reversed"
    ),
    "row 0 decides for all": Mutation(
        [Change(selection, "highest", "scatter(1, order,", "scatter(1, order[:1].expand_as(order),")],
        "constant",
        "norm",
        ragged=True,
    ),
    "the lowest stay": Mutation(
        [Change(selection, "highest", "descending=True", "descending=False")], "hierarchical", "norm"
    ),
    "kept tokens in another order": Mutation(
        [
            Change(
                Layout,
                "select",
                "right_aligned(keep, max(lengths))",
                "right_aligned(keep, max(lengths)).flip(1)",
            )
        ],
        "single",
        "norm",
    ),
    "a reversed set is what the rule takes": Mutation(
        [Change(selection, "_select_set", "stage.image & ~found if reverse else found", "found")],
        "hierarchical",
        "spread reversed",
    ),
    # Merging.
    "means that forget sizes": Mutation([forget_sizes], "uniform", "norm averaged", "logits"),
    "sizes that do not grow": Mutation(
        [Change(merging, "_averaged", "sizes.scatter(1, targets.index, own + gained)", "sizes")],
        "uniform",
        "norm averaged",
        "logits",
    ),
    "means without the token that stays": Mutation(
        [
            Change(
                merging,
                "_averaged",
                "before.float() * own[..., None] + added) / (own + gained)",
                "added) / (gained)",
            )
        ],
        "hierarchical",
        "norm averaged",
        "logits",
    ),
    "averaged into the least similar": Mutation(
        [Change(merging, "_averaged_into_kept", "cosines.argmax(2)", "cosines.argmin(2)")],
        "hierarchical",
        "norm averaged",
        "logits",
    ),
    "averaged by inner products": Mutation(
        [
            Change(
                merging,
                "_averaged_into_kept",
                "sources.units(stage.hidden) @ targets.units",
                "sources.states(stage.hidden) @ targets.states",
            )
        ],
        "uniform",
        "spread averaged",
        "logits",
    ),
    "text is averaged into image tokens": Mutation(
        [Change(merging, "_averaged_into_kept", "stage.image & ~stays", "~stays")],
        "hierarchical",
        "norm averaged",
        "logits",
    ),
    "row 0 merges for all": Mutation(
        [
            Change(
                merging,
                "_averaged_into_kept",
                "cosines.argmax(2)",
                "cosines.argmax(2)[:1].expand(len(stays), -1)",
            )
        ],
        "hierarchical",
        "norm averaged",
        "logits",
        ragged=True,
    ),
    "the worst are recycled": Mutation(
        [
            Change(
                merging,
                "_recycled",
                "highest(selection.scores, stage.image & ~best",
                "highest(-selection.scores, stage.image & ~best",
            )
        ],
        "hierarchical",
        "norm recycled",
    ),
    "clusters beside those that stay": Mutation(
        [Change(merging, "_recycled", "stage.n_keep - n_clusters", "stage.n_keep")],
        "hierarchical",
        "norm recycled",
        "logits",
    ),
    # Rules that read the vision tower.
    "class token's softmax without itself": Mutation(
        [
            Change(
                tower,
                "_similarity",
                "logits.softmax(-1)",
                "logits.exp() / logits[:, 1:].exp().sum(1)",
            )
        ],
        "input",
        "prumerge merged",
        "logits",
    ),
    "dominant by lowest": Mutation(
        [Change(VisionZip, "_dominant", "highest(attention", "highest(-attention")], "input", "visionzip"
    ),
    "contextual tokens that add up": Mutation(
        [Change(VisionZip, "merge_weights", "goes / goes.sum(2, keepdim=True).clamp_min(1)", "goes.float()")],
        "input",
        "visionzip merged",
        "logits",
    ),
    "keys of one head": Mutation(
        [Change(VisionZip, "merge_weights", "self.tower_layer).mean(2)", "self.tower_layer)[:, :, 0]")],
        "input",
        "visionzip merged",
        "logits",
    ),
    "dominant tokens gather, too": Mutation(
        [Change(VisionZip, "merge_weights", " & ~self._dominant(stage)[0].gather(1, kept.index)", "")],
        "input",
        "visionzip merged",
        "logits",
    ),
    "other features than the tower's": Mutation(
        [Change(SalientCoverage, "select", 'stage.vision("features", self.tower_layer)', "stage.hidden")],
        "input",
        "salient_coverage",
    ),
    "what is covered counts again": Mutation(
        [Change(SalientCoverage, "select", "covered[0] = covered[0].maximum(to_best)", "return")],
        "input",
        "salient_coverage",
    ),
    "coverage without attention": Mutation(
        [Change(SalientCoverage, "select", "clamp_min(0).sum(1) * attention", "clamp_min(0).sum(1)")],
        "input",
        "salient_coverage",
    ),
    "the most similar stay": Mutation(
        [
            Change(
                deduplication, "_round", "even.gather(1, nearest.argsort", "even.gather(1, (-nearest).argsort"
            )
        ],
        "input",
        "deduplication",
    ),
    "rounds leave the order as it was": Mutation(
        [Change(deduplication, "_round", "torch.cat([even, odd], 1)", "torch.cat([odd, even], 1)")],
        "input",
        "deduplication",
    ),
    "less attention than half": Mutation(
        [Change(deduplication.Deduplication, "select", "* self.important", "* 0.2")], "input", "deduplication"
    ),
    "quotas alike": Mutation(
        [Change(chunks, "_quotas", "score / (score.sum(1", "is_chunk / (is_chunk.double().sum(1")],
        "input",
        "chunks",
        ragged=True,
    ),
    "the lowest of a chunk": Mutation(
        [Change(chunks.Chunks, "select", "dim=2, descending=True", "dim=2, descending=False")],
        "input",
        "chunks",
    ),
    "weighted sums in place of tokens": Mutation(
        [Change(merging, "_with_weighted_sums", "own + found @ image", "found @ image")],
        "input",
        "prumerge merged",
        "logits",
    ),
    "rows that drop nothing are joined": Mutation(
        [Change(merging, "_with_weighted_sums", " & drops)", ")")],
        "uniform",
        "prumerge merged",
        "logits",
        ragged=True,
        family="internvl",
    ),
    "joined behind the projector": Mutation(
        [Change(Criterion, "ranking", "layer == 0 and criterion.merges_inputs", "False")],
        "input",
        "prumerge merged",
        "logits",
    ),
    "nearest with itself": Mutation(
        [Change(PruMerge, "merge_weights", " & (kept.index[..., None] != image.index[:, None])", "")],
        "input",
        "prumerge merged",
        "logits",
    ),
    "the upper quarter for outliers": Mutation(
        [Change(PruMerge, "select", "third + 1.5 * (third - first)", "third")], "input", "prumerge"
    ),
    "windows by the deep layer": Mutation(
        [
            Change(
                Windows,
                "select",
                "(self.window_layer, self.tower_layer)",
                "(self.tower_layer, self.tower_layer)",
            )
        ],
        "input",
        "windows",
    ),
    "windows of all tiles together": Mutation(
        [Change(Windows, "_window", "(places[..., 0] * self.windows**2).round().long() + inside", "inside")],
        "input",
        "windows",
        family="llava_next",
    ),
    "counts rounded down": Mutation(
        [Change(strategies, "_whole", " + 0.5 + _EXACT", "")], "uniform", "first"
    ),
    "shares of what is present": Mutation(
        [Change(strategies, "count_tokens", "share * n_tokens", "share * present")], "uniform", "first"
    ),
    # What the layers see.
    "prompt positions renumbered": Mutation(
        [
            Change(
                LayerHooks,
                "_cut_arguments",
                "tuple(layout.gather(part, dim=-2) for part in parts)",
                "tuple(part[:, : hidden.shape[1]] for part in parts)",
            )
        ],
        "constant",
        "first",
        "logits",
    ),
    "later positions renumbered": Mutation([close_up_later_positions], "constant", "first", "logits"),
    "dropped tokens visible in the prompt": Mutation(
        [Change(Layout, "_hide_padding", "_hide(mask, ~self.valid[:, None, None, :])", "mask")],
        "constant",
        "first",
        "logits",
        ragged=True,
    ),
    "dropped tokens visible later": Mutation(
        [Change(Layout, "decode_mask", "_hide(cut, ~seen[:, None, None, :])", "cut")],
        "constant",
        "first",
        "logits",
        ragged=True,
    ),
    "blind columns visible later": Mutation(
        [Change(LayerHooks, "_leave_first_layer", "Layout.whole(valid)", "Layout.whole(valid | True)")],
        "blind",
        None,
        "logits",
    ),
    # Contiguous positions.
    "moved up though they are original": Mutation(
        [Change(Pruning, "__init__", "strategy.positions == CONTIGUOUS and ", "")],
        "hierarchical",
        "norm",
        "logits",
    ),
    "moved up though they have three dimensions": Mutation(
        [Change(Pruning, "__init__", " and not family.multimodal_positions", "")],
        "input",
        "norm",
        "logits",
        family="qwen2_vl",
    ),
    "prompt not moved up": Mutation(
        [
            Change(
                LayerHooks,
                "_cut_arguments",
                "moved_up.in_prompt(parts, layout)",
                "tuple(layout.gather(part, dim=-2) for part in parts)",
            )
        ],
        "input",
        "norm",
        "logits",
    ),
    "generated tokens not moved up": Mutation(
        [Change(LayerHooks, "_cut_arguments", "moved_up.later(index, parts, layout, held)", "parts")],
        "uniform contiguous",
        "norm",
        "logits",
    ),
    "generated tokens moved up in one layer only": Mutation(
        [
            Change(
                LayerHooks,
                "_cut_arguments",
                "moved_up.later(index,",
                "index and parts or moved_up.later(index,",
            )
        ],
        "from the input on",
        "norm",
        "logits",
    ),
    "moved up over the padding": Mutation(
        [Change(MovedUp, "in_prompt", "self._columns.gather(1, rank.to(self._columns.device))", "rank")],
        "input",
        "norm",
        "logits",
        ragged=True,
    ),
    "generated tokens follow the shortest row": Mutation(
        [
            Change(
                MovedUp,
                "later",
                "layout.valid.sum(1, keepdim=True) + held",
                "layout.valid.sum(1).amin().expand(len(layout.valid), 1) + held",
            )
        ],
        "hierarchical contiguous",
        "norm",
        "logits",
        ragged=True,
    ),
    "generated tokens begin anew in each step": Mutation(
        [
            Change(
                MovedUp,
                "later",
                "layout.valid.sum(1, keepdim=True) + held",
                "layout.valid.sum(1, keepdim=True)",
            )
        ],
        "input",
        "norm",
        "logits",
    ),
    # The layer's own attention, and the first layer.
    "own attention of the layer before": Mutation(
        [Change(stage.Stage, "own_attention_received", "self._own()", "self._prefill.projected")],
        "uniform",
        "attention_own",
    ),
    "own attention at the places of the unpruned prompt": Mutation(
        [
            Change(
                LayerHooks,
                "_own_projected",
                "kwargs = self._cut_arguments(run, run.layout, index, hidden, kwargs)",
                "kwargs = {**kwargs, 'attention_mask': None, 'position_embeddings': tuple("
                "part[:, : hidden.shape[1]] for part in kwargs['position_embeddings'])}",
            )
        ],
        "uniform",
        "attention_own",
    ),
    "dropped tokens of layer 0 visible later": Mutation(
        [Change(LayerHooks, "_leave_first_layer", "Layout.whole(valid)", "Layout.whole(valid | True)")],
        "input",
        "norm",
        "logits",
    ),
    "halves up, not to the even number": Mutation(
        [Change(strategies, "_whole", "rounding == HALF_EVEN and", "False and")], "halves to even", "first"
    ),
    "padding visible in the prompt": Mutation(
        [
            Change(
                Layout,
                "prefill_mask",
                "cut = rows.gather(3, columns.expand(-1, rows.shape[1], columns.shape[3], -1))",
                "cut = columns <= self.columns[:, None, :, None]",
            ),
            Change(Layout, "_hide_padding", "_hide(mask, ~self.valid[:, None, None, :])", "mask"),
        ],
        "constant",
        "first",
        "logits",
        ragged=True,
    ),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_mutation_is_seen(name, monkeypatch):
    mutation = MUTATIONS[name]
    rows = list(requests_of(mutation.family))
    case = rows if mutation.ragged else rows[1:2], mutation.strategy, mutation.scoring
    # The engine as it is agrees; the oracle's outcome is remembered from here on.
    assert not differences(mutation.family, *case)
    mutation.apply(monkeypatch)
    assert mutation.seen_in in {what for _, what, _ in differences(mutation.family, *case)}
