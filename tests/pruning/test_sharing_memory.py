"""Cells go through a batch depth first: what is kept for later ones does not grow with their number."""

import random

import pytest
import torch

from prunegrid.plugins import build
from prunegrid.pruning.context import Pruning
from prunegrid.pruning.prefix_sharing import PrefixSharing
from prunegrid.pruning.sharing_order import parting_layers, sharing_order
from tests.pruning import tiny
from tests.pruning.memory import new_bytes

COUNTS = [tiny.N_IMAGE] * 3


def grid(model: torch.nn.Module, criteria: tuple[str, ...], seeds: range) -> list[Pruning]:
    """Return cells of one and of two cuts before all layers."""
    single = [(build("strategies", "single", {"layer": layer}), 0.1) for layer in range(1, tiny.N_LAYERS)]
    drawn = build("strategies", "random", {})
    return [
        Pruning(model, strategy, build("criteria", criterion), ratio, seed)
        for criterion in criteria
        for strategy, ratio, seed in [
            *((strategy, ratio, 0) for strategy, ratio in single),
            *((drawn, 0.3, seed) for seed in seeds),
        ]
    ]


def peak(model: torch.nn.Module, prunings: list[Pruning], batch: dict[str, torch.Tensor]) -> int:
    """Return the most bytes that are alive at the end of a prefill, over what the model takes."""
    order = sharing_order([pruning.decisions(COUNTS) for pruning in prunings])
    sharing, found = PrefixSharing(order), []
    with new_bytes() as taken:
        for prefill in order:
            sharing.begin(prefill)
            pruning = prunings[prefill.cells[0]]
            last = model.model.language_model.layers[-1]
            handle = last.register_forward_pre_hook(lambda *_: found.append(taken()))
            with pruning.hooked(sharing), torch.no_grad():
                model(**batch, use_cache=True)
            handle.remove()
            assert sharing.shared == prefill.shared_before
    return max(found)


def test_memory_does_not_grow_with_the_cells() -> None:
    model, batch = tiny.tiny_llava(), tiny.collate(tiny.requests(4)[:3])
    few = grid(model, ("norm",), range(2))
    many = grid(model, ("norm", "norm_input", "attention_last", "last", "first"), range(6))
    assert len(many) > 7 * len(few)
    alone, together = peak(model, few[:1], batch), peak(model, many, batch)
    assert together <= peak(model, few, batch)
    # Of one layer: what enters it, and of the one before what entered, its queries, keys and values.
    text = model.config.text_config
    heads = text.num_attention_heads + 2 * text.num_key_value_heads
    width = 2 * text.hidden_size + heads * text.head_dim
    entering = batch["input_ids"].numel() * width * 4
    # Two, as cells of two cuts part at two layers; keys and values are those of the prefill itself.
    assert alone < together < alone + 2 * entering


@pytest.mark.parametrize("seed", range(20))
def test_just_what_later_prefills_need_is_kept(seed: int) -> None:
    draw = random.Random(seed)
    cells = [[draw.choice([None, None, "a", "b"]) for _ in range(6)] for _ in range(30)]
    order = sharing_order(cells)
    shares = [prefill.shared_before for prefill in order]
    held: set[int] = set()
    for at, (prefill, parting) in enumerate(zip(order, parting_layers(order), strict=True)):
        assert prefill.shared_before in held | {0}
        held = {layer for layer in held if layer in parting}
        held |= {layer for layer in parting if prefill.shared_before < layer <= prefill.shared_after}
        later = range(at + 1, len(order))
        assert held == {shares[to] for to in later if shares[to] == min(shares[at + 1 : to + 1])} - {0}
