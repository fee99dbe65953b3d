"""Does dropping image tokens help? A grid of answers that survives review.

The library part: `prune` hooks any supported transformers model. Importing this package is cheap;
torch is imported on first use.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prunegrid.pruning.context import prune

__all__ = ["prune"]


def __getattr__(name: str) -> Any:
    if name == "prune":
        from prunegrid.pruning.context import prune

        return prune
    raise AttributeError(f"module 'prunegrid' has no attribute {name!r}")
