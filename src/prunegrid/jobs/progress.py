"""Progress that a person reads: one line per step, on the terminal and in the job's log."""

import errno
import sys
import time
import traceback
from collections.abc import Callable, Iterator
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
