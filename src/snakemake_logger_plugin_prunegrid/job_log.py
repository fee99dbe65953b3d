"""What a job's log tells: its last line, warnings and error. `prunegrid.jobs.job_log` writes it."""

import re
from pathlib import Path

_LINE = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (INFO|WARNING|ERROR) (.*)$")
# Of an error's message, at most.
_MOST_LINES = 4
# Of a line that is printed, at most.
_WIDTH = 220


class JobLog:
    """The log of a job, without what an earlier one has left in it, should it not be begun anew.

    Parameters
    ----------
    paths : list of path
        The files that the job's rule names; the first is read.
    """

    def __init__(self, paths: list[str]) -> None:
        self.path = Path(paths[0]) if paths else None
        self._left = self._read()

    def last_line(self) -> str:
        """Return the message of the last line that the job wrote; empty if there is none."""
        lines = [match.group(2) for match in map(_LINE.match, self._lines()) if match]
        return shortened(lines[-1]) if lines else ""

    def warnings(self) -> int:
        """Return the number of warnings."""
        found = map(_LINE.match, self._lines())
        return sum(1 for match in found if match and match.group(1) == "WARNING")

    def error(self) -> list[str]:
        """Return the lines of the last error's message, without its traceback.

        Where the job wrote no error, these are the last lines of whatever it wrote.
        """
        lines = self._lines()
        begins = [number for number, line in enumerate(lines) if _is_error(line)]
        if not begins:
            return [shortened(line) for line in lines if line.strip()][-_MOST_LINES:]
        message = [lines[begins[-1]].split(" ERROR ", 1)[1]]
        for line in lines[begins[-1] + 1 :]:
            if line.startswith("Traceback ") or _LINE.match(line):
                break
            message.append(line)
        left = len(message) - _MOST_LINES
        return [*message[:_MOST_LINES]] + ([f"and {left} lines"] if left > 0 else [])

    def wrote_error(self) -> bool:
        """Return whether the job itself says that it failed: one that was killed does not."""
        return any(map(_is_error, self._lines()))

    def _read(self) -> bytes:
        try:
            return self.path.read_bytes() if self.path else b""
        except OSError:
            return b""

    def _lines(self) -> list[str]:
        return self._read().removeprefix(self._left).decode("utf-8", errors="replace").splitlines()


def _is_error(line: str) -> bool:
    match = _LINE.match(line)
    return match is not None and match.group(1) == "ERROR"


def shortened(line: str) -> str:
    """Return a line that is no longer than a reader reads; the log has the whole."""
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 4]} ..."
