"""Step: what 16 bit changes against float32, and whether gradients keep their small entries."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from torch import Tensor
from transformers import PreTrainedModel

from prunegrid.checks.finding import Finding
from prunegrid.checks.subject import HIERARCHICAL, REFERENCE, Setting, Subject
from prunegrid.predict.free_memory import free_memory
from prunegrid.predict.prompts import Prompt

STEP = "16 bit against float32"
GRADIENT = Setting(HIERARCHICAL, "gradient")
SETTINGS = (REFERENCE, Setting(HIERARCHICAL, "norm"), GRADIENT)
MOST_PROMPTS = 8
# Left free beside a copy of the model, as a share of it.
_ROOM = 0.3


def precision_loss(subject: Subject) -> Finding:
    """Compare kept sets with those of a float32 copy, where memory allows one; count zero gradients.

    A gradient score of 0 is one that 16 bit has lost: such tokens tie, and the first of them stay. Only
    layers from which every token is still seen count: up to the last layer without a sliding window.
    """
    prompts = subject.prompts[:MOST_PROMPTS]
    gradients: dict[tuple[str, int, int], tuple[Tensor, int]] = {}
    own = {str(one): _kept(subject, prompts, one, gradients if one is GRADIENT else None) for one in SETTINGS}
    zeros = _zero_share(subject, gradients)
    figures: dict[str, float] = {"zero_gradients": zeros}
    told = []
    if subject.dtype == torch.float32:
        told.append("float32 itself")
    elif not _fits(subject.model):
        told.append("no room for a float32 copy")
    else:
        copied: PreTrainedModel = copy.deepcopy(subject.model).float()
        wide = replace(subject, loaded=replace(subject.loaded, model=copied))
        for one in SETTINGS:
            shares = _changed(own[str(one)], _kept(wide, prompts, one))
            figures |= {f"{one}, cut {number + 1}": share for number, share in enumerate(shares)}
            told.append(f"{one.criterion} changes {' / '.join(f'{share:.1%}' for share in shares)}")
        told = [f"kept tokens at each cut: {', '.join(told)}"]
    says = f"{zeros:.1%} of the gradient scores are 0; {'; '.join(told)}"
    return Finding(STEP, zeros == 0, says, figures)


def _kept(
    subject: Subject,
    prompts: list[Prompt],
    setting: Setting,
    gradients: dict[tuple[str, int, int], tuple[Tensor, int]] | None = None,
) -> list[list[list[int]]]:
    """Return per prompt and cut the image tokens that stay."""
    found = []
    for start in range(0, len(prompts), max(1, subject.batch_size)):
        batch = prompts[start : start + max(1, subject.batch_size)]
        kept = subject.answers(batch, 1, setting, gradients).kept
        found += [[list(numbers) for _, numbers in cuts] for cuts in kept]
    return found


def _changed(own: list[list[list[int]]], wide: list[list[list[int]]]) -> list[float]:
    """Return per cut the share of kept tokens that the other run does not keep."""
    shares = []
    for cut in range(len(own[0])):
        pairs = [(set(a[cut]), set(b[cut])) for a, b in zip(own, wide, strict=True)]
        shares.append(sum(len(a - b) for a, b in pairs) / max(1, sum(len(a) for a, _ in pairs)))
    return shares


def _zero_share(subject: Subject, gradients: dict[tuple[str, int, int], tuple[Tensor, int]]) -> float:
    """Return the share of gradient scores that are 0."""
    text = subject.model.config.get_text_config()
    # Where no kinds are given, a window is every layer's.
    usual = "sliding_attention" if getattr(text, "sliding_window", None) else "full_attention"
    kinds = getattr(text, "layer_types", None) or [usual] * subject.n_layers
    whole = [at for at, kind in enumerate(kinds) if kind != "sliding_attention"]
    counted = [scores[1 : max(whole) + 1] for scores, _ in gradients.values()] if whole else []
    total = sum(scores.numel() for scores in counted)
    return sum(int((scores == 0).sum()) for scores in counted) / total if total else 0.0


def _fits(model: PreTrainedModel) -> bool:
    """Return whether a float32 copy fits beside the model; one that lies on several devices is not copied."""
    if len({parameter.device for parameter in model.parameters()}) > 1:
        return False
    needed = (1 + _ROOM) * 4 * sum(parameter.numel() for parameter in model.parameters())
    return bool(needed < free_memory(model))
