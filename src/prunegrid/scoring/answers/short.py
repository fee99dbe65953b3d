"""Normal forms of short answers, and VQA's soft accuracy (Antol et al. 2015, arXiv 1505.00468)."""

import re
import string
from collections.abc import Sequence

_ARTICLES = {"a", "an", "the"}
_NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
_DIGITS = {word: str(value) for value, word in enumerate(_NUMBERS)} | {"none": "0"}
_PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'
# Stems whose missing apostrophe VQA restores; "its", "ill", "wed", "were" and "hell" are words already.
_NOT = (
    "aren couldn didn doesn don hadn hasn haven isn mightn mustn needn shouldn wasn weren won wouldn can ain"
)
_CONTRACTIONS = {stem + "t": stem + "'t" for stem in _NOT.split()} | {
    subject + tail: f"{subject}'{tail}"
    for subject, tails in {
        "you": "d ll re ve",
        "they": "d ll re ve",
        "we": "ve",
        "i": "m ve",
        "he": "s",
        "that": "s",
        "there": "d re s",
        "what": "ll re s ve",
        "who": "d ll s ve",
        "where": "d s ve",
        "how": "d ll s",
        "let": "s",
        "could": "ve",
        "should": "ve",
        "would": "ve",
        "might": "ve",
        "must": "ve",
        "somebody": "d ll s",
        "someone": "d ll s",
        "something": "d ll",
    }.items()
    for tail in tails.split()
}


def exact_form(text: str) -> str:
    """Lower case, without articles and punctuation, single spaces."""
    kept = "".join(" " if c in string.punctuation or c in "“”‘’。，、！？…" else c for c in text.lower())  # noqa: RUF001
    return " ".join(word for word in kept.split() if word not in _ARTICLES)


def vqa_form(text: str) -> str:
    """Return the normal form of the VQA evaluation (Antol et al. 2015).

    Punctuation beside a space, or anywhere if a number holds a comma, is dropped, other punctuation
    becomes a space; a full stop goes unless a digit follows; number words to ten become digits;
    articles go; missing apostrophes of common contractions come back.
    """
    text = " ".join(text.split())
    drop_all = re.search(r"\d,\d", text) is not None
    out = text
    for mark in _PUNCTUATION:
        beside_space = f"{mark} " in text or f" {mark}" in text
        out = out.replace(mark, "" if beside_space or drop_all else " ")
    out = re.sub(r"\.(?!\d)", "", out).lower()
    words = (_DIGITS.get(word, word) for word in out.split())
    return " ".join(_CONTRACTIONS.get(word, word) for word in words if word not in _ARTICLES)


def soft_accuracy(output: str, references: Sequence[str]) -> float:
    """VQA's soft accuracy: over each choice of nine of ten references, min(1, equal ones / 3), averaged.

    Parameters
    ----------
    output : str
        Generated answer.
    references : sequence of str
        Human answers, ten in VQA; any number works.

    Returns
    -------
    float
        In [0, 1].
    """
    said = vqa_form(output)
    matches = [vqa_form(reference) == said for reference in references]
    total = sum(matches)
    return sum(min(1.0, (total - own) / 3) for own in matches) / len(matches)
