"""CIDEr-D with document frequencies frozen on a reference set (Vedantam et al. 2015, arXiv 1411.5726).

Equal to `pycocoevalcap.cider`, which recounts references for every set of candidates. Here each
image's reference vectors are made once for all cells, and each distinct caption is scored once.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

_ORDERS = 4
_SIGMA = 6.0

_Vector = tuple[list[dict[tuple[str, ...], float]], list[float], int]


class FrozenCider:
    """CIDEr against a fixed reference set.

    Parameters
    ----------
    references : sequence of sequences of str
        Tokenised references of every image: the set that IDF is computed on.
    """

    def __init__(self, references: Sequence[Sequence[str]]) -> None:
        self.references = references
        documents: Counter[tuple[str, ...]] = Counter()
        for captions in references:
            documents.update({ngram for caption in captions for ngram in _ngrams(caption)})
        self._log_documents = {ngram: float(np.log(count)) for ngram, count in documents.items()}
        self._log_images = float(np.log(len(references))) if references else 0.0

    def score(self, image: int, candidates: Sequence[str]) -> list[float]:
        """Score tokenised candidate captions of image number `image`: CIDEr, 0 to 10."""
        references = [self._vector(caption) for caption in self.references[image]]
        known: dict[str, float] = {}
        for candidate in candidates:
            if candidate not in known:
                vector = self._vector(candidate)
                similarity = sum(
                    (_similarity(vector, reference) for reference in references), np.zeros(_ORDERS)
                )
                known[candidate] = float(np.mean(similarity) / len(references) * 10.0)
        return [known[candidate] for candidate in candidates]

    def _vector(self, caption: str) -> _Vector:
        """Return TF-IDF weights by order of n-gram, their norms, and the length in bigrams."""
        weights: list[dict[tuple[str, ...], float]] = [{} for _ in range(_ORDERS)]
        squares = [0.0] * _ORDERS
        length = 0
        for ngram, count in _ngrams(caption).items():
            order = len(ngram) - 1
            weight = count * (self._log_images - self._log_documents.get(ngram, 0.0))
            weights[order][ngram] = weight
            squares[order] += weight**2
            if order == 1:
                length += count
        return weights, [float(np.sqrt(square)) for square in squares], length


def _ngrams(caption: str) -> Counter[tuple[str, ...]]:
    words = caption.split()
    return Counter(
        tuple(words[i : i + order]) for order in range(1, _ORDERS + 1) for i in range(len(words) - order + 1)
    )


def _similarity(candidate: _Vector, reference: _Vector) -> np.ndarray:
    """Clipped cosine per order, with the Gaussian penalty on the difference in length."""
    values = np.zeros(_ORDERS)
    for order in range(_ORDERS):
        theirs = reference[0][order]
        product = 0.0
        for ngram, weight in candidate[0][order].items():
            other = theirs.get(ngram, 0.0)
            product += min(weight, other) * other
        norms = candidate[1][order] * reference[1][order]
        values[order] = product / norms if norms else product
    penalty = float(np.exp(-((candidate[2] - reference[2]) ** 2) / (2 * _SIGMA**2)))
    return values * penalty
