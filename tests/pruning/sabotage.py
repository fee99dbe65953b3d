"""A line of the engine rewritten in memory, for tests of tests."""

from __future__ import annotations

import inspect
import textwrap
from dataclasses import dataclass
from typing import Any

import pytest


@dataclass(frozen=True)
class Change:
    """One piece of a function's source, and what stands there instead."""

    owner: Any
    function: str
    old: str
    new: str

    def apply(self, patch: pytest.MonkeyPatch) -> None:
        """Put the rewritten function in its place."""
        original = getattr(self.owner, self.function)
        source = textwrap.dedent(inspect.getsource(original))
        assert source.count(self.old) == 1, f"the engine no longer says {self.old!r}: renew this mutation"
        scope: dict[str, Any] = {}
        lines = "from __future__ import annotations\n" + source.replace(self.old, self.new)
        exec(lines, inspect.unwrap(original).__globals__, scope)
        patch.setattr(self.owner, self.function, scope[self.function])
