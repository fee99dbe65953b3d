"""The console of a run, by the events that Snakemake sends: what is said at once, and what at the end."""

import logging
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake.cli import get_argument_parser
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.registry import LoggerPluginRegistry

from prunegrid.study.command_line import about_this_study
from snakemake_logger_plugin_prunegrid import LogHandler, LogHandlerSettings
from snakemake_logger_plugin_prunegrid.durations import in_words, on_a_clock, time_left
from snakemake_logger_plugin_prunegrid.early_errors import explained
from snakemake_logger_plugin_prunegrid.job_log import JobLog
from snakemake_logger_plugin_prunegrid.run_lines import RunLines
from tests.workflow.study import HOME

STATS = {"predict": 2, "score": 1, "publish": 300, "write_report": 1, "all": 1, "total": 305}
STARTS = "2026-01-01 00:00:00"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def predict(lines: RunLines, number: int, log: Path | None = None) -> None:
    wildcards = {"model": "demo", "bundle": f"pope-000{number}", "part": ""}
    lines.begin(number, "predict", wildcards, [str(log)] if log else [])


def test_a_job_is_a_line_and_cells_that_are_put_in_place_are_one_together() -> None:
    clock = Clock()
    lines = RunLines(clock)
    assert lines.plan(STATS) == ["304 jobs: 2 predict, 1 score, 1 write_report, 300 publish"]
    predict(lines, 0)
    predict(lines, 1)
    clock.now = 60
    assert lines.finish(0) == ["    1:00 1/4  predict demo pope-0000: 1 min, 1 of 2"]
    clock.now = 75
    assert lines.finish(1) == ["    1:15 2/4  predict demo pope-0001: 1 min 15 s, 2 of 2"]
    told = []
    for number in range(300):
        lines.begin(10 + number, "publish", {"model": "demo"}, [])
        told += lines.finish(10 + number)
    assert told == ["    1:15 2/4  publish: 300 cells in place"]
    lines.begin(900, "all", {}, [])
    assert lines.finish(900) == lines.end() == []
    assert lines.counts() == "0 warnings, 0 errors"


def test_time_left_counts_how_many_run_at_once() -> None:
    """Four jobs of 60 s, two at once: after the first two, the others take 60 s; a third of one is done."""
    assert time_left([60, 60], [], 2, since=60) == pytest.approx(60)
    assert time_left([60, 60, 60, 60], [20], 1, since=130) == pytest.approx(40 / 2)
    assert time_left([], [20], 3, since=20) is None
    assert time_left([20], [], 0, since=20) is None
    # Where a job takes longer than any before, the others count.
    assert time_left([10], [500], 1, since=510) == 0


@pytest.mark.parametrize(
    ("seconds", "words", "clock"),
    [
        (0.4, "0 s", "0:00"),
        (59, "59 s", "0:59"),
        (59.6, "1 min", "1:00"),
        (60, "1 min", "1:00"),
        (125, "2 min 5 s", "2:05"),
        (1234, "21 min", "20:34"),
        (3599, "1 h", "59:59"),
        (7384, "2 h 3 min", "2:03:04"),
        (90000, "25 h", "25:00:00"),
    ],
)
def test_times_are_told_in_the_units_that_matter(seconds: float, words: str, clock: str) -> None:
    assert (in_words(seconds), on_a_clock(seconds)) == (words, clock)


def test_silence_is_broken_ever_more_rarely(tmp_path: Path) -> None:
    """A run of ten hours in which one job is silent says less than 60 times that it goes on."""
    clock, log = Clock(), tmp_path / "job.log"
    log.write_text(f"{STARTS} INFO [1/9] of an earlier attempt\n")
    lines = RunLines(clock)
    lines.plan(STATS)
    predict(lines, 0, log)
    predict(lines, 1, log)
    told = []
    for second in range(36_000):
        clock.now = second
        if second == 100:
            with log.open("a") as file:
                file.write(f"{STARTS} INFO [2/9] uniform: 9 samples, 3/s, about 40 s left\n")
        told += lines.go_on()
    assert told[0] == "    0:30 0/4  ... predict demo pope-0000, for 30 s (and 1 more)"
    assert told[3].endswith(", for 2 min (and 1 more): [2/9] uniform: 9 samples, 3/s, about 40 s left")
    assert 20 < len(told) < 60


def test_a_failed_job_is_told_at_once_and_with_all_of_its_error_at_the_end(tmp_path: Path) -> None:
    clock, log = Clock(), tmp_path / "job.log"
    log.write_text(f"{STARTS} ERROR of an earlier attempt\n")
    lines = RunLines(clock)
    lines.plan(STATS)
    predict(lines, 0, log)
    with log.open("a") as file:
        file.write(
            f"{STARTS} WARNING a.parquet is cut short\n{STARTS} ERROR RuntimeError: CUDA\nsecond line\n"
        )
        file.write("Traceback (most recent call last):\n  File ...\nRuntimeError: CUDA\nsecond line\n")
    clock.now = 3
    told = "    0:03 0/4  FAILED predict demo pope-0000 after 3 s: RuntimeError: CUDA"
    assert lines.fail(0, "predict") == [told]
    assert lines.end() == [
        "failed: predict demo pope-0000",
        "  RuntimeError: CUDA",
        "  second line",
        f"  its log: {log}",
    ]
    assert lines.counts() == "1 warning, 1 error"
    # Tried again, it passes; under `--quiet` that is not told.
    predict(lines, 0, log)
    assert lines.end() == []
    assert lines.finish(0)
    assert lines.end() == []


def test_a_log_that_is_begun_anew_is_read_from_its_beginning(tmp_path: Path) -> None:
    """As Snakemake does before a job; it may be the longer one."""
    log = tmp_path / "job.log"
    log.write_text(f"{STARTS} WARNING old\n")
    job = JobLog([str(log)])
    assert (job.warnings(), job.last_line()) == (0, "")
    log.write_text("2026-01-01 00:00:09 WARNING new\n2026-01-01 00:00:09 INFO further\n")
    assert (job.warnings(), job.last_line()) == (1, "further")


def test_a_job_that_was_killed_has_the_word_of_who_saw_it(tmp_path: Path) -> None:
    log = tmp_path / "job.log"
    log.write_text("")
    lines = RunLines(Clock())
    lines.plan(STATS)
    predict(lines, 0, log)
    log.write_text(f"{STARTS} INFO demo is loaded\n")
    (line,) = lines.fail(0, "predict", "SLURM status is: 'OUT_OF_MEMORY'.\nmore")
    assert line.endswith("SLURM status is: 'OUT_OF_MEMORY'.")
    assert lines.end()[1:3] == ["  SLURM status is: 'OUT_OF_MEMORY'.", f"  {STARTS} INFO demo is loaded"]
    predict(lines, 1)
    assert lines.fail(1, "predict")[0].endswith("after 0 s: it ended without a word")


def test_of_jobs_that_run_as_one_those_that_wrote_an_error_have_failed(tmp_path: Path) -> None:
    """As `groups` of profiles/slurm: Snakemake tells each of them as failed."""
    lines = RunLines(Clock())
    lines.plan({**STATS, "predict": 3})
    logs = [tmp_path / f"{number}.log" for number in range(3)]
    for number, log in enumerate(logs):
        predict(lines, number, log)
    logs[0].write_text(f"{STARTS} INFO all is well\n")
    logs[1].write_text(f"{STARTS} ERROR RuntimeError: no font\n")
    lines.fail_together([0, 1, 2], ["slurm/7.log"])
    told = [line for number in range(3) for line in lines.fail(number, "predict", logs=["any.log"])]
    assert [line.split("  ")[-1] for line in told] == [
        "FAILED predict demo pope-0001 after 0 s: RuntimeError: no font"
    ]
    assert lines.end()[-1] == f"  its log: {logs[1]}"
    assert lines.counts() == "0 warnings, 1 error"
    # Tried again, all are ended from outside.
    for number, log in enumerate(logs):
        log.unlink(missing_ok=True)
        predict(lines, number, log)
    lines.fail_together([0, 1, 2], ["slurm/8.log"])
    assert len([line for number in range(3) for line in lines.fail(number, "predict")]) == 3
    assert lines.end()[2] == f"  its log: {logs[0]}, slurm/8.log"


def test_where_a_job_says_nothing_a_clusters_log_is_named(tmp_path: Path) -> None:
    lines = RunLines(Clock())
    lines.plan(STATS)
    log = tmp_path / "job.log"
    predict(lines, 0, log)
    said = "SLURM status is: 'NODE_FAIL'.For further error details see the cluster/cloud log."
    lines.fail(0, "predict", said, [str(log), "logs/slurm/9.log"])
    assert lines.end()[1:] == [
        "  SLURM status is: 'NODE_FAIL'.",
        f"  its log: {log}, logs/slurm/9.log",
    ]


def test_a_failure_is_told_even_of_a_job_whose_beginning_was_not() -> None:
    lines = RunLines(Clock())
    lines.plan(STATS)
    (line,) = lines.fail(7, "score", "died", ["score.log"])
    assert line.endswith("FAILED score after 0 s: died")
    assert lines.end() == ["failed: score", "  died", "  its log: score.log"]


def test_time_left_is_that_of_jobs_that_may_still_pass() -> None:
    clock = Clock()
    lines = RunLines(clock)
    lines.plan({"predict": 3})
    for number in range(2):
        predict(lines, number)
        clock.now += 60
        told = lines.fail(0, "predict") if number == 0 else lines.finish(1)
    assert told[0].endswith("1 min, 1 of 3, about 2 min left")


def test_many_failures_are_counted_and_jobs_that_a_user_stops_are_none() -> None:
    lines = RunLines(Clock())
    lines.plan({**STATS, "predict": 20})
    for number in range(8):
        predict(lines, number)
        lines.fail(number, "predict")
    assert lines.end()[-1] == "and 3 other jobs failed"
    lines.stopped = True
    predict(lines, 8)
    assert lines.fail(8, "predict") == lines.end() == []


def test_a_long_message_keeps_its_advice(tmp_path: Path) -> None:
    log = tmp_path / "job.log"
    job = JobLog([str(log)])
    log.write_text(f"{STARTS} ERROR DataError: {'long ' * 60}; delete it and run again\n")
    assert job.error()[0].endswith("delete it and run again")
    lines = RunLines(Clock())
    lines.plan(STATS)
    log.unlink()
    predict(lines, 0, log)
    log.write_text(f"{STARTS} ERROR DataError: {'long ' * 60}; delete it and run again\n")
    assert lines.fail(0, "predict")[0].endswith(" ...")
    assert lines.end()[1].endswith("delete it and run again")


def handler(**settings: Any) -> LogHandler:
    usual = {"printshellcmds": False, "nocolor": False, "quiet": None, "debug_dag": False, "verbose": False}
    common = SimpleNamespace(
        **{**usual, "show_failed_logs": False, "stdout": False, "dryrun": False, **settings}
    )
    return LogHandler(common, LogHandlerSettings())


def send(one: LogHandler, message: str | None, level: int = logging.INFO, **extra: Any) -> None:
    record = logging.getLogger("prunegrid.tests").makeRecord(
        "snakemake", level, __file__, 1, message, (), None, extra=extra
    )
    one.handle(record)


def run_events(one: LogHandler) -> None:
    """Send what Snakemake sends of a run of one job, beside much else."""
    send(one, "Config file config.yaml is extended by additional config")
    send(one, "Workflow has started!", event=LogEvent.WORKFLOW_STARTED)
    send(one, "Building DAG of jobs...")
    send(one, "Job stats:\njob    count\n", event=LogEvent.RUN_INFO, stats={"score": 1, "total": 1})
    send(one, "Execute 1 jobs...", event=LogEvent.JOB_STARTED, jobs=[3])
    job = {"jobid": 3, "rule_name": "score", "wildcards": {"model": "demo"}, "log": []}
    send(one, " Rule: score", event=LogEvent.JOB_INFO, **job)
    send(one, "ln -f a b", event=LogEvent.SHELLCMD, shellcmd="ln -f a b")
    send(one, "a disk is slow", logging.WARNING)


def test_the_handler_says_what_matters(capsys: pytest.CaptureFixture[str]) -> None:
    one = handler()
    run_events(one)
    send(one, "Finished jobid: 3", event=LogEvent.JOB_FINISHED, job_id=3)
    send(one, None, event=LogEvent.PROGRESS, done=1, total=1)
    send(one, "2 of 2 cells are done\npage: results/report.html", prunegrid="end")
    send(one, "Complete log(s): x.log")
    one.close()
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "1 job: 1 score",
        "a disk is slow",
        "    0:00 1/1  score demo: 0 s",
        "2 of 2 cells are done",
        "page: results/report.html",
    ]
    assert "\x1b" not in err
    assert "\r" not in err


def test_a_warning_of_every_job_is_told_once_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    one = handler()
    for number in range(30):
        send(one, "No account is given", logging.WARNING)
        send(one, f"job {number} is slow", logging.WARNING)
    one.close()
    told = capsys.readouterr().err.splitlines()
    assert told == ["No account is given", *(f"job {number} is slow" for number in range(9))]
    assert one._lines.counts() == "60 warnings, 0 errors"


def test_the_end_of_a_run_that_failed_says_why_once(capsys: pytest.CaptureFixture[str]) -> None:
    one = handler()
    run_events(one)
    crash = "RuleException:\nCalledProcessError in file \"a.smk\", line 3:\nCommand 'python x.py' died with "
    send(one, f"{crash}<Signals.SIGKILL: 9>.", logging.ERROR, event=LogEvent.ERROR, exception="RuleException")
    job = {"jobid": 3, "rule_name": "score", "rule_msg": None, "log": []}
    send(one, "Error in rule score", logging.ERROR, event=LogEvent.JOB_ERROR, **job)
    send(one, "Exiting because a job execution failed. Look above for error messages", logging.ERROR)
    send(one, "1 of 2 cells are done; 1 failed\nwhat is missing: x", prunegrid="end")
    failed = "WorkflowError:\nAt least one job did not complete successfully."
    send(one, failed, logging.ERROR, event=LogEvent.ERROR, exception="WorkflowError")
    one.close()
    assert capsys.readouterr().err.splitlines()[2:] == [
        "    0:00 0/1  FAILED score demo after 0 s: its process died with <Signals.SIGKILL: 9>",
        "failed: score demo",
        "  its process died with <Signals.SIGKILL: 9>",
        "1 of 2 cells are done; 1 failed",
        "what is missing: x",
    ]


def test_errors_of_the_workflow_are_told_whole(capsys: pytest.CaptureFixture[str]) -> None:
    one = handler()
    send(one, "WorkflowError:\nno such key", logging.ERROR, event=LogEvent.ERROR, exception="WorkflowError")
    send(one, "all\ncheck")  # `--list-rules`
    one.close()
    assert capsys.readouterr().err == "WorkflowError:\nno such key\nall\ncheck\n"


def test_a_dry_run_tells_its_table_once(capsys: pytest.CaptureFixture[str]) -> None:
    one = handler(dryrun=True, stdout=True)
    for _ in range(2):
        run_events(one)
    one.close()
    out, err = capsys.readouterr()
    assert err == ""
    assert out.count("Job stats:") == 1
    assert "--logger-prunegrid-full" in out
    assert "ln -f" not in out


@pytest.mark.parametrize("quiet", [{"rules"}, {"all"}])
def test_who_asks_for_quiet_has_warnings_and_the_end(
    quiet: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    one = handler(quiet=quiet)
    run_events(one)
    send(one, "Finished jobid: 3", event=LogEvent.JOB_FINISHED, job_id=3)
    send(one, "2 of 2 cells are done", prunegrid="end")
    one.close()
    assert capsys.readouterr().err == "a disk is slow\n2 of 2 cells are done\n"


def test_a_quiet_about_other_things_hides_no_job(capsys: pytest.CaptureFixture[str]) -> None:
    one = handler(quiet={"host", "reason"})
    run_events(one)
    one.close()
    assert capsys.readouterr().err.startswith("1 job: 1 score\n")


def test_a_run_that_stops_before_its_end_tells_what_failed(capsys: pytest.CaptureFixture[str]) -> None:
    """As without hooks (`--no-hooks`), or where Snakemake itself fails."""
    one = handler()
    run_events(one)
    failed = {"jobid": 3, "rule_name": "score", "rule_msg": None, "log": ["score.log"]}
    send(one, "Error in rule score", logging.ERROR, event=LogEvent.JOB_ERROR, **failed)
    for _ in range(2):
        one.close()
    assert capsys.readouterr().err.splitlines()[-4:] == [
        "    0:00 0/1  FAILED score demo after 0 s: it ended without a word",
        "failed: score demo",
        "  it ended without a word",
        "  its log: score.log",
    ]


def test_an_error_is_told_by_a_logger_that_fails_itself(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = handler()
    monkeypatch.setattr(one, "_told", lambda record: 1 / 0)
    send(one, "a line")
    send(one, "the disk is full", logging.ERROR)
    one.close()
    told = capsys.readouterr().err
    assert told.count("ZeroDivisionError") == 2
    assert told.endswith("\nthe disk is full\n")


PIPE = """
import sys
from tests.workflow.test_console import handler, send
one = handler()
one.take_output(sys.argv[1])
sys.stdin.readline()
for _ in range(3):
    send(one, "of which nobody reads", prunegrid="end")
print("of a job", file=sys.stderr)
one.close()
print("ended", flush=True)
"""


def test_a_run_goes_on_where_nobody_reads_what_it_prints(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    run = subprocess.Popen(
        [sys.executable, "-c", PIPE, str(log)],
        cwd=HOME,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{HOME / 'src'}:{HOME}"},
    )
    assert run.stdin
    assert run.stdout
    assert run.stderr
    run.stderr.close()
    run.stdin.write("\n")
    run.stdin.close()
    assert run.stdout.read() == "ended\n"
    assert run.wait() == 0
    run.stdout.close()
    assert log.read_text() == "of a job\n"


@pytest.mark.parametrize("asked", ["verbose", "printshellcmds", "show_failed_logs"])
def test_who_asks_for_more_has_snakemakes_own(asked: str, capsys: pytest.CaptureFixture[str]) -> None:
    one = handler(**{asked: True})
    send(one, "Building DAG of jobs...")
    send(one, "2 of 2 cells are done", prunegrid="end")
    one.close()
    assert capsys.readouterr().err == "Building DAG of jobs...\n2 of 2 cells are done\n"


OUTPUT = """
import logging, os, subprocess, sys
from tests.workflow.test_console import handler, send
from snakemake_interface_logger_plugins.common import LogEvent
one = handler()
send(one, "before", event=None)
one.take_output(sys.argv[1])
os.system("echo of a job >&2")
print("of this process", file=sys.stderr)
send(one, "on the console", prunegrid="end")
one.close()
print("after", file=sys.stderr)
"""


def test_what_jobs_print_goes_to_the_log_and_comes_back_at_the_end(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    log.write_text("first\n")
    done = subprocess.run(
        [sys.executable, "-c", OUTPUT, str(log)],
        cwd=HOME,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": f"{HOME / 'src'}:{HOME}"},
    )
    assert done.stderr.splitlines() == [
        "before",
        "on the console",
        f"log: {log} (0 warnings, 0 errors)",
        "after",
    ]
    assert log.read_text() == "first\nof a job\nof this process\n"


def test_snakemake_finds_it_and_every_profile_chooses_it() -> None:
    assert LoggerPluginRegistry().is_installed("prunegrid")
    parser = get_argument_parser()
    assert parser.parse_args(["--logger", "prunegrid", "--logger-prunegrid-full"]).logger == ["prunegrid"]


def test_it_brings_no_prunegrid_with_it() -> None:
    """It is imported before the Snakefile puts the checkout's prunegrid first."""
    program = "import snakemake_logger_plugin_prunegrid, sys; print('prunegrid' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


NOT_FOUND = "FileNotFoundError: [Errno 2] No such file or directory: 'status'"


@pytest.mark.parametrize(
    ("line", "message", "right"),
    [
        ("--cores 1 --configfile my.yaml status", NOT_FOUND, "--cores 1 status --configfile my.yaml"),
        ("--configfiles my.yaml status -n", NOT_FOUND, "status --configfiles my.yaml -n"),
        ("--config seeds=[0] status", "name=value pairs. ('status')", "status --config 'seeds=[0]'"),
        ("-C a=1 status -c2", "name=value pairs. ('status')", "status -C a=1 -c2"),
    ],
)
def test_a_target_that_an_option_took_is_put_first(
    line: str, message: str, right: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.yaml").write_text("models: [demo]\n")
    told = explained(message, line.split())
    assert told is not None
    assert told.endswith(f"put it first: snakemake {right}")
    # What is advised is understood as it was meant.
    given = get_argument_parser().parse_args(right.replace("'", "").split())
    assert given.targets == {"status"} or list(given.targets) == ["status"]


def test_a_file_that_is_not_there_is_no_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = explained("No such file or directory: 'my.yaml' FileNotFoundError", ["--configfile", "my.yaml"])
    assert told == f"--configfile: my.yaml is no file here: looked for {tmp_path / 'my.yaml'}"
    assert explained("MissingInputException: a", ["--configfile", "my.yaml"]) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "models: [demo]\nratios: [0.5\nseeds: [0]\n",
            "my.yaml: line 3, column 6: expected ',' or ']', but got ':' "
            "(while parsing a flow sequence, which began in line 2)",
        ),
        (
            "models:\n\t- demo\n",
            "my.yaml: line 2, column 1: found character '\\t' that cannot start any token",
        ),
        ("- demo\n", "my.yaml: holds no `key: value` at its top, but list"),
    ],
)
def test_broken_yaml_is_told_with_file_and_line(
    text: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "first.yaml").write_text("models: [demo]\n")
    (tmp_path / "my.yaml").write_text(text)
    message = "WorkflowError:\nConfig file is not valid JSON or YAML."
    found = explained(message, ["--configfile", "first.yaml", "my.yaml", "--cores", "2"])
    assert found is not None
    assert found.startswith(told)


@pytest.mark.parametrize(
    ("line", "same"),
    [
        ("--cores 2", ""),
        ("--cores 2 --configfile a.yaml 'b c.yaml' -n", " --configfile a.yaml 'b c.yaml'"),
        ("score --configfile a.yaml --config seeds=[0] x=1", " --config 'seeds=[0]' x=1 --configfile a.yaml"),
        ("-s my/Snakefile -d here", " --snakefile my/Snakefile --directory here"),
    ],
)
def test_hints_are_of_the_users_own_study(line: str, same: str) -> None:
    import shlex

    parser = get_argument_parser()
    told = about_this_study("status", shlex.split(line), parser)
    assert told.endswith(f"snakemake --cores 1 status{same}")
    typed = parser.parse_args(shlex.split(told)[1:])
    assert list(typed.targets) == ["status"]
