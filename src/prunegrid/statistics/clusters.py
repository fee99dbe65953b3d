"""Group rows by image and add up their values: rows that share an image are not independent."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Clusters:
    """Which cluster each row belongs to.

    Attributes
    ----------
    index : ndarray of int, shape (rows,)
        Number of the row's cluster; clusters are numbered by their sorted ids, so that the numbers do
        not depend on the order of the rows.
    count : int
        Number of clusters.
    """

    index: np.ndarray
    count: int

    @classmethod
    def of(cls, ids: ArrayLike) -> "Clusters":
        """Return the clusters of rows with cluster ids `ids`, shape (rows,), which are compared as text."""
        distinct, index = np.unique(np.asarray(ids, dtype=object).astype(str), return_inverse=True)
        return cls(index.reshape(-1), len(distinct))

    @property
    def single(self) -> bool:
        """Whether every cluster holds exactly one row."""
        return self.count == len(self.index)

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Add up rows by cluster.

        Parameters
        ----------
        values : ndarray, shape (rows, columns)

        Returns
        -------
        ndarray of float64, shape (clusters, columns)
        """
        values = np.asarray(values, dtype=np.float64)
        if not self.count:
            return np.zeros((0, values.shape[1]))
        order = np.argsort(self.index, kind="stable")
        starts = np.searchsorted(self.index[order], np.arange(self.count))
        return np.add.reduceat(values[order], starts, axis=0)
