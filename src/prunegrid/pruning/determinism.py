"""Ask PyTorch for kernels that sum in the same order each time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

# cuBLAS reads it when CUDA starts, and is deterministic under it; without it PyTorch refuses its products.
CUBLAS, CUBLAS_VALUE = "CUBLAS_WORKSPACE_CONFIG", ":4096:8"


def allow_determinism() -> None:
    """Set what cuBLAS needs; before anything starts CUDA. A value that the user gave stays."""
    os.environ.setdefault(CUBLAS, CUBLAS_VALUE)


@contextmanager
def without_cudnn_attention() -> Iterator[None]:
    """Let SDPA choose among its other kernels: cuDNN's, in decoding, sums in another order each time.

    Seen with PyTorch 2.11 on an H200 in bfloat16: logits of the second token on differed by up to 0.04 from
    one call to the next; those of the flash, memory-efficient and plain kernels did not.
    """
    enabled = torch.backends.cuda.cudnn_sdp_enabled()
    torch.backends.cuda.enable_cudnn_sdp(False)
    try:
        yield
    finally:
        torch.backends.cuda.enable_cudnn_sdp(enabled)


@contextmanager
def deterministic(device: torch.device) -> Iterator[None]:
    """Use deterministic algorithms alone, where the process is prepared for them; put back what was.

    The backward passes of SDPA's fused kernels add up with atomic operations, in any order, unless PyTorch is
    in its strict mode: then flash and memory-efficient attention take an order of their own, and cuDNN's
    attention is not chosen. In that mode matrix products on a GPU need `allow_determinism` as well; where
    that was not called, as in a program that uses the library, nothing is asked for.
    """
    if device.type == "cuda" and CUBLAS not in os.environ:
        yield
        return
    enabled = torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    memory: Any = torch.utils.deterministic
    fills = memory.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    # Kernels write all that they allocate; to fill it first costs launches.
    memory.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(enabled, warn_only=warns)
        memory.fill_uninitialized_memory = fills
