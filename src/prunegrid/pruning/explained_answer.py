"""How many tokens of an answer a gradient explains. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prunegrid import plugins

MOST_ANSWER_TOKENS = 32


def options_for(criterion: str, options: Mapping[str, Any], *, free_text: bool) -> dict[str, Any]:
    """Return a criterion's options for a benchmark.

    Parameters
    ----------
    criterion : str
        Its name.
    options : mapping
        What the configuration says of it; an `answer_tokens` there holds.
    free_text : bool
        Whether the benchmark's answers are sentences: these are explained by all of their tokens, up to
        `MOST_ANSWER_TOKENS`; a short answer is explained by its first.
    """
    if free_text and "answer_tokens" in plugins.describe("criteria", criterion)["options"]:
        return {"answer_tokens": MOST_ANSWER_TOKENS, **options}
    return dict(options)
