"""The lines of a run, made of Snakemake's events: what is said of each, and what is kept for the end."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from snakemake_logger_plugin_prunegrid.durations import in_words, on_a_clock, time_left
from snakemake_logger_plugin_prunegrid.job import Failure, Job, name_of
from snakemake_logger_plugin_prunegrid.job_log import JobLog, shortened

# Jobs of which there is one a cell: counted, not listed. And those that only name others.
LIGHT = ("publish",)
_TARGETS = ("all", "flow", "latency", "demo_model")
# Targets that print by themselves what was asked for.
_SPEAKING = ("check", "compute_plan", "download", "status")
# Of jobs that failed, described at the end.
_MOST_FAILED = 5
# Nothing was said for so long, and for so large a share of the run: then it is said what is going on.
_SILENCE, _SHARE = 30.0, 0.1
# Less time left than that is no news.
_WORTH_TELLING = 5.0


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
        self._running: dict[int, Job] = {}
        self._took: dict[str, list[float]] = {}
        self._first: dict[str, float] = {}
        self._light: Counter[str] = Counter()
        self._failed: dict[tuple[str, str], Failure] = {}
        # Of jobs that a cluster ran as one, which failed: those that did not, and the logs of the whole.
        self._spared: set[int] = set()
        self._group_logs: dict[int, list[str]] = {}
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
        return [f"{total} job{'' if total == 1 else 's'}: {', '.join([*listed, *light])}"] if counts else []

    def begin(self, number: int, rule: str, wildcards: Mapping[str, str], logs: list[str]) -> None:
        """Take a job that is started, or handed to a cluster."""
        if rule in _TARGETS:
            return
        name = name_of(wildcards)
        self._running[number] = Job(rule, name, JobLog(logs), self._clock())
        self._first.setdefault(rule, self._clock())
        # It is tried again. That it has passed is not told under `--quiet`.
        self._failed.pop((rule, name), None)
        self._spared.discard(number)

    def finish(self, number: int) -> list[str]:
        """Take a job that has passed."""
        job = self._running.pop(number, None)
        if job is None:
            return []
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
        return [self._line(f"{job.title}: {', '.join(told)}")]

    def fail(self, number: int, rule: str, said: str = "", logs: Sequence[str] = ()) -> list[str]:
        """Take an attempt at a job that has failed.

        Parameters
        ----------
        number, rule
            Of the job.
        said : str
            What Snakemake or a cluster says of it.
        logs : sequence of path
            The job's, and where a cluster has left what the job printed.
        """
        if self.stopped or number in self._spared:
            return []
        now = self._clock()
        job = self._running.pop(number, None) or Job(rule, "", JobLog([]), now)
        self.errors += 1
        self.warnings += job.log.warnings()
        failure = Failure(job, said, [*logs, *self._group_logs.pop(number, [])])
        self._failed[job.rule, job.name] = failure
        first = shortened(failure.reason()[0])
        return [self._line(f"FAILED {job.title} after {in_words(now - job.began)}: {first}")]

    def fail_together(self, numbers: Sequence[int], logs: list[str]) -> None:
        """Take that one of several jobs has failed that are run as one; `fail` is called for each of them.

        Parameters
        ----------
        numbers : sequence of int
            Of the jobs. Those that wrote an error have failed, the others only where none did.
        logs : list of path
            Where a cluster has left what they printed.
        """
        wrote = [number for number in numbers if self._wrote_error(number)]
        self._spared = {*numbers} - {*wrote} if wrote else set()
        for number in self._spared:
            self._running.pop(number, None)
        self._group_logs = dict.fromkeys(numbers, logs)

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
        line = f"... {job.title}, for {in_words(now - job.began)}{others}{f': {told}' if told else ''}"
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
        for failure in failed[:_MOST_FAILED]:
            lines += [f"failed: {failure.job.title}", *(f"  {line}" for line in failure.reason())]
            lines += [f"  its log: {', '.join(logs)}"] if (logs := failure.logs()) else []
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
        failed = sum(name == rule for name, _ in self._failed)
        left = time_left(took, running, planned - len(took) - failed, now - self._first[rule])
        told = f", about {in_words(left)} left" if left is not None and left >= _WORTH_TELLING else ""
        return [f"{len(took)} of {planned}{told}"]

    def _wrote_error(self, number: int) -> bool:
        job = self._running.get(number)
        return job is not None and job.log.wrote_error()

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
