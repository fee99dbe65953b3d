"""Errors that say that memory ran out, in all the spellings of PyTorch and its libraries."""

import torch

# Of RuntimeErrors: CUDA's and cuBLAS's own words, and those of PyTorch's allocator of main memory.
_SPELLINGS = (
    "out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUBLAS_STATUS_NOT_INITIALIZED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_NOT_INITIALIZED",
    "HIPBLAS_STATUS_ALLOC_FAILED",
    "can't allocate memory",
    "cannot allocate memory",
)


def ran_out(error: BaseException) -> bool:
    """Return whether an error says that memory ran out, on a GPU or in main memory."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(spelling.lower() in text for spelling in _SPELLINGS)
