"""Step: the ledger's FLOPs are those that torch counts while the model runs on this device."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import ClassVar

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from prunegrid.checks.finding import Finding
from prunegrid.checks.subject import REFERENCE, Setting, Subject, attention_kernel
from prunegrid.cost.ledger import TERA, TokenCounts, sample_compute
from prunegrid.predict.prompts import Prompt
from prunegrid.scoring.cell_ledger import tokens_per_layer

STEP = "ledger"
STEPS = 4
SETTINGS = (None, REFERENCE, Setting("single", "gradient", {"layer": 0.25}), Setting("uniform", "first"))
_MOST = 0.01


class _NoModules(nullcontext[None]):
    """Stands in for the counter's record of modules, which cannot follow `autograd.grad`."""

    parents: ClassVar[frozenset[str]] = frozenset({"Global"})


def counted(run: Callable[[], object]) -> float:
    """Return the FLOPs of a call, as torch counts them: 2 per multiply-accumulate of matrix products."""
    counter = FlopCounterMode(display=False)
    counter.mod_tracker = _NoModules()  # type: ignore[assignment]
    with counter, torch.no_grad():
        run()
    return float(counter.get_total_flops())


def counted_flops(subject: Subject) -> Finding:
    """Compare the ledger of one prompt with what `FlopCounterMode` counts, within 1 %.

    Attention is eager: it makes the full products that the ledger counts, which the counter does not know of
    every fused kernel.
    """
    prompt, gaps = subject.few[-1], {}
    with attention_kernel(subject.model, "eager"):
        for setting in SETTINGS:
            gaps[str(setting or "none")] = _gap(subject, prompt, setting)
    worst = max(gaps, key=lambda name: abs(gaps[name]))
    says = f"within {abs(gaps[worst]):.2%} of what torch counts ({worst}), allowed {_MOST:.0%}"
    return Finding(STEP, abs(gaps[worst]) <= _MOST, says, gaps)


def _gap(subject: Subject, prompt: Prompt, setting: Setting | None) -> float:
    found = []
    flops = counted(lambda: found.append(subject.answers([prompt], STEPS, setting).kept[0]))
    return flops / (TERA * ledger(subject, prompt, setting, found[0], STEPS)["decoder"]) - 1


def ledger(
    subject: Subject,
    prompt: Prompt,
    setting: Setting | None,
    kept: list[tuple[int, list[int]]],
    steps: int,
) -> dict[str, float]:
    """Return the ledger of a prompt (1e12); `decoder` is all but the vision tower.

    Parameters
    ----------
    subject : Subject
        The model.
    prompt : Prompt
        The prompt.
    setting : Setting or None
        How it was pruned.
    kept : list of (int, list of int)
        What stayed.
    steps : int
        Tokens that were generated.
    """
    image = (prompt.input_ids == subject.loaded.family.image_token_id(subject.model.config)).nonzero()[:, 0]
    n_image, n_text = len(image), len(prompt.input_ids) - len(image)
    depth = np.full(n_image, subject.n_layers)
    # Later cuts see fewer tokens; what an earlier one dropped has its depth already.
    for layer, numbers in reversed(kept):
        gone = np.setdiff1d(np.arange(n_image), numbers)
        depth[gone] = np.minimum(depth[gone], layer)
    scored: list[tuple[int, str | None]] = []
    if setting is not None and setting.criterion:
        pruning = subject.pruning(setting)
        solved = pruning.strategy.schedule_for(pruning.ratio, subject.n_layers, seed=0, n_tokens=n_image)
        scored = [(layer, cost) for layer, _, cost in pruning.criterion.scored_by(solved)]
    counts = TokenCounts(
        tokens_per_layer(depth.tolist(), subject.n_layers),
        n_image,
        n_text,
        int(len(prompt.input_ids) - 1 - image[-1]),
        n_generated=steps,
        n_explained=1,
        grids=prompt.grids,
    )
    found = sample_compute(subject.model.config.to_dict(), counts, scored, pruned=bool(kept), eager=True)
    return {**found, "decoder": found["tflops_total"] - found["tflops_vision"]}
