"""What becomes of work that does not fit into memory."""

from accelerate.utils.memory import should_reduce_batch_size

TOO_LARGE = "OutOfMemoryError: the sample alone does not fit into memory"


def ran_out(error: BaseException) -> bool:
    """Return whether an error says that memory ran out, on a GPU or in main memory."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and should_reduce_batch_size(error)
    )


class BatchSize:
    """How many samples go through a model at once: fewer, from then on, where memory runs out.

    Parameters
    ----------
    size : int
        To begin with.
    """

    def __init__(self, size: int) -> None:
        self.size = size

    def shrink(self, n: int) -> None:
        """Tell that `n` samples, at least 2, did not fit."""
        self.size = n // 2
