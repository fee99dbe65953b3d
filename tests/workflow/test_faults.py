"""Faults: what a user sees, and that running again mends them with nothing lost (docs/faults.md)."""

import base64
import errno
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prunegrid.errors import ConfigError, DataError
from prunegrid.jobs.job_log import job_log
from prunegrid.results import predictions
from prunegrid.results.predictions import SCHEMA, write_finished
from prunegrid.results.shards import CellShards
from prunegrid.results.store import Store
from tests.benchmarks.worlds import SCHEMAS, rows_of
from tests.workflow.damage import draw_kinds
from tests.workflow.faults import check, promised
from tests.workflow.flips import States
from tests.workflow.remedies import RECOMPUTED, REFUSED
from tests.workflow.study import TIMEOUT, Study

LOG = logging.getLogger("prunegrid.tests")
CONFIG = {
    "benchmarks": ["own"],
    "benchmark_specs": {"own": {"adapter": "pope", "path": "own.parquet", "max_new_tokens": 2}},
    "strategies": ["uniform"],
    "criteria": ["norm"],
    "ratios": [0.505],
    "seeds": [0],
    "bundle_size": 50,
    "shard_size": 2,
    "tables": {"replicates": 100},
}
ONE = "demo/own/uniform/norm/ratio-0.505/seed-0"


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A study with one broken image in four, and what two snakemakes printed that ran in it at once.

    Of the first it is the console, then the log, in which jobs' own lines are.
    """
    study = Study(tmp_path_factory.mktemp("faults") / "project", CONFIG)
    rows = rows_of("pope", 4)
    rows[2]["image"]["bytes"] = rows[2]["image"]["bytes"][:40]
    pq.write_table(
        pa.Table.from_pylist(rows, schema=pa.schema(SCHEMAS["pope"])), study.folder / "own.parquet"
    )
    with (study.folder / "first.txt").open("w") as file:
        first = subprocess.Popen(study.command(), cwd=study.folder, stdout=file, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + TIMEOUT
        while not list(study.folder.glob(".snakemake/locks/*")):
            assert first.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        second = study.run(check=False)
        shutil.copytree(study.folder / ".snakemake/locks", study.folder / "locks-of-a-run")
        assert first.wait(TIMEOUT) == 0
    console = (study.folder / "first.txt").read_text()
    return study, (console, study.log(0)), second


def test_two_snakemakes_in_one_folder(ran):
    study, first, second = ran
    check("two snakemake processes run in one folder", second)
    assert "Traceback" not in second
    assert "2 of 2 cells are done" in first[0]
    assert study.planned() == {}


def test_other_targets_leave_the_lock_of_a_run(ran):
    """What Snakemake takes for a run in progress is the files that the first run had written.

    A target that writes other files than the run takes a lock of its own, and removes no more than that.
    """
    study = ran[0]
    locks = study.folder / ".snakemake/locks"
    held = {file.name: file.read_bytes() for file in (study.folder / "locks-of-a-run").iterdir()}
    assert held
    locks.mkdir(exist_ok=True)
    for name, content in held.items():
        (locks / name).write_bytes(content)
    for target in ("status", "compute_plan", "download", "resources/demo/shapes-list.parquet"):
        study.run(target)
        assert {file.name: file.read_bytes() for file in locks.glob("*")} == held, target
    check("two snakemake processes run in one folder", study.run("--forceall", check=False))
    study.run("--unlock")
    assert not locks.exists()


def test_the_console_has_a_line_a_job_and_ends_with_the_page_and_the_log(ran):
    study, (console, log), _ = ran
    begin, *lines = [line for line in console.splitlines() if "  ... " not in line]
    assert begin.startswith("Using workflow specific profile")
    assert lines[0] == (
        "10 jobs: 1 predict, 1 score, 1 build_tables, 1 collect_samples, 1 plot_differences, "
        "1 plot_survival, 1 plot_tradeoff, 1 write_report, 2 publish"
    )
    jobs = [re.fullmatch(r" +\d+:\d\d (\d)/8  ([a-z_]+( demo\b.*)?): .+", line) for line in lines[1:10]]
    assert all(jobs), console
    assert [job.group(1) for job in jobs] == ["1", "2", "2", "3", "4", "5", "6", "7", "8"]
    assert lines[10].startswith("2 of 2 cells are done")
    assert lines[-3:-1] == ["findings: results/demo/tables/findings.md", "page: results/report.html"]
    told = json.loads((study.folder / "results/demo/tables/findings.json").read_text())["statements"]
    said = [f"{one['topic']}: {one['sentence']}" for one in told]
    shown = lines[13:-3]
    assert len(shown) == min(3, len(said)) > 0
    assert all(whole.startswith(line.removesuffix(" ...")) for line, whole in zip(shown, said, strict=False))
    named = re.fullmatch(r"log: (\S+) \(0 warnings, 0 errors\)", lines[-1])
    assert (study.folder / named.group(1)).read_text() == log
    assert "\x1b" not in console
    # All else is in the log: what jobs print, and the commands of the light ones.
    assert "own uniform x norm" not in console
    for kept in (
        "localrule publish:",
        "wildcards: model=demo",
        "Shell command: { ln -f",
        "[2/2] uniform x norm",
    ):
        assert kept in log, kept


def test_a_target_that_prints_makes_no_others_print(ran):
    """`all status`: what jobs print is in the log, as without `status`, and the end is told."""
    study, _, _ = ran
    lines = study.run("all", "status", "--forcerun", "write_report").splitlines()
    assert not [line for line in lines if line.startswith("report:")]
    assert lines[-2:-1] == ["page: results/report.html"]
    assert lines[-1].startswith("log: ")
    assert "report: open results/report.html" in study.log()


def test_a_broken_image_is_an_error_row(ran):
    study, first, _ = ran
    console, log = first
    check("a row of the data has a broken image", log, 0)
    check("a row of the data has a broken image", console, 1, 2)
    assert "2 error rows in 2 cells:\n  2 x row ...: image cannot be decoded (... bytes)" in console
    cells = pd.read_csv(study.folder / "results/demo/tables/cells.csv")
    assert cells[["n", "n_error"]].to_numpy().tolist() == [[4, 1], [4, 1]]
    table = pq.read_table(study.cells()[ONE], partitioning=None).to_pylist()
    assert [row["status"] for row in table] == ["ok", "ok", "error", "ok"]
    assert "n = 4 per cell, 2 errors" in (study.folder / "results/demo/tables/strategy.md").read_text()


def test_damage_is_found_and_mended(ran):
    """At once: a finished file cut short; a job killed between two shards; a shard with a flipped bit."""
    study = ran[0]
    kept = {name: pq.read_table(file, partitioning=None) for name, file in study.cells().items()}
    store = study.folder / "results/demo/own/.store"
    keys = {name: json.loads(table.schema.metadata[b"prunegrid"])["key"] for name, table in kept.items()}
    whole = store / f"{keys[ONE]}.parquet"
    shards = store / f"{keys[ONE]}.shards-2"
    shards.mkdir()
    for number in range(2):
        write_finished(
            shards / f"0000{number}.parquet",
            kept[ONE].slice(2 * number, 2),
            json.loads(kept[ONE].schema.metadata[b"prunegrid"]),
        )
    whole.unlink()
    told = study.run("status")
    assert "1 cell computed in part" in told
    check("a job is killed while it writes", told, 0)

    (shards / ".00001-half.parquet").write_bytes(b"PAR1 half of a file")
    damaged = bytearray((shards / "00001.parquet").read_bytes())
    column = pq.read_metadata(shards / "00001.parquet").row_group(0).column(SCHEMA.names.index("prediction"))
    damaged[column.data_page_offset + column.total_compressed_size - 1] ^= 1
    (shards / "00001.parquet").write_bytes(damaged)
    other = next(store / f"{key}.parquet" for name, key in keys.items() if name != ONE)
    os.truncate(other, other.stat().st_size // 2)

    assert "(2 warnings, 0 errors)" in study.run()
    log = study.log()
    check("a file of predictions is cut short", log)
    check("a shard is corrupted", log)
    check("a job is killed while it writes", log, 1)
    assert "1 of 4 shards are there" in log
    again = {name: pq.read_table(file, partitioning=None) for name, file in study.cells().items()}
    assert all(again[name].equals(table) for name, table in kept.items())
    assert not list(store.glob("*.shards-*"))
    assert study.planned() == {}


def test_an_edited_table_and_figure_are_refused_until_they_are_deleted(ran):
    study = ran[0]
    study.run()
    page = (study.folder / "results/report.html").read_bytes()
    tables, figures = study.folder / "results/demo/tables", study.folder / "results/demo/figures"
    for file, edited in ((tables / "strategy.html", b"<p>99.9 %</p>"), (figures / "strategy.svg", b"<svg/>")):
        before, stat = file.read_bytes(), file.stat()
        file.write_bytes(before + edited)
        if file.suffix == ".svg":
            os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        output = study.run(check=False)
        check("a table or figure is edited", output)
        assert "Traceback" not in output
        file.unlink()
        study.run()
        assert edited not in (study.folder / "results/report.html").read_bytes()
        assert file.exists()
    assert (study.folder / "results/report.html").read_bytes() == page


def test_an_edited_page_is_written_again(ran):
    """On a disk from a machine whose clock is ahead: no file that asks for it is newer than the page."""
    study = ran[0]
    file = study.folder / "results/report.html"
    page = file.read_bytes()
    stat = file.stat()
    file.write_bytes(page.replace(b"<h2", b"<h3", 1))
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    # Records are named by their outputs; those of other studies' files are not read.
    name = base64.b64encode(b"results/demo/tables/cells.csv").decode()
    record = study.folder / ".snakemake/metadata" / name
    record.write_bytes(record.read_bytes().replace(b'"', b"\xb3", 1))
    made = [one for one in (study.folder / "results").rglob("*") if one.is_file()]
    for one in {one.stat().st_ino: one for one in made}.values():
        os.utime(one, (one.stat().st_atime, one.stat().st_mtime + 7200))
    output = study.run()
    check("the page is edited", output)
    check("results are newer than now: a copied disk, a wrong clock", output, 0)
    check("one of Snakemake's own records is damaged or lost", study.log())
    assert file.read_bytes() == page
    assert study.planned() == {}


# Of damage with a new time stamp, other tests have one kind of file each.
@pytest.mark.parametrize("stamp_kept", [pytest.param(False, marks=pytest.mark.exhaustive), True])
def test_a_bit_that_is_lost_changes_no_number(ran, tmp_path, stamp_kept):
    """One file of each kind at once; `make test-damage` tries each alone, in half-finished studies too.

    What sets no time stamp is found by who reads it: by the jobs that draw, as what they draw is missing.
    """
    study = ran[0]
    study.run()
    states = States(study, tmp_path / "states")
    damages = draw_kinds(study.folder, 0, stamp_kept=stamp_kept, alone=not stamp_kept)
    assert len(damages) > 12
    found = states.try_out("finished", damages.values())
    assert found["outcome"] in (RECOMPUTED, REFUSED), found


def test_where_nothing_can_be_linked_files_are_copied(ran, tmp_path, monkeypatch):
    study = ran[0]
    program = tmp_path / "ln"
    program.write_text("#!/bin/sh\necho 'ln: Operation not permitted' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    before = {file.name: file.read_bytes() for file in (study.folder / "results" / ONE).iterdir()}
    shutil.rmtree(study.folder / "results" / ONE)
    study.run()
    files = [*(study.folder / "results" / ONE).iterdir()]
    assert {file.name: file.read_bytes() for file in files} == before
    assert {file.stat().st_nlink for file in files} == {1}
    assert study.planned() == {}


def mount(folder: Path, *options: str) -> bool:
    """Mount a file system of 64 kB; return whether this machine lets us."""
    command = ["mount", "-t", "tmpfs", "-o", ",".join(["size=64k", *options]), "tmpfs", str(folder)]
    return subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 0


@pytest.fixture
def disk(tmp_path, monkeypatch):
    """A disk of 64 kB; where none can be mounted, a folder whose files cannot grow beyond that."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = mount(folder)
    if not mounted:
        write = Path.write_bytes

        def limited(path, content):
            if sum(file.stat().st_size for file in folder.rglob("*")) + len(content) > 2**16:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return write(path, content)

        monkeypatch.setattr(Path, "write_bytes", limited)
    yield folder
    if mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_read_only_folder_is_told_before_any_job(ran, tmp_path):
    study = ran[0]
    mounted = mount(tmp_path, "ro")
    # Where nothing can be mounted: a file system in which nobody makes folders.
    folder = tmp_path if mounted else Path("/proc/results")
    planned = study.run("--dry-run", "--config", f"results_dir={folder}")
    output = study.run("--config", f"results_dir={folder}", check=False)
    if mounted:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)
        check("the results folder is read-only", output)
    for told in (output, planned):
        assert f"results_dir: {folder} cannot be written" in told
        assert "Traceback" not in told
    assert "rule predict" not in study.log()


def cell(fill: str) -> pa.Table:
    return pa.Table.from_pylist([{"sample_id": "s0", "prediction": fill, "status": "ok"}], schema=SCHEMA)


def test_a_full_disk_is_told_and_keeps_what_is_finished(disk, capsys, monkeypatch):
    file, log = disk / "key.parquet", disk / "logs/job.log"
    write_finished(file, cell("first"), {"key": "key"})
    before = file.read_bytes()
    write = predictions._write

    def large(path, table, metadata):
        """Take the room that the file needs."""
        write(path, table, metadata)
        path.write_bytes(b"x" * 100_000)

    with monkeypatch.context() as patch:
        patch.setattr(predictions, "_write", large)
        with pytest.raises(SystemExit) as ended, job_log(log, "demo own"):
            write_finished(file, cell("second"), {"key": "key"})
    check("the disk is full", str(ended.value))
    assert file.read_bytes() == before
    assert not list(disk.glob(".*"))
    assert "Traceback" not in capsys.readouterr().err

    with job_log(log, "demo own"):
        write_finished(file, cell("second"), {"key": "key"})
    assert pq.read_table(file, partitioning=None)["prediction"].to_pylist() == ["second"]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ConfigError("models: none is named"), "ConfigError: models: none is named"),
        (DataError("key.parquet: no such row"), "DataError: key.parquet: no such row"),
        (OSError(errno.ENOSPC, "No space left"), "results cannot be written: [Errno 28] No space left"),
    ],
)
def test_a_users_fault_is_one_line_and_its_traceback_in_the_log(tmp_path, capsys, error, line):
    log = tmp_path / "job.log"
    with pytest.raises(SystemExit) as ended, job_log(log, "demo own"):
        fail(error)
    assert capsys.readouterr().err == "demo own: begins\n"
    assert str(ended.value).startswith(f"demo own: {line}")
    assert "\n" not in str(ended.value)
    first, second, *traceback = log.read_text().splitlines()
    assert first.endswith(" INFO begins")
    assert f" ERROR {line}" in second
    assert traceback[0].startswith("Traceback")
    assert "    raise error" in traceback


def fail(error):
    LOG.info("begins")
    raise error


def test_a_job_leaves_logging_as_it_was(tmp_path, capsys):
    logger = logging.getLogger("prunegrid")
    before = logger.level, [*logger.handlers], logger.propagate
    with job_log(tmp_path / "one.log", "one"):
        LOG.info("first")
    with pytest.raises(SystemExit), job_log(tmp_path / "two.log", "two"):
        fail(DataError("no such row"))
    assert (logger.level, logger.handlers, logger.propagate) == before
    LOG.info("nobody listens")
    assert capsys.readouterr().err == "one: first\ntwo: begins\n"
    assert (tmp_path / "one.log").read_text().endswith(" INFO first\n")


def test_a_log_shows_where_a_bug_is(tmp_path):
    log = tmp_path / "job.log"
    with pytest.raises(ZeroDivisionError), job_log(log, "demo own"):
        1 / 0  # noqa: B018
    lines = log.read_text().splitlines()
    assert lines[0].endswith(" ERROR ZeroDivisionError: division by zero")
    assert lines[1].startswith("Traceback")
    assert "1 / 0  # noqa: B018" in log.read_text()
    assert lines[-1] == "ZeroDivisionError: division by zero"


def test_a_log_that_finds_no_room_does_not_hide_the_error():
    with pytest.raises(SystemExit) as ended, job_log("/dev/full", "demo own"):
        LOG.info("begins")
    check("the disk is full", str(ended.value))
    with pytest.raises(SystemExit, match="DataError: no such row"), job_log("/dev/full", "demo own"):
        raise DataError("no such row")


KILLED = """
import os, signal, sys
from pathlib import Path
import prunegrid.results.predictions as predictions
from prunegrid.results.shards import CellShards
from prunegrid.results.store import Store

shards = CellShards(Store(Path(sys.argv[1])), "key", 1, ["s0", "s1"], "code")
row = {"sample_id": "s0", "status": "ok"}
shards.write(0, [row], {"key": "key"})

def half(path, table, metadata):
    path.write_bytes(b"PAR1 half of a file")
    os.kill(os.getpid(), signal.SIGKILL)

predictions._write = half
shards.write(1, [{**row, "sample_id": "s1"}], {"key": "key"})
"""


def test_a_job_killed_while_it_writes_leaves_no_half_file(tmp_path, caplog):
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    shards = CellShards(Store(tmp_path), "key", 1, ["s0", "s1"], "code")
    assert shards.is_done(0)
    assert not shards.is_done(1)
    assert not caplog.records
    assert len(list(Path(tmp_path).rglob(".*.parquet"))) == 1  # never read
    shards.write(1, [{"sample_id": "s1", "status": "ok"}], {"key": "key"})
    assert shards.is_done(1)


def test_every_fault_of_the_document_has_messages():
    assert len(promised()) == 42
    assert all(promised().values())
