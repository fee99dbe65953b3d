"""Values that are computed once. Imports no torch."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

_Value = TypeVar("_Value")


class Memo:
    """Remembers what was computed, under names."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Any] = {}

    def once(self, name: Hashable, compute: Callable[[], _Value]) -> _Value:
        """Return what is remembered under a name; where nothing is, compute and remember it."""
        if name not in self._known:
            self._known[name] = compute()
        value: _Value = self._known[name]
        return value
