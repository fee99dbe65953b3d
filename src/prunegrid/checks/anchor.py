"""Step: the unpruned model's score on a few samples, beside what is published of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from prunegrid import plugins
from prunegrid.checks.finding import Finding
from prunegrid.checks.subject import Subject
from prunegrid.predict.batches import predict_prompts
from prunegrid.predict.prompts import Prompt
from prunegrid.predict.requests import CellRun
from prunegrid.scoring.scorer import Scorer, plain_columns

if TYPE_CHECKING:
    from prunegrid.data.adapter import Adapter

STEP = "anchor"
# (hub id, scorer) -> what is published, and where.
PUBLISHED = {
    ("llava-hf/llava-1.5-7b-hf", "pope"): "F1 0.859 on all of POPE (arXiv 2310.03744)",
    ("llava-hf/llava-1.5-13b-hf", "pope"): "F1 0.859 on all of POPE (arXiv 2310.03744)",
}


def anchor(
    subject: Subject,
    adapter: Adapter,
    scorer: str,
    prompts: Sequence[Prompt],
    max_new_tokens: int,
    about: Mapping[str, Any],
    options: Mapping[str, Any] | None = None,
) -> Finding:
    """Score the unpruned model on prompts; reported, and never a failure: few samples tell little.

    Parameters
    ----------
    subject : Subject
        The model.
    adapter : Adapter
        The benchmark.
    scorer : str
        Its scorer's name.
    prompts : sequence of Prompt
        Of the benchmark.
    max_new_tokens : int
        Longest answer.
    about : mapping
        `model`: its hub id.
    options : mapping, optional
        Of the scorer.
    """
    cell = CellRun("", "", "none", {"ratio": 0.0, "seed": 0}, ("none", {}), None)
    ((rows, _),) = predict_prompts(
        subject.loaded,
        adapter,
        prompts,
        [cell],
        batch_size=subject.batch_size,
        max_new_tokens=max_new_tokens,
    )
    answered = plain_columns(pd.DataFrame([row for row in rows if row["status"] == "ok"]))
    judge: Scorer = plugins.build("scorers", scorer, dict(options or {}))
    values = {name: metric.value() for name, metric in judge.metrics(judge.rows(answered)).items()}
    shown = {name: values[name] for name in (judge.headline, "f1") if name in values}
    found = ", ".join(f"{name} {value:.3f}" for name, value in shown.items())
    published = PUBLISHED.get((str(about.get("model")), scorer), "nothing is known to be published")
    return Finding(STEP, None, f"{scorer}: {found} on {len(answered)} samples; {published}", shown)
