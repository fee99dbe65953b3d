"""Progress that a person reads: one line per step, on the terminal and in the job's log."""

import errno
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from prunegrid.errors import PrunegridError

_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
_DISK = "results cannot be written: {error}; what was finished is kept: mend the disk and run again"


@contextmanager
def job_log(path: str | Path, name: str) -> Iterator[Callable[[str], None]]:
    """Yield a function that says a line, on stderr with the job's name and in its log with the time.

    An error that prunegrid raised on purpose, or of a disk that is full or read-only, ends the job, and its
    log, with its message alone: a user has no use for the traceback. Any other is written to the log whole.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        log = path.open("a", encoding="utf-8", buffering=1)
    except OSError as error:
        sys.exit(f"{name}: {_DISK.format(error=error)}")

    def say(line: str) -> None:
        print(f"{name}: {line}", file=sys.stderr, flush=True)
        print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}", file=log)

    try:
        yield say
    except BaseException as error:
        message = _message(error)
        # A log on a full disk must not hide the error.
        with suppress(OSError):
            log.write(f"{message}\n" if message else traceback.format_exc())
        if message:
            sys.exit(f"{name}: {message}")
        raise
    finally:
        with suppress(OSError):
            log.close()


def _message(error: BaseException) -> str | None:
    """Return what a user is told of an error without its traceback; None of one that is nobody's mistake."""
    if isinstance(error, PrunegridError):
        return f"{type(error).__name__}: {error}"
    if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
        return _DISK.format(error=error)
    return None


class Pace:
    """Says one line per cell and shard: samples done, rate, time left.

    Parameters
    ----------
    work : sequence of (str, int)
        What is to be done, in order: a cell, and samples of it. A cell may come in several shards.
    say : callable
        Takes a line.
    """

    def __init__(self, work: Sequence[tuple[str, int]], say: Callable[[str], None]) -> None:
        self._say = say
        self._total, self._left, self._took = Counter[str](), Counter[str](), Counter[str]()
        for cell, samples in work:
            self._total[cell] += samples
        self._left.update(self._total)
        # Cells that share work come in an order of their own.
        self._place: dict[str, int] = {}
        self._started = time.monotonic()

    def done(self, cell: str, samples: int, errors: int, seconds: float) -> None:
        """Say that samples of a cell are done, how many of them are error rows, and how long it took."""
        self._left[cell] -= samples
        self._took[cell] += seconds
        place = self._place.setdefault(cell, len(self._place) + 1)
        total, rate = self._total[cell], samples / max(seconds, 1e-9)
        count = f"{total - self._left[cell]} of {total} samples" if total > samples else f"{samples} samples"
        self._say(
            f"[{place}/{len(self._total)}] {cell}: {count}, "
            f"{f'{errors} errors, ' if errors else ''}{rate:.{0 if rate > 9 else 1}f}/s, "
            f"about {duration(self.seconds_left())} left"
        )

    def seconds_left(self) -> float:
        """Estimate what is left: each cell at its own rate, one that has not begun at that of the others."""
        rate = {cell: took / (self._total[cell] - self._left[cell]) for cell, took in self._took.items()}
        usual = sum(self._took.values()) / sum(self._total[cell] - self._left[cell] for cell in rate)
        busy = sum(left * rate.get(cell, usual) for cell, left in self._left.items())
        # What cells share (reading, encoding images) takes time that is no cell's.
        return busy * (time.monotonic() - self._started) / max(sum(self._took.values()), 1e-9)


def duration(seconds: float) -> str:
    """Return a time as a person says it: 40 s, 12 min, 3.5 h."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 100 * 60 else f"{seconds / 3600:.1f} h"
