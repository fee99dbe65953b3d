"""Step: how much a batch's size changes, and whether the same batch gives the same twice."""

from __future__ import annotations

from collections.abc import Sequence

from prunegrid.checks.finding import Finding
from prunegrid.checks.subject import REFERENCE, Answers, Setting, Subject
from prunegrid.predict.prompts import Prompt

STEP = "batch sizes"
STEPS = 8
# Prompts that are run at every size, by the kind of device.
_MOST_PROMPTS = {"cpu": 16}
_MOST = 64
_MIDDLE = 8


def batch_agreement(subject: Subject) -> Finding:
    """Compare kept tokens, first tokens and texts at batch 1, 8 and the study's; the last of them twice."""
    most = _MOST_PROMPTS.get(subject.model.device.type, _MOST)
    prompts = subject.prompts[: min(most, max(subject.batch_size, _MIDDLE))]
    sizes = sorted({1, min(_MIDDLE, len(prompts)), min(subject.batch_size, len(prompts))})
    figures: dict[str, float] = {}
    told, same = [], True
    for setting in (None, REFERENCE):
        runs = {size: _run(subject, prompts, size, setting) for size in sizes}
        again = _run(subject, prompts, sizes[-1], setting)
        name = str(setting or "none")
        same &= not any(changes(runs[sizes[-1]], again).values())
        for size in sizes[:-1]:
            found = changes(runs[sizes[-1]], runs[size])
            figures |= {f"{name}, {size} against {sizes[-1]}, {what}": share for what, share in found.items()}
            if any(found.values()):
                shares = ", ".join(f"{share:.1%} of {what}" for what, share in found.items() if share)
                told.append(f"{name}, {size} against {sizes[-1]}: {shares}")
    changed = "; ".join(told)
    says = f"they differ in {changed}" if changed else "the same"
    says = f"batches of {', '.join(map(str, sizes))}: {says}"
    if not same:
        says = f"not deterministic: the same batch of {sizes[-1]} gives something else a second time; {says}"
    return Finding(STEP, same, f"{len(prompts)} prompts: {says}", figures)


def _run(subject: Subject, prompts: Sequence[Prompt], size: int, setting: Setting | None) -> list[Answers]:
    """Return the answers to prompts in batches of a size, one prompt each."""
    found = []
    for start in range(0, len(prompts), size):
        batch = subject.answers(prompts[start : start + size], STEPS, setting)
        found += [
            Answers([kept], [tokens], batch.logits[row : row + 1])
            for row, (kept, tokens) in enumerate(zip(batch.kept, batch.tokens, strict=True))
        ]
    return found


def changes(one: Sequence[Answers], other: Sequence[Answers]) -> dict[str, float]:
    """Return the shares of kept tokens, first tokens and texts in which two runs of prompts differ."""
    kept = changed = 0
    for a, b in zip(one, other, strict=True):
        for (_, left), (_, right) in zip(a.kept[0], b.kept[0], strict=True):
            kept, changed = kept + len(left), changed + len(set(left) - set(right))
    pairs = list(zip(one, other, strict=True))
    return {
        "kept tokens": changed / kept if kept else 0.0,
        "first tokens": sum(a.tokens[0][0] != b.tokens[0][0] for a, b in pairs) / len(pairs),
        "texts": sum(a.tokens != b.tokens for a, b in pairs) / len(pairs),
    }
