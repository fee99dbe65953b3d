"""Lengths of time in words, and how long the jobs of a rule will still take."""

from collections.abc import Sequence


def in_words(seconds: float) -> str:
    """Return a length of time, in the two units that matter."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"


def on_a_clock(seconds: float) -> str:
    """Return a length of time as h:mm:ss, without hours that are none."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def time_left(finished: Sequence[float], running: Sequence[float], n_left: int, since: float) -> float | None:
    """Return how long the jobs of a rule will take, from how long others of it took.

    Parameters
    ----------
    finished : sequence of float
        Seconds that finished jobs took.
    running : sequence of float
        Seconds for which others run already.
    n_left : int
        Jobs that are not finished, the running ones included.
    since : float
        Seconds since the first of all began. The work done in it tells how many run at once.

    Returns
    -------
    float or None
        Seconds; None where no job has finished, or none is left.
    """
    if not finished or not n_left:
        return None
    mean = sum(finished) / len(finished)
    at_once = max((sum(finished) + sum(running)) / max(since, 1e-9), 1e-9)
    work = n_left * mean - sum(min(seconds, mean) for seconds in running)
    return max(work, 0.0) / at_once
