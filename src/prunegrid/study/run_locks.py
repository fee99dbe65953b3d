"""What a run of Snakemake locks in its folder: what it writes, and nothing of another run's.

Snakemake lets two runs work in one folder where neither writes the other's files, but the first that ends
removes the locks of both, and a target that only reads takes one, too. Imports no Snakemake.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

# Jobs that measure time: what computes beside them changes what they measure.
ALONE = frozenset({"measure_latency"})


def lock_own_files(persistence: Any, refuse: type[Exception]) -> None:
    """Let a run lock nothing where it writes nothing, remove only its own locks, and measure time alone.

    Parameters
    ----------
    persistence : snakemake.persistence.FilePersistence
        Of the run; another kind, in a data base, is left as it is.
    refuse : type of Exception
        What is raised, with a sentence, where a run measures time and another one is at work, or the other
        way round. Where one run would write another's files, Snakemake refuses it.
    """
    if not hasattr(persistence, "_lockfile"):
        return
    lock, remove_all = persistence.lock, persistence.unlock

    @contextmanager
    def lock_what_is_written() -> Iterator[None]:
        jobs = [job for job in persistence.dag.needrun_jobs() if job.output]
        if not jobs:
            yield
            return
        folder = Path(persistence._lockdir)
        measures = any(job.rule.name in ALONE for job in jobs)
        if measures and any(folder.glob("*.lock")):
            raise refuse(_sentence("this run measures time", "another run is at work"))
        if any(folder.glob("*.alone.lock")):
            raise refuse(_sentence("this run computes", "another run measures time"))
        with _and(lock(), persistence, measures):
            yield

    def remove_own() -> None:
        for file in persistence._lockfile.values():
            Path(file).unlink(missing_ok=True)
        persistence._lockfile.clear()

    persistence.lock = lock_what_is_written
    persistence.unlock = remove_own
    # `--unlock` asks for all of them.
    persistence.cleanup_locks = remove_all


@contextmanager
def _and(lock: AbstractContextManager[None], persistence: Any, measures: bool) -> Iterator[None]:
    """Take a lock, and where time is measured say so beside it: Snakemake reads no file of this name."""
    with lock:
        if measures:
            persistence._write_locks("alone", ["time is measured"])
        yield


def _sentence(this: str, other: str) -> str:
    return (
        f"{this}, and {other} in this folder: what runs beside a measurement slows it; wait for the other "
        "run, or type `snakemake --unlock` if there is none"
    )
