"""Corpus BLEU from n-gram counts per caption (Papineni et al. 2002), with pycocoevalcap's values."""

from collections.abc import Sequence

import numpy as np
from pycocoevalcap.bleu.bleu_scorer import cook_refs, cook_test

ORDERS = 4
PARTS = 2 * ORDERS + 2


def counts(candidate: str, references: Sequence[str]) -> np.ndarray:
    """Return a caption's part of corpus BLEU.

    Returns
    -------
    ndarray of float64, shape (10,)
        Matched n-grams of order 1 to 4, n-grams of order 1 to 4, words, words of the reference
        closest in length.
    """
    cooked = cook_test(candidate, cook_refs(references), eff="closest")
    return np.array(
        [*cooked["correct"], *cooked["guess"], cooked["testlen"], cooked["reflen"]], dtype=np.float64
    )


def bleu(sums: np.ndarray, order: int) -> np.ndarray:
    """Corpus BLEU up to `order` from summed `counts`, shape (..., 10), with pycocoevalcap's smoothing."""
    small, tiny = 1e-9, 1e-15
    precision = (sums[..., :order] + tiny) / (sums[..., ORDERS : ORDERS + order] + small)
    ratio = (sums[..., 8] + tiny) / (sums[..., 9] + small)
    score: np.ndarray = np.prod(precision, axis=-1) ** (1 / order) * np.exp(np.minimum(0.0, 1 - 1 / ratio))
    return score
