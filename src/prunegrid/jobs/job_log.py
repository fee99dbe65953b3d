"""The log of a job: short lines on the terminal; time, level and tracebacks in the job's file."""

import errno
import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from prunegrid.errors import PrunegridError

_LOGGER = logging.getLogger("prunegrid")
# What lines begin with while a job works on one of several benchmarks.
_BENCHMARK: ContextVar[str] = ContextVar("benchmark", default="")
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
_DISK = "results cannot be written: {error}; what was finished is kept: mend the disk and run again"


@contextmanager
def job_log(path: str | Path, name: str) -> Iterator[None]:
    """Write what prunegrid logs to stderr and to a job's log file, while the context lasts.

    An error ends the log with its message and traceback. Where prunegrid raised it on purpose, or a disk is
    full or read-only, the job ends with the message alone: a user has no use for the traceback.

    Parameters
    ----------
    path : path
        The file; lines are added at its end.
    name : str
        The job's name, with which lines on stderr begin.

    Raises
    ------
    SystemExit
        With the message of an error that is a user's to mend.
    """
    level = _LOGGER.level
    _LOGGER.setLevel(logging.INFO)
    try:
        with _attached(_file(path, name)):
            try:
                with _attached(_console(name)):
                    yield
            except BaseException as error:
                message = _message(error)
                # A log on a full disk must not hide the error.
                with suppress(OSError):
                    _LOGGER.error(message or _last_line(error), exc_info=error)
                if message:
                    sys.exit(f"{name}: {message}")
                raise
    finally:
        _LOGGER.setLevel(level)


@contextmanager
def lines_about(benchmark: str) -> Iterator[None]:
    """Let the lines of jobs' logs begin with a benchmark's name, while the context lasts."""
    before = _BENCHMARK.set(f"{benchmark}: ")
    try:
        yield
    finally:
        _BENCHMARK.reset(before)


class _File(logging.FileHandler):
    """Lets errors of writing through: logging would print them and go on."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        raise


class _Line(logging.Formatter):
    """The job's name and the message; no traceback."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def format(self, record: logging.LogRecord) -> str:
        warning = "WARNING: " if record.levelno == logging.WARNING else ""
        return f"{self._name}: {_BENCHMARK.get()}{warning}{record.getMessage()}"


def _file(path: str | Path, name: str) -> logging.Handler:
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        handler = _File(path, encoding="utf-8")
    except OSError as error:
        sys.exit(f"{name}: {_DISK.format(error=error)}")
    line = "%(asctime)s %(levelname)s %(benchmark)s%(message)s"
    handler.setFormatter(logging.Formatter(line, "%Y-%m-%d %H:%M:%S"))
    handler.addFilter(_add_benchmark)
    return handler


def _add_benchmark(record: logging.LogRecord) -> bool:
    record.benchmark = _BENCHMARK.get()
    return True


def _console(name: str) -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line(name))
    return handler


@contextmanager
def _attached(handler: logging.Handler) -> Iterator[None]:
    """Give a handler what prunegrid logs, while the context lasts, and close it."""
    _LOGGER.addHandler(handler)
    try:
        yield
    finally:
        _LOGGER.removeHandler(handler)
        with suppress(OSError):
            handler.close()


def _last_line(error: BaseException) -> str:
    """Return what a traceback would end with."""
    return "".join(traceback.format_exception_only(error)).strip()


def _message(error: BaseException) -> str | None:
    """Return what a user is told of an error without its traceback; None of one that is nobody's mistake."""
    if isinstance(error, PrunegridError):
        return f"{type(error).__name__}: {error}"
    if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
        return _DISK.format(error=error)
    return None
