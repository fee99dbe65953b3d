"""The compute ledger: FLOPs of one sample, from its token counts and the model's shapes. Imports no torch.

Papers count multiply-accumulates, image tokens only and two feed-forward matrices, and call them FLOPs;
no two agree. So every figure is given, each under its name (docs/definitions.md, Compute ledger). All but
`published` count 2 per multiply-accumulate, as `torch.utils.flop_counter` does: attention as full
products, without its causal half.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from prunegrid.cost.decoder import Decoder
from prunegrid.cost.selection_cost import SelectionCost
from prunegrid.cost.tower_scores import TowerWidths, tower_score_flops, tower_widths
from prunegrid.cost.vision import vision_flops
from prunegrid.pruning.patch_grid import PatchGrid

TERA = 1e12


def published_tflops(image_tokens: ArrayLike, hidden: int, ffn: int) -> float:
    """Return the papers' figure: sum over layers of (4 n d^2 + 2 n^2 d + 2 n d m) / 1e12.

    Parameters
    ----------
    image_tokens : sequence of float
        n, image tokens per layer.
    hidden, ffn : int
        d and m.
    """
    n = np.asarray(image_tokens, dtype=float)
    return float((4 * n * hidden**2 + 2 * n**2 * hidden + 2 * n * hidden * ffn).sum() / TERA)


@dataclass(frozen=True)
class TokenCounts:
    """Token counts of one sample, on which its FLOPs depend.

    Attributes
    ----------
    image_tokens : ndarray
        (L,), image tokens that each layer computed on.
    n_image : int
        N, image tokens of the prompt.
    n_text, n_after : int
        Text tokens of the prompt; those after the last image token.
    n_generated : int
        Tokens of the answer. The prefill gives the first.
    n_explained : int
        Tokens of the unpruned answer that a gradient was taken of.
    grids : sequence of (int, int, int)
        What the vision tower ran on; see `prunegrid.pruning.patch_grid`.
    n_full : int
        Image tokens of the pictures at their own size; 0 for N: they were not made smaller.
    """

    image_tokens: np.ndarray
    n_image: int
    n_text: int
    n_after: int
    n_generated: int = 1
    n_explained: int = 1
    grids: Sequence[PatchGrid] = ()
    n_full: int = 0


def sample_ledger(
    decoder: Decoder,
    sample: TokenCounts,
    costs: Sequence[str | None],
    *,
    pruned: bool = True,
    eager: bool = False,
    tower: TowerWidths | None = None,
) -> dict[str, float]:
    """Return the FLOPs of one sample in the decoder.

    Parameters
    ----------
    decoder : Decoder
        Shapes.
    sample : TokenCounts
        Tokens.
    costs : sequence of str or None
        (L,), what is computed just before each layer to rank and merge tokens: words of `selection_cost`,
        joined by "+"; None where nothing is ranked.
    pruned : bool
        The schedule has cuts.
    eager : bool
        Attention is not fused.
    tower : TowerWidths, optional
        See `SelectionCost`; needed where a word asks for it.

    Returns
    -------
    dict
        prefill, scoring, decode, in FLOPs.
    """
    image, n_text = sample.image_tokens, sample.n_text
    tokens = image + n_text
    prefill = decoder.layer(tokens, tokens).sum() + decoder.head
    scoring, gradient = 0.0, False
    for layer, cost in enumerate(costs):
        present = int(image[layer - 1]) if layer else sample.n_image
        # Nothing is ranked where a cut keeps all or none of what is present.
        if cost is None or not 0 < image[layer] < present:
            continue
        cut = SelectionCost(
            decoder, present, int(image[layer]), n_text, sample.n_after, tower or TowerWidths()
        )
        words = cost.split("+")
        scoring += sum(cut.flops(word) for word in words)
        gradient |= "gradient" in words
    if gradient:
        scoring += _gradient(decoder, sample.n_image + n_text, sample.n_explained, eager)
    # The i-th further token attends to what its layer holds of the prompt and to i generated ones.
    later = np.arange(1, max(1, sample.n_generated))[:, None]
    keys = held_tokens(sample)[None, :] + later
    if not pruned:
        # A sliding layer's cache holds its window; where tokens are dropped, it holds all that are kept.
        keys = np.minimum(keys, [window or np.inf for window in decoder.windows])
    decode = decoder.layer(np.ones_like(later), keys).sum() + len(later) * decoder.head
    return {"prefill": float(prefill), "scoring": float(scoring), "decode": float(decode)}


def held_tokens(sample: TokenCounts) -> np.ndarray:
    """Return the length of each layer's key-value cache after the prefill, (L,)."""
    held = sample.image_tokens + sample.n_text
    # The engine fills the first cache up with zeros: its length tells the position of later tokens.
    held[0] = sample.n_image + sample.n_text
    return held


def _gradient(decoder: Decoder, tokens: int, answer_tokens: int, eager: bool) -> float:
    """Return the FLOPs of an answer's gradient: generating it, then a forward and a backward pass.

    A single token is read off the forward pass itself. The backward pass runs each layer again before it
    (see `prunegrid.pruning.gradients`).
    """
    reading = 0.0
    if answer_tokens > 1:
        later = np.arange(1, answer_tokens)
        reading = decoder.layers * decoder.layer(tokens, tokens) + answer_tokens * decoder.head
        reading += decoder.layers * decoder.layer(np.ones_like(later), tokens + later).sum()
    last = tokens + answer_tokens - 1
    forward = decoder.layers * decoder.layer(last, last) + answer_tokens * decoder.head
    attention = 4 * decoder.heads * decoder.head_size * last * last
    # Backward to activations only: each product with a weight once, attention's two products twice; fused
    # attention computes its scores anew.
    again = 1.0 if eager else 1.5
    layer = 2 * decoder.layer(last, last) + again * attention
    backward = decoder.layers * layer + answer_tokens * decoder.head
    return float(reading + forward + backward)


def sample_compute(
    config: Mapping[str, Any],
    sample: TokenCounts,
    scoring: Iterable[tuple[int, str | None]],
    *,
    pruned: bool,
    eager: bool,
) -> dict[str, float]:
    """Return the figures of one sample (docs/interface.md, scores.json, compute).

    Parameters
    ----------
    config : mapping
        The model's whole configuration.
    sample : TokenCounts
        The sample.
    scoring : iterable of (int, str or None)
        Per cut (layer, what ranking and merging before it compute: `Ranking.cost`).
    pruned : bool
        The schedule has cuts.
    eager : bool
        Attention is not fused.

    Returns
    -------
    dict
        tflops_published, tflops_prefill, tflops_vision, tflops_scoring, tflops_decode, tflops_total
        (all 1e12), ratio_achieved (share of the image-token work removed), min_image_tokens (the fewest in
        any layer), mean_image_tokens (their mean over layers).
    """
    decoder = Decoder.from_config(config)
    costs: list[str | None] = [None] * decoder.layers
    for layer, cost in scoring:
        costs[layer] = cost
    tower_scores = tower_score_flops(config, sample.grids, costs) if pruned else 0.0
    widths = tower_widths(config, costs)
    ledger = sample_ledger(decoder, sample, costs, pruned=pruned, eager=eager, tower=widths)
    image, n = sample.image_tokens, sample.n_full or sample.n_image
    # Where no layer has an image token, nobody reads what the tower would compute.
    vision = vision_flops(config, sample.grids) if image.any() else 0
    return {
        "tflops_published": published_tflops(image, decoder.hidden, decoder.ffn),
        "tflops_prefill": ledger["prefill"] / TERA,
        "tflops_vision": vision / TERA,
        "tflops_scoring": (ledger["scoring"] + tower_scores) / TERA,
        "tflops_decode": ledger["decode"] / TERA,
        "tflops_total": (sum(ledger.values()) + tower_scores + vision) / TERA,
        "ratio_achieved": float(1 - image.sum() / (decoder.layers * n)) if n else 0.0,
        "min_image_tokens": float(image.min()),
        "mean_image_tokens": float(image.mean()),
    }
