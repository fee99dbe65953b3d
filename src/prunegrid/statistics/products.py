"""Products of small whole weights with columns of values: what thousands of resamples are made of."""

import numpy as np

# Single precision holds every whole number up to here, and is twice as fast.
_EXACT = 2**24


class WeightedSums:
    """Sums of columns under many weights.

    Columns of whole numbers, such as counts of right answers, are added in single precision if no sum can
    leave the range in which it is exact: their sums are those of double precision, whatever the order. All
    others are added in double precision.

    Parameters
    ----------
    values : ndarray of float64, shape (rows, columns)
    most : ndarray of float64, shape (columns,)
        What no partial sum of weighted absolute values exceeds.
    """

    def __init__(self, values: np.ndarray, most: np.ndarray) -> None:
        whole = (values == np.rint(values)).all(axis=0) & (most < _EXACT)
        self._columns = values.shape[1]
        self._parts = [
            (chosen, np.ascontiguousarray(values[:, chosen], dtype=kind))
            for chosen, kind in ((whole, np.float32), (~whole, np.float64))
            if chosen.any()
        ]

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
        for chosen, values in self._parts:
            sums[:, chosen] = weights.astype(values.dtype) @ values
        return sums
