"""Which samples are shown: those on which cells disagree most, and some drawn, to see ordinary ones too."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

DISAGREE, DRAWN = "cells disagree most", "drawn at random"
# Of three samples, two are chosen because cells disagree.
_DISAGREEING = 2 / 3


@dataclass(frozen=True)
class Chosen:
    """A sample that is shown.

    Attributes
    ----------
    number : int
        Its place among the samples that were offered.
    rule : str
        `DISAGREE` or `DRAWN`.
    """

    number: int
    rule: str


def choose(
    scores: np.ndarray,
    answers: np.ndarray,
    sample_ids: Sequence[str],
    image_ids: Sequence[str],
    count: int,
    seed: int = 0,
) -> list[Chosen]:
    """Choose samples of one benchmark, the same in every run.

    Cells disagree on a sample as much as the variance of its score over cells says; among equals, the number
    of distinct answers decides, then the draw. A picture is shown once, as long as there are others.

    Parameters
    ----------
    scores : ndarray of float, shape (cells, samples)
        Of the cells that prune; NaN where there is no answer.
    answers : ndarray of int, shape (cells, samples)
        Equal numbers are equal answers to a sample; -1 where there is none.
    sample_ids, image_ids : sequence of str, length samples
    count : int
        How many to choose, at most.
    seed : int
        Of the draw.

    Returns
    -------
    list of Chosen
        Those on which cells disagree first, the most disputed at the head; then those that were drawn.
    """
    variance, distinct = _disagreement(scores, answers)
    drawn = sorted(range(len(sample_ids)), key=lambda number: _draw(seed, sample_ids[number]))
    # A sort keeps the drawn order among equals.
    disputed = sorted(drawn, key=lambda number: (-variance[number], -distinct[number]))
    disputed = [number for number in disputed if distinct[number] > 1]
    first = _of_different_pictures(disputed, image_ids, round(count * _DISAGREEING), set())
    rest = [number for number in drawn if number not in set(first)]
    others = _of_different_pictures(rest, image_ids, count - len(first), {image_ids[n] for n in first})
    return [Chosen(n, DISAGREE) for n in first] + [Chosen(n, DRAWN) for n in others]


def in_both(chosen: Sequence[Chosen], count: int) -> list[Chosen]:
    """Return the first of each rule, in the shares of the whole choice: a choice of fewer."""
    wanted = round(count * _DISAGREEING)
    first = [one for one in chosen if one.rule == DISAGREE][:wanted]
    others = [one for one in chosen if one.rule == DRAWN][: count - len(first)]
    spare = [one for one in chosen if one.rule == DISAGREE][len(first) :]
    return (first + others + spare)[:count]


def _disagreement(scores: np.ndarray, answers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the variance of each sample's score over the cells that answered, and its distinct answers."""
    known = ~np.isnan(scores)
    n_known = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, scores, 0.0).sum(axis=0) / n_known
    variance = (np.where(known, scores - mean, 0.0) ** 2).sum(axis=0) / n_known
    distinct = np.array([len(set(column[column >= 0])) for column in answers.T], dtype=int)
    # Sums in another order must not change the choice.
    return np.round(variance, 9), distinct


def _of_different_pictures(
    numbers: Sequence[int], image_ids: Sequence[str], count: int, seen: set[str]
) -> list[int]:
    """Return the first of some samples, those of pictures that were seen before behind all others."""
    known = set(seen)
    first: list[int] = []
    again: list[int] = []
    for number in numbers:
        (again if image_ids[number] in known else first).append(number)
        known.add(image_ids[number])
    return (first + again)[:count]


def _draw(seed: int, sample_id: str) -> bytes:
    """Return a sample's place in the draw: a hash, so that it does not depend on the other samples."""
    return hashlib.sha256(f"{seed}/{sample_id}".encode("utf-8", "surrogatepass")).digest()
