"""Progress that a person reads: one line per step, on the terminal and in the job's log."""

import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from prunegrid.errors import PrunegridError


@contextmanager
def job_log(path: str | Path, name: str) -> Iterator[Callable[[str], None]]:
    """Yield a function that says a line, on stderr with the job's name and in its log with the time.

    An error is written to the log whole. One that prunegrid raised on purpose ends the job with its
    message alone: a user has no use for the traceback.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8", buffering=1) as log:

        def say(line: str) -> None:
            print(f"{name}: {line}", file=sys.stderr, flush=True)
            print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}", file=log)

        try:
            yield say
        except PrunegridError as error:
            traceback.print_exc(file=log)
            sys.exit(f"{name}: {type(error).__name__}: {error}")
        except BaseException:
            traceback.print_exc(file=log)
            raise
