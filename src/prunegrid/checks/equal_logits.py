"""Step: the engine's logits equal those of the slow way, where nothing is dropped and masks forbid."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from prunegrid.checks.finding import Finding
from prunegrid.checks.masked_forward import masked_logits
from prunegrid.checks.subject import HIERARCHICAL, REFERENCE, Answers, Setting, Subject, attention_kernel
from prunegrid.predict.prompts import Prompt, collate

STEP = "engine equals slow path"
STEPS = 3
SETTINGS = (
    REFERENCE,
    Setting("uniform", "norm"),
    Setting("pyramid", "random"),
    Setting("single", "gradient", {"layer": 0.25}),
    Setting(HIERARCHICAL, "first"),
    Setting("blind"),
)
# Logits that differ by this share of their spread are no rounding any more.
_MOST_NOISE = 0.5


def equal_logits(subject: Subject) -> Finding:
    """Compare logits, prompts alone and as a padded batch; the model's own rounding is the measure.

    Unpruned, the logits of a prompt alone, in a batch, and without a cache tell how far the model itself
    rounds in this dtype on this device. Twice that is allowed, and never less than what rounding is known to
    do: two logits stored in the dtype may be off by half a unit each, and each layer rounds in float32.
    """
    noise, spread, largest = 0.0, 0.0, 0.0
    for batch in _batches(subject):
        plain = subject.answers(batch, STEPS)
        noise = max(noise, *(gap for gap, _ in _gaps(subject, batch, plain)))
        spread = float(plain.logits.std(-1).max())
        largest = max(largest, float(plain.logits.abs().max()))
    figures = {"own_difference": noise, "logit_spread": spread}
    if not noise <= _MOST_NOISE * spread:
        return Finding(
            STEP,
            False,
            f"the unpruned model itself differs by {noise:.2g} between generation with a cache, alone or in "
            f"a batch, and one forward pass, at logits that spread by {spread:.2g}",
            figures,
        )
    stored = 2 * torch.finfo(subject.dtype).eps * largest
    layers = 4 * subject.n_layers * torch.finfo(torch.float32).eps * largest
    tolerance = max(2 * noise, stored, layers)
    worst, where, flips, count = 0.0, "", 0, 0
    for setting in SETTINGS:
        for batch in _batches(subject):
            for gap, flipped in _gaps(subject, batch, subject.answers(batch, STEPS, setting), setting):
                count, flips = count + STEPS, flips + flipped
                # A NaN is the worst.
                if not gap <= worst:
                    worst, where = gap, f"{setting}, {'alone' if len(batch) == 1 else 'in a batch'}"
    figures |= {"largest_difference": worst, "tolerance": tolerance, "flips": flips, "tokens": count}
    says = (
        f"largest difference {worst:.2g} ({where}), allowed {tolerance:.2g}; {flips} of {count} tokens flip"
    )
    return Finding(STEP, worst <= tolerance, says, figures)


def _batches(subject: Subject) -> list[list[Prompt]]:
    """Return a prompt alone, and few prompts of different length as one padded batch."""
    return [subject.few[-1:], subject.few]


def _gaps(
    subject: Subject, batch: Sequence[Prompt], answers: Answers, setting: Setting | None = None
) -> list[tuple[float, int]]:
    """Return per prompt the largest difference to the slow way, and the tokens that it chooses otherwise."""
    found = []
    with attention_kernel(subject.model, "sdpa"):
        for row, prompt in enumerate(batch):
            inputs = collate([prompt], subject.loaded).inputs
            slow = masked_logits(subject.model, inputs, answers.kept[row], answers.tokens[row]).float().cpu()
            flipped = int((slow.argmax(-1) != answers.logits[row].argmax(-1)).sum())
            found.append((float((slow - answers.logits[row]).abs().max()), flipped))
    return found
