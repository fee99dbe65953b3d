"""Forbid connections while a task's own code runs: its score must not come from elsewhere."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prunegrid.errors import ConfigError


class _Forbidden(BaseException):
    """Not an Exception: scorers catch those, and ask again."""


@contextmanager
def offline(task: str) -> Iterator[None]:
    """Raise ConfigError, naming the task, when what runs inside opens a connection."""

    def connect(*_: Any) -> None:
        raise _Forbidden

    kept = socket.socket.connect
    socket.socket.connect = connect  # type: ignore[method-assign]
    try:
        yield
    except _Forbidden:
        raise ConfigError(
            f"task {task!r} asks a server while it scores: a judge, which is not run here"
        ) from None
    finally:
        socket.socket.connect = kept  # type: ignore[method-assign]
