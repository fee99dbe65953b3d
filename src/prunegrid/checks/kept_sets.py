"""Step: the tokens that stay are those with the highest scores, by the definitions, with eager attention."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from prunegrid.checks.finding import Finding
from prunegrid.checks.masked_forward import image_columns, masked_logits
from prunegrid.checks.subject import HIERARCHICAL, REFERENCE, Setting, Subject, attention_kernel
from prunegrid.predict.prompts import Prompt, collate
from prunegrid.pruning.schedule import Schedule

STEP = "kept sets by definition"
SETTINGS = (
    REFERENCE,
    Setting(HIERARCHICAL, "attention_last"),
    Setting("uniform", "attention_deep_mean"),
    Setting(HIERARCHICAL, "norm"),
    Setting("single", "norm_input", {"layer": 0.25}),
)
# Roundings by which a score may be off, relative to it: of the hidden states over the layers, of a query with
# a key, whose error a softmax multiplies by the size of the product, and of the sum.
_ROUNDINGS = 16


@dataclass
class _Seen:
    """What a slow forward pass shows: what enters each layer, and the head-averaged attention of each."""

    entering: dict[int, Tensor] = field(default_factory=dict)
    attention: dict[int, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class _Cut:
    """A cut of one prompt: before `layer`, of the image columns `present`."""

    layer: int
    present: Tensor
    seen: _Seen
    image: Tensor
    tokens: int

    def received(self, rows: Tensor) -> Tensor:
        """Return what each present image token receives from rows in the layer before."""
        return self.seen.attention[self.layer - 1][rows][:, self.present].sum(0)


def _shallow(cut: _Cut) -> Tensor:
    return cut.received(torch.arange(int(cut.image.max()) + 1, cut.tokens, device=cut.image.device))


def _deep(cut: _Cut) -> Tensor:
    return cut.received(cut.present)


def _deep_mean(cut: _Cut) -> Tensor:
    behind = torch.arange(len(cut.present), 0, -1, device=cut.present.device)
    return _deep(cut) / behind


def _last(cut: _Cut) -> Tensor:
    return cut.received(torch.tensor([cut.tokens - 1], device=cut.present.device))


def _norm(cut: _Cut) -> Tensor:
    norms: Tensor = cut.seen.entering[cut.layer][cut.present].float().square().sum(-1).sqrt()
    return norms


def _norm_input(cut: _Cut) -> Tensor:
    norms: Tensor = cut.seen.entering[0][cut.present].float().square().sum(-1).sqrt()
    return norms


# Of `attention`, the first cut is shallow and the second deep: see `hierarchical`.
_SCORES: dict[str, Callable[[_Cut], Tensor]] = {
    "attention_shallow": _shallow,
    "attention_deep": _deep,
    "attention_deep_mean": _deep_mean,
    "attention_last": _last,
    "norm": _norm,
    "norm_input": _norm_input,
}


def kept_sets(subject: Subject) -> Finding:
    """Compare kept sets with scores that a full-length forward pass with eager attention shows.

    A token may be kept in another's place if their scores lie within rounding of the cut.
    """
    allowed = _ROUNDINGS * torch.finfo(subject.dtype).eps
    wrong, near, total, worst = 0, 0, 0, 0.0
    where: list[str] = []
    for setting in SETTINGS:
        for batch in (subject.few[-1:], subject.few):
            kept = subject.answers(batch, 1, setting).kept
            for prompt, cuts in zip(batch, kept, strict=True):
                for name, beside in _against_definition(subject, setting, prompt, cuts):
                    total += 1
                    near += beside is not None and 0 < beside <= allowed
                    if beside is None or not beside <= allowed:
                        wrong += 1
                        where.append(f"{setting}, {name}{'' if len(batch) == 1 else ', in a batch'}")
                    worst = worst if beside is None else max(worst, beside)
    figures = {"cuts": total, "wrong": wrong, "within_rounding": near, "most": worst, "allowed": allowed}
    says = f"{total} cuts"
    if near:
        says += f", {near} with other tokens within rounding of the cut ({worst:.1g} <= {allowed:.1g})"
    if wrong:
        says = f"{wrong} of {total} cuts keep other tokens: {'; '.join(dict.fromkeys(where[:3]))}"
    return Finding(STEP, not wrong, says, figures)


def _against_definition(
    subject: Subject, setting: Setting, prompt: Prompt, cuts: Sequence[tuple[int, Sequence[int]]]
) -> Iterator[tuple[str, float | None]]:
    """Yield per cut its name, and how far beyond the cut a kept token's score lies, relative to the scores.

    0: the sets are equal. None: not even the number of tokens is right, or they are not among those present.
    """
    seen = _Seen()
    inputs = collate([prompt], subject.loaded).inputs
    with attention_kernel(subject.model, "eager"), _attention_shown(subject, seen):
        masked_logits(subject.model, inputs, cuts, [0], seen=lambda at, h: seen.entering.update({at: h[0]}))
    image = image_columns(subject.model, inputs)
    wanted = _schedule(subject, setting, len(image)).counts(len(image))
    present = image
    for number, ((layer, numbers), (planned, count)) in enumerate(zip(cuts, wanted, strict=True)):
        name = f"before layer {planned}"
        now = image[list(numbers)]
        if layer != planned or len(now) != count or not bool(torch.isin(now, present).all()):
            yield name, None
            return
        criterion = setting.criterion or ""
        if criterion == "attention":
            criterion = "attention_deep" if number else "attention_shallow"
        width = inputs["input_ids"].shape[1]
        scores = _SCORES[criterion](_Cut(layer, present, seen, image, width)).float()
        stays = torch.isin(present, now)
        beside = 0.0
        if 0 < count < len(present):
            beside = float((scores[~stays].max() - scores[stays].min()) / scores.abs().max())
        yield name, max(0.0, beside)
        present = now


def _schedule(subject: Subject, setting: Setting, n_tokens: int) -> Schedule:
    how = subject.pruning(setting)
    return how.strategy.schedule_for(how.ratio, subject.n_layers, seed=how.seed, n_tokens=n_tokens)


@contextmanager
def _attention_shown(subject: Subject, seen: _Seen) -> Iterator[None]:
    """Keep each layer's attention, averaged over heads, (tokens, tokens), float32."""
    family = subject.loaded.family

    def keep(index: int) -> Callable[..., None]:
        def hook(module: nn.Module, args: tuple[Any, ...], output: tuple[Any, ...]) -> None:
            seen.attention[index] = output[1][0].float().mean(0)

        return hook

    handles = [
        family.attention(layer).register_forward_hook(keep(index))
        for index, layer in enumerate(family.layers(subject.model))
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
