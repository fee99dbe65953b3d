"""Metrics that task files name and lmms-eval registers: exact match and ANLS.

Written anew, since the module that holds them needs its harness; `make test-tasks` compares the two.
"""

import re
import string
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_DIGITS = str.maketrans("", "", string.digits)


def exact_match(golds: Sequence[str], prediction: str, options: Mapping[str, Any]) -> float:
    """Return 1 if the prediction is one of the gold answers, up to what the options ignore; else 0."""
    given = _plain(prediction, options)
    return float(any(_plain(gold, options) == given for gold in golds))


def _plain(text: str, options: Mapping[str, Any]) -> str:
    for pattern in options.get("regexes_to_ignore") or ():
        text = re.sub(pattern, "", text)
    if options.get("ignore_case"):
        text = text.lower()
    if options.get("ignore_punctuation"):
        text = text.translate(_PUNCTUATION)
    if options.get("ignore_numbers"):
        text = text.translate(_DIGITS)
    # NumPy's arrays of text, in which lmms-eval compares, keep no zero characters at the end.
    return text.rstrip("\0")


def anls(golds: Sequence[str], prediction: str, options: Mapping[str, Any]) -> float:
    """Return the average normalised Levenshtein similarity to the nearest gold answer, 0 below a half.

    Biten et al. 2019 (arXiv 1905.13648). As Qwen-VL's program and lmms-eval, lengths are those of the texts
    as they stand, while distances are of texts in lower case with single spaces.
    """
    ratios = []
    for gold in golds:
        length = max(len(gold.upper()), len(prediction.upper()))
        distance = _distance(_spaced(gold), _spaced(prediction))
        ratios.append(distance / length if length else 0.0)
    similarity = 1 - min(ratios)
    return similarity if similarity >= float(options.get("thresh_hold", 0.5)) else 0.0


def _spaced(text: str) -> str:
    return " ".join(text.strip().lower().split())


def _distance(one: str, other: str) -> int:
    """Return the Levenshtein distance of two texts."""
    row = list(range(len(one) + 1))
    for at, letter in enumerate(other, start=1):
        above, row = row, [at]
        for place, own in enumerate(one):
            changed = above[place] + (own != letter)
            row.append(min(changed, above[place + 1] + 1, row[place] + 1))
    return row[-1]


METRICS: dict[str, Callable[[Sequence[str], str, Mapping[str, Any]], float]] = {
    "exact_match": exact_match,
    "anls": anls,
}
