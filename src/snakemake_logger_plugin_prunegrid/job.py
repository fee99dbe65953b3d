"""A job of a run by its name, and why an attempt at it failed."""

from collections.abc import Mapping
from dataclasses import dataclass

from snakemake_logger_plugin_prunegrid.job_log import JobLog

# How Snakemake's words of a cluster's job end; `logs` names them.
_REFERRAL = "For further error details see"


@dataclass(frozen=True)
class Job:
    """A job that runs, or waits in the queue of a cluster.

    Parameters
    ----------
    rule, name : str
        The name is what keeps it apart from others of its rule.
    log : JobLog
        Its own.
    began : float
        When Snakemake handed it over, in seconds of the run's clock.
    """

    rule: str
    name: str
    log: JobLog
    began: float

    @property
    def title(self) -> str:
        """What a line calls it."""
        return f"{self.rule} {self.name}".rstrip()


@dataclass(frozen=True)
class Failure:
    """An attempt at a job that failed.

    Parameters
    ----------
    job : Job
        The job.
    said : str
        What Snakemake or a cluster says of it.
    outside_logs : list of path
        Where a cluster has left what it printed.
    """

    job: Job
    said: str
    outside_logs: list[str]

    def reason(self) -> list[str]:
        """Return why the job failed, as far as it is known."""
        said = self.said.partition(_REFERRAL)[0].strip()
        outside = [] if self.job.log.wrote_error() else said.splitlines()[:1]
        return [*outside, *self.job.log.error()] or ["it ended without a word"]

    def logs(self) -> list[str]:
        """Return where more is told."""
        own = [str(self.job.log.path)] if self.job.log.path else []
        return own if self.job.log.wrote_error() else [*dict.fromkeys([*own, *self.outside_logs])]


def name_of(wildcards: Mapping[str, str]) -> str:
    """Return what keeps a job apart from others of its rule: of two models, more than a bundle."""
    named = dict(wildcards)
    if "bundle" in named:
        # The part of a bundle that is one whole is empty.
        named["bundle"] += named.pop("part", "")
    return " ".join(str(value) for value in named.values() if value)
