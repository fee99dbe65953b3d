"""How much memory tensors take."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch


def live_storages() -> dict[int, torch.UntypedStorage]:
    """Return address -> storage of all tensors that are alive; views share what they are views of."""
    gc.collect()
    tensors = (found for found in gc.get_objects() if issubclass(type(found), torch.Tensor))
    storages = (tensor.untyped_storage() for tensor in tensors if tensor.device.type == "cpu")
    return {storage.data_ptr(): storage for storage in storages}


def live_bytes() -> int:
    """Return the bytes of all tensors that are alive; views count as what they are views of."""
    return sum(storage.nbytes() for storage in live_storages().values())


@contextmanager
def new_bytes() -> Iterator[Callable[[], int]]:
    """Yield a function that returns the bytes of all tensors that are alive and were not when this began.

    What was there before is held, lest its addresses are used again, and hidden from the collector: to look
    through the million objects of a test process takes a second, each time.
    """
    before = live_storages()
    gc.freeze()
    try:
        yield lambda: sum(
            storage.nbytes() for address, storage in live_storages().items() if address not in before
        )
    finally:
        gc.unfreeze()
