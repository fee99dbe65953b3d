"""The console of a run: its lines, and nothing of what jobs print, which goes to the log."""

import contextlib
import os
import sys
from collections.abc import Iterable
from typing import TextIO


class Console:
    """Writes lines to a terminal, a pipe or a file. If nobody reads them any more, the run goes on.

    Parameters
    ----------
    stream : text file
        stdout or stderr.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        # What was stderr, while that is the log.
        self._saved: int | None = None

    def write(self, lines: Iterable[str]) -> None:
        """Print lines, at once."""
        try:
            for line in lines:
                self._stream.write(f"{line}\n")
            self._stream.flush()
        except OSError:
            # The reader of a pipe has ended, or a terminal was closed; the log has all.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)

    def send_errors_to(self, logfile: str) -> None:
        """Send to a file what this process and its jobs print to stderr, which lines no longer go to.

        Parameters
        ----------
        logfile : path
            Lines are added at its end. If it cannot be written, stderr stays as it is.
        """
        if self._saved is not None:
            return
        sys.stderr.flush()
        with contextlib.suppress(OSError):
            file = os.open(logfile, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
            self._saved = os.dup(2)
            os.dup2(file, 2)
            os.close(file)
            self._stream = os.fdopen(
                os.dup(self._saved), "w", encoding=sys.stderr.encoding, errors="backslashreplace"
            )

    def give_back(self) -> None:
        """Let stderr be the console again."""
        if self._saved is None:
            return
        sys.stderr.flush()
        os.dup2(self._saved, 2)
        os.close(self._saved)
        self._saved = None
        self._stream.close()
        self._stream = sys.stderr
