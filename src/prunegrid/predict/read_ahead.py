"""Items that are made in a thread while the last ones are used, in order and bounded in bytes."""

from __future__ import annotations

import contextvars
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

_Item = TypeVar("_Item")


class ReadAhead(Generic[_Item]):
    """Iterate over items that a thread makes ahead of their use.

    What making an item raises is raised where that item is asked for, after all items before it. The thread
    ends with the context, wherever it is.

    Parameters
    ----------
    items : iterable
        What makes them; it is used in the thread alone.
    n_bytes : callable
        Size of an item.
    most_bytes : int
        Most bytes that wait; the next item is made while fewer do.
    """

    def __init__(self, items: Iterable[_Item], n_bytes: Callable[[_Item], int], most_bytes: int) -> None:
        self._items, self._n_bytes, self._most = items, n_bytes, most_bytes
        self._waiting: deque[tuple[_Item, int]] = deque()
        self._held = 0
        self._error: BaseException | None = None
        self._ended = self._closed = False
        self._changed = threading.Condition()
        # Log lines of the thread name the benchmark, too.
        run = contextvars.copy_context().run
        self._thread = threading.Thread(target=run, args=(self._make,), name="read-ahead", daemon=True)

    def __enter__(self) -> ReadAhead[_Item]:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()
        self._thread.join()

    def __iter__(self) -> Iterator[_Item]:
        return self

    def __next__(self) -> _Item:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ended)
            if self._waiting:
                item, size = self._waiting.popleft()
                self._held -= size
                self._changed.notify_all()
                return item
            if self._error is not None:
                raise self._error
            raise StopIteration

    def _make(self) -> None:
        try:
            for item in self._items:
                size = self._n_bytes(item)
                with self._changed:
                    if self._closed:
                        return
                    self._waiting.append((item, size))
                    self._held += size
                    self._changed.notify_all()
                    self._changed.wait_for(lambda: self._held < self._most or self._closed)
                    if self._closed:
                        return
        except BaseException as error:
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()
