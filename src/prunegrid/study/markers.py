"""Markers: the files that list what a job has left in the stores. Imports no torch."""

import json
from collections.abc import Iterable
from pathlib import Path

from prunegrid.files import read_object, write_text
from prunegrid.study.plan import Plan

# Benchmark -> key -> files in the store of that benchmark.
Marker = dict[str, dict[str, list[str]]]


def parts(plan: Plan, model: str, bundle: str) -> list[str]:
    """Return what the names of a bundle's prediction jobs end with: nothing, or `.1-of-2` and so on.

    Parallel jobs divide a bundle's shards, and a further job joins them.
    """
    n_jobs = plan.n_jobs(model, bundle)
    return [f".{job}-of-{n_jobs}" for job in range(1, n_jobs + 1)] if n_jobs > 1 else [""]


def job_of(part: str) -> tuple[int, int]:
    """Return the number of a job, from 1, and how many there are, from what its name ends with."""
    job, _, n_jobs = part.removeprefix(".").partition("-of-")
    return (int(job), int(n_jobs)) if part else (1, 1)


def predicted_marker(plan: Plan, model: str, bundle: str) -> str:
    """Return the name of the marker that stands when a bundle's cells are in the store."""
    return f"{'predicted' if plan.n_jobs(model, bundle) == 1 else 'joined'}-{bundle}.done"


def write_marker(file: str | Path, left: Marker) -> None:
    """Write what a job has left in the stores."""
    write_text(file, json.dumps(left))


def has_lost(plan: Plan, model: str, marker: str | Path, keys: Iterable[str]) -> bool:
    """Return whether a job that has left a marker has to run again.

    Parameters
    ----------
    plan : Plan
    model : str
        Of which model.
    marker : path
        The job's output; one that is missing has lost nothing.
    keys : iterable of str
        What the job is to leave.

    Returns
    -------
    bool
        Whether the marker does not list all of it, or the stores no longer hold it.
    """
    file, wanted = Path(marker), frozenset(keys)
    if not file.exists():
        return False
    # Of a damaged marker nothing counts: the job runs again, and finds in the stores what it has done.
    left: Marker = {
        benchmark: {key: names for key, names in files.items() if isinstance(names, list)}
        for benchmark, files in read_object(file).items()
        if isinstance(files, dict)
    }
    lists_all = {key for files in left.values() for key in files}.issuperset(wanted)
    return not lists_all or any(
        plan.store(model, benchmark).has_lost({key: files[key] for key in files if key in wanted})
        for benchmark, files in left.items()
    )
