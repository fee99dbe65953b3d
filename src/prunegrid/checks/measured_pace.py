"""Step: how fast the model is at the study's batch; `compute_plan` multiplies it into hours."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from prunegrid.checks.counted_flops import ledger
from prunegrid.checks.finding import Finding
from prunegrid.checks.subject import Setting, Subject
from prunegrid.cost.ledger import TERA
from prunegrid.predict.hardware import describe_device, synchronise
from prunegrid.predict.prompts import PromptMaker

STEP = "pace"
_REPEATS, _LONG, _PICTURES = 3, 9, 4
# Seconds from which a call is made once: its first time, and what varies, are then little of it.
_SLOW = 2.0


def measured_pace(subject: Subject) -> dict[str, Any]:
    """Return the pace at the study's batch, of the prompt of middle length.

    Batches of a study are of prompts of about one length. Those at hand are of all its benchmarks: together
    they would be padded, and the pace of the padding would be charged to their tokens.

    Returns
    -------
    dict
        encode_seconds_per_picture, prepare_seconds_per_sample (tokens and pixels of a picture that was read),
        prefill_flops_per_second, decode_seconds_per_step, gradient_flops_per_second, batch_size, device.
    """
    ordered = sorted(subject.prompts, key=lambda prompt: len(prompt.input_ids))
    batch = [ordered[len(ordered) // 2]] * subject.batch_size
    plain = [ledger(subject, prompt, None, [], 1) for prompt in batch]
    first = _seconds(subject, lambda: subject.answers(batch, 1))
    longer = _seconds(subject, lambda: subject.answers(batch, _LONG), 2)
    gradient = Setting("single", "gradient", {"layer": 0.25})
    explained = subject.answers(batch, 1, gradient)
    pruned = [ledger(subject, *pair, 1) for pair in _scored(batch, gradient, explained.kept)]
    both = _seconds(subject, lambda: subject.answers(batch, 1, gradient), 1)
    prefill = sum(one["tflops_prefill"] for one in plain) * TERA / first
    # What it costs beside its own, shorter prefill.
    beside = max(both - sum(one["tflops_prefill"] for one in pruned) * TERA / prefill, both / 10)
    prepare, encode = _pictures(subject)
    return {
        "encode_seconds_per_picture": encode,
        "prepare_seconds_per_sample": prepare,
        "prefill_flops_per_second": prefill,
        "decode_seconds_per_step": max(longer - first, 0.0) / (_LONG - 1),
        "gradient_flops_per_second": sum(one["tflops_scoring"] for one in pruned) * TERA / beside,
        "batch_size": len(batch),
        "device": describe_device(subject.model.device),
    }


def said_pace(pace: dict[str, Any]) -> Finding:
    """Say the pace that was measured."""
    return Finding(
        STEP,
        None,
        f"batch {pace['batch_size']}: prefill {pace['prefill_flops_per_second'] / TERA:.3g} TFLOP/s, "
        f"{pace['decode_seconds_per_step'] * 1e3:.3g} ms a decoding step, gradients "
        f"{pace['gradient_flops_per_second'] / TERA:.3g} TFLOP/s, "
        f"{pace['encode_seconds_per_picture'] * 1e3:.3g} ms a picture",
    )


def _scored(batch: list[Any], setting: Setting, kept: list[Any]) -> list[tuple[Any, Setting, Any]]:
    return [(prompt, setting, cuts) for prompt, cuts in zip(batch, kept, strict=True)]


def _seconds(subject: Subject, run: Callable[[], object], repeats: int = _REPEATS) -> float:
    """Return the median wall time of a call, after one that is not counted; a long call is made once."""
    first = _once(subject, run)
    if first >= _SLOW:
        return first
    return statistics.median(_once(subject, run) for _ in range(repeats))


def _once(subject: Subject, run: Callable[[], object]) -> float:
    synchronise([subject.model.device])
    before = time.monotonic()
    run()
    synchronise([subject.model.device])
    return time.monotonic() - before


def _pictures(subject: Subject) -> tuple[float, float]:
    """Return the seconds that it takes to prepare a sample, and to encode its picture."""
    spent: list[float] = []
    family = subject.loaded.family
    encode: Any = family.features
    samples = list({prompt.sample.image_id: prompt.sample for prompt in subject.prompts}.values())[:_PICTURES]

    def timed(*args: Any) -> Any:
        synchronise([subject.model.device])
        before = time.monotonic()
        found = encode(*args)
        synchronise([subject.model.device])
        spent.append(time.monotonic() - before)
        return found

    maker = PromptMaker(subject.loaded)
    try:
        # An attribute of the instance hides the method until it is deleted.
        vars(family)["features"] = timed
        maker.prompts(samples[:1])
        spent.clear()
        maker = PromptMaker(subject.loaded)
        before = time.monotonic()
        maker.prompts(samples)
        whole = time.monotonic() - before
    finally:
        del vars(family)["features"]
    return (whole - sum(spent)) / len(samples), sum(spent) / len(spent)
