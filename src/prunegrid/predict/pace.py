"""Progress of a prediction job: one log line per cell and shard, with the rate and the time left."""

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Sequence

_LOG = logging.getLogger(__name__)


class Pace:
    """Logs one line per cell and shard: samples done, rate, time left.

    Parameters
    ----------
    work : sequence of (str, int)
        What is to be done, in order: a cell, and samples of it. A cell may come in several shards.
    """

    def __init__(self, work: Sequence[tuple[str, int]]) -> None:
        self._total, self._left = Counter[str](), Counter[str]()
        self._took: defaultdict[str, float] = defaultdict(float)
        for cell, samples in work:
            self._total[cell] += samples
        self._left.update(self._total)
        # Cells that share work come in an order of their own.
        self._place: dict[str, int] = {}
        self._started = time.monotonic()

    def done(self, cell: str, samples: int, errors: int, seconds: float) -> None:
        """Log that samples of a cell are done, how many of them are error rows, and how long it took."""
        self._left[cell] -= samples
        self._took[cell] += seconds
        place = self._place.setdefault(cell, len(self._place) + 1)
        total, rate = self._total[cell], samples / max(seconds, 1e-9)
        count = f"{total - self._left[cell]} of {total} samples" if total > samples else f"{samples} samples"
        _LOG.info(
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
    """Format a time in seconds: 40 s, 12 min, 3.5 h."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 100 * 60 else f"{seconds / 3600:.1f} h"
