"""Values that are computed once. Imports no torch."""

from collections.abc import Callable, Hashable
from typing import Any


class Memo:
    """Remembers what was computed, under names."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Any] = {}

    def once(self, name: Hashable, compute: Callable[[], Any]) -> Any:
        """Return what is remembered under a name; where nothing is, compute and remember it."""
        if name not in self._known:
            self._known[name] = compute()
        return self._known[name]
