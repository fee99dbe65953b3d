"""Matrix products of the bootstrap's weights, small whole numbers, with columns of values."""

import numpy as np

# Single precision holds every whole number up to here, and is twice as fast as double.
_EXACT = 2**24
# Weights converted at a time: as many as a processor's cache holds.
_AT_ONCE = 2**20


class WeightedSums:
    """Weighted sums of columns, for many vectors of weights.

    Columns of whole numbers, such as differences of right answers, are added in single precision if no sum
    can leave the range in which it is exact: their sums are those of double precision, whatever the order.
    Two of them that leave room are added as one, in the digits of one number. All others are added in
    double precision.

    Parameters
    ----------
    values : ndarray of float64, shape (rows, columns)
    below, above : ndarray of float64, shape (columns,)
        No sum of some of a column's weighted values is less than -below or more than above.
    """

    def __init__(self, values: np.ndarray, below: np.ndarray, above: np.ndarray) -> None:
        most = np.maximum(below, above)
        whole = (values == np.rint(values)).all(axis=0) & (most < _EXACT)
        self._columns = values.shape[1]
        self._others = np.flatnonzero(~whole)
        self._doubles = np.ascontiguousarray(values[:, self._others])
        span = below + above + 1
        waiting = [number for number in np.argsort(span, kind="stable").tolist() if whole[number]]
        alone: list[int] = []
        pairs: list[tuple[int, int]] = []
        while waiting:
            last = waiting.pop()
            if waiting and most[waiting[0]] + span[waiting[0]] * most[last] < _EXACT:
                pairs.append((waiting.pop(0), last))
            else:
                alone.append(last)
        self._alone = np.array(alone, dtype=np.int64)
        self._low, self._high = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
        self._radix, self._shift = span[self._low], below[self._low]
        packed = values[:, self._low] + self._radix * values[:, self._high]
        self._singles = np.hstack([values[:, self._alone], packed]).astype(np.float32)

    def of(self, weights: np.ndarray) -> np.ndarray:
        """Return weights @ values.

        Parameters
        ----------
        weights : ndarray of unsigned int, shape (replicates, rows)

        Returns
        -------
        ndarray of float64, shape (replicates, columns)
        """
        sums = np.empty((len(weights), self._columns))
        if len(self._others):
            sums[:, self._others] = weights.astype(np.float64) @ self._doubles
        if self._singles.shape[1]:
            found = np.empty((len(weights), self._singles.shape[1]))
            size = max(1, _AT_ONCE // max(1, weights.shape[1]))
            for start in range(0, len(weights), size):
                some = slice(start, start + size)
                found[some] = weights[some].astype(np.float32) @ self._singles
            sums[:, self._alone], packed = np.split(found, [len(self._alone)], axis=1)
            sums[:, self._high] = high = np.floor((packed + self._shift) / self._radix)
            sums[:, self._low] = packed - self._radix * high
        return sums
