"""What changed between two cells, sample by sample: answers, texts, and where they were right."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# A blind score from here on, and a question is answerable without the image.
_GUESSED = 0.5


@dataclass(frozen=True)
class Flips:
    """How many samples changed from one cell to another.

    Attributes
    ----------
    compared : int
        Samples that both cells answered.
    right_to_wrong, wrong_to_right : int
        Of those, samples whose score fell, and rose.
    changed_answer : int
        Samples whose extracted answer is another one; two outputs without an answer agree.
    changed_text : int
        Samples whose generated text is another one.
    """

    compared: int
    right_to_wrong: int
    wrong_to_right: int
    changed_answer: int
    changed_text: int

    @property
    def rate(self) -> float:
        """Share of samples that turned right or wrong, in [0, 1]; NaN if none was compared."""
        return (self.right_to_wrong + self.wrong_to_right) / self.compared if self.compared else float("nan")


@dataclass(frozen=True)
class Strata:
    """Accuracy where a question is answered right without the image, and where it is not.

    Attributes
    ----------
    answerable_blind, needs_image : float
        Mean score in [0, 1]; NaN in an empty stratum.
    n_answerable_blind, n_needs_image : int
        Samples of each.
    """

    answerable_blind: float
    needs_image: float
    n_answerable_blind: int
    n_needs_image: int


def flips(
    before: np.ndarray,
    after: np.ndarray,
    answers: tuple[Sequence[str | None], Sequence[str | None]],
    texts: tuple[Sequence[str], Sequence[str]],
) -> Flips:
    """Count what changed between two cells.

    Parameters
    ----------
    before, after : ndarray of float, shape (samples,)
        Scores of the same samples in the same order; NaN where a cell has none. With scores between 0 and 1
        a sample turns wrong where its score falls.
    answers : pair of sequences of str or None
        Extracted answers of both cells (`parsed_answer`).
    texts : pair of sequences of str
        Generated texts of both cells (`prediction`).

    Raises
    ------
    ValueError
        If the lengths differ.
    """
    both = _answered(before, after)
    right_to_wrong, wrong_to_right = turned(before, after)
    return Flips(
        compared=int(both.sum()),
        right_to_wrong=right_to_wrong,
        wrong_to_right=wrong_to_right,
        changed_answer=int((both & ~_equal(*answers, len(both))).sum()),
        changed_text=int((both & ~_equal(*texts, len(both))).sum()),
    )


def turned(before: np.ndarray, after: np.ndarray) -> tuple[int, int]:
    """Return how many samples turned wrong and how many turned right.

    Parameters
    ----------
    before, after
        As for `flips`.
    """
    _answered(before, after)
    right_to_wrong, wrong_to_right = turns(before, after)
    return int(np.nansum(right_to_wrong)), int(np.nansum(wrong_to_right))


def turns(before: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return whether each sample turned wrong, and right: 1 or 0, NaN where not both are answered.

    Parameters
    ----------
    before, after : ndarray of float
        Scores of the same samples; shapes that broadcast.
    """
    unknown = np.isnan(before) | np.isnan(after)
    return np.where(unknown, np.nan, after < before), np.where(unknown, np.nan, after > before)


def agreement(
    before: np.ndarray, after: np.ndarray, answers: tuple[Sequence[str | None], Sequence[str | None]]
) -> float:
    """Return the share of samples answered by both cells on which both gave the same answer.

    Parameters
    ----------
    before, after, answers
        As for `flips`; no answer agrees with no answer.

    Returns
    -------
    float
        In [0, 1]; NaN if no sample is answered by both.
    """
    both = _answered(before, after)
    return float(_equal(*answers, len(both))[both].mean()) if both.any() else float("nan")


def strata(score: np.ndarray, blind: np.ndarray) -> Strata:
    """Divide a cell's accuracy by whether the blind cell answers the sample right.

    Parameters
    ----------
    score, blind : ndarray of float, shape (samples,)
        Scores of the cell and of the blind one for the same samples in the same order; NaN where there is
        none. A sample is answerable blind where the blind score is at least one half.
    """
    _answered(score, blind)
    guessed, rest = (own[~np.isnan(own)] for own in by_stratum(score, blind))
    return Strata(_mean(guessed), _mean(rest), len(guessed), len(rest))


def by_stratum(score: np.ndarray, blind: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the scores of the samples that are answerable blind, and of the others; NaN elsewhere.

    Parameters
    ----------
    score, blind : ndarray of float
        As for `strata`; shapes that broadcast. What the blind cell did not answer is in neither.
    """
    # Comparisons with NaN are false.
    return np.where(blind >= _GUESSED, score, np.nan), np.where(blind < _GUESSED, score, np.nan)


def _answered(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    if one.shape != other.shape:
        raise ValueError(f"scores of the same samples are compared, found {one.shape} and {other.shape}")
    both: np.ndarray = ~np.isnan(one) & ~np.isnan(other)
    return both


def _equal(one: Sequence[str | None], other: Sequence[str | None], n: int) -> np.ndarray:
    if not len(one) == len(other) == n:
        raise ValueError(f"texts of the same {n} samples are compared, found {len(one)} and {len(other)}")
    return np.array([a == b for a, b in zip(one, other, strict=True)], dtype=bool)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")
