"""The lines of a run, made of Snakemake's events: what is said of each, and what is kept for the end."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from snakemake_logger_plugin_prunegrid.durations import in_words, on_a_clock, time_left
from snakemake_logger_plugin_prunegrid.job_log import JobLog, shortened

# Jobs of which there is one a cell: counted, not listed. And those that only name others.
LIGHT = ("publish",)
_TARGETS = ("all", "latency", "demo_model")
# Targets that print by themselves what was asked for.
_SPEAKING = ("check", "compute_plan", "download", "status")
# Of jobs that failed, described at the end.
_MOST_FAILED = 5
# Nothing was said for so long, and for so large a share of the run: then it is said what is going on.
_SILENCE, _SHARE = 30.0, 0.1
# Less time left than that is no news.
_WORTH_TELLING = 5.0


@dataclass
class _Job:
    rule: str
    name: str
    log: JobLog
    began: float


class RunLines:
    """Turns events of a run into lines for a terminal.

    Parameters
    ----------
    clock : callable, optional
        Returns seconds.

    Attributes
    ----------
    warnings, errors : int
        What was counted so far: lines of Snakemake and of the jobs' own logs; attempts that failed.
    stopped : bool
        Whether the user has stopped the run.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begin = self._spoke = clock()
        self._planned: Counter[str] = Counter()
        self._running: dict[int, _Job] = {}
        self._took: dict[str, list[float]] = {}
        self._first: dict[str, float] = {}
        self._light: Counter[str] = Counter()
        self._failed: dict[tuple[str, str], tuple[_Job, str]] = {}
        self.warnings = 0
        self.errors = 0
        self.stopped = False

    def plan(self, stats: Mapping[str, int]) -> list[str]:
        """Take how many jobs of each rule there are."""
        counts = {rule: n for rule, n in stats.items() if rule not in ("total", *_TARGETS, *_SPEAKING)}
        self._planned = Counter(counts)
        self._begin = self._spoke = self._clock()
        listed = [f"{n} {rule}" for rule, n in counts.items() if rule not in LIGHT]
        light = [f"{n} {rule}" for rule, n in counts.items() if rule in LIGHT]
        total = sum(counts.values())
        return [f"{total} jobs: {', '.join([*listed, *light])}"] if counts else []

    def begin(self, number: int, rule: str, wildcards: Mapping[str, str], logs: list[str]) -> list[str]:
        """Take a job that is started, or handed to a cluster."""
        if rule in _TARGETS:
            return []
        # What keeps apart the bundles of two models is both names; the empty part of a bundle is none.
        name = " ".join(str(value) for value in _named(wildcards).values() if value)
        self._running[number] = _Job(rule, name, JobLog(logs), self._clock())
        self._first.setdefault(rule, self._clock())
        return []

    def finish(self, number: int) -> list[str]:
        """Take a job that has passed."""
        job = self._running.pop(number, None)
        if job is None:
            return []
        self._failed.pop((job.rule, job.name), None)
        if job.rule in LIGHT:
            self._light[job.rule] += 1
            return self._sum_up(job.rule) if self._light[job.rule] == self._planned[job.rule] else []
        took = self._clock() - job.began
        self.warnings += (n := job.log.warnings())
        if job.rule in _SPEAKING:
            return []
        self._took.setdefault(job.rule, []).append(took)
        told = [
            in_words(took),
            *([f"{n} warning{'s' if n > 1 else ''}"] if n else []),
            *self._progress(job.rule),
        ]
        return [self._line(f"{_title(job)}: {', '.join(told)}")]

    def fail(self, number: int, said: str = "") -> list[str]:
        """Take an attempt at a job that has failed; `said` is what Snakemake or a cluster says of it."""
        job = self._running.pop(number, None)
        if job is None or self.stopped:
            return []
        self.errors += 1
        self.warnings += job.log.warnings()
        self._failed[job.rule, job.name] = (job, said)
        first = shortened(_reason(job, said)[0])
        return [self._line(f"FAILED {_title(job)} after {in_words(self._clock() - job.began)}: {first}")]

    def go_on(self) -> list[str]:
        """Return what is going on, where nothing was said for long."""
        now = self._clock()
        jobs = sorted(
            (job for job in self._running.values() if job.rule not in (*LIGHT, *_SPEAKING)),
            key=lambda job: job.began,
        )
        if not jobs or now - self._spoke < max(_SILENCE, _SHARE * (now - self._begin)):
            return []
        job = jobs[0]
        told = job.log.last_line()
        others = f" (and {len(jobs) - 1} more)" if len(jobs) > 1 else ""
        line = f"... {_title(job)}, for {in_words(now - job.began)}{others}{f': {told}' if told else ''}"
        return [self._line(line)]

    def warn(self) -> None:
        """Count a warning of Snakemake's own."""
        self.warnings += 1

    def end(self) -> list[str]:
        """Return what is left to say at the end of a run: the jobs that failed, and why."""
        lines = [
            line
            for rule in LIGHT
            if 0 < self._light[rule] < self._planned[rule]
            for line in self._sum_up(rule)
        ]
        if self.stopped:
            return lines
        failed = [*self._failed.values()]
        for job, said in failed[:_MOST_FAILED]:
            lines += [f"failed: {_title(job)}", *(f"  {line}" for line in _reason(job, said))]
            lines += [f"  its log: {job.log.path}"] if job.log.path else []
        if len(failed) > _MOST_FAILED:
            lines.append(f"and {len(failed) - _MOST_FAILED} other jobs failed")
        return lines

    def counts(self) -> str:
        """Return the number of warnings and errors, in words."""
        return ", ".join(
            f"{n} {name}{'' if n == 1 else 's'}"
            for n, name in ((self.warnings, "warning"), (self.errors, "error"))
        )

    def _progress(self, rule: str) -> list[str]:
        """Return how many jobs of a rule are done, of several, and how long the others will take."""
        took, planned, now = self._took[rule], self._planned[rule], self._clock()
        if planned < 2:
            return []
        running = [now - job.began for job in self._running.values() if job.rule == rule]
        left = time_left(took, running, planned - len(took), now - self._first[rule])
        told = f", about {in_words(left)} left" if left is not None and left >= _WORTH_TELLING else ""
        return [f"{len(took)} of {planned}{told}"]

    def _sum_up(self, rule: str) -> list[str]:
        done, planned = self._light[rule], self._planned[rule]
        cells = f"{done} of {planned} cells" if done < planned else f"{done} cell{'s' if done > 1 else ''}"
        return [self._line(f"{rule}: {cells} in place")]

    def _line(self, text: str) -> str:
        """Return a line that begins with the time since the start and the share of jobs that are done."""
        self._spoke = now = self._clock()
        total = sum(n for rule, n in self._planned.items() if rule not in LIGHT)
        done = sum(map(len, self._took.values()))
        width = len(str(total))
        return f"{on_a_clock(now - self._begin):>8} {done:>{width}}/{total}  {text}"


def _named(wildcards: Mapping[str, str]) -> dict[str, str]:
    """Return wildcards with a bundle's part at its name."""
    named = dict(wildcards)
    if "bundle" in named:
        named["bundle"] += named.pop("part", "")
    return named


def _title(job: _Job) -> str:
    return f"{job.rule} {job.name}".rstrip()


def _reason(job: _Job, said: str) -> list[str]:
    """Return why a job failed, as far as it is known."""
    outside = [said.splitlines()[0]] if said.strip() else []
    if job.log.wrote_error():
        return job.log.error()
    last = job.log.error()
    lines = [*outside, *last]
    return lines if outside or last else ["it ended without a word"]
