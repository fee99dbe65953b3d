"""Halve the batch size after memory ran out, and tell which sizes were run."""


class BatchSize:
    """Samples per forward pass; halved for the rest of the job where memory runs out.

    Parameters
    ----------
    size : int
        At the start.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._used: set[int] = set()

    def passed(self) -> None:
        """Note that samples went through at this size."""
        self._used.add(self.size)

    def take_used(self) -> dict[str, int]:
        """Return the smallest and the largest size at which samples went through since the last call."""
        used, self._used = self._used or {self.size}, set()
        return {"smallest": min(used), "largest": max(used)}

    def shrink(self, n: int) -> None:
        """Set the size to half of `n`, at least 2, samples that did not fit."""
        self.size = n // 2
