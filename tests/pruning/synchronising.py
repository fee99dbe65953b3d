"""Calls that make Python wait for the device: counted on a CPU, where none of them waits, or by CUDA itself.

On a GPU each of them ends the lead that Python has over the device. On a CPU copies between devices cannot be
seen: `Tensor.to` is not counted there.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import PreTrainedModel

import prunegrid

_ATEN: Any = torch.ops.aten
# Read a number, or a shape that depends on numbers; `lift_fresh` is `torch.tensor` of Python's numbers.
_WAITING = {
    _ATEN._local_scalar_dense,
    _ATEN.equal,
    _ATEN.is_nonzero,
    _ATEN.lift_fresh,
    _ATEN.masked_select,
    _ATEN.nonzero,
    _ATEN.repeat_interleave,
    _ATEN.unique_consecutive,
    _ATEN._unique2,
}
# These look for the places that a mask marks.
_INDEXING = {_ATEN.index, _ATEN.index_put, _ATEN.index_put_, _ATEN._index_put_impl_}
_METHODS = ("tolist", "cpu", "__bool__")
_ENGINE = str(Path(prunegrid.__file__).parent)
_NOT_CALLERS = (str(Path(torch.__file__).parent), __file__)


@dataclass
class Waits:
    """The places that made the host wait, one entry a call: file and line of the code that called PyTorch."""

    places: list[tuple[str, int]] = field(default_factory=list)

    @property
    def of_engine(self) -> list[str]:
        """Those in prunegrid's code, as `folder/file.py:line`."""
        return [
            f"{Path(file).relative_to(_ENGINE)}:{line}"
            for file, line in self.places
            if file.startswith(_ENGINE)
        ]

    def note(self) -> None:
        """Add the innermost frame that is neither PyTorch's nor this file's."""
        frame = sys._getframe(1)
        while frame.f_code.co_filename.startswith(_NOT_CALLERS) and frame.f_back is not None:
            frame = frame.f_back
        self.places.append((frame.f_code.co_filename, frame.f_lineno))


class _Counter(TorchDispatchMode):
    def __init__(self, waits: Waits) -> None:
        super().__init__()
        self._waits = waits

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        packet = func.overloadpacket
        empty = packet is _ATEN.lift_fresh and not args[0].numel()
        if (packet in _WAITING and not empty) or (packet in _INDEXING and _has_mask(args[1])):
            self._waits.note()
        return func(*args, **(kwargs or {}))


def _has_mask(indices: Sequence[Tensor | None]) -> bool:
    return any(index is not None and index.dtype in (torch.bool, torch.uint8) for index in indices)


@contextmanager
def counted() -> Iterator[Waits]:
    """Count the calls within the context."""
    waits, inside = Waits(), False

    def noting(original: Callable[..., Any]) -> Callable[..., Any]:
        def method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
            nonlocal inside
            if inside:
                return original(self, *args, **kwargs)
            waits.note()
            inside = True
            try:
                # Not counted again for what it is made of.
                with torch.utils._python_dispatch._disable_current_modes():
                    return original(self, *args, **kwargs)
            finally:
                inside = False

        return method

    with ExitStack() as stack:
        for name in _METHODS:
            stack.enter_context(mock.patch.object(Tensor, name, noting(getattr(Tensor, name))))
        stack.enter_context(_Counter(waits))
        yield waits


@contextmanager
def counted_by_cuda() -> Iterator[Waits]:
    """Count what CUDA's own debug mode warns of within the context."""
    waits, before = Waits(), torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield waits
        finally:
            torch.cuda.set_sync_debug_mode(before)
            waits.places += [
                (one.filename, one.lineno) for one in caught if "synchronizing CUDA" in str(one.message)
            ]


def prefill_waits(
    model: PreTrainedModel, batch: Mapping[str, Any], pruning: Callable[[], AbstractContextManager[Any]]
) -> Waits:
    """Return the waits of one prefill of a batch, without `generate`, on the device where the batch is.

    Parameters
    ----------
    model : PreTrainedModel
        The model.
    batch : mapping
        Its arguments.
    pruning : callable
        Makes the context around the prefill: `lambda: prune(model, ...)`, or `nullcontext`.
    """
    count = counted_by_cuda if batch["input_ids"].is_cuda else counted
    with torch.no_grad(), pruning(), count() as waits:
        model(**batch, use_cache=True)
    return waits
