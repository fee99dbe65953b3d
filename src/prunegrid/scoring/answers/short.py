"""The normal form in which short answers are compared where no published protocol says how."""

import string

ARTICLES = {"a", "an", "the"}


def exact_form(text: str) -> str:
    """Lower case, without articles and punctuation, single spaces."""
    kept = "".join(" " if c in string.punctuation or c in "“”‘’。，、！？…" else c for c in text.lower())  # noqa: RUF001
    return " ".join(word for word in kept.split() if word not in ARTICLES)
