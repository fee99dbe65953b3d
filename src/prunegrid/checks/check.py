"""Check a model where it runs: on its own weights, dtype, device and attention kernel."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from transformers import PreTrainedModel, ProcessorMixin

from prunegrid.checks import (
    batch_agreement,
    counted_flops,
    equal_logits,
    kept_sets,
    measured_pace,
    precision_loss,
    whole_model,
)
from prunegrid.checks.finding import CheckResult, Finding
from prunegrid.checks.subject import Subject
from prunegrid.data.adapter import Sample
from prunegrid.errors import DataError
from prunegrid.predict.hardware import describe_device, describe_model
from prunegrid.predict.loading import LoadedModel, greedy
from prunegrid.predict.prompts import Prompt, PromptMaker
from prunegrid.pruning.families import family_of

if TYPE_CHECKING:
    from PIL import Image

_LOG = logging.getLogger(__name__)
_STEPS: tuple[tuple[str, Callable[[Subject], Finding]], ...] = (
    (whole_model.STEP, whole_model.whole_model),
    (equal_logits.STEP, equal_logits.equal_logits),
    (kept_sets.STEP, kept_sets.kept_sets),
    (counted_flops.STEP, counted_flops.counted_flops),
    (batch_agreement.STEP, batch_agreement.batch_agreement),
    (precision_loss.STEP, precision_loss.precision_loss),
)
_PACKAGES = ("torch", "transformers", "accelerate", "pillow")


def check(
    model: PreTrainedModel,
    processor: ProcessorMixin,
    samples: Sequence[Sample | tuple[Image.Image, str]],
    *,
    batch_size: int = 16,
    image_tokens: int | None = None,
) -> CheckResult:
    """Check that a model is pruned rightly where it is, and measure how fast it is there.

    Nothing about the model is changed. A step that fails says where; none raises.

    Parameters
    ----------
    model : PreTrainedModel
        An image-text-to-text model of a supported family, on its device, in its dtype.
    processor : ProcessorMixin
        Its processor.
    samples : sequence of Sample, or of (Image, str)
        Pictures with what is asked; some dozen, of different lengths.
    batch_size : int
        Prompts per pass, as it will be used.
    image_tokens : int, optional
        Image tokens that every picture must have.

    Returns
    -------
    CheckResult
        `passed`, `findings` and `pace`; printed, it is a table.

    Raises
    ------
    DataError
        If no prompt can be made of any sample.

    Examples
    --------
    >>> result = prunegrid.check(model, processor, [(image, "What is shown?"), ...])
    >>> print(result)
    >>> assert result.passed
    """
    named = [one if isinstance(one, Sample) else _sample(number, *one) for number, one in enumerate(samples)]
    loaded = LoadedModel(model, processor, family_of(model.config.model_type))
    subject = Subject(loaded, good(PromptMaker(loaded).prompts(named)), batch_size, image_tokens)
    return check_subject(subject)


def _sample(number: int, image: Image.Image, text: str) -> Sample:
    return Sample(f"sample {number}", f"image {number}", image.convert("RGB"), text, text)


def good(prompts: Sequence[Prompt]) -> list[Prompt]:
    """Return the prompts that can be run.

    Raises
    ------
    DataError
        If there is none, with what is wrong with the first.
    """
    found = [prompt for prompt in prompts if prompt.error is None]
    if not found:
        raise DataError(f"no sample to check with: {prompts[0].error if prompts else 'none was given'}")
    return found


def check_subject(
    subject: Subject, pace: Mapping[str, Any] | None = None, about: Mapping[str, Any] | None = None
) -> CheckResult:
    """Run all steps.

    Parameters
    ----------
    subject : Subject
        The model and its prompts.
    pace, about : mapping, optional
        What is known already, for check.json.
    """
    measured: dict[str, Any] = dict(pace or {})

    def pace_of(subject: Subject) -> Finding:
        measured.update(measured_pace.measured_pace(subject))
        return measured_pace.said_pace(measured)

    with _greedy(subject.model):
        findings = [run_step(name, step, subject) for name, step in (*_STEPS, (measured_pace.STEP, pace_of))]
    return CheckResult(findings, measured, {**described(subject.model), **(about or {})})


def run_step(name: str, step: Callable[[Subject], Finding], subject: Subject) -> Finding:
    """Run a step; what it raises is a finding, too: a broken model may raise anything."""
    before = time.monotonic()
    try:
        found = step(subject)
    except Exception as error:
        _LOG.exception(f"{name}: {type(error).__name__}")
        found = Finding(name, False, f"{type(error).__name__}: {error}")
    found = replace(found, seconds=round(time.monotonic() - before, 3))
    _LOG.info(f"{name}: {found.verdict}, {found.seconds:.1f} s")
    return found


def described(model: PreTrainedModel) -> dict[str, Any]:
    """Return what was checked, for check.json."""
    return {
        **describe_model(model),
        "device": describe_device(model.device),
        "packages": {name: version(name) for name in _PACKAGES},
    }


@contextmanager
def _greedy(model: PreTrainedModel) -> Iterator[None]:
    """Decode greedily within the context, as predictions do."""
    before, training = model.generation_config, model.training
    try:
        model.generation_config = greedy(before)
        model.eval()
        yield
    finally:
        model.generation_config = before
        model.train(training)
