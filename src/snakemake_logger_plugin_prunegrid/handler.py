"""What Snakemake gives its events to: a quiet console, or Snakemake's own where that is asked for."""

import contextlib
import logging
import re
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase

from snakemake_logger_plugin_prunegrid.console import Console
from snakemake_logger_plugin_prunegrid.early_errors import explained
from snakemake_logger_plugin_prunegrid.run_lines import RunLines

# Said before a run, of every run alike.
_DULL = ("Assuming unrestricted shared filesystem", "Config file ")
# Of Snakemake's messages in a run, those that a user needs.
_TOLD = ("Nothing to be done", "SLURM run ID", "Will exit after finishing")
# What is said of an error that its job's line has told already.
_REPEATED = ("Exiting because a job execution failed", "At least one job did not complete")
# What Snakemake says of a script or command that failed.
_EXIT = re.compile(r"CalledProcessError in file .*\nCommand .* (died with .*|returned non-zero .*)\.$", re.S)
_PROBE_SECONDS = 1.0
# Options that ask for what Snakemake's own console has, and this one has not.
_FULL = ("verbose", "debug_dag", "printshellcmds", "show_failed_logs")
# Of `--quiet`, what asks for no line of a job.
_NO_JOBS = ("all", "progress", "rules")
# Of Snakemake's warnings, those that are printed; all are counted.
_MOST_WARNINGS = 10


@dataclass
class LogHandlerSettings(LogHandlerSettingsBase):
    """Options of the command line: `--logger-prunegrid-full`."""

    full: bool = field(
        default=False,
        metadata={"help": "Print all that Snakemake tells, and all that jobs print, as without this logger."},
    )


class LogHandler(LogHandlerBase):
    """Prints one line a job; all, as ever, where an option asks for what Snakemake's own console alone has.

    That is `--logger-prunegrid-full`, `--verbose`, `--debug-dag`, `--printshellcmds` or `--show-failed-logs`.
    """

    def __post_init__(self) -> None:
        common: Any = self.common_settings
        self._console = Console(sys.stdout if common.stdout else sys.stderr)
        self._logfile = ""
        self._lines = RunLines()
        self._runs = False
        self._ended = False
        self._dry_run_told = False
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self._quiet = any(str(part) in _NO_JOBS for part in common.quiet or ())
        self._exited = ""
        self._warned: set[str] = set()
        full = bool(getattr(self.settings, "full", False)) or any(getattr(common, name) for name in _FULL)
        self._snakemakes_own = _default_handler(common) if full else None
        if not full:
            threading.Thread(target=self._probe, daemon=True).start()

    @property
    def writes_to_stream(self) -> bool:
        """Whether it takes the place of Snakemake's own console."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """Whether it keeps a file: Snakemake's own is enough."""
        return False

    @property
    def has_filter(self) -> bool:
        """Whether it chooses by itself what to print."""
        return True

    @property
    def has_formatter(self) -> bool:
        """Whether it makes its lines by itself."""
        return True

    @property
    def needs_rulegraph(self) -> bool:
        """Whether it draws the rules."""
        return False

    def take_output(self, logfile: str) -> None:
        """Send what this process and its jobs print as errors to the log file: the console is this handler's.

        Parameters
        ----------
        logfile : str
            Snakemake's log of the run; shell commands go there too.
        """
        self._logfile = logfile
        if self._snakemakes_own is None:
            with self._lock:
                _log_commands(logfile)
                self._console.send_errors_to(logfile)

    def emit(self, record: logging.LogRecord) -> None:
        """Print what a record is worth."""
        try:
            if self._snakemakes_own is not None:
                # As `Logger` does for the handlers that are its own.
                if self._snakemakes_own.filter(record):
                    self._snakemakes_own.emit(record)
                return
            with self._lock:
                self._console.write(self._told(record))
        except Exception:
            # Raised from here, it would end the thread that prints, and all later lines would be lost.
            self.handleError(record)
            if record.levelno >= logging.WARNING:
                with contextlib.suppress(Exception):
                    self._console.write([record.getMessage()])

    def close(self) -> None:
        """Tell the end of a run that stopped before it told it, and give stderr back to the console."""
        self._closing.set()
        with self._lock:
            if self._runs and not self._is_dry and not self._ended and self._snakemakes_own is None:
                self._console.write([*self._lines.end(), *self._log_line()])
            # Snakemake closes a logger, and Python all loggers once more.
            self._ended = True
            self._console.give_back()
        super().close()

    def _probe(self) -> None:
        """Say what is going on, where nothing else is said."""
        while not self._closing.wait(_PROBE_SECONDS):
            with self._lock:
                if not self._ended and not self._quiet and not self._closing.is_set():
                    self._console.write(self._lines.go_on())

    def _told(self, record: logging.LogRecord) -> list[str]:
        told: Any = record
        event = getattr(record, "event", None)
        text = record.getMessage() if record.msg is not None else ""
        if getattr(record, "prunegrid", "") == "end":
            self._ended = True
            return [*self._lines.end(), *text.splitlines(), *self._log_line()]
        if getattr(record, "prunegrid", ""):
            return text.splitlines()
        if event == LogEvent.WORKFLOW_STARTED:
            self._runs = True
        elif event == LogEvent.RUN_INFO:
            return self._plan(told, text)
        elif event == LogEvent.JOB_INFO and not self._is_dry:
            self._lines.begin(told.jobid, told.rule_name, dict(told.wildcards or {}), list(told.log or []))
        elif event == LogEvent.JOB_FINISHED:
            return self._unless_quiet(self._lines.finish(told.job_id))
        elif event == LogEvent.JOB_ERROR:
            exited, self._exited = self._exited, ""
            return self._lines.fail(told.jobid, told.rule_name, told.rule_msg or exited, list(told.log or []))
        elif event == LogEvent.GROUP_ERROR:
            self._lines.fail_together([job["jobid"] for job in told.job_error_info], list(told.aux_logs))
        elif event == LogEvent.ERROR:
            return self._error(told, text)
        elif event is None:
            return self._message(record, text)
        return []

    def _plan(self, record: Any, text: str) -> list[str]:
        if not self._is_dry:
            return self._unless_quiet(self._lines.plan(record.stats))
        # A dry run tells it at its beginning and at its end.
        first, self._dry_run_told = not self._dry_run_told, True
        return [text, "every job, and why it runs: the same with --logger-prunegrid-full"] if first else []

    def _error(self, record: Any, text: str) -> list[str]:
        if any(known in text for known in _REPEATED):
            return []
        if exited := _EXIT.search(text):
            # The failed job's own record comes next.
            self._exited = f"its process {exited.group(1)}"
            return []
        self._lines.errors += 1
        if self._runs:
            return text.splitlines()
        why = explained(text, sys.argv[1:])
        return (why or text).splitlines()

    def _message(self, record: logging.LogRecord, text: str) -> list[str]:
        if text.startswith("Terminating processes on user request"):
            self._lines.stopped = True
            return ["stopped on request; jobs are being ended"]
        if record.levelno >= logging.ERROR:
            if text.startswith(_REPEATED):
                return []
            self._lines.errors += 1
            return text.splitlines()
        if record.levelno >= logging.WARNING:
            self._lines.warn()
            # Some are given for every job.
            new = text not in self._warned and len(self._warned) < _MOST_WARNINGS
            self._warned.add(text)
            return text.splitlines() if new else []
        if record.levelno < logging.INFO or text.startswith(_DULL):
            return []
        # Before a run, of `--list-rules` for one, all is an answer.
        return text.splitlines() if not self._runs or text.startswith(_TOLD) else []

    def _log_line(self) -> list[str]:
        if not self._logfile:
            return []
        return [f"log: {_near(self._logfile)} ({self._lines.counts()})"]

    def _unless_quiet(self, lines: list[str]) -> list[str]:
        return [] if self._quiet else lines

    @property
    def _is_dry(self) -> bool:
        return bool(self.common_settings.dryrun)


def _near(path: str) -> str:
    """Return a path as it is shortest: from here, if it lies here."""
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path


def _log_commands(logfile: str) -> None:
    """Let Snakemake write shell commands to its log file, whatever it is told to print."""
    for handler in logging.getLogger("snakemake.logging").handlers:
        if getattr(handler, "baseFilename", None) == logfile:
            for one in handler.filters:
                if hasattr(one, "printshellcmds"):
                    one.printshellcmds = True


def _default_handler(settings: Any) -> Any:
    """Return the console that Snakemake has without a plug-in."""
    # It imports the plug-ins.
    from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter

    handler = ColorizingTextHandler(
        nocolor=settings.nocolor, stream=sys.stdout if settings.stdout else sys.stderr
    )
    handler.addFilter(
        DefaultFilter(
            settings.quiet, settings.debug_dag, settings.verbose, settings.dryrun, settings.printshellcmds
        )
    )
    handler.setFormatter(DefaultFormatter(settings.quiet, settings.show_failed_logs))
    return handler
