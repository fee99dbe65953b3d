"""What becomes of the image tokens that a cut drops: nothing, or they are joined with some that stay.

All is done with the widths that the schedule tells, so that the device is asked for no number. Similarities,
means and sums are in float32; a hidden state that nothing is joined with stays as it is, bit by bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from prunegrid.pruning.criterion import Ranking
from prunegrid.pruning.highest import highest
from prunegrid.pruning.marked import Marked
from prunegrid.pruning.recycling import recycled
from prunegrid.pruning.selection import Selection
from prunegrid.pruning.stage import Stage
from prunegrid.pruning.token_layout import gather_tokens


@dataclass(frozen=True)
class Merged:
    """What stays at a cut.

    Attributes
    ----------
    stays : Tensor
        (batch, present tokens), bool: the image tokens that stay.
    hidden : Tensor
        (batch, present tokens, hidden size), in the model's dtype: what enters the layer.
    sizes : Tensor or None
        (batch, present tokens), int64: of how many tokens of the prompt each is the mean; None: of itself.
    """

    stays: Tensor
    hidden: Tensor
    sizes: Tensor | None


def merge(ranking: Ranking, stage: Stage, selection: Selection, sizes: Tensor | None) -> Merged:
    """Say what becomes of the dropped tokens.

    Parameters
    ----------
    ranking : Ranking
        Its `merge`. "drop": nothing. "average": each is averaged into the most similar token that stays, by
        the cosine of their hidden states (arXiv 2210.09461). "recycle": the last of those that stay give way
        to clusters of the best dropped (arXiv 2410.04417, section 3.3). "weighted": h_i + sum_j w_ij h_j for
        each h_i that stays, j all image tokens, or, of what the projector P is given, h_i + P(x_i + sum_j
        w_ij x_j) - P(x_i); a sum is no mean, so sizes stay as they were.
    stage : Stage
        The cut.
    selection : Selection
        Which tokens the criterion selected; its scores for "recycle".
    sizes : Tensor or None
        (batch, present tokens), as in `Merged`, before the cut.
    """
    if ranking.merge == "drop":
        return Merged(selection.stays, stage.hidden, sizes)
    if ranking.merge == "weighted":
        return Merged(selection.stays, _with_weighted_sums(ranking, stage, selection.stays), sizes)
    sizes = torch.ones_like(stage.numbers) if sizes is None else sizes.to(stage.numbers.device)
    return (_averaged_into_kept if ranking.merge == "average" else _recycled)(stage, selection, sizes)


def _with_weighted_sums(ranking: Ranking, stage: Stage, stays: Tensor) -> Tensor:
    kept, image = Marked.of(stays, max(stage.keep)), Marked.of(stage.image, max(stage.present))
    # A row that drops nothing is no cut of its own, whatever rows stand beside it.
    drops = (stage.n_keep < stage.image.sum(1))[:, None, None]
    nowhere = ~(kept.valid[..., None] & image.valid[:, None] & drops)
    found = ranking.criterion.merge_weights(stage, kept, image).float().masked_fill(nowhere, 0.0)
    before = gather_tokens(stage.hidden, kept.index, dim=1)
    if ranking.of_inputs:
        inputs = stage.vision("projector_inputs", -1)
        own = kept.states(inputs)
        # A token that no patch stands behind, such as an end of a row, is no output of the projector.
        added = stage.projected(own + found @ image.states(inputs)) - stage.projected(own)
    else:
        added = found @ image.states(stage.hidden)
    after = (before.float() + added).to(stage.hidden.dtype)
    after = torch.where((found != 0).any(2, keepdim=True), after, before)
    return stage.hidden.scatter(1, kept.index[..., None].expand_as(after), after)


def _averaged_into_kept(stage: Stage, selection: Selection, sizes: Tensor) -> Merged:
    stays = selection.stays
    gone = [have - keep for have, keep in zip(stage.present, stage.keep, strict=True)]
    sources, targets = Marked.of(stage.image & ~stays, max(gone)), Marked.of(stays, max(stage.keep))
    cosines = sources.units(stage.hidden) @ targets.units(stage.hidden).transpose(1, 2)
    cosines = cosines.masked_fill(~targets.valid[:, None], -torch.inf)
    return Merged(stays, *_averaged(stage.hidden, sizes, sources, targets, cosines.argmax(2)))


def _recycled(stage: Stage, selection: Selection, sizes: Tensor) -> Merged:
    """Let the worst of those that stay give way to density-peak clusters of the best of the rest."""
    assert selection.scores is not None  # a criterion without scores is refused when it is asked who ranks
    counts = [recycled(have, keep) for have, keep in zip(stage.present, stage.keep, strict=True)]
    pooled, clusters = map(list, zip(*counts, strict=True))
    n_pooled, n_clusters = (_on(stage.hidden.device, some) for some in (pooled, clusters))
    best = highest(selection.scores, stage.image, stage.n_keep - n_clusters)
    in_pool = highest(selection.scores, stage.image & ~best, n_pooled)
    pool = Marked.of(in_pool, max(pooled))
    states = pool.states(stage.hidden)
    # Products would lose what distances of long, nearly equal vectors have in common.
    distances = torch.cdist(states, states, compute_mode="donot_use_mm_for_euclid_dist")
    distances = distances / states.shape[-1] ** 0.5
    peaks = _density_peaks(distances, pool.valid, n_clusters)
    centres = Marked.of(peaks, max(clusters))
    # A peak is its own cluster's, even where another has the same hidden state.
    own = torch.eye(distances.shape[1], dtype=torch.bool, device=distances.device)
    to_centres = distances.masked_fill(own, -1.0).gather(
        2, centres.index[:, None].expand(-1, distances.shape[1], -1)
    )
    nearest = to_centres.masked_fill(~centres.valid[:, None], torch.inf).argmin(2)
    stays = best | pool.spread(peaks, best.shape[1])
    targets = Marked(pool.index.gather(1, centres.index), centres.valid)
    sources = Marked(pool.index, pool.valid & ~peaks)
    return Merged(stays, *_averaged(stage.hidden, sizes, sources, targets, nearest))


def _on(device: torch.device, numbers: Sequence[int]) -> Tensor:
    """Return numbers on a device, (n,), int64, without waiting for it: they are no copy, but filled in."""
    return torch.stack([torch.full((), number, device=device) for number in numbers])


def _density_peaks(distances: Tensor, valid: Tensor, n: Tensor) -> Tensor:
    """Mark the n peaks of each row's density (Rodriguez and Laio 2014, with the density of TCFormer).

    A token's density is exp(-mean squared distance to its n nearest, itself among them); its score is that
    times the distance to the nearest token of higher density, for the densest the largest distance there is.
    Of equal densities and scores the first token's counts as the higher. Logarithms have the same order, and
    do not become 0 where distances are large.

    Parameters
    ----------
    distances : Tensor
        (batch, tokens, tokens), float32.
    valid : Tensor
        (batch, tokens), bool: False for places that hold no token.
    n : Tensor
        (batch,), int64: at most as many as the row has tokens.
    """
    place = torch.arange(distances.shape[1], device=distances.device)
    nearest = distances.masked_fill(~valid[:, None], torch.inf).sort(dim=2).values
    among = (place < n[:, None])[:, None]
    density = -nearest.square().masked_fill(~among, 0.0).sum(2) / n.clamp_min(1)[:, None]
    denser = (density[:, None] > density[:, :, None]) | (
        (density[:, None] == density[:, :, None]) & (place[None, :] < place[:, None])
    )
    farthest = distances.masked_fill(~(valid[:, None] & valid[:, :, None]), 0.0).amax((1, 2))
    apart = distances.masked_fill(~(denser & valid[:, None]), torch.inf).amin(2)
    return highest(apart.minimum(farthest[:, None]).log() + density, valid, n)


def _averaged(
    hidden: Tensor, sizes: Tensor, sources: Marked, targets: Marked, into: Tensor
) -> tuple[Tensor, Tensor]:
    """Average tokens into others, each weighted by its size.

    Parameters
    ----------
    hidden, sizes : Tensor
        (batch, present tokens, hidden size), in the model's dtype; (batch, present tokens), int64.
    sources, targets : Marked
        (batch, s) and (batch, t): no token is among both.
    into : Tensor
        (batch, s), int64: which of the t targets a source goes to.

    Returns
    -------
    Tensor, Tensor
        Hidden states and sizes with the targets changed.
    """
    goes = into[..., None] == torch.arange(targets.index.shape[1], device=into.device)
    goes &= sources.valid[..., None] & targets.valid[:, None]
    weights = goes * sizes.gather(1, sources.index)[..., None]
    own, gained = sizes.gather(1, targets.index), weights.sum(1)
    before = gather_tokens(hidden, targets.index, dim=1)
    # A product, as adding up at places that repeat has no fixed order on a GPU.
    added = weights.float().transpose(1, 2) @ sources.states(hidden)
    mean = (before.float() * own[..., None] + added) / (own + gained)[..., None]
    after = torch.where((gained > 0)[..., None], mean.to(hidden.dtype), before)
    places = targets.index[..., None].expand_as(after)
    return hidden.scatter(1, places, after), sizes.scatter(1, targets.index, own + gained)
